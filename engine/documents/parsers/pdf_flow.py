"""From a PDF's lines to headings, paragraphs, lists and code, across pages."""

import re
from dataclasses import dataclass, field

from .blocks import Blocks
from .document import Output
from .pdf_lines import HYPHEN, Line
from .pdf_layout import LEADER, arrange
from .pdf_rows import column, indented, right_edges, same_row, usual_gap

BULLET = re.compile(r"^[•◦▪‣●○■□∙·]\s*|^[–—-]\s+")
NUMBERED = re.compile(r"^(\d{1,3}[.)]|\([a-z0-9]{1,3}\)|[a-z]\))\s+\S")
ARABIC = re.compile(r"^(\d{1,3}[.)])\s+")
CLOSING = re.compile(r"^[.,;:!?)\]]")
ENDS_SENTENCE = re.compile(r"[.!?:;…][\"'”’)\]]*$")
LONGEST_HEADING = 200
LONGEST = 10_000  # characters of a paragraph or listing; where nothing ends one, this does
WIDE_GAP = 1.35  # times the usual distance of lines: a new paragraph


@dataclass
class Open:
    """The block being gathered."""

    kind: str  # heading, paragraph, item, code, row
    level: int
    marker: str
    left: float
    lines: list[Line] = field(default_factory=list)
    text: str = ""
    # Pages that begin here: at the start (None), or after so many characters, or lines of code.
    pages: list[tuple[int, int | None]] = field(default_factory=list)


class Flow:
    def __init__(self, out: Output, levels: dict[float, int], hyphenated: set[str], code: bool):
        self.out, self.blocks = out, Blocks(out)
        self.levels, self.hyphenated, self.code = levels, hyphenated, code
        self.open: Open | None = None
        self.last: Line | None = None  # the line before, on the same page
        self.leading = 0.0  # usual distance between this page's baselines
        self.rights: dict[int, float] = {}  # right edge of this page's columns, by their left one
        self.offsets: list[int | None] = []
        self.starting: list[int] = []  # pages whose first text is still to come
        self.unsure: list[int] = []  # numbers of pages with a table whose cells may stand in another column
        self.title: str | None = None
        self.title_level = 7

    def page(self, lines: list[Line]) -> None:
        self.starting.append(len(self.offsets))
        self.offsets.append(None)
        self.last = None
        lines, unsure = arrange(lines)
        if unsure:
            self.unsure.append(len(self.offsets))
        self.leading = usual_gap(lines)
        self.rights = right_edges(lines)
        for line in lines:
            self.add(line)

    def notes(self, notes: list[str]) -> None:
        """What was added to the page, as a list behind its text."""
        if not notes:
            return
        self.flush()
        self.blocks.end_list()
        for note in notes:
            self.blocks.item(0, "-", note)
            for page in self.starting:
                self.offsets[page] = self.blocks.began
            self.starting = []
        self.blocks.end_list()

    def end(self) -> list[int]:
        """Write what is left; the byte offset of each page's first text."""
        self.flush()
        self.blocks.end()
        following = self.out.bytes
        result: list[int] = []
        for offset in reversed(self.offsets):
            following = following if offset is None else offset
            result.append(following)
        return result[::-1]

    def kind(self, line: Line) -> tuple[str, int]:
        if LEADER.search(line.text):  # a line of a table of contents
            return "item", 0
        level = self.levels.get(line.size, 0)
        if level and len(line.text) <= LONGEST_HEADING and sum(map(str.isalpha, line.text)) > 1:
            return "heading", level
        if line.cells:
            return "row", 0
        if self.code and line.mono:
            return "code", 0
        if BULLET.match(line.text) or NUMBERED.match(line.text):
            return "item", 0
        return "paragraph", 0

    def add(self, line: Line) -> None:
        kind, level = self.kind(line)
        if self.open is not None and self.continues(line, kind, level):
            self.join(line)
        else:
            self.flush()
            marker, text = ("", line.text)
            if kind == "item" and (bullet := BULLET.match(text)):
                marker, text = "-", text[bullet.end() :]
            elif LEADER.search(text):
                marker = "-"
            elif kind == "item" and (number := ARABIC.match(text)):
                marker, text = number.group(1), text[number.end() :]
            self.open = Open(kind, level, marker, line.left, text=text)
            self.mark_pages()
            self.open.lines.append(line)
        self.last = line

    def continues(self, line: Line, kind: str, level: int) -> bool:
        """Whether a line belongs to the block before it."""
        block, last = self.open, self.last
        assert block is not None
        if kind == "heading" or block.kind == "heading":
            return (kind == block.kind and level == block.level and last is not None
                    and abs(last.bottom - line.top) < 1.7 * line.size)
        if kind == "code" or block.kind == "code":
            return kind == block.kind and len(block.text) < LONGEST
        if kind == "row" and block.kind == "row":
            return (last is not None and 0 <= last.bottom - line.top < 3 * line.size
                    and len(line.cells) == len(block.lines[0].cells))
        if kind == "row" or block.kind == "row":
            return False
        if len(block.text) > LONGEST:
            return False
        end = block.text[-8:]
        goes_on = not ENDS_SENTENCE.search(end) and line.text[:1].islower()
        if last is None:  # a new page
            return kind == "paragraph" and goes_on
        if same_row(last, line):
            return True
        if kind == "item" or LEADER.search(last.text) or abs(line.size - last.size) > 0.12 * last.size:
            return False
        gap = last.bottom - line.top
        if gap < 0:  # the next column
            return goes_on
        if gap > (2 if goes_on else WIDE_GAP) * self.leading:
            return False
        if goes_on:
            return True
        if self.is_last(last, line) and ENDS_SENTENCE.search(end):
            return False
        if block.kind == "item":
            return line.left > block.left + 0.3 * line.size
        return line.left < last.left + 0.7 * line.size  # else a first line's indent

    def is_last(self, last: Line, line: Line) -> bool:
        """Whether a line ended early: the next line's first word would have had room in it."""
        edge = self.rights.get(column(last))
        word = len(line.text.split(" ", 1)[0]) + 1
        return edge is not None and last.right + 0.6 * last.size * word < edge

    def join(self, line: Line) -> None:
        block = self.open
        assert block is not None
        if block.kind == "code":
            block.text += " " if self.last and same_row(self.last, line) else "\n"
        elif block.text.endswith("-") and block.text[-2:-1].isalpha() and line.text[:1].islower():
            block.text = block.text[:-1] + HYPHEN
        elif not block.text.endswith(HYPHEN) and not (CLOSING.match(line.text) and self.last and same_row(self.last, line)):
            block.text += " "
        self.mark_pages()
        block.text += line.text
        block.lines.append(line)

    def mark_pages(self) -> None:
        assert self.open is not None
        rest = None
        if self.open.lines:
            rest = self.open.text.count("\n") if self.open.kind == "code" else len(self.open.text)
        self.open.pages += [(page, rest) for page in self.starting]
        self.starting = []

    def flush(self) -> None:
        block, self.open = self.open, None
        if block is None:
            return
        if block.kind == "code":
            block.text = indented(block.text, block.lines)
        before = self.out.bytes
        match block.kind:
            case "heading":
                self.blocks.heading(block.level, self.mend(block.text))
                if block.level < self.title_level and len(self.offsets) <= 3:
                    self.title, self.title_level = self.mend(block.text), block.level
            case "code":
                self.blocks.code(block.text)
            case "row":
                self.blocks.table([[self.mend(text) for _, _, text in line.cells] for line in block.lines])
            case "item" if block.marker:
                self.blocks.item(0, block.marker, self.mend(block.text))
            case _:
                self.blocks.paragraph(self.mend(block.text))
        if self.out.bytes == before:  # nothing visible
            self.starting = [page for page, _ in block.pages] + self.starting
            return
        ends = len("\n```") if block.kind == "code" else 0
        for page, rest in block.pages:
            if rest is None:
                self.offsets[page] = self.blocks.began
            else:  # what follows inside the block is as long in the file as it is here
                text = "\n".join(block.text.split("\n")[rest:]) if block.kind == "code" else self.mend(block.text[rest:])
                self.offsets[page] = self.out.bytes - ends - len(text.encode("utf-8", "replace"))

    def mend(self, text: str) -> str:
        """Words that were cut at a line's end, whole again; hyphens that belong to a word stay."""
        if HYPHEN not in text:
            return text
        parts = text.split(HYPHEN)
        result = parts[0]
        for part in parts[1:]:
            left = re.search(r"[^\W\d_]*$", result)
            right = re.match(r"[^\W\d_]*", part)
            word = f"{left.group() if left else ''}-{right.group() if right else ''}".lower()
            keeps = word in self.hyphenated or not part[:1].islower()
            result += ("-" if keeps else "") + part
        return result
