"""Makes documents that nobody should have to read."""

import struct
import zipfile
import zlib
from pathlib import Path

CONTENT_TYPES = ('<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Override PartName="/word/document.xml" '
                 'ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>')
W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def docx(path: Path, body: str = "<w:p><w:r><w:t>Hello.</w:t></w:r></w:p>", prolog: str = "", **parts: bytes | str) -> Path:
    """A DOCX of one part; `parts` are added under their names, with `__` for `/`."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("[Content_Types].xml", CONTENT_TYPES)
        file.writestr("word/document.xml", f'<?xml version="1.0"?>{prolog}<w:document {W}><w:body>{body}</w:body></w:document>')
        for name, content in parts.items():
            file.writestr(name.replace("__", "/"), content)
    return path


def pdf(objects: list[bytes], trailer: bytes = b"/Root 1 0 R") -> bytes:
    """A PDF of these objects, numbered from 1."""
    data = b"%PDF-1.7\n"
    offsets = []
    for number, content in enumerate(objects, 1):
        offsets.append(len(data))
        data += b"%d 0 obj\n%b\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    return data + b"xref\n0 %d\n0000000000 65535 f \n%btrailer\n<</Size %d %b>>\nstartxref\n%d\n%%%%EOF\n" % (
        len(objects) + 1, table, len(objects) + 1, trailer, len(data))


def stream(content: bytes, dictionary: bytes = b"") -> bytes:
    return b"<</Length %d %b>>\nstream\n%b\nendstream" % (len(content), dictionary, content)


FONT = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"


def simple_pdf(*texts: str, media: bytes = b"[0 0 595 842]", more: bytes = b"") -> bytes:
    """One page a text, each a line of Helvetica."""
    count = len(texts)
    kids = b" ".join(b"%d 0 R" % (4 + 2 * index) for index in range(count))
    objects = [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Count %d/Kids[%b]>>" % (count, kids), FONT]
    for index, text in enumerate(texts):
        objects.append(b"<</Type/Page/Parent 2 0 R/MediaBox%b/Resources<</Font<</F 3 0 R>>>>/Contents %d 0 R %b>>" % (
            media, 5 + 2 * index, more))
        objects.append(stream(b"BT /F 12 Tf 72 700 Td (%b) Tj ET" % text.encode("latin-1")))
    return pdf(objects)


def picture_pdf(pages: int = 2, stamp: bytes = b"") -> bytes:
    """Pages that are one grey picture each."""
    kids = b" ".join(b"%d 0 R" % (4 + 2 * index) for index in range(pages))
    picture = stream(zlib.compress(bytes(64)), b"/Type/XObject/Subtype/Image/Width 8/Height 8/ColorSpace/DeviceGray/BitsPerComponent 8"
                     b"/Filter/FlateDecode")
    objects = [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Count %d/Kids[%b]>>" % (pages, kids), picture]
    for index in range(pages):
        objects.append(b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<</Font<</F %b>>/XObject<</I 3 0 R>>>>"
                       b"/Contents %d 0 R>>" % (FONT, 5 + 2 * index))
        objects.append(stream(b"q 595 0 0 842 0 0 cm /I Do Q " + stamp))
    return pdf(objects)


def forge_sizes(path: Path, name: str, size: int) -> Path:
    """Let a ZIP's directory claim another unpacked size for an entry than it has."""
    data = bytearray(path.read_bytes())
    start = data.find(b"PK\x01\x02")
    while start >= 0:
        length = struct.unpack_from("<H", data, start + 28)[0]
        if data[start + 46 : start + 46 + length].decode() == name:
            struct.pack_into("<I", data, start + 24, size)
        start = data.find(b"PK\x01\x02", start + 1)
    path.write_bytes(data)
    return path
