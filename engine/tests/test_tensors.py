"""Files of tensors from elsewhere: what does not fit is refused before it is used, and no header makes the reader large."""

import json
import struct
import tracemalloc

import child  # noqa: F401  settings that numpy reads when it is imported
import gguf
import numpy as np
import pytest
from serving import tensors
from serving.tensors import TensorError


def safetensors(path, header, data=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)
    return path


def entry(shape=(2, 2), begin=0, end=16, dtype="F32"):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}


def test_what_is_written_is_read_the_same(tmp_path):
    from safetensors.numpy import load_file

    made = {"b": np.arange(6, dtype=np.float32).reshape(2, 3), "a": np.full((3, 1), -0.5, np.float32)}
    tensors.write_safetensors(tmp_path / "a", {name: matrix.shape for name, matrix in made.items()}, made.__getitem__)
    theirs = load_file(tmp_path / "a")
    ours = tensors.read_safetensors(tmp_path / "a")
    for name, matrix in made.items():
        assert (theirs[name] == matrix).all() and (ours[name].read() == matrix).all()


@pytest.mark.parametrize("dtype, data, expected", [
    ("F16", np.asarray([1.5, -2], "<f2").tobytes(), [1.5, -2]), ("BF16", b"\xc0\x3f\x00\xc0", [1.5, -2]), ("F32", struct.pack("<2f", 1.5, -2), [1.5, -2]),
])
def test_every_kind_of_number(tmp_path, dtype, data, expected):
    path = safetensors(tmp_path / "a", {"x": entry((2,), 0, len(data), dtype)}, data)
    assert tensors.read_safetensors(path)["x"].read().tolist() == expected


@pytest.mark.parametrize("header, data, length, word", [
    ({}, b"", 1 << 40, "claims 1099511627776 bytes"),
    ({}, b"", (1 << 64) - 1, "claims"),
    (b" " * (tensors.MAX_HEADER + 1), b"", None, "at most"),
    (b"[" * 100_000, b"", None, "not JSON"),
    (b"[]", b"", None, "no object"),
    (b'{"x":1}', b"", None, "not described"),
    (b"\xff", b"", None, "not JSON"),
    (b'{"x":' + json.dumps(entry()).encode() + b',"x":' + json.dumps(entry()).encode() + b"}", bytes(16), None, "twice"),
    ({"x": entry(end=17)}, bytes(16), None, "beyond"),
    ({"x": entry(begin=-8, end=8)}, bytes(16), None, "beyond"),
    ({"x": entry(begin=16, end=0)}, bytes(16), None, "beyond"),
    ({"x": entry(begin=0.0, end=16)}, bytes(16), None, "beyond"),
    ({"x": entry((4, 4))}, bytes(16), None, "16 bytes for 16 values"),
    ({"x": entry((1 << 62, 4))}, bytes(16), None, "claims the shape"),
    ({"x": entry((0,), 0, 0)}, bytes(16), None, "claims the shape"),
    ({"x": entry((-2, -2))}, bytes(16), None, "claims the shape"),
    ({"x": entry((True, 4))}, bytes(16), None, "claims the shape"),
    ({"x": entry((1,) * 9)}, bytes(16), None, "not described"),
    ({"x": entry(dtype="I64")}, bytes(16), None, "I64"),
    ({"x": entry(dtype={})}, bytes(16), None, "F32, F16 and BF16"),
    ({"x": entry(), "y": entry()}, bytes(16), None, "the same bytes"),
    ({"x": entry(), "y": entry(begin=12, end=28)}, bytes(28), None, "the same bytes"),
    ({f"{number}": entry((1,), 0, 4) for number in range(20_002)}, bytes(4), None, "an object of 20002"),
    ({"x" * 600: entry()}, bytes(16), None, "too long"),
])
def test_a_safetensors_header_that_is_none(tmp_path, header, data, length, word):
    with pytest.raises(TensorError, match=word):
        tensors.read_safetensors(safetensors(tmp_path / "a", header, data, length))


# GGUF


def text(value):
    data = value if isinstance(value, bytes) else value.encode()
    return struct.pack("<Q", len(data)) + data


def field(key, kind, value):
    return text(key) + struct.pack("<I", kind) + value


def info(name="x", shape=(4, 2), kind=0, offset=0):
    return text(name) + struct.pack("<I", len(shape)) + b"".join(struct.pack("<Q", size) for size in shape) + struct.pack("<IQ", kind, offset)


def made(path, fields=(), infos=(info(),), data=bytes(32), count=None, number=None, version=3):
    head = b"GGUF" + struct.pack("<IQQ", version, len(infos) if count is None else count, len(fields) if number is None else number)
    head += b"".join(fields) + b"".join(infos)
    path.write_bytes(head + bytes(-len(head) % 32) + data)
    return path


def test_what_gguf_writes_is_read_the_same(tmp_path):
    random = np.random.default_rng(3)
    matrix = random.standard_normal((4, 64), np.float32)
    writer = gguf.GGUFWriter(tmp_path / "a", "llama")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", 16)
    writer.add_array("some", [1, 2, 3])
    writer.add_tensor("full", matrix)
    writer.add_tensor("half", matrix.astype(np.float16))
    writer.add_tensor("quarter", gguf.quants.quantize(matrix, gguf.GGMLQuantizationType.Q8_0), raw_dtype=gguf.GGMLQuantizationType.Q8_0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    metadata, found = tensors.read_gguf(tmp_path / "a")
    assert metadata["adapter.type"] == "lora" and metadata["adapter.lora.alpha"] == 16 and metadata["some"] == [1, 2, 3]
    assert (found["full"].read() == matrix).all()
    assert np.allclose(found["half"].read(), matrix, atol=2e-3) and np.allclose(found["quarter"].read(), matrix, atol=3e-2)
    assert {tensor.shape for tensor in found.values()} == {(4, 64)}


@pytest.mark.parametrize("arguments, word", [
    ({"count": 1 << 63}, "claims 9223372036854775808 tensors"),
    ({"number": 1 << 63}, "9223372036854775808 fields"),
    ({"count": 19_999}, "dimensions"),
    ({"version": 1}, "version"),
    ({"version": 0x03000000}, "version"),
    ({"fields": [struct.pack("<Q", 1 << 60)]}, "claims 1152921504606846976 bytes"),
    ({"fields": [field("a", 8, struct.pack("<Q", 1 << 40))]}, "claims 1099511627776 bytes"),
    ({"fields": [field("a", 9, struct.pack("<IQ", 4, 1 << 62))]}, "lists 4611686018427387904 values"),
    ({"fields": [field("a", 9, struct.pack("<IQ", 9, 4))]}, "unknown kind 9"),
    ({"fields": [field("a", 77, b"")]}, "unknown kind 77"),
    ({"fields": [field("a", 4, bytes(4))] * 2}, "twice"),
    ({"fields": [field(b"\xff\xfe", 4, bytes(4))]}, "UTF-8"),
    ({"fields": [field("general.alignment", 4, struct.pack("<I", 0))]}, "alignment"),
    ({"fields": [field("general.alignment", 4, struct.pack("<I", 3))]}, "alignment"),
    ({"fields": [field("general.alignment", 8, text("32"))]}, "alignment"),
    ({"infos": [info(), info()]}, "twice"),
    ({"infos": [info(), info("y")]}, "the same bytes"),
    ({"infos": [info(shape=())]}, "dimensions"),
    ({"infos": [info(shape=(1,) * 5)]}, "dimensions"),
    ({"infos": [info(shape=(1 << 62, 8))]}, "claims the shape"),
    ({"infos": [info(shape=(0, 8))]}, "claims the shape"),
    ({"infos": [info(shape=((1 << 31) - 1, (1 << 31) - 1))]}, "beyond"),
    ({"infos": [info(kind=99)]}, "unknown kind"),
    ({"infos": [info(kind=8)]}, "cannot hold"),
    ({"infos": [info(offset=(1 << 64) - 32)]}, "beyond"),
    ({"infos": [info(offset=16)]}, "beyond"),
    ({"data": bytes(31)}, "beyond"),
])
def test_a_gguf_header_that_is_none(tmp_path, arguments, word):
    with pytest.raises(TensorError, match=word):
        tensors.read_gguf(made(tmp_path / "a", **arguments))


@pytest.mark.parametrize("size", [0, 3, 8, 20, 30, 60])
def test_a_gguf_file_that_ends_early(tmp_path, size):
    path = made(tmp_path / "a", [field("a", 8, text("long enough"))])
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(TensorError):
        tensors.read_gguf(path)


def test_headers_cost_no_more_than_they_have(tmp_path):
    """What claims much is refused before any of it is asked for."""
    tracemalloc.start()
    for path in (safetensors(tmp_path / "a", {}, length=1 << 40), ):
        with pytest.raises(TensorError):
            tensors.read_safetensors(path)
    with pytest.raises(TensorError):
        tensors.read_gguf(made(tmp_path / "b", count=1 << 63))
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()
