"""Hostile archives leave nothing behind; honest ones come out whole."""

import io
import json
import stat
import subprocess
import tarfile
import zipfile

import pytest
from conftest import command


def extract(archive, out, max_entries=100, max_bytes=1_000_000):
    result = subprocess.run(
        command("documents/extract.py", "--archive", archive, "--out", out, "--max-entries", max_entries, "--max-bytes", max_bytes),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    return result.returncode, [json.loads(line) for line in result.stdout.splitlines()]


def refused(archive, out, code, **limits):
    status, events = extract(archive, out, **limits)
    assert status == 1
    assert events[-1]["event"] == "error" and events[-1]["code"] == code, events[-1]
    assert events[-1]["message"] and events[-1]["hint"] and "entry" in events[-1]
    assert list(out.iterdir()) == []
    return events[-1]


def make_zip(path, *members):
    """Members are (name or ZipInfo, content)."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


def make_tar(path, *members, mode="w:gz"):
    """Members are (name, content) or a TarInfo."""
    with tarfile.open(path, mode) as archive:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
                continue
            info = tarfile.TarInfo(member[0])
            info.size = len(member[1])
            archive.addfile(info, io.BytesIO(member[1]))
    return path


def link(name, target, kind):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


FILES = [("a.txt", b"one"), ("deep/er/b.md", b"two" * 50_000), ("deep/ü.txt", b"")]


@pytest.mark.parametrize("make", [
    lambda path: make_zip(path, ("deep/", b""), *FILES, ("__MACOSX/a.txt", b"x"), ("deep/.DS_Store", b"x")),
    lambda path: make_tar(path, *FILES, ("._a.txt", b"x")),
    lambda path: make_tar(path, *FILES, mode="w"),
], ids=["zip", "tar.gz", "tar"])
def test_comes_out_whole(make, tmp_path):
    """The archive's kind is told by its content: uploads are stored without extension."""
    status, events = extract(make(tmp_path / "upload"), tmp_path / "out")
    assert status == 0
    assert events[-1] == {"event": "done", "entries": 3, "bytes": 150_003, "notes": []}
    assert {(event["path"], event["bytes"]) for event in events[:-1]} == {(name, len(data)) for name, data in FILES}
    for name, data in FILES:
        assert (tmp_path / "out" / name).read_bytes() == data
        assert stat.S_IMODE((tmp_path / "out" / name).stat().st_mode) == 0o600
    assert len([path for path in (tmp_path / "out").rglob("*") if path.is_file()]) == 3


@pytest.mark.parametrize("name", ["../up.txt", "a/../../up.txt", "/etc/up.txt", "..\\up.txt", "C:/up.txt", "C:\\up.txt", "\\up.txt"])
@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_climbing_out_is_refused(make, name, tmp_path):
    archive = make(tmp_path / "upload", ("fine.txt", b"fine"), (name, b"evil"))
    assert refused(archive, tmp_path / "out", "unsafe_path")["entry"] == name
    assert not (tmp_path / "up.txt").exists()


def unpacked(archive, out):
    """What came out, by name, and the notes."""
    status, events = extract(archive, out)
    assert status == 0, events
    assert {event["path"] for event in events[:-1]} == {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}
    return {event["path"]: (out / event["path"]).read_bytes() for event in events[:-1]}, events[-1]["notes"]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_a_link_or_device_in_a_tar_is_left_out_and_named(kind, tmp_path):
    archive = make_tar(tmp_path / "upload", ("fine.txt", b"fine"), link("x", "/etc/passwd", kind), ("x/y", b"beside"))
    files, notes = unpacked(archive, tmp_path / "out")
    assert files == {"fine.txt": b"fine", "x/y": b"beside"} and not (tmp_path / "out" / "x").is_symlink()
    assert [(note["entry"], note["code"]) for note in notes] == [("x", "entry_left_out")] and notes[0]["hint"]


def test_a_link_in_a_zip_is_left_out_and_named(tmp_path):
    info = zipfile.ZipInfo("x")
    info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    files, notes = unpacked(make_zip(tmp_path / "upload", ("fine.txt", b"fine"), (info, b"/etc/passwd")), tmp_path / "out")
    assert files == {"fine.txt": b"fine"} and "link" in notes[0]["message"]


@pytest.mark.parametrize("change, said", [
    (lambda data, local, central: data.__setitem__(slice(local + 6, local + 7), b"\1")
     or data.__setitem__(slice(central + 8, central + 9), b"\1"), "encrypted"),
    (lambda data, local, central: data.__setitem__(slice(local + 8, local + 9), b"\x09")
     or data.__setitem__(slice(central + 10, central + 11), b"\x09"), "compression (number 9)"),
], ids=["encrypted", "deflate64"])
def test_an_entry_that_cannot_be_unpacked_is_left_out_and_named(change, said, tmp_path):
    archive = make_zip(tmp_path / "upload", ("other.txt", b"other"), ("fine.txt", b"fine"))
    data = bytearray(archive.read_bytes())
    change(data, 0, data.index(b"PK\x01\x02"))
    archive.write_bytes(data)
    files, notes = unpacked(archive, tmp_path / "out")
    assert files == {"fine.txt": b"fine"} and notes[0]["entry"] == "other.txt" and said in notes[0]["message"]


def test_many_notes_are_counted(tmp_path):
    archive = make_tar(tmp_path / "upload", *[link(str(number), "x", tarfile.SYMTYPE) for number in range(130)], ("a.txt", b"a"))
    _, notes = unpacked(archive, tmp_path / "out")
    assert len(notes) == 101 and notes[-1]["code"] == "more_notes" and notes[-1]["message"].startswith("30 ")


@pytest.mark.parametrize("name, path", [
    ("notes\\windows.md", "notes/windows.md"), ("C:notes.md", "C:notes.md"), ("A: intro.md", "A: intro.md"), ("a\\b/c.md", "a/b/c.md"),
    (".\\d.md", "d.md")])
@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_names_as_windows_writes_them(make, name, path, tmp_path):
    files, notes = unpacked(make(tmp_path / "upload", ("fine.txt", b"fine"), (name, b"here")), tmp_path / "out")
    assert files == {"fine.txt": b"fine", path: b"here"} and notes == []


def test_a_folder_with_a_backslash_is_one(tmp_path):
    files, _ = unpacked(make_zip(tmp_path / "upload", ("notes\\", b""), ("notes\\a.md", b"a")), tmp_path / "out")
    assert files == {"notes/a.md": b"a"}


def test_a_name_that_is_too_long_here_loses_no_other(tmp_path):
    files, notes = unpacked(make_zip(tmp_path / "upload", ("\u8aac" * 100 + ".md", b"long"), ("a.md", b"a")), tmp_path / "out")
    assert files == {"a.md": b"a"} and [note["code"] for note in notes] == ["entry_left_out"]


def raw_zip(path, *members, extra=None):
    """A ZIP whose names are these bytes, without the flag for UTF-8. `extra` is made of the name."""
    stand_ins = [chr(ord("a") + number) * len(name) for number, (name, _) in enumerate(members)]
    with zipfile.ZipFile(path, "w") as archive:
        for stand_in, (name, content) in zip(stand_ins, members):
            info = zipfile.ZipInfo(stand_in)
            info.extra = extra(name) if extra else b""
            archive.writestr(info, content)
    data = path.read_bytes()
    for stand_in, (name, _) in zip(stand_ins, members):
        data = data.replace(stand_in.encode(), name)
    path.write_bytes(data)
    return path


def raw_tar(path, *members):
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT, encoding="utf-8", errors="surrogateescape") as archive:
        for name, content in members:
            info = tarfile.TarInfo(name.decode("utf-8", "surrogateescape"))
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


NAMES = {
    "gb18030": ("GBK", ["\u8bf4\u660e.txt", "2023\u5e74\u5ea6\u62a5\u544a/\u8d22\u52a1.md"]),
    "cp932": ("Shift-JIS", ["\u8868\u793a.txt", "\u30bd\u30fc\u30b9/\u4e88\u5b9a\u8868.md"]),  # with a backslash as second bytes
    "cp866": ("CP866", ["\u041e\u0442\u0447\u0435\u0442.txt", "\u0434\u043e\u043a\u0443\u043c\u0435\u043d\u0442\u044b/\u041f\u0438\u0441\u044c\u043c\u043e.md"]),
    "cp1251": ("Windows-1251", ["\u041e\u0442\u0447\u0435\u0442.txt", "\u041f\u0440\u0438\u043b\u043e\u0436\u0435\u043d\u0438\u0435.md"]),
    "big5": ("Big5", ["\u8aaa\u660e.txt", "\u4f7f\u7528\u8aaa\u660e\u66f8.md"]),
    "cp949": ("EUC-KR", ["\uc124\uba85\uc11c.txt", "\ubcf4\uace0\uc11c/\uc608\uc0b0.md"]),
    "cp437": ("CP437", ["\u00dcbersicht.txt", "Gr\u00fc\u00dfe aus K\u00f6ln.md"]),
    "cp1252": ("Windows-1252", ["\u00dcbersicht.txt", "S\u00f8ren \u00c6r\u00f8.md"]),
    "cp852": ("CP852", ["P\u0159\u00edloha \u010d. 1.txt", "Za\u017c\u00f3\u0142\u0107 g\u0119\u015bl\u0105 ja\u017a\u0144.md"]),
    "utf-8": ("UTF-8", ["\u8bf4\u660e.txt", "na\u00efve/\u041f\u0438\u0441\u044c\u043c\u043e.md"]),
}


@pytest.mark.parametrize("make", [raw_zip, raw_tar])
@pytest.mark.parametrize("encoding", NAMES)
def test_names_in_an_encoding_that_nobody_says(encoding, make, tmp_path):
    called, names = NAMES[encoding]
    members = [(name.encode(encoding), name.encode()) for name in names] + [(b"plain.txt", b"plain.txt")]
    files, notes = unpacked(make(tmp_path / "upload", *members), tmp_path / "out")
    assert files == {name: name.encode() for name in [*names, "plain.txt"]}
    assert [note["code"] for note in notes] == ([] if encoding == "utf-8" else ["names_guessed"])
    assert all(called in note["message"] for note in notes)


def test_a_unicode_path_field_is_believed_if_it_is_of_this_name(tmp_path):
    import struct
    import zlib

    def field(of):
        def extra(name):
            data = b"\1" + struct.pack("<I", zlib.crc32(of or name)) + "\u8bf4\u660e.txt".encode()
            return struct.pack("<HH", 0x7075, len(data)) + data
        return extra
    files, notes = unpacked(raw_zip(tmp_path / "a", (b"\x8e\xe2.txt", b"1"), extra=field(None)), tmp_path / "one")
    assert files == {"\u8bf4\u660e.txt": b"1"} and notes == []
    files, notes = unpacked(raw_zip(tmp_path / "b", ("\u041e\u0442\u0447\u0435\u0442.txt".encode("cp866"), b"1"), extra=field(b"older")), tmp_path / "two")
    assert files == {"\u041e\u0442\u0447\u0435\u0442.txt": b"1"} and len(notes) == 1


@pytest.mark.parametrize("name", ["..\\up.txt", "/up.txt"])
def test_a_name_that_climbs_in_its_own_encoding_is_refused(name, tmp_path):
    archive = raw_zip(tmp_path / "upload", ("\u041e\u0442\u0447\u0435\u0442.txt".encode("cp866"), b"1"), (name.encode() + "\u043e".encode("cp866"), b"2"))
    refused(archive, tmp_path / "out", "unsafe_path")


def test_a_name_that_says_utf8_and_is_not(tmp_path):
    archive = make_zip(tmp_path / "upload", ("\u00e9.txt", b"1"))
    archive.write_bytes(archive.read_bytes().replace("\u00e9.txt".encode(), b"\xff\xfe.txt"))
    assert "UTF-8" in refused(archive, tmp_path / "out", "archive_invalid")["message"]


def joined(path, *archives):
    path.write_bytes(b"".join(archive.read_bytes() for archive in archives))
    return path


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_tars_one_behind_the_other_are_one_archive(mode, tmp_path):
    archives = [make_tar(tmp_path / name, (f"{name}.txt", name.encode() * 700), mode=mode) for name in ("one", "two", "three")]
    files, notes = unpacked(joined(tmp_path / "upload", *archives), tmp_path / "out")
    assert files == {f"{name}.txt": name.encode() * 700 for name in ("one", "two", "three")} and notes == []


def test_a_tar_in_many_gzip_members_comes_out_whole(tmp_path):
    """As pigz and bgzip write it: the members are cut anywhere, and padding stands between them."""
    import gzip
    import os

    content = os.urandom(300_000)
    whole = make_tar(tmp_path / "whole", ("a.bin", content), ("b.txt", b"b"), mode="w").read_bytes()
    cuts = [gzip.compress(whole[at:at + 65_280]) for at in range(0, len(whole), 65_280)]
    (tmp_path / "upload").write_bytes(b"\0\0\0".join([*cuts, gzip.compress(b"")]))
    files, notes = unpacked(tmp_path / "upload", tmp_path / "out")
    assert files == {"a.bin": content, "b.txt": b"b"} and notes == []


@pytest.mark.parametrize("mode", ["w", "w:gz"])
@pytest.mark.parametrize("rest", [b"signature" * 100, b"x"])
def test_what_follows_a_tar_and_is_none_is_left_out_and_named(mode, rest, tmp_path):
    archive = make_tar(tmp_path / "upload", ("a.txt", b"a"), mode=mode)
    archive.write_bytes(archive.read_bytes() + rest)
    files, notes = unpacked(archive, tmp_path / "out")
    assert files == {"a.txt": b"a"}
    assert [(note["entry"], note["code"]) for note in notes] == [(None, "entry_left_out")] and "follows" in notes[0]["message"]


def test_a_tar_that_is_damaged_in_its_middle_does_not_end_there(tmp_path):
    archive = make_tar(tmp_path / "upload", ("a.txt", b"a"), ("b.txt", b"b"), mode="w")
    data = bytearray(archive.read_bytes())
    data[1024 + 148:1024 + 156] = b"999999\0 "  # the checksum of the second header
    archive.write_bytes(data)
    assert "damaged between" in refused(archive, tmp_path / "out", "archive_invalid")["message"]
    archive.write_bytes(archive.read_bytes()[:1024 + 300])  # cut within it
    refused(archive, tmp_path / "other", "archive_invalid")


def test_a_gzip_member_that_is_cut_is_damage(tmp_path):
    one, two = (make_tar(tmp_path / name, (f"{name}.txt", b"x" * 5000)).read_bytes() for name in ("one", "two"))
    (tmp_path / "upload").write_bytes(one + two[:-20])
    refused(tmp_path / "upload", tmp_path / "out", "archive_invalid")


def test_a_tar_of_zeros_without_end_is_refused(tmp_path):
    import gzip

    start = make_tar(tmp_path / "start", ("a.txt", b"a"), mode="w").read_bytes()
    (tmp_path / "upload").write_bytes(gzip.compress(start + bytes(80 << 20), 1))
    assert "zeros" in refused(tmp_path / "upload", tmp_path / "out", "archive_invalid")["message"]


def test_a_zip_behind_another_names_what_it_does_not_hold(tmp_path):
    one, two = (make_zip(tmp_path / name, (f"{name}.txt", name.encode())) for name in ("one", "two"))
    files, notes = unpacked(joined(tmp_path / "upload", one, two), tmp_path / "out")
    assert files == {"two.txt": b"two"} and [note["code"] for note in notes] == ["entry_left_out"] and "before" in notes[0]["message"]


def test_one_file_packed_with_gzip_is_called_that(tmp_path):
    import gzip

    (tmp_path / "upload").write_bytes(gzip.compress(b"# Notes\n" * 200))
    error = refused(tmp_path / "upload", tmp_path / "out", "archive_unsupported")
    assert "gzip" in error["message"] and "Unpack" in error["hint"]


def test_too_many_entries(tmp_path):
    archive = make_zip(tmp_path / "upload", *[(f"{i}.txt", b"x") for i in range(6)])
    refused(archive, tmp_path / "out", "too_many_entries", max_entries=5)
    assert extract(archive, tmp_path / "fits", max_entries=6)[0] == 0


@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_a_bomb_is_stopped_while_it_expands(make, tmp_path):
    archive = make(tmp_path / "upload", ("bomb", bytes(50_000_000)))
    assert archive.stat().st_size < 100_000
    refused(archive, tmp_path / "out", "too_large")


def test_the_size_in_the_header_is_not_believed(tmp_path):
    archive = make_zip(tmp_path / "upload", ("bomb", bytes(5_000_000)))
    data = archive.read_bytes().replace((5_000_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    archive.write_bytes(data)
    status, events = extract(archive, tmp_path / "out")
    assert status == 1 and events[-1]["code"] in ("archive_invalid", "too_large")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_header_of_a_gigabyte_is_not_read_into_memory(tmp_path):
    """A tar may carry metadata of any size before an entry; compressed it is small."""
    import gzip

    info = tarfile.TarInfo("pax")
    info.type, info.size = tarfile.XHDTYPE, 3 << 30
    with gzip.open(tmp_path / "upload", "wb", compresslevel=1) as file:
        file.write(info.tobuf(tarfile.USTAR_FORMAT))
        for _ in range(32):
            file.write(bytes(1 << 20))
    refused(tmp_path / "upload", tmp_path / "out", "archive_invalid")


@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_what_grows_beyond_measure_is_refused_before_the_limit(make, tmp_path):
    """Far less than is allowed, but three hundred times what was sent."""
    archive = make(tmp_path / "upload", ("zeros", bytes(40_000_000)))
    assert refused(archive, tmp_path / "out", "too_large", max_bytes=10_000_000_000)["entry"] == "zeros"


def test_folders_are_counted_too(tmp_path):
    """A header is half a kilobyte, and thousands of them a few bytes where they are packed."""
    folders = []
    for number in range(2_000):
        folders.append(tarfile.TarInfo(f"{number}"))
        folders[-1].type = tarfile.DIRTYPE
    refused(make_tar(tmp_path / "upload", *folders), tmp_path / "out", "too_many_entries", max_entries=100)


def test_a_directory_of_a_zip_is_bounded(tmp_path):
    """It is read whole, whatever number of files the archive claims."""
    archive = make_zip(tmp_path / "upload", *[("x" * 300 + str(number), b"") for number in range(3_500)])
    data = bytearray(archive.read_bytes())
    end = data.rindex(b"PK\x05\x06")
    data[end + 8:end + 12] = b"\x01\x00\x01\x00"
    archive.write_bytes(data)
    refused(archive, tmp_path / "out", "too_many_entries")
    # The same numbers in the form of large archives.
    size, offset = int.from_bytes(data[end + 12:end + 16], "little"), int.from_bytes(data[end + 16:end + 20], "little")
    large = b"PK\x06\x06" + (44).to_bytes(8, "little") + b"\x2d\x00\x2d\x00" + bytes(8) + (1).to_bytes(8, "little") * 2
    large += size.to_bytes(8, "little") + offset.to_bytes(8, "little")
    locator = b"PK\x06\x07" + bytes(4) + end.to_bytes(8, "little") + (1).to_bytes(4, "little")
    archive.write_bytes(data[:end] + large + locator + b"PK\x05\x06" + bytes(4) + b"\xff" * 12 + bytes(2))
    refused(archive, tmp_path / "other", "too_many_entries")


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK])
def test_what_a_tar_says_of_an_entry_is_bounded(kind, tmp_path):
    info = tarfile.TarInfo("x")
    info.type, info.size = kind, 8 << 20
    (tmp_path / "upload").write_bytes(info.tobuf(tarfile.USTAR_FORMAT) + bytes(8 << 20))
    assert "claims 8388608 bytes" in refused(tmp_path / "upload", tmp_path / "out", "archive_invalid")["message"]


@pytest.mark.parametrize("content", [b"", b"just some text", b"PK\x03\x04 broken", b"\x1f\x8b broken"])
def test_what_is_no_archive(content, tmp_path):
    (tmp_path / "upload").write_bytes(content)
    status, events = extract(tmp_path / "upload", tmp_path / "out")
    assert status == 1 and events[-1]["code"] in ("archive_unsupported", "archive_invalid")


def test_a_truncated_archive(tmp_path):
    import os

    whole = make_tar(tmp_path / "whole", ("a", os.urandom(100_000)))
    (tmp_path / "upload").write_bytes(whole.read_bytes()[:50_000])
    refused(tmp_path / "upload", tmp_path / "out", "archive_invalid")


def test_one_name_twice(tmp_path):
    refused(make_tar(tmp_path / "upload", ("a", b"1"), ("a", b"2")), tmp_path / "out", "duplicate_entry")
    refused(make_tar(tmp_path / "other", ("a", b"1"), ("a/b", b"2")), tmp_path / "out", "duplicate_entry")


def test_a_folder_that_is_not_empty_is_left_alone(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("kept")
    status, events = extract(make_zip(tmp_path / "upload", ("a", b"1")), tmp_path / "out")
    assert status == 1 and events[-1]["code"] == "not_empty"
    assert (tmp_path / "out" / "mine").read_text() == "kept"
