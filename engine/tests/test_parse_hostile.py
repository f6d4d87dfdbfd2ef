"""Every malformed or hostile document fails alone, by name, and leaves the child serving."""

import json
import os
import random
import re
import signal
import subprocess
import warnings
import zipfile

import pytest
from conftest import ENGINE
from hostile import CONTENT_TYPES, FONT, W, docx, forge_sizes, pdf, picture_pdf, simple_pdf, stream
from reader import DOCUMENTS, codes, reader

BOMB = '<!DOCTYPE w [<!ENTITY a "lol">' + "".join(
    f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9)) + "]>"
EXTERNAL = '<!DOCTYPE w [<!ENTITY x SYSTEM "file:///etc/hostname">]>'
ENTITY = "<w:p><w:r><w:t>&{};</w:t></w:r></w:p>"


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    with reader(tmp_path_factory.mktemp("texts"), "--seconds", 60) as running:
        yield running


def content(data: bytes | str):
    return lambda path: path.write_bytes(data.encode() if isinstance(data, str) else data)


def zipped(*members: tuple[str, bytes | str]):
    def make(path):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            for name, data in members:
                with warnings.catch_warnings(action="ignore"):  # of a name that is there twice
                    file.writestr(name, data)
    return make


def odt(*members: tuple[str, bytes | str]):
    return zipped(("mimetype", "application/vnd.oasis.opendocument.text"), *members)


def part_of(name: str, share: float):
    data = (DOCUMENTS / name).read_bytes()
    return content(data[: int(len(data) * share)])


def corrupt(name: str, part: str):
    """The same container with the middle of one part's packed bytes overwritten."""
    def make(path):
        data = bytearray((DOCUMENTS / name).read_bytes())
        with zipfile.ZipFile(DOCUMENTS / name) as file:
            entry = file.getinfo(part)
        at = entry.header_offset + 30 + len(part) + entry.compress_size // 2
        data[at : at + 20] = bytes(20)
        path.write_bytes(data)
    return make


def encrypted_entry(path):
    docx(path)
    data = bytearray(path.read_bytes())
    at = data.find(b"PK\x01\x02")
    data[at + 8] |= 1
    path.write_bytes(data)


MANIFEST = ('<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"><manifest:file-entry manifest:full-path='
            '"content.xml"><manifest:encryption-data/></manifest:file-entry></manifest:manifest>')
RIGHTS = ('<encryption xmlns="urn:oasis:names:tc:opendocument:xmlns:container" xmlns:enc="http://www.w3.org/2001/04/xmlenc#"><enc:EncryptedData>'
          '<enc:CipherData><enc:CipherReference URI="c.xhtml"/></enc:CipherData></enc:EncryptedData></encryption>')
CONTAINER = ('<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles><rootfile full-path="b.opf"/></rootfiles></container>')
PACKAGE = ('<package xmlns="http://www.idpf.org/2007/opf"><manifest><item id="c" href="c.xhtml"/></manifest><spine><itemref idref="c"/></spine>'
           "</package>")
EPUB = (("mimetype", "application/epub+zip"), ("META-INF/container.xml", CONTAINER), ("b.opf", PACKAGE))
PAGE = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>"

# name, how it is made, code, what the message says
REFUSED = [
    # PDF
    ("encrypted.pdf", content((DOCUMENTS / "encrypted.pdf").read_bytes()), "encrypted", "password"),
    ("cut.pdf", content(simple_pdf("text")[:40]), "damaged", "cut off"),
    ("pictures.pdf", content(picture_pdf()), "no_text", "OCR is not done"),
    ("noise-within.pdf", content(b"%PDF-1.7\n" + bytes(range(256)) * 40 + b"%%EOF"), "damaged", "cannot be opened"),
    ("lying.pdf", content(pdf([b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Count 900000/Kids[3 0 R]>>", b"<</Type/Page/Parent 9 0 R"])),
     "damaged", "pages can be read"),
    ("blank.pdf", content(pdf([b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Count 1/Kids[3 0 R]>>", PAGE])), "no_text", "no text"),
    ("loop.pdf", content(pdf([b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Count 3/Kids[3 0 R]>>",
                              b"<</Type/Pages/Parent 2 0 R/Count 2/Kids[2 0 R 3 0 R]>>"])), "damaged", "can be read"),
    ("half.pdf", part_of("handbook.pdf", 0.6), "damaged", "cut off"),
    ("rootless.pdf", content(pdf([b"<<>>"], b"")), "damaged", "cannot be opened"),
    # DOCX, ODT, EPUB
    ("bomb.docx", lambda path: docx(path, "<w:p/>" * 10_000_000), "zip_bomb", "claim to unpack"),
    ("liar.docx", lambda path: forge_sizes(docx(path, "<w:p/>" * 10_000_000), "word/document.xml", 1000), "damaged", "word/document.xml"),
    ("many.docx", zipped(("[Content_Types].xml", CONTENT_TYPES), *((f"word/{n}", b"") for n in range(10_001))), "zip_bomb", "10002 entries"),
    ("nested.docx", zipped(("inner.zip", (DOCUMENTS / "handbook.docx").read_bytes())), "archive", "ZIP archive"),
    ("climbing.docx", lambda path: docx(path, **{"..__..__evil": b"x"}), "unsafe_path", "'../../evil'"),
    ("absolute.odt", odt(("content.xml", "<a/>"), ("/etc/cron.d/evil", b"x")), "unsafe_path", "/etc/cron.d/evil"),
    ("drive.epub", zipped(*EPUB, ("C:/evil", b"x")), "unsafe_path", "C:/evil"),
    ("twice.docx", zipped(("[Content_Types].xml", CONTENT_TYPES), ("word/document.xml", "<a/>"), ("word/document.xml", "<b/>")),
     "duplicate_entry", "2 times"),
    ("locked.docx", encrypted_entry, "encrypted", "[Content_Types].xml"),
    ("locked-by-office.docx", content(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504) + "EncryptedPackage".encode("utf-16-le")), "encrypted",
     "password"),
    ("old.doc", content(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(1000)), "damaged", "directory is missing"),
    ("entities.docx", lambda path: docx(path, ENTITY.format("j"), BOMB), "unsafe_xml", "entity 'a'"),
    ("external.docx", lambda path: docx(path, ENTITY.format("x"), EXTERNAL), "unsafe_xml", "entity 'x'"),
    ("broken.docx", lambda path: docx(path, "<w:p><w:r>"), "damaged", "no well-formed XML"),
    ("empty-package.docx", zipped(("[Content_Types].xml", CONTENT_TYPES)), "damaged", "word/document.xml"),
    ("flipped.docx", corrupt("handbook.docx", "word/document.xml"), "damaged", "word/document.xml"),
    ("cut.docx", part_of("handbook.docx", 0.5), "damaged", "ZIP container"),
    ("wordless.docx", lambda path: docx(path, "<w:p/>"), "empty", "no text"),
    ("cut.odt", part_of("handbook.odt", 0.9), "damaged", "ZIP container"),
    ("locked.odt", odt(("content.xml", b"\x12\x99"), ("META-INF/manifest.xml", MANIFEST)), "encrypted", "password"),
    ("entities.odt", odt(("content.xml", BOMB + "<w>&j;</w>")), "unsafe_xml", "entity 'a'"),
    ("hollow.odt", odt(("meta.xml", "<a/>")), "damaged", "content.xml"),
    ("cut.epub", part_of("mill.epub", 0.8), "damaged", "ZIP container"),
    ("lost.epub", zipped(EPUB[0], EPUB[1]), "damaged", "container.xml"),
    ("protected.epub", zipped(*EPUB, ("c.xhtml", b"\x00\x01"), ("META-INF/encryption.xml", RIGHTS)), "encrypted", "DRM"),
    ("book.xlsx", zipped(("[Content_Types].xml", "<a/>"), ("xl/workbook.xml", "<a/>")), "damaged", "workbook"),
    ("talk.pptx", zipped(("[Content_Types].xml", "<a/>"), ("ppt/presentation.xml", "<a/>")), "unsupported", "PowerPoint"),
    ("letter.rtf", content(r"{\rtf1 Hello}"), "unsupported", "RTF"),
    # text
    ("picture.txt", content(b"\x89PNG\r\n\x1a\n" + bytes(50)), "binary", "a PNG picture"),
    ("program.txt", content(b"\x7fELF" + bytes(50)), "binary", "a program"),
    ("nul.txt", content(b"text with a \0 in the middle of it, and much more text behind"), "binary", "byte 12"),
    ("noise.txt", content(bytes(range(1, 32)) * 50), "binary", "control characters"),
    ("nul.csv", content(b"a,b\n1,\0\n"), "binary", "byte 6"),
    ("noise.pdf", content(b"\1\2\3\4\5\6\7" * 100), "damaged", "does not begin like one"),
    ("blank.txt", content(" \n\t\n"), "empty", "no text"),
    ("deep.html", content("<div>" * 100_000 + "x"), "too_deep", "10000 deep"),
    ("scripts.html", content("<html><script>alert(1)</script></html>"), "empty", "no text"),
    # tables
    ("columns.csv", content(",".join(map(str, range(100_000))) + "\n"), "too_many_columns", "100000 columns"),
    ("quote.csv", content('a,b\n1,2\n3,"never closed\n' + "4,5\n" * 1000), "csv_invalid", "line 3"),
    ("long-quote.csv", content('a,b\n"' + "1,2\n" * 2_000_000), "csv_invalid", "line 2"),
    ("inner-quote.csv", content('a,b\n1,"x"y\n'), "csv_invalid", "line 2"),
    ("one-line.csv", content("a,b\n" + "x" * (20 << 20)), "csv_invalid", "line"),
    # JSON
    ("deep.json", content("[" * 10_000 + "]" * 10_000), "too_deep", "levels deep"),
    ("deeper.json", content('{"a":' * 300 + "1" + "}" * 300), "too_deep", "levels deep"),
    ("cut.json", content('{"a": [1,\n2'), "json_invalid", "line 2, column 2"),
    ("two.json", content('{"a": 1}\n{"a": 2}'), "json_invalid", "line 2, column 1: Extra data"),
    ("comma.json", content('[{"a": 1},]'), "json_invalid", "line 1, column 11"),
    ("unclosed.json", content('[{"a": 1}'), "json_invalid", "',' delimiter"),
    ("cells.ipynb", content('{"cells": {"a": 1}}'), "damaged", "no list of cells"),
    ("odd.ipynb", content('{"cells": [1, null, {"cell_type": "code", "source": {"a": 1}}], "metadata": [], "x": 1}'), "empty", "no text"),
    ("deep.ipynb", content("[" * 10_000), "too_deep", "the notebook"),
    ("empty.json", content("{}"), "empty", "no text"),
    ("bad.jsonl", content('{"a": 1}\n\n{"a": }\n'), "jsonl_invalid", "line 3, column 7"),
    ("deep.jsonl", content('{"a": 1}\n' + "[" * 10_000 + "]" * 10_000), "too_deep", "line 2"),
    # what is no document at all
    ("archive.zip", zipped(("a.txt", "text")), "archive", "ZIP archive"),
    ("damaged.zip", content(b"PK\x03\x04" + bytes(100)), "archive", "damaged"),
    ("packed.gz", content(b"\x1f\x8b\x08\0" + bytes(20)), "binary", "a gzip file"),
]


@pytest.mark.parametrize("name, make, code, says", REFUSED, ids=[case[0] for case in REFUSED])
def test_it_is_refused_by_name_and_the_next_is_served(engine, tmp_path, name, make, code, says):
    make(tmp_path / name)
    error = engine.error(tmp_path / name)
    assert error["code"] == code and says in error["message"], error
    assert engine.text(DOCUMENTS / "Kiln.swift").startswith("/// Heats clay.")


@pytest.mark.parametrize("suffix", ["txt", "md", "html", "pdf", "docx", "odt", "epub", "csv", "tsv", "json", "jsonl", "swift"])
def test_an_empty_file_of_each_kind(engine, tmp_path, suffix):
    path = tmp_path / f"nothing.{suffix}"
    path.touch()
    error = engine.error(path)
    assert error["code"] == "empty" and f"nothing.{suffix}" in error["message"]


def test_what_is_no_regular_file(engine, tmp_path):
    target = tmp_path / "target.txt"
    target.write_text("not for you")
    (tmp_path / "link.txt").symlink_to(target)
    (tmp_path / "dangling.txt").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe.txt")
    for path, code, says in [(tmp_path / "link.txt", "not_a_file", "a link"), (tmp_path / "dangling.txt", "not_a_file", "a link"),
                             (tmp_path / "pipe.txt", "not_a_file", "no regular file"), (tmp_path, "not_a_file", "a folder"),
                             ("/dev/zero", "not_a_file", "no regular file"), (tmp_path / "gone.txt", "not_found", "not there")]:
        error = engine.error(path)
        assert error["code"] == code and says in error["message"], (path, error)


def test_an_unreadable_file(engine, tmp_path):
    if os.geteuid() == 0:  # root may read anything; a regular file whose reading fails is then this one
        path = "/proc/self/mem"
        if not os.path.exists(path):
            pytest.skip("root, and no /proc")
    else:
        path = tmp_path / "private.txt"
        path.write_text("text")
        path.chmod(0)
    assert engine.error(path)["code"] == "unreadable"


# --- hostile, and yet readable


def test_a_pdf_with_a_huge_page(engine, tmp_path):
    path = tmp_path / "huge.pdf"
    path.write_bytes(simple_pdf("Small text", media=b"[-1e30 -1e30 1e30 1e30]", more=b"/UserUnit 75000"))
    assert engine.text(path) == "Small text\n"


@pytest.mark.parametrize("font", [b"Helvetica", b"Courier"])
def test_a_pdf_with_impossible_places_and_sizes(engine, tmp_path, font):
    number = b"9" * 300
    content = (b"BT /F 12 Tf 72 700 Td (near) Tj ET BT /F 12 Tf 1e30 " + number + b" Td (far away) Tj ET "
               b"BT /F 12 Tf 0 0 0 0 0 0 Tm (flat) Tj ET BT /F " + number + b" Tf 9 9 Td (large) Tj ET BT /F -0 Tf 9 9 Td (none) Tj ET")
    path = tmp_path / "far.pdf"
    path.write_bytes(pdf([b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Count 1/Kids[3 0 R]>>",
                          b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<</Font<</F 4 0 R>>>>/Contents 5 0 R>>",
                          FONT.replace(b"Helvetica", font), stream(content)]))
    assert "near" in engine.text(path)


def test_a_pdf_without_its_last_bytes(engine, tmp_path):
    path = tmp_path / "short.pdf"
    path.write_bytes(simple_pdf("First page", "Second page")[:-7])
    reply, out = engine.answer(path)
    assert out.read_text() == "First page\n\nSecond page\n" and codes(reply) == ["truncated"]


def test_a_pdf_with_garbage_for_a_cross_reference_table(engine, tmp_path):
    path = tmp_path / "xref.pdf"
    whole = simple_pdf("Still here")
    at = whole.index(b"xref")
    path.write_bytes(whole[:at] + b"xref\n0 6\n" + b"garbage " * 40 + whole[whole.index(b"trailer") :])
    assert engine.text(path) == "Still here\n"


def test_a_pdf_with_a_bomb_for_content_is_stopped(tmp_path):
    """1 MB of drawing that is 1 GB unpacked."""
    import zlib

    packer = zlib.compressobj(9)
    block = b"0 0 m 1 1 l S " * 75_000
    packed = b"".join(packer.compress(block) for _ in range(1000)) + packer.flush()
    path = tmp_path / "bomb.pdf"
    path.write_bytes(pdf([b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Count 1/Kids[3 0 R]>>",
                          b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 4 0 R>>", stream(packed, b"/Filter/FlateDecode")]))
    with reader(tmp_path / "out", "--memory-bytes", 256 << 20, "--seconds", 20) as small:
        error = small.error(path)
        assert error["code"] in ("too_much_memory", "too_slow", "no_text"), error
        assert small.text(DOCUMENTS / "Kiln.swift")


def test_a_page_of_text_and_a_page_of_picture(engine, tmp_path):
    kids = [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Count 2/Kids[4 0 R 6 0 R]>>", FONT,
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<</Font<</F 3 0 R>>>>/Contents 5 0 R>>",
            stream(b"BT /F 12 Tf 72 700 Td (Words) Tj ET"),
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<</XObject<</I 8 0 R>>>>/Contents 7 0 R>>", stream(b"/I Do"),
            stream(bytes(64), b"/Type/XObject/Subtype/Image/Width 8/Height 8/ColorSpace/DeviceGray/BitsPerComponent 8")]
    path = tmp_path / "half.pdf"
    path.write_bytes(pdf(kids))
    reply, out = engine.answer(path)
    assert out.read_text() == "Words\n" and codes(reply) == ["pages_without_text"] and "page 2" in reply["warnings"][0]["message"]
    assert reply["pages"] == [0, 6]


def test_pictures_with_the_same_stamp_have_no_text(engine, tmp_path):
    path = tmp_path / "stamped.pdf"
    path.write_bytes(picture_pdf(5, stamp=b"BT /F 9 Tf 50 20 Td (Scanned by a machine) Tj ET"))
    assert engine.error(path)["code"] == "no_text"


def test_macros_are_left_alone_and_said(engine, tmp_path):
    path = docx(tmp_path / "macros.docm", word__vbaProject=b"", **{"word/vbaProject.bin": b"\xd0\xcf\x11\xe0"})
    reply, out = engine.answer(path)
    assert out.read_text() == "Hello.\n" and codes(reply) == ["macros"]


def test_entities_in_html_stay_what_they_are(engine, tmp_path):
    path = tmp_path / "entities.html"
    path.write_text(BOMB.replace("DOCTYPE w", "DOCTYPE html") + "<html><p>&j; &x; &amp; end</p></html>")
    text = engine.text(path)
    assert len(text) < 2000 and text.endswith("&j; &x; & end\n")


def test_hidden_and_changed_text_of_word(engine, tmp_path):
    body = ("<w:p><w:r><w:t xml:space='preserve'>Seen </w:t></w:r><w:r><w:rPr><w:vanish/></w:rPr><w:t>vanished</w:t></w:r>"
            "<w:r><w:rPr><w:vanish w:val='0'/></w:rPr><w:t>shown</w:t></w:r><w:del><w:r><w:delText>deleted</w:delText></w:r></w:del>"
            "<w:moveFrom><w:r><w:t>moved</w:t></w:r></w:moveFrom><w:ins><w:r><w:t xml:space='preserve'> inserted</w:t></w:r></w:ins></w:p>"
            "<w:p><w:r><w:fldChar w:fldCharType='begin'/></w:r><w:r><w:instrText>INCLUDETEXT /etc/passwd</w:instrText></w:r>"
            "<w:r><w:fldChar w:fldCharType='separate'/></w:r><w:r><w:t>field</w:t></w:r></w:p>")
    reply, out = engine.answer(docx(tmp_path / "hidden.docx", body))
    assert out.read_text() == "Seen shown inserted\n\nfield\n" and codes(reply) == ["tracked_changes", "hidden"]


def test_styles_of_word_that_inherit_in_a_circle(engine, tmp_path):
    styles = (f'<w:styles {W}><w:style w:styleId="A"><w:name w:val="a"/><w:basedOn w:val="B"/></w:style>'
              '<w:style w:styleId="B"><w:basedOn w:val="A"/><w:pPr><w:outlineLvl w:val="1"/></w:pPr></w:style></w:styles>')
    body = "<w:p><w:pPr><w:pStyle w:val='A'/></w:pPr><w:r><w:t>Head</w:t></w:r></w:p>"
    assert engine.text(docx(tmp_path / "circle.docx", body, **{"word/styles.xml": styles})) == "## Head\n"


def test_numbered_headings_and_lists_of_word(engine, tmp_path):
    numbering = (f'<w:numbering {W}><w:abstractNum w:abstractNumId="0"><w:lvl w:ilvl="0"><w:start w:val="2"/><w:numFmt w:val="decimal"/>'
                 '<w:lvlText w:val="%1"/></w:lvl><w:lvl w:ilvl="1"><w:numFmt w:val="lowerLetter"/><w:lvlText w:val="%1(%2)"/></w:lvl></w:abstractNum>'
                 '<w:num w:numId="7"><w:abstractNumId w:val="0"/></w:num></w:numbering>')

    def paragraph(text, level, outline=""):
        return (f"<w:p><w:pPr>{outline}<w:numPr><w:ilvl w:val='{level}'/><w:numId w:val='7'/></w:numPr></w:pPr><w:r><w:t>{text}</w:t></w:r></w:p>")
    body = (paragraph("Scope", 0, "<w:outlineLvl w:val='0'/>") + paragraph("first", 1) + paragraph("second", 1)
            + paragraph("Terms", 0, "<w:outlineLvl w:val='0'/>") + paragraph("third", 1))
    text = engine.text(docx(tmp_path / "numbers.docx", body, **{"word/numbering.xml": numbering}))
    assert text == "# 2 Scope\n\n    - 2(a) first\n    - 2(b) second\n\n# 3 Terms\n\n    - 3(a) third\n"


def test_a_hundred_thousand_unclosed_elements(engine, tmp_path):
    path = tmp_path / "unclosed.html"
    path.write_text("<b><i><p><li>" * 25_000 + "end")
    assert engine.text(path).endswith("- end\n")


def test_no_more_text_than_allowed(tmp_path):
    with reader(tmp_path / "out", "--max-text-bytes", 1000) as small:
        for name, text in [("a.txt", "x" * 1001), ("a.html", "<p>" + "x" * 1001), ("a.json", json.dumps(["x" * 1001])),
                           ("a.csv", "a,b\n" + "x,y\n" * 400)]:
            path = tmp_path / name
            path.write_text(text)
            assert small.error(path)["code"] == "too_much_text", name
        (tmp_path / "b.txt").write_text("x" * 1000)
        assert small.text(tmp_path / "b.txt") == "x" * 1000


@pytest.mark.parametrize("endless", [lambda: sum(iter(int, 1)), signal.pause], ids=["computing", "waiting"])
def test_the_processors_and_the_clocks_time_is_limited(endless):
    """A job without end, so that no machine is quick enough for it."""
    from documents.parsers.document import ParseError
    from documents.parsers.worker import Limits, run

    with pytest.raises(ParseError, match="1 s") as raised:
        run(endless, Limits(memory=1 << 30, seconds=1, file=1 << 20))
    assert raised.value.code == "too_slow"


def test_a_slow_file_fails_and_the_child_serves_on(tmp_path):
    path = tmp_path / "slow.html"
    path.write_text("<div>" * 9_999 + "<p>" * 1_000_000)
    with reader(tmp_path / "out", "--seconds", 0.01) as small:  # a hundredth of what it takes
        for _ in range(2):
            error = small.error(path)
            assert error["code"] == "too_slow" and "0.01 s" in error["message"]


def test_memory_is_limited(tmp_path):
    path = tmp_path / "large.json"
    path.write_text('{"a":' + json.dumps([{"k": str(n)} for n in range(400_000)]) + "}")
    with reader(tmp_path / "out", "--memory-bytes", 64 << 20) as small:
        for _ in range(2):
            error = small.error(path)
            assert error["code"] == "too_much_memory" and "64 MiB" in error["message"]
        assert small.text(DOCUMENTS / "people.json").startswith("name: Ada")


def test_resident_memory_is_seen_where_the_kernel_does_not_limit_it():
    from documents.parsers.worker import resident

    assert 1 << 20 < resident(os.getpid()) < 1 << 40
    gone = subprocess.Popen(["true"])
    gone.wait()
    assert resident(gone.pid) == 0


# --- at random, and about all of it

KNOWN = set(re.findall(r"`([a-z_0-9]+)`", (ENGINE.parent / "docs" / "documents.md").read_text()))


@pytest.mark.parametrize("name", sorted(path.name for path in DOCUMENTS.iterdir() if path.suffix not in ("", ".sh", ".fodt")))
def test_flipped_cut_and_repeated_bytes(engine, tmp_path, name):
    """Twelve damaged copies of each sample: read or refused, never a crash."""
    chance = random.Random(name)
    path = tmp_path / name
    for _ in range(12):
        data = bytearray((DOCUMENTS / name).read_bytes())
        for _ in range(chance.choice([1, 3, 20])):
            at, length = chance.randrange(len(data)), chance.randrange(1, 100)
            match chance.randrange(3):
                case 0:
                    data[at] = chance.randrange(256)
                case 1:
                    del data[at : min(at + length, len(data) - 1)]
                case 2:
                    data[at:at] = data[at : at + length]
        path.write_bytes(data)
        reply, out = engine.answer(path)
        if "error" in reply:
            code = reply["error"]["code"]
            assert code in KNOWN and code not in ("parser_crashed", "too_slow", "too_much_memory"), (reply, bytes(data[:200]))
        else:
            out.read_bytes().decode()
            assert all(0 <= offset <= reply["bytes"] for offset in reply["pages"] or [])


def test_every_code_is_documented():
    sources = "".join(path.read_text() for path in [ENGINE / "documents/parse.py", *(ENGINE / "documents/parsers").glob("*.py")])
    codes = set(re.findall(r"(?:ParseError|warn|too_deep)\(\s*\"([a-z_0-9]+)\"", sources))
    assert {"encrypted", "wrong_extension", "zip_bomb", "invalid_utf8"} <= codes <= KNOWN, codes - KNOWN
