"""Where a PDF page's lines stand to each other: side by side, in rows of a table, in columns."""

import re
from dataclasses import replace

from .pdf_lines import Line

MARKER = re.compile(r"^(?:[•◦▪‣●○■□∙·–—-]|\(?\w{1,3}[.)])$")  # a list item's, alone
DEEPEST_INDENT = 40  # columns
LEADER = re.compile(r" … (\d{1,4}|[ivxlc]{1,7})$")


def same_row(last: Line, line: Line) -> bool:
    """Whether two lines stand side by side, as cells of a table do, or text behind a raised note's number."""
    return line.left >= last.right and min(abs(last.bottom - line.top), abs(last.top - line.top)) < 0.45 * line.size


def find_rows(lines: list[Line]) -> list[Line]:
    """The page's lines with rows of tables marked by their cells: pieces side by side are one line,
    and one line alone with a wide gap in it is no table."""
    merged: list[Line] = []
    for line in lines:
        last = merged[-1] if merged else None
        if last and not last.mono and not line.mono and same_row(last, line) and line.left - last.right > 2 * line.size:
            cells = [*(last.cells or [(last.left, last.right, last.text)]), *(line.cells or [(line.left, line.right, line.text)])]
            merged[-1] = replace(last, text=f"{last.text} {line.text}", right=line.right, bottom=line.bottom, cells=cells)
        else:
            merged.append(line)
    kept: set[int] = set()
    group: list[int] = []  # rows so far that may be one table
    for index, line in enumerate([*merged, None]):
        last = merged[group[-1]] if group else None
        if line and last and not line.cells and goes_on_in_cell(merged[index - 1], line, last):
            continue
        if line and last and is_row(line) and len(line.cells) == len(last.cells) and 0 < merged[index - 1].bottom - line.top < 3 * line.size:
            group.append(index)
            continue
        if len(group) > 1:
            kept.update(group)
        group = [index] if line and is_row(line) else []
    return [line if index in kept or not line.cells else replace(line, cells=[]) for index, line in enumerate(merged)]


def goes_on_in_cell(before: Line, line: Line, row: Line) -> bool:
    """Whether a line is more of a cell of the row above: it begins where a later cell does."""
    return (0 < before.bottom - line.top < 1.6 * line.size and not line.mono
            and any(abs(line.left - cell[0]) < 3 for cell in row.cells[1:]))


def is_row(line: Line) -> bool:
    """Whether a line with gaps can be a table's row: no list item behind its marker, no line of contents."""
    return len(line.cells) > 1 and not MARKER.match(line.cells[0][2]) and not LEADER.search(line.text)


def in_columns(lines: list[Line]) -> list[list[str]]:
    """Rows of cells, each in the column it overlaps most or is nearest to."""
    columns = max((line.cells for line in lines), key=len)
    rows = []
    for line in lines:
        row = [""] * len(columns)
        for left, right, text in line.cells:
            distances = [max(left - other[1], other[0] - right) for other in columns]
            at = distances.index(min(distances))
            row[at] = f"{row[at]} {text}".strip()
        rows.append(row)
    return rows


def column(line: Line) -> int:
    return round(line.left / 4)


def right_edges(lines: list[Line]) -> dict[int, float]:
    edges: dict[int, float] = {}
    for line in lines:
        edges[column(line)] = max(edges.get(column(line), 0.0), line.right)
    return edges


def usual_gap(lines: list[Line]) -> float:
    """The median distance of a page's baselines, in points."""
    gaps = sorted(a.bottom - b.top for a, b in zip(lines, lines[1:]) if 0.5 * b.size < a.bottom - b.top < 3 * b.size)
    return gaps[len(gaps) // 2] if gaps else 12.0


def indented(text: str, lines: list[Line]) -> str:
    """Code with its indentation, from where each line begins."""
    texts = text.split("\n")
    if len(texts) != len(lines):
        return text
    left = min(line.left for line in lines)
    width = 0.6 * (lines[0].size or 10)
    return "\n".join(" " * min(round((line.left - left) / width), DEEPEST_INDENT) + code for line, code in zip(lines, texts))
