"""What people added to a PDF page: values in form fields, ticks, choices, text boxes and notes. None of it is in the page's own text."""

import ctypes
from collections import Counter
from typing import Callable

import pypdfium2
import pypdfium2.raw as pdfium

from .document import clean

MOST = 2000  # fields and notes of one page
LONGEST = 4000  # characters of one of them
HIDDEN = pdfium.FPDF_ANNOT_FLAG_HIDDEN | pdfium.FPDF_ANNOT_FLAG_NOVIEW
PASSWORD = 1 << 13  # a text field's flag (ISO 32000, table 228)
EMBEDDED = {pdfium.FPDF_ANNOT_FILEATTACHMENT, pdfium.FPDF_ANNOT_SOUND, pdfium.FPDF_ANNOT_MOVIE, pdfium.FPDF_ANNOT_RICHMEDIA}
MARKED = {
    pdfium.FPDF_ANNOT_FREETEXT: "Text box",
    pdfium.FPDF_ANNOT_TEXT: "Note",
    **dict.fromkeys((pdfium.FPDF_ANNOT_HIGHLIGHT, pdfium.FPDF_ANNOT_UNDERLINE, pdfium.FPDF_ANNOT_SQUIGGLY, pdfium.FPDF_ANNOT_STRIKEOUT,
                     pdfium.FPDF_ANNOT_CARET, pdfium.FPDF_ANNOT_STAMP, pdfium.FPDF_ANNOT_LINE, pdfium.FPDF_ANNOT_SQUARE,
                     pdfium.FPDF_ANNOT_CIRCLE, pdfium.FPDF_ANNOT_POLYGON, pdfium.FPDF_ANNOT_POLYLINE, pdfium.FPDF_ANNOT_INK), "Comment"),
}


def page_notes(document: pypdfium2.PdfDocument, page: pypdfium2.PdfPage, left_out: Counter[str]) -> tuple[list[str], int]:
    """A line for each field that is filled in and each note, in the page's order; and how many were too many to read.
    What else there is, is counted in `left_out` by the code of its warning."""
    notes = []
    count = pdfium.FPDFPage_GetAnnotCount(page.raw)
    for index in range(min(count, MOST)):
        annotation = pdfium.FPDFPage_GetAnnot(page.raw, index)
        if not annotation:
            continue
        try:
            kind = pdfium.FPDFAnnot_GetSubtype(annotation)
            if pdfium.FPDFAnnot_GetFlags(annotation) & HIDDEN:
                left_out["hidden"] += kind == pdfium.FPDF_ANNOT_WIDGET or kind in MARKED
                continue
            if kind == pdfium.FPDF_ANNOT_WIDGET:
                note = field(document, annotation)
                left_out["forms"] += note is None and is_unread(document, annotation)
            else:
                note = comment(annotation, kind)
                left_out["links"] += kind == pdfium.FPDF_ANNOT_LINK and has_address(annotation)
                left_out["embedded"] += kind in EMBEDDED
            if note:
                notes.append(note)
        finally:
            pdfium.FPDFPage_CloseAnnot(annotation)
    return notes, max(0, count - MOST)


def has_address(annotation) -> bool:
    link = pdfium.FPDFAnnot_GetLink(annotation)
    action = pdfium.FPDFLink_GetAction(link) if link else None
    return bool(action) and pdfium.FPDFAction_GetType(action) == pdfium.PDFACTION_URI


def is_unread(document: pypdfium2.PdfDocument, annotation) -> bool:
    """Whether a field without a line is one that may say something: a button, a signature, a password; not an empty field."""
    form = document.formenv.raw if document.formenv else None
    if form is None:
        return True
    kind = pdfium.FPDFAnnot_GetFormFieldType(form, annotation)
    return kind in (pdfium.FPDF_FORMFIELD_PUSHBUTTON, pdfium.FPDF_FORMFIELD_SIGNATURE) or (
        kind == pdfium.FPDF_FORMFIELD_TEXTFIELD and bool(pdfium.FPDFAnnot_GetFormFieldFlags(form, annotation) & PASSWORD))


def comment(annotation, kind: int) -> str | None:
    if kind not in MARKED:
        return None
    text = string(lambda *buffer: pdfium.FPDFAnnot_GetStringValue(annotation, b"Contents", *buffer))
    author = string(lambda *buffer: pdfium.FPDFAnnot_GetStringValue(annotation, b"T", *buffer))
    return f"{MARKED[kind]}{f' by {author}' if author else ''}: {text}" if text else None


def field(document: pypdfium2.PdfDocument, annotation) -> str | None:
    """A form field with its value; none for an empty one, a button, a signature or a password."""
    form = document.formenv.raw if document.formenv else None
    if form is None:
        return None
    name = (string(lambda *buffer: pdfium.FPDFAnnot_GetFormFieldAlternateName(form, annotation, *buffer))
            or string(lambda *buffer: pdfium.FPDFAnnot_GetFormFieldName(form, annotation, *buffer)) or "without a name")
    match pdfium.FPDFAnnot_GetFormFieldType(form, annotation):
        case pdfium.FPDF_FORMFIELD_CHECKBOX:
            value = "ticked" if pdfium.FPDFAnnot_IsChecked(form, annotation) else "not ticked"
        case pdfium.FPDF_FORMFIELD_RADIOBUTTON:
            if not pdfium.FPDFAnnot_IsChecked(form, annotation):
                return None
            value = string(lambda *buffer: pdfium.FPDFAnnot_GetFormFieldExportValue(form, annotation, *buffer)) or "chosen"
        case pdfium.FPDF_FORMFIELD_COMBOBOX | pdfium.FPDF_FORMFIELD_LISTBOX:
            value = chosen(form, annotation) or string(lambda *buffer: pdfium.FPDFAnnot_GetFormFieldValue(form, annotation, *buffer))
        case pdfium.FPDF_FORMFIELD_TEXTFIELD if not pdfium.FPDFAnnot_GetFormFieldFlags(form, annotation) & PASSWORD:
            value = string(lambda *buffer: pdfium.FPDFAnnot_GetFormFieldValue(form, annotation, *buffer))
        case _:
            return None
    return f"Form field {name}: {value}" if value else None


def chosen(form, annotation) -> str:
    """The labels of the options that are chosen."""
    labels = []
    for index in range(min(pdfium.FPDFAnnot_GetOptionCount(form, annotation), MOST)):
        if pdfium.FPDFAnnot_IsOptionSelected(form, annotation, index):
            labels.append(string(lambda *buffer: pdfium.FPDFAnnot_GetOptionLabel(form, annotation, index, *buffer)))
    return ", ".join(filter(None, labels))


def string(ask: Callable[..., int]) -> str:
    """A text that PDFium writes into a buffer as UTF-16, on one line and of bounded length."""
    length = min(ask(None, 0), 2 * LONGEST + 2)
    if length <= 2:
        return ""
    buffer = ctypes.create_string_buffer(length)
    told = ask(ctypes.cast(buffer, ctypes.POINTER(ctypes.c_ushort)), length)
    if told > length:  # PDFium writes nothing into a buffer that is too small
        buffer = ctypes.create_string_buffer(min(told, 1 << 24))
        ask(ctypes.cast(buffer, ctypes.POINTER(ctypes.c_ushort)), len(buffer))
    return clean(buffer.raw.decode("utf-16-le", "replace").split("\0")[0][:LONGEST])
