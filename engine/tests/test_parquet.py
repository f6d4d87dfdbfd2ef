"""Parquet files come out as JSONL; damaged and hostile ones fail by name and leave nothing."""

import datetime
import json
import random
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import command


def convert(file, out, max_bytes=10_000_000):
    result = subprocess.run(command("documents/parquet.py", "--file", file, "--out", out, "--max-bytes", max_bytes), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    return result.returncode, json.loads(result.stdout.splitlines()[-1])


def refused(file, out, code, **limits):
    status, event = convert(file, out, **limits)
    assert status == 1 and event["event"] == "error" and event["code"] == code, event
    assert event["message"] and event["hint"] and "row" in event
    assert not out.exists()
    return event


CHATS = [
    {"messages": [{"role": "user", "content": "Where, “exactly”?\n"}, {"role": "assistant", "content": "Über der Tür 😀"}], "id": 1, "score": 0.5, "tag": None},
    {"messages": [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "So."}], "id": 2, "score": 1.0, "tag": "x"},
]


def write(path, rows, **options):
    pq.write_table(pa.Table.from_pylist(rows), path, **options)
    return path


@pytest.mark.parametrize("compression", ["none", "snappy", "gzip", "zstd"])
def test_comes_out_as_it_went_in(compression, tmp_path):
    status, event = convert(write(tmp_path / "a.parquet", CHATS, compression=compression), tmp_path / "a.jsonl")
    assert status == 0
    assert event == {"event": "done", "rows": 2, "bytes": (tmp_path / "a.jsonl").stat().st_size, "columns": ["messages", "id", "score", "tag"]}
    assert [json.loads(line) for line in (tmp_path / "a.jsonl").read_text(encoding="utf-8").splitlines()] == CHATS
    assert (tmp_path / "a.jsonl").stat().st_mode & 0o777 == 0o600


def test_dates_and_bytes_of_text_are_text(tmp_path):
    rows = [{"day": datetime.date(2024, 2, 29), "at": datetime.datetime(2024, 2, 29, 12, 30), "raw": "é".encode()}]
    assert convert(write(tmp_path / "a.parquet", rows), tmp_path / "a.jsonl")[0] == 0
    assert json.loads((tmp_path / "a.jsonl").read_text(encoding="utf-8")) == {"day": "2024-02-29", "at": "2024-02-29T12:30:00", "raw": "é"}


def test_a_field_that_a_struct_lacks_is_left_out(tmp_path):
    call = {"id": "c1", "function": {"name": "tide", "arguments": "{}"}}
    rows = [
        {"messages": [{"role": "user", "content": "When?"}, {"role": "assistant", "tool_calls": [call]}], "note": None},
        {"messages": [{"role": "user", "content": "Why?", "name": "Vera"}, {"role": "assistant", "content": "So."}], "note": "x"},
    ]
    assert convert(write(tmp_path / "a.parquet", rows), tmp_path / "a.jsonl")[0] == 0
    assert [json.loads(line) for line in (tmp_path / "a.jsonl").read_text(encoding="utf-8").splitlines()] == rows


def lines(path) -> list:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_absent_fields_are_left_out_at_every_depth_and_nulls_of_lists_and_maps_stay(tmp_path):
    call = pa.struct([("name", pa.string()), ("arguments", pa.map_(pa.string(), pa.struct([("kind", pa.string()), ("value", pa.int64())])))])
    message = pa.struct([("role", pa.string()), ("content", pa.string()), ("tool_calls", pa.list_(call)), ("meta", pa.struct([("by", pa.string()), ("at", pa.struct([("day", pa.string())]))]))])
    kinds = {"messages": pa.list_(message), "tags": pa.list_(pa.string()), "scores": pa.map_(pa.string(), pa.float64()), "fixed": pa.list_(message, 1),
             "large": pa.large_list(message)}
    rows = [
        {"messages": [{"role": "user", "content": "Tide?", "meta": {"by": "Vera"}},
                      {"role": "assistant", "tool_calls": [{"name": "tide", "arguments": {"at": {"kind": "port"}, "in": {"value": 3}}}, {"name": "wind"}]}],
         "tags": ["a", None], "scores": {"x": 1.5, "y": None}, "fixed": [{"role": "user", "content": "One."}], "large": [{"role": "user"}]},
        {"messages": [{"role": "user", "content": "Why?", "meta": {"at": {"day": "Monday"}}}, {"role": "assistant", "content": "So.", "meta": {"at": {}}}],
         "tags": None, "scores": None, "fixed": None, "large": None},
    ]
    as_arrow = json.loads(json.dumps(rows))
    for row in as_arrow:  # Arrow takes a map as its pairs
        row["scores"] = row["scores"] and list(row["scores"].items())
        for turn in row["messages"]:
            for one in turn.get("tool_calls", []):
                one["arguments"] = list(one["arguments"].items()) if "arguments" in one else None
    columns = [pa.array([row[name] for row in as_arrow], kind) for name, kind in kinds.items()]
    pq.write_table(pa.table(columns, names=list(kinds)), tmp_path / "a.parquet")
    assert convert(tmp_path / "a.parquet", tmp_path / "a.jsonl")[0] == 0
    assert lines(tmp_path / "a.jsonl") == rows


@pytest.mark.parametrize("kind, pairs, words", [
    (pa.map_(pa.int32(), pa.string()), [(1, "x")], "keys are no text"), (pa.map_(pa.string(), pa.string()), [("a", "x"), ("a", "y")], "twice")])
def test_a_map_that_is_no_object_is_named_by_its_row(kind, pairs, words, tmp_path):
    pq.write_table(pa.table({"x": pa.array([[], pairs], kind)}), tmp_path / "a.parquet")
    event = refused(tmp_path / "a.parquet", tmp_path / "a.jsonl", "value_unsupported")
    assert event["row"] == 2 and words in event["message"]


@pytest.mark.parametrize("group", [1, 3, 100])
def test_dictionaries_inside_structs_are_read_from_several_row_groups(tmp_path, group):
    roles = pa.array(["user", "assistant"] * 6).dictionary_encode()
    turns = pa.StructArray.from_arrays([roles, pa.array([f"text {number}" for number in range(12)])], names=["role", "content"])
    table = pa.table({"messages": pa.ListArray.from_arrays(pa.array(range(0, 13, 2), pa.int32()), turns)})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=group)
    assert convert(tmp_path / "a.parquet", tmp_path / "a.jsonl")[1]["rows"] == 6
    assert [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()] == table.to_pylist()


def test_many_rows_take_bounded_memory(tmp_path):
    """200 MB of text in small row groups, in a child that reports its peak."""
    rows = [{"question": "q" * 1000, "answer": str(number) + "a" * 1000} for number in range(100)]
    table = pa.Table.from_pylist(rows)
    with pq.ParquetWriter(tmp_path / "a.parquet", table.schema) as writer:
        for _ in range(1000):
            writer.write_table(table)
    # Between us and the child stands a small process: after a fork the peak begins with the parent's, and ours may be large.
    watcher = (
        "import json, resource, subprocess, sys; done = subprocess.run(sys.argv[1:], stdin=subprocess.DEVNULL, capture_output=True); "
        "print(json.dumps([done.returncode, done.stdout.decode(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss]))")
    script = command("documents/parquet.py", "--file", tmp_path / "a.parquet", "--out", tmp_path / "a.jsonl", "--max-bytes", 1 << 30)
    status, said, peak = json.loads(subprocess.run([sys.executable, "-c", watcher, *script], stdin=subprocess.DEVNULL, capture_output=True).stdout)
    event = json.loads(said.splitlines()[-1])
    assert status == 0 and event["rows"] == 100_000 and event["bytes"] > 200_000_000
    assert peak * (1 if sys.platform == "darwin" else 1024) < 300 << 20


def test_nothing_is_an_empty_file(tmp_path):
    pq.write_table(pa.table({"question": pa.array([], pa.string())}), tmp_path / "a.parquet")
    status, event = convert(tmp_path / "a.parquet", tmp_path / "a.jsonl")
    assert status == 0 and event["rows"] == 0 and (tmp_path / "a.jsonl").read_bytes() == b""


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + b"\0" * 40 + b"PAR1", b"PAR1" + b"\xff" * 60 + b"\xff\xff\xff\x7fPAR1", b'{"messages":[]}\n'],
                         ids=["empty", "cut", "zeros", "a footer of 2 GB", "JSONL"])
def test_what_is_no_parquet_is_refused(content, tmp_path):
    (tmp_path / "a.parquet").write_bytes(content)
    refused(tmp_path / "a.parquet", tmp_path / "a.jsonl", "parquet_invalid")


def test_a_damaged_file_never_passes_for_a_whole_one(tmp_path):
    """Bytes are changed at random places: an error by name, or the rows without a crash."""
    whole = write(tmp_path / "a.parquet", CHATS * 50, compression="none").read_bytes()
    draw = random.Random(3)
    for number in range(12):
        data = bytearray(whole)
        for _ in range(3):
            data[draw.randrange(4, len(data) - 8)] = draw.randrange(256)
        (tmp_path / "b.parquet").write_bytes(data)
        out = tmp_path / f"b{number}.jsonl"
        status, event = convert(tmp_path / "b.parquet", out)
        assert status in (0, 1) and event["event"] == ("error" if status else "done") and out.exists() == (status == 0)


def test_a_small_file_of_many_bytes_is_stopped(tmp_path):
    """100 MB of one letter in a few KB."""
    rows = write(tmp_path / "a.parquet", [{"text": "x" * 1_000_000}] * 100, compression="zstd")
    assert rows.stat().st_size < 1_000_000
    event = refused(rows, tmp_path / "a.jsonl", "too_large", max_bytes=10_000_000)
    assert event["row"] == 10


@pytest.mark.parametrize("value", [float("nan"), float("inf"), b"\xff\xfe"], ids=["NaN", "infinite", "bytes"])
def test_what_json_cannot_say_is_named_by_its_row(value, tmp_path):
    event = refused(write(tmp_path / "a.parquet", [{"x": type(value)()}, {"x": value}]), tmp_path / "a.jsonl", "value_unsupported")
    assert event["row"] == 2


def test_a_target_that_is_there_is_kept(tmp_path):
    (tmp_path / "a.jsonl").write_text("mine")
    status, event = convert(write(tmp_path / "a.parquet", CHATS), tmp_path / "a.jsonl")
    assert status == 1 and event["code"] == "not_empty" and (tmp_path / "a.jsonl").read_text() == "mine"
