"""EPUB: its chapters are HTML, read in the order of its spine."""

import posixpath
from collections import Counter
from urllib.parse import unquote

from .blocks import Blocks
from .container import Container, Handler
from .document import Output, Parsed, ParseError, Source, metadata, title_of
from .html import as_html, convert, warn

AGAIN = "Export the book anew and upload that."


class Rootfile(Handler):
    path = ""

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == "ocf:rootfile" and not self.path:
            self.path = attributes.get("full-path", "")


class Package(Handler):
    """The book's description, its files by id, and their order."""

    def __init__(self) -> None:
        self.files: dict[str, str] = {}
        self.spine: list[str] = []
        self.pages: list[str] = []
        self.values: dict[str, str] = {}
        self.current = ""

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self.current = tag
        if tag == "opf:item" and "nav" not in attributes.get("properties", "").split():
            self.files[attributes.get("id", "")] = unquote(attributes.get("href", ""))
            if attributes.get("media-type") == "application/xhtml+xml":
                self.pages.append(unquote(attributes.get("href", "")))
        elif tag == "opf:itemref":
            self.spine.append(attributes.get("idref", ""))

    def end(self, tag: str) -> None:
        self.current = ""

    def text(self, data: str) -> None:
        if self.current.startswith("dc:"):
            self.values[self.current] = (self.values.get(self.current, "") + data)[:2000]


class Protected(Handler):
    """Names of encrypted files; fonts are often scrambled, which does not matter."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag.endswith(":CipherReference"):
            self.names.add(unquote(attributes.get("URI", "")))


def read(source: Source, out: Output) -> Parsed:
    container = Container(source.path)
    root = Rootfile()
    if "META-INF/container.xml" in container:
        container.parse("META-INF/container.xml", root)
    if root.path not in container:
        raise ParseError("damaged", "the EPUB does not say where its book is (META-INF/container.xml)", AGAIN)
    package, protected = Package(), Protected()
    container.parse(root.path, package)
    if "META-INF/encryption.xml" in container:
        container.parse("META-INF/encryption.xml", protected)
    folder = posixpath.dirname(root.path)
    blocks = Blocks(out)
    left_out: Counter[str] = Counter()
    missing = 0
    for identifier in package.spine:
        if identifier not in package.files:
            continue
        name = posixpath.normpath(posixpath.join(folder, package.files[identifier]))
        if name in protected.names:
            raise ParseError("encrypted", "the book is protected (DRM)", "Upload an unprotected copy.")
        if name not in container:
            missing += 1
            continue
        convert(as_html(container.read(name).decode("utf-8", "replace")), blocks, left_out, whole=True)
    blocks.end()
    read_pages = {package.files.get(identifier) for identifier in package.spine}
    left_out["pages outside of the reading order"] += sum(name not in read_pages for name in package.pages)
    warn(left_out, out)
    if missing:
        out.warn("missing_chapters", f"{missing} of the book's {len(package.spine)} chapters are not in the file")
    values = package.values
    return Parsed("epub", title=title_of(values.get("dc:title"), blocks.first_heading), metadata=metadata(
        author=values.get("dc:creator"), date=(values.get("dc:date") or "")[:10], language=values.get("dc:language"),
        description=values.get("dc:description")))
