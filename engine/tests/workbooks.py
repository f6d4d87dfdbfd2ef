"""Makes workbooks: XLSX and ODS out of their XML, XLS out of its records."""

import struct
import zipfile
from pathlib import Path

MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
RELATIONS = 'xmlns="http://schemas.openxmlformats.org/package/2006/relationships"'
TYPE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def cell(place: str, value: object) -> str:
    if isinstance(value, str) and value.startswith("<"):
        return f'<c r="{place}">{value}</c>'  # its own XML
    if isinstance(value, str):
        return f'<c r="{place}" t="inlineStr"><is><t>{value}</t></is></c>'
    return f'<c r="{place}"><v>{value}</v></c>'


def sheet_xml(rows: list[list[object]], more: str = "") -> str:
    lines = "".join(f'<row r="{number}">' + "".join(cell(f"{chr(65 + column)}{number}", value) for column, value in enumerate(row) if value is not None)
                    + "</row>" for number, row in enumerate(rows, 1))
    return f'<?xml version="1.0"?><worksheet {MAIN}><sheetData>{lines}</sheetData>{more}</worksheet>'


def xlsx(path: Path, sheets: dict[str, list[list[object]]], hidden: tuple[str, ...] = (), more: str = "", **parts: str | bytes) -> Path:
    """`more` is XML behind the first sheet's cells; `parts` are added under their names, with `__` for `/` and `_dot_` for a dot."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        kinds = "".join(f'<Override PartName="/xl/worksheets/sheet{number}.xml" ContentType="application/vnd.openxmlformats-officedocument.'
                        f'spreadsheetml.worksheet+xml"/>' for number in range(1, len(sheets) + 1))
        file.writestr("[Content_Types].xml", '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Override PartName='
                      '"/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>' + kinds + "</Types>")
        file.writestr("_rels/.rels", f'<Relationships {RELATIONS}><Relationship Id="r1" Type="{TYPE}/officeDocument" Target="xl/workbook.xml"/></Relationships>')
        listed = "".join(f'<sheet name="{name}" sheetId="{number}" r:id="r{number}"{chr(32) + "state=" + chr(34) + "hidden" + chr(34) if name in hidden else ""}/>'
                         for number, name in enumerate(sheets, 1))
        file.writestr("xl/workbook.xml", f'<?xml version="1.0"?><workbook {MAIN}><sheets>{listed}</sheets></workbook>')
        file.writestr("xl/_rels/workbook.xml.rels", f"<Relationships {RELATIONS}>" + "".join(
            f'<Relationship Id="r{number}" Type="{TYPE}/worksheet" Target="worksheets/sheet{number}.xml"/>' for number in range(1, len(sheets) + 1))
            + f'<Relationship Id="s" Type="{TYPE}/styles" Target="styles.xml"/></Relationships>')
        # Format 1 is a day, format 2 a percentage.
        file.writestr("xl/styles.xml", f'<styleSheet {MAIN}><cellXfs count="3"><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="9"/></cellXfs></styleSheet>')
        for number, rows in enumerate(sheets.values(), 1):
            file.writestr(f"xl/worksheets/sheet{number}.xml", sheet_xml(rows, more if number == 1 else ""))
        for name, content in parts.items():
            file.writestr(name.replace("__", "/").replace("_dot_", "."), content)
    return path


NAMES = " ".join(f'xmlns:{prefix}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for prefix, name in (
    ("office", "office"), ("table", "table"), ("text", "text"), ("style", "style"), ("draw", "drawing"), ("presentation", "presentation"))
) + ' xmlns:xlink="http://www.w3.org/1999/xlink" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:svg="urn:oasis:names:tc:opendocument:xmlns:svg-compatible:1.0"'


def open_document(path: Path, kind: str, body: str, styles: str = "", **parts: str | bytes) -> Path:
    """An OpenDocument file; `body` is what stands in `office:body`, `styles` in `office:automatic-styles`."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("mimetype", f"application/vnd.oasis.opendocument.{kind}", zipfile.ZIP_STORED)
        file.writestr("META-INF/manifest.xml", '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
                      f'<manifest:file-entry manifest:full-path="/" manifest:media-type="application/vnd.oasis.opendocument.{kind}"/></manifest:manifest>')
        file.writestr("content.xml", f'<?xml version="1.0"?><office:document-content {NAMES}><office:automatic-styles>{styles}</office:automatic-styles>'
                      f"<office:body>{body}</office:body></office:document-content>")
        for name, content in parts.items():
            file.writestr(name.replace("__", "/").replace("_dot_", "."), content)
    return path


def ods(path: Path, sheets: dict[str, list[list[object]]], hidden: tuple[str, ...] = (), more: str = "", first: str = "", **parts: str | bytes) -> Path:
    """`first` is XML before the cells of the first sheet, `more` in its first cell."""
    body = ""
    for name, rows in sheets.items():
        body += f'<table:table table:name="{name}"{" table:style-name=" + chr(34) + "off" + chr(34) if name in hidden else ""}>{first}'
        first = ""
        for row in rows:
            body += "<table:table-row>"
            for value in row:
                kind = 'office:value-type="string"' if isinstance(value, str) else f'office:value-type="float" office:value="{value}"'
                body += f"<table:table-cell {kind}>{more}<text:p>{value}</text:p></table:table-cell>"
                more = ""
            body += "</table:table-row>"
        body += "</table:table>"
    styles = '<style:style style:name="off" style:family="table"><style:table-properties table:display="false"/></style:style>'
    return open_document(path, "spreadsheet", f"<office:spreadsheet>{body}</office:spreadsheet>", styles, **parts)


def record(kind: int, data: bytes = b"") -> bytes:
    return struct.pack("<HH", kind, len(data)) + data


def xls_stream(rows: list[list[object]], name: str = "Ferries") -> bytes:
    """A workbook of one sheet as records of BIFF8."""
    def begin(what: int) -> bytes:
        return record(0x809, struct.pack("<HHHHII", 0x600, what, 0x0DBB, 1996, 0, 6))
    sheet = begin(0x10) + record(0x200, struct.pack("<IIHHH", 0, len(rows), 0, max(map(len, rows)), 0))
    for y, row in enumerate(rows):
        for x, value in enumerate(row):
            if isinstance(value, str):
                text = value.encode("utf-16-le")
                sheet += record(0x204, struct.pack("<HHHHB", y, x, 0, len(value), 1) + text)
            elif value is not None:
                sheet += record(0x203, struct.pack("<HHHd", y, x, 0, value))
    sheet += record(0x0A)
    label = name.encode("utf-16-le")
    start = begin(5) + record(0x42, struct.pack("<H", 1200))

    def bound(at: int) -> bytes:
        return record(0x85, struct.pack("<IBBBB", at, 0, 0, len(name), 1) + label) + record(0x0A)
    return start + bound(len(start) + len(bound(0))) + sheet


def ole(streams: dict[str, bytes]) -> bytes:
    """An OLE file of these streams, each of more than 4095 bytes (they are padded)."""
    end, free = 0xFFFF_FFFE, 0xFFFF_FFFF
    sectors: list[bytes] = []
    table: list[int] = []

    def put(data: bytes) -> int:
        first, count = len(sectors), -(-len(data) // 512)
        for index in range(count):
            sectors.append(data[512 * index:512 * index + 512].ljust(512, b"\0"))
            table.append(first + index + 1 if index + 1 < count else end)
        return first

    def entry(name: str, kind: int, start: int, size: int, child: int, left: int = free) -> bytes:
        text = name.encode("utf-16-le")
        return (text.ljust(64, b"\0") + struct.pack("<HBBIII", len(text) + 2, kind, 1, left, free, child) + bytes(36)
                + struct.pack("<IQ", start, size))
    entries = []
    for number, (name, data) in enumerate(streams.items()):
        data = data.ljust(4096, b"\0")
        entries.append(entry(name, 2, put(data), len(data), free, number if number else free))
    directory = entry("Root Entry", 5, end, 0, len(entries)) + b"".join(entries)
    first = put(directory.ljust(-(-len(directory) // 512) * 512, b"\0"))
    place = len(sectors)
    table.append(0xFFFF_FFFD)
    sectors.append(b"".join(struct.pack("<I", value) for value in table).ljust(512, b"\xff"))
    header = (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + bytes(6)
              + struct.pack("<IIIIIIIIII", 0, 1, first, 0, 4096, end, 0, end, 0, place)[0:40])
    return header.ljust(512, b"\xff") + b"".join(sectors)


def xls(path: Path, rows: list[list[object]]) -> Path:
    path.write_bytes(ole({"Workbook": xls_stream(rows)}))
    return path


def xlsb(path: Path, rows: list[list[object]], name: str = "Ferries") -> Path:
    """A workbook of one sheet as binary parts ([MS-XLSB]). Bytes are an error's code."""
    def binary(kind: int, data: bytes = b"") -> bytes:
        head = bytes([kind]) if kind < 0x80 else bytes([kind & 0x7F | 0x80, kind >> 7])
        size = len(data)
        while size >= 0x80:
            head, size = head + bytes([size & 0x7F | 0x80]), size >> 7
        return head + bytes([size]) + data

    def wide(text: str) -> bytes:
        return struct.pack("<I", len(text)) + text.encode("utf-16-le")

    def cell(column: int, value: object) -> bytes:
        start = struct.pack("<II", column, 0)
        match value:
            case str():
                return binary(6, start + wide(value))
            case bytes():
                return binary(3, start + value)
        return binary(5, start + struct.pack("<d", value))
    width = max(map(len, rows))
    sheet = binary(129) + binary(148, struct.pack("<IIII", 0, len(rows) - 1, 0, width - 1)) + binary(145)
    for number, row in enumerate(rows):
        sheet += binary(0, struct.pack("<I", number) + bytes(13)) + b"".join(cell(column, value) for column, value in enumerate(row) if value is not None)
    sheet += binary(146) + binary(130)
    book = binary(131) + binary(143) + binary(156, struct.pack("<II", 0, 1) + wide("r1") + wide(name)) + binary(144) + binary(132)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("[Content_Types].xml", '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>')
        file.writestr("_rels/.rels", f'<Relationships {RELATIONS}><Relationship Id="r1" Type="{TYPE}/officeDocument" Target="xl/workbook.bin"/></Relationships>')
        file.writestr("xl/workbook.bin", book)
        file.writestr("xl/_rels/workbook.bin.rels", f'<Relationships {RELATIONS}><Relationship Id="r1" Type="{TYPE}/worksheet" Target="worksheets/sheet1.bin"/>'
                      "</Relationships>")
        file.writestr("xl/worksheets/sheet1.bin", sheet)
    return path
