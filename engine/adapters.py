"""Take adapters in and give them out.

    python engine/adapters.py import --file adapter.zip --base MODEL --out DIR     a PEFT folder as zip, or a GGUF adapter
    python engine/adapters.py pack   --peft DIR --out adapter.zip
    python engine/adapters.py merge  --peft DIR --base MODEL --out merged.zip      a Hugging Face folder as zip
    python engine/adapters.py merge-gguf --adapter adapter.gguf --base model.gguf --out merged.gguf

`import` checks what it is given against the base model, matrix by matrix, and writes DIR/peft and
DIR/adapter.gguf. Nothing in the file is run: weights are read from safetensors and GGUF alone. Each
prints one line, {"event":"done",…}, or with exit status 1 {"event":"error","code","message","hint"}.
"""

import child  # first: it owns stdout
import confine

import argparse
import json
import shutil
import sys
import zipfile
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    child.hold_signals()  # numpy starts threads when it is imported

import gguf
import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

import base_model
import export_gguf
import files
from failures import TrainError, explain

MAX_CONFIG_BYTES = 1 << 20
MAX_WEIGHTS_BYTES = 4 << 30
CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


def refused(message: str, hint: str = "Send a LoRA adapter of this base model: a zip of PEFT's folder, or a GGUF adapter.") -> TrainError:
    return TrainError("adapter_invalid", message, hint)


# in


class Adapter:
    """Matrices by module of the Hugging Face model, A [r, in] and B [out, r], and what scales them."""

    def __init__(self, rank: int, alpha: float, matrices: dict[str, dict[str, np.ndarray]], use_rslora: bool = False):
        self.rank, self.alpha, self.matrices, self.use_rslora = rank, alpha, matrices, use_rslora


def read_peft(path: Path, folder: Path) -> Adapter:
    """From a zip with adapter_config.json and adapter_model.safetensors, at its top or in one folder."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = {}
            for name, limit in ((CONFIG, MAX_CONFIG_BYTES), (WEIGHTS, MAX_WEIGHTS_BYTES)):
                found = [member for member in archive.infolist() if member.filename.rpartition("/")[2] == name and not member.is_dir()]
                if len(found) != 1:
                    raise refused(f"the archive holds {len(found)} files named {name}; one is needed")
                if found[0].file_size > limit:
                    raise refused(f"{name} has {found[0].file_size} bytes; at most {limit} are read")
                members[name] = folder / name
                with archive.open(found[0]) as source, members[name].open("wb") as target:
                    shutil.copyfileobj(source, target, 1 << 20)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise refused(f"the archive cannot be read: {error}")
    try:
        config = json.loads(members[CONFIG].read_text())
        export_gguf.check_config(config)
        rank, alpha = int(config["r"]), float(config["lora_alpha"])
        matrices: dict[str, dict[str, np.ndarray]] = {}
        with safe_open(members[WEIGHTS], "np") as tensors:
            for key in tensors.keys():
                module, _, which = key.removeprefix("base_model.model.").removesuffix(".weight").rpartition(".lora_")
                if which not in ("A", "B"):
                    raise refused(f"{key} is no matrix of a LoRA adapter")
                matrices.setdefault(module, {})[which] = tensors.get_tensor(key).astype(np.float32)
    except export_gguf.ExportError as error:
        raise refused(str(error), "Adapters of other kinds cannot be served by llama.cpp.")
    except (ValueError, KeyError, TypeError, UnicodeDecodeError, SafetensorError) as error:
        raise refused(f"the adapter cannot be read: {type(error).__name__}: {error}")
    return Adapter(rank, alpha, matrices, bool(config.get("use_rslora")))


def read_gguf(path: Path, base: Path, shapes: dict[str, list[int]]) -> Adapter:
    """From llama.cpp's form: names and row orders are turned back."""
    shape = export_gguf.shape_of(base)
    names = gguf.get_tensor_name_map(shape.architecture, shape.layers)
    modules = {names.get_name(module): module for module in shapes}
    try:
        reader = gguf.GGUFReader(path)
        fields = {name: field.contents() if (field := reader.get_field(name)) else None for name in (
            "general.type", "general.architecture", "adapter.type", "adapter.lora.alpha")}
        if fields["general.type"] != "adapter" or fields["adapter.type"] != "lora":
            raise refused("the GGUF file is not a LoRA adapter")
        if fields["general.architecture"] != gguf.MODEL_ARCH_NAMES[shape.architecture]:
            raise refused(f"the adapter is for a {fields['general.architecture']}, the base model is a {gguf.MODEL_ARCH_NAMES[shape.architecture]}")
        matrices: dict[str, dict[str, np.ndarray]] = {}
        for tensor in reader.tensors:
            name, _, which = tensor.name.removesuffix(".weight").rpartition(".weight.lora_")
            if which not in ("a", "b") or name not in modules:
                raise refused(f"{tensor.name} has no counterpart in the base model")
            matrix = gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
            if which == "b":
                matrix = export_gguf.reorder(matrix, modules[name], shape, back=True)
            matrices.setdefault(modules[name], {})[which.upper()] = np.ascontiguousarray(matrix)
    except (ValueError, KeyError, IndexError, OverflowError, UnicodeDecodeError) as error:
        raise refused(f"the GGUF file cannot be read: {type(error).__name__}: {error}")
    if not matrices:
        raise refused("the adapter holds no matrices")
    rank = next(iter(matrices.values())).get("A", np.empty((0, 0))).shape[0]
    return Adapter(rank, float(fields["adapter.lora.alpha"] or rank), matrices)


def shapes_of(folder: Path) -> dict[str, list[int]]:
    """[out, in] of every matrix of a Hugging Face folder, by module."""
    shapes = {}
    for path in folder.glob("*.safetensors"):
        with safe_open(path, "np") as tensors:
            for key in tensors.keys():
                size = tensors.get_slice(key).get_shape()
                if key.endswith(".weight") and len(size) == 2:
                    shapes[key.removesuffix(".weight")] = size
    return shapes


def check(adapter: Adapter, shapes: dict[str, list[int]]) -> None:
    if adapter.rank < 1 or not np.isfinite(adapter.alpha):
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
        if not all(np.isfinite(matrix).all() for matrix in pair.values()):
            raise refused(f"{module} holds values that are no numbers")


def take(path: Path, base: Path, out: Path) -> dict[str, Any]:
    """Write `out`/peft and `out`/adapter.gguf from what is in `path`."""
    base_model.check(base)
    folder = base_model.trainable_folder(base)
    shapes = shapes_of(folder)
    out.mkdir(parents=True, exist_ok=True)
    with path.open("rb") as file:
        magic = file.read(4)
    if magic == b"GGUF":
        adapter = read_gguf(path, folder, shapes)
    elif magic[:2] == b"PK":
        incoming = out / "incoming"
        incoming.mkdir(exist_ok=True)
        adapter = read_peft(path, incoming)
        shutil.rmtree(incoming)
    else:
        raise refused("the file is neither a zip archive nor GGUF")
    check(adapter, shapes)

    name = (folder.parent if folder.name == "hf" else folder).name
    temporary = out / "peft.tmp"
    temporary.mkdir(exist_ok=True)
    # Written anew, so that only what was checked is kept.
    save_file({f"base_model.model.{module}.lora_{which}.weight": matrix for module, pair in adapter.matrices.items() for which, matrix in pair.items()},
              temporary / WEIGHTS, metadata={"format": "pt"})
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
        child.fail("too_much_memory", f"the {arguments.command} of the adapter takes more than {confine.memory_words()}",
                   "Send an adapter of a lower rank, or ask the operator for a higher limit (ATELIER_WORKER_MEMORY_MB).")
    except Exception as error:
        import traceback

        traceback.print_exc(file=sys.stderr)
        record = explain(error)
        child.fail(record["code"], record["message"], record["hint"])
    child.emit({"event": "done"} | result)


if __name__ == "__main__":
    main()
