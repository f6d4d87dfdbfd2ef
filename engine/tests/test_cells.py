"""Cells of tables stand in their columns, whatever spans columns and rows around them."""

import zipfile

import pytest
from hostile import docx
from reader import reader
from workbooks import open_document


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    with reader(tmp_path_factory.mktemp("texts")) as running:
        yield running


def pipes(*rows: str) -> str:
    """A table as it is written: cells parted by commas."""
    lines = ["| " + " | ".join(row.split(",")) + " |" for row in rows]
    return "\n".join([lines[0], "|" + " --- |" * (rows[0].count(",") + 1), *lines[1:]]) + "\n"


HTML = {
    "rows": ("<tr><th>Coast<th>Pier<th>Boats<tr><td rowspan=2>North<td>Lund<td>1<tr><td>Skarvik<td>2<tr><td>South<td>Ornsund<td>3",
             pipes("Coast,Pier,Boats", "North,Lund,1", ",Skarvik,2", "South,Ornsund,3")),
    "rows in the middle": ("<tr><th>A<th>B<th>C<tr><td>1<td rowspan=3>x<td>2<tr><td>3<td>4<tr><td>5<td>6<tr><td>7<td>8<td>9",
                           pipes("A,B,C", "1,x,2", "3,,4", "5,,6", "7,8,9")),
    "rows and columns": ("<tr><th>A<th>B<th>C<th>D<tr><td>1<td rowspan=2 colspan=2>x<td>2<tr><td>3<td>4",
                         pipes("A,B,C,D", "1,x,,2", "3,,,4")),
    "two at once": ("<tr><th rowspan=2>A<th colspan=2>B<th rowspan=2>C<tr><td>b1<td>b2<tr><td>1<td>2<td>3<td>4",
                    pipes("A,B,,C", ",b1,b2,", "1,2,3,4")),
    "to the group's end": ("<thead><tr><th>A<th>B<tbody><tr><td rowspan=0>x<td>1<tr><td>2<tbody><tr><td>3<td>4",
                           pipes("A,B", "x,1", ",2", "3,4")),
    "beyond the group's end": ("<thead><tr><th rowspan=9>A<th>B<tbody><tr><td>1<td>2", pipes("A,B", "1,2")),
    "no number": ("<tr><th>A<th>B<tr><td rowspan=x>1<td colspan=-2>2<tr><td rowspan=²>3<td>4", pipes("A,B", "1,2", "3,4")),
}


@pytest.mark.parametrize("table, expected", HTML.values(), ids=HTML)
def test_spans_of_a_page(engine, tmp_path, table, expected):
    (tmp_path / "upload").write_text(f"<html><body><table>{table}</table></body></html>")
    assert engine.text(tmp_path / "upload", "a.html") == expected


@pytest.mark.parametrize("table, expected", HTML.values(), ids=HTML)
def test_spans_of_a_book(engine, tmp_path, table, expected):
    with zipfile.ZipFile(tmp_path / "upload", "w") as file:
        file.writestr("mimetype", "application/epub+zip")
        file.writestr("META-INF/container.xml", '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
                      '<rootfile full-path="book.opf"/></rootfiles></container>')
        file.writestr("book.opf", '<package xmlns="http://www.idpf.org/2007/opf"><manifest><item id="one" href="one.xhtml" '
                      'media-type="application/xhtml+xml"/></manifest><spine><itemref idref="one"/></spine></package>')
        file.writestr("one.xhtml", f"<html><body><table>{table}</table></body></html>")
    assert engine.text(tmp_path / "upload", "a.epub") == expected


def test_a_span_of_everything_takes_no_memory(engine, tmp_path):
    rows = "<tr><td rowspan=65534 colspan=1000>x<td>1" + "<tr><td>2" * 300
    (tmp_path / "upload").write_text(f"<html><body><table>{rows}</table></body></html>")
    assert engine.text(tmp_path / "upload", "a.html").count("2") == 300


def word_cell(text: str, properties: str = "") -> str:
    return f"<w:tc><w:tcPr>{properties}</w:tcPr><w:p><w:r><w:t>{text}</w:t></w:r></w:p></w:tc>"


def word_row(*cells: str, properties: str = "") -> str:
    return f"<w:tr><w:trPr>{properties}</w:trPr>{''.join(cells)}</w:tr>"


HEAD = word_row(*map(word_cell, "ABC"))
WORD = {
    "a row that begins further right": (word_row(word_cell("1"), word_cell("2"), properties='<w:gridBefore w:val="1"/>'), ",1,2"),
    "a row that ends before": (word_row(word_cell("1"), properties='<w:gridAfter w:val="2"/>'), "1,,"),
    "both": (word_row(word_cell("1"), properties='<w:gridBefore w:val="1"/><w:gridAfter w:val="1"/>'), ",1,"),
    "a wide cell": (word_row(word_cell("1", '<w:gridSpan w:val="2"/>'), word_cell("2")), "1,,2"),
    "a cell that was wide": (word_row(word_cell("1", '<w:tcPrChange><w:tcPr><w:gridSpan w:val="2"/></w:tcPr></w:tcPrChange>'), word_cell("2")), "1,2,"),
    "a row that began further right": (word_row(word_cell("1"), word_cell("2"), properties='<w:trPrChange><w:trPr><w:gridBefore w:val="1"/></w:trPr>'
                                                '</w:trPrChange>'), "1,2,"),
    "a tall cell": (word_row(word_cell("1", '<w:vMerge w:val="restart"/>'), word_cell("2"), word_cell("3"))
                    + word_row(word_cell("", "<w:vMerge/>"), word_cell("4"), word_cell("5")), "1,2,3 ,4,5"),
    "no number": (word_row(word_cell("1", '<w:gridSpan w:val="²"/>'), word_cell("2"), properties='<w:gridBefore w:val="-1"/>'), "1,2,"),
}


@pytest.mark.parametrize("rows, expected", WORD.values(), ids=WORD)
def test_spans_of_a_docx(engine, tmp_path, rows, expected):
    docx(tmp_path / "upload", f"<w:tbl>{HEAD}{rows}</w:tbl>")
    assert engine.text(tmp_path / "upload", "a.docx") == pipes("A,B,C", *expected.split(" "))


def open_cell(text: str, attributes: str = "") -> str:
    return f"<table:table-cell {attributes}><text:p>{text}</text:p></table:table-cell>"


COVERED = "<table:covered-table-cell/>"
OPEN = {
    "a tall cell": ("<r>" + open_cell("1", 'table:number-rows-spanned="2"') + open_cell("2") + open_cell("3") + "</r><r>" + COVERED + open_cell("4")
                    + open_cell("5") + "</r>", "1,2,3 ,4,5"),
    "a wide cell": ("<r>" + open_cell("1", 'table:number-columns-spanned="2"') + COVERED + open_cell("2") + "</r>", "1,,2"),
    "covered cells that are counted": ("<r>" + open_cell("1", 'table:number-columns-spanned="2"')
                                       + '<table:covered-table-cell table:number-columns-repeated="1"/>' + open_cell("2") + "</r>", "1,,2"),
    "repeated cells": ("<r>" + open_cell("1", 'table:number-columns-repeated="2"') + open_cell("2") + "</r>", "1,1,2"),
    "repeated rows": ('<r table:number-rows-repeated="2">' + open_cell("1") + open_cell("2") + open_cell("3") + "</r>", "1,2,3 1,2,3"),
    "no number": ("<r>" + open_cell("1", 'table:number-columns-repeated="²"') + open_cell("2") + "</r>", "1,2,"),
}


@pytest.mark.parametrize("rows, expected", OPEN.values(), ids=OPEN)
def test_spans_of_an_odt(engine, tmp_path, rows, expected):
    rows = "<r>" + "".join(map(open_cell, "ABC")) + "</r>" + rows
    rows = rows.replace("<r>", "<table:table-row>").replace("<r ", "<table:table-row ").replace("</r>", "</table:table-row>")
    open_document(tmp_path / "upload", "text", f"<office:text><table:table>{rows}</table:table></office:text>")
    assert engine.text(tmp_path / "upload", "a.odt") == pipes("A,B,C", *expected.split(" "))


def test_a_cell_far_to_the_right_stays_there(engine, tmp_path):
    """Sixty empty cells as one, and a cell behind them."""
    rows = [f'<table:table-cell table:number-columns-repeated="60"/>{open_cell(word)}' for word in ("boats", "3")]
    body = "".join(f"<table:table-row>{open_cell('x')}{row}</table:table-row>" for row in rows)
    open_document(tmp_path / "upload", "text", f"<office:text><table:table>{body}</table:table></office:text>")
    assert engine.text(tmp_path / "upload", "a.odt") == "x: x\nboats: 3\n"
