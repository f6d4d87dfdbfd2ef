"""Forms and annotations of PDFs: what was typed, ticked, chosen and noted is read, and marked as what it is."""

import pytest
from hostile import FONT, pdf, stream
from reader import codes, reader


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    with reader(tmp_path_factory.mktemp("texts")) as reading:
        yield reading


def form(*annotations: bytes, text: bytes = b"BT /F 12 Tf 72 700 Td (Application for a pier) Tj ET", more: bytes = b"") -> bytes:
    """One page with these annotations, all of them fields of the form as well."""
    numbers = b" ".join(b"%d 0 R" % (6 + index) for index in range(len(annotations)))
    return pdf([
        b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[%b]/DA(/Helv 0 Tf 0 g)>>>>" % numbers, b"<</Type/Pages/Count 1/Kids[4 0 R]>>", FONT,
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<</Font<</F 3 0 R>>>>/Contents 5 0 R/Annots[%b]>>" % numbers,
        stream(text), *(b"<</Type/Annot/Rect[72 600 300 620]%b%b>>" % (annotation, more) for annotation in annotations)])


TYPED = b"/Subtype/Widget/FT/Tx/T(applicant)/TU(Name of the applicant)/V(Jette Aller)"
TICKED = b"/Subtype/Widget/FT/Btn/T(insured)/V/Yes/AS/Yes/AP<</N<</Yes<<>>/Off<<>>>>>>"
UNTICKED = b"/Subtype/Widget/FT/Btn/T(dogs)/V/Off/AS/Off/AP<</N<</Yes<<>>/Off<<>>>>>>"
CHOSEN = b"/Subtype/Widget/FT/Ch/Ff 131072/T(pier)/Opt[(Skarvik)(Ornsund)]/V(Ornsund)"
BOX = b"/Subtype/FreeText/Contents(Approved on 3 May)/T(Vera)/DA(/Helv 10 Tf)"
NOTE = b"/Subtype/Text/Contents(Ask about the crane.)"
COMMENT = b"/Subtype/Highlight/QuadPoints[72 710 200 710 72 690 200 690]/Contents(Which pier?)/T(Adam)"


def test_everything_people_added_is_in_the_text(engine, tmp_path):
    path = tmp_path / "form.pdf"
    path.write_bytes(form(TYPED, TICKED, UNTICKED, CHOSEN, BOX, NOTE, COMMENT))
    assert engine.text(path) == (
        "Application for a pier\n\n- Form field Name of the applicant: Jette Aller\n- Form field insured: ticked\n- Form field dogs: not ticked\n"
        "- Form field pier: Ornsund\n- Text box by Vera: Approved on 3 May\n- Note: Ask about the crane.\n- Comment by Adam: Which pier?\n")


def test_a_form_without_any_other_text_is_no_empty_document(engine, tmp_path):
    path = tmp_path / "only.pdf"
    path.write_bytes(form(TYPED, text=b""))
    reply, out = engine.answer(path)
    assert out.read_text() == "- Form field Name of the applicant: Jette Aller\n" and reply["pages"] == [0]


@pytest.mark.parametrize("annotation", [
    TYPED.replace(b"(Jette Aller)", b"()"), TYPED + b"/Ff 8192", TYPED + b"/F 2", NOTE.replace(b"(Ask about the crane.)", b"( )"),
    b"/Subtype/Link/Contents(a link)", b"/Subtype/Popup/Contents(twice)", b"/Subtype/Widget/FT/Btn/Ff 65536/T(send)/V(x)",
    b"/Subtype/Widget/FT/Nonsense/V(x)", b"/Subtype/Widget", b"/Subtype/Text/Contents 7"],
    ids=["empty", "password", "hidden", "blank", "link", "popup", "button", "unknown", "nothing", "number"])
def test_what_is_empty_secret_or_unseen_is_not(engine, tmp_path, annotation):
    path = tmp_path / "none.pdf"
    path.write_bytes(form(annotation))
    assert engine.text(path) == "Application for a pier\n"


def test_a_page_with_too_many_notes_says_so(engine, tmp_path):
    path = tmp_path / "many.pdf"
    path.write_bytes(form(*[NOTE] * 2100))
    reply, out = engine.answer(path)
    assert out.read_text().count("- Note: ") == 2000 and codes(reply) == ["notes_left_out"] and "100 form fields" in reply["warnings"][0]["message"]


def test_a_long_note_is_read_up_to_a_bound(engine, tmp_path):
    path = tmp_path / "long.pdf"
    path.write_bytes(form(b"/Subtype/Text/Contents(" + b"word " * 3000 + b")"))
    assert 3900 < len(engine.text(path)) < 4200
