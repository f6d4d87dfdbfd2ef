"""Workbooks are read as tables, and what is packed like them is known by its content."""

import random
import zipfile

import pytest
from hostile import docx
from reader import DOCUMENTS, codes, reader
from workbooks import ole, ods, open_document, xls, xlsb, xlsx

FERRIES = [["Pier", "Boats", "Share"], ["Skarvik", 3, 0.25], ["Ornsund", 12, 0.5]]
TABLE = "| Pier | Boats | Share |\n| --- | --- | --- |\n| Skarvik | 3 | 0.25 |\n| Ornsund | 12 | 0.5 |\n"


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    with reader(tmp_path_factory.mktemp("texts")) as running:
        yield running


MAKERS = {
    "xlsx": lambda path: xlsx(path, {"Ferries": FERRIES}),
    "ods": lambda path: ods(path, {"Ferries": FERRIES}),
    "xls": lambda path: xls(path, FERRIES),
    "xlsb": lambda path: xlsb(path, FERRIES),
}


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("name", ["ferries.{}", "ferries.zip", "ferries.txt", "ferries"])
def test_a_sheet_is_a_table_whatever_its_name(engine, tmp_path, kind, name):
    path = MAKERS[kind](tmp_path / "upload")
    reply, out = engine.answer(path, name.format(kind))
    assert out.read_text() == TABLE
    assert (reply["kind"], reply["format"], reply["title"]) == (kind, "markdown", "Ferries")
    renamed = [] if name.endswith("{}") else ["wrong_extension"]
    assert codes(reply) == renamed + (["cells_only"] if kind == "xls" else [])


@pytest.mark.parametrize("make", [xlsx, ods])
def test_sheets_have_their_names_and_hidden_ones_are_left_out(engine, tmp_path, make):
    path = make(tmp_path / "upload", {"North": FERRIES, "Lists": [["SECRET"]], "South": [["Pier", "Boats"], ["Lund", 1]]}, hidden=("Lists",))
    reply, out = engine.answer(path, "a.ods" if make is ods else "a.xlsx")
    assert out.read_text() == f"# North\n\n{TABLE}\n# South\n\n| Pier | Boats |\n| --- | --- |\n| Lund | 1 |\n"
    assert codes(reply) == ["hidden"] and "Lists" in reply["warnings"][0]["message"]


def test_values_are_those_that_are_shown(engine, tmp_path):
    rows = [["Name", "Value"], ["day", '<v>45000</v>'], ["true", "<v>1</v>"], ["third", 1 / 3], ["big", 123456789012], ["none", None], ["line\nbreak", "x|y"]]
    path = xlsx(tmp_path / "upload", {"Sheet1": rows})
    with zipfile.ZipFile(path) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    sheet = parts["xl/worksheets/sheet1.xml"]
    sheet = sheet.replace(b'<c r="B2">', b'<c r="B2" s="1">').replace(b'<c r="B3">', b'<c r="B3" t="b">')
    with zipfile.ZipFile(path, "w") as file:
        for name, content in parts.items():
            file.writestr(name, sheet if name.endswith("sheet1.xml") else content)
    assert engine.text(path, "a.xlsx").splitlines()[2:] == [
        "| day | 2023-03-15 |", "| true | TRUE |", "| third | 0.3333333333333333 |", "| big | 123456789012 |", "| none |  |", "| line break | x\\|y |"]


DIGITS = {
    "20260301123456789": "20260301123456789", "-20260301123456788": "-20260301123456788", "12345678901234567890123": "12345678901234567890123",
    "9007199254740993": "9007199254740993", "1234567890123456.78": "1234567890123456.78", "0.30000000000000004": "0.30000000000000004",
    "4.3499999999999996": "4.35", "0.1": "0.1", "1.2345678901234568E+16": "12345678901234568", "1e22": "1e+22", "0.00001234": "0.00001234",
    "1e400": "1e400", "3.0": "3", "-0.0": "0"}


def with_attributes(path, **attributes: bytes):
    """The workbook, with attributes for the cells of its first sheet."""
    with zipfile.ZipFile(path) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    for place, words in attributes.items():
        parts["xl/worksheets/sheet1.xml"] = parts["xl/worksheets/sheet1.xml"].replace(b'<c r="%b">' % place.encode(), b'<c r="%b" %b>' % (place.encode(), words))
    with zipfile.ZipFile(path, "w") as file:
        for name, content in parts.items():
            file.writestr(name, content)
    return path


@pytest.mark.parametrize("kind", ["xlsx", "ods"])
def test_a_number_has_the_digits_that_the_file_holds(engine, tmp_path, kind):
    """Of a sheet that does not begin in its first cell, after one with other numbers."""
    rows = [["Name", "Value"]] + [[f"n{number}", value] for number, value in enumerate(DIGITS)]
    other = [["Name", "Value"], ["a", "5555555555555555555"]]
    if kind == "xlsx":
        as_number = lambda rows: [[None, *(f"<v>{cell}</v>" if index else cell for index, cell in enumerate(row))] if at else [None, *row] for at, row in enumerate(rows)]
        path = xlsx(tmp_path / "upload", {"Other": as_number(other), "A": [[], *as_number(rows)]})
    else:
        path = ods(tmp_path / "upload", {"Other": other, "A": rows})
        with zipfile.ZipFile(path) as file:
            parts = {name: file.read(name).decode() for name in file.namelist()}
        for value in [*DIGITS, other[1][1]]:
            parts["content.xml"] = parts["content.xml"].replace(f'office:value-type="string"><text:p>{value}<', f'office:value-type="float" office:value="{value}"><text:p>x<')
        with zipfile.ZipFile(path, "w") as file:
            for name, content in parts.items():
                file.writestr(name, content)
    first, _, second = engine.text(path, f"a.{kind}").partition("# A\n")
    assert "| a | 5555555555555555555 |" in first
    assert second.splitlines()[3:] == [f"| n{number} | {shown} |" for number, shown in enumerate(DIGITS.values())]


def test_a_text_that_looks_like_a_number_and_a_day_stay_what_they_are(engine, tmp_path):
    rows = [["Name", "Value"], ["text", "0012345678901234567890"], ["formula", "<f>A1</f><v>12345678901234567</v>"], ["sum", "<f>1+2</f><v>12345678901234567</v>"],
            ["day", "<v>45000.000000000001</v>"]]
    path = with_attributes(xlsx(tmp_path / "upload", {"A": rows}), B3=b't="str"', B5=b's="1"')
    assert engine.text(path, "a.xlsx").splitlines()[2:] == [
        "| text | 0012345678901234567890 |", "| formula | 12345678901234567 |", "| sum | 12345678901234567 |", "| day | 2023-03-15 |"]


@pytest.mark.parametrize("error", ["#DIV/0!", "#N/A", "#NAME?", "#REF!"])
def test_an_error_is_shown(engine, tmp_path, error):
    rows = [["Name", "Value"], ["a", f"<f>1/0</f><v>{error}</v>"], ["b", 2]]
    assert engine.text(with_attributes(xlsx(tmp_path / "a", {"A": rows}), B2=b't="e"'), "a.xlsx").splitlines()[2:] == [f"| a | {error} |", "| b | 2 |"]
    path = ods(tmp_path / "b", {"A": [["Name", "Value"], ["a", "ERROR"], ["b", 2]]})
    with zipfile.ZipFile(path) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    parts["content.xml"] = parts["content.xml"].replace(
        b'office:value-type="string"><text:p>ERROR<', b'table:formula="of:=1/0" office:value-type="string" office:string-value="" calcext:value-type="error" xmlns:calcext='
        b'"urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0"><office:annotation><text:p>said</text:p></office:annotation><text:p>' + error.encode() + b"<")
    with zipfile.ZipFile(path, "w") as file:
        for name, content in parts.items():
            file.writestr(name, content)
    assert engine.text(path, "a.ods").splitlines()[2:] == [f"| a | {error} |", "| b | 2 |"]


def test_an_error_in_a_binary_workbook_is_shown(engine, tmp_path):
    rows = [["Name", "Value"], ["a", b"\x07"], [b"\x2a", 2]]
    assert engine.text(xlsb(tmp_path / "upload", rows), "a.xlsb").splitlines()[2:] == ["| a | #DIV/0! |", "| #N/A | 2 |"]


def test_errors_of_an_old_workbook_are_said_to_be_left_out(engine, tmp_path):
    reply, _ = engine.answer(xls(tmp_path / "upload", FERRIES), "a.xls")
    assert "#DIV/0!" in reply["warnings"][0]["message"]


def test_elements_may_have_a_prefix(engine, tmp_path):
    """As Microsoft's own library writes them."""
    path = xlsx(tmp_path / "upload", {"A": [["Name", "Value"], ["a", "<v>20260301123456789</v>"]]})
    with zipfile.ZipFile(path) as file:
        parts = {name: file.read(name).decode() for name in file.namelist()}
    sheet = parts["xl/worksheets/sheet1.xml"].replace("xmlns=", "xmlns:x=").replace("</", "</x:").replace("<", "<x:").replace("<x:/x:", "</x:").replace("<x:?", "<?")
    with zipfile.ZipFile(path, "w") as file:
        for name, content in parts.items():
            file.writestr(name, sheet if name.endswith("sheet1.xml") else content)
    assert engine.text(path, "a.xlsx").splitlines()[2:] == ["| a | 20260301123456789 |"]


def test_a_title_above_the_table_and_a_sheet_of_one_column_are_text(engine, tmp_path):
    path = xlsx(tmp_path / "upload", {"A": [["Ferries of the sound", None, None], *FERRIES], "B": [["One."], ["Two."]], "C": []})
    assert engine.text(path, "a.xlsx") == f"# A\n\nFerries of the sound\n\n{TABLE}\n# B\n\nOne.\n\nTwo.\n\n# C\n"


def test_a_wide_sheet_is_a_paragraph_for_each_row(engine, tmp_path):
    path = xlsx(tmp_path / "upload", {"A": [[f"n{column}" for column in range(20)], [f"v{column}" for column in range(20)]]})
    assert engine.text(path, "a.xlsx") == "".join(f"n{column}: v{column}\n" for column in range(20))


def test_a_formula_without_a_value_is_said(engine, tmp_path):
    rows = [["Name", "Sum"], ["a", "<f>SUM(1,2)</f><v>3</v>"], ["b", "<f>SUM(1,2)</f>"], ["c", "<f>SUM(1,2)</f><v></v>"], ["d", '<f t="shared" si="0"/><v/>']]
    reply, out = engine.answer(xlsx(tmp_path / "upload", {"A": rows}), "a.xlsx")
    assert "| a | 3 |" in out.read_text() and codes(reply) == ["formulas"] and "(3)" in reply["warnings"][0]["message"]


def test_a_cell_far_away_does_not_fill_the_memory(engine, tmp_path):
    path = xlsx(tmp_path / "upload", {"A": FERRIES})
    with zipfile.ZipFile(path) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    parts["xl/worksheets/sheet1.xml"] = parts["xl/worksheets/sheet1.xml"].replace(b"</sheetData>", b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>')
    with zipfile.ZipFile(path, "w") as file:
        for name, content in parts.items():
            file.writestr(name, content)
    error = engine.error(path, "a.xlsx")
    assert error["code"] == "too_much_memory" and "XFD1048576" in error["message"]
    assert engine.text(MAKERS["xlsx"](tmp_path / "next"), "b.xlsx") == TABLE


@pytest.mark.parametrize("kind", MAKERS)
def test_a_workbook_that_is_cut_is_damaged(engine, tmp_path, kind):
    path = MAKERS[kind](tmp_path / "upload")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert engine.error(path, f"a.{kind}")["code"] == "damaged"


# --- what is packed like a document


def packed(path, *names, mimetype=None):
    with zipfile.ZipFile(path, "w") as file:
        if mimetype:
            file.writestr("mimetype", mimetype)
        for name in names:
            file.writestr(name, "x")
    return path


@pytest.mark.parametrize("name", ["file.zip", "file.docx", "file"])
@pytest.mark.parametrize("names, said", [
    (["[Content_Types].xml", "ppt/presentation.xml"], "PowerPoint"),
    (["META-INF/MANIFEST.MF", "org/Main.class"], "Java"),
    (["AndroidManifest.xml", "META-INF/MANIFEST.MF", "classes.dex"], "Android"),
    (["Payload/App.app/Info.plist"], "iOS"),
    (["thing/__init__.py", "thing-1.0.dist-info/WHEEL"], "wheel"),
    (["Index/Document.iwa", "preview.jpg"], "Pages, Numbers or Keynote"),
    (["index.apxl", "buildVersionHistory.plist"], "Pages, Numbers or Keynote"),
    (["[Content_Types].xml", "visio/document.xml"], "Visio"),
    (["[Content_Types].xml", "a.nuspec", "lib/a.dll"], "NuGet"),
    (["doc.kml"], "map"),
    (["a.npy", "b.npy"], "NumPy"),
])
def test_what_is_packed_as_a_zip_is_refused_by_its_own_name(engine, tmp_path, names, said, name):
    error = engine.error(packed(tmp_path / "upload", *names), name)
    assert error["code"] == "unsupported" and said in error["message"] and error["hint"]


@pytest.mark.parametrize("kind, said", [("presentation", "presentation"), ("graphics", "drawing"), ("formula", "formula")])
def test_other_open_documents_are_refused_by_name(engine, tmp_path, kind, said):
    path = open_document(tmp_path / "upload", kind, "<office:presentation/>")
    for name in ("a.odp", "a.zip"):
        error = engine.error(path, name)
        assert error["code"] == "unsupported" and said in error["message"]


@pytest.mark.parametrize("stream, said", [("WordDocument", "Word"), ("PowerPoint Document", "PowerPoint"), ("__properties_version1.0", "Outlook"),
                                          ("Whatever", "old program")])
def test_ole_files_are_refused_by_name(engine, tmp_path, stream, said):
    path = tmp_path / "upload"
    path.write_bytes(ole({"Padding": b"x" * 5_000_000, stream: b"x"}))
    for name in ("a.doc", "a.xls", "a.txt"):
        error = engine.error(path, name)
        assert error["code"] == "unsupported" and said in error["message"], error
    path.write_bytes(ole({"EncryptedPackage": b"x"}))
    assert engine.error(path, "a.xlsx")["code"] == "encrypted"


@pytest.mark.parametrize("name", ["notes.zip", "notes.docx", "notes", "notes.jar"])
def test_a_mere_archive_is_called_one(engine, tmp_path, name):
    assert engine.error(packed(tmp_path / "upload", "a.md", "b/META-INF/MANIFEST.MF", "b/ppt/x.xml"), name)["code"] == "archive"


def test_an_archive_that_begins_with_a_pdf_is_one(engine, tmp_path):
    with zipfile.ZipFile(tmp_path / "upload", "w", zipfile.ZIP_STORED) as file:
        file.write(DOCUMENTS / "handbook.pdf", "handbook.pdf")
    assert engine.error(tmp_path / "upload", "shelf.zip")["code"] == "archive"


def test_an_open_document_without_its_first_entry_is_known_by_its_manifest(engine, tmp_path):
    with zipfile.ZipFile(ods(tmp_path / "whole", {"Ferries": FERRIES})) as whole, zipfile.ZipFile(tmp_path / "upload", "w") as file:
        for name in whole.namelist():
            if name != "mimetype":
                file.writestr(name, whole.read(name))
    assert engine.error(tmp_path / "upload", "a.zip")["code"] == "damaged"  # and no archive: its XML is no document


@pytest.mark.parametrize("start, said", [(b"\x1f\x8b\x08\x00", "gzip"), (b"7z\xbc\xaf\x27\x1c", "7-Zip"), (b"Rar!\x1a\x07\x00", "RAR"), (b"(\xb5/\xfd\x00", "Zstandard")])
def test_other_archives_say_what_to_do(engine, tmp_path, start, said):
    (tmp_path / "upload").write_bytes(start + bytes(100))
    error = engine.error(tmp_path / "upload", "a.bin")
    assert said in error["message"] and "Unpack" in error["hint"]


def test_a_renamed_document_is_read_as_what_it_is(engine, tmp_path):
    path = docx(tmp_path / "upload")
    for name in ("a.zip", "a.txt", "a"):
        reply, out = engine.answer(path, name)
        assert out.read_text() == "Hello.\n" and codes(reply) == ["wrong_extension"]
    assert engine.answer(DOCUMENTS / "mill.epub", "mill.zip")[0]["kind"] == "epub"


@pytest.mark.parametrize("kind", ["docx", "xlsx"])
def test_entries_parted_by_backslashes_are_found(engine, tmp_path, kind):
    """As some Windows programs write them."""
    whole = docx(tmp_path / "whole") if kind == "docx" else MAKERS[kind](tmp_path / "whole")
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(tmp_path / "upload", "w") as file:
        for name in source.namelist():
            file.writestr(name.replace("/", "\\"), source.read(name))
    assert engine.text(tmp_path / "upload", f"a.{kind}") == ("Hello.\n" if kind == "docx" else TABLE)


def test_sectors_that_lead_in_a_circle_are_damaged(engine, tmp_path):
    data = bytearray(MAKERS["xls"](tmp_path / "upload").read_bytes())
    table = 512 * (1 + int.from_bytes(data[76:80], "little"))
    data[table + 12:table + 16] = (1).to_bytes(4, "little")  # the fourth sector leads to the second
    (tmp_path / "upload").write_bytes(data)
    assert engine.error(tmp_path / "upload", "a.xls")["code"] == "damaged"


@pytest.mark.parametrize("kind", MAKERS)
def test_flipped_cut_and_repeated_bytes(engine, tmp_path, kind):
    whole, chance = MAKERS[kind](tmp_path / "whole").read_bytes(), random.Random(kind)
    for _ in range(60):
        data = bytearray(whole)
        for _ in range(chance.choice([1, 3, 20])):
            at, length = chance.randrange(len(data)), chance.randrange(1, 100)
            match chance.randrange(3):
                case 0:
                    data[at] = chance.randrange(256)
                case 1:
                    del data[at : min(at + length, len(data) - 1)]
                case 2:
                    data[at:at] = data[at : at + length]
        (tmp_path / "upload").write_bytes(data)
        reply, _ = engine.answer(tmp_path / "upload", f"a.{kind}")
        assert reply.get("error", {}).get("code") not in ("parser_crashed", "too_slow", "too_much_memory"), reply
