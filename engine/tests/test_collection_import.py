"""Collections from elsewhere: honest ones come out whole, whatever else is refused by name and leaves the process alive."""

import json
import shutil
import sqlite3
import struct
import subprocess
from contextlib import closing

import child  # noqa: F401  settings that numpy reads when it is imported
from documents import collection_import
import numpy as np
import pytest
from conftest import command

DIMENSION = 8
SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE documents (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, title TEXT NOT NULL, sha256 TEXT NOT NULL, format TEXT NOT NULL, kind TEXT NOT NULL,
    date TEXT, tags TEXT NOT NULL CHECK (json_valid(tags)), pages TEXT NOT NULL CHECK (json_valid(pages)), bytes INTEGER NOT NULL,
    tokens INTEGER NOT NULL, first_chunk INTEGER NOT NULL UNIQUE, chunks INTEGER NOT NULL CHECK (chunks > 0));
CREATE INDEX documents_sha256 ON documents (sha256);
CREATE TABLE document_texts (document_id INTEGER PRIMARY KEY REFERENCES documents (id), text TEXT NOT NULL);
CREATE TABLE chunks (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, document_id INTEGER NOT NULL REFERENCES documents (id), start_byte INTEGER NOT NULL,
    end_byte INTEGER NOT NULL CHECK (end_byte > start_byte), page INTEGER, tokens INTEGER NOT NULL, title TEXT NOT NULL, headings TEXT NOT NULL,
    text TEXT NOT NULL);
CREATE VIRTUAL TABLE chunks_fts USING fts5(
    title, headings, text, content = 'chunks', content_rowid = 'number', tokenize = 'porter unicode61 remove_diacritics 2');
"""
TEXTS = {"keeper.md": "# The lamp\nIt burns öil.\nIt needs trimming.\n", "log.txt": "One night of fog."}


def make(folder, schema=SCHEMA):
    """A collection as older servers exported it: two documents in three chunks."""
    folder.mkdir()
    number = 0
    with closing(sqlite3.connect(folder / "chunks.sqlite")) as database, database:
        database.executescript(schema)
        for document, (name, text) in enumerate(TEXTS.items(), 1):
            size = len(text.encode())
            middle = text.encode().index(b"It needs") if "needs" in text else size
            places = [(0, middle)] + ([(middle, size)] if middle < size else [])
            database.execute("INSERT INTO documents VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)",
                             (document, name, "Title", "0" * 64, "markdown", "markdown", "2026-03-01" if document == 1 else None, '["sea"]', "[]", size,
                              7, number + 1, len(places)))
            database.execute("INSERT INTO document_texts VALUES (?,?)", (document, text))
            for start, end in places:
                number += 1
                database.execute("INSERT INTO chunks VALUES (?,?,?,?,?,?,?,?,?,?)",
                                 (number, f"id{number}", document, start, end, None, 4, "Title", "Lamp\nOil", text.encode()[start:end].decode()))
        for key, value in {"format": "2", "summary": "{}", "embedder": json.dumps({"model": "m", "dimension": DIMENSION, "max_tokens": 512}),
                           "settings": json.dumps({"strategy": "structural", "max_tokens": 320, "overlap_tokens": 40})}.items():
            database.execute("INSERT INTO meta VALUES (?,?)", (key, value))
    write_vectors(folder, np.eye(DIMENSION, dtype="<f4")[:number])
    return folder


def write_vectors(folder, rows, count=None, dimension=DIMENSION, version=1):
    head = struct.pack("<8sIIQ40x", b"ATLVECT1", version, dimension, len(rows) if count is None else count)
    (folder / "vectors.f32").write_bytes(head + np.asarray(rows, "<f4").tobytes())


def convert(source, out, max_bytes=10_000_000):
    """What the script would say, without the second its start takes."""
    out.mkdir()
    try:
        return {"event": "done"} | collection_import.convert(collection_import.Arguments(source, out, max_bytes))
    except Exception as error:
        code, message, hint = collection_import.explain(error)
        return {"event": "error", "code": code, "message": message, "hint": hint}


def run(source, out, max_bytes=10_000_000):
    """The script itself, as the server runs it."""
    out.mkdir()
    result = subprocess.run(command("documents/collection_import.py", "--from", source, "--out", out, "--max-bytes", max_bytes), stdin=subprocess.DEVNULL,
                            capture_output=True, timeout=120)
    said = json.loads(result.stdout.splitlines()[-1])
    assert result.returncode == (0 if said["event"] == "done" else 1), result.stderr
    return said


def refused(source, out, word, by=convert, **limits):
    said = by(source, out, **limits)
    assert said["event"] == "error" and said["code"] == "collection_invalid", said
    assert word in said["message"] and said["hint"], said
    return said


def change(folder, *statements):
    """Statements past all constraints: what somebody writes who means harm."""
    with closing(sqlite3.connect(folder / "chunks.sqlite")) as database, database:
        database.execute("PRAGMA ignore_check_constraints = ON")
        database.execute("PRAGMA writable_schema = ON")
        for statement in statements:
            database.execute(statement)


def loose(folder):
    """The same tables, without a word about what may be in them."""
    return make(folder, SCHEMA.replace(" NOT NULL", "").replace(" UNIQUE", "").replace("CHECK (end_byte > start_byte)", "")
                .replace("CHECK (chunks > 0)", "").replace("CHECK (json_valid(tags))", "").replace("CHECK (json_valid(pages))", ""))


def test_an_old_collection_comes_out_as_plain_data_and_that_again_the_same(tmp_path):
    said = run(make(tmp_path / "old"), tmp_path / "plain")
    assert (said["documents"], said["chunks"], said["dimension"]) == (2, 3, DIMENSION)
    lines = [json.loads(line) for line in (tmp_path / "plain" / "documents.jsonl").read_bytes().splitlines()]
    assert [line["name"] for line in lines] == list(TEXTS) and lines[0]["tags"] == ["sea"] and lines[0]["date"] == "2026-03-01"
    assert [(chunk["start"], chunk["end"]) for chunk in lines[0]["chunks"]] == [(0, 26), (26, 45)]
    assert lines[0]["chunks"][0]["headings"] == ["Lamp", "Oil"]
    assert (tmp_path / "plain" / "texts.utf8").read_text() == "".join(TEXTS.values())
    assert (tmp_path / "plain" / "vectors.f32").read_bytes() == (tmp_path / "old" / "vectors.f32").read_bytes()
    convert(tmp_path / "plain", tmp_path / "again")
    for path in (tmp_path / "plain").iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()


@pytest.mark.parametrize("statement, word", [
    ("UPDATE documents SET title = NULL", "title is NULL"),
    ("UPDATE documents SET name = NULL WHERE id = 2", "name is NULL"),
    ("UPDATE documents SET name = 'same'", "another has"),
    ("UPDATE documents SET title = x'ff'", "UTF-8"),
    ("UPDATE documents SET tags = '[1]'", "tags"),
    ("UPDATE documents SET tags = '[[[['", "not JSON"),
    ("UPDATE documents SET pages = '[-1]'", "pages"),
    ("UPDATE documents SET pages = '[9223372036854775807]'", "pages"),
    ("UPDATE documents SET date = '2026-3-1'", "date"),
    ("UPDATE documents SET format = 'elf'", "format"),
    ("UPDATE documents SET chunks = 9223372036854775807 WHERE id = 1", "the place of its chunks"),
    ("UPDATE documents SET chunks = 1 WHERE id = 1", "the number of its chunks"),
    ("UPDATE documents SET first_chunk = -5 WHERE id = 1", "the place of its chunks"),
    ("UPDATE chunks SET number = 9223372036854775807 WHERE number = 3", "the number of a chunk"),
    ("UPDATE chunks SET number = -7 WHERE number = 1", "the number of a chunk"),
    ("UPDATE chunks SET document_id = 9 WHERE number = 3", "the number of its chunks"),
    ("INSERT INTO chunks VALUES (4, 'x', 9, 0, 1, NULL, 1, 'Title', '', 'O')", "chunks of no document"),
    ("UPDATE chunks SET end_byte = 9223372036854775807 WHERE number = 1", "the place of a chunk"),
    ("UPDATE chunks SET start_byte = 21, end_byte = 22, text = x'b6' WHERE number = 1", "the place of a chunk"),
    ("UPDATE chunks SET start_byte = -1 WHERE number = 1", "the place of a chunk"),
    ("UPDATE chunks SET text = 'other' WHERE number = 1", "the text of chunk 1"),
    ("UPDATE chunks SET title = 'other' WHERE number = 1", "the title of chunk 1"),
    ("UPDATE chunks SET tokens = -1", "the tokens of a chunk"),
    ("UPDATE chunks SET page = 1e300 WHERE number = 1", "the page of a chunk"),
    ("UPDATE document_texts SET text = NULL", "text is NULL"),
    ("UPDATE document_texts SET text = 7", "the place of a chunk"),
    ("DELETE FROM document_texts WHERE document_id = 1", "the place of its chunks"),
    ("DELETE FROM documents", "no document"),
    ("DELETE FROM meta WHERE key = 'embedder'", "meta.embedder"),
    ("UPDATE meta SET value = '3' WHERE key = 'format'", "version of its format"),
    ('UPDATE meta SET value = \'{"model":"m","dimension":1e400,"max_tokens":1}\' WHERE key = \'embedder\'', "dimension"),
    ('UPDATE meta SET value = \'{"model":"m","dimension":4294967304,"max_tokens":1}\' WHERE key = \'embedder\'', "dimension"),
])
def test_a_row_that_no_builder_wrote(tmp_path, statement, word):
    source = loose(tmp_path / "old")
    change(source, statement)
    refused(source, tmp_path / "plain", word)


RECURSIVE = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i"


@pytest.mark.parametrize("statements, word", [
    (["DROP TABLE documents", f"CREATE VIEW documents AS {RECURSIVE} AS id FROM n"], "the view 'documents'"),
    ([f"CREATE VIEW more AS {RECURSIVE} FROM n"], "the view 'more'"),
    (["CREATE TRIGGER t AFTER INSERT ON chunks BEGIN DELETE FROM documents; END"], "the trigger 't'"),
    (["CREATE TABLE more (x)"], "the table 'more'"),
    (["CREATE VIRTUAL TABLE more USING fts5(x)"], "the table 'more'"),
    (["CREATE INDEX more ON documents (hex(zeroblob(100000000)))"], "the index 'more'"),
    (["CREATE INDEX more ON documents (name) WHERE length(title) > 3"], "the index 'more'"),
    (["ALTER TABLE documents ADD COLUMN more AS (hex(zeroblob(500000000)))"], "other columns"),
    (["ALTER TABLE documents DROP COLUMN kind"], "other columns"),
    (["DROP TABLE meta"], "no table meta"),
    (["UPDATE sqlite_schema SET sql = 'CREATE TABLE documents (id INTEGER PRIMARY KEY, name AS (zeroblob(9)))' WHERE name = 'documents'"],
     "malformed"),
    (["UPDATE sqlite_schema SET sql = replace(sql, 'fts5', 'rtree') WHERE name = 'chunks_fts'"], "the table 'chunks_fts'"),
    (["UPDATE sqlite_schema SET rootpage = 9999 WHERE name = 'documents'"], "cannot be read"),
    (["UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM sqlite_schema WHERE name = 'chunks') WHERE name = 'documents'"], ""),
])
def test_a_database_that_is_something_else(tmp_path, statements, word):
    source = loose(tmp_path / "old")
    change(source, *statements)
    refused(source, tmp_path / "plain", word)


def patched(place, value):
    def patch(data):
        data[place:place + len(value)] = value
        return data
    return patch


@pytest.mark.parametrize("damage", [
    lambda data: b"", lambda data: data[:50], lambda data: data[:5000], lambda data: data[:-4096], lambda data: data + bytes(4096),
    patched(0, b"X"), patched(16, b"\x02\x00"), patched(16, b"\x00\x03"), patched(18, b"\x02\x02\x00" + b"\xff"), patched(28, b"\xff\xff\xff\xff"),
    patched(16, b"\x00\x01"), lambda data: data[:4096] + bytes(len(data) - 4096), lambda data: data[:100] + b"\xff" * (len(data) - 100),
    lambda data: data.replace(b"\x0d", b"\x05"),
], ids=["empty", "half a header", "cut", "short of a page", "a page too much", "no magic", "pages of 512", "pages of 3", "write-ahead log, reserved bytes",
        "4 billion pages", "pages of 65536", "zeros", "ones", "leaves that are branches"])
def test_a_file_that_is_damaged(tmp_path, damage):
    source = make(tmp_path / "old")
    file = source / "chunks.sqlite"
    file.write_bytes(damage(bytearray(file.read_bytes())))
    # In a process of its own: what kills it is seen.
    refused(source, tmp_path / "plain", "", by=run)


def test_a_write_ahead_log_beside_it_is_not_read(tmp_path):
    """Its pages would take the place of those that were hashed."""
    source = make(tmp_path / "old")
    file = source / "chunks.sqlite"
    file.write_bytes(patched(18, b"\x02\x02")(bytearray(file.read_bytes())))
    (source / "chunks.sqlite-wal").write_bytes(struct.pack(">IIIIIIII", 0x377F0682, 3007000, 65536, 0, 1, 2, 0, 0) + bytes(70_000))
    assert convert(source, tmp_path / "plain")["documents"] == 2
    assert sorted(path.name for path in source.iterdir()) == ["chunks.sqlite", "chunks.sqlite-wal", "vectors.f32"]


def rows(count=3, **values):
    made = np.eye(DIMENSION, dtype="<f4")[:count]
    for place, value in values.get("set", {}).items():
        made[place] = value
    return made


@pytest.mark.parametrize("write, word", [
    (lambda folder: write_vectors(folder, rows(set={(1, 0): np.nan})), "row 2"),
    (lambda folder: write_vectors(folder, rows(set={(2, 0): np.inf})), "row 3"),
    (lambda folder: write_vectors(folder, rows(set={(0, 0): 1e38})), "row 1"),
    (lambda folder: write_vectors(folder, rows(set={(0, 0): 0})), "row 1"),
    (lambda folder: write_vectors(folder, rows(2)), "its header"),
    (lambda folder: write_vectors(folder, rows(2), count=3), "its size"),
    (lambda folder: write_vectors(folder, rows(3), count=1 << 62), "its header"),
    (lambda folder: write_vectors(folder, rows(3), dimension=4), "its header"),
    (lambda folder: write_vectors(folder, rows(3), version=2), "its header"),
    (lambda folder: (folder / "vectors.f32").write_bytes(b""), "no file of vectors"),
    (lambda folder: (folder / "vectors.f32").unlink(), "has no vectors.f32"),
], ids=["NaN", "infinite", "overflows when squared", "zero", "shorter than rows", "short file", "2^62 rows", "another dimension", "another version", "empty", "none"])
def test_vectors_that_are_none(tmp_path, write, word):
    source = make(tmp_path / "old")
    write(source)
    refused(source, tmp_path / "plain", word)


def test_plain_data_is_trusted_no_more(tmp_path):
    convert(make(tmp_path / "old"), tmp_path / "plain")

    def bad(name, word, **files):
        source = shutil.copytree(tmp_path / "plain", tmp_path / name)
        for file, data in files.items():
            path = source / {"facts": "collection.json", "lines": "documents.jsonl", "texts": "texts.utf8"}[file]
            path.write_bytes(data(path.read_bytes()))
        refused(source, tmp_path / (name + ".out"), word)

    def line(**values):
        def edit(data):
            first, rest = data.split(b"\n", 1)
            return json.dumps(json.loads(first) | values).encode() + b"\n" + rest
        return edit

    chunk = {"start": 0, "end": 45, "tokens": 1, "page": None, "headings": []}
    bad("null", "title is NULL", lines=line(title=None))
    bad("surrogate", "title", lines=line(title="\ud800"))
    bad("far", "the place of a chunk", lines=line(chunks=[chunk | {"end": 1 << 63}]))
    bad("fraction", "the place of a chunk", lines=line(chunks=[chunk | {"end": 44.5}]))
    bad("flag", "the tokens", lines=line(chunks=[chunk | {"tokens": True}]))
    bad("none", "chunks", lines=line(chunks=[]))
    # A small text in a thousand million pieces would fill the disk.
    bad("again", "the size of its chunks together", lines=line(chunks=[chunk] * 30_000))
    bad("size", "the size of its text", lines=line(bytes=1 << 60))
    bad("longer", "more than the documents' texts", texts=lambda data: data + b"x")
    bad("shorter", "the size of its text", texts=lambda data: data[:-1])
    bad("deep", "not JSON", lines=lambda data: b"[" * 100_000 + b"\n")
    bad("wide", "its line", lines=lambda data: b"[" * 7 + b"]" * 7 + b"\n")
    bad("lines", "has more than", facts=lambda data: data + b" " * 70_000)
    bad("facts", "embedder", facts=lambda data: b"{}")
    bad("empty", "the number of documents", lines=lambda data: b"", texts=lambda data: b"")


def test_more_than_is_allowed_is_not_written(tmp_path):
    refused(make(tmp_path / "old"), tmp_path / "plain", "more than is allowed", max_bytes=100)
