"""Files of tensors that somebody sent, read as bytes: safetensors and GGUF.

No library's reader touches them. Every count, size and offset of a header is held against the file before it is
used, and only one tensor is in memory at a time. What comes out is written anew, so a program that trusts its
files (llama.cpp, PEFT) never opens one that came from outside.
"""

import json
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import gguf
import numpy as np

MAX_HEADER = 4 << 20  # bytes; that of an adapter with thousands of matrices has a few hundred thousand
MAX_TENSORS = 20_000
MAX_FIELDS = 1_000  # of GGUF metadata
MAX_ARRAY = 1_000  # values of one GGUF field; an adapter needs none
MAX_NAME = 512  # bytes
MAX_DIMENSION = 1 << 31


class TensorError(Exception):
    """The file is not what it claims to be; the message says how."""


@dataclass(frozen=True)
class Tensor:
    """Where a tensor lies in its file."""

    path: Path
    name: str
    shape: tuple[int, ...]  # rows first
    kind: gguf.GGMLQuantizationType
    offset: int
    size: int  # bytes

    def read(self) -> np.ndarray:
        """Its values as float32."""
        with self.path.open("rb") as file:
            file.seek(self.offset)
            data = file.read(self.size)
        if len(data) != self.size:
            raise TensorError(f"{self.name} lies beyond the end of the file")
        raw = np.frombuffer(data, np.uint8)
        if self.kind == gguf.GGMLQuantizationType.BF16:  # the upper half of a float32
            values = (raw.view("<u2").astype("<u4") << 16).view("<f4")
        elif self.kind in (gguf.GGMLQuantizationType.F32, gguf.GGMLQuantizationType.F16):
            values = raw.view("<f4" if self.kind == gguf.GGMLQuantizationType.F32 else "<f2").astype(np.float32)
        else:
            values = gguf.quants.dequantize(raw.reshape(*self.shape[:-1], -1), self.kind)
        return np.ascontiguousarray(values.reshape(self.shape), dtype=np.float32)


def elements(shape: Iterable[int], name: str) -> int:
    count = 1
    for size in shape:
        if not isinstance(size, int) or isinstance(size, bool) or not 0 < size < MAX_DIMENSION:
            raise TensorError(f"{name} claims the shape {list(shape)!s:.200}")
        count *= size
    return count


def check_places(tensors: Iterable[Tensor]) -> None:
    """No byte belongs to two tensors: a small file cannot stand for a large one."""
    end, last = 0, ""
    for tensor in sorted(tensors, key=lambda tensor: tensor.offset):
        if tensor.offset < end:
            raise TensorError(f"{last} and {tensor.name} claim the same bytes")
        end, last = tensor.offset + tensor.size, tensor.name


# safetensors (github.com/huggingface/safetensors, "Format")

SAFETENSORS = {"F32": gguf.GGMLQuantizationType.F32, "F16": gguf.GGMLQuantizationType.F16, "BF16": gguf.GGMLQuantizationType.BF16}


def distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object as a dict; a key that comes twice would mean something else to another reader."""
    if len(pairs) > MAX_TENSORS + 1:
        raise TensorError(f"its header has an object of {len(pairs)} entries")
    value = dict(pairs)
    if len(value) < len(pairs):
        raise TensorError("its header names something twice")
    return value


def read_safetensors(path: Path) -> dict[str, Tensor]:
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        length = int.from_bytes(start, "little")
        if len(start) < 8 or length > size - 8:
            raise TensorError(f"its header claims {length} bytes, the file has {size}")
        if length > MAX_HEADER:
            raise TensorError(f"its header has {length} bytes; at most {MAX_HEADER} are read")
        text = file.read(length)
    try:
        header = json.loads(text.decode("utf-8"), object_pairs_hook=distinct)
    except (ValueError, RecursionError) as error:
        raise TensorError(f"its header is not JSON: {error!s:.200}")
    if not isinstance(header, dict):
        raise TensorError("its header is no object")
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        if len(name.encode("utf-8", "replace")) > MAX_NAME:
            raise TensorError("a name in its header is too long")
        if not isinstance(entry, dict) or not isinstance(entry.get("shape"), list) or not isinstance(entry.get("data_offsets"), list):
            raise TensorError(f"{name} is not described")
        kind = SAFETENSORS.get(entry["dtype"]) if isinstance(entry.get("dtype"), str) else None
        if kind is None:
            raise TensorError(f"{name} holds {entry.get('dtype')!r:.40}; F32, F16 and BF16 are read")
        if len(entry["shape"]) > 4 or len(entry["data_offsets"]) != 2:
            raise TensorError(f"{name} is not described")
        begin, end = entry["data_offsets"]
        count = elements(entry["shape"], name)
        if not all(isinstance(place, int) and not isinstance(place, bool) for place in (begin, end)) or not 0 <= begin <= end <= size - 8 - length:
            raise TensorError(f"{name} lies beyond the end of the file")
        if end - begin != count * (4 if kind == gguf.GGMLQuantizationType.F32 else 2):
            raise TensorError(f"{name} has {end - begin} bytes for {count} values")
        tensors[name] = Tensor(path, name, tuple(entry["shape"]), kind, 8 + length + begin, end - begin)
    check_places(tensors.values())
    return tensors


def write_safetensors(path: Path, shapes: dict[str, tuple[int, ...]], values: Callable[[str], np.ndarray]) -> None:
    """Write float32 tensors, one after the other; `values` makes each when its turn comes."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for name in sorted(shapes):
        size = 4 * elements(shapes[name], name)
        header[name] = {"dtype": "F32", "shape": list(shapes[name]), "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name in sorted(shapes):
            matrix = values(name)
            assert matrix.shape == tuple(shapes[name])
            file.write(np.ascontiguousarray(matrix, "<f4").data)


# GGUF (ggml-org/ggml, docs/gguf.md)

SCALARS = {0: "B", 1: "b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "?", 10: "<Q", 11: "<q", 12: "<d"}
STRING, ARRAY = 8, 9


class Header:
    """The beginning of a file, read front to back and never further than it may be long."""

    def __init__(self, file: BinaryIO, size: int):
        self.file, self.left = file, min(size, MAX_HEADER)

    def bytes(self, count: int) -> bytes:
        if count > self.left:
            raise TensorError("its header is longer than the file, or than is read")
        self.left -= count
        data = self.file.read(count)
        if len(data) != count:
            raise TensorError("it ends within its header")
        return data

    def number(self, format: str) -> Any:
        return struct.unpack(format, self.bytes(struct.calcsize(format)))[0]

    def text(self, limit: int) -> str:
        length = self.number("<Q")
        if length > limit:
            raise TensorError(f"a text in its header claims {length} bytes")
        try:
            return self.bytes(length).decode("utf-8")
        except UnicodeDecodeError:
            raise TensorError("a text in its header is not UTF-8")

    def value(self, key: str) -> Any:
        kind = self.number("<I")
        if kind != ARRAY:
            return self.scalar(kind)
        kind, count = self.number("<I"), self.number("<Q")
        if count > MAX_ARRAY:
            raise TensorError(f"its field {key} lists {count} values, which no adapter does")
        return [self.scalar(kind) for _ in range(count)]

    def scalar(self, kind: int) -> Any:
        if kind == STRING:
            return self.text(1 << 16)
        if kind not in SCALARS:
            raise TensorError(f"its header holds a value of the unknown kind {kind}")
        return self.number(SCALARS[kind])


def read_gguf(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Metadata and tensors."""
    size = path.stat().st_size
    with path.open("rb") as file:
        header = Header(file, size)
        if header.bytes(4) != b"GGUF":
            raise TensorError("it does not begin as GGUF does")
        version, count, fields = header.number("<I"), header.number("<Q"), header.number("<Q")
        if version not in (2, 3):
            raise TensorError(f"its version is {version}; 2 and 3 are read")
        if count > MAX_TENSORS or fields > MAX_FIELDS:
            raise TensorError(f"it claims {count} tensors and {fields} fields; at most {MAX_TENSORS} and {MAX_FIELDS} are read")
        metadata: dict[str, Any] = {}
        for _ in range(fields):
            key = header.text(MAX_NAME)
            if key in metadata:
                raise TensorError(f"its header names {key} twice")
            metadata[key] = header.value(key)
        described = []
        for _ in range(count):
            name, dimensions = header.text(MAX_NAME), header.number("<I")
            if not 1 <= dimensions <= 4:
                raise TensorError(f"{name} has {dimensions} dimensions")
            # The fastest dimension comes first in the file and last in numpy.
            shape = tuple(header.number("<Q") for _ in range(dimensions))[::-1]
            described.append((name, shape, header.number("<I"), header.number("<Q")))
        begin = file.tell()
    alignment = metadata.get("general.alignment", 32)
    if not isinstance(alignment, int) or not 8 <= alignment <= 1 << 16 or alignment & (alignment - 1):
        raise TensorError(f"its alignment is {alignment!r:.40}")
    begin += -begin % alignment
    tensors: dict[str, Tensor] = {}
    for name, shape, kind, offset in described:
        if name in tensors:
            raise TensorError(f"its header names {name} twice")
        values = elements(shape, name)
        try:
            kind = gguf.GGMLQuantizationType(kind)
            block, block_bytes = gguf.GGML_QUANT_SIZES[kind]
        except (ValueError, KeyError):
            raise TensorError(f"{name} is of the unknown kind {kind}")
        if shape[-1] % block:
            raise TensorError(f"{name} has rows of {shape[-1]} values, which {kind.name} cannot hold")
        place, length = begin + offset, values // block * block_bytes
        if offset % alignment or place + length > size:
            raise TensorError(f"{name} lies beyond the end of the file, or not where a tensor may begin")
        tensors[name] = Tensor(path, name, shape, kind, place, length)
    check_places(tensors.values())
    return metadata, tensors
