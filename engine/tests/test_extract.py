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
        command("extract.py", "--archive", archive, "--out", out, "--max-entries", max_entries, "--max-bytes", max_bytes),
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
    assert events[-1] == {"event": "done", "entries": 3, "bytes": 150_003}
    assert {(event["path"], event["bytes"]) for event in events[:-1]} == {(name, len(data)) for name, data in FILES}
    for name, data in FILES:
        assert (tmp_path / "out" / name).read_bytes() == data
        assert stat.S_IMODE((tmp_path / "out" / name).stat().st_mode) == 0o600
    assert len([path for path in (tmp_path / "out").rglob("*") if path.is_file()]) == 3


@pytest.mark.parametrize("name", ["../up.txt", "a/../../up.txt", "/etc/up.txt", "..\\up.txt", "C:/up.txt"])
@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_climbing_out_is_refused(make, name, tmp_path):
    archive = make(tmp_path / "upload", ("fine.txt", b"fine"), (name, b"evil"))
    assert refused(archive, tmp_path / "out", "unsafe_path")["entry"] == name
    assert not (tmp_path / "up.txt").exists()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_in_tar_are_refused(kind, tmp_path):
    archive = make_tar(tmp_path / "upload", ("fine.txt", b"fine"), link("x", "/etc/passwd", kind), ("x/y", b"evil"))
    assert refused(archive, tmp_path / "out", "unsafe_entry")["entry"] == "x"


def test_links_in_zip_are_refused(tmp_path):
    info = zipfile.ZipInfo("x")
    info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    refused(make_zip(tmp_path / "upload", ("fine.txt", b"fine"), (info, b"/etc/passwd")), tmp_path / "out", "unsafe_entry")


def test_encrypted_is_refused(tmp_path):
    archive = make_zip(tmp_path / "upload", ("secret.txt", b"secret"))
    data = bytearray(archive.read_bytes())
    data[6] |= 1  # the flag in the local header
    data[data.index(b"PK\x01\x02") + 8] |= 1  # and in the directory
    archive.write_bytes(data)
    assert refused(archive, tmp_path / "out", "encrypted")["entry"] == "secret.txt"


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


def test_a_name_that_is_not_utf8(tmp_path):
    info = tarfile.TarInfo("caf\udce9.txt")
    with tarfile.open(tmp_path / "upload", "w") as archive:
        archive.addfile(info, io.BytesIO())
    status, events = extract(tmp_path / "upload", tmp_path / "out")
    assert status == 0 and events[0]["path"] == "caf\ufffd.txt"


def test_a_folder_that_is_not_empty_is_left_alone(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("kept")
    status, events = extract(make_zip(tmp_path / "upload", ("a", b"1")), tmp_path / "out")
    assert status == 1 and events[-1]["code"] == "not_empty"
    assert (tmp_path / "out" / "mine").read_text() == "kept"
