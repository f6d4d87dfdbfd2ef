"""DOCX: the document's XML read as a stream of events.

What is left out is in features.py. Macros (.docm) and embedded objects are never opened.
"""

import re
from dataclasses import dataclass, field

from .blocks import Blocks, Grid, says
from .container import Container, Handler, office_leftovers, properties
from .docx_styles import Numbering, Relations, Style, Styles, on
from .document import Output, Parsed, ParseError, Source, metadata, title_of

# w:pPrChange and its like hold formats as they were; mc:Fallback repeats mc:Choice.
SKIPPED = {"w:del", "w:moveFrom", "w:instrText", "w:delText", "w:pPrChange", "w:rPrChange", "w:sectPr", "w:tblPrChange",
           "w:tblPrExChange", "w:trPrChange", "w:tcPrChange", "mc:Fallback", "w:tblGrid", "w:rt"}
CONTENTS = re.compile(r"^(toc|contents|table of figures|index)( heading)?( \d+)?$", re.IGNORECASE)
QUOTE = re.compile(r"quot|^block text$", re.IGNORECASE)
HEADER = re.compile(r"word/(?:header|footer)[^/]*\.xml$")
CODE = re.compile(r"\bcode\b|preformatted|source", re.IGNORECASE)


@dataclass
class Paragraph:
    style: str = ""
    outline: int | None = None  # 0-based heading level given in the paragraph itself
    place: tuple[str, int] | None = None  # (numbering id, level)
    text: list[str] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)  # (kind, id) in order


@dataclass
class Table:
    grid: Grid = field(default_factory=Grid)
    cell: list[str] = field(default_factory=list)
    columns: int = 1  # that the cell spans
    notes: list[tuple[str, str]] = field(default_factory=list)


def columns(attributes: dict[str, str]) -> int:
    """A number of columns; Word has at most 63."""
    value = attributes.get("w:val", "")
    return min(int(value), 1000) if value.isdecimal() and len(value) < 10 else 0


class Body(Handler):
    """Reads paragraphs and tables; what becomes of a finished paragraph is the subclass's."""

    def __init__(self, styles: Styles, relations: dict[str, str]):
        self.styles, self.relations = styles, relations
        self.skip = 0
        self.paragraphs: list[Paragraph] = []  # a text box stands inside a paragraph
        self.tables: list[Table] = []
        self.links: list[tuple[str, int]] = []
        self.run_hidden = False
        self.reading = False  # whether characters are text (w:t), not a drawing's coordinates
        self.in_mark = False  # the format of a paragraph's end mark: not of its text
        self.numbers: dict[str, dict[str, int]] = {"footnote": {}, "endnote": {}}
        self.deletions = self.pictures = self.hidden = self.contents = self.fields = self.addresses = self.chunks = self.readings = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if self.skip or tag in SKIPPED:
            self.skip += 1
            self.deletions += tag in ("w:del", "w:moveFrom") and not self.in_mark
            self.readings += tag == "w:rt"
            return
        match tag:
            case "w:p":
                self.paragraphs.append(Paragraph())
            case "w:r":
                self.run_hidden = False
            case "w:t" | "m:t":
                self.reading = True
            case "w:pPr":
                self.in_mark = True
            case "w:tbl":
                self.tables.append(Table())
            case "w:tr" if self.tables:
                self.tables[-1].grid.start_row()
            case "w:gridBefore" if self.tables:  # the row begins further right; where it ends (w:gridAfter) moves no cell
                self.tables[-1].grid.skip(columns(attributes))
            case "w:tc" if self.tables:
                self.tables[-1].cell, self.tables[-1].columns = [], 1
            case "w:gridSpan" if self.tables:
                self.tables[-1].columns = max(columns(attributes), 1)
            case "w:altChunk":
                self.chunks += 1
            case _ if self.paragraphs:
                self.inside(tag, attributes, self.paragraphs[-1])

    def inside(self, tag: str, attributes: dict[str, str], paragraph: Paragraph) -> None:
        value = attributes.get("w:val", "")
        match tag:
            case "w:pStyle":
                paragraph.style = value
            case "w:outlineLvl" if value.isdecimal():
                paragraph.outline = int(value)
            case "w:ilvl" if value.isdecimal():
                paragraph.place = (paragraph.place[0] if paragraph.place else "", min(int(value), 8))
            case "w:numId":
                paragraph.place = (value, paragraph.place[1] if paragraph.place else 0)
            case "w:vanish" if not self.in_mark:
                self.run_hidden = on(value)
            case "w:rStyle" if not self.in_mark:
                self.run_hidden = self.run_hidden or self.styles.get(value).hidden
            case "w:tab" if not self.in_mark:
                self.add(" ")
            case "w:br" | "w:cr":
                self.add("\n" if attributes.get("w:type", "textWrapping") == "textWrapping" else " ")
            case "w:noBreakHyphen":
                self.add("-")
            case "w:footnoteReference" | "w:endnoteReference" if not self.run_hidden:
                note = (tag[2:-9], attributes.get("w:id", ""))
                paragraph.notes.append(note)
                self.add(f"[^{self.label(note)}]")
            case "w:hyperlink":
                self.links.append((self.relations.get(attributes.get("r:id", ""), ""), len(paragraph.text)))
            case "w:drawing" | "w:pict":
                self.pictures += 1
            case "w:ddList" | "w:checkBox":  # what is chosen is no text of the paragraph
                self.fields += 1

    def end(self, tag: str) -> None:
        if self.skip:
            self.skip -= 1
            return
        match tag:
            case "w:pPr":
                self.in_mark = False
            case "w:r":
                self.run_hidden = False
            case "w:t" | "m:t":
                self.reading = False
            case "w:hyperlink" if self.links:
                self.end_link(*self.links.pop())
            case "w:p" if self.paragraphs:
                self.finished(self.paragraphs.pop())
            case "w:tc" if self.tables:
                table = self.tables[-1]
                table.grid.put(" ".join(table.cell), table.columns)
                table.cell = []
            case "w:tbl" if self.tables:
                self.end_table(self.tables.pop())

    def text(self, data: str) -> None:
        if self.reading and not self.skip:
            self.add(data)

    def add(self, text: str) -> None:
        if self.paragraphs and not self.run_hidden:
            self.paragraphs[-1].text.append(text)
        elif self.paragraphs and text.strip():
            self.hidden += 1

    def end_link(self, address: str, start: int) -> None:
        if not self.paragraphs:
            return
        text = self.paragraphs[-1].text
        label = "".join(text[start:]).strip()
        if label and address.startswith(("http://", "https://")) and len(address) <= 200 and label not in address:
            text[start:] = [f"[{label}]({address})"]
        elif not says(label, address):
            self.addresses += 1

    def label(self, note: tuple[str, str]) -> str:
        """Notes are numbered as they come; endnotes apart, with an `e`."""
        numbers = self.numbers[note[0]]
        return ("e" if note[0] == "endnote" else "") + str(numbers.setdefault(note[1], len(numbers) + 1))

    def finished(self, paragraph: Paragraph) -> None:
        style = self.styles.get(paragraph.style)
        text = "".join(paragraph.text)
        if not text.strip():
            return
        if style.hidden or CONTENTS.match(style.name):
            self.hidden += style.hidden
            self.contents += not style.hidden
            return
        if self.paragraphs and not self.tables:  # a text box: its text stands before its anchor
            self.block(paragraph, style, text)
        elif self.tables:
            self.tables[-1].cell.append(text)
            self.tables[-1].notes += paragraph.notes
        else:
            self.block(paragraph, style, text)

    def end_table(self, table: Table) -> None:
        if self.tables:  # a table in a cell of another
            self.tables[-1].cell.append("; ".join(", ".join(filter(None, row)) for row in table.grid.rows if any(row)))
            self.tables[-1].notes += table.notes
        else:
            self.table(table)

    def block(self, paragraph: Paragraph, style: Style, text: str) -> None: ...

    def table(self, table: Table) -> None: ...


class Notes(Body):
    """Footnotes or endnotes, by id."""

    def __init__(self, styles: Styles, relations: dict[str, str]):
        super().__init__(styles, relations)
        self.found: dict[str, list[str]] = {}
        self.current = ""

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag in ("w:footnote", "w:endnote") and not self.skip:
            self.current = attributes.get("w:id", "") if attributes.get("w:type", "normal") == "normal" else ""
        super().start(tag, attributes)

    def block(self, paragraph: Paragraph, style: Style, text: str) -> None:
        if self.current:
            self.found.setdefault(self.current, []).append(text)

    def table(self, table: Table) -> None:
        if self.current:
            self.found.setdefault(self.current, []).extend(", ".join(row) for row in table.grid.rows)


class Document(Body):
    def __init__(self, styles: Styles, relations: dict[str, str], numbering: Numbering, notes: dict[str, dict[str, list[str]]],
                 blocks: Blocks):
        super().__init__(styles, relations)
        self.numbering, self.notes, self.blocks = numbering, notes, blocks
        self.listing: list[str] = []  # lines of code so far
        self.title: str | None = None

    def block(self, paragraph: Paragraph, style: Style, text: str) -> None:
        if CODE.search(style.name):
            self.listing.append(text)
            return
        self.end_listing()
        level = style.outline if paragraph.outline is None else paragraph.outline
        place = paragraph.place or style.place
        marker = self.numbering.marker(*place) if place and place[0] not in ("", "0") else ""
        if style.name.lower() == "title":
            self.title = self.title or text
            self.blocks.heading(1, text)
        elif level is not None and level < 9:
            self.blocks.heading(level + 1, f"{marker} {text}" if marker not in ("", "-") else text)
        elif marker and place:
            plain = marker == "-" or re.fullmatch(r"\d+[.)]", marker)
            self.blocks.item(place[1], marker if plain else "-", text if plain else f"{marker} {text}")
        elif QUOTE.search(style.name):
            self.blocks.quote(text)
        else:
            self.blocks.paragraph(text)
        self.write_notes(paragraph.notes)

    def table(self, table: Table) -> None:
        self.end_listing()
        self.blocks.table(table.grid.rows)
        self.write_notes(table.notes)

    def write_notes(self, notes: list[tuple[str, str]]) -> None:
        for note in notes:
            self.blocks.note(self.label(note), " ".join(self.notes[note[0]].get(note[1], [])))

    def end_listing(self) -> None:
        self.blocks.code("\n".join(self.listing))
        self.listing = []


def read(source: Source, out: Output) -> Parsed:
    container = Container(source.path)
    main = main_part(container)
    folder, _, base = main.rpartition("/")
    relations = Relations.read(container, f"{folder}/_rels/{base}.rels")
    styles = Styles()
    if f"{folder}/styles.xml" in container:
        container.parse(f"{folder}/styles.xml", styles)
    numbering = Numbering()
    if f"{folder}/numbering.xml" in container:
        container.parse(f"{folder}/numbering.xml", numbering)
    notes: dict[str, dict[str, list[str]]] = {"footnote": {}, "endnote": {}}
    readers: list[Body] = []
    for kind in notes:
        part = f"{folder}/{kind}s.xml"
        if part in container:
            reader = Notes(styles, Relations.read(container, f"{folder}/_rels/{kind}s.xml.rels"))
            container.parse(part, reader)
            notes[kind] = reader.found
            readers.append(reader)
    blocks = Blocks(out)
    document = Document(styles, relations, numbering, notes, blocks)
    container.parse(main, document)
    document.end_listing()
    blocks.end()
    warn(container, [document, *readers], out)
    values = properties(container, "docProps/core.xml", out)
    return Parsed("docx", title=title_of(values.get("dc:title"), document.title, blocks.first_heading), metadata=metadata(
        author=values.get("dc:creator"), subject=values.get("dc:subject"), description=values.get("dc:description"),
        language=values.get("dc:language"), date=(values.get("dcterms:modified") or values.get("dcterms:created") or "")[:10]))


def main_part(container: Container) -> str:
    """Where the text is: what the package names as its document, by default word/document.xml."""
    for target, kind in Relations.all(container, "_rels/.rels"):
        if kind.endswith("/officeDocument") and target.lstrip("/") in container:
            return target.lstrip("/")
    if "word/document.xml" in container:
        return "word/document.xml"
    raise ParseError("damaged", "the DOCX holds no document part (word/document.xml)",
                     "Open it in a word processor, save it anew, and upload that.")


def warn(container: Container, documents: list[Body], out: Output) -> None:
    def total(name: str) -> int:
        return sum(getattr(document, name) for document in documents)
    office_leftovers(container, out, "macros", "comments", "charts", "embedded")
    if count := total("deletions"):
        out.warn("tracked_changes", f"deletions of tracked changes were left out ({count}), insertions were taken in")
    heads = [name for name in container.entries if HEADER.match(name) and container.count(name, rb"<w:t[ >]")[0]]
    for count, code, words in (
            (total("hidden"), "hidden", "hidden text was left out"), (len(heads), "headers_footers", "headers and footers of pages were left out"),
            (total("contents"), "contents", "lines of tables of contents were left out"),
            (total("pictures"), "pictures", "pictures or drawings were left out, with their descriptions"),
            (total("fields"), "forms", "what is ticked or chosen in form fields was left out"),
            (total("addresses"), "links", "addresses of links were left out"),
            (total("readings"), "ruby", "readings of characters (ruby) were left out"), (total("chunks"), "embedded", "embedded documents were not opened")):
        if count:
            out.warn(code, f"{words} ({count})")
