"""Real files of each kind become the text that a person has found right; the child's protocol."""

import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time

import pytest
from conftest import ENGINE, command, read_event
from reader import DOCUMENTS, codes, reader

GOLDEN = DOCUMENTS / "golden"
SAMPLES = ["handbook.docx", "handbook.odt", "handbook.pdf", "mill.epub", "page.html", "notes.md", "hives.csv", "stations.tsv",
           "orders.json", "people.json", "log.jsonl", "firing.ipynb", "Kiln.swift", "greeting-1252.txt", "greeting-utf16.txt"]


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    with reader(tmp_path_factory.mktemp("texts")) as running:
        yield running


@pytest.fixture
def write(tmp_path):
    def write(name: str, content: bytes | str):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path
    return write


@pytest.mark.parametrize("name", SAMPLES)
def test_a_real_file_becomes_its_golden_text(engine, name):
    """UPDATE_GOLDENS=1 writes what came out; read the difference before committing it."""
    reply, out = engine.answer(DOCUMENTS / name)
    text = GOLDEN / f"{name}.txt"
    answer = GOLDEN / f"{name}.json"
    if os.environ.get("UPDATE_GOLDENS"):
        text.write_bytes(out.read_bytes())
        answer.write_text(json.dumps(reply, indent=1, ensure_ascii=False) + "\n")
    assert out.read_bytes() == text.read_bytes()
    assert reply == json.loads(answer.read_text())


def test_the_same_document_is_the_same_text_in_docx_and_odt():
    assert (GOLDEN / "handbook.docx.txt").read_bytes() == (GOLDEN / "handbook.odt.txt").read_bytes()


@pytest.mark.parametrize("name", ["handbook.docx", "handbook.odt", "page.html", "mill.epub"])
def test_what_nobody_sees_is_not_in_the_text(engine, name):
    text = engine.text(DOCUMENTS / name)
    for word in ("HIDDEN-TEXT", "DELETED-TEXT", "SCRIPT-TEXT", "COMMENT-TEXT", "SECRET", "NAVIGATION", "ADVERTISEMENT", "TEMPLATE-TEXT",
                 "NOSCRIPT-TEXT", "FOOTER-TEXT", "for visitors"):
        assert word not in text


def test_pages_of_a_pdf_begin_where_they_say(engine):
    reply, out = engine.answer(DOCUMENTS / "handbook.pdf")
    text = out.read_bytes()
    starts = [text[offset:].decode().split("\n")[0] for offset in reply["pages"]]
    assert starts == ["# Visitor Handbook", "## Using the telescope", "## When something breaks"]


def test_running_heads_page_numbers_and_hyphens_are_gone_from_a_pdf(engine):
    text = engine.text(DOCUMENTS / "handbook.pdf")
    assert "Kestrel Ridge · for visitors" not in text and "Page 2" not in text
    assert "practically all of the damage" in text and "well-founded reason" in text
    assert "efficient heating, the flat roof" in text  # ligatures
    assert not any(character in text for character in "\ufffe\u00ad\ufb01\ufb02")


def test_rows_of_a_pdf_become_a_table_and_its_cells_may_have_several_lines(engine, write):
    from hostile import FONT, pdf, stream

    def at(x, y, text):
        return f"BT /F 10 Tf {x} {y} Td ({text}) Tj ET\n"
    page = (at(60, 700, "Before the table.") + at(60, 670, "Part") + at(200, 670, "Meaning") + at(60, 656, "cone")
            + at(200, 656, "a small pyramid that bends at a") + at(200, 644, "known temperature") + at(60, 630, "kiln") + at(200, 630, "an oven")
            + at(60, 600, "Alone") + at(300, 600, "on a line") + at(60, 570, "After the table."))
    content = pdf([b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Count 1/Kids[4 0 R]>>", FONT,
                   b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<</Font<</F 3 0 R>>>>/Contents 5 0 R>>", stream(page.encode())])
    assert engine.text(write("table.pdf", content)) == (
        "Before the table.\n\n| Part | Meaning |\n| --- | --- |\n| cone | a small pyramid that bends at a known temperature |\n"
        "| kiln | an oven |\n\nAlone on a line\n\nAfter the table.\n")


def test_a_paragraph_that_nothing_ends_is_cut(engine, write):
    from hostile import simple_pdf

    texts = [f"page{page} " + "word " * 20 for page in range(400)]
    reply, out = engine.answer(write("long.pdf", simple_pdf(*texts)))
    paragraphs = out.read_text().split("\n\n")
    assert 4 <= len(paragraphs) < 10 and max(map(len, paragraphs)) < 11_000
    assert " ".join(paragraphs).split() == " ".join(texts).split()
    assert len(set(reply["pages"])) == 400 and all(
        out.read_bytes()[offset:].startswith(b"page%d " % page) for page, offset in enumerate(reply["pages"]))


def test_identical_pages_are_not_all_running_heads(engine, write):
    from hostile import simple_pdf

    assert engine.text(write("same.pdf", simple_pdf(*["The same."] * 4))).split() == ["The", "same."] * 4


def test_permalinks_of_headings_are_left_out(engine, write):
    assert engine.text(write("a.html", "<h2>Head<a href='#x'>¶</a></h2><ul><li>- item</ul>")) == "## Head\n\n- item\n"


@pytest.mark.parametrize("name", ["a.md", "a.txt", "a.py", "a"])
def test_utf8_passes_byte_for_byte(engine, write, name):
    content = "# Ü\r\n\r\ntab\tand  spaces   \n\n\n| no | table\r\n\u200b\U0001f600 end without newline".encode()
    reply, out = engine.answer(write(name, content))
    assert out.read_bytes() == content and reply["warnings"] == []


def test_the_text_is_private(engine, write):
    _, out = engine.answer(write("a.txt", "secret"))
    assert stat.S_IMODE(out.stat().st_mode) == 0o600


@pytest.mark.parametrize("name, language", [("x.rs", "rust"), ("x.tsx", "tsx"), ("Dockerfile", "dockerfile"), ("x.h", "c"), ("script", "python"),
                                            ("x.yaml", "yaml"), ("x.sql", "sql")])
def test_source_has_its_language(engine, write, name, language):
    reply, _ = engine.answer(write(name, "#!/usr/bin/env python3\nint a_b = c->d;\n"))
    assert (reply["kind"], reply["format"], reply["language"]) == ("source", "code", language)


@pytest.mark.parametrize("encoding, expected", [("utf-8-sig", "bom_removed"), ("utf-16", "converted"), ("utf-16-be", "converted"),
                                                ("utf-32", "converted"), ("cp1252", "converted")])
def test_other_encodings_are_converted_and_said(engine, write, encoding, expected):
    text = "Žluťoučký kůň — naïve café\n" * 3 if encoding != "cp1252" else "Naïve café für 5 €\n" * 3
    reply, out = engine.answer(write("a.txt", text.encode(encoding)))
    assert out.read_bytes().decode() == text and codes(reply) == [expected]


def test_a_few_bad_bytes_in_utf8_are_replaced_and_said(engine, write):
    reply, out = engine.answer(write("a.txt", "äöü".encode() * 20 + b"\xff" + "end".encode()))
    assert out.read_text() == "äöü" * 20 + "\ufffdend"
    assert codes(reply) == ["invalid_utf8"] and "byte 120" in reply["warnings"][0]["message"]


def test_the_page_names_its_encoding(engine, write):
    page = '<html><head><meta charset="koi8-r"><title>t</title></head><body><p>мир</p></body></html>'
    assert engine.text(write("a.html", page.encode("koi8-r"))) == "мир\n"


@pytest.mark.parametrize("name", ["report.txt", "report", "report.docx"])
def test_content_decides_not_the_extension(engine, name):
    reply, _ = engine.answer(DOCUMENTS / "handbook.pdf", name)
    assert reply["kind"] == "pdf" and codes(reply)[0] == "wrong_extension"
    reply, _ = engine.answer(DOCUMENTS / "handbook.odt", name)
    assert reply["kind"] == "odt" and codes(reply)[0] == "wrong_extension"


def test_text_with_the_name_of_a_pdf_is_read_as_text(engine, write):
    reply, _ = engine.answer(write("a.pdf", "only text"))
    assert reply["kind"] == "text" and codes(reply) == ["wrong_extension"]


def test_what_looks_like_structure_is_marked_as_text(engine, write):
    page = "<p># one</p><p>&gt; two</p><p>```</p><p>| a |</p><p>***</p><p>1 # 2</p>"
    assert engine.text(write("a.html", page)) == "\\# one\n\n\\> two\n\n\\```\n\n\\| a |\n\n\\***\n\n1 # 2\n"


def test_code_with_fences_in_it_gets_a_longer_fence(engine, write):
    assert engine.text(write("a.html", "<pre>```\nx\n```</pre>")) == "````\n```\nx\n```\n````\n"


def test_a_page_without_main_loses_its_frame(engine, write):
    page = ("<body><nav>menu</nav><div role=banner>logo</div><div><h1>Head</h1><p>Body.</p></div><aside>side</aside><footer>foot</footer>")
    assert engine.text(write("a.html", page)) == "# Head\n\nBody.\n"


def test_layout_tables_are_no_tables(engine, write):
    page = "<table><tr><td><h1>A</h1><table><tr><td>1<td>2<tr><td>3<td>4</table></td></tr></table>"
    assert engine.text(write("a.html", page)) == "# A\n\n| 1 | 2 |\n| --- | --- |\n| 3 | 4 |\n"


def test_a_table_without_names_gets_numbers(engine, write):
    reply, out = engine.answer(write("a.csv", "1,2\n3,4\n"))
    assert out.read_text() == "| column 1 | column 2 |\n| --- | --- |\n| 1 | 2 |\n| 3 | 4 |\n" and codes(reply) == ["no_header"]


@pytest.mark.parametrize("first, delimiter", [("sep=;\r\n", ";"), ('"sep=|"\n', "|"), ("SEP=\t\r\n", "\t"), ("sep=,\n", ","), ("", ";"), ("", "|")])
def test_the_delimiter_that_a_table_names_or_uses_parts_it(engine, write, first, delimiter):
    rows = [["pier", "share"], ["Skarvik", "1,5"], ["Ornsund", "2,5"]]
    if delimiter == ",":
        rows = [[cell.replace(",", ".") for cell in row] for row in rows]
    text = engine.text(write("a.csv", first + "".join(delimiter.join(row) + "\r\n" for row in rows)))
    assert text == "".join(f"| {a} | {b} |\n" + ("| --- | --- |\n" if a == "pier" else "") for a, b in rows)


def test_rows_of_wide_tables_are_written_out(engine, write):
    """In blocks of 1 MiB, and with line breaks inside of quotes."""
    long = "x " * 300
    path = write("a.csv", "id,text\n" + "".join(f'{number},"{long}\n{number}"\n' for number in range(3000)))
    paragraphs = engine.text(path).rstrip("\n").split("\n\n")
    assert len(paragraphs) == 3000 and paragraphs[2999] == f"id: 2999\ntext: {long}2999"


def test_a_large_list_of_json_is_one_record_a_paragraph(engine, write):
    path = write("a.json", json.dumps([{"n": n, "deep": {"a": [{"b": n}]}} for n in range(1000)]))
    paragraphs = engine.text(path).rstrip("\n").split("\n\n")
    assert len(paragraphs) == 1000 and paragraphs[7] == "n: 7\ndeep.a[0].b: 7"


@pytest.mark.parametrize("number", ["1e400", "-1e400", "NaN", "Infinity", "-Infinity", "1.10", "0.1000000000000000055", "12345678901234567890123", "1E5",
                                    "-0", "9" * 5000], ids=lambda number: number[:24])
@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_a_number_in_json_stays_as_it_is_written(engine, write, name, number):
    assert engine.text(write(name, f'{{"n": {number}, "list": [{number}, true, null]}}\n')) == f"n: {number}\nlist: {number}, true, null\n"


def test_a_notebook_may_hold_any_number(engine, write):
    cells = '[{"cell_type": "markdown", "source": "Hello.", "metadata": {"n": %s, "m": 1e400}}]' % ("9" * 5000)
    assert engine.text(write("a.ipynb", f'{{"cells": {cells}}}')) == "Hello.\n"


@pytest.mark.parametrize("start", ["--5", "²", "1e3", ""])
def test_a_list_may_begin_with_nonsense(engine, write, start):
    assert engine.text(write("a.html", f"<ol start='{start}'><li>one<li>two</ol>")) == "1. one\n2. two\n"


# --- the protocol


@pytest.mark.parametrize("line, identifier, code", [
    (b"junk", None, "invalid_json"),
    (b"[1]", None, "invalid_request"),
    (b'{"id":1}', 1, "invalid_request"),
    (b'{"id":2,"path":"","out":"/x"}', 2, "invalid_request"),
    (b'{"id":3,"path":"/x","out":7}', 3, "invalid_request"),
    (b'{"id":4,"path":"/x\\u0000","out":"/y"}', 4, "invalid_request"),
    (b"[" * 100_000, None, "invalid_json"),
    (b'{"id":5,"path":"' + b"x" * (1 << 20) + b'"}', None, "request_too_large"),
])
def test_a_bad_request_is_answered_and_the_next_one_served(engine, write, line, identifier, code):
    engine.process.stdin.write(line + b"\n")
    engine.process.stdin.flush()
    reply = read_event(engine.process)
    assert reply["id"] == identifier and reply["error"]["code"] == code
    assert engine.text(write("a.txt", "next")) == "next"


def test_a_place_that_cannot_be_written_is_named(engine, write, tmp_path):
    path = write("a.txt", "text")
    for out in (tmp_path / "no" / "folder" / "out.txt", tmp_path):
        reply = engine.send(id=1, path=str(path), name="a.txt", out=str(out))
        assert reply["error"]["code"] == "out_unwritable" and str(out) in reply["error"]["message"]


def test_a_link_left_where_the_text_is_written_is_not_followed(engine, write, tmp_path):
    victim = write("victim", "untouched")
    (engine.folder / "planted.txt.part").symlink_to(victim)
    reply = engine.send(id=1, path=str(write("a.txt", "text")), name="a.txt", out=str(engine.folder / "planted.txt"))
    assert "error" not in reply and victim.read_text() == "untouched"
    assert (engine.folder / "planted.txt").read_text() == "text"


def test_an_error_leaves_the_older_text(engine, write):
    out = engine.folder / "older.txt"
    out.write_text("older")
    assert "error" in engine.send(id=1, path=str(write("a.txt", "")), name="a.txt", out=str(out))
    assert out.read_text() == "older"


def children(pid: int) -> list[int]:
    rows = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True).stdout.splitlines()
    return [int(row.split()[0]) for row in rows if row.split()[1] == str(pid)]


def slow_file(tmp_path):
    """Takes seconds to read."""
    path = tmp_path / "slow.html"
    path.write_text("<div>" * 9_999 + "<p>" * 3_000_000)  # each <p> looks through all of the open elements
    return path


def wait_for_worker(engine) -> int:
    until = time.monotonic() + 60
    while not (found := children(engine.process.pid)):
        assert engine.process.poll() is None and time.monotonic() < until
    return found[0]


def is_alive(pid: int) -> bool:
    return bool(subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True).stdout.strip("Z \n"))


def test_two_requests_after_a_killed_worker(tmp_path, write):
    path = slow_file(tmp_path)
    with reader(tmp_path / "out") as engine:
        killer = threading.Thread(target=lambda: os.kill(wait_for_worker(engine), signal.SIGSEGV))
        killer.start()
        assert engine.error(path)["code"] == "parser_crashed"
        killer.join()
        assert engine.text(write("a.txt", "one")) == "one"
        assert engine.text(DOCUMENTS / "people.json").startswith("name: Ada")


@pytest.mark.parametrize("end", ["stdin", "terminate", "kill"])
def test_the_worker_ends_with_its_parent(tmp_path, end):
    path = slow_file(tmp_path)
    with reader(tmp_path / "out") as engine:
        request = {"id": 1, "path": str(path), "name": "slow.html", "out": str(tmp_path / "out" / "x")}
        engine.process.stdin.write(json.dumps(request).encode() + b"\n")
        engine.process.stdin.flush()
        worker = wait_for_worker(engine)
        if end == "stdin":
            engine.process.stdin.close()
        else:
            getattr(engine.process, end)()
        engine.process.wait(timeout=60)
        engine.process.stdin = None
        for _ in range(10_000):
            if not is_alive(worker):
                return
        pytest.fail("the worker outlived its parent")


def test_help_is_the_contract():
    result = subprocess.run(command("documents/parse.py", "--help"), stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert result.returncode == 0 and '"event":"ready"' in result.stdout


def test_only_what_is_needed_is_imported():
    """The reader must not pull in torch or numpy: each of its workers is a copy of it."""
    code = "from documents import parse; import sys; print(sorted({'torch', 'numpy', 'transformers', 'onnxruntime'} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], cwd=ENGINE, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert result.stdout == "[]\n", result.stderr
