"""What every reader takes and gives: the file, its text on the way out, and what is known of it."""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Iterable

MAX_WARNINGS = 20
METADATA_LENGTH = 500  # characters of one value; these fields come from the file
# Characters nobody sees: soft hyphen, zero-width space, word joiner, byte-order mark, the
# tags in which text can be hidden, and control characters. Joiners (200C, 200D) stay: words need them.
INVISIBLE = re.compile("[\u00ad\u200b\u2060\ufeff\U000e0000-\U000e007f\x00-\x08\x0b\x0e-\x1f\x7f]")


class ParseError(Exception):
    """Why a file cannot be read: a code for programs, a message and a way out for people."""

    def __init__(self, code: str, message: str, hint: str):
        super().__init__(message)
        self.code, self.hint = code, hint


@dataclass
class Source:
    """The uploaded file. `name` is the user's; only its suffix is used."""

    path: Path
    name: str
    size: int  # bytes
    head: bytes  # the first 4096
    tail: bytes  # the last 2048

    @property
    def suffix(self) -> str:
        """Lower case, with its dot; empty where the name has none."""
        return Path(self.name).suffix.lower()


@dataclass
class Parsed:
    """What a reader found. `pages` holds the byte offset in the text where each page begins."""

    kind: str
    format: str = "markdown"  # or "plain", "code"
    language: str | None = None
    title: str | None = None
    pages: list[int] | None = None
    metadata: dict[str, str] = field(default_factory=dict)


class Output:
    """The text on its way to disk. Refuses to grow beyond `limit` bytes."""

    def __init__(self, file: BinaryIO, limit: int, folder: Path):
        self.file, self.limit = file, limit
        self.folder = folder  # where the text goes; what a reader must put aside goes there too
        self.bytes = 0  # written so far
        self.visible = False  # whether anything but white space was written
        self.warnings: list[dict[str, str]] = []

    def write(self, text: str) -> None:
        # A lone surrogate is no character, and UTF-8 has no bytes for it.
        self.write_bytes(text.encode("utf-8", "replace"))

    def write_bytes(self, data: bytes) -> None:
        self.bytes += len(data)
        if self.bytes > self.limit:
            raise too_much_text(self.limit)
        self.visible = self.visible or bool(data.strip())
        self.file.write(data)

    def warn(self, code: str, message: str) -> None:
        if len(self.warnings) < MAX_WARNINGS:
            self.warnings.append({"code": code, "message": message})


def too_much_text(limit: int) -> ParseError:
    return ParseError("too_much_text", f"the document holds more than {limit} bytes of text",
                      "Split it into several documents, or ask the operator for a higher limit.")


def metadata(**fields: Any) -> dict[str, str]:
    """The fields that say something, as one line of readable text each."""
    cleaned = {key: clean(str(value))[:METADATA_LENGTH] for key, value in fields.items() if value}
    return {key: value for key, value in cleaned.items() if value}


def clean(text: str) -> str:
    """On one line, with single spaces and nothing invisible."""
    return " ".join(INVISIBLE.sub("", text).split())


def title_of(*candidates: str | None) -> str | None:
    """The first candidate with a letter or digit in it."""
    for candidate in candidates:
        text = clean(candidate or "")
        if any(character.isalnum() for character in text):
            return text[:METADATA_LENGTH]
    return None


def some(values: Iterable[object]) -> str:
    """The first ten of them."""
    shown = [str(value) for value in values]
    return ", ".join(shown[:10]) + (" …" if len(shown) > 10 else "")


def flush(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
