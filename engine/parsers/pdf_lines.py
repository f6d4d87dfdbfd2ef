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

    def pack(self) -> tuple:
        return self.text, self.size, self.mono, self.left, self.top, self.bottom, self.right


class Measure:
    """Font and place of a character of one text page."""

    def __init__(self, page: pypdfium2.PdfTextPage):
        self.raw = page.raw
        self.x, self.y = ctypes.c_double(), ctypes.c_double()
        self.matrix = pdfium.FS_MATRIX()
        self.name = ctypes.create_string_buffer(128)
        self.flags = ctypes.c_int()

    def character(self, text_index: int) -> int:
        return max(0, pdfium.FPDFText_GetCharIndexFromTextIndex(self.raw, text_index))

    def origin(self, index: int) -> tuple[float, float]:
        pdfium.FPDFText_GetCharOrigin(self.raw, index, self.x, self.y)
        return self.x.value, self.y.value

    def size(self, index: int) -> float:
        """Some writers set the font to 1 and scale it by the matrix: only both are the size."""
        size = pdfium.FPDFText_GetFontSize(self.raw, index)
        if pdfium.FPDFText_GetMatrix(self.raw, index, self.matrix):
            size *= (self.matrix.c**2 + self.matrix.d**2) ** 0.5
        return round(size, 1)

    def is_mono(self, index: int) -> bool:
        length = pdfium.FPDFText_GetFontInfo(self.raw, index, self.name, 128, self.flags)
        return 1 < length <= 128 and bool(self.flags.value & 1 or MONOSPACED.search(self.name.value))


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
    middle = measure.character(position + lead + half)
    last = measure.character(position + lead + len(shown) - 1)
    left, top = measure.origin(first)
    mono = all(measure.is_mono(index) for index in (middle, first, last))
    right, bottom = measure.origin(last)
    return Line(text, measure.size(middle), mono, left, top, bottom, right)


def tidy(raw: str) -> str:
    """One line: ligatures as letters, controls and unmapped characters left out."""
    text = raw
    if not (raw.isascii() and raw.isprintable()):
        text = UNMAPPED.sub("", raw.translate(LIGATURES))
    if "...." in text or ". . ." in text or "…" in text:
        text = LEADERS.sub(" … ", text)
    return " ".join(text.split())
