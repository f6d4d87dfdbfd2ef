"""Workbooks (XLSX, XLSB, XLS, ODS) by calamine: each visible sheet is a table as a CSV file is one.

Cells have the values that the spreadsheet program computed last, with all of their digits. Formats of numbers are not
followed: 50 % is 0.5. What a workbook holds beside its cells is told by the parts of its container.
"""

import datetime
import functools
import itertools
import math
import re
from decimal import Decimal
from typing import Any, Iterator

import python_calamine as calamine

from . import tabular
from .blocks import Blocks, tidy
from .container import Container, office_leftovers
from .document import Output, Parsed, ParseError, Source, some
from .workbook_texts import Cell, cell_texts

AGAIN = "Open it in a spreadsheet program, save it anew, and upload that."
SUFFIXES = {"xlsx": (".xlsx", ".xlsm", ".xltx", ".xltm"), "xlsb": (".xlsb",), "xls": (".xls", ".xlt"), "ods": (".ods", ".ots")}
CELL = re.compile(rb'<c r="([A-Z]{1,3})([0-9]{1,7})"')
MAX_CELLS = 20_000_000  # of a sheet, empty ones included: 32 bytes each
# A cell with a formula and no value: what programs write that do not compute.
UNCOMPUTED = rb"(?:</f>|<f\b[^<>]*/>)\s*(?:<v\s*/>|<v></v>)?\s*</c>"


def read(source: Source, out: Output, kind: str) -> Parsed:
    try:
        return read_workbook(source, out, kind)
    except Exception:
        raise
    except BaseException as error:  # a Rust library's assertion, which no handler of exceptions is meant to see
        if type(error).__name__ != "PanicException":
            raise
        raise ParseError("damaged", f"the workbook cannot be read: {str(error).splitlines()[0]}", AGAIN) from None


def read_workbook(source: Source, out: Output, kind: str) -> Parsed:
    container = Container(source.path) if kind != "xls" else None
    blocks = Blocks(out)
    if kind == "xlsx":
        for part in container.names("xl/worksheets/sheet"):
            check_span(container, part)
    with source.path.open("rb") as file, open_workbook(file) as book:
        texts = cell_texts(container, kind) if container else {}
        sheets = [sheet for sheet in book.sheets_metadata if sheet.typ == calamine.SheetTypeEnum.WorkSheet]
        shown = [sheet.name for sheet in sheets if sheet.visible == calamine.SheetVisibleEnum.Visible]
        for name in shown:
            if len(shown) > 1:
                blocks.heading(1, name)
            try:
                sheet = book.get_sheet_by_name(name)
                left = sheet.start[1] if sheet.start else 0
                write_sheet(name, corrected(sheet.iter_rows(), left, texts[name]() if name in texts else iter(())), blocks)
            except calamine.CalamineError as error:
                raise ParseError("damaged", f"the sheet {name!r} cannot be read: {error}", AGAIN) from error
        hidden = [sheet.name for sheet in sheets if sheet.name not in shown]
        others = [sheet.name for sheet in book.sheets_metadata if sheet.typ != calamine.SheetTypeEnum.WorkSheet]
    blocks.end()
    if hidden:
        out.warn("hidden", f"hidden sheets were left out ({len(hidden)}): {some(hidden)}")
    if others:
        out.warn("drawings", f"sheets that are a chart or a macro were left out ({len(others)}): {some(others)}")
    if container is None:
        out.warn("cells_only", "of an XLS file the cells are read; comments, charts, pictures, text boxes, macros and error values (#DIV/0!), if it has any, were left out")
    else:
        office_leftovers(container, out)
        warn_xml(container, kind, out)
    return Parsed(kind, title=shown[0] if len(shown) == 1 and not re.fullmatch(r"\D+1", shown[0]) else None)


def check_span(container: Container, part: str) -> None:
    """A sheet is held as the rectangle around its cells: a single one far away makes it a large one."""
    columns: set[bytes] = {b"A"}
    row, rest = 1, b""
    for block in container.blocks(part):
        rest += block
        whole = rest.rfind(b">") + 1
        places = CELL.findall(rest, 0, whole)
        columns.update(column for column, _ in places)
        row = int(places[-1][1]) if places else row  # rows stand in their order
        rest = rest[whole:]
    last = max(columns, key=lambda column: (len(column), column))
    width = functools.reduce(lambda sum, letter: 26 * sum + letter - 64, last, 0)
    if width * row > MAX_CELLS:
        raise ParseError("too_much_memory", f"a sheet reaches to cell {last.decode()}{row}: {width * row} cells, of which {MAX_CELLS} are allowed",
                         "Delete the cells that stand far away from the table, or save the sheets as CSV.")


def open_workbook(file: Any) -> calamine.CalamineWorkbook:
    try:
        return calamine.CalamineWorkbook.from_filelike(file)
    except calamine.PasswordError as error:
        raise ParseError("encrypted", "the workbook is encrypted with a password", "Remove the password and upload it again.") from error
    except (calamine.CalamineError, ValueError, OSError) as error:
        raise ParseError("damaged", f"the workbook cannot be read: {error}", AGAIN) from error


def write_sheet(name: str, cells: Iterator[list[Any]], blocks: Blocks) -> None:
    rows = table_rows(name, cells)
    head = list(itertools.islice(rows, tabular.SAMPLE_ROWS))
    # Titles and notes above the table: rows of one cell.
    while len(head) > 1 and sum(map(bool, head[0])) == 1 and max(sum(map(bool, row)) for row in head) > 1:
        blocks.paragraph(" ".join(filter(None, head.pop(0))))
    if not head:
        return
    if max(sum(map(bool, row)) for row in head) == 1:  # a list or a text in one column
        for row in itertools.chain(head, rows):
            blocks.paragraph(" ".join(filter(None, row)))
        return
    if tabular.has_header(head):
        names, body = head[0], head[1:]
    else:
        names, body = [f"column {index + 1}" for index in range(len(head[0]))], head
        blocks.out.warn("no_header", f"the first row of the sheet {name!r} does not look like column names, so columns are numbered")
    tabular.write(itertools.chain(body, rows), names, tabular.is_wide(head), blocks)


def corrected(rows: Iterator[list[Any]], left: int, texts: Iterator[Cell]) -> Iterator[list[Any]]:
    """Rows that begin with the column `left`, with the texts of cells that calamine has rounded or emptied."""
    text = next(texts, None)
    for number, row in enumerate(rows):
        while text and text.row <= number:
            at = text.column - left
            # A day whose fraction has many digits stays one.
            if text.row == number and 0 <= at < len(row) and (row[at] == "" or isinstance(row[at], float)):
                row[at] = text.text
            text = next(texts, None)
        yield row


def table_rows(name: str, cells: Iterator[list[Any]]) -> Iterator[list[str]]:
    """Rows that say something."""
    for number, row in enumerate(cells, 1):
        if len(row) > tabular.MAX_COLUMNS:
            raise ParseError("too_many_columns", f"the sheet {name!r} has {len(row)} columns; {tabular.MAX_COLUMNS} are allowed",
                             "Leave out the columns that nobody will ask about.")
        texts = [tidy(show(value)).replace("\n", " ") for value in row]
        if any(texts):
            yield texts


def show(value: Any) -> str:
    match value:
        case bool():
            return "TRUE" if value else "FALSE"
        case float() if value.is_integer() and abs(value) < 1 << 53:
            return str(int(value))
        case float() if math.isfinite(value) and 1e-7 <= abs(value) < 1e21:
            return f"{Decimal(repr(value)):f}"  # the fewest digits that no other number shares
        case datetime.datetime() if value.time() == datetime.time():
            return value.date().isoformat()
        case datetime.datetime():
            return value.isoformat(" ", "seconds")
        case datetime.date() | datetime.time():
            return value.isoformat()
    return str(value)


def warn_xml(container: Container, kind: str, out: Output) -> None:
    """What stands in the XML of the sheets beside the cells."""
    uncomputed = heads = links = boxes = comments = readings = 0
    if kind == "ods":
        boxes, links, comments = container.count("content.xml", rb"<table:shapes\b", rb"<text:a\b", rb"<office:annotation\b")
        heads = sum(container.count("styles.xml", rb"<style:(?:header|footer)(?:-left|-first)?>\s*<")) if "styles.xml" in container else 0
    elif kind == "xlsx":
        for part in container.names("xl/worksheets/sheet"):
            uncomputed += container.count(part, UNCOMPUTED, end=b"</c>")[0]
            heads += container.count(part, rb"<(?:odd|even|first)(?:Header|Footer)>")[0]
        if "xl/sharedStrings.xml" in container:
            readings = container.count("xl/sharedStrings.xml", rb"<rPh\b")[0]
        for part in container.names("xl/worksheets/_rels/"):
            links += container.count(part, rb"TargetMode=\"External\"")[0]
        for part in container.names("xl/drawings/"):
            boxes += container.count(part, rb"<a:t>")[0] if part.endswith(".xml") else 0
    for count, code, words in (
            (uncomputed, "formulas", "cells are empty, since their formulas have no value: open the workbook in a spreadsheet program, save it "
             "and upload that"),
            (heads, "headers_footers", "headers and footers of printed pages were left out"), (links, "links", "addresses of links were left out"),
            (boxes, "drawings", "text boxes and shapes were left out"), (comments, "comments", "comments were left out"),
            (readings, "ruby", "readings of characters (ruby) were left out")):
        if count:
            out.warn(code, f"{words} ({count})")
