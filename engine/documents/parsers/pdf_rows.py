"""How far a PDF page's lines stand from each other: side by side, below, indented."""

from .pdf_lines import Line

DEEPEST_INDENT = 40  # columns


def same_row(last: Line, line: Line) -> bool:
    """Whether two lines stand side by side, as cells of a table do, or text behind a raised note's number."""
    return line.left >= last.right and min(abs(last.bottom - line.top), abs(last.top - line.top)) < 0.45 * line.size


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
