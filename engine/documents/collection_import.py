"""Read a collection that came from elsewhere, trusting nothing in it, and write what was checked as plain data.

    python engine/documents/collection_import.py --from DIR --out DIR --max-bytes 1000000000

DIR holds a collection of a release's archive: its plain form, or as older servers exported it, chunks.sqlite and
vectors.f32. The plain form, read and written here, is four files:

    collection.json   {"embedder": {"model","dimension","max_tokens"}, "settings": {"strategy","max_tokens","overlap_tokens"}}
    documents.jsonl   a document a line: {"bytes","chunks":[{"start","end","tokens","page","headings"}],"date","format","kind",
                      "name","pages","tags","title"}; start, end and pages are bytes of its text
    texts.utf8        the documents' texts, one after another
    vectors.f32       64 bytes of header, then a row of float32 for each chunk

A foreign database is opened read-only, its schema compared before any of it is used; views, triggers, computed
columns and further tables are refused. The server makes its own database, word index and vector files from what
comes out.

Prints one line, {"event":"done","documents","chunks","dimension","bytes"}, or with exit status 1
{"event":"error","code","message","hint"}.
"""

import os
import sys

if not __package__:  # a script: modules are found from the engine's folder
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

import child  # first: it owns stdout
import confine

import argparse
import errno
import json
import re
import sqlite3
import struct
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # a thread reserves address space

if __name__ == "__main__":
    child.hold_signals()  # numpy starts threads when it is imported

import numpy as np

MEMORY_LIMIT = 2 << 30  # bytes of address space
MAX_TEXT = 64 << 20  # bytes of a document
MAX_LINE = 32 << 20  # of documents.jsonl; the chunks of a document of 64 MiB are about 10
MAX_DOCUMENTS = 5_000_000
MAX_CHUNKS = 20_000_000
MAX_NAME = 1 << 16  # bytes of a name or a tag
MAX_HEADING = 1 << 20  # bytes of a title or a heading
SLACK = 1 << 20  # bytes; what small documents may repeat beyond MAX_REPEATED
MAX_NUMBER = 100_000_000
MAX_DIMENSION = 1 << 16
# Chunks repeat half of the one before at most; more would make a small document fill the disk.
MAX_REPEATED = 4
VECTORS = struct.Struct("<8sIIQ40x")
MAGIC = b"ATLVECT1"
BLOCK = 4 << 20

HINT = "Export the release again with GET …/releases/{release_id}/archive."


class CollectionError(Exception):
    """The collection is not one; the message says where."""


@dataclass
class Arguments:
    source: Path
    out: Path
    max_bytes: int


@dataclass
class Document:
    """What is said of a document; a value of any kind until `check` has passed."""

    name: Any
    title: Any
    format: Any
    kind: Any
    date: Any
    tags: Any
    pages: Any
    text: bytes
    chunks: Any = field(default_factory=list)

    def plain(self) -> dict[str, Any]:
        return {"bytes": len(self.text), "chunks": self.chunks, "date": self.date, "format": self.format, "kind": self.kind,
                "name": self.name, "pages": self.pages, "tags": self.tags, "title": self.title}


# values


def shown(value: Any) -> str:
    return "NULL" if value is None else f"{value!r:.60}"


def is_number(value: Any, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def is_text(value: Any, limit: int, empty: bool = True) -> bool:
    """Whole Unicode without NUL, of at most `limit` bytes."""
    if not isinstance(value, str) or "\0" in value or not (empty or value):
        return False
    try:
        return len(value.encode("utf-8")) <= limit
    except UnicodeEncodeError:  # half a surrogate pair
        return False


def need(holds: bool, where: str, what: str, value: Any) -> None:
    if not holds:
        raise CollectionError(f"{where}: {what} is {shown(value)}")


def check_settings(facts: dict[str, Any]) -> dict[str, Any]:
    """Embedder and settings, and nothing else."""
    embedder, settings = facts.get("embedder"), facts.get("settings")
    need(isinstance(embedder, dict), "collection", "embedder", embedder)
    need(isinstance(settings, dict), "collection", "settings", settings)
    need(is_text(embedder.get("model"), 256, empty=False), "embedder", "model", embedder.get("model"))
    need(is_number(embedder.get("dimension"), 1, MAX_DIMENSION), "embedder", "dimension", embedder.get("dimension"))
    need(is_number(embedder.get("max_tokens"), 1, MAX_NUMBER), "embedder", "max_tokens", embedder.get("max_tokens"))
    settings = {"strategy": "structural", "max_tokens": 320, "overlap_tokens": 40} | settings
    need(is_text(settings["strategy"], 64, empty=False), "settings", "strategy", settings["strategy"])
    for name in ("max_tokens", "overlap_tokens"):
        need(is_number(settings[name], 0, MAX_NUMBER), "settings", name, settings[name])
    return {"embedder": {name: embedder[name] for name in ("model", "dimension", "max_tokens")},
            "settings": {name: settings[name] for name in ("strategy", "max_tokens", "overlap_tokens")}}


def check(document: Document, where: str) -> None:
    """All but its chunks."""
    need(is_text(document.name, MAX_NAME, empty=False), where, "name", document.name)
    need(is_text(document.title, MAX_HEADING), where, "title", document.title)
    need(is_text(document.kind, 64, empty=False), where, "kind", document.kind)
    need(isinstance(document.format, str) and re.fullmatch(r"markdown|plain|csv|tsv|code:[^\0]{0,64}", document.format) is not None,
         where, "format", document.format)
    need(document.date is None or (isinstance(document.date, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", document.date) is not None),
         where, "date", document.date)
    need(isinstance(document.tags, list) and len(document.tags) <= 1000 and all(is_text(tag, MAX_NAME) for tag in document.tags),
         where, "tags", document.tags)
    size = len(document.text)
    need(size <= MAX_TEXT, where, "the size of its text", size)
    try:
        document.text.decode("utf-8")
    except UnicodeDecodeError:
        raise CollectionError(f"{where}: its text is not UTF-8")
    need(isinstance(document.pages, list) and all(is_number(page, 0, size) for page in document.pages) and document.pages == sorted(document.pages),
         where, "pages", document.pages)


def check_chunks(document: Document, where: str) -> None:
    size, text = len(document.text), document.text
    need(isinstance(document.chunks, list) and len(document.chunks) > 0, where, "chunks", document.chunks)
    total = 0
    for chunk in document.chunks:
        need(isinstance(chunk, dict), where, "a chunk", chunk)
        start, end, headings = chunk.get("start"), chunk.get("end"), chunk.get("headings")
        need(is_number(start, 0, size) and is_number(end, 0, size) and start < end, where, "the place of a chunk", (start, end))
        # Between two characters, not within one.
        need(text[start] & 0xC0 != 0x80 and (end == size or text[end] & 0xC0 != 0x80), where, "the place of a chunk", (start, end))
        need(is_number(chunk.get("tokens"), 0, MAX_NUMBER), where, "the tokens of a chunk", chunk.get("tokens"))
        need(chunk.get("page") is None or is_number(chunk["page"], 1, MAX_NUMBER), where, "the page of a chunk", chunk.get("page"))
        need(isinstance(headings, list) and len(headings) <= 100 and all(is_text(line, MAX_HEADING, empty=False) and "\n" not in line for line in headings),
             where, "the headings of a chunk", headings)
        total += end - start
    need(total <= MAX_REPEATED * size + SLACK, where, "the size of its chunks together", total)
    document.chunks = [{"end": chunk["end"], "headings": chunk["headings"], "page": chunk.get("page"), "start": chunk["start"],
                        "tokens": chunk["tokens"]} for chunk in document.chunks]


def parsed(text: Any, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, TypeError, RecursionError):
        raise CollectionError(f"{where} is not JSON")


# the plain form


def read_file(path: Path, limit: int) -> bytes:
    with path.open("rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise CollectionError(f"{path.name} has more than {limit} bytes")
    return data


def plain_documents(folder: Path) -> Iterator[Document]:
    with (folder / "documents.jsonl").open("rb") as lines, (folder / "texts.utf8").open("rb") as texts:
        number = 0
        while line := lines.readline(MAX_LINE + 1):
            number += 1
            if len(line) > MAX_LINE:
                raise CollectionError(f"document {number}: its line has more than {MAX_LINE} bytes")
            value = parsed(line, f"document {number}")
            need(isinstance(value, dict), f"document {number}", "its line", value)
            size = value.get("bytes")
            need(is_number(size, 1, MAX_TEXT), f"document {number}", "the size of its text", size)
            text = texts.read(size)
            need(len(text) == size, f"document {number}", "the size of its text", len(text))
            document = Document(value.get("name"), value.get("title"), value.get("format"), value.get("kind"), value.get("date"), value.get("tags"),
                                value.get("pages"), text, value.get("chunks"))
            check(document, f"document {number}")
            yield document
        if texts.read(1):
            raise CollectionError("texts.utf8 holds more than the documents' texts")


# a database

# Name, type and place in the primary key of every column; nothing else may be there.
TABLES = {
    "meta": [("key", "TEXT", 1), ("value", "TEXT", 0)],
    "documents": [("id", "INTEGER", 1), ("name", "TEXT", 0), ("title", "TEXT", 0), ("sha256", "TEXT", 0), ("format", "TEXT", 0), ("kind", "TEXT", 0),
                  ("date", "TEXT", 0), ("tags", "TEXT", 0), ("pages", "TEXT", 0), ("bytes", "INTEGER", 0), ("tokens", "INTEGER", 0),
                  ("first_chunk", "INTEGER", 0), ("chunks", "INTEGER", 0)],
    "document_texts": [("document_id", "INTEGER", 1), ("text", "TEXT", 0)],
    "chunks": [("number", "INTEGER", 1), ("id", "TEXT", 0), ("document_id", "INTEGER", 0), ("start_byte", "INTEGER", 0), ("end_byte", "INTEGER", 0),
               ("page", "INTEGER", 0), ("tokens", "INTEGER", 0), ("title", "TEXT", 0), ("headings", "TEXT", 0), ("text", "TEXT", 0)],
}
WORDS = "chunks_fts"
# The word index is made anew, so neither it nor the tables it keeps are read.
UNREAD = {f"{WORDS}_{part}" for part in ("data", "idx", "docsize", "config", "content")}


def open_database(path: Path) -> sqlite3.Connection:
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(100)
    page = int.from_bytes(head[16:18], "big")
    page = 65536 if page == 1 else page
    if len(head) < 100 or head[:16] != b"SQLite format 3\0":
        raise CollectionError("chunks.sqlite is no SQLite database")
    if page < 512 or page & (page - 1) or size % page or int.from_bytes(head[28:32], "big") * page != size:
        raise CollectionError(f"chunks.sqlite claims pages of {page} bytes that do not make up its {size}")
    connection = sqlite3.connect(f"file:{urllib.parse.quote(str(path))}?mode=ro&immutable=1", uri=True, isolation_level=None)
    for limit, value in ((sqlite3.SQLITE_LIMIT_LENGTH, MAX_TEXT + (1 << 16)), (sqlite3.SQLITE_LIMIT_SQL_LENGTH, 1 << 16), (sqlite3.SQLITE_LIMIT_COLUMN, 64),
                         (sqlite3.SQLITE_LIMIT_EXPR_DEPTH, 64), (sqlite3.SQLITE_LIMIT_VDBE_OP, 10_000), (sqlite3.SQLITE_LIMIT_COMPOUND_SELECT, 4),
                         (sqlite3.SQLITE_LIMIT_ATTACHED, 0), (sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH, 1), (sqlite3.SQLITE_LIMIT_WORKER_THREADS, 0)):
        connection.setlimit(limit, value)
    # A row takes a few dozen steps and has a few bytes at least; a loop takes more.
    left = [100 + size // 1000]

    def step() -> bool:
        left[0] -= 1
        return left[0] < 0

    connection.set_progress_handler(step, 100_000)
    for pragma in ("trusted_schema = OFF", "cell_size_check = ON", "query_only = ON", "mmap_size = 0", "temp_store = MEMORY"):
        connection.execute(f"PRAGMA {pragma}")
    connection.text_factory = bytes
    return connection


def check_schema(connection: sqlite3.Connection) -> None:
    tables = set()
    for count, (kind, name, table, sql) in enumerate(connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema")):
        need(count < 100, "chunks.sqlite", "the number of its parts", count)
        kind, name, table, sql = (value.decode("utf-8", "replace") if isinstance(value, bytes) else "" for value in (kind, name, table, sql))
        virtual = re.match(r"\s*CREATE\s+VIRTUAL\b", sql, re.I) is not None
        known = (
            (kind == "table" and name == table and not virtual and (name in TABLES or name in UNREAD))
            or (kind == "table" and name == WORDS and virtual and re.search(r"\bUSING\s+fts5\b", sql, re.I) is not None)
            or (kind == "index" and table in TABLES and (not sql or re.fullmatch(r"CREATE INDEX \w+ ON \w+ \(\w+\)", sql) is not None)))
        if not known:
            raise CollectionError(f"chunks.sqlite holds the {kind or 'nameless part'} {name!r:.80}, which no collection has")
        tables.add(name)
    for name, columns in TABLES.items():
        if name not in tables:
            raise CollectionError(f"chunks.sqlite has no table {name}")
        found = [(column.decode("utf-8", "replace"), kind.decode("utf-8", "replace").upper(), key, hidden)
                 for _, column, kind, _, _, key, hidden in connection.execute(f"PRAGMA table_xinfo({name})")]
        if found != [column + (0,) for column in columns]:
            raise CollectionError(f"chunks.sqlite: the table {name} has other columns than that of a collection")


def text_of(value: Any, where: str) -> str | None:
    if value is None:
        return None
    if not isinstance(value, bytes):
        raise CollectionError(f"{where} is {shown(value)}")
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        raise CollectionError(f"{where} is not UTF-8")


def database_facts(connection: sqlite3.Connection) -> dict[str, Any]:
    facts = {}
    for key, value in connection.execute("SELECT key, value FROM meta LIMIT 100"):
        facts[text_of(key, "a key of meta")] = text_of(value, "a value of meta")
    need(facts.get("format") == "2", "chunks.sqlite", "the version of its format", facts.get("format"))
    need("summary" in facts, "chunks.sqlite", "its summary", None)
    return {name: parsed(facts.get(name), f"meta.{name}") for name in ("embedder", "settings")}


def database_documents(connection: sqlite3.Connection) -> Iterator[Document]:
    """Documents with their chunks, both in the order of their numbers."""
    chunks = connection.execute(
        "SELECT number, document_id, start_byte, end_byte, page, tokens, title, headings, text FROM chunks ORDER BY number")
    following = chunks.fetchone()
    last = number = 0
    rows = connection.execute(
        "SELECT d.id, d.name, d.title, d.format, d.kind, d.date, d.tags, d.pages, d.first_chunk, d.chunks, t.text "
        "FROM documents d JOIN document_texts t ON t.document_id = d.id ORDER BY d.id")
    for count, row in enumerate(rows, 1):
        where = f"document {count}"
        row_id, name, title, format, kind, date, tags, pages, first, size, text = row
        need(is_number(row_id, last + 1, 1 << 62), where, "its number", row_id)
        last = row_id
        need(first == number + 1 and is_number(size, 1, MAX_CHUNKS), where, "the place of its chunks", (first, size))
        need(isinstance(text, bytes), where, "text", text)
        document = Document(text_of(name, where + ": name"), text_of(title, where + ": title"), text_of(format, where + ": format"),
                            text_of(kind, where + ": kind"), text_of(date, where + ": date"), parsed(text_of(tags, where), where + ": tags"),
                            parsed(text_of(pages, where), where + ": pages"), text)
        check(document, where)
        while following is not None and following[1] == row_id:
            number += 1
            chunk, _, start, end, page, tokens, heading, headings, piece = following
            need(chunk == number, where, "the number of a chunk", chunk)
            need(len(document.chunks) < size, where, "the number of its chunks", size)
            need(is_number(start, 0, len(text)) and is_number(end, 0, len(text)), where, "the place of a chunk", (start, end))
            need(piece == text[start:end], where, f"the text of chunk {chunk}", "other than the document's")
            need(heading == title, where, f"the title of chunk {chunk}", heading)
            lines = (text_of(headings, where + ": headings") or "").split("\n")
            document.chunks.append({"start": start, "end": end, "tokens": tokens, "page": page, "headings": [line for line in lines if line]})
            following = chunks.fetchone()
        need(len(document.chunks) == size, where, "the number of its chunks", size)
        yield document
    if following is not None:
        raise CollectionError("chunks.sqlite holds chunks of no document")


# vectors


def copy_vectors(source: Path, target: BinaryIO, dimension: int, count: int) -> int:
    """Write the vectors anew: finite, of length 1, one for each chunk. Returns bytes."""
    size = source.stat().st_size
    with source.open("rb") as file:
        head = file.read(VECTORS.size)
        if len(head) < VECTORS.size or head[:8] != MAGIC:
            raise CollectionError("vectors.f32 is no file of vectors")
        _, version, columns, rows = VECTORS.unpack(head)
        need((version, columns, rows) == (1, dimension, count), "vectors.f32", f"its header, where {count} rows of {dimension} belong,",
             (version, columns, rows))
        need(size == VECTORS.size + 4 * dimension * count, "vectors.f32", "its size", size)
        target.write(VECTORS.pack(MAGIC, 1, dimension, count))
        step = max(1, BLOCK // dimension)
        for start in range(0, count, step):
            rows = min(step, count - start)
            block = np.fromfile(file, "<f4", rows * dimension)
            if block.size != rows * dimension:
                raise CollectionError("vectors.f32 ends before its last row")
            with np.errstate(all="ignore"):
                lengths = np.sqrt(np.square(block.reshape(rows, dimension), dtype=np.float64).sum(axis=1))
            # NaN and infinity fail the comparison too.
            wrong = np.flatnonzero(~(np.abs(lengths - 1) < 0.02))
            if wrong.size:
                raise CollectionError(f"vectors.f32: row {start + int(wrong[0]) + 1} has the length {lengths[wrong[0]]}, where 1 is expected")
            target.write(block.data)
    return VECTORS.size + 4 * dimension * count


# both


def convert(arguments: Arguments) -> dict[str, int]:
    source, out = arguments.source, arguments.out
    if (source / "collection.json").is_file():
        facts = check_settings(parsed_object(read_file(source / "collection.json", 1 << 16)))
        documents = plain_documents(source)
    elif (source / "chunks.sqlite").is_file():
        connection = open_database(source / "chunks.sqlite")
        check_schema(connection)
        facts = check_settings(database_facts(connection))
        documents = database_documents(connection)
    else:
        raise CollectionError("there is neither collection.json nor chunks.sqlite")
    count = chunks = size = 0
    names = set()
    with (out / "documents.jsonl").open("xb") as lines, (out / "texts.utf8").open("xb") as texts:
        for document in documents:
            count += 1
            check_chunks(document, f"document {count}")
            need(document.name not in names, f"document {count}", "its name, which another has,", document.name)
            names.add(document.name)
            chunks += len(document.chunks)
            need(count <= MAX_DOCUMENTS, "collection", "the number of documents", count)
            need(chunks <= MAX_CHUNKS, "collection", "the number of chunks", chunks)
            line = json.dumps(document.plain(), ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
            size += len(line) + len(document.text)
            need(size <= arguments.max_bytes, "collection", "its size in bytes, more than is allowed,", size)
            lines.write(line)
            texts.write(document.text)
    need(count > 0, "collection", "the number of documents", count)
    (out / "collection.json").write_text(json.dumps(facts, sort_keys=True))
    with (out / "vectors.f32").open("xb") as file:
        size += copy_vectors(source / "vectors.f32", file, facts["embedder"]["dimension"], chunks)
    return {"documents": count, "chunks": chunks, "dimension": facts["embedder"]["dimension"], "bytes": size}


def parsed_object(data: bytes) -> dict[str, Any]:
    value = parsed(data, "collection.json")
    need(isinstance(value, dict), "collection.json", "what it holds", value)
    return value


def explain(error: Exception) -> tuple[str, str, str]:
    """Any failure as code, message and what to do."""
    match error:
        case CollectionError():
            return "collection_invalid", f"the collection is not one: {error}", HINT
        case sqlite3.Error():
            return "collection_invalid", f"the collection's database cannot be read: {error!s:.200}", HINT
        case FileNotFoundError():
            return "collection_invalid", f"the collection has no {Path(str(error.filename)).name}", HINT
        case MemoryError():
            return "collection_invalid", f"reading the collection takes more than {confine.memory_words()}", HINT
        case OSError() if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return "disk_full", "the disk is full", "Free some space and try again."
        case OSError():
            return "io_error", str(error), "Check the free space of the data directory."
        case _:
            return "collection_invalid", f"the collection cannot be read: {type(error).__name__}: {error!s:.200}", HINT


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--from", type=Path, required=True, dest="source")
    parser.add_argument("--out", type=Path, required=True, help="an empty folder")
    parser.add_argument("--max-bytes", type=int, required=True, help="of what is written, without the vectors")
    arguments = Arguments(**vars(parser.parse_args()))
    child.start()
    confine.limit_memory(MEMORY_LIMIT)
    try:
        found = convert(arguments)
    except Exception as error:
        child.fail(*explain(error))
    child.emit({"event": "done"} | found)


if __name__ == "__main__":
    main()
