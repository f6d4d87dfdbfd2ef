"""Write a PEFT LoRA adapter as a GGUF file for llama.cpp.

    python engine/serving/export_gguf.py --peft job/peft --base data/models/smollm2-135m-instruct/hf --out adapter.gguf

`--base` is the model the adapter was trained on: a Hugging Face folder or a GGUF
file. Only its shape is read, never its weights.

llama.cpp stores the query and key projections of Llama models with the rows of
each head in another order than Hugging Face (its rotary embedding pairs
neighbouring rows, theirs the two halves of a head). The adapter's output rows,
those of lora_B, must be put in the same order, or it changes the model into noise.
"""

import os
import sys

if not __package__:  # a script: modules are found from the engine's folder
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

import child  # first: it owns stdout

import argparse
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

if __name__ == "__main__":
    child.hold_signals()  # numpy starts threads when it is imported

import gguf
import numpy as np
from safetensors import safe_open

import files

# The architectures that are trained and served: Hugging Face's model_type → llama.cpp's name, for those whose weights
# llama.cpp keeps as they are, apart from the row order of PERMUTED. The server lists the same (a test of BaseModels compares).
ARCHITECTURES = {
    "llama": gguf.MODEL_ARCH.LLAMA,
    "mistral": gguf.MODEL_ARCH.LLAMA,
    "qwen2": gguf.MODEL_ARCH.QWEN2,
    "qwen3": gguf.MODEL_ARCH.QWEN3,
}
PERMUTED = {gguf.MODEL_ARCH.LLAMA}


class ExportError(Exception):
    """The adapter cannot be written as GGUF; the message says why."""


@dataclass
class Arguments:
    peft: Path
    base: Path
    out: Path


@dataclass(frozen=True)
class Shape:
    """What of the base model decides names and row order."""

    architecture: gguf.MODEL_ARCH
    layers: int
    heads: int
    key_value_heads: int


def shape_of(base: Path) -> Shape:
    """Read the shape of a Hugging Face folder or a GGUF file."""
    if base.is_file():
        reader = gguf.GGUFReader(base)

        def field(name: str):
            found = reader.get_field(name)
            if found is None:
                raise ExportError(f"{base} has no {name}")
            return found.contents()

        name = field("general.architecture")
        layers = field(f"{name}.block_count")
        heads = field(f"{name}.attention.head_count")
        key_value_heads = field(f"{name}.attention.head_count_kv")
    else:
        config = json.loads((base / "config.json").read_text())
        name = config["model_type"]
        layers = config["num_hidden_layers"]
        heads = config["num_attention_heads"]
        key_value_heads = config.get("num_key_value_heads") or heads
    if name not in ARCHITECTURES:
        raise ExportError(f"the base model is a {name!r}; adapters of {', '.join(ARCHITECTURES)} can be exported")
    return Shape(ARCHITECTURES[name], layers, heads, key_value_heads)


def permute(rows: np.ndarray, heads: int, back: bool = False) -> np.ndarray:
    """The row order of llama.cpp's convert_hf_to_gguf.py (LlamaModel.permute), or `back` from it."""
    shape = rows.shape
    halves = (shape[0] // heads // 2, 2) if back else (2, shape[0] // heads // 2)
    return rows.reshape(heads, *halves, *shape[1:]).swapaxes(1, 2).reshape(shape)


def reorder(rows: np.ndarray, module: str, shape: Shape, back: bool = False) -> np.ndarray:
    """Output rows of a Hugging Face module as llama.cpp has them, or `back`."""
    if shape.architecture in PERMUTED and module.endswith(".q_proj"):
        return permute(rows, shape.heads, back)
    if shape.architecture in PERMUTED and module.endswith(".k_proj"):
        return permute(rows, shape.key_value_heads, back)
    return rows


def check_config(config: dict) -> None:
    """Refuse what GGUF adapters cannot say, rather than export something else."""
    if config.get("peft_type") != "LORA":
        raise ExportError(f"the adapter is a {config.get('peft_type')}, not LORA")
    for option in ("use_dora", "rank_pattern", "alpha_pattern", "modules_to_save", "fan_in_fan_out", "lora_bias"):
        if config.get(option):
            raise ExportError(f"adapters with {option} cannot be written as GGUF")


def export(peft: Path, base: Path, out: Path) -> int:
    """Write `out` atomically. Returns the number of adapted matrices."""
    config = json.loads((peft / "adapter_config.json").read_text())
    check_config(config)
    alpha = float(config["lora_alpha"])
    if config.get("use_rslora"):  # its scale is alpha/√r; llama.cpp computes alpha/r
        alpha *= config["r"] ** 0.5
    with safe_open(peft / "adapter_model.safetensors", "np") as tensors:
        def matrices():
            for key in sorted(tensors.keys()):
                module, _, which = key.removeprefix("base_model.model.").removesuffix(".weight").rpartition(".lora_")
                yield module, which, tensors.get_tensor(key)

        return write(matrices(), alpha, base, out)


def write(matrices: Iterable[tuple[str, str, np.ndarray]], alpha: float, base: Path, out: Path) -> int:
    """Write (module, "A" or "B", matrix) as `out`, atomically. Returns the number of adapted matrices."""
    shape = shape_of(base)
    names = gguf.get_tensor_name_map(shape.architecture, shape.layers)
    temporary = out.with_name(out.name + ".tmp")
    writer = gguf.GGUFWriter(temporary, gguf.MODEL_ARCH_NAMES[shape.architecture])
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, alpha)

    written = set()
    for module, which, matrix in matrices:
        name = names.get_name(module)
        if name is None or which not in ("A", "B"):
            raise ExportError(f"{module}.lora_{which} has no counterpart in the base model")
        matrix = matrix.astype(np.float32)
        if which == "B":
            matrix = reorder(matrix, module, shape)
        writer.add_tensor(f"{name}.weight.lora_{which.lower()}", np.ascontiguousarray(matrix))
        written.add(name)
    if not written:
        raise ExportError("the adapter holds no LoRA matrices")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    files.publish(temporary, out)
    return len(written)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peft", type=Path, required=True, help="folder with adapter_config.json")
    parser.add_argument("--base", type=Path, required=True, help="Hugging Face folder or GGUF file")
    parser.add_argument("--out", type=Path, required=True)
    arguments = Arguments(**vars(parser.parse_args()))
    child.start()
    try:
        matrices = export(arguments.peft, arguments.base, arguments.out)
    except (ExportError, OSError, KeyError, ValueError) as error:
        child.fail("export_failed", f"{type(error).__name__}: {error}", "Check --peft and --base.")
    child.emit({"event": "done", "matrices": matrices, "bytes": arguments.out.stat().st_size,
                "sha256": files.sha256(arguments.out)})


if __name__ == "__main__":
    main()
