"""Unpack an archive that somebody uploaded, trusting nothing in it.

    python engine/extract.py --archive FILE --out DIR --max-entries 10000 --max-bytes 1000000000

Takes .zip, .tar and .tar.gz/.tgz, told apart by their content. Only regular files
come out. Links, devices, encrypted entries and names that climb out of DIR are
refused, and so is more than --max-entries files or --max-bytes of content, or content
of more than 200 times the archive's size, counted while it is written: a header may
say what it likes.

Prints {"event":"entry","path","bytes"} for each file and last
{"event":"done","entries","bytes"}; or, with exit status 1 and DIR left empty,
{"event":"error","code","message","hint","entry"} (entry is null where no single
one is to blame).
"""

import child  # first: it owns stdout
import confine

import argparse
import errno
import os
import shutil
import stat
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

MEMORY_LIMIT = 1 << 30  # bytes of address space; archives can carry "headers" of any size
BLOCK = 1 << 18
MAX_RATIO = 200  # unpacked : packed; text stays below 50
RATIO_FROM = 10 << 20  # bytes unpacked below which the ratio is nobody's harm
MAX_TAR_HEADER = 1 << 20  # bytes of what a tar says about an entry: names, dates, attributes
LITTER = {".DS_Store", "Thumbs.db", "desktop.ini"}


@dataclass
class Arguments:
    archive: Path
    out: Path
    max_entries: int
    max_bytes: int


class ArchiveError(Exception):
    def __init__(self, code: str, message: str, hint: str, entry: str | None = None):
        super().__init__(message)
        self.code, self.hint, self.entry = code, hint, entry


def readable(name: str) -> str:
    """A name as valid Unicode: tar names are bytes and may not be UTF-8."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def safe_path(name: str) -> PurePosixPath:
    """The entry's path below DIR, or an error when it leaves it."""
    parts = name.split("/")
    climbs = name.startswith("/") or ".." in parts or "\\" in name or "\0" in name
    drive = len(parts[0]) >= 2 and parts[0][1] == ":"
    if climbs or drive or not PurePosixPath(name).parts:
        raise ArchiveError("unsafe_path", f"the entry {name!r} points outside the folder it is unpacked into",
                           "Make the archive again from inside its folder, with relative names.", name)
    return PurePosixPath(name)


def is_litter(name: str) -> bool:
    """Files that operating systems leave in archives; nobody means to upload them."""
    parts = name.split("/")
    return "__MACOSX" in parts or parts[-1] in LITTER or parts[-1].startswith("._")


def unsafe_entry(name: str, what: str) -> ArchiveError:
    return ArchiveError("unsafe_entry", f"the entry {name!r} is a {what}; only regular files are taken",
                        "Make the archive again with the file itself in its place.", name)


def check_zip_directory(archive: Path, max_entries: int) -> None:
    """A zip's directory is read whole, entry after entry, whatever count it claims: its size must fit the entries allowed."""
    limit = max(1 << 20, 256 * max_entries)
    with archive.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 65_557))  # the end record, 22 bytes, and the longest comment behind it
        tail = file.read()
        place = tail.rfind(b"PK\x05\x06")
        if place < 0 or len(tail) < place + 22:
            raise zipfile.BadZipFile("File is not a zip file")
        directory = int.from_bytes(tail[place + 12:place + 16], "little")
        locator = tail[place - 20:place] if place >= 20 else b""
        if locator[:4] == b"PK\x06\x07":  # of large archives: the real numbers are 64 bits wide, elsewhere
            file.seek(min(size, int.from_bytes(locator[8:16], "little")))
            # Readers also look right before the locator, where there is no other data.
            records = [file.read(56), tail[place - 76:place - 20] if place >= 76 else b""]
            directory = max([directory if directory < 0xFFFF_FFFF else 0] + [
                int.from_bytes(record[40:48], "little") for record in records if record[:4] == b"PK\x06\x06"])
    if directory > limit:
        raise ArchiveError("too_many_entries", f"the archive's directory has {directory} bytes, more than {max_entries} files need",
                           "Split it, or ask the operator for a higher limit.")


def zip_entries(archive: Path, max_entries: int) -> Iterator[tuple[str, IO[bytes]]]:
    check_zip_directory(archive, max_entries)
    with zipfile.ZipFile(archive) as contents:
        for entry in contents.infolist():
            name = readable(entry.filename)
            # The upper half holds Unix mode bits, or 0 where no Unix made the archive.
            kind = stat.S_IFMT(entry.external_attr >> 16)
            if entry.is_dir() or kind == stat.S_IFDIR:
                continue
            if kind not in (0, stat.S_IFREG):
                raise unsafe_entry(name, "link" if kind == stat.S_IFLNK else "device")
            if entry.flag_bits & 0x1:
                raise ArchiveError("encrypted", f"the entry {name!r} is encrypted",
                                   "Upload the archive without a password.", name)
            with contents.open(entry) as source:
                yield name, source


class BoundedHeader(tarfile.TarInfo):
    """A header whose own data (long names, attributes) is read into memory, and so may not be of any size."""

    @classmethod
    def frombuf(cls, buffer: bytes, encoding: str, errors: str) -> "BoundedHeader":
        header = super().frombuf(buffer, encoding, errors)
        if not header.isreg() and header.size > MAX_TAR_HEADER:
            raise ArchiveError("archive_invalid", f"a header of the archive claims {header.size} bytes",
                               "Pack the files again and upload the new archive.")
        return header


def tar_entries(archive: Path, max_entries: int) -> Iterator[tuple[str, IO[bytes]]]:
    # "r|*": one pass, front to back, so nothing is held but the current block.
    with tarfile.open(archive, "r|*", errorlevel=2, tarinfo=BoundedHeader) as contents:
        for number, entry in enumerate(contents):
            contents.members, contents.pax_headers = [], {}  # it would remember every header
            # Folders and litter count too: a few bytes can stand for millions of them.
            if number > 4 * max_entries + 1000:
                raise ArchiveError("too_many_entries", f"the archive holds more than {number} entries", "Pack the files alone.")
            name = readable(entry.name)
            if entry.isdir():
                continue
            if not entry.isreg():
                raise unsafe_entry(name, "link" if entry.issym() or entry.islnk() else "device")
            source = contents.extractfile(entry)
            assert source is not None  # it is a regular file
            yield name, source


def entries(archive: Path, max_entries: int) -> Iterator[tuple[str, IO[bytes]]]:
    with archive.open("rb") as file:
        head = file.read(512)
    if head[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return zip_entries(archive, max_entries)
    if head[:2] == b"\x1f\x8b" or head[257:262] == b"ustar" or tarfile.is_tarfile(archive):
        return tar_entries(archive, max_entries)
    raise ArchiveError("archive_unsupported", "this is no .zip, .tar or .tar.gz archive",
                       "Pack the files as .zip or .tar.gz.")


def copy(source: IO[bytes], target: Path, name: str, allowed: int) -> int:
    """Write one entry, stopping as soon as it has more than `allowed` bytes."""
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    written = 0
    # O_EXCL: two entries of one name are refused, also where names differ only in case.
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with open(descriptor, "wb") as file:
        while block := source.read(BLOCK):
            written += len(block)
            if written > allowed:
                raise ArchiveError("too_large", "the archive unpacks to more than is allowed, or than an archive of its size can honestly hold",
                                   "Split it, or ask the operator for a higher limit.", name)
            file.write(block)
    return written


def extract(arguments: Arguments) -> tuple[int, int]:
    count = total = 0
    most = min(arguments.max_bytes, max(RATIO_FROM, MAX_RATIO * arguments.archive.stat().st_size))
    for name, source in entries(arguments.archive, arguments.max_entries):
        path = safe_path(name)
        if is_litter(name):
            continue
        if count == arguments.max_entries:
            raise ArchiveError("too_many_entries", f"the archive holds more than {arguments.max_entries} files",
                               "Split it, or ask the operator for a higher limit.", name)
        try:
            written = copy(source, arguments.out / path, name, most - total)
        except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
            raise ArchiveError("duplicate_entry", f"two entries claim the place of {name!r}",
                               "Make the archive again with each file once.", name) from error
        count, total = count + 1, total + written
        child.emit({"event": "entry", "path": str(path), "bytes": written})
    return count, total


def explain(error: Exception) -> ArchiveError:
    """Any failure as one with a code and a way out."""
    again = "Pack the files again and upload the new archive."
    match error:
        case ArchiveError():
            return error
        case OSError() if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return ArchiveError("disk_full", "the disk is full", "Free some space and try again.")
        case OSError() if error.errno == errno.ENAMETOOLONG:
            return ArchiveError("unsafe_path", "an entry's name is too long", again)
        case MemoryError():
            return ArchiveError("archive_invalid", f"reading the archive's directory takes more than {confine.memory_words()}", again)
        case zipfile.BadZipFile() | tarfile.TarError() | zlib.error() | EOFError() | NotImplementedError():
            return ArchiveError("archive_invalid", f"the archive is damaged or unusual: {error}", again)
        case OSError():
            return ArchiveError("io_error", str(error), "Check the file and the folder.")
        case _:  # archive libraries raise many things on hostile input
            return ArchiveError("archive_invalid", f"{type(error).__name__}: {error}", again)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--archive", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="a new or empty folder")
    parser.add_argument("--max-entries", type=int, default=10_000)
    parser.add_argument("--max-bytes", type=int, required=True, help="of content, all files together")
    arguments = Arguments(**vars(parser.parse_args()))
    child.start()
    confine.limit_memory(MEMORY_LIMIT)
    arguments.out.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        if any(arguments.out.iterdir()):
            child.emit({"event": "error", "code": "not_empty", "message": f"{arguments.out} is not empty",
                        "hint": "Give a new or empty folder.", "entry": None})
            sys.exit(1)
        count, total = extract(arguments)
    except Exception as problem:
        error = explain(problem)
        for path in arguments.out.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        child.emit({"event": "error", "code": error.code, "message": str(error), "hint": error.hint,
                    "entry": error.entry})
        sys.exit(1)
    child.emit({"event": "done", "entries": count, "bytes": total})


if __name__ == "__main__":
    main()
