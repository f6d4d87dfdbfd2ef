"""What a PDF's whole text tells of each line: the body's font size, what repeats, which words have hyphens."""

import re
from collections import Counter

from .pdf_lines import Line

MAX_COUNTED = 50_000  # different edge lines or words remembered
BODY_SHARE = 0.15  # of all characters; a larger font with more than that is text, not headings
HYPHENATED = re.compile(r"[^\W\d_]+-[^\W\d_]+")


class Statistics:
    """What is known of the whole document after the first pass."""

    def __init__(self) -> None:
        self.pages = 0
        self.characters = 0
        self.sizes: Counter[float] = Counter()  # characters by font size
        self.mono = 0
        self.edges: Counter[str] = Counter()  # pages on which a masked line stands at an edge
        self.bands: Counter[int] = Counter()  # pages with an edge line at that height
        self.shifts: Counter[int] = Counter()  # pages by (a number at an edge − the page's number)
        self.hyphenated: set[str] = set()
        self.pictures: list[int] = []  # numbers of pages with pictures and no text
        self.framed = 0  # pages with a picture and few lines: what repeats there is a frame around the picture
        self.failed: list[int] = []
        self.unread_notes = 0  # form fields and notes beyond what is read of a page
        self.left_out: Counter[str] = Counter()  # by the warning's code
        self.running_example = ""

    def count(self, lines: list[Line]) -> None:
        self.pages += 1
        for line in lines:
            self.characters += len(line.text)
            self.sizes[line.size] += len(line.text)
            self.mono += len(line.text) * line.mono
            if "-" in line.text and len(self.hyphenated) < MAX_COUNTED:
                self.hyphenated.update(word.lower() for word in HYPHENATED.findall(line.text))
        edges = edge_lines(lines)
        for text in {mask(line) for line in edges}:  # once a page: a line twice on one page is no running head
            if len(self.edges) < MAX_COUNTED or text in self.edges:
                self.edges[text] += 1
        self.bands.update(round(line.top / 4) for line in edges)
        self.shifts.update({number - self.pages for line in edges for number in outer_numbers(line.text)})

    def is_running(self, line: Line, page: int) -> bool:
        """Whether a line at a page's edge is a running head or a page number: it stands on
        most pages; or on several at a height where most pages have such a line; or it stands
        there and begins or ends with the number that this page has by the others' count."""
        text = mask(line)
        seen = self.edges[text]
        if seen * 2 > self.pages and seen >= (2 if is_page_number(text) else 3):
            return True
        band = round(line.top / 4)
        at_height = self.bands[band - 1] + self.bands[band] + self.bands[band + 1]
        if self.pages < 3 or at_height * 2 <= self.pages:
            return False
        numbered = any(self.shifts[number - page] * 2 > self.pages for number in outer_numbers(line.text))
        return numbered or (seen >= 3 and seen * 20 > self.pages)

    def headings(self) -> dict[float, int]:
        """Level by font size: what is clearly larger than the body, the largest first."""
        if not self.sizes:
            return {}
        body = self.sizes.most_common(1)[0][0]
        larger = sorted((size for size, count in self.sizes.items()
                         if size >= 1.1 * body and count <= BODY_SHARE * self.characters), reverse=True)
        levels: dict[float, int] = {}
        level, previous = 0, float("inf")
        for size in larger:
            if size < 0.96 * previous:
                level, previous = level + 1, size
            levels[size] = min(level, 6)
        return levels


def mask(line: Line) -> str:
    """A line with its numbers as one sign, so that page 3 and page 4 look alike; in its size,
    so that a book's title is not its running head."""
    text = re.sub(r"\d+", "#", line.text.casefold())
    return f"{line.size} " + ("#" if re.fullmatch(r"[ivxlc]{1,7}", text) else text)


def outer_numbers(text: str) -> list[int]:
    words = text.split()
    return [int(word) for word in {words[0], words[-1]} if word.isascii() and word.isdigit() and len(word) < 6] if words else []


def is_page_number(masked: str) -> bool:
    return bool(re.fullmatch(r"\S+ \W*(page|seite|p\.)?\W*#(\s*(/|of|von)\s*#)?\W*", masked))


def edge_lines(lines: list[Line]) -> list[Line]:
    """The two highest and two lowest lines of a page."""
    ordered = sorted(lines, key=lambda line: -line.top)
    return ordered if len(ordered) <= 4 else ordered[:2] + ordered[-2:]
