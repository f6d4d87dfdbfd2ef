"""Nothing is left out without a word: a document of each kind with one of everything, each marked by a word of its own."""

import json
import zipfile
from pathlib import Path

import pytest
from hostile import FONT, W, docx, pdf, simple_pdf, stream
from documents.parsers.features import FEATURES, table
from reader import reader
from workbooks import NAMES, ods, open_document, xls, xlsx

ROOT = Path(__file__).parents[2]
WP = 'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    with reader(tmp_path_factory.mktemp("texts")) as running:
        yield running


def test_the_documentation_shows_the_list():
    assert table() in (ROOT / "docs/documents.md").read_text(), "python engine/documents/parsers/features.py prints it"


class Marks:
    """A word for each feature of a kind: `marks["comments"]` is the word to put into the document's comment."""

    def __init__(self, kind: str):
        self.words = {what: "mark" + "".join(chr(ord("a") + int(digit)) for digit in f"{number:02d}") + "x"
                      for number, what in enumerate(FEATURES[kind])}
        self.used: set[str] = set()

    def __getitem__(self, start: str) -> str:
        """The word of the feature that begins like this."""
        what, = (what for what in self.words if what.startswith(start))
        self.used.add(what)
        return self.words[what]


def p(text: str, properties: str = "") -> str:
    return f"<w:p>{properties}<w:r><w:t>{text}</w:t></w:r></w:p>"


def make_docx(path: Path, m: Marks) -> None:
    body = p(m["paragraphs"]) + (
        f"<w:tbl><w:tr><w:tc>{p('a')}</w:tc><w:tc><w:tbl><w:tr><w:tc>{p(m['tables, also'])}</w:tc></w:tr></w:tbl>{p('')}</w:tc></w:tr></w:tbl>"
        '<w:p><w:r><w:t>note</w:t><w:footnoteReference w:id="2"/></w:r></w:p>'
        f"<w:p><w:r><w:pict><w:txbxContent>{p(m['text boxes'])}</w:txbxContent></w:pict></w:r></w:p>"
        f"<w:p><w:ins><w:r><w:t>{m['insertions']}</w:t></w:r></w:ins><w:del><w:r><w:delText>{m['deletions']}</w:delText></w:r></w:del></w:p>"
        f"<w:sdt><w:sdtContent>{p(m['content controls'])}</w:sdtContent></w:sdt>"
        f"<w:p><m:oMath><m:r><m:t>{m['formulas']}</m:t></m:r></m:oMath></w:p>"
        f'<w:p><w:hyperlink r:id="web"><w:r><w:t>here</w:t></w:r></w:hyperlink><w:hyperlink r:id="mail"><w:r><w:t>mail</w:t></w:r></w:hyperlink></w:p>'
        f"<w:p><w:r><w:rPr><w:vanish/></w:rPr><w:t>{m['hidden']}</w:t></w:r></w:p>"
        + p(m["tables of"], '<w:pPr><w:pStyle w:val="toc1"/></w:pPr>')
        + f'<w:p><w:r><w:drawing><docPr descr="{m["pictures"]}"/></w:drawing></w:r></w:p>'
        f'<w:p><w:r><w:ruby><w:rt><w:r><w:t>{m["readings"]}</w:t></w:r></w:rt><w:rubyBase><w:r><w:t>base</w:t></w:r></w:rubyBase></w:ruby></w:r></w:p>'
        f'<w:p><w:r><w:ffData><w:ddList><w:result w:val="0"/><w:listEntry w:val="{m["choices"]}"/></w:ddList></w:ffData></w:r></w:p>')
    relations = ('<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
                 f'<Relationship Id="web" Type="x/hyperlink" Target="https://example.org/{m["links to web"]}"/>'
                 f'<Relationship Id="mail" Type="x/hyperlink" Target="mailto:{m["addresses"]}@example.org"/></Relationships>')
    docx(path, body, **{
        "word__styles.xml": f'<w:styles {W}><w:style w:styleId="toc1"><w:name w:val="toc 1"/></w:style></w:styles>',
        "word___rels__document.xml.rels": relations,
        "word__footnotes.xml": f'<w:footnotes {W}><w:footnote w:id="2">{p(m["footnotes"])}</w:footnote></w:footnotes>',
        "word__comments.xml": f"<w:comments {W}><w:comment>{p(m['comments'])}</w:comment></w:comments>",
        "word__header1.xml": f"<w:hdr {W}>{p(m['headers'])}</w:hdr>",
        "word__charts__chart1.xml": f"<chart>{m['charts']}</chart>",
        "word__embeddings__sheet.xlsx": m["embedded"], "word__vbaProject.bin": m["macros"]})
    with zipfile.ZipFile(path) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    parts["word/document.xml"] = parts["word/document.xml"].replace(b"<w:document ", f"<w:document {WP} ".encode(), 1)
    with zipfile.ZipFile(path, "w") as file:
        for name, content in parts.items():
            file.writestr(name, content)


def make_odt(path: Path, m: Marks) -> None:
    body = ("<office:text><text:tracked-changes><text:changed-region><text:deletion><text:p>" + m["deletions"] + "</text:p></text:deletion>"
            "</text:changed-region></text:tracked-changes>"
            '<office:forms xmlns:form="urn:oasis:names:tc:opendocument:xmlns:form:1.0"><form:form><form:text form:current-value="'
            + m["form controls"] + '"/></form:form></office:forms>'
            f"<text:p>{m['paragraphs']}</text:p>"
            "<table:table><table:table-row><table:table-cell><text:p>a</text:p></table:table-cell><table:table-cell><table:table><table:table-row>"
            f"<table:table-cell><text:p>{m['tables, also']}</text:p></table:table-cell></table:table-row></table:table></table:table-cell>"
            "</table:table-row></table:table>"
            f'<text:p>note<text:note text:id="ftn1"><text:note-body><text:p>{m["footnotes"]}</text:p></text:note-body></text:note></text:p>'
            f"<text:p><draw:frame><draw:text-box><text:p>{m['text boxes']}</text:p></draw:text-box></draw:frame></text:p>"
            f"<text:p>{m['insertions']}</text:p>"
            f'<text:p><text:a xlink:href="https://example.org/{m["links to web"]}">here</text:a> <text:a xlink:href="mailto:{m["addresses"]}@example.org">mail</text:a></text:p>'
            f'<text:p><text:span text:style-name="off">{m["hidden"]}</text:span></text:p>'
            f"<text:p>said<office:annotation><text:p>{m['comments']}</text:p></office:annotation></text:p>"
            f"<text:table-of-content><text:index-body><text:p>{m['tables of']}</text:p></text:index-body></text:table-of-content>"
            f"<text:p><text:ruby><text:ruby-base>base</text:ruby-base><text:ruby-text>{m['readings']}</text:ruby-text></text:ruby></text:p>"
            f"<text:p><draw:frame><draw:image/><svg:desc>{m['pictures']}</svg:desc></draw:frame></text:p></office:text>")
    styles = '<style:style style:name="off" style:family="text"><style:text-properties text:display="none"/></style:style>'
    open_document(path, "text", body, styles, **{
        "styles.xml": f"<office:document-styles {NAMES}><office:master-styles><style:master-page><style:header><text:p>{m['headers']}</text:p>"
                      "</style:header></style:master-page></office:master-styles></office:document-styles>",
        "Object 1__content.xml": f"<chart>{m['charts']}</chart>", "Object 2": m["embedded"], "Basic__Standard__Module1.xml": f"<module>{m['macros']}</module>"})


def make_html(path: Path, m: Marks) -> None:
    path.write_text(
        f"<html><body><nav>{m['navigation']}</nav><h1>{m['headings']}</h1><table><tr><td>a<td><table><tr><td>b<td>{m['tables']}</table></table>"
        f"<p><a href='https://example.org/{m['links']}'>here</a> <a href='mailto:{m['addresses']}@example.org'>mail</a></p>"
        f"<script>var x = '{m['scripts']}'</script><!-- {m['comments']} --><p hidden>{m['hidden']}</p><img alt='{m['pictures']}'>"
        f"<noscript>{m['text for']}</noscript><ruby>base<rp>(</rp><rt>{m['readings']}</rt><rp>)</rp></ruby>"
        f"<form><textarea>{m['form']}</textarea></form><iframe srcdoc='{m['embedded']}'></iframe></body></html>")


def make_pdf(path: Path, m: Marks) -> None:
    def line(y: int, *texts: str) -> bytes:
        return b"".join(b"BT /F 12 Tf %d %d Td (%b) Tj ET " % (72 + 150 * index, y, text.encode()) for index, text in enumerate(texts))
    picture = stream(bytes(64), b"/Type/XObject/Subtype/Image/Width 8/Height 8/ColorSpace/DeviceGray/BitsPerComponent 8")
    first = (line(810, m["heads"]) + line(700, m["text, also"], "beside") + line(650, "Pier", "Boats") + line(630, m["tables"], "3")
             + line(610, "Lund", "4") + b"q 10 0 0 10 300 300 cm /I Do Q ")
    annotations = [
        b"/Subtype/Widget/FT/Tx/T(name)/V(%b)" % m["form fields"].encode(), b"/Subtype/Text/Contents(%b)" % m["text boxes"].encode(),
        b"/Subtype/Link/A<</S/URI/URI(https://example.org/%b)>>" % m["addresses"].encode(),
        b"/Subtype/Widget/FT/Btn/Ff 65536/T(send)/MK<</CA(%b)>>" % m["buttons"].encode(),
        b"/Subtype/Text/F 2/Contents(%b)" % m["hidden"].encode()]
    annotations += [b"/Subtype/Text/Contents(n)"] * 2000 + [b"/Subtype/Text/Contents(%b)" % m["fields and"].encode()]
    numbers = b" ".join(b"%d 0 R" % (20 + index) for index in range(len(annotations)))
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<</Font<</F 3 0 R>>/XObject<</I 4 0 R>>>>/Contents %d 0 R%b>>"
    assert m["pictures"] and m["pages"]  # nothing of a picture can be searched for
    objects = [
        b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[%b]/DA(/Helv 0 Tf 0 g)>>/Names<</EmbeddedFiles<</Names[(a.txt) 15 0 R]>>"
        b"/JavaScript<</Names[(a) 17 0 R]>>>>>>" % numbers,
        b"<</Type/Pages/Count 4/Kids[5 0 R 6 0 R 7 0 R 8 0 R]>>", FONT, picture,
        page % (9, b"/Annots[%b]" % numbers), page % (10, b""), page % (11, b""), page % (12, b""),
        stream(first), *(stream(line(810, m["heads"]) + line(500, f"page of words {number}") + line(480, "and more") + line(460, "and more words")
                                + line(440, "and so on")) for number in (2, 3)),
        stream(b"q 595 0 0 842 0 0 cm /I Do Q"), b"<<>>", b"<<>>",
        b"<</Type/Filespec/F(a.txt)/EF<</F 16 0 R>>>>", stream(m["embedded"].encode(), b"/Type/EmbeddedFile"),
        b"<</S/JavaScript/JS(%b)>>" % m["scripts"].encode(), b"<<>>", b"<<>>",
        *(b"<</Type/Annot/Rect[72 600 300 620]%b>>" % annotation for annotation in annotations)]
    path.write_bytes(pdf(objects))


def make_epub(path: Path, m: Marks) -> None:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("mimetype", "application/epub+zip")
        file.writestr("META-INF/container.xml", '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
                      '<rootfile full-path="book.opf"/></rootfiles></container>')
        items = "".join(f'<item id="{name}" href="{name}.xhtml" media-type="application/xhtml+xml"/>' for name in ("one", "aside", "gone"))
        file.writestr("book.opf", f'<package xmlns="http://www.idpf.org/2007/opf"><manifest>{items}</manifest>'
                      '<spine><itemref idref="one"/><itemref idref="gone"/></spine></package>')
        file.writestr("one.xhtml", f"<html><body><p>{m['chapters, as']}</p><p hidden='hidden'>{m['what HTML']}</p></body></html>")
        file.writestr("aside.xhtml", f"<html><body><p>{m['pages outside']}</p></body></html>")
        assert m["chapters that"]


def make_xlsx(path: Path, m: Marks) -> None:
    rows = [["Name", "Value"], [m["cells of"], f'<f>A1</f><v>7</v>'], ["row", '<f>A1</f>']]
    text = f"<is><t>{m['values of']}</t></is>"
    rows.append(["of a formula", text])
    xlsx(path, {"A": rows, "Off": [[m["hidden sheets"]]]}, hidden=("Off",),
         more=f"<headerFooter><oddHeader>{m['headers']}</oddHeader></headerFooter>",
         xl__comments1_dot_xml=m["comments"], xl__charts__chart1_dot_xml=m["charts"], xl__media__image1_dot_png=m["pictures"],
         xl__sharedStrings_dot_xml=f"<sst><si><t>x</t><rPh><t>{m['readings']}</t></rPh></si></sst>",
         xl__embeddings__a_dot_docx=m["embedded"], xl__vbaProject_dot_bin=m["macros"],
         xl__drawings__drawing1_dot_xml=f"<xdr><a:t>{m['text boxes']}</a:t></xdr>",
         xl__worksheets___rels__sheet1_dot_xml_dot_rels=f'<Relationships><Relationship Target="https://example.org/{m["addresses"]}" TargetMode="External"/></Relationships>')
    assert m["formulas"]
    with zipfile.ZipFile(path) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    sheet = parts["xl/worksheets/sheet1.xml"].replace(text.encode(), f"<f>A1</f><v>{m['values of']}</v>".encode())
    sheet = sheet.replace(b'<c r="B4">', b'<c r="B4" t="str">')
    parts["xl/worksheets/sheet1.xml"] = sheet.replace(
        b"</sheetData>", f'<row r="5" hidden="1"><c r="A5" t="inlineStr"><is><t>{m["hidden rows"]}</t></is></c></row></sheetData>'.encode())
    with zipfile.ZipFile(path, "w") as file:
        for name, content in parts.items():
            file.writestr(name, content)


def make_ods(path: Path, m: Marks) -> None:
    more = (f"<office:annotation><text:p>{m['comments']}</text:p></office:annotation><draw:custom-shape><text:p>{m['text boxes']}</text:p></draw:custom-shape>")
    ods(path, {"A": [["Name", "Value"], [m["cells of"], m["values of"]], [f'<text:a xlink:href="https://example.org/{m["addresses"]}">x</text:a>', 1]],
               "Off": [[m["hidden sheets"]]]}, hidden=("Off",), more=more, first=f"<table:shapes><draw:frame><draw:text-box><text:p>{m['shapes']}</text:p></draw:text-box></draw:frame></table:shapes>",
        Pictures__a_dot_png=m["pictures"], Basic__Standard__Module1_dot_xml=m["macros"], **{
            "Object 1__content.xml": m["charts"], "Object 2": m["embedded"],
            "styles.xml": f"<office:document-styles {NAMES}><style:master-page><style:header><text:p>{m['headers']}</text:p></style:header>"
                          "</style:master-page></office:document-styles>"})


def make_xls(path: Path, m: Marks) -> None:
    xls(path, [["Name", "Value"], [m["cells of"], 1]])
    assert m["everything else"]


def make_notebook(path: Path, m: Marks) -> None:
    path.write_text(json.dumps({"cells": [
        {"cell_type": "markdown", "source": m["Markdown"], "attachments": {"a.png": {"image/png": m["attachments"]}}},
        {"cell_type": "code", "source": m["code"], "outputs": [{"text": m["outputs"]}]}, {"cell_type": "raw", "source": m["raw"]}]}))


MAKE = {
    "docx": make_docx, "odt": make_odt, "html": make_html, "pdf": make_pdf, "epub": make_epub, "xlsx": make_xlsx, "ods": make_ods, "xls": make_xls,
    "csv": lambda path, m: path.write_text(f"Pier,Boats\n{m['all cells']},3\nLund,4,{m['cells beyond']}\n"),
    "json": lambda path, m: path.write_text(f'{{"a": "{m["every value"]}", "b": "{m["a name"]}", "b": 2}}'),
    "jsonl": lambda path, m: path.write_text(f'{{"a": "{m["every value"]}", "b": "{m["a name"]}", "b": 2}}\n'),
    "notebook": make_notebook,
    "markdown": lambda path, m: path.write_text(f"# Head\n\n<!-- {m['everything']} -->\n"),
    "text": lambda path, m: path.write_text(m["everything"]),
    "source": lambda path, m: path.write_text(f"# {m['everything']}\n"),
}
NAMES_OF = {"notebook": "a.ipynb", "markdown": "a.md", "text": "a.txt", "source": "a.py"}


@pytest.mark.parametrize("kind", FEATURES)
def test_each_mark_is_in_the_text_or_the_report_says_why_not(engine, tmp_path, kind):
    marks = Marks(kind)
    MAKE[kind](tmp_path / "upload", marks)
    assert marks.used == set(marks.words), "the document has one of everything that the list names"
    reply, out = engine.answer(tmp_path / "upload", NAMES_OF.get(kind, f"a.{kind}"))
    assert "error" not in reply, reply
    assert reply["kind"] == kind
    text, warned = out.read_text(), {warning["code"] for warning in reply["warnings"]}
    found = {what: word in text for what, word in marks.words.items()}
    assert found == {what: not code for what, code in FEATURES[kind].items()}, text
    expected = {code for code in FEATURES[kind].values() if code}
    assert expected <= warned, (expected - warned, reply["warnings"])
    # And nothing is said that is not so.
    assert warned - expected <= {"no_header", "uneven_rows", "table_unsure"}, warned - expected


@pytest.mark.parametrize("part, what", [
    ("<!-- said aside -->", "comments"), ("<template><b>said</b> once</template>", "templates"), ("<script>said()</script>", "scripts"),
    ("<noscript><p>said</p></noscript>", "text for browsers without scripts"), ("<ruby>base<rt>said</rt></ruby>", "readings of characters (ruby)"),
    ("<ruby>base<rp>(</rp><rtc><rt>said</rt></rtc><rp>)</rp></ruby>", "readings of characters (ruby)"),
    ("<p hidden>said</p>", "hidden elements"), ("<nav>said</nav>", "parts of the page's frame"), ("<img src='a.png' alt='said'>", "pictures"),
    ("<textarea>said</textarea>", "form fields"), ("<iframe src='a'></iframe>", "embedded pages"), ("<video src='a'></video>", "embedded media"),
    ("<a href='mailto:said@example.org'>mail</a>", "addresses of links")])
def test_each_part_of_a_page_that_is_left_out_is_named(engine, tmp_path, part, what):
    (tmp_path / "upload").write_text(f"<html><body><p>Hello.</p>{part}</body></html>")
    reply, out = engine.answer(tmp_path / "upload", "a.html")
    assert [warning["message"] for warning in reply["warnings"]] == [f"left out: {what} (1)"]
    assert "said" not in out.read_text()


@pytest.mark.parametrize("kind", FEATURES)
def test_a_plain_document_has_no_warning(engine, tmp_path, kind):
    """What is not there is not left out."""
    plain = {
        "docx": lambda path: docx(path), "odt": lambda path: open_document(path, "text", "<office:text><text:p>Hello.</text:p></office:text>"),
        "html": lambda path: path.write_text("<html><body><p>Hello <a href='#x'>there</a>.</p><script src='a.js'></script></body></html>"),
        "pdf": lambda path: path.write_bytes(simple_pdf("Hello.")),
        "xlsx": lambda path: xlsx(path, {"A": [["Pier", "Boats"], ["Lund", 1]]}), "ods": lambda path: ods(path, {"A": [["Pier", "Boats"], ["Lund", 1]]}),
        "csv": lambda path: path.write_text("Pier,Boats\nLund,1\n"), "json": lambda path: path.write_text('{"a": 1}'),
        "jsonl": lambda path: path.write_text('{"a": 1}\n'), "markdown": lambda path: path.write_text("# Hello\n"), "text": lambda path: path.write_text("Hello."),
        "source": lambda path: path.write_text("x = 1\n"), "notebook": lambda path: path.write_text('{"cells": [{"cell_type": "markdown", "source": "Hello."}]}'),
    }
    if kind not in plain:
        pytest.skip("it always says what is not looked for" if kind == "xls" else "as HTML")
    plain[kind](tmp_path / "upload")
    reply, _ = engine.answer(tmp_path / "upload", NAMES_OF.get(kind, f"a.{kind}"))
    assert reply["warnings"] == []
