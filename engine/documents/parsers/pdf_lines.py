"""The lines of a PDF page: their text, font and place, read through PDFium."""

import ctypes
import re
from dataclasses import dataclass
from typing import Iterator

import pypdfium2
import pypdfium2.raw as pdfium

LIGATURES = str.maketrans({"\ufb00": "ff", "\ufb01": "fi", "\ufb02": "fl", "\ufb03": "ffi", "\ufb04": "ffl", "\ufb05": "st",
                           "\ufb06": "st", "\uf0b7": "•", "\uf0a7": "•", "\u00a0": " ", "\x02": "\ufffe"})
# PDFium writes a hyphen that ends a line as U+FFFE and joins the line with the next.
HYPHEN = "\ufffe"
MONOSPACED = re.compile(rb"mono|courier|consol|typewriter|menlo|fixed|cmtt|sftt|lmtt|inconsolata|sourcecode|firacode", re.IGNORECASE)
CELL_GAP = 1.2  # times the font's size; between words it is 0.3, in justified lines up to 0.8
FARTHEST = 1e6  # points from the page's corner, 350 m
UNMAPPED = re.compile("[\x00-\x08\x0a-\x1f\x7f\ue000-\uf8ff]")  # controls and private use
LEADERS = re.compile(r"(?:\s?[.…]){4,}\s*")


@dataclass(slots=True)
class Line:
    text: str
    size: float  # of the font, in points on the page
    mono: bool
    left: float  # points from the page's left edge
    top: float  # baseline of the first character, from the page's lower edge
    bottom: float  # baseline of the last one
    right: float  # where the last one begins
    # Pieces with wide gaps between them, as cells of a table's row are: (left, right, text). Else empty.
    cells: list[tuple[float, float, str]]

    def pack(self) -> tuple:
        return self.text, self.size, self.mono, self.left, self.top, self.bottom, self.right, self.cells


class Measure:
    """Font and place of a character of one text page."""

    def __init__(self, page: pypdfium2.PdfTextPage):
        self.raw = page.raw
        self.box = [ctypes.c_double() for _ in range(4)]  # left, top, right, bottom
        self.x, self.y = ctypes.c_double(), ctypes.c_double()
        self.matrix = pdfium.FS_MATRIX()
        self.name = ctypes.create_string_buffer(128)
        self.flags = ctypes.c_int()

    def character(self, text_index: int) -> int:
        return max(0, pdfium.FPDFText_GetCharIndexFromTextIndex(self.raw, text_index))

    def origin(self, index: int) -> tuple[float, float]:
        pdfium.FPDFText_GetCharOrigin(self.raw, index, self.x, self.y)
        return place(self.x.value), place(self.y.value)

    def size(self, index: int) -> float:
        """Some writers set the font to 1 and scale it by the matrix: only both are the size."""
        size = pdfium.FPDFText_GetFontSize(self.raw, index)
        if pdfium.FPDFText_GetMatrix(self.raw, index, self.matrix):
            size *= (self.matrix.c**2 + self.matrix.d**2) ** 0.5
        return round(place(size), 1)

    def is_mono(self, index: int) -> bool:
        length = pdfium.FPDFText_GetFontInfo(self.raw, index, self.name, 128, self.flags)
        return 1 < length <= 128 and bool(self.flags.value & 1 or MONOSPACED.search(self.name.value))

    def cells(self, first: int, last: int, size: float, text: str) -> list[tuple[float, float, str]]:
        """The pieces of a line that wide gaps cut it into; none where it is whole, or lies on several heights."""
        pieces: list[list[float]] = []  # left, right, bottom, top
        for index in range(pdfium.FPDFText_CountRects(self.raw, first, last - first + 1)):
            pdfium.FPDFText_GetRect(self.raw, index, *self.box)
            left, top, right, bottom = (place(value.value) for value in self.box)
            if pieces and (left < pieces[-1][0] or bottom > pieces[-1][3] or top < pieces[-1][2]):
                return []
            if pieces and left - pieces[-1][1] < CELL_GAP * size:
                piece = pieces[-1]
                pieces[-1] = [piece[0], max(piece[1], right), min(piece[2], bottom), max(piece[3], top)]
            else:
                pieces.append([left, right, bottom, top])
        if len(pieces) < 2 or last - first != len(text) - 1:  # else characters are not where they are counted
            return []
        words: list[list[str]] = [[] for _ in pieces]
        at = 0
        for word in re.finditer(r"\S+", text):
            # Where the pen stands before its first glyph, which is drawn some way right of it: the middle of the gap decides.
            x, _ = self.origin(first + word.start())
            while at + 1 < len(pieces) and x > (pieces[at][1] + pieces[at + 1][0]) / 2:
                at += 1
            if not words[at]:
                pieces[at][0] = x
            words[at].append(word.group())
        return [(piece[0], piece[1], tidy(" ".join(texts))) for piece, texts in zip(pieces, words)]


def place(value: float) -> float:
    """A length in points that can be reckoned with; a PDF may name any number, and none."""
    return min(max(value, -FARTHEST), FARTHEST) if value == value else 0.0


def page_lines(page: pypdfium2.PdfPage) -> Iterator[Line]:
    text_page = page.get_textpage()
    try:
        measure = Measure(text_page)
        position = 0  # in UTF-16 units, as PDFium counts
        for raw in re.split(r"(\r\n|\n)", text_page.get_text_range(errors="replace")):
            wide = 0 if raw.isascii() else sum(character > "\uffff" for character in raw)
            if text := tidy(raw):
                yield describe(measure, raw, text, position)
            position += len(raw) + wide
    finally:
        text_page.close()


def describe(measure: Measure, raw: str, text: str, position: int) -> Line:
    lead = len(raw) - len(raw.lstrip())
    shown = raw.strip()
    half = len(shown) // 2
    while shown[half].isspace():  # spaces may be PDFium's own, without a font
        half += 1
    first = measure.character(position + lead)
    last = measure.character(position + lead + len(shown) - 1)
    middle = first + half if last - first == len(shown) - 1 else measure.character(position + lead + half)
    left, top = measure.origin(first)
    size = measure.size(middle)
    mono = all(measure.is_mono(index) for index in (middle, first, last))
    right, bottom = measure.origin(last)
    cells = [] if mono or HYPHEN in text else measure.cells(first, last, size, shown)
    return Line(text, size, mono, left, top, bottom, right, cells)


def tidy(raw: str) -> str:
    """One line: ligatures as letters, controls and unmapped characters left out."""
    text = raw
    if not (raw.isascii() and raw.isprintable()):
        text = UNMAPPED.sub("", raw.translate(LIGATURES))
    if "...." in text or ". . ." in text or "…" in text:
        text = LEADERS.sub(" … ", text)
    return " ".join(text.split())
