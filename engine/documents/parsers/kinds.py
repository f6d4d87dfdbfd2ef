"""What kind of document a file is: by its content first, by its name where content does not tell."""

import functools
import os
import re
import stat
from pathlib import Path
from typing import Callable

from . import containers, docx, epub, html, json_text, notebook, odt, pdf, spreadsheet, tabular, text
from .document import Output, Parsed, ParseError, Source

Reader = Callable[[Source, Output], Parsed]
READABLE = "Upload a text, Markdown, PDF, DOCX, ODT, EPUB, HTML, XLSX, ODS, CSV, TSV, JSON or source file."
UNPACK = "Unpack it, and upload the files, or a .zip or .tar.gz of them."

LANGUAGES = {
    "ada": "adb ads", "applescript": "applescript", "asm": "asm s", "awk": "awk", "bash": "sh bash zsh ksh", "bat": "bat cmd",
    "c": "c h", "clojure": "clj cljs cljc edn", "cmake": "cmake", "cpp": "cc cpp cxx hh hpp hxx ipp", "crystal": "cr",
    "csharp": "cs csx", "css": "css", "cuda": "cu cuh", "d": "d", "dart": "dart", "diff": "diff patch", "elixir": "ex exs",
    "elm": "elm", "erlang": "erl hrl", "fish": "fish", "fortran": "f f77 f90 f95 f03 for", "fsharp": "fs fsi fsx", "glsl": "glsl vert frag",
    "go": "go", "gradle": "gradle", "graphql": "graphql gql", "groovy": "groovy", "haskell": "hs lhs", "hcl": "hcl tf", "ini": "ini cfg conf",
    "java": "java", "javascript": "js mjs cjs", "jsx": "jsx", "julia": "jl", "kotlin": "kt kts", "latex": "tex sty cls bib", "less": "less",
    "lisp": "lisp lsp el", "lua": "lua", "matlab": "m", "nim": "nim", "nix": "nix", "objective-c": "mm", "ocaml": "ml mli", "pascal": "pas pp",
    "perl": "pl pm", "php": "php", "powershell": "ps1 psm1 psd1", "prolog": "pro", "properties": "properties", "protobuf": "proto",
    "python": "py pyi pyw", "r": "r", "racket": "rkt", "ruby": "rb rake gemspec", "rust": "rs", "scala": "scala sc", "scheme": "scm ss",
    "scss": "scss sass", "solidity": "sol", "sql": "sql", "svelte": "svelte", "swift": "swift", "tcl": "tcl", "terraform": "tfvars",
    "toml": "toml", "tsx": "tsx", "typescript": "ts mts cts", "vb": "vb bas", "verilog": "v sv svh", "vhdl": "vhd vhdl", "vim": "vim",
    "vue": "vue", "xml": "xml xsd xsl xslt svg plist rss atom", "yaml": "yaml yml", "zig": "zig",
}
BY_SUFFIX = {f".{suffix}": language for language, suffixes in LANGUAGES.items() for suffix in suffixes.split()}
BY_NAME = {"dockerfile": "dockerfile", "makefile": "makefile", "gnumakefile": "makefile", "cmakelists.txt": "cmake", "rakefile": "ruby",
           "gemfile": "ruby", "jenkinsfile": "groovy", "justfile": "makefile", "build.bazel": "python", "workspace.bazel": "python"}
INTERPRETERS = {"sh": "bash", "bash": "bash", "zsh": "bash", "python": "python", "node": "javascript", "perl": "perl", "ruby": "ruby",
                "swift": "swift", "lua": "lua", "php": "php", "awk": "awk", "rscript": "r", "tclsh": "tcl"}
TEXTUAL: dict[str, Reader] = {
    **dict.fromkeys([".md", ".markdown", ".mdown", ".mkd", ".mkdn", ".mdx", ".qmd", ".rmd"], text.read_markdown),
    **dict.fromkeys([".html", ".htm", ".xhtml", ".xht"], html.read),
    **dict.fromkeys([".csv", ".tsv", ".tab"], tabular.read),
    **dict.fromkeys([".json", ".geojson", ".webmanifest"], json_text.read),
    ".ipynb": notebook.read,
    **dict.fromkeys([".jsonl", ".ndjson"], json_text.read_lines),
}
CONTAINERS: dict[str, Reader] = {"docx": docx.read, "odt": odt.read, "epub": epub.read} | {
    kind: functools.partial(spreadsheet.read, kind=kind) for kind in ("xlsx", "xlsb", "ods")}
SUFFIXES = {"docx": (".docx", ".docm", ".dotx", ".dotm"), "odt": (".odt", ".ott"), "epub": (".epub",)} | spreadsheet.SUFFIXES
# Suffixes whose content is never plain text.
BINARY_SUFFIXES = {suffix for suffixes in SUFFIXES.values() for suffix in suffixes} | {
    ".pdf", ".doc", ".ppt", ".pptx", ".odp", ".rtf", ".key", ".pages", ".numbers"}

# First bytes → what it is, for files that cannot be read.
FOREIGN = [
    (b"\x89PNG", "a PNG picture"), (b"\xff\xd8\xff", "a JPEG picture"), (b"GIF8", "a GIF picture"), (b"BM", "a BMP picture"),
    (b"II*\x00", "a TIFF picture"), (b"MM\x00*", "a TIFF picture"), (b"\x7fELF", "a program"), (b"MZ", "a Windows program"),
    (b"\xcf\xfa\xed\xfe", "a program"), (b"\xca\xfe\xba\xbe", "a program"), (b"SQLite format 3", "an SQLite database"),
    (b"ID3", "a sound file"), (b"OggS", "a sound file"), (b"fLaC", "a sound file"), (b"RIFF", "a sound, video or WebP file"),
    (b"PAR1", "a Parquet file"), (b"\x00\x00\x00", "a media or data file"), (b"GGUF", "a model file"),
]
PACKED = [(b"\x1f\x8b", "a gzip file"), (b"BZh", "a bzip2 file"), (b"\xfd7zXZ", "an xz file"), (b"7z\xbc\xaf", "a 7-Zip archive"),
          (b"Rar!", "a RAR archive"), (b"(\xb5/\xfd", "a Zstandard file"), (b"MSCF", "a Windows cabinet"), (b"!<arch>\n", "a Debian package")]
LOOKS_HTML = re.compile(rb"^\s*(?:<\?xml[^>]*\?>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html[\s>])", re.IGNORECASE | re.DOTALL)


def open_source(path: Path, name: str) -> Source:
    """The file's size and both of its ends; refuses what is no regular, readable file with something in it."""
    try:
        # O_NONBLOCK: opening a named pipe would wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise cannot_open(path, name, error) from error
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        raise not_a_file(name, "a folder" if stat.S_ISDIR(mode) else "no regular file")
    try:
        with open(descriptor, "rb") as file:
            head = file.read(4096)
            if not head:
                raise ParseError("empty", f"{name} is empty", "Upload a file with something in it.")
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - 2048))
            return Source(path, name, size, head, file.read(2048))
    except OSError as error:
        raise ParseError("unreadable", f"{name} cannot be read: {error.strerror}", "Check the file and its disk.") from error


def cannot_open(path: Path, name: str, error: OSError) -> ParseError:
    if path.is_symlink():
        return not_a_file(name, "a link")
    if isinstance(error, FileNotFoundError):
        return ParseError("not_found", f"{name} is not there any more", "Upload it again.")
    if isinstance(error, PermissionError):
        return ParseError("unreadable", f"{name} may not be read: {error.strerror}", "Check the file's permissions.")
    return ParseError("unreadable", f"{name} cannot be opened: {error.strerror}", "Check the file.")


def not_a_file(name: str, what: str) -> ParseError:
    return ParseError("not_a_file", f"{name} is {what}; only regular files are read", "Upload the file itself.")


def read(source: Source, out: Output) -> Parsed:
    """Read a document of any kind."""
    if source.head.startswith(b"PK\x03\x04") or source.head.startswith(b"PK\x05\x06"):
        return read_container(source, out)
    if b"%PDF-" in source.head[:1024]:  # behind the ZIP, whose first entry may be a PDF that is not compressed
        return named(source, out, "PDF", (".pdf",), pdf.read)
    if source.head.startswith(b"\xd0\xcf\x11\xe0"):
        containers.require_xls(source)
        return named(source, out, "XLS", SUFFIXES["xls"], functools.partial(spreadsheet.read, kind="xls"))
    reject_foreign(source)
    if LOOKS_HTML.match(source.head):
        return named(source, out, "HTML", (".html", ".htm", ".xhtml", ".xht", ""), html.read)
    reader = TEXTUAL.get(source.suffix)
    if reader is None and (language := language_of(source)):
        return text.read_code(source, out, language)
    if source.suffix in BINARY_SUFFIXES:
        try:
            return named(source, out, "plain text", (), text.read_plain)
        except ParseError as error:
            if error.code != "binary":
                raise
            raise ParseError("damaged", f"the name says {source.suffix[1:].upper()}, but the file does not begin like one",
                             "It may be cut off or be something else; upload a file that its own program opens.") from error
    return (reader or text.read_plain)(source, out)


def named(source: Source, out: Output, what: str, suffixes: tuple[str, ...], reader: Reader) -> Parsed:
    if source.suffix not in suffixes:
        out.warn("wrong_extension", f"the name ends in {source.suffix or 'nothing'}, but the file is {what}; it was read as that")
    return reader(source, out)


def read_container(source: Source, out: Output) -> Parsed:
    kind = containers.kind_of_zip(source.path, is_document=source.suffix in BINARY_SUFFIXES)
    if kind is None:
        raise ParseError("archive", "this is a ZIP archive and no document", "Upload it as an archive, or upload its files one by one.")
    return named(source, out, kind.upper(), SUFFIXES[kind], CONTAINERS[kind])


def reject_foreign(source: Source) -> None:
    head = source.head
    if head.startswith(b"{\\rtf"):
        raise ParseError("unsupported", "RTF is not read", "Save it as DOCX, ODT or PDF and upload that.")
    for magic, what in FOREIGN:
        # Two or three letters may well begin a text; a NUL near them does not.
        if head.startswith(magic) and (len(magic) > 3 or b"\0" in head):
            if magic == b"\x00\x00\x00" and (source.suffix in (".txt", "") or head.startswith(b"\x00\x00\xfe\xff")):
                continue
            raise ParseError("binary", f"this is {what}, not a document", READABLE)
    for magic, what in PACKED:
        if head.startswith(magic):
            raise ParseError("binary", f"this is {what}, which is not unpacked here", UNPACK)


def language_of(source: Source) -> str | None:
    name = Path(source.name).name.lower()
    language = BY_NAME.get(name) or BY_SUFFIX.get(source.suffix)
    if language is None and source.head.startswith(b"#!"):
        command = source.head.split(b"\n", 1)[0][2:].decode("ascii", "replace").replace("/", " ").split()
        interpreter = next((word for word in command if re.sub(r"[\d.]+$", "", word).lower() in INTERPRETERS), "")
        language = INTERPRETERS.get(re.sub(r"[\d.]+$", "", interpreter).lower())
    return language
