"""Texts of a workbook's cells that calamine does not hand out: numbers with more digits than a machine's number holds,
and error values (#DIV/0!), which it makes empty. Read from the sheets themselves, cell by cell in their order."""

import functools
import math
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from .container import Container, Handler

# The value of a cell that may have more digits than a number holds, or be an error. Cells before it are looked at only then.
VALUE = re.compile(rb"<(?:\w+:)?v\b[^<>]*>\s*([-+]?[0-9.]{16,400}(?:[eE][-+]?[0-9]{1,9})?|[-+]?[0-9.]{1,400}[eE][-+]?[0-9]{3,9}|#[A-Z0-9/!?_]{1,30})"
                   rb"\s*</")
ATTRIBUTE = re.compile(rb"""\s([rt])\s*=\s*["']([^"']{0,20})["']""")
PLACE = re.compile(rb"([A-Z]{1,3})([0-9]{1,7})")
MANY = 100_000  # cells that one repeated cell of an ODS may stand for
ERRORS = {0x00: "#NULL!", 0x07: "#DIV/0!", 0x0F: "#VALUE!", 0x17: "#REF!", 0x1D: "#NAME?", 0x24: "#NUM!", 0x2A: "#N/A",
          0x2B: "#GETTING_DATA"}  # [MS-XLSB] 2.5.97.2, BErr


@dataclass(order=True)
class Cell:
    row: int  # from 0
    column: int
    text: str


def cell_texts(container: Container, kind: str) -> dict[str, Callable[[], Iterator[Cell]]]:
    """By the name of a sheet, what reads the texts of its cells. Sheets without any may be absent."""
    if kind == "ods":
        return open_document_texts(container)
    part, read = ("workbook.bin", xlsb_cells) if kind == "xlsb" else ("workbook.xml", xlsx_cells)
    if f"xl/{part}" not in container or f"xl/_rels/{part}.rels" not in container:
        return {}
    targets, book = Targets(), Book()
    container.parse(f"xl/_rels/{part}.rels", targets)
    if kind == "xlsb":
        book.sheets = xlsb_sheets(container.read(f"xl/{part}"))
    else:
        container.parse(f"xl/{part}", book)
    found = {name: targets.found.get(identifier, "") for name, identifier in book.sheets.items()}
    return {name: functools.partial(read, container, target) for name, target in found.items() if target in container}


def says_more(text: str) -> bool:
    """Whether the text of a number has digits that the machine's number has lost. A fraction that only shows the machine's
    number in full (4.3499999999999996 for 4.35) has none."""
    try:
        exact, value = Decimal(text), float(text)
    except (ArithmeticError, ValueError):
        return False
    if not math.isfinite(value):
        return True
    if exact == Decimal(repr(value)):
        return False
    digits = len(exact.as_tuple().digits)
    return value == 0 or text.lstrip("+-").isdigit() or exact != Decimal(f"{value:.{digits}g}")


class Targets(Handler):
    """Parts that a workbook refers to, by id."""

    def __init__(self) -> None:
        self.found: dict[str, str] = {}

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == "rel:Relationship":
            target = attributes.get("Target", "")
            self.found[attributes.get("Id", "")] = target[1:] if target.startswith("/") else f"xl/{target}"


class Book(Handler):
    """The sheets of an XLSX: name → id of its part."""

    def __init__(self) -> None:
        self.sheets: dict[str, str] = {}

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag.endswith(":sheet"):
            self.sheets[attributes.get("name", "")] = attributes.get("r:id", "")


def xlsx_cells(container: Container, part: str) -> Iterator[Cell]:
    rest = b""
    for block in container.blocks(part):
        rest += block
        whole = max(rest.rfind(b"/c>"), rest.rfind(b":c>")) + 3
        for match in VALUE.finditer(rest, 0, whole):
            start = max(rest.rfind(b"<c ", 0, match.start()), rest.rfind(b":c ", 0, match.start()))
            attributes = dict(ATTRIBUTE.findall(rest, max(start, 0), match.start()))
            place, kind, text = PLACE.fullmatch(attributes.get(b"r", b"")), attributes.get(b"t", b"n"), match[1].decode()
            # Text that looks like a number is text already.
            if place and (kind == b"e" or kind == b"n" and says_more(text)):
                column = functools.reduce(lambda sum, letter: 26 * sum + letter - 64, place[1], 0)
                yield Cell(int(place[2]) - 1, column - 1, text)
        if whole > 2:
            rest = rest[whole:]


def xlsb_sheets(book: bytes) -> dict[str, str]:
    """The sheets of an XLSB: name → id of its part."""
    found = {}
    for kind, record in records([book]):
        if kind == 156 and len(record) >= 12:  # BrtBundleSh: state, number, id, name
            identifier, rest = wide_string(record[8:])
            found[wide_string(rest)[0]] = identifier
    return found


def wide_string(data: bytes) -> tuple[str, bytes]:
    end = 4 + 2 * int.from_bytes(data[:4], "little")
    return data[4:end].decode("utf-16-le", "replace"), data[end:]


def records(blocks: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """The records of a binary part: their kind and their content ([MS-XLSB] 2.1.4)."""
    rest = b""
    for block in blocks:
        rest += block
        at = 0
        while True:
            kind, start = number(rest, at, 2)
            size, start = number(rest, start, 4)
            if start > len(rest) or start + size > len(rest):
                break
            yield kind, rest[start:start + size]
            at = start + size
        rest = rest[at:]


def number(data: bytes, at: int, longest: int) -> tuple[int, int]:
    """A number of seven bits a byte, and where it ends; beyond the data where it is cut."""
    value = 0
    for index in range(longest):
        if at + index >= len(data):
            return 0, len(data) + 1
        byte = data[at + index]
        value |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return value, at + index + 1
    return value, at + longest


def xlsb_cells(container: Container, part: str) -> Iterator[Cell]:
    row = 0
    for kind, record in records(container.blocks(part)):
        if kind == 0:  # BrtRowHdr
            row = int.from_bytes(record[:4], "little")
        elif kind in (3, 11) and len(record) > 8:  # BrtCellError, BrtFmlaError: column, style, error
            yield Cell(row, int.from_bytes(record[:4], "little"), ERRORS.get(record[8], ""))


class Sheets(Handler):
    """The cells of an ODS that say more than their value: by sheet."""

    def __init__(self) -> None:
        self.sheets: dict[str, list[Cell]] = {}
        self.cells: list[Cell] = []
        self.row = self.column = 0
        self.rows = self.columns = 1  # that the row and the cell stand for
        self.words: list[str] | None = None  # what an error cell shows
        self.text_of = ""
        self.aside = False  # in a comment

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        def repeated(name: str) -> int:
            value = attributes.get(f"table:number-{name}-repeated", "")
            return int(value) if value.isdecimal() and len(value) < 8 else 1
        match tag:
            case "table:table":
                self.cells = self.sheets.setdefault(attributes.get("table:name", ""), [])
                self.row = 0
            case "table:table-row":
                self.column, self.rows = 0, repeated("rows")
            case "table:table-cell" | "table:covered-table-cell":
                self.columns = repeated("columns")
                value = attributes.get("office:value", "")
                self.text_of = value if value and says_more(value) else ""
                self.words = [] if attributes.get("?:value-type") == "error" else None  # LibreOffice's own attribute
            case "office:annotation":
                self.aside = True

    def text(self, data: str) -> None:
        if self.words is not None and not self.aside:
            self.words.append(data)

    def end(self, tag: str) -> None:
        if tag == "office:annotation":
            self.aside = False
        elif tag == "table:table-row":
            self.row += self.rows
        elif tag in ("table:table-cell", "table:covered-table-cell"):
            if text := self.text_of or "".join(self.words or []).strip():
                if self.rows * self.columns <= MANY:
                    self.cells += [Cell(self.row + row, self.column + column, text) for row in range(self.rows) for column in range(self.columns)]
            self.column += self.columns
            self.words, self.text_of = None, ""


def open_document_texts(container: Container) -> dict[str, Callable[[], Iterator[Cell]]]:
    # Few workbooks have such cells, and to look for them takes as long as to read the rest.
    if "content.xml" not in container or not sum(container.count(
            "content.xml", rb"\boffice:value=\"(?:[-+0-9.]{16,400}|[-+0-9.]{1,400}[eE][-+]?[0-9]{3,9})", rb"value-type=\"error\"")):
        return {}
    sheets = Sheets()
    container.parse("content.xml", sheets)
    return {name: functools.partial(iter, sorted(cells)) for name, cells in sheets.sheets.items()}
