"""Tables and columns of PDFs, as they stand on the page and not as they were drawn."""

import random

import pytest
import tables
from reader import codes, reader

PROSE = (
    "The ferry leaves the pier at half past seven and takes the longer way round the island, since the sound is too shallow for it "
    "when the wind has blown from the east for two days. Passengers who want to see the seals should stand on the left side and keep "
    "their voices down. The captain stops the engine for a minute or two, unless he is late, which he mostly is. Nobody has ever "
    "complained. On the way back the light is better and the seals are asleep, and whoever has brought a flask of coffee shares it. "
)


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    with reader(tmp_path_factory.mktemp("texts")) as reading:
        yield reading


def page(path, drawn: list[tuple[str, float, float, float, str]]):
    """A PDF of one page: font, size, x, y and text of each piece, in the order drawn."""
    drawing = tables.Drawing()
    sheet = drawing.document.new_page(595, 842)
    for font, size, x, y, text in drawn:
        drawing.write(sheet, font, size, x, y, text)
    tables.pdfium.FPDFPage_GenerateContent(sheet.raw)
    drawing.document.save(path)
    drawing.document.close()
    return path


def wrapped(text: str, width: int) -> list[str]:
    lines, line = [], ""
    for word in text.split():
        if len(line) + len(word) + 1 > width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
    return [*lines, line]


@pytest.mark.parametrize("font, size", [("Helvetica", 11), ("Helvetica", 10), ("Helvetica", 14), ("Times-Roman", 14), ("Times-Italic", 16)])
def test_a_number_stands_under_its_heading_however_far_right_its_first_glyph_is_drawn(engine, tmp_path, font, size):
    rows = [["Pier", "Ferries", "Cars"], ["Skarvik", "22", "140"], ["Ornsund", "15", "402"], ["Jette", "11", "1111"], ["Vera", "17", "Mixed"]]
    path = page(tmp_path / "cells.pdf", [
        (font, size, 72 + 120 * column, 700 - 1.5 * size * number, text) for number, row in enumerate(rows) for column, text in enumerate(row)])
    assert tables.cells_of(engine.text(path)) == rows


def test_generated_tables_are_read_right_or_with_a_warning(engine, tmp_path):
    cells = right = 0
    for number in range(60):
        made = tables.make_table(random.Random(f"test:{number}"))
        path = tmp_path / f"{number}.pdf"
        tables.draw(path, [made])
        reply, out = engine.answer(path)
        count, good = sum(map(len, made[0].rows)), tables.right_cells(made[0], out.read_text())
        assert good == count or "table_unsure" in codes(reply), (number, made[0].rows, out.read_text())
        cells, right = cells + count, right + good
    assert right >= 0.995 * cells


@pytest.mark.parametrize("columns", [2, 3])
@pytest.mark.parametrize("by_row", [True, False])
def test_columns_of_text_are_read_one_after_the_other(engine, tmp_path, columns, by_row):
    size, width = 9, {2: 46, 3: 28}[columns]
    lines = wrapped(PROSE * 2, width)
    height = -(-len(lines) // columns)
    places = [(index // height, index % height, line) for index, line in enumerate(lines)]
    if by_row:
        places.sort(key=lambda place: (place[1], place[0]))
    drawn = [("Times-Roman", 16, 50, 780, "The seals")]
    drawn += [("Helvetica", size, 50 + 500 / columns * column, 740 - 12 * row, line) for column, row, line in places]
    text = engine.text(page(tmp_path / "columns.pdf", drawn))
    assert " ".join(text.split()) == "# The seals " + " ".join((PROSE * 2).split())


def test_a_table_between_columns_of_text_stays_a_table(engine, tmp_path):
    lines = wrapped(PROSE, 46)
    half = len(lines) // 2
    drawn = [("Helvetica", 9, 50 + 250 * (index >= half), 740 - 12 * (index % half), line) for index, line in enumerate(lines[: 2 * half])]
    rows = [["Pier", "Ferries", "Cars"], ["Skarvik", "22", "140"], ["Ornsund", "15", "402"]]
    drawn += [("Helvetica", 9, 50 + 120 * column, 560 - 14 * number, text) for number, row in enumerate(rows) for column, text in enumerate(row)]
    text = engine.text(page(tmp_path / "both.pdf", drawn))
    assert tables.cells_of(text) == rows
    assert " ".join(lines[:half]) in " ".join(text.split())


def test_two_addresses_side_by_side_stay_whole(engine, tmp_path):
    sender = ["Harbour Office of Skarvik", "Pier 3, second floor", "9001 Skarvik"]
    receiver = ["Mrs Jette Aller of Ornsund", "Lighthouse Road 12", "9020 Ornsund"]
    drawn = [("Helvetica", 10, x, 760 - 14 * row, line) for x, block in ((60, sender), (330, receiver)) for row, line in enumerate(block)]
    text = " ".join(engine.text(page(tmp_path / "letter.pdf", [*drawn, ("Helvetica", 10, 60, 640, "Dear Mrs Aller, the ferry is late.")])).split())
    assert " ".join(sender) in text and " ".join(receiver) in text


def test_wide_gaps_in_a_justified_text_make_no_table(engine, tmp_path):
    chance, drawn, lines = random.Random(3), [], wrapped(PROSE * 2, 70)
    for row, line in enumerate(lines):
        left = 60.0
        for word in line.split():
            drawn.append(("Helvetica", 11, left, 740 - 16 * row, word))
            left += 6.2 * len(word) + chance.choice([3, 3, 3, 16])
    reply, out = engine.answer(page(tmp_path / "justified.pdf", drawn))
    assert "|" not in out.read_text() and codes(reply) == []
    # Without spaces: some words were drawn too close to each other to tell.
    assert "".join(out.read_text().split()) == "".join((PROSE * 2).split())


def test_list_markers_and_lines_of_contents_are_no_table(engine, tmp_path):
    drawn = []
    for number in range(4):
        drawn += [("Helvetica", 11, 60, 700 - 16 * number, f"{number + 1}."), ("Helvetica", 11, 90, 700 - 16 * number, f"Point number {number} of it")]
    text = engine.text(page(tmp_path / "list.pdf", drawn))
    assert "|" not in text and "Point number 3 of it" in text


def test_a_page_of_a_hundred_thousand_pieces_is_read_within_the_limits(engine, tmp_path):
    from hostile import FONT, pdf, stream

    pieces = b"".join(b"BT /F 1 Tf %d %d Td (x) Tj ET\n" % (number % 300 * 4, 800 - number // 300 * 2) for number in range(100_000))
    path = tmp_path / "many.pdf"
    path.write_bytes(pdf([b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Count 1/Kids[4 0 R]>>", FONT,
                          b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 1300 842]/Resources<</Font<</F 3 0 R>>>>/Contents 5 0 R>>", stream(pieces)]))
    reply, out = engine.answer(path)
    assert "error" not in reply and out.read_text().count("x") == 100_000
