"""Markdown, written block by block as a reader finds them."""

import os
import re

from .document import INVISIBLE, Output

# What would be read as structure at the start of a line that is only text.
STRUCTURAL = re.compile(r"^(#{1,6}(?=\s|$)|>|\||```|~~~|(?:[-*_]\s*){3,}$|=+\s*$)", re.MULTILINE)
SCHEME = re.compile(r"^(?:https?://|mailto:|tel:)(?:www\.)?", re.IGNORECASE)
# A table beyond either is written as one `column: value` line a field: a pipe table of that
# width is unreadable, and a chunk of it would have lost its header.
WIDE_COLUMNS = 12
WIDE_ROW = 400  # characters
LAST_COLUMN = 2000  # of a table in a document: what stands beyond moves up


def says(label: str, address: str) -> bool:
    """Whether the text of a link is all that its address says; an address within the document says nothing."""
    return address.startswith("#") or SCHEME.sub("", label).rstrip("/") == SCHEME.sub("", address).rstrip("/")


class Blocks:
    """Writes blocks with the blank lines between them that Markdown wants."""

    def __init__(self, out: Output):
        self.out = out
        self.prefixes: list[str] = []  # of enclosing quotes and list items
        self.last = ""  # kind of the block before
        self.last_prefixes: list[str] = []
        self.began = 0  # byte offset of the block written last
        self.first_heading: str | None = None

    def block(self, kind: str, text: str, lead: str = "") -> None:
        """One block. `lead` is the list marker before its first line."""
        if self.last:
            shared = "".join(os.path.commonprefix([self.prefixes, self.last_prefixes])).rstrip()
            self.out.write("\n" if kind == self.last == "item" else f"\n{shared}\n")
        self.began = self.out.bytes
        first = "".join(self.prefixes) + lead
        rest = "".join(self.prefixes) + " " * len(lead)
        lines = [(rest if index else first) + line for index, line in enumerate(text.split("\n"))]
        self.out.write("\n".join(line.rstrip() for line in lines))
        self.last, self.last_prefixes = kind, list(self.prefixes)

    def heading(self, level: int, text: str) -> None:
        if text := tidy(text).replace("\n", " "):
            self.first_heading = self.first_heading or text
            self.block("heading", f"{'#' * min(max(level, 1), 6)} {text}")

    def paragraph(self, text: str) -> None:
        if text := tidy(text):
            self.block("paragraph", escape(text))

    def item(self, depth: int, marker: str, text: str) -> None:
        """A list item; `depth` counts from 0, `marker` is `-` or a number with its dot."""
        if text := tidy(text):
            self.block("item", text, "    " * depth + marker + " ")

    def end_list(self) -> None:
        """The next item belongs to another list."""
        if self.last == "item":
            self.last = "list"

    def quote(self, text: str) -> None:
        if text := tidy(text):
            self.prefixes.append("> ")
            self.block("paragraph", escape(text))
            self.prefixes.pop()

    def code(self, text: str, language: str = "") -> None:
        text = INVISIBLE.sub("", text).strip("\n")
        if text.strip():
            longest = max((len(run) for run in re.findall("`{3,}", text)), default=2)
            fence = "`" * (longest + 1)
            self.block("code", f"{fence}{language}\n{text}\n{fence}")

    def table(self, rows: list[list[str]]) -> None:
        """A table whose first row holds the column names. A table of one cell is a paragraph."""
        rows = [[tidy(cell).replace("\n", " ") for cell in row] for row in rows]
        rows = [row for row in rows if any(row)]
        width = max((len(row) for row in rows), default=0)
        if width <= 1:
            for row in rows:
                self.paragraph(row[0])
        elif is_wide(rows) and len(rows) > 1:
            for row in rows[1:]:
                self.block("paragraph", record(rows[0], row))
        else:
            lines = [pipe_row(rows[0], width), "|" + " --- |" * width, *(pipe_row(row, width) for row in rows[1:])]
            self.block("table", "\n".join(lines))

    def note(self, label: str, text: str) -> None:
        """A footnote's text, referred to as `[^label]`."""
        if text := tidy(text).replace("\n", " "):
            self.block("paragraph", f"[^{label}]: {text}")

    def end(self) -> None:
        if self.last:
            self.out.write("\n")


class Grid:
    """Rows of a table as they are read, each cell in its column. A cell that spans several places has its text in the
    first of them; the others are empty."""

    def __init__(self) -> None:
        self.rows: list[list[str]] = []
        self.column = 0  # the next place in the row
        self.covered: dict[int, int] = {}  # column → number of rows that a cell above has taken there

    def start_row(self) -> None:
        self.rows.append([])
        self.column = 0

    def end_group(self) -> None:
        """The cells above reach no further down."""
        self.covered.clear()

    def skip(self, columns: int) -> None:
        """Leave places empty."""
        self.column = min(self.column + columns, LAST_COLUMN)

    def put(self, text: str, columns: int = 1, rows: int = 1) -> None:
        """The next cell, and how many columns and rows it takes."""
        if not self.rows:
            self.start_row()
        row = self.rows[-1]
        while self.covered.get(self.column, 0) >= len(self.rows):
            self.column += 1
        row.extend([""] * (self.column - len(row)))
        row.append(text)
        end = max(min(self.column + columns, LAST_COLUMN), self.column + 1)
        if rows > 1:
            self.covered |= dict.fromkeys(range(self.column, end), len(self.rows) + rows - 1)
        row.extend([""] * (end - len(row)))
        self.column = min(end, LAST_COLUMN)


def tidy(text: str) -> str:
    """Single spaces, lines kept, nothing invisible."""
    lines = (" ".join(line.split()) for line in INVISIBLE.sub("", text).split("\n"))
    return "\n".join(line for line in lines if line)


def escape(text: str) -> str:
    """Text as text: a line that only looks like a heading, a quote or a table is marked as none."""
    return STRUCTURAL.sub(r"\\\1", text)


def is_wide(rows: list[list[str]]) -> bool:
    return any(len(row) > WIDE_COLUMNS or sum(map(len, row)) > WIDE_ROW for row in rows)


def pipe_row(row: list[str], width: int) -> str:
    cells = [cell.replace("|", "\\|") for cell in row] + [""] * (width - len(row))
    return "| " + " | ".join(cells) + " |"


def record(names: list[str], row: list[str]) -> str:
    """A row as `column: value` lines, without its empty cells."""
    lines = []
    for index, value in enumerate(row):
        if value:
            name = names[index] if index < len(names) and names[index] else f"column {index + 1}"
            lines.append(f"{name}: {value}")
    return escape("\n".join(lines))
