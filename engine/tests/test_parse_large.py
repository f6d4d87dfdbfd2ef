"""Large documents take the memory that is stated in docs/documents.md, however large they are."""

import random
import zlib

import pytest
from hostile import FONT, stream
from reader import reader

MEMORY = 96 << 20  # bytes a worker may add to what it begins with
WORDS = ("kiln glaze clay firing cone bisque slip wheel temperature oxide copper iron cobalt stoneware porcelain reduction "
         "damper burner shelf schedule cooling handbook season warden telescope").split()


def large_pdf(path, size: int, picture: bytes = b"") -> int:
    """A PDF of `size` bytes, written page by page, each word placed on its own as programs do; its pages."""
    chance = random.Random(7)
    offsets: list[int] = []
    with path.open("wb") as file:
        def add(number: int, content: bytes) -> None:
            offsets.extend([0] * (number - len(offsets)))
            offsets[number - 1] = file.tell()
            file.write(b"%d 0 obj\n%b\nendobj\n" % (number, content))

        file.write(b"%PDF-1.7\n")
        add(1, b"<</Type/Catalog/Pages 2 0 R>>")
        add(3, FONT)
        pages = 0
        while file.tell() < size:
            number = 4 + 3 * pages
            pages += 1
            lines = [f"BT /F 8 Tf 500 820 Td ({pages}) Tj ET"]
            for row in range(45):
                left = 60.0
                while left < 500:
                    word = chance.choice(WORDS)
                    lines.append(f"BT /F 11 Tf {left:.2f} {780 - 16 * row}.5 Td ({word}) Tj ET")
                    left += 5.5 * len(word) + 4
            add(number, b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<</Font<</F 3 0 R>>/XObject<</I %d 0 R>>>>"
                b"/Contents %d 0 R>>" % (number + 2, number + 1))
            add(number + 1, stream("\n".join(lines).encode() + b"\nq 9 0 0 9 9 9 cm /I Do Q"))
            add(number + 2, picture or stream(b"\0", b"/Type/XObject/Subtype/Image/Width 1/Height 1/ColorSpace/DeviceGray/BitsPerComponent 8"))
        add(2, b"<</Type/Pages/Count %d/Kids[%b]>>" % (pages, b" ".join(b"%d 0 R" % (4 + 3 * page) for page in range(pages))))
        start = file.tell()
        file.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(offsets) + 1))
        file.write(b"".join(b"%010d 00000 n \n" % offset for offset in offsets))
        file.write(b"trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(offsets) + 1, start))
    return pages


@pytest.mark.slow
def test_a_pdf_of_50_megabytes_of_text(tmp_path):
    path = tmp_path / "large.pdf"
    pages = large_pdf(path, 50_000_000)
    with reader(tmp_path / "out", "--memory-bytes", MEMORY, "--seconds", 600) as engine:
        reply, out = engine.answer(path)
    assert "error" not in reply, reply
    assert len(reply["pages"]) == pages and reply["pages"] == sorted(set(reply["pages"]))
    # Each page has a picture of one point.
    assert {warning["code"] for warning in reply["warnings"]} in ({"pictures"}, {"pictures", "headers_footers"}) and out.stat().st_size == reply["bytes"] > 5_000_000


@pytest.mark.slow
def test_a_pdf_of_50_megabytes_of_pictures_and_text(tmp_path):
    path = tmp_path / "pictures.pdf"
    noise = random.Random(7).randbytes(600 * 600)
    picture = stream(zlib.compress(noise, 1), b"/Type/XObject/Subtype/Image/Width 600/Height 600/ColorSpace/DeviceGray/BitsPerComponent 8"
                     b"/Filter/FlateDecode")
    pages = large_pdf(path, 50_000_000, picture)
    with reader(tmp_path / "out", "--memory-bytes", MEMORY) as engine:
        reply, _ = engine.answer(path)
    assert "error" not in reply and len(reply["pages"]) == pages, reply


@pytest.mark.slow
def test_a_line_of_a_gigabyte(tmp_path):
    path = tmp_path / "line.txt"
    with path.open("wb") as file:
        for _ in range(1000):
            file.write(b"word " * 200_000)
    with reader(tmp_path / "out") as engine:
        error = engine.error(path)
        assert error["code"] == "too_much_text" and str(256 << 20) in error["message"]
    with reader(tmp_path / "out", "--memory-bytes", 64 << 20, "--max-text-bytes", 1 << 30) as engine:
        reply, out = engine.answer(path)
        assert reply["bytes"] == 1_000_000_000 == out.stat().st_size
        for name in ("line.csv", "line.jsonl", "line.html", "line.json"):
            assert engine.error(path, name)["code"] in ("csv_invalid", "too_much_memory", "jsonl_invalid"), name
    path.unlink()
    out.unlink()
