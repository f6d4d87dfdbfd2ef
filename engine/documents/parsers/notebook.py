"""Jupyter notebooks: their Markdown and raw cells as they are, their code in fences; outputs are left out."""

import json
from typing import Any

from .blocks import Blocks
from .document import Output, Parsed, ParseError, Source, metadata, title_of
from .encoding import read_text
from .json_text import too_deep


def read(source: Source, out: Output) -> Parsed:
    try:
        notebook = json.loads(read_text(source, out), parse_int=str, parse_float=str)
    except RecursionError:
        raise too_deep("the notebook") from None
    except json.JSONDecodeError as error:
        raise ParseError("json_invalid", f"line {error.lineno}, column {error.colno}: {error.msg}",
                         "Open it in Jupyter, save it anew, and upload that.") from error
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list):
        raise ParseError("damaged", "the notebook has no list of cells; it may be older than version 4",
                         "Open it in Jupyter, save it anew, and upload that.")
    language = text_of(field(field(notebook, "metadata"), "kernelspec").get("language")) or "python"
    blocks = Blocks(out)
    heading = None
    outputs = attached = 0
    for cell in cells:
        kind, text = field(cell, "").get("cell_type"), text_of(field(cell, "").get("source"))
        outputs += bool(field(cell, "").get("outputs"))
        attached += len(field(cell, "attachments"))
        if kind == "code":
            blocks.code(text, language)
        elif kind == "raw" and text.strip():
            blocks.block("raw", text.strip("\n"))
        elif kind == "markdown" and text.strip():
            blocks.block("markdown", text.strip("\n"))
            first = text.lstrip().split("\n", 1)[0]
            heading = heading or (first.lstrip("# ") if first.startswith("#") else None)
    blocks.end()
    if outputs:
        out.warn("outputs", f"outputs of cells were left out ({outputs})")
    if attached:
        out.warn("pictures", f"attached pictures were left out ({attached})")
    authors = field(notebook, "metadata").get("authors")
    names = [text_of(field(author, "").get("name")) for author in authors] if isinstance(authors, list) else []
    return Parsed("notebook", title=title_of(text_of(field(notebook, "metadata").get("title")), heading),
                  metadata=metadata(author=", ".join(names)))


def field(value: Any, name: str) -> dict[str, Any]:
    """The object under `name` (or the value itself for no name); empty where there is none."""
    inner = value.get(name) if name and isinstance(value, dict) else value
    return inner if isinstance(inner, dict) else {}


def text_of(value: Any) -> str:
    """A string, or the lines of one."""
    if isinstance(value, list):
        return "".join(line for line in value if isinstance(line, str))
    return value if isinstance(value, str) else ""
