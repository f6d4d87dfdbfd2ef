"""PDF: two passes over the pages, one in memory at a time.

The first pass reads each page's lines into a temporary file and counts what needs the whole
document: which font size is the body's, which lines repeat at the edges of pages, which words
carry a hyphen. The second writes the text. PDFs hold no structure that can be relied on, so
headings are told by their size, paragraphs by the space around them.
"""

import marshal
import re
import tempfile
from typing import IO, Callable, Iterator

import pypdfium2
import pypdfium2.raw as pdfium

from .document import Output, Parsed, ParseError, Source, metadata, some, title_of
from .pdf_flow import Flow
from .pdf_lines import Line, page_lines
from .pdf_notes import page_notes
from .pdf_statistics import Statistics, edge_lines

MAX_FAILING = 100  # pages in a row that cannot be loaded: a page tree that lies
REOPEN = 200  # pages after which the document is opened anew: PDFium keeps what it has parsed
DATE = re.compile(r"D:(\d{4})(\d{2})?(\d{2})?")
# Titles that a program wrote and nobody chose.
NO_TITLE = re.compile(r"^(untitled|microsoft word - .*|powerpoint.*|document\d*|.*\.(docx?|odt|tex|dvi|indd|qxd|pdf|rtf|html?))$",
                      re.IGNORECASE)


def open_document(source: Source) -> pypdfium2.PdfDocument:
    try:
        document = pypdfium2.PdfDocument(source.path)
        document.init_forms()  # before any page: a page loaded earlier does not know its fields
        return document
    except pypdfium2.PdfiumError as error:
        if getattr(error, "err_code", None) == pdfium.FPDF_ERR_PASSWORD:
            raise ParseError("encrypted", "the PDF is encrypted and asks for a password",
                             "Remove the password and upload it again.") from error
        why = str(error) if b"%%EOF" in source.tail else "its end is missing, it was cut off"
        raise ParseError("damaged", f"the PDF cannot be opened: {why}",
                         "Open it in a viewer, save or print it as a new PDF, and upload that.") from error


def pages(source: Source, statistics: Statistics) -> Iterator[tuple[list[Line], list[str]]]:
    """The lines of every page and what was added to it; empty where a page cannot be read."""
    document = open_document(source)
    failing = 0
    try:
        count = len(document)
        for index in range(count):
            if index % REOPEN == REOPEN - 1:
                document.close()
                document = open_document(source)
            try:
                page = document[index]
            except pypdfium2.PdfiumError:
                statistics.failed.append(index + 1)
                failing += 1
                if failing == MAX_FAILING:
                    return
                yield [], []
                continue
            failing = 0
            try:
                lines = list(page_lines(page))
                notes, more = page_notes(document, page, statistics.left_out)
                statistics.unread_notes += more
                if lines or notes:  # else the page is named as one of pictures
                    statistics.left_out["pictures"] += count_pictures(page)
                if len(lines) <= 4 and has_picture(page):
                    statistics.framed += 1
                    if not lines and not notes:
                        statistics.pictures.append(index + 1)
            except pypdfium2.PdfiumError:
                statistics.failed.append(index + 1)
                lines, notes = [], []
            finally:
                page.close()
            yield lines, notes
    finally:
        document.close()


def count_pictures(page: pypdfium2.PdfPage) -> int:
    count = pdfium.FPDFPage_CountObjects(page.raw)
    return sum(pdfium.FPDFPageObj_GetType(pdfium.FPDFPage_GetObject(page.raw, index)) == pdfium.FPDF_PAGEOBJ_IMAGE for index in range(count))


def has_picture(page: pypdfium2.PdfPage) -> bool:
    kinds = (pdfium.FPDF_PAGEOBJ_IMAGE, pdfium.FPDF_PAGEOBJ_FORM, pdfium.FPDF_PAGEOBJ_PATH)
    return next(page.get_objects(filter=kinds, max_depth=1), None) is not None


def read(source: Source, out: Output) -> Parsed:
    statistics = Statistics()
    with tempfile.TemporaryFile(dir=out.folder) as spool:
        for lines, notes in pages(source, statistics):
            statistics.count(lines)
            statistics.characters += sum(map(len, notes))
            marshal.dump(([line.pack() for line in lines], notes), spool)
        explain(source, statistics, out)
        flow, offsets = write(spool, statistics, out, statistics.is_running)
        if not out.visible and not statistics.framed:  # identical pages: nothing on them is a running head
            statistics.left_out["headers_footers"] = 0
            flow, offsets = write(spool, statistics, out, lambda line, page: False)
    if not out.visible:
        raise no_text(statistics)
    if flow.unsure:
        out.warn("table_unsure", f"on {len(flow.unsure)} of {statistics.pages} pages a table's cells may stand under another heading, or apart: "
                 f"page {some(flow.unsure)}")
    information = describe(source, statistics)
    warn(statistics, out)
    own = information.pop("Title", "")
    return Parsed("pdf", title=title_of(None if NO_TITLE.match(own.strip()) else own, flow.title), pages=offsets,
                  metadata=metadata(author=information.get("Author"), subject=information.get("Subject"),
                                    keywords=information.get("Keywords"), date=date(information.get("CreationDate", ""))))


def write(spool: IO[bytes], statistics: Statistics, out: Output, is_running: Callable[[Line, int], bool]) -> tuple[Flow, list[int]]:
    """The second pass; the flow it made and each page's offset."""
    spool.seek(0)
    flow = Flow(out, statistics.headings(), statistics.hyphenated, code=statistics.mono * 2 < statistics.characters)
    for page in range(1, statistics.pages + 1):
        packed, notes = marshal.load(spool)
        lines = [Line(*line) for line in packed]
        running = {id(line) for line in edge_lines(lines) if is_running(line, page)}
        statistics.left_out["headers_footers"] += len(running)
        if running and not statistics.running_example:
            statistics.running_example = next(line.text.strip() for line in lines if id(line) in running)
        flow.page([line for line in lines if id(line) not in running])
        flow.notes(notes)
    return flow, flow.end()


def describe(source: Source, statistics: Statistics) -> dict[str, str]:
    document = open_document(source)
    try:
        statistics.left_out["embedded"] += pdfium.FPDFDoc_GetAttachmentCount(document.raw)
        statistics.left_out["scripts"] += max(0, pdfium.FPDFDoc_GetJavaScriptActionCount(document.raw))
        return document.get_metadata_dict()
    finally:
        document.close()


def date(text: str) -> str | None:
    """A PDF's date as YYYY-MM-DD, or as much of it as there is."""
    found = DATE.match(text)
    return "-".join(part for part in found.groups() if part) if found else None


def explain(source: Source, statistics: Statistics, out: Output) -> None:
    """Say what of the file could not be read, or that nothing could."""
    if statistics.pages == len(statistics.failed):
        raise ParseError("damaged", f"none of the PDF's {statistics.pages} pages can be read",
                         "Open it in a viewer, save or print it as a new PDF, and upload that.")
    if not statistics.characters:
        raise no_text(statistics)
    if b"%%EOF" not in source.tail:
        out.warn("truncated", "the PDF's end is missing; what could be found of it was read")
    if statistics.failed:
        out.warn("damaged_pages", f"{len(statistics.failed)} of {statistics.pages} pages cannot be read: page {some(statistics.failed)}")
    if statistics.unread_notes:
        out.warn("notes_left_out", f"{statistics.unread_notes} form fields and notes were not read: a page has too many of them")
    if statistics.pictures:
        out.warn("pages_without_text", f"{len(statistics.pictures)} of {statistics.pages} pages are pictures; their text was not "
                 f"read, since there is no OCR: page {some(statistics.pictures)}")


def warn(statistics: Statistics, out: Output) -> None:
    words = {
        "headers_footers": f"lines at the edges of pages, as {statistics.running_example[:80]!r}, were taken for running heads and left out",
        "pictures": "pictures were left out, with their descriptions", "links": "addresses of links were left out",
        "embedded": "embedded files were not opened", "scripts": "scripts were left out",
        "forms": "buttons, signatures and passwords of forms were left out", "hidden": "hidden fields and notes were left out",
    }
    for code, what in words.items():
        if count := statistics.left_out[code]:
            out.warn(code, f"{what} ({count})")


def no_text(statistics: Statistics) -> ParseError:
    if not statistics.framed:
        return ParseError("no_text", f"the PDF's {statistics.pages} pages hold no text", "Upload a PDF with text in it.")
    return ParseError("no_text", f"the PDF's {statistics.pages} pages hold pictures and no text; OCR is not done here",
                      "Run OCR over it, for example with ocrmypdf, and upload the result.")
