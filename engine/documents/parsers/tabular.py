"""CSV and TSV, a row at a time: a pipe table, or `column: value` lines where that would be too wide."""

import csv
import io
import itertools
import re
from collections import Counter
from typing import Iterator

from .blocks import WIDE_COLUMNS, WIDE_ROW, Blocks, pipe_row, record, tidy
from .document import Output, Parsed, ParseError, Source
from .encoding import decoded, detect

MAX_COLUMNS = 2000
MAX_FIELD = 4 << 20  # characters; more in one field is a quote that was never closed
LONGEST_LINE = 16 << 20  # characters
SAMPLE_ROWS = 50  # rows that decide on the delimiter, the header and the shape
DELIMITERS = ",;\t|"
SEPARATOR = re.compile(r"""^"?sep=([^"\r\n])"?\r?\n?$""", re.IGNORECASE)  # Excel's own first line, which says the delimiter


def read(source: Source, out: Output) -> Parsed:
    encoding = detect(source, out)
    said = SEPARATOR.match(next(lines(decoded(source.path, encoding)), ""))
    if said:
        delimiter = said[1]
    else:
        delimiter = "\t" if source.suffix in (".tsv", ".tab") else sniff(decoded(source.path, encoding))
    rows = Rows(lines(decoded(source.path, encoding)), delimiter, out)
    if said:
        rows.skip_line()
    head = list(itertools.islice(rows, SAMPLE_ROWS))
    if not head:
        raise ParseError("empty", "the table has no rows", "Upload a table with a header and at least one row.")
    if has_header(head):
        names, body = head[0], head[1:]
    else:
        names, body = [f"column {index + 1}" for index in range(len(head[0]))], head
        out.warn("no_header", "the first row does not look like column names, so columns are numbered")
    blocks = Blocks(out)
    write(itertools.chain(body, rows), names, is_wide(head), blocks)
    blocks.end()
    rows.report()
    return Parsed("tsv" if delimiter == "\t" else "csv")


def write(rows: Iterator[list[str]], names: list[str], wide: bool, blocks: Blocks) -> None:
    """A table: one that is wide as a paragraph of `column: value` lines for each row."""
    if wide:
        for row in rows:
            if text := record(names, row):
                blocks.block("paragraph", text)
        return
    blocks.block("table", pipe_row(names, len(names)) + "\n|" + " --- |" * len(names))
    for row in rows:
        blocks.out.write("\n" + pipe_row(row, len(names)))


def is_wide(rows: list[list[str]]) -> bool:
    """Decided once, by the first rows: a table does not change its shape halfway."""
    widths = sorted(sum(map(len, row)) for row in rows)
    return len(rows[0]) > WIDE_COLUMNS or widths[len(widths) * 9 // 10] > WIDE_ROW


class Rows:
    """The table's rows, tidied; empty ones are passed over."""

    def __init__(self, text: Iterator[str], delimiter: str, out: Output):
        csv.field_size_limit(MAX_FIELD)
        self.out = out
        self.reader = csv.reader(text, delimiter=delimiter, strict=True)
        self.width = 0  # columns of the first row; 0 before it
        self.uneven = self.first_uneven = 0
        self.began = 1  # line on which the row being read begins

    def skip_line(self) -> None:
        next(self.reader)

    def __iter__(self) -> Iterator[list[str]]:
        return self

    def __next__(self) -> list[str]:
        while True:
            self.began = self.reader.line_num + 1
            try:
                row = next(self.reader)
            except csv.Error as error:
                raise self.explain(error) from error
            if len(row) > MAX_COLUMNS:
                raise ParseError("too_many_columns", f"line {self.began} has {len(row)} columns; {MAX_COLUMNS} are allowed",
                                 "Leave out the columns that nobody will ask about.")
            row = [tidy(cell).replace("\n", " ") for cell in row]
            if any(row):
                self.width = self.width or len(row)
                if len(row) != self.width:
                    self.uneven += 1
                    self.first_uneven = self.first_uneven or self.began
                return row

    def explain(self, error: csv.Error) -> ParseError:
        what = str(error)
        if "unexpected end of data" in what or "field larger" in what:
            return ParseError("csv_invalid", f"a quote that opens in the row on line {self.began} is never closed",
                              "Close it, or write a quote inside a field twice (\"\").")
        return ParseError("csv_invalid", f"the row on line {self.began} cannot be read: {what}",
                          "Put fields with quotes in quotes, and write each quote inside them twice (\"\").")

    def report(self) -> None:
        if self.uneven:
            self.out.warn("uneven_rows", f"{self.uneven} rows have another number of columns than the first row's {self.width}, "
                          f"the first on line {self.first_uneven}")


def lines(text: Iterator[str]) -> Iterator[str]:
    """Lines with their ends, as csv wants them, of text in blocks."""
    rest = ""
    for block in text:
        rest += block
        # A "\r" at the very end may be half of a "\r\n".
        end = max(rest.rfind("\n"), rest.rfind("\r", 0, len(rest) - 1)) + 1
        yield from io.StringIO(rest[:end], newline="")
        rest = rest[end:]
        if len(rest) > LONGEST_LINE:
            raise ParseError("csv_invalid", f"the table has a line of more than {LONGEST_LINE} characters",
                             "Check that its rows end with line breaks.")
    yield from io.StringIO(rest, newline="")


def sniff(text: Iterator[str]) -> str:
    """The delimiter that cuts the first rows most evenly into most columns."""
    head = list(itertools.islice(lines(text), SAMPLE_ROWS))
    best, delimiter = (0.0, 0), ","
    for candidate in DELIMITERS:
        try:
            widths = [len(row) for row in csv.reader(head, delimiter=candidate) if row]
        except csv.Error:
            continue
        if not widths:
            continue
        width, count = Counter(widths).most_common(1)[0]
        if width > 1 and (count / len(widths), width) > best:
            best, delimiter = (count / len(widths), width), candidate
    return delimiter


def has_header(rows: list[list[str]]) -> bool:
    """Names: all there, all different, none a number, where a row below has one or the kind differs."""
    first = rows[0]
    filled = [cell for cell in first if cell]
    return len(set(filled)) == len(filled) > 0 and len(filled) * 2 > len(first) and not any(is_number(cell) for cell in filled)


def is_number(text: str) -> bool:
    return text.strip("%€$£ ").replace(",", "").replace(".", "").replace("-", "").isdigit()
