"""PDFs with a table on each page, and what each of their cells says: drawn by PDFium itself, which knows the fonts' widths.

    python engine/tests/tables.py [--tables 2000] [--seed 1]

Prints the share of cells that the reader puts under the right heading and in the right row, by font, and the tables that
went wrong without a warning.
"""

import argparse
import ctypes
import random
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pypdfium2
import pypdfium2.raw as pdfium

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

FONTS = ["Helvetica", "Times-Roman", "Helvetica-Bold", "Times-Italic"]
SIZES = [7, 8, 9, 10, 11, 12, 14, 16]
WORDS = ("Skarvik Ornsund Aller Tvis Jylland Wick Ulm Æble Zürich Öre ferry pier harbour glaze kiln clay Monday Tuesday Winter total "
         "mean left right open closed Jette Adam Yvonne Vera TOTAL Average Mixed daily weekly none").split()


@dataclass
class Table:
    rows: list[list[str]]
    font: str
    size: float
    ruled: str
    by_row: bool
    before: str
    after: str


def cell_text(kind: str, dice: random.Random) -> str:
    match kind:
        case "number":
            return str(dice.choice([1, 11, 17, 140, 402, 1111, dice.randrange(10_000), -dice.randrange(100)]))
        case "money":
            return f"{dice.choice(['$', '€', ''])}{dice.randrange(1, 2000)}.{dice.randrange(100):02}"
        case "date":
            return f"{dice.randrange(1, 28):02}.{dice.randrange(1, 13):02}.20{dice.randrange(10, 30)}"
        case "share":
            return f"{dice.randrange(100)} %"
        case "words":
            return " ".join(dice.choices(WORDS, k=dice.randint(2, 4)))
    return dice.choice(WORDS)


def make_table(dice: random.Random) -> tuple[Table, list[str], list[float]]:
    """A table, its columns' alignment and the space between them in ems."""
    columns, count = dice.randint(2, 6), dice.randint(3, 10)
    kinds = ["word"] + [dice.choice(["number", "number", "money", "date", "share", "word", "words"]) for _ in range(columns - 1)]
    if columns > 4:
        kinds = ["word" if kind == "words" else kind for kind in kinds]
    rows = [[" ".join(dice.choices(WORDS, k=dice.choice([1, 1, 2]))).capitalize() for _ in kinds]]
    empty = dice.choice([0, 0, 0.1])
    rows += [["" if index and dice.random() < empty else cell_text(kind, dice) for index, kind in enumerate(kinds)] for _ in range(count)]
    table = Table(rows, dice.choice(FONTS), dice.choice(SIZES), dice.choice(["none", "lines", "grid"]), dice.random() < 0.7,
                  "The following was counted at the piers in the summer and written down by hand.", "Nothing else was counted in that summer.")
    aligned = ["left"] + [dice.choice(["left", "right", "centre"]) for _ in kinds[1:]]
    return table, aligned, [dice.uniform(1.5, 4) for _ in kinds]


class Drawing:
    def __init__(self) -> None:
        self.document = pypdfium2.PdfDocument.new()
        self.fonts: dict[str, object] = {}

    def width(self, font: str, size: float, text: str) -> float:
        item = self.item(font, size, text)
        edges = [ctypes.c_float() for _ in range(4)]
        pdfium.FPDFPageObj_GetBounds(item, *edges)
        pdfium.FPDFPageObj_Destroy(item)
        return edges[2].value

    def item(self, font: str, size: float, text: str):
        if font not in self.fonts:
            self.fonts[font] = pdfium.FPDFText_LoadStandardFont(self.document.raw, font.encode())
        item = pdfium.FPDFPageObj_CreateTextObj(self.document.raw, self.fonts[font], size)
        units = (text + "\0").encode("utf-16-le")
        pdfium.FPDFText_SetText(item, (ctypes.c_ushort * (len(units) // 2)).from_buffer_copy(units))
        return item

    def write(self, page, font: str, size: float, x: float, y: float, text: str) -> None:
        item = self.item(font, size, text)
        pdfium.FPDFPageObj_Transform(item, 1, 0, 0, 1, x, y)
        pdfium.FPDFPage_InsertObject(page.raw, item)

    def line(self, page, x1: float, y1: float, x2: float, y2: float) -> None:
        path = pdfium.FPDFPageObj_CreateNewPath(x1, y1)
        pdfium.FPDFPath_LineTo(path, x2, y2)
        pdfium.FPDFPath_SetDrawMode(path, 0, True)
        pdfium.FPDFPage_InsertObject(page.raw, path)

    def table(self, table: Table, aligned: list[str], spaces: list[float]) -> None:
        size, font = table.size, table.font
        widths = [max(self.width(font, size, row[index]) for row in table.rows) for index in range(len(aligned))]
        lefts, x = [], 60.0
        for width, space in zip(widths, spaces):
            lefts.append(x)
            x += width + space * size
        page = self.document.new_page(max(595.0, x + 40), 842)
        pitch, top = size * 1.5, 760 - 2 * size
        self.write(page, font, size, 60, 790, table.before)
        placed = []
        for number, row in enumerate(table.rows):
            for index, text in enumerate(row):
                spare = widths[index] - self.width(font, size, text) if text else 0
                shift = {"left": 0, "right": spare, "centre": spare / 2}[aligned[index]]
                if text:
                    placed.append((index, number, lefts[index] + shift, top - number * pitch, text))
        for _, _, x_at, y_at, text in placed if table.by_row else sorted(placed):
            self.write(page, font, size, x_at, y_at, text)
        bottom = top - (len(table.rows) - 1) * pitch - 0.4 * size
        if table.ruled != "none":
            for number in range(len(table.rows) + 1):
                self.line(page, 56, top + size - number * pitch, x, top + size - number * pitch)
        if table.ruled == "grid":
            for left in [*lefts, x]:
                self.line(page, left - 4, top + size, left - 4, bottom)
        self.write(page, font, size, 60, bottom - 40, table.after)
        pdfium.FPDFPage_GenerateContent(page.raw)
        page.close()


def draw(path: Path, tables: list[tuple[Table, list[str], list[float]]]) -> None:
    drawing = Drawing()
    for table, aligned, spaces in tables:
        drawing.table(table, aligned, spaces)
    drawing.document.save(path)
    drawing.document.close()


def read(path: Path) -> tuple[str, list[str]]:
    """The reader's text and the codes of its warnings."""
    from documents.parsers import pdf
    from documents.parsers.document import Output, Source

    folder = path.parent
    with (folder / "out.txt").open("w+b") as file:
        out, data = Output(file, 1 << 30, folder), path.read_bytes()
        pdf.read(Source(path, path.name, len(data), data[:4096], data[-2048:]), out)
        file.seek(0)
        return file.read().decode(), [warning["code"] for warning in out.warnings]


def cells_of(text: str) -> list[list[str]]:
    """The rows of every pipe table in the text, or of the paragraphs that wide tables become."""
    rows = []
    for line in text.splitlines():
        if line.startswith("| ") and not line.startswith("| ---"):
            rows.append([cell.strip() for cell in line[2:-1].split(" | ")])
    return [[cell.replace("|", "").strip() for cell in row] for row in rows]


def right_cells(table: Table, text: str) -> int:
    """How many cells stand in their row and under their heading."""
    found = cells_of(text)
    return sum(
        number < len(found) and index < len(found[number]) and found[number][index] == cell
        for number, row in enumerate(table.rows) for index, cell in enumerate(row))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", type=int, default=5, help="wrong tables to print")
    arguments = parser.parse_args()
    cells, right, silent, shown = Counter(), Counter(), 0, 0
    with tempfile.TemporaryDirectory(prefix="atelier-tables-") as folder:
        for number in range(arguments.tables):
            made = make_table(random.Random(f"{arguments.seed}:{number}"))
            path = Path(folder) / "table.pdf"
            draw(path, [made])
            text, warnings = read(path)
            table = made[0]
            count = sum(map(len, table.rows))
            good = right_cells(table, text)
            cells[table.font] += count
            right[table.font] += good
            silent += good < count and "table_unsure" not in warnings
            if good < count and shown < arguments.show:
                shown += 1
                print(f"--- {number}: {table.font} {table.size} {made[1]} {table.ruled} by row {table.by_row}, {good} of {count}, {warnings}")
                print("\n".join(" | ".join(row) for row in table.rows))
                print(text)
    for font in cells:
        print(f"{font}: {right[font]} of {cells[font]} cells, {right[font] / cells[font]:.2%}")
    print(f"all: {sum(right.values()) / sum(cells.values()):.3%}; {silent} of {arguments.tables} tables with a wrong cell and no warning")


if __name__ == "__main__":
    main()
