"""Files that are there whole or not at all."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any


def sync(path: Path) -> None:
    """Flush a file, or a folder's entries, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def publish(temporary: Path, final: Path) -> None:
    """Rename a finished file or folder to its name, durably: a crash leaves the
    old state or the new one, never half of it."""
    if temporary.is_dir():
        for path in temporary.rglob("*"):
            sync(path)
    sync(temporary)
    os.replace(temporary, final)
    sync(final.parent)


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write JSON atomically. NaN is refused: it is not JSON."""
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(json.dumps(value, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    publish(temporary, path)


def sha256(path: Path) -> str:
    """Lower-case hexadecimal SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
