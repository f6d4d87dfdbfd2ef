"""Which encoding a text is in: found by reading all of it, not by its first page."""

import codecs
from dataclasses import dataclass
from pathlib import Path

from .document import Output, ParseError, Source

BLOCK = 1 << 20
SAMPLE = 1 << 18
BOMS = [(codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32-le"), (codecs.BOM_UTF32_BE, "utf-32-be"),
        (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")]
# Encodings in real use, the likelier first: where several fit as well, the first is taken. Left to
# all of its hundred, the detector finds EBCDIC in short texts.
LEGACY = ["cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "koi8_r", "shift_jis", "euc_jp",
          "gb18030", "big5", "euc_kr"]
NAMES = {"cp1252": "Windows-1252", "cp1250": "Windows-1250", "cp1251": "Windows-1251", "cp1253": "Windows-1253",
         "cp1254": "Windows-1254", "cp1255": "Windows-1255", "cp1256": "Windows-1256"}
# Bytes that text does not hold: control characters but tab, newlines, form feed and escape.
CONTROLS = bytes(byte for byte in range(32) if byte not in (9, 10, 12, 13, 27)) + b"\x7f"


@dataclass
class Encoding:
    name: str
    skip: int = 0  # bytes of the byte-order mark
    errors: str = "strict"

    @property
    def is_exact(self) -> bool:
        """Whether the file's own bytes are the text's bytes."""
        return self.name == "utf-8" and self.skip == 0 and self.errors == "strict"


@dataclass
class Survey:
    """One pass over the whole file."""

    first_nul: int | None = None
    first_bad: int | None = None  # offset of the first byte that is not UTF-8
    bad: int = 0
    multibyte: int = 0  # characters of two and more bytes
    controls: int = 0


def survey(path: Path) -> Survey:
    result = Survey()
    decoder = codecs.getincrementaldecoder("utf-8")("strict")
    offset = 0
    with path.open("rb") as file:
        while True:
            block = file.read(BLOCK)
            if result.first_nul is None and (nul := block.find(0)) >= 0:
                result.first_nul = offset + nul
            result.controls += len(block) - len(block.translate(None, CONTROLS))
            if not block.isascii() or decoder.getstate()[0]:
                count_utf8(decoder, block, offset, result, final=False)
            if not block:
                count_utf8(decoder, b"", offset, result, final=True)
                return result
            offset += len(block)


def count_utf8(decoder: codecs.IncrementalDecoder, block: bytes, offset: int, result: Survey, final: bool) -> None:
    pending = decoder.getstate()[0]
    data, start = pending + block, offset - len(pending)
    decoder.reset()
    while True:
        try:
            text = decoder.decode(data, final)
        except UnicodeDecodeError as error:
            result.multibyte += sum(character > "\x7f" for character in data[: error.start].decode("utf-8"))
            if result.first_bad is None:
                result.first_bad = start + error.start
            result.bad += error.end - error.start
            if result.bad > 100_000:
                return  # no UTF-8, whatever follows
            data, start = data[error.end :], start + error.end
            decoder.reset()
            continue
        if len(text.encode()) != len(text):
            result.multibyte += sum(character > "\x7f" for character in text)
        return


def detect(source: Source, out: Output) -> Encoding:
    """The encoding of a file that should be text; `binary` is raised where it is none."""
    for mark, name in BOMS:
        if source.head.startswith(mark):
            if name == "utf-8":
                found = survey(source.path)
                reject_binary(found, source)
                if found.bad:
                    return warn_bad(found, out, len(mark))
                out.warn("bom_removed", "the byte-order mark at the start was left out; byte ranges are of the text without it")
                return Encoding("utf-8", len(mark))
            return converted(source, Encoding(name, len(mark)), out)
    found = survey(source.path)
    if found.first_nul is not None and (wide := without_mark(source)):
        return converted(source, Encoding(wide), out)
    reject_binary(found, source)
    if not found.bad:
        return Encoding("utf-8")
    if found.multibyte >= 10 * found.bad:
        return warn_bad(found, out, 0)
    return converted(source, Encoding(legacy(source.path, found)), out)


def reject_binary(found: Survey, source: Source) -> None:
    if found.first_nul is not None:
        raise ParseError("binary", f"this is no text: a NUL byte stands at byte {found.first_nul}",
                         "Upload a text, PDF, DOCX, ODT, EPUB, HTML, CSV or JSON file.")
    if found.controls > max(8, source.size // 100):
        raise ParseError("binary", f"this is no text: {found.controls} of {source.size} bytes are control characters",
                         "Upload a text, PDF, DOCX, ODT, EPUB, HTML, CSV or JSON file.")


def warn_bad(found: Survey, out: Output, skip: int) -> Encoding:
    out.warn("invalid_utf8", f"{found.bad} bytes are no UTF-8, the first at byte {found.first_bad}; "
             "each was replaced by \ufffd, and byte ranges are of the text after that")
    return Encoding("utf-8", skip, "replace")


def without_mark(source: Source) -> str | None:
    """UTF-16 without a byte-order mark, told by where its NULs stand."""
    head = source.head[: len(source.head) & ~1]
    even, odd = head[::2].count(0), head[1::2].count(0)
    half = max(len(head) // 2, 1)
    if odd > 0.3 * half and even < 0.05 * half:
        return "utf-16-le"
    if even > 0.3 * half and odd < 0.05 * half:
        return "utf-16-be"
    return None


def legacy(path: Path, found: Survey) -> str:
    """An encoding of one or two bytes a character, by what its letters spell."""
    import charset_normalizer

    with path.open("rb") as file:
        file.seek(max(0, (found.first_bad or 0) - SAMPLE // 4))
        sample = file.read(SAMPLE)
    matches = charset_normalizer.from_bytes(sample, cp_isolation=LEGACY)
    # Encodings that read the sample alike are one match with several names.
    ranked = sorted((round(match.chaos, 2), -round(match.coherence, 2), LEGACY.index(name))
                    for match in matches for name in match.could_be_from_charset if name in LEGACY)
    return LEGACY[ranked[0][2]] if ranked else "cp1252"


def converted(source: Source, encoding: Encoding, out: Output) -> Encoding:
    """The same, checked against the whole file; characters that do not fit are replaced and said."""
    name = NAMES.get(encoding.name, encoding.name.upper().replace("_", "-"))
    out.warn("converted", f"read as {name} and converted to UTF-8; byte ranges are of the converted text")
    try:
        for _ in decoded(source.path, encoding):
            pass
    except UnicodeDecodeError as error:
        out.warn("invalid_characters", f"not everything is {name} ({error.reason}); what is not was replaced by \ufffd")
        return Encoding(encoding.name, encoding.skip, "replace")
    return encoding


def decoded(path: Path, encoding: Encoding):
    """The text, a block at a time."""
    decoder = codecs.getincrementaldecoder(encoding.name)(encoding.errors)
    with path.open("rb") as file:
        file.seek(encoding.skip)
        while block := file.read(BLOCK):
            yield decoder.decode(block)
        yield decoder.decode(b"", final=True)


def read_text(source: Source, out: Output) -> str:
    """The whole text, for formats that are read whole."""
    if source.size > 4 * out.limit:
        from .document import too_much_text

        raise too_much_text(out.limit)
    return "".join(decoded(source.path, detect(source, out)))
