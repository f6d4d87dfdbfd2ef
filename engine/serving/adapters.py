"""Take adapters in and give them out.

    python engine/serving/adapters.py import --file adapter.zip --base MODEL --out DIR     a PEFT folder as zip, or a GGUF adapter
    python engine/serving/adapters.py pack   --peft DIR --out adapter.zip
    python engine/serving/adapters.py merge  --peft DIR --base MODEL --out merged.zip      a Hugging Face folder as zip
    python engine/serving/adapters.py merge-gguf --adapter adapter.gguf --base model.gguf --out merged.gguf

`import` checks what it is given against the base model, matrix by matrix, and writes DIR/peft and
DIR/adapter.gguf anew. Nothing in the file is run: weights are read from safetensors and GGUF alone, as bytes
whose place and size were checked (tensors.py). Each
prints one line, {"event":"done",…}, or with exit status 1 {"event":"error","code","message","hint"}.
"""

import os
import sys

if not __package__:  # a script: modules are found from the engine's folder
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

import child  # first: it owns stdout
import confine

import argparse
import json
import shutil
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    child.hold_signals()  # numpy starts threads when it is imported

import gguf
import numpy as np

import files
from documents import extract
from serving import export_gguf
from serving import tensors
from serving.tensors import Tensor, TensorError
from training import base_model
from training.failures import TrainError, explain

MAX_CONFIG_BYTES = 1 << 20
MAX_RANK = 1024
MAX_MEMBERS = 1000  # of a zip; PEFT's folder has two or three
CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


def refused(message: str, hint: str = "Send a LoRA adapter of this base model: a zip of PEFT's folder, or a GGUF adapter.") -> TrainError:
    return TrainError("adapter_invalid", message, hint)


# in


@dataclass
class Adapter:
    """Where the matrices lie, by module of the Hugging Face model, A [r, in] and B [out, r], and what scales them."""

    rank: int
    alpha: float
    matrices: dict[str, dict[str, Tensor]]
    use_rslora: bool = False
    # Puts the rows of a module's B in the order of Hugging Face.
    restore: Callable[[np.ndarray, str], np.ndarray] = lambda matrix, _: matrix

    def matrix(self, module: str, which: str) -> np.ndarray:
        """Read when its turn comes, so that one at a time is in memory."""
        matrix = self.matrices[module][which].read()
        if not np.isfinite(matrix).all():
            raise refused(f"{module} holds values that are no numbers")
        return self.restore(matrix, module) if which == "B" else matrix


def most_bytes(rank: int, shapes: dict[str, list[int]]) -> int:
    """Of an adapter's weights in float32, where it adapts every matrix of the base, with its header."""
    return 4 * rank * sum(out + into for out, into in shapes.values()) + 8 + tensors.MAX_HEADER


def unpack(archive: zipfile.ZipFile, name: str, target: Path, limit: int, packed: int) -> None:
    """The one member with this name, whatever its folder, parted by slashes or as Windows does. It is counted while it is written, whatever it claims.

    `packed` is the size of the whole archive.
    """
    found = [member for member in archive.infolist() if member.filename.replace("\\", "/").rpartition("/")[2] == name and not member.is_dir()]
    if len(found) != 1:
        raise refused(f"the archive holds {len(found)} files named {name}; one is needed")
    limit = min(limit, max(extract.RATIO_FROM, extract.MAX_RATIO * min(packed, found[0].compress_size)))
    written = 0
    with archive.open(found[0]) as source, target.open("wb") as file:
        while block := source.read(1 << 18):
            written += len(block)
            if written > limit:
                raise refused(f"{name} unpacks to more than the {limit} bytes that it can have, as packed and for this base model: is it of another?")
            file.write(block)


def whole_number(config: dict[str, Any], name: str) -> int:
    if not isinstance(config.get(name), int) or isinstance(config[name], bool):
        raise refused(f"{CONFIG} cannot be read: {name} is {config.get(name)!r:.40}")
    return config[name]


def read_peft(path: Path, folder: Path, shapes: dict[str, list[int]]) -> Adapter:
    """From a zip with adapter_config.json and adapter_model.safetensors, at its top or in one folder."""
    try:
        extract.check_zip_directory(path, MAX_MEMBERS)
        packed = path.stat().st_size
        with zipfile.ZipFile(path) as archive:
            unpack(archive, CONFIG, folder / CONFIG, MAX_CONFIG_BYTES, packed)
            config = json.loads((folder / CONFIG).read_text("utf-8"))
            if not isinstance(config, dict):
                raise refused(f"{CONFIG} cannot be read: it is no object")
            export_gguf.check_config(config)
            rank = whole_number(config, "r")
            if not 1 <= rank <= MAX_RANK:
                raise refused(f"the adapter has rank {rank}; 1 to {MAX_RANK} are taken")
            if not isinstance(config.get("lora_alpha"), (int, float)) or isinstance(config["lora_alpha"], bool):
                raise refused(f"{CONFIG} cannot be read: lora_alpha is {config.get('lora_alpha')!r:.40}")
            unpack(archive, WEIGHTS, folder / WEIGHTS, most_bytes(rank, shapes), packed)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, extract.ArchiveError) as error:
        raise refused(f"the archive cannot be read: {error}")
    except export_gguf.ExportError as error:
        raise refused(str(error), "Adapters of other kinds cannot be served by llama.cpp.")
    except ValueError as error:  # JSON and UTF-8
        raise refused(f"{CONFIG} cannot be read: {error!s:.200}")
    matrices: dict[str, dict[str, Tensor]] = {}
    for key, tensor in tensors.read_safetensors(folder / WEIGHTS).items():
        module, _, which = key.removeprefix("base_model.model.").removesuffix(".weight").rpartition(".lora_")
        if which not in ("A", "B"):
            raise refused(f"{key} is no matrix of a LoRA adapter")
        matrices.setdefault(module, {})[which] = tensor
    return Adapter(rank, float(config["lora_alpha"]), matrices, config.get("use_rslora") is True)


def read_gguf(path: Path, base: Path, shapes: dict[str, list[int]]) -> Adapter:
    """From llama.cpp's form: names and row orders are turned back."""
    shape = export_gguf.shape_of(base)
    names = gguf.get_tensor_name_map(shape.architecture, shape.layers)
    modules = {names.get_name(module): module for module in shapes}
    metadata, found = tensors.read_gguf(path)
    if metadata.get("general.type") != "adapter" or metadata.get("adapter.type") != "lora":
        raise refused("the GGUF file is not a LoRA adapter")
    wanted = gguf.MODEL_ARCH_NAMES[shape.architecture]
    if metadata.get("general.architecture") != wanted:
        raise refused(f"the adapter is for a {metadata.get('general.architecture')!r:.60}, the base model is a {wanted}")
    matrices: dict[str, dict[str, Tensor]] = {}
    for tensor in found.values():
        name, _, which = tensor.name.removesuffix(".weight").rpartition(".weight.lora_")
        if which not in ("a", "b") or name not in modules:
            raise refused(f"{tensor.name} has no counterpart in the base model")
        matrices.setdefault(modules[name], {})[which.upper()] = tensor
    first = next(iter(matrices.values()), {}).get("A")
    rank = first.shape[0] if first else 0
    alpha = metadata.get("adapter.lora.alpha", rank)
    if not isinstance(alpha, (int, float)) or isinstance(alpha, bool):
        raise refused(f"the GGUF file cannot be read: its alpha is {alpha!r:.40}")
    return Adapter(rank, float(alpha) or float(rank), matrices, restore=lambda matrix, module: np.ascontiguousarray(
        export_gguf.reorder(matrix, module, shape, back=True)))


def shapes_of(folder: Path) -> dict[str, list[int]]:
    """[out, in] of every matrix of a Hugging Face folder, by module."""
    shapes = {}
    for path in folder.glob("*.safetensors"):
        # The header alone: a library would map the whole file, which may be larger than the memory allowed.
        with path.open("rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        for key, entry in header.items():
            if key.endswith(".weight") and len(entry["shape"]) == 2:
                shapes[key.removesuffix(".weight")] = entry["shape"]
    return shapes


def check(adapter: Adapter, shapes: dict[str, list[int]]) -> None:
    """Names and shapes against the base, before a single value is read."""
    if not adapter.matrices:
        raise refused("the adapter holds no matrices")
    if not 1 <= adapter.rank <= MAX_RANK or not np.isfinite(adapter.alpha) or abs(adapter.alpha) > 1e6:
        raise refused(f"rank {adapter.rank} and alpha {adapter.alpha} make no adapter")
    for module, pair in adapter.matrices.items():
        if module not in shapes:
            raise refused(f"the base model has no {module}")
        if set(pair) != {"A", "B"}:
            raise refused(f"{module} has only one of its two matrices")
        out, into = shapes[module]
        if pair["A"].shape != (adapter.rank, into) or pair["B"].shape != (out, adapter.rank):
            raise refused(f"{module}: A is {list(pair['A'].shape)} and B {list(pair['B'].shape)}; for this base at rank {adapter.rank} they must be "
                          f"{[adapter.rank, into]} and {[out, adapter.rank]}")


def take(path: Path, base: Path, out: Path) -> dict[str, Any]:
    """Write `out`/peft and `out`/adapter.gguf from what is in `path`."""
    base_model.check(base)
    folder = base_model.trainable_folder(base)
    shapes = shapes_of(folder)
    out.mkdir(parents=True, exist_ok=True)
    with path.open("rb") as file:
        magic = file.read(4)
    incoming, temporary = out / "incoming", out / "peft.tmp"
    name = (folder.parent if folder.name == "hf" else folder).name
    try:
        incoming.mkdir(exist_ok=True)
        if magic == b"GGUF":
            adapter = read_gguf(path, folder, shapes)
        elif magic[:2] == b"PK":
            adapter = read_peft(path, incoming, shapes)
        else:
            raise refused("the file is neither a zip archive nor GGUF")
        check(adapter, shapes)
        # Written anew, so that only what was checked is kept.
        temporary.mkdir(exist_ok=True)
        places = {f"base_model.model.{module}.lora_{which}.weight": (module, which) for module in adapter.matrices for which in "AB"}
        tensors.write_safetensors(
            temporary / WEIGHTS, {key: adapter.matrices[module][which].shape for key, (module, which) in places.items()},
            lambda key: adapter.matrix(*places[key]))
    except (TensorError, NotImplementedError) as error:
        raise refused(f"the adapter cannot be read: {error}")
    finally:
        shutil.rmtree(incoming, ignore_errors=True)
    alpha = int(adapter.alpha) if adapter.alpha == int(adapter.alpha) else adapter.alpha
    files.write_json(temporary / CONFIG, {
        "peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": name, "r": adapter.rank, "lora_alpha": alpha, "lora_dropout": 0.0,
        "bias": "none", "use_rslora": adapter.use_rslora, "use_dora": False, "fan_in_fan_out": False, "inference_mode": True,
        "target_modules": sorted({module.rpartition(".")[2] for module in adapter.matrices})})
    shutil.rmtree(out / "peft", ignore_errors=True)
    files.publish(temporary, out / "peft")
    try:
        export_gguf.export(out / "peft", folder, out / "adapter.gguf")
    except export_gguf.ExportError as error:
        raise refused(str(error))
    return {"rank": adapter.rank, "alpha": adapter.alpha, "matrices": 2 * len(adapter.matrices), "base_model": name,
            "bytes": (out / "adapter.gguf").stat().st_size, "sha256": files.sha256(out / "adapter.gguf")}


# out


def archive(folder: Path, out: Path) -> dict[str, Any]:
    """A folder as a zip: not compressed (weights do not shrink) and the same bytes each time."""
    temporary = out.with_name(out.name + ".tmp")
    with zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as target:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                entry = zipfile.ZipInfo(str(path.relative_to(folder)))  # of 1980, readable by its owner
                entry.external_attr = 0o600 << 16
                with path.open("rb") as source, target.open(entry, "w", force_zip64=True) as sink:
                    shutil.copyfileobj(source, sink, 1 << 20)
    files.publish(temporary, out)
    return {"bytes": out.stat().st_size}


def merge(peft: Path, base: Path, out: Path) -> dict[str, Any]:
    """The base with the adapter in its weights, float16, as a zip of a Hugging Face folder."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = base_model.trainable_folder(base)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    merged = PeftModel.from_pretrained(model, peft).merge_and_unload(safe_merge=True)
    temporary = out.with_name(out.name + ".folder")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        merged.to(torch.float16).save_pretrained(temporary)
        AutoTokenizer.from_pretrained(folder).save_pretrained(temporary)
        return archive(temporary, out)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def merge_gguf(adapter: Path, base: Path, out: Path) -> dict[str, Any]:
    """The base's GGUF file with the adapter in its weights: what the adapter touches in float16, all else as it was."""
    reader = gguf.GGUFReader(adapter)
    alpha = float(reader.get_field("adapter.lora.alpha").contents())
    matrices = {tensor.name: gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32) for tensor in reader.tensors}
    source = gguf.GGUFReader(base)
    temporary = out.with_name(out.name + ".tmp")
    writer = gguf.GGUFWriter(temporary, source.get_field("general.architecture").contents())
    for name, field in source.fields.items():
        if name.startswith("GGUF.") or name in ("general.architecture", "general.file_type", "general.quantization_version"):
            continue
        writer.add_key_value(name, field.contents(), field.types[0], field.types[-1] if len(field.types) > 1 else None)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    used = 0
    for tensor in source.tensors:
        low = matrices.get(f"{tensor.name}.lora_a")
        if low is None:
            writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
            continue
        high = matrices[f"{tensor.name}.lora_b"]
        weight = gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32) + alpha / low.shape[0] * (high @ low)
        writer.add_tensor(tensor.name, weight.astype(np.float16))
        used += 2
    if used != len(matrices):
        raise refused(f"{len(matrices) - used} matrices of the adapter have no counterpart in the base model")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    files.publish(temporary, out)
    return {"bytes": out.stat().st_size}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, options in {"import": ("file", "base", "out"), "pack": ("peft", "out"), "merge": ("peft", "base", "out"),
                          "merge-gguf": ("adapter", "base", "out")}.items():
        command = commands.add_parser(name)
        for option in options:
            command.add_argument(f"--{option}", type=Path, required=True)
    arguments = parser.parse_args()
    child.start()
    try:
        result = {
            "import": lambda: take(arguments.file, arguments.base, arguments.out), "pack": lambda: archive(arguments.peft, arguments.out),
            "merge": lambda: merge(arguments.peft, arguments.base, arguments.out),
            "merge-gguf": lambda: merge_gguf(arguments.adapter, arguments.base, arguments.out)}[arguments.command]()
    except MemoryError:
        words = f"the {arguments.command} of the adapter takes more than {confine.memory_words()}"
        hint = "Send an adapter of a lower rank, or ask the operator for a higher limit (ATELIER_WORKER_MEMORY_MB)."
        if arguments.command == "import":  # Somebody's file; what is given out was taken before.
            child.fail("adapter_invalid", words, hint)
        child.fail("too_much_memory", words, hint)
    except Exception as error:
        import traceback

        traceback.print_exc(file=sys.stderr)
        record = explain(error)
        child.fail(record["code"], record["message"], record["hint"])
    child.emit({"event": "done"} | result)


if __name__ == "__main__":
    main()
