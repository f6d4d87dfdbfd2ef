"""What a ZIP or an OLE file is, told by what it holds: its name may say anything."""

import re
import struct
import zipfile
from pathlib import Path

from .document import ParseError, Source

SAVE_PDF = "Save it as PDF and upload that."
# An entry that only one kind of file has → what it is, and what to do. In this order: an Android app holds a manifest of Java too.
FOREIGN: list[tuple[str, str, str]] = [
    (r"ppt/", "a PowerPoint presentation", SAVE_PDF),
    (r"visio/", "a Visio drawing", SAVE_PDF),
    (r"FixedDocSeq\.fdseq|FixedDocumentSequence\.fdseq", "an XPS document", SAVE_PDF),
    (r"3D/3dmodel\.model", "a 3D model", "Upload a text that describes it."),
    (r"extension\.vsixmanifest", "an extension of an editor", "Unpack it, and upload the files to be read as a .zip."),
    (r"[^/]+\.nuspec", "a NuGet package", "Upload its documentation, or its source as a .zip."),
    (r"Index/Document\.iwa|Index\.zip|index\.apxl|Metadata/BuildVersionHistory\.plist", "a document of Pages, Numbers or Keynote",
     "Export it as DOCX, XLSX or PDF and upload that."),
    (r"AndroidManifest\.xml", "an Android app", "Upload its documentation, or its source as a .zip."),
    (r"Payload/[^/]+\.app/", "an iOS app", "Upload its documentation, or its source as a .zip."),
    (r"[^/]+\.dist-info/WHEEL", "a Python wheel", "Upload its documentation, or its source as a .zip."),
    (r"META-INF/MANIFEST\.MF", "a Java archive", "Upload its documentation, or its source as a .zip."),
    (r"doc\.kml", "a map (KMZ)", "Export its places as CSV and upload that."),
]
DATA = "a file of numbers"


def kind_of_zip(path: Path, is_document: bool) -> str | None:
    """A reader's kind, or None for a mere archive. What else it is, is refused by its name."""
    try:
        with zipfile.ZipFile(path) as container:
            names = [name.replace("\\", "/") for name in container.namelist()]
            mimetype = small(container, "mimetype").strip() or open_document_type(container)
    except ParseError:
        raise
    except Exception as error:
        if is_document:
            raise ParseError("damaged", f"the document's ZIP container is damaged: {error}",
                             "Open it in the program that made it, save it anew, and upload that.") from error
        raise ParseError("archive", f"this is a damaged ZIP archive: {error}", "Pack it again.") from error
    present = set(names)
    if mimetype == b"application/epub+zip" or (not mimetype and "META-INF/container.xml" in present):
        return "epub"
    if mimetype.startswith(b"application/vnd.oasis.opendocument."):
        return open_document(mimetype)
    if "[Content_Types].xml" in present:
        if "xl/workbook.bin" in present:
            return "xlsb"
        if any(name.startswith("xl/") for name in names):
            return "xlsx"
        if any(name.startswith("word/") for name in names):
            return "docx"
    if what := foreign(names):
        raise unsupported(*what)
    if "[Content_Types].xml" in present:
        return "docx"  # its reader finds the document part, or says that there is none
    if names and all(name.endswith(".npy") for name in names):
        raise unsupported("a file of NumPy arrays", "Save its numbers as CSV and upload that.")
    return None


def foreign(names: list[str]) -> tuple[str, str] | None:
    for pattern, what, hint in FOREIGN:
        found = re.compile(pattern).match
        if any(found(name) for name in names):
            return what, hint
    return None


def unsupported(what: str, hint: str) -> ParseError:
    return ParseError("unsupported", f"this is {what}, which cannot be read", hint)


def small(container: zipfile.ZipFile, name: str, limit: int = 200) -> bytes:
    """An entry's content where it is there and short; of more, nothing."""
    try:
        return container.read(name) if container.getinfo(name).file_size < limit else b""
    except KeyError:
        return b""


def open_document_type(container: zipfile.ZipFile) -> bytes:
    """The type that an OpenDocument file gives in its manifest, where a program packed it anew without its first entry."""
    if "content.xml" not in container.namelist():
        return b""
    found = re.search(rb'media-type="(application/vnd\.oasis\.opendocument\.[a-z-]+)"', small(container, "META-INF/manifest.xml", 1 << 20))
    return found.group(1) if found else b""


def open_document(mimetype: bytes) -> str:
    match mimetype.removeprefix(b"application/vnd.oasis.opendocument.").split(b"-")[0]:
        case b"text":
            return "odt"
        case b"spreadsheet":
            return "ods"
        case b"presentation":
            raise unsupported("an OpenDocument presentation", SAVE_PDF)
        case b"formula":
            raise unsupported("an OpenDocument formula", SAVE_PDF)
        case _:
            raise unsupported("an OpenDocument drawing, chart or database", SAVE_PDF)


# Names of streams in an OLE file's directory, as UTF-16 → what it is.
OLE = [("EncryptedPackage", "", ""), ("WordDocument", "a Word document from before 2007", "Save it as DOCX or PDF and upload that."),
       ("PowerPoint Document", "a PowerPoint presentation from before 2007", SAVE_PDF),
       ("__properties_version1.0", "an Outlook message", "Save it as text or PDF and upload that."),
       ("VisioDocument", "a Visio drawing", SAVE_PDF)]


def require_xls(source: Source) -> None:
    """Whether an OLE file is a workbook. What else it is, is refused by its name."""
    directory = ole_directory(source)
    for stream, what, hint in OLE:
        if stream.encode("utf-16-le") in directory:
            if stream == "EncryptedPackage":
                raise ParseError("encrypted", "the document is encrypted with a password", "Remove the password and upload it again.")
            raise unsupported(what, hint)
    if "Root Entry".encode("utf-16-le") not in directory:
        raise ParseError("damaged", "the file begins like a document of an old Office program, but its directory is missing: it was cut off",
                         "Upload a file that its own program opens.")
    if not any(name.encode("utf-16-le") in directory for name in ("Workbook", "Book")):
        raise unsupported("a document of an old program", "Save it as DOCX, XLSX or PDF and upload that.")
    check_chains(source)


def ole_directory(source: Source) -> bytes:
    """The first entries of the directory, 128 bytes each, and both ends of the file: where they stand depends on the program."""
    with source.path.open("rb") as file:
        start = file.read(1 << 20)
        if len(source.head) < 52:
            return start
        size = 1 << min(struct.unpack_from("<H", source.head, 30)[0], 16)
        file.seek((struct.unpack_from("<I", source.head, 48)[0] + 1) * size)
        return file.read(1 << 14) + start + source.tail


def check_chains(source: Source) -> None:
    """Sectors of an OLE file name the next of their stream: a damaged file can lead in a circle, and its readers with it."""
    with source.path.open("rb") as file:
        header = file.read(512)
        size = 1 << min(struct.unpack_from("<H", header, 30)[0], 16)
        if size < 128 or len(header) < 512:
            raise damaged_ole()

        def sector(number: int) -> tuple[int, ...]:
            file.seek((number + 1) * size)
            data = file.read(size)
            return struct.unpack(f"<{len(data) // 4}I", data[: len(data) // 4 * 4])
        most = source.size // size + 1
        listed = list(struct.unpack_from("<109I", header, 76))
        further, count = struct.unpack_from("<II", header, 68)
        while further < FREE and count and len(listed) <= most:  # of files larger than 7 MB
            *more, further = sector(further) or (END,)
            listed += more
            count -= 1
        chains = [entry for number in listed if number < FREE for entry in sector(number)]
        if len(chains) > most + 2 * size:
            raise damaged_ole()
        require_ends(chains)
        small: list[int] = []
        number = struct.unpack_from("<I", header, 60)[0]
        while number < len(chains):
            small += sector(number)
            number = chains[number]
        require_ends(small)


END, FREE = 0xFFFF_FFFE, 0xFFFF_FFFA  # numbers from FREE on are marks


def require_ends(chains: list[int]) -> None:
    """Whether every chain comes to an end."""
    ends = bytearray(len(chains))  # 1: on the way, 2: known to end
    for start in range(len(chains)):
        way = []
        number = start
        while number < len(chains) and not ends[number]:
            ends[number] = 1
            way.append(number)
            number = chains[number]
        if number < len(chains) and ends[number] == 1:
            raise damaged_ole()
        for passed in way:
            ends[passed] = 2


def damaged_ole() -> ParseError:
    return ParseError("damaged", "the file's sectors are not in order", "Open it in the program that made it, save it anew, and upload that.")
