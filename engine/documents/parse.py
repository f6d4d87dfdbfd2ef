"""Turn documents into clean, structured text, over stdin and stdout.

    python engine/documents/parse.py --memory-bytes 1073741824 --seconds 120 --max-text-bytes 268435456

First of all it prints {"event":"ready"}. Then one JSON line in, one JSON line out, in order:

    {"id":1,"path":"/…/upload","name":"report.pdf","out":"/…/text"}
    → {"id":1,"kind":"pdf","format":"markdown","language":null,"title":"Report","bytes":8123,
       "pages":[0,2101],"metadata":{"author":"…"},"warnings":[{"code","message"}]}
    → {"id":1,"error":{"code","message","hint"}}, and nothing is left at `out`

* `path` is read and never written; `name` is the user's, its suffix tells what the content does not.
* `out` gets the text as UTF-8, whole or not at all, readable by its owner alone.
* `kind`: text, markdown, source, html, pdf, docx, odt, epub, xlsx, xlsb, xls, ods, csv, tsv,
  json, jsonl, notebook.
* `format`: "markdown" (headings, lists, pipe tables, fences, quotes, `[^1]` notes), "plain", or
  "code" with its `language`. Text, Markdown and source that are UTF-8 are passed through byte
  for byte, so byte ranges are those of the file; where they are not, a warning says so
  (converted, invalid_utf8, bom_removed).
* `pages`: byte offset in the text where each page begins, for PDF; else null. A page without
  text has the offset of the one behind it.
* `metadata`: author, date, subject, description, keywords, language, where the document says.

Error codes: not_found, not_a_file, unreadable, empty, binary, unsupported, archive, encrypted,
damaged, no_text, too_much_text, too_deep, too_many_columns, csv_invalid, json_invalid,
jsonl_invalid, zip_bomb, unsafe_path, unsafe_xml, duplicate_entry, too_much_memory, too_slow,
parser_crashed, disk_full, out_unwritable; for a request: invalid_json, invalid_request,
request_too_large.

Each file is read in a process of its own, forked from this one: a file that eats memory or time
or crashes a C library ends that process, and the next file is served.
"""

import os
import sys

if not __package__:  # a script: modules are found from the engine's folder
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

import child  # first: it owns stdout

import argparse
import errno
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from files import publish
from documents.parsers import kinds, worker
from documents.parsers.document import Output, ParseError, flush

MAX_LINE = 1 << 20  # bytes of one request
MAX_WAITING = 64  # requests read ahead
SPOOL = 1 << 30  # bytes a reader may need on disk beside the text


@dataclass
class Arguments:
    memory_bytes: int
    seconds: float
    max_text_bytes: int


def read_document(path: Path, name: str, part: Path, max_text: int) -> dict[str, Any]:
    """Read one file into `part`; the answer's fields. Runs in the worker."""
    source = kinds.open_source(path, name)
    try:
        # A new file: what was left here by a crash may be a link to somewhere else.
        part.unlink(missing_ok=True)
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise ParseError("out_unwritable", f"the text cannot be written to {part}: {error.strerror}",
                         "Check the folder and its permissions.") from error
    with open(descriptor, "wb") as file:
        out = Output(file, max_text, part.parent)
        try:
            parsed = kinds.read(source, out)
            flush(file)
        except OSError as error:
            raise explain(error, name) from error
    if not out.visible:
        raise ParseError("empty", f"{name} holds no text", "Upload a document with text in it.")
    return {**asdict(parsed), "bytes": out.bytes, "warnings": out.warnings}


def explain(error: OSError, name: str) -> ParseError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ParseError("disk_full", "the disk is full", "Free some space and try again.")
    if error.errno == errno.ENOENT:
        return ParseError("not_found", f"{name} vanished while it was read", "Upload it again.")
    return ParseError("unreadable", f"{name} cannot be read: {error.strerror or error}", "Check the file and its disk.")


def answer(request: dict[str, Any], arguments: Arguments) -> dict[str, Any]:
    path, out = (Path(string(request, field)) for field in ("path", "out"))
    name = string(request, "name") if "name" in request else path.name
    part = out.with_name(out.name + ".part")
    limits = worker.Limits(arguments.memory_bytes, arguments.seconds, arguments.max_text_bytes + SPOOL)
    try:
        reply = worker.run(lambda: read_document(path, name, part, arguments.max_text_bytes), limits)
        if "error" not in reply:
            publish(part, out)
    except ParseError as error:
        reply = {"error": {"code": error.code, "message": str(error), "hint": error.hint}}
    except OSError as error:
        reply = {"error": {"code": "out_unwritable", "message": f"the text cannot be moved to {out}: {error.strerror}",
                           "hint": "Check the folder and its permissions."}}
    if "error" in reply:
        remove(part)
    return reply


def remove(part: Path) -> None:
    try:
        part.unlink(missing_ok=True)
    except OSError as error:
        print(f"{part} is left: {error}", file=sys.stderr)


def string(request: dict[str, Any], field: str) -> str:
    value = request.get(field)
    if not isinstance(value, str) or not value or "\0" in value:
        raise child.BadRequest("invalid_request", f"{field} is {value!r}; it must be a string that is not empty")
    return value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--memory-bytes", type=int, default=1 << 30, help="a document may take beyond what the child has")
    parser.add_argument("--seconds", type=float, default=120, help="of processor for one document; three times that of clock")
    parser.add_argument("--max-text-bytes", type=int, default=256 << 20, help="of one document's text")
    arguments = Arguments(**vars(parser.parse_args()))
    child.on_end(lambda reason: worker.stop())
    child.start(watch_stdin=False)
    requests = child.Requests(MAX_LINE, MAX_WAITING, "Send {id, path, name, out} as one line.")
    child.emit({"event": "ready"})
    requests.serve(lambda request: (answer(request, arguments), b""))


if __name__ == "__main__":
    main()
