"""Unpack an archive that somebody uploaded, trusting nothing in it.

    python engine/documents/extract.py --archive FILE --out DIR --max-entries 10000 --max-bytes 1000000000

Takes .zip, .tar and .tar.gz/.tgz, told apart by their content. Tars and gzip streams written one
behind the other are one archive. Only regular files come out. An archive is refused for a name that
climbs out of DIR, for more than --max-entries files or --max-bytes of content, and for content of
more than 200 times its size, counted while it is written: a header may say what it likes. A link, a
device and an encrypted entry are left out and named, so that one of them does not lose the others.

A backslash in a name parts folders. Names whose encoding the archive does not say are decoded
together (archive_names.py).

Prints {"event":"entry","path","bytes"} for each file and last
{"event":"done","entries","bytes","notes"}, where a note is {"entry","code","message","hint"}
(entry_left_out, names_guessed; at most 100, then more_notes); or, with exit status 1 and DIR left
empty, {"event":"error","code","message","hint","entry"} (entry is null where no single one is to
blame).
"""

import os
import sys

if not __package__:  # a script: modules are found from the engine's folder
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

import child  # first: it owns stdout
import confine

import argparse
import errno
import gzip
import secrets
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO

from documents import archive_names

MEMORY_LIMIT = 1 << 30  # bytes of address space; archives can carry "headers" of any size
BLOCK = 1 << 18
MAX_RATIO = 200  # unpacked : packed; text stays below 50
RATIO_FROM = 10 << 20  # bytes unpacked below which the ratio is nobody's harm
MAX_TAR_HEADER = 1 << 20  # bytes of what a tar says about an entry: names, dates, attributes
MAX_PADDING = 64 << 20  # bytes of zeros in a row in a tar: tapes were padded, but to kilobytes
MAX_NOTES = 100
AGAIN = "Pack the files again and upload the new archive."
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


@dataclass
class Entry:
    """A regular file. `name` is text, or bytes in an encoding that the archive does not say."""

    name: str | bytes
    source: IO[bytes]


@dataclass
class Unpacking:
    """An archive on its way into `out`; what is left out is noted."""

    out: Path
    notes: list[dict[str, str | None]] = field(default_factory=list)
    unlisted: int = 0
    count: int = 0
    total: int = 0

    def note(self, entry: str | None, code: str, message: str, hint: str) -> None:
        if len(self.notes) < MAX_NOTES:
            self.notes.append({"entry": entry, "code": code, "message": message, "hint": hint})
        else:
            self.unlisted += 1

    def leave_out(self, name: str, why: str, hint: str) -> None:
        self.note(name, "entry_left_out", f"the entry {name!r} was left out: {why}", hint)

    def done(self) -> dict[str, object]:
        if self.unlisted:
            self.notes.append({"entry": None, "code": "more_notes", "message": f"{self.unlisted} more entries were left out",
                               "hint": "Pack the files alone."})
        return {"event": "done", "entries": self.count, "bytes": self.total, "notes": self.notes}


def shown(name: str | bytes) -> str:
    """A name as valid Unicode, for people."""
    if isinstance(name, str):
        name = name.encode("utf-8", "surrogateescape")
    return name.decode("utf-8", "replace")


def safe_path(name: str) -> PurePosixPath:
    """The entry's path below DIR, or an error when it leaves it."""
    path = archive_names.relative(name)
    if path is None:
        raise ArchiveError("unsafe_path", f"the entry {name!r} points outside the folder it is unpacked into",
                           "Make the archive again from inside its folder, with relative names.", name)
    return path


def is_litter(path: PurePosixPath) -> bool:
    """Files that operating systems leave in archives; nobody means to upload them."""
    return "__MACOSX" in path.parts or path.name in LITTER or path.name.startswith("._")


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


def zip_name(entry: zipfile.ZipInfo) -> str | bytes:
    if entry.flag_bits & 0x800:
        return entry.orig_filename
    raw = entry.orig_filename.encode("cp437")  # which is what the library reads it as
    if raw.isascii():
        return raw.decode("ascii")
    return archive_names.unicode_path(raw, entry.extra) or raw


def zip_entries(archive: Path, max_entries: int, unpacking: Unpacking) -> Iterator[Entry]:
    check_zip_directory(archive, max_entries)
    try:
        contents = zipfile.ZipFile(archive)
    except UnicodeDecodeError as error:
        raise ArchiveError("archive_invalid", f"an entry's name says that it is UTF-8 and is not: {error.object!r}",
                           "Pack the files again with another program.") from error
    with contents:
        if first := min((entry.header_offset for entry in contents.infolist()), default=0):
            unpacking.note(None, "entry_left_out", f"what stands before the archive was left out ({first} bytes): its directory names nothing of it",
                           "Where several archives were joined, upload each by itself.")
        for entry in contents.infolist():
            name = zip_name(entry)
            # The upper half holds Unix mode bits, or 0 where no Unix made the archive.
            kind = stat.S_IFMT(entry.external_attr >> 16)
            if archive_names.is_folder(shown(name)) or kind == stat.S_IFDIR:
                continue
            if kind not in (0, stat.S_IFREG):
                unpacking.leave_out(shown(name), f"it is a {'link' if kind == stat.S_IFLNK else 'device'}", "Pack the file itself in its place.")
                continue
            if entry.flag_bits & 0x1:
                unpacking.leave_out(shown(name), "it is encrypted", "Pack it without a password.")
                continue
            try:
                source = contents.open(entry)
            except NotImplementedError:
                unpacking.leave_out(shown(name), f"its method of compression (number {entry.compress_type}) is not known here",
                                    "Pack the files again as a plain .zip or .tar.gz.")
                continue
            with source:
                yield Entry(name, source)


class BoundedHeader(tarfile.TarInfo):
    """A header whose own data (long names, attributes) is read into memory, and so may not be of any size."""

    @classmethod
    def frombuf(cls, buffer: bytes, encoding: str, errors: str) -> "BoundedHeader":
        header = super().frombuf(buffer, encoding, errors)
        if not header.isreg() and header.size > MAX_TAR_HEADER:
            raise ArchiveError("archive_invalid", f"a header of the archive claims {header.size} bytes",
                               AGAIN)
        return header


class GunzippedStream:
    """The content of a gzip file, of all of its members; what follows the last one is left."""

    def __init__(self, file: IO[bytes]):
        self.file = file
        self.packed = b""
        self.member: zlib._Decompress | None = None
        self.has_rest = False  # whether something else follows

    def read(self, size: int) -> bytes:
        """Up to so many bytes; none at the end."""
        while not self.has_rest:
            self.packed = self.packed or self.file.read(BLOCK)
            if self.member is None:
                self.packed = self.packed.lstrip(b"\0")  # members may be padded
                if len(self.packed) < 2:
                    more = self.file.read(BLOCK)
                    self.packed += more
                    if not more:
                        self.has_rest = bool(self.packed)
                        return b""
                    continue
                if not self.packed.startswith(b"\x1f\x8b"):
                    self.has_rest = True
                    return b""
                self.member = zlib.decompressobj(zlib.MAX_WBITS | 16)  # with gzip's header and checksum
            elif not self.packed:
                raise EOFError("it ends in the middle")
            data = self.member.decompress(self.packed, size)
            self.packed = self.member.unconsumed_tail
            if self.member.eof:
                self.packed, self.member = self.member.unused_data, None
            if data:
                return data
        return b""


def tar_name(name: str) -> str | bytes:
    try:
        name.encode("utf-8")
        return name
    except UnicodeEncodeError:
        return name.encode("utf-8", "surrogateescape")


def tar_entries(archive: Path, max_entries: int, unpacking: Unpacking) -> Iterator[Entry]:
    class Header(BoundedHeader):
        """Knows whether the archive has ended, by its blocks of zeros: another one may follow (`cat a.tar b.tar`)."""

        zeros = 0

        @classmethod
        def frombuf(cls, buffer: bytes, encoding: str, errors: str) -> "Header":
            try:
                header = super().frombuf(buffer, encoding, errors)
            except tarfile.EOFHeaderError:
                cls.zeros += len(buffer)
                if cls.zeros > MAX_PADDING:
                    raise ArchiveError("archive_invalid", f"the archive has more than {MAX_PADDING} zeros in a row", AGAIN) from None
                raise
            except tarfile.EmptyHeaderError:
                raise
            except tarfile.HeaderError as error:
                if not cls.zeros:
                    raise ArchiveError("archive_invalid", f"the archive is damaged between its entries: {error}", AGAIN) from None
                leave_out_rest()
                raise tarfile.EmptyHeaderError from None  # what follows is no archive: this one ends here
            cls.zeros = 0
            return header

    def leave_out_rest() -> None:
        unpacking.note(None, "entry_left_out", "what follows the end of the archive was left out: it is no archive", "Upload it by itself.")

    with archive.open("rb") as file:
        stream = GunzippedStream(file) if file.read(2) == b"\x1f\x8b" else None
        file.seek(0)
        # "r|": one pass, front to back, so nothing is held but the current block. Zeros are passed over to what follows.
        with tarfile.open(None if stream else archive, "r|" if stream else "r|*", stream, errorlevel=2, tarinfo=Header, encoding="utf-8",
                          ignore_zeros=True) as contents:
            for number, entry in enumerate(contents):
                contents.members, contents.pax_headers = [], {}  # it would remember every header
                # Folders and litter count too: a few bytes can stand for millions of them.
                if number > 4 * max_entries + 1000:
                    raise ArchiveError("too_many_entries", f"the archive holds more than {number} entries", "Pack the files alone.")
                name = tar_name(entry.name)
                if entry.isdir():
                    continue
                if not entry.isreg():
                    unpacking.leave_out(shown(name), f"it is a {'link' if entry.issym() or entry.islnk() else 'device'}", "Pack the file itself in its place.")
                    continue
                source = contents.extractfile(entry)
                assert source is not None  # it is a regular file
                yield Entry(name, source)
        if stream and stream.has_rest:
            leave_out_rest()


def is_packed_tar(archive: Path) -> bool:
    """Whether a gzip file begins like a tar: it may as well hold one file of any kind."""
    try:
        with gzip.open(archive) as file:
            start = file.read(tarfile.BLOCKSIZE)
    except (gzip.BadGzipFile, EOFError) as error:
        raise ArchiveError("archive_invalid", f"the archive is damaged: {error}", AGAIN) from error
    try:
        tarfile.TarInfo.frombuf(start, "utf-8", "surrogateescape")
    except tarfile.EOFHeaderError:
        return True  # an empty archive
    except tarfile.HeaderError:
        return False
    return True


def entries(archive: Path, max_entries: int, unpacking: Unpacking) -> Iterator[Entry]:
    with archive.open("rb") as file:
        head = file.read(512)
    if head[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return zip_entries(archive, max_entries, unpacking)
    if head[:2] == b"\x1f\x8b":
        if not is_packed_tar(archive):
            raise ArchiveError("archive_unsupported", "this is a single file packed with gzip, and no archive",
                               "Unpack it and upload the file itself.")
        return tar_entries(archive, max_entries, unpacking)
    if head[257:262] == b"ustar" or tarfile.is_tarfile(archive):
        return tar_entries(archive, max_entries, unpacking)
    raise ArchiveError("archive_unsupported", "this is no .zip, .tar or .tar.gz archive",
                       "Upload a .zip, .tar or .tar.gz file.")


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


def place(unpacking: Unpacking, name: str, put: Callable[[Path], None]) -> PurePosixPath | None:
    """Put a file where its name says; None where it is left out."""
    path = safe_path(name)
    try:
        put(unpacking.out / path)
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise ArchiveError("duplicate_entry", f"two entries claim the place of {name!r}",
                           "Make the archive again with each file once.", name) from error
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        # Names of 255 characters are allowed where it was packed, and here as many bytes.
        unpacking.leave_out(name, "its name is too long", "Give it a shorter name.")
        return None
    return path


def move(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if target.exists():
        raise FileExistsError(target)
    source.rename(target)


def extract(arguments: Arguments) -> Unpacking:
    unpacking = Unpacking(arguments.out)
    most = min(arguments.max_bytes, max(RATIO_FROM, MAX_RATIO * arguments.archive.stat().st_size))
    nameless = arguments.out / f".{secrets.token_hex(8)}"  # holds files until their names can be read
    raw: list[tuple[bytes, Path, int]] = []
    for entry in entries(arguments.archive, arguments.max_entries, unpacking):
        name = entry.name
        known = isinstance(name, str)
        if known and is_litter(safe_path(name)):
            continue
        if unpacking.count == arguments.max_entries:
            raise ArchiveError("too_many_entries", f"the archive holds more than {arguments.max_entries} files",
                               "Split it, or ask the operator for a higher limit.", shown(name))
        allowed = most - unpacking.total
        if known:
            written = 0

            def put(target: Path) -> None:
                nonlocal written
                written = copy(entry.source, target, name, allowed)
            if (path := place(unpacking, name, put)) is None:
                continue
            child.emit({"event": "entry", "path": str(path), "bytes": written})
        else:
            target = nameless / str(len(raw))
            written = copy(entry.source, target, shown(name), allowed)
            raw.append((name, target, written))
        unpacking.count, unpacking.total = unpacking.count + 1, unpacking.total + written
    if raw:
        name_them(raw, unpacking)
        nameless.rmdir()
    return unpacking


def name_them(raw: list[tuple[bytes, Path, int]], unpacking: Unpacking) -> None:
    """Give the files whose names were bytes their names."""
    encoding, names = archive_names.decode([name for name, _, _ in raw])
    for (_, file, written), name in zip(raw, names):
        path = None if is_litter(safe_path(name)) else place(unpacking, name, lambda target: move(file, target))
        if path is None:
            file.unlink()
            unpacking.count, unpacking.total = unpacking.count - 1, unpacking.total - written
            continue
        child.emit({"event": "entry", "path": str(path), "bytes": written})
    if encoding != "UTF-8":
        unpacking.note(None, "names_guessed", f"the archive does not say how its names are written; {len(raw)} were read as {encoding}",
                       "Where they look wrong, pack the files again with a program that writes names as UTF-8.")


def explain(error: Exception) -> ArchiveError:
    """Any failure as one with a code and a way out."""
    match error:
        case ArchiveError():
            return error
        case OSError() if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return ArchiveError("disk_full", "the disk is full", "Free some space and try again.")
        case MemoryError():
            return ArchiveError("archive_invalid", f"reading the archive's directory takes more than {confine.memory_words()}", AGAIN)
        case zipfile.BadZipFile() | tarfile.TarError() | zlib.error() | EOFError() | NotImplementedError():
            return ArchiveError("archive_invalid", f"the archive is damaged or unusual: {error}", AGAIN)
        case OSError():
            return ArchiveError("io_error", str(error), "Check the file and the folder.")
        case _:  # archive libraries raise many things on hostile input
            return ArchiveError("archive_invalid", f"{type(error).__name__}: {error}", AGAIN)


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
            child.fail("not_empty", f"{arguments.out} is not empty", "Give a new or empty folder.", entry=None)
        unpacking = extract(arguments)
    except Exception as problem:
        error = explain(problem)
        for path in arguments.out.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        child.fail(error.code, str(error), error.hint, entry=error.entry)
    child.emit(unpacking.done())


if __name__ == "__main__":
    main()
