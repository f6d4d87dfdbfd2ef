"""Documents that are ZIP containers (DOCX, ODT, EPUB): checked before anything is unpacked.

Sizes in a container's directory are claims, so they are checked first and counted again while
reading. XML is read as a stream of events, never as a tree, and may define no entities.
"""

import re
import zipfile
import zlib
from collections import Counter
from pathlib import Path
from typing import Callable
from xml.parsers import expat

from documents import archive_names

from .document import Output, ParseError

MAX_ENTRIES = 10_000
MAX_TOTAL = 1 << 30  # bytes, all entries unpacked
MAX_PART = 256 << 20  # bytes of one part that is read
MAX_RATIO = 200  # unpacked : packed, of all entries; text documents stay below 50
RATIO_FROM = 10 << 20  # bytes unpacked below which the ratio is nobody's harm
BLOCK = 1 << 16
AGAIN = "Open it in the program that made it, save it anew, and upload that."


class Container:
    """An open container whose directory is sane."""

    def __init__(self, path: Path):
        try:
            self.zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise ParseError("damaged", f"the document's ZIP container is damaged: {error}", AGAIN) from error
        # Some Windows programs part the names of a document's entries with backslashes.
        self.entries = {entry.filename.replace("\\", "/"): entry for entry in self.zip.infolist()}
        self.check()

    def check(self) -> None:
        entries = self.zip.infolist()
        if len(entries) > MAX_ENTRIES:
            raise ParseError("zip_bomb", f"the container holds {len(entries)} entries; {MAX_ENTRIES} are allowed", AGAIN)
        names = Counter(entry.filename.replace("\\", "/") for entry in entries)
        for entry in entries:
            name = entry.filename.replace("\\", "/")
            if archive_names.relative(name) is None:
                raise ParseError("unsafe_path", f"the container's entry {name!r} points outside of it", AGAIN)
            if names[name] > 1:
                raise ParseError("duplicate_entry", f"the container holds {name!r} {names[name]} times", AGAIN)
            if entry.flag_bits & 1:
                raise ParseError("encrypted", f"the container's entry {name!r} is encrypted",
                                 "Remove the password and upload it again.")
        total = sum(entry.file_size for entry in entries)
        packed = sum(entry.compress_size for entry in entries)
        if total > MAX_TOTAL or (total > RATIO_FROM and total > MAX_RATIO * max(packed, 1)):
            raise ParseError("zip_bomb", f"the container's {packed} bytes claim to unpack to {total}", AGAIN)

    def __contains__(self, name: str) -> bool:
        return name in self.entries

    def names(self, prefix: str) -> list[str]:
        return [name for name in self.entries if name.startswith(prefix)]

    def blocks(self, name: str):
        """One part's content, a block at a time."""
        read = 0
        try:
            with self.zip.open(self.entries[name]) as part:
                while block := part.read(BLOCK):
                    read += len(block)
                    if read > MAX_PART:
                        raise ParseError("zip_bomb", f"the part {name!r} unpacks to more than {MAX_PART} bytes", AGAIN)
                    yield block
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError) as error:
            raise ParseError("damaged", f"the part {name!r} is damaged: {error}", AGAIN) from error

    def read(self, name: str) -> bytes:
        return b"".join(self.blocks(name))

    def parse(self, name: str, handler: "Handler") -> None:
        """Send one XML part through a handler."""
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.StartElementHandler = lambda tag, attributes: handler.start(short(tag), shorten(attributes))
        parser.EndElementHandler = lambda tag: handler.end(short(tag))
        parser.CharacterDataHandler = handler.text
        parser.EntityDeclHandler = refuse_entity(name)
        try:
            for block in self.blocks(name):
                parser.Parse(block, False)
            parser.Parse(b"", True)
        except expat.ExpatError as error:
            raise ParseError("damaged", f"the part {name!r} is no well-formed XML: {error}", AGAIN) from error


    def count(self, name: str, *patterns: bytes, end: bytes = b">") -> list[int]:
        """How often each pattern is in a part, read as bytes. No match reaches over an `end`, but may end with it."""
        found = [0] * len(patterns)
        rest = b""
        for block in self.blocks(name):
            rest += block
            if whole := rest.rfind(end) + 1:
                whole += len(end) - 1
                found = [count + len(re.findall(pattern, rest[:whole])) for count, pattern in zip(found, patterns)]
                rest = rest[whole:]
        return found


class Handler:
    """What is told of an XML part: elements as `prefix:name`, with the usual prefixes."""

    def start(self, tag: str, attributes: dict[str, str]) -> None: ...

    def end(self, tag: str) -> None: ...

    def text(self, data: str) -> None: ...


def refuse_entity(part: str) -> Callable[..., None]:
    def refuse(name: str, *_: object) -> None:
        raise ParseError("unsafe_xml", f"the part {part!r} defines the XML entity {name!r}; no document program does that", AGAIN)
    return refuse


# Namespace → prefix; transitional and strict OOXML differ in theirs.
PREFIXES = {
    "http://schemas.openxmlformats.org/wordprocessingml/2006/main": "w",
    "http://purl.oclc.org/ooxml/wordprocessingml/main": "w",
    "http://schemas.openxmlformats.org/officeDocument/2006/relationships": "r",
    "http://purl.oclc.org/ooxml/officeDocument/relationships": "r",
    "http://schemas.openxmlformats.org/officeDocument/2006/math": "m",
    "http://purl.oclc.org/ooxml/officeDocument/math": "m",
    "http://schemas.openxmlformats.org/markup-compatibility/2006": "mc",
    "http://schemas.openxmlformats.org/package/2006/relationships": "rel",
    "http://purl.org/dc/elements/1.1/": "dc",
    "http://purl.org/dc/terms/": "dcterms",
    "http://www.w3.org/1999/xlink": "xlink",
    "http://www.w3.org/XML/1998/namespace": "xml",
    "http://www.idpf.org/2007/opf": "opf",
    "urn:oasis:names:tc:opendocument:xmlns:container": "ocf",
}
OASIS = "urn:oasis:names:tc:opendocument:xmlns:"


def short(name: str) -> str:
    namespace, _, local = name.rpartition(" ")
    if not namespace:
        return local
    if namespace.startswith(OASIS) and namespace not in PREFIXES:
        return f"{namespace[len(OASIS):].split(':')[0]}:{local}"
    return f"{PREFIXES.get(namespace, '?')}:{local}"


def shorten(attributes: dict[str, str]) -> dict[str, str]:
    return {short(name): value for name, value in attributes.items()}


class Properties(Handler):
    """Title, author and date out of a document's own description."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.current = ""

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self.current = tag

    def end(self, tag: str) -> None:
        self.current = ""

    def text(self, data: str) -> None:
        if self.current.startswith(("dc:", "dcterms:", "meta:")):
            self.values[self.current] = (self.values.get(self.current, "") + data)[:2000]


def properties(container: Container, part: str, out: Output) -> dict[str, str]:
    """The description's values by tag; a document without one, or with a broken one, has none."""
    reader = Properties()
    if part in container:
        try:
            container.parse(part, reader)
        except ParseError as error:
            out.warn("no_metadata", str(error))
    return reader.values


# What a document of an office program may hold in parts of its own, which are not read: code → (pattern of names, words for it).
PARTS = {
    "macros": (r"(?:.*/)?vbaProject\.bin$|(?:Basic|Scripts)/.*\.(?:xml|xba|py|js|bsh)$", "macros were not run and not read"),
    "comments": (r"(?:word|xl)/(?:threadedC|c)omments.*\.(?:xml|bin)$", "comments were left out"),
    "charts": (r".*/charts/chart[^/]*\.xml$|.*/diagrams/data[^/]*\.xml$|Object [^/]*/content\.xml$", "charts and objects drawn in the document were left out"),
    "embedded": (r".*/embeddings/.|.*/(?:activeX|ctrlProps)/[^/]+\.xml$|Object [^/]*$", "embedded files and controls were not opened"),
    "pictures": (r".*/media/.|Pictures/.", "pictures were left out"),
}


def office_leftovers(container: Container, out: Output, *codes: str) -> None:
    """Warn of parts that are not read: of all kinds, or of the ones named."""
    for code, (pattern, words) in PARTS.items():
        matches = re.compile(pattern, re.IGNORECASE).match
        count = sum(matches(name) is not None for name in container.entries)
        if count and (not codes or code in codes):
            out.warn(code, f"{words} ({count})")
