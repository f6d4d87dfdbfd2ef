"""What each reader takes into the text, and what it leaves out with which warning.

docs/documents.md shows this list, and a test holds it against a document of each kind that has one of everything.
"""

TEXT = ""  # it is in the text

FEATURES: dict[str, dict[str, str]] = {
    "docx": {
        "paragraphs, headings and lists": TEXT, "tables, also in tables": TEXT, "footnotes and endnotes": TEXT, "text boxes": TEXT,
        "insertions of tracked changes": TEXT, "content controls": TEXT, "formulas, as a line": TEXT, "links to web pages": TEXT,
        "deletions of tracked changes": "tracked_changes", "hidden text": "hidden", "comments": "comments",
        "headers and footers of pages": "headers_footers", "tables of contents": "contents", "pictures and their descriptions": "pictures",
        "charts and diagrams": "charts", "embedded files": "embedded", "macros": "macros", "choices in form fields": "forms",
        "readings of characters (ruby)": "ruby", "addresses of other links": "links",
    },
    "odt": {
        "paragraphs, headings and lists": TEXT, "tables, also in tables": TEXT, "footnotes and endnotes": TEXT, "text boxes": TEXT,
        "insertions of tracked changes": TEXT, "links to web pages": TEXT,
        "deletions of tracked changes": "tracked_changes", "hidden text": "hidden", "comments": "comments",
        "headers and footers of pages": "headers_footers", "tables of contents and indexes": "contents",
        "pictures and their descriptions": "pictures", "charts and formulas": "charts", "embedded files": "embedded", "macros": "macros",
        "form controls": "forms",
        "readings of characters (ruby)": "ruby", "addresses of other links": "links",
    },
    "html": {
        "headings, paragraphs, lists, quotes and code": TEXT, "tables, also in tables": TEXT, "links to web pages": TEXT,
        "scripts and templates": "left_out", "text for browsers without scripts": "left_out", "comments": "left_out", "hidden elements": "left_out", "navigation, sidebars and footers": "left_out",
        "pictures, drawings and their descriptions": "left_out", "form fields": "left_out", "embedded pages and media": "left_out",
        "readings of characters (ruby)": "left_out", "addresses of other links": "left_out",
    },
    "pdf": {
        "text, also under a picture": TEXT, "tables by their gaps": TEXT, "form fields with a value, ticks and choices": TEXT,
        "text boxes, notes and comments": TEXT,
        "heads, feet and numbers that repeat on pages": "headers_footers", "pictures and their descriptions": "pictures",
        "addresses of links": "links", "embedded files": "embedded", "scripts": "scripts", "buttons, signatures and passwords": "forms",
        "hidden fields and notes": "hidden", "fields and notes beyond 2,000 on a page": "notes_left_out", "pages of pictures": "pages_without_text",
    },
    "epub": {
        "chapters, as HTML": TEXT, "what HTML leaves out": "left_out", "pages outside of the reading order": "left_out",
        "chapters that are not there": "missing_chapters",
    },
    "xlsx": {
        "cells of visible sheets": TEXT, "values of formulas": TEXT, "hidden rows and columns": TEXT,
        "formulas without a value": "formulas", "hidden sheets": "hidden", "comments": "comments", "text boxes and shapes": "drawings",
        "charts": "charts", "pictures": "pictures", "headers and footers of pages": "headers_footers", "addresses of links": "links",
        "embedded files and controls": "embedded", "macros": "macros", "readings of characters (ruby)": "ruby",
    },
    "ods": {
        "cells of visible sheets": TEXT, "values of formulas": TEXT, "text boxes and shapes that stand in a cell": TEXT,
        "shapes that stand on the sheet": "drawings", "hidden sheets": "hidden", "comments": "comments", "charts": "charts", "pictures": "pictures",
        "headers and footers of pages": "headers_footers", "addresses of links": "links", "embedded files": "embedded", "macros": "macros",
    },
    "xls": {"cells of visible sheets": TEXT, "everything else": "cells_only"},
    "csv": {"all cells": TEXT, "cells beyond the header": TEXT},
    "json": {"every value with its path": TEXT, "a name given twice in one object: its first values": "duplicate_names"},
    "jsonl": {"every value with its path": TEXT, "a name given twice in one object: its first values": "duplicate_names"},
    "notebook": {"Markdown": TEXT, "code": TEXT, "raw cells": TEXT, "outputs": "outputs", "attachments": "pictures"},
    "markdown": {"everything, byte for byte": TEXT},
    "text": {"everything, byte for byte": TEXT},
    "source": {"everything, byte for byte": TEXT},
}


def table() -> str:
    """The list as Markdown."""
    lines = ["| kind | in the text | left out, and the warning that says so |", "| --- | --- | --- |"]
    for kind, features in FEATURES.items():
        taken = "; ".join(what for what, code in features.items() if not code)
        left = "; ".join(f"{what} (`{code}`)" for what, code in features.items() if code)
        lines.append(f"| {kind} | {taken} | {left or 'nothing'} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(table(), end="")
