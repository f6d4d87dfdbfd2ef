"""Names of an archive's entries: their encoding, which most archives do not say, and where they point.

A ZIP names its encoding by a flag (UTF-8) or in an Info-ZIP extra field, a tar in a pax header. Where
neither is there, the bytes are those of the machine that packed them. All such names of one archive
come from one machine, so they are judged together: each encoding gives the bytes a likelihood, by how
common their characters are in names that people write in it, and the likeliest is taken.
"""

import math
import struct
import unicodedata
import zlib
from collections.abc import Iterable
from pathlib import PurePosixPath

UNICODE_PATH = 0x7075  # Info-ZIP's extra field: version, CRC-32 of the entry's own name, the name as UTF-8
MAX_SAMPLE = 1 << 16  # bytes of names that are judged
# What programs that make archives have used, the likelier first. A name beside: what people call it.
ENCODINGS = {"cp437": "CP437", "cp850": "CP850", "cp1252": "Windows-1252", "cp866": "CP866", "cp1251": "Windows-1251", "cp852": "CP852",
             "cp1250": "Windows-1250", "gb18030": "GBK", "cp932": "Shift-JIS", "big5": "Big5", "cp949": "EUC-KR", "euc_jp": "EUC-JP"}
PRIOR = {"cp437": 3.0, "cp1252": 2.0, "cp866": 3.0, "gb18030": 3.0, "cp932": 3.0}
SCRIPTS = {"cp866": "CYRILLIC", "cp1251": "CYRILLIC"}
RARE = 1e-7
ASCII = math.log(0.03)
ODD = 0.01  # how likely letters of two scripts in one word are, or a capital behind a small letter

# Of encodings with two bytes a character: (first bytes, second bytes) → share of the text / characters in it.
HIGH = range(0xA1, 0xFF)
DOUBLE: dict[str, list[tuple[range, range, float]]] = {
    "gb18030": [(range(0xB0, 0xD8), HIGH, 0.92 / 3755), (range(0xD8, 0xF8), HIGH, 0.04 / 3008), (range(0xA1, 0xA4), HIGH, 0.03 / 282)],
    "cp932": [(range(0x82, 0x83), range(0x9F, 0xF2), 0.3 / 83), (range(0x83, 0x84), range(0x40, 0x97), 0.25 / 86),
              (range(0x88, 0x98), range(0x40, 0xFD), 0.38 / 2965), (range(0x98, 0xA0), range(0x40, 0xFD), 0.01 / 1500),
              (range(0xE0, 0xEB), range(0x40, 0xFD), 0.02 / 1900), (range(0x81, 0x83), range(0x40, 0xFD), 0.03 / 150)],
    "euc_jp": [(range(0xA4, 0xA5), HIGH, 0.3 / 83), (range(0xA5, 0xA6), HIGH, 0.25 / 86), (range(0xB0, 0xD0), HIGH, 0.38 / 2965),
               (range(0xD0, 0xF5), HIGH, 0.03 / 3390), (range(0xA1, 0xA4), HIGH, 0.03 / 282)],
    "big5": [(range(0xA4, 0xC7), range(0x40, 0xFF), 0.92 / 5401), (range(0xC9, 0xFA), range(0x40, 0xFF), 0.05 / 7652),
             (range(0xA1, 0xA4), range(0x40, 0xFF), 0.03 / 408)],
    "cp949": [(range(0xB0, 0xC9), HIGH, 0.95 / 2350), (range(0xA1, 0xAD), HIGH, 0.03 / 900), (range(0xCA, 0xFE), HIGH, 0.01 / 4888)],
}


def decode(names: Iterable[bytes]) -> tuple[str, list[str]]:
    """The encoding, as people call it, and the names in it. UTF-8 where all of them are that."""
    names = list(names)
    try:
        return "UTF-8", [name.decode("utf-8") for name in names]
    except UnicodeDecodeError:
        pass
    sample, size = [], 0
    for name in names:
        if size < MAX_SAMPLE and not name.isascii():
            sample.append(name)
            size += len(name)
    best = max(ENCODINGS, key=lambda encoding: likelihood(sample, encoding))
    return ENCODINGS[best], [name.decode(best, "replace") for name in names]


def likelihood(names: list[bytes], encoding: str) -> float:
    """The logarithm of how likely these names are, written in this encoding; minus infinity where they cannot be."""
    total = math.log(PRIOR.get(encoding, 1.0))
    common = letters(encoding)
    for name in names:
        try:
            text = name.decode(encoding)
        except UnicodeDecodeError:
            return -math.inf
        for index, character in enumerate(text):
            if character <= "\x7f":
                total += ASCII  # not free: elsewhere it may be the second half of a character
                continue
            before = text[index - 1] if index else " "
            after = text[index + 1] if index + 1 < len(text) else " "
            chance = chance_of(character, encoding, common)
            if encoding not in DOUBLE:
                chance *= fit(character, before, after, encoding)
            total += math.log(chance)
    return total


def letters(encoding: str) -> dict[str, float]:
    """The likelihood of each letter of a one-byte encoding."""
    if encoding in DOUBLE:
        return {}
    script = SCRIPTS.get(encoding, "LATIN")
    found = [character for byte in range(0x80, 0x100) if (character := bytes([byte]).decode(encoding, "ignore")).isalpha()
             and unicodedata.name(character).startswith(script)]
    if script == "CYRILLIC":  # of the letters that only some languages have, few
        usual = [character for character in found if "А" <= character <= "я"]
        return dict.fromkeys(found, 0.03 / len(found)) | {
            character: 0.75 / 32 if character.islower() else 0.2 / 32 for character in usual}
    return dict.fromkeys(found, 0.95 / len(found))


def chance_of(character: str, encoding: str, common: dict[str, float]) -> float:
    if encoding not in DOUBLE:
        return common.get(character, 0.0002)
    raw = character.encode(encoding, "replace")
    if len(raw) == 2:
        for first, second, chance in DOUBLE[encoding]:
            if raw[0] in first and raw[1] in second:
                return chance
    return RARE if len(raw) != 1 else 0.0001  # half-width katakana: hardly anybody names a file in them


def fit(character: str, before: str, after: str, encoding: str) -> float:
    """How well a letter of a one-byte encoding goes with those beside it."""
    latin = [side.isalpha() and side <= "\x7f" for side in (before, after)]
    foreign = [side > "\x7f" for side in (before, after)]
    # A letter with a mark stands among plain ones: a word of nothing else is another alphabet. And Cyrillic stands alone.
    mixed = any(latin) if encoding in SCRIPTS else any(foreign) and not any(latin)
    capital_inside = (character.isupper() and before.islower()) or (character.islower() and after.isupper())
    # The second byte of a character may be one of ASCII, and then often this one.
    return (ODD if mixed or capital_inside else 1) * (0.1 if "\\" in (before, after) else 1)


def unicode_path(raw: bytes, extra: bytes) -> str | None:
    """The name in an entry's Unicode path field, where it is still that of this entry."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        field = extra[at + 4 : at + 4 + length]
        at += 4 + length
        if kind == UNICODE_PATH and len(field) > 5 and field[0] == 1 and struct.unpack_from("<I", field, 1)[0] == zlib.crc32(raw):
            try:
                return field[5:].decode("utf-8")
            except UnicodeDecodeError:
                return None
    return None


def relative(name: str) -> PurePosixPath | None:
    r"""Where the entry goes below the folder; None for one that points outside of it.

    A backslash parts folders: Windows programs write it. `C:\a` and `C:/a` are absolute; `C:a` and `A: b` are names.
    """
    name = name.replace("\\", "/")
    parts = name.split("/")
    drive = len(parts) > 1 and len(parts[0]) == 2 and parts[0][1] == ":"
    if name.startswith("/") or ".." in parts or "\0" in name or drive or not PurePosixPath(name).parts:
        return None
    return PurePosixPath(name)


def is_folder(name: str) -> bool:
    return name.endswith(("/", "\\"))
