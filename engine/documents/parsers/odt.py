"""ODT: the content's XML read as a stream of events.

What is left out is in features.py. Scripts and embedded objects are never opened.
"""

import re
from dataclasses import dataclass, field

from .blocks import LAST_COLUMN, Blocks, Grid, says
from .container import Container, Handler, office_leftovers, properties
from .document import Output, Parsed, ParseError, Source, metadata, title_of

SKIPPED = {"text:tracked-changes", "office:annotation", "text:table-of-content", "text:alphabetical-index", "text:illustration-index",
           "text:table-index", "text:hidden-text", "office:forms", "text:note-citation", "text:sequence-decls", "text:user-field-decls",
           "text:variable-decls", "text:ruby-text", "office:scripts", "style:header", "style:footer", "svg-compatible:title", "svg-compatible:desc"}
INDEXES = {"text:table-of-content", "text:alphabetical-index", "text:illustration-index", "text:table-index"}
MOST_ROWS = 1000  # that a row of a table is repeated to
QUOTE = re.compile(r"quot", re.IGNORECASE)
CODE = re.compile(r"preformatted|\bcode\b|source", re.IGNORECASE)


@dataclass
class Paragraph:
    heading: int = 0
    style: str = ""
    hidden: bool = False
    text: list[str] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class Table:
    grid: Grid = field(default_factory=Grid)
    cell: list[str] = field(default_factory=list)
    in_cell: bool = False
    repeat: int = 1  # of the cell
    repeat_row: int = 1
    notes: list[tuple[str, str]] = field(default_factory=list)


def repeats(attributes: dict[str, str], name: str) -> int:
    """How often a cell or a row stands there; 1 where that is no number."""
    value = attributes.get(name, "")
    return int(value) if value.isdecimal() and len(value) < 8 else 1


class Styles(Handler):
    """Automatic and common styles: parents, display names, which hide, which lists are numbered."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.parents: dict[str, str] = {}
        self.hidden: set[str] = set()
        self.numbered: dict[tuple[str, int], int] = {}  # (list style, level from 1) → first number
        self.style = self.list = ""

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        match tag:
            case "style:style":
                self.style = attributes.get("style:name", "")
                self.names[self.style] = attributes.get("style:display-name", self.style)
                self.parents[self.style] = attributes.get("style:parent-style-name", "")
            case "style:text-properties" if attributes.get("text:display") == "none" and self.style:
                self.hidden.add(self.style)
            case "text:list-style":
                self.list, self.style = attributes.get("style:name", ""), ""
            case "text:list-level-style-number" if attributes.get("style:num-format"):
                level, start = attributes.get("text:level", "1"), attributes.get("text:start-value", "1")
                if level.isdecimal() and start.isdecimal():
                    self.numbered[self.list, int(level)] = int(start)

    def chain(self, name: str) -> list[str]:
        found: list[str] = []
        while name and name not in found and len(found) < 20:
            found.append(name)
            name = self.parents.get(name, "")
        return found

    def hides(self, name: str) -> bool:
        return any(style in self.hidden for style in self.chain(name))

    def named(self, name: str, pattern: re.Pattern[str]) -> bool:
        return any(pattern.search(self.names.get(style, style).replace("_20_", " ")) for style in self.chain(name))


class Document(Handler):
    def __init__(self, styles: Styles, blocks: Blocks):
        self.styles, self.blocks = styles, blocks
        self.skip = 0
        self.paragraphs: list[Paragraph] = []
        self.tables: list[Table] = []
        self.lists: list[list] = []  # [style name, items so far, marker still to be written]
        self.hidden_spans: list[bool] = []
        self.links: list[tuple[str, int]] = []
        self.note: tuple[str, list[str]] | None = None  # a footnote being read
        self.listing: list[str] = []
        self.title: str | None = None
        self.deletions = self.pictures = self.comments = self.hidden = self.contents = self.controls = self.addresses = self.readings = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if self.skip or tag in SKIPPED:
            self.skip += 1
            self.deletions += tag == "text:deletion"
            self.comments += tag == "office:annotation"
            self.hidden += tag == "text:hidden-text"
            self.contents += tag in INDEXES
            self.readings += tag == "text:ruby-text"
            self.controls += tag.startswith("form:") and "form:label" in attributes or tag == "form:text"
            return
        match tag:
            case "text:p" | "text:h":
                level = attributes.get("text:outline-level", "1")
                style = attributes.get("text:style-name", "")
                self.paragraphs.append(Paragraph(int(level) if tag == "text:h" and level.isdecimal() else 0, style, self.styles.hides(style)))
            case "text:list":
                inherited = self.lists[-1][0] if self.lists else ""
                self.lists.append([attributes.get("text:style-name", inherited), 0, False])
            case "text:list-item" if self.lists:
                self.lists[-1][1:] = [self.lists[-1][1] + 1, True]
            case "table:table":
                self.tables.append(Table())
            case "table:table-row" if self.tables:
                self.tables[-1].grid.start_row()
                self.tables[-1].repeat_row = repeats(attributes, "table:number-rows-repeated")
            case "table:table-cell" | "table:covered-table-cell" if self.tables:
                table = self.tables[-1]
                table.cell, table.in_cell, table.repeat = [], True, repeats(attributes, "table:number-columns-repeated")
            case "drawing:image":
                self.pictures += 1
            case "drawing:control":
                self.controls += 1
            case _ if self.paragraphs:
                self.inside(tag, attributes)

    def inside(self, tag: str, attributes: dict[str, str]) -> None:
        match tag:
            case "text:span":
                self.hidden_spans.append(self.styles.hides(attributes.get("text:style-name", "")))
            case "text:s":
                count = attributes.get("text:c", "1")
                self.text(" " * (min(int(count), 200) if count.isdecimal() and len(count) < 5 else 1))
            case "text:tab":
                self.text("\t")
            case "text:line-break":
                self.text("\n")
            case "text:a":
                self.links.append((attributes.get("xlink:href", ""), len(self.paragraphs[-1].text)))
            case "text:hidden-paragraph":
                self.paragraphs[-1].hidden = attributes.get("text:is-hidden", "true") == "true"
            case "text:note" if self.note is None:
                number = attributes.get("text:id", "").removeprefix("ftn").removeprefix("edn")
                name = f"e{number}" if attributes.get("text:note-class") == "endnote" else number
                self.text(f"[^{name}]")
                self.note = (name, [])

    def text(self, data: str) -> None:
        if self.skip or not self.paragraphs:
            return
        if any(self.hidden_spans):
            self.hidden += bool(data.strip())
            return
        # The file's own line ends are spaces; a break is an element and comes as a lone "\n".
        self.paragraphs[-1].text.append(data if data in ("\n", "\t") or data.isspace() else re.sub(r"\s+", " ", data))

    def end(self, tag: str) -> None:
        if self.skip:
            self.skip -= 1
            return
        match tag:
            case "text:span" if self.hidden_spans:
                self.hidden_spans.pop()
            case "text:a" if self.links and self.paragraphs:
                self.end_link(*self.links.pop())
            case "text:note" if self.note and self.paragraphs:
                self.paragraphs[-1].notes.append((self.note[0], " ".join(self.note[1])))
                self.note = None
            case "text:p" | "text:h" if self.paragraphs:
                self.finished(self.paragraphs.pop())
            case "text:list" if self.lists:
                self.lists.pop()
                if not self.lists and not self.tables:
                    self.blocks.end_list()
            case "table:table-cell" | "table:covered-table-cell" if self.tables:
                table = self.tables[-1]
                # Covered cells stand in the file where a cell beside or above spans their place.
                if text := " ".join(table.cell):
                    for _ in range(min(table.repeat, LAST_COLUMN)):
                        table.grid.put(text)
                else:  # repeated to the sheet's edge
                    table.grid.skip(table.repeat)
                table.in_cell = False
            case "table:table-row" if self.tables and (rows := self.tables[-1].grid.rows) and any(rows[-1]):
                rows.extend([rows[-1]] * (min(self.tables[-1].repeat_row, MOST_ROWS) - 1))
            case "table:table" if self.tables:
                self.end_table(self.tables.pop())

    def end_link(self, address: str, start: int) -> None:
        text = self.paragraphs[-1].text
        label = "".join(text[start:]).strip()
        if label and address.startswith(("http://", "https://")) and len(address) <= 200 and label not in address:
            text[start:] = [f"[{label}]({address})"]
        elif not says(label, address):
            self.addresses += 1

    def finished(self, paragraph: Paragraph) -> None:
        text = "".join(paragraph.text)
        if paragraph.hidden:
            self.hidden += bool(text.strip())
            return
        if self.note is not None:
            self.note[1].append(text)
            return
        if self.tables and self.tables[-1].in_cell:
            if text.strip():
                self.tables[-1].cell.append(text)
            self.tables[-1].notes += paragraph.notes
            return
        if self.styles.named(paragraph.style, CODE):
            self.listing.append(text)
            return
        if not text.strip():
            return
        self.end_listing()
        if not paragraph.heading and paragraph.style in self.styles.names and self.styles.names[paragraph.style].lower() == "title" or \
                paragraph.style == "Title":
            self.title = self.title or text
            self.blocks.heading(1, text)
        elif paragraph.heading:
            self.blocks.heading(paragraph.heading, text)
        elif self.lists:
            self.item(text)
        elif self.styles.named(paragraph.style, QUOTE):
            self.blocks.quote(text)
        else:
            self.blocks.paragraph(text)
        self.write_notes(paragraph.notes)

    def item(self, text: str) -> None:
        depth = len(self.lists)
        style, count, fresh = self.lists[-1]
        if not fresh:  # another paragraph of the same item
            self.blocks.prefixes.append("    " * depth)
            self.blocks.paragraph(text)
            self.blocks.prefixes.pop()
            return
        self.lists[-1][2] = False
        first = self.styles.numbered.get((style, depth))
        self.blocks.item(depth - 1, "-" if first is None else f"{first + count - 1}.", text)

    def end_table(self, table: Table) -> None:
        rows = table.grid.rows
        if self.tables:  # a table in a cell of another
            self.tables[-1].cell.append("; ".join(", ".join(filter(None, row)) for row in rows if any(row)))
            return
        self.end_listing()
        self.blocks.table(rows)
        self.write_notes(table.notes)

    def write_notes(self, notes: list[tuple[str, str]]) -> None:
        for name, text in notes:
            self.blocks.note(name, text)

    def end_listing(self) -> None:
        self.blocks.code("\n".join(self.listing))
        self.listing = []


class Encryption(Handler):
    found = False

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self.found = self.found or tag == "manifest:encryption-data"


def read(source: Source, out: Output) -> Parsed:
    container = Container(source.path)
    encryption = Encryption()
    if "META-INF/manifest.xml" in container:
        container.parse("META-INF/manifest.xml", encryption)
    if encryption.found:
        raise ParseError("encrypted", "the document is encrypted with a password", "Remove the password and upload it again.")
    if "content.xml" not in container:
        raise ParseError("damaged", "the ODT holds no content.xml", "Open it in a word processor, save it anew, and upload that.")
    styles = Styles()
    for part in ("styles.xml", "content.xml"):  # the content's automatic styles stand before its text
        if part in container:
            container.parse(part, styles)
    blocks = Blocks(out)
    document = Document(styles, blocks)
    container.parse("content.xml", document)
    document.end_listing()
    blocks.end()
    warn(container, document, out)
    values = properties(container, "meta.xml", out)
    return Parsed("odt", title=title_of(values.get("dc:title"), document.title, blocks.first_heading), metadata=metadata(
        author=values.get("dc:creator") or values.get("meta:initial-creator"), subject=values.get("dc:subject"),
        description=values.get("dc:description"), language=values.get("dc:language"),
        date=(values.get("dc:date") or values.get("meta:creation-date") or "")[:10]))


def warn(container: Container, document: Document, out: Output) -> None:
    office_leftovers(container, out, "macros", "charts", "embedded")
    if document.deletions:
        out.warn("tracked_changes", f"deletions of tracked changes were left out ({document.deletions}), insertions were taken in")
    heads = container.count("styles.xml", rb"<style:(?:header|footer)(?:-left|-first)?>")[0] if "styles.xml" in container else 0
    for count, code, words in (
            (document.hidden, "hidden", "hidden text was left out"), (document.comments, "comments", "comments were left out"),
            (heads, "headers_footers", "headers and footers of pages were left out"),
            (document.contents, "contents", "tables of contents and indexes were left out"),
            (document.pictures, "pictures", "pictures or drawings were left out, with their descriptions"),
            (document.controls, "forms", "form controls were left out"), (document.addresses, "links", "addresses of links were left out"),
            (document.readings, "ruby", "readings of characters (ruby) were left out")):
        if count:
            out.warn(code, f"{words} ({count})")
