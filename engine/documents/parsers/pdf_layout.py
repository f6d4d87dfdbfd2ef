"""Where the pieces of a PDF page stand to each other: rows of tables, and columns of text side by side.

A PDF draws pieces of text in any order. Here they are looked at as a reader of the page sees them: pieces on one
height are a row; rows with several pieces, one below the other, are a region; what no piece of a region stands on,
from its top to its bottom, is a gutter between columns. A region whose columns are full of running text is read
column by column, any other as a table.
"""

import re
from dataclasses import dataclass, replace
from statistics import median

from .pdf_lines import Line

MARKER = re.compile(r"^(?:[•◦▪‣●○■□∙·–—-]|\(?\w{1,3}[.)])$")  # a list item's, alone
LEADER = re.compile(r" … (\d{1,4}|[ivxlc]{1,7})$")
SAME_HEIGHT = 0.35  # of the font's size
FARTHEST_ROW = 3.0  # font sizes between the baselines of two rows of a region
WRAPPED = 1.6  # the same, between the lines of one cell
FEWEST_LINES = 4  # of a column of running text
MOST_ROWS = 500  # of a region; where nothing ends one, this does
MOST_PIECES = 5000  # of a region, and
MOST_COLUMNS = 60  # beyond either it is no table that anybody could read


@dataclass(slots=True)
class Piece:
    """Text without a wide gap in it."""

    left: float
    right: float
    text: str
    line: Line
    order: int  # of its line among the page's

    def overlap(self, left: float, right: float) -> float:
        return min(self.right, right) - max(self.left, left)


@dataclass(slots=True)
class Row:
    """Pieces on one height, from left to right."""

    height: float
    size: float
    pieces: list[Piece]


def arrange(lines: list[Line]) -> tuple[list[Line], int]:
    """The page's lines in reading order, rows of tables as lines with a cell for each column; and how many regions are a
    guess: the column of a cell, or whether short lines side by side are a table."""
    rows = visual_rows(lines)
    result: list[tuple[float, list[Line]]] = []  # what stands where, by the first of its lines
    taken: set[int] = set()
    unsure = 0
    for region in regions(rows):
        columns = columns_of(region)
        if len(columns) < 2 or not stands_in(region, columns):
            continue
        members = {piece.order for row in region for piece in row.pieces}
        if is_running_text(region, columns):
            arranged, guessed = column_by_column(region, columns), False
        elif is_drawn_apart(region) and not is_table_like(region, columns):
            unsure += median(len(piece.text.split()) for row in region for piece in row.pieces) < 3
            continue
        else:
            arranged, guessed = table(region, columns)
            guessed |= is_drawn_apart(region) and len(columns) == 2 and not has_numbers([piece for row in region for piece in row.pieces])
        unsure += guessed
        taken |= members
        result.append((min(members), arranged))
    result += [(order, [without_cells(line)]) for order, line in enumerate(lines) if order not in taken]
    return [line for _, arranged in sorted(result, key=lambda entry: entry[0]) for line in arranged], unsure


def without_cells(line: Line) -> Line:
    return replace(line, cells=[]) if line.cells else line


def visual_rows(lines: list[Line]) -> list[Row]:
    """All pieces by height, from the top of the page."""
    pieces = []
    for order, line in enumerate(lines):
        if line.mono or line.size <= 0 or abs(line.top - line.bottom) > SAME_HEIGHT * line.size or LEADER.search(line.text):
            pieces.append(Piece(line.left, line.left, "", line, order))  # stands alone, and parts what is above and below
        elif line.cells:
            pieces += [Piece(left, right, text, line, order) for left, right, text in line.cells]
        else:
            pieces.append(Piece(line.left, line.right + 0.5 * line.size, line.text, line, order))
    rows: list[Row] = []
    for piece in sorted(pieces, key=lambda piece: (-piece.line.top, piece.left)):
        size = piece.line.size
        if rows and piece.text and rows[-1].pieces[0].text and abs(rows[-1].height - piece.line.top) < SAME_HEIGHT * min(size, rows[-1].size):
            rows[-1].pieces.append(piece)
        else:
            rows.append(Row(piece.line.top, size, [piece]))
    for row in rows:
        row.pieces.sort(key=lambda piece: piece.left)
    return rows


def can_be_row(row: Row) -> bool:
    """Whether a row can be a table's or stand in columns: no list item behind its marker, no note's number."""
    if len(row.pieces) < 2 or MARKER.match(row.pieces[0].text):
        return False
    return all(after.left - before.right > 0.8 * row.size for before, after in zip(row.pieces, row.pieces[1:]))


def regions(rows: list[Row]) -> list[list[Row]]:
    """Runs of rows that belong together: at least two with several pieces, and rows of one piece between and under them."""
    found: list[list[Row]] = []
    region: list[Row] = []
    widest: Row | None = None
    for row in rows:
        near = bool(region) and region[-1].height - row.height < FARTHEST_ROW * max(region[-1].size, row.size)
        alike = bool(region) and abs(row.size - region[-1].size) < 0.25 * region[-1].size
        several = can_be_row(row)
        if near and alike and row.pieces[0].text and len(region) < MOST_ROWS and (several or fits(row, widest)):
            region.append(row)
        else:
            found.append(region)
            region, widest = ([row], None) if several else ([], None)
        if several and (widest is None or len(row.pieces) > len(widest.pieces)):
            widest = row
    found.append(region)
    return [trimmed for region in found if len(trimmed := trim(region)) > 1 and sum(can_be_row(row) for row in trimmed) > 1]


def fits(row: Row, widest: Row) -> bool:
    """Whether a row of one piece stands within a column of the region's widest row: it reaches into no other one."""
    if len(row.pieces) != 1:
        return False
    piece = row.pieces[0]
    return sum(piece.overlap(other.left, other.right) > 0 for other in widest.pieces) <= 1 and piece.left <= widest.pieces[-1].right


def trim(region: list[Row]) -> list[Row]:
    """Without the rows at its end that the paragraph below a table may be: those of one piece that go on in no cell, and
    do not look like the rows above either."""
    end = len(region)
    while end and len(region[end - 1].pieces) == 1:
        row, above = region[end - 1], region[: end - 1]
        several = [other for other in above if len(other.pieces) > 1]
        if several and goes_on(row, above[-1], several[-1]) or is_spaced_like(row, above, several):
            break
        end -= 1
    return region[:end]


def goes_on(row: Row, above: Row, several: Row) -> bool:
    """Whether a row is one more line of a cell behind the first."""
    return row.pieces[0].left > several.pieces[0].right and above.height - row.height < WRAPPED * row.size


def is_spaced_like(row: Row, above: list[Row], several: list[Row]) -> bool:
    """Whether a row of a first cell alone stands as far below the others as they do, and is no wider than their first cells."""
    if len(above) < 3:
        return False
    pitch = median(upper.height - lower.height for upper, lower in zip(above, above[1:]))
    widest = max(other.pieces[0].right for other in several)
    return abs(above[-1].height - row.height - pitch) < 0.1 * pitch and row.pieces[0].right <= widest + 0.5 * row.size


def columns_of(region: list[Row]) -> list[tuple[float, float]]:
    """The columns, from left to right: what lies between the gutters that most rows leave free."""
    rows = [row for row in region if len(row.pieces) > 1]
    columns: list[tuple[float, float]] = []
    # Wide pieces may span columns: the narrow ones are laid down first, and a piece that would join two is left out.
    pieces = [piece for row in rows for piece in row.pieces]
    if len(pieces) > MOST_PIECES:
        return []
    for piece in sorted(pieces, key=lambda piece: piece.right - piece.left):
        touched = [column for column in columns if piece.overlap(*column) > 0]
        if len(touched) > 1:
            continue
        columns = [column for column in columns if column not in touched]
        columns.append((min([piece.left, *(left for left, _ in touched)]), max([piece.right, *(right for _, right in touched)])))
        if len(columns) > MOST_COLUMNS:
            return []
    # Narrow pieces of one column need not touch each other (a centred one): columns that no row has both of are one.
    columns.sort()
    index = 0
    while index + 1 < len(columns):
        both = any(
            any(piece.overlap(*columns[index]) > 0 for piece in row.pieces) and any(piece.overlap(*columns[index + 1]) > 0 for piece in row.pieces)
            for row in rows)
        if both:
            index += 1
        else:
            columns[index : index + 2] = [(columns[index][0], columns[index + 1][1])]
    return columns


def stands_in(region: list[Row], columns: list[tuple[float, float]]) -> bool:
    """Whether the pieces keep to the columns: wide gaps in a justified text are at another place in each line."""
    cells = pieces = across = 0
    for row in region:
        cells += len({column_at(piece, columns) for piece in row.pieces})
        pieces += len(row.pieces)
        across += sum(sum(piece.overlap(*column) > 0.2 * piece.line.size for column in columns) > 1 for piece in row.pieces)
    return across <= 0.1 * pieces and cells >= 0.9 * pieces and cells >= 0.5 * len(region) * len(columns)


def column_at(piece: Piece, columns: list[tuple[float, float]]) -> int:
    """The column a piece overlaps most, or is nearest to."""
    return max(range(len(columns)), key=lambda index: piece.overlap(*columns[index]))


def is_running_text(region: list[Row], columns: list[tuple[float, float]]) -> bool:
    """Whether the columns are text to be read one after the other: long lines that fill them and go on in the next."""
    if len(columns) > 3:
        return False
    for index, (left, right) in enumerate(columns):
        texts = [piece for row in region for piece in row.pieces if column_at(piece, columns) == index]
        if len(texts) < FEWEST_LINES:
            return False
        words = median(len(piece.text.split()) for piece in texts)
        fill = median((piece.right - piece.left) / (right - left) for piece in texts)
        goes_on = sum(
            after.text[:1].islower() or before.text[-1:] not in ".!?:;" for before, after in zip(texts, texts[1:])) / (len(texts) - 1)
        if words < 3 or fill < 0.7 or goes_on < 0.6 or not any(piece.text[:1].islower() for piece in texts):
            return False
    return True


def is_drawn_apart(region: list[Row]) -> bool:
    """Whether the pieces were drawn column by column."""
    orders = [piece.order for row in region for piece in row.pieces]
    return orders != sorted(orders)


def is_table_like(region: list[Row], columns: list[tuple[float, float]]) -> bool:
    """Whether a region drawn column by column is a table: of short pieces in three columns, with numbers, or in four rows.
    Two addresses side by side are seldom any of these."""
    pieces = [piece for row in region for piece in row.pieces]
    words = sorted(len(piece.text.split()) for piece in pieces)
    full = sum(len(row.pieces) > 1 for row in region)
    if words[int(0.7 * (len(words) - 1))] > 4:
        return False
    return (len(columns) > 2 or has_numbers(pieces)) and full >= 2 or full >= 4 and median(words) <= 2


def has_numbers(pieces: list[Piece]) -> bool:
    """Whether at least a quarter of the pieces are numbers, amounts or dates."""
    return sum(2 * sum(map(str.isdigit, piece.text)) >= len(piece.text.replace(" ", "")) for piece in pieces) >= 0.25 * len(pieces)


def column_by_column(region: list[Row], columns: list[tuple[float, float]]) -> list[Line]:
    lines = []
    for index in range(len(columns)):
        for row in region:
            pieces = [piece for piece in row.pieces if column_at(piece, columns) == index]
            if pieces:
                text = " ".join(piece.text for piece in pieces)
                lines.append(replace(pieces[0].line, text=text, left=pieces[0].left, right=pieces[-1].right, top=row.height, bottom=row.height, cells=[]))
    return lines


def table(region: list[Row], columns: list[tuple[float, float]]) -> tuple[list[Line], bool]:
    """A line for each row with a cell for each column, and whether a cell's column is a guess."""
    guessed = False
    lines: list[Line] = []
    pitch = median([above.height - below.height for above, below in zip(region, region[1:])] or [0])
    for number, row in enumerate(region):
        texts = [""] * len(columns)
        for piece in row.pieces:
            at = column_at(piece, columns)
            guessed |= bool(texts[at]) or sum(piece.overlap(*column) > 0.2 * row.size for column in columns) > 1
            texts[at] = f"{texts[at]} {piece.text}".strip()
        gap = region[number - 1].height - row.height if number else 0
        if lines and not texts[0] and gap < WRAPPED * row.size and (sum(map(bool, texts)) == 1 or gap < 0.8 * pitch):
            lines[-1] = replace(lines[-1], cells=[
                (left, right, joined(before, text)) for (left, right, before), text in zip(lines[-1].cells, texts)], bottom=row.height)
            continue
        first, last = row.pieces[0], row.pieces[-1]
        lines.append(replace(
            first.line, text=" ".join(filter(None, texts)), left=first.left, right=last.left, top=row.height, bottom=row.height,
            cells=[(left, right, text) for (left, right), text in zip(columns, texts)]))
    return lines, guessed


def joined(before: str, text: str) -> str:
    """A cell and its next line; a hyphen at the end may be the typesetter's, which the flow decides."""
    if before.endswith("-") and text[:1].islower():
        return before[:-1] + "\ufffe" + text
    return f"{before} {text}".strip()
