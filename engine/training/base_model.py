"""The base model of a run: found, checked, loaded.

    python engine/training/base_model.py --model model.gguf --out DIR

writes a GGUF model as the Hugging Face folder that training reads, once, and prints {"event":"done"}.
"""

import os
import sys

if not __package__:  # a script: modules are found from the engine's folder
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

import child  # first: it owns stdout

import argparse
import shutil
from pathlib import Path

import files
from training import failures
from training.failures import TrainError
from training.job import Job


def check(path: Path) -> None:
    """Before torch is imported: a wrong path is told in a moment."""
    if not (path.is_file() or (path / "config.json").is_file()):
        raise TrainError("base_model_missing", f"there is no model at {path}",
                         "Run scripts/setup.sh to fetch the default model, or check base_model.")


def pick_device(wanted: str) -> str:
    import torch

    has = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if wanted == "auto":
        return "cuda" if has["cuda"] else "mps" if has["mps"] else "cpu"
    if not has[wanted]:
        raise TrainError("device_unavailable", f"this machine has no {wanted} device", "Set device to auto.")
    return wanted


def check_four_bit(device: str) -> None:
    """bitsandbytes computes on CUDA; elsewhere 4 bits are refused rather than ignored."""
    import importlib.util

    missing = [name for name, there in (("a CUDA device", device == "cuda"),
                                        ("the package bitsandbytes", importlib.util.find_spec("bitsandbytes"))) if not there]
    if missing:
        raise TrainError("four_bit_unavailable", f"load_in_4bit needs {' and '.join(missing)}",
                         "Leave load_in_4bit out, or train on a machine with CUDA and bitsandbytes.")


def trainable_folder(path: Path) -> Path:
    """A Hugging Face folder of the model: the given one, or that of a GGUF file, converted
    once beside it (half a minute) and kept."""
    if path.is_dir():
        return path
    beside = path.parent / ("hf" if path.name == "model.gguf" else path.stem + ".hf")
    if not (beside / "config.json").is_file():
        convert(path, beside)
    return beside


def convert(gguf: Path, final: Path) -> None:
    """Write a GGUF model as a Hugging Face folder, in float16."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    temporary = final.with_name(final.name + ".tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    source = {"pretrained_model_name_or_path": str(gguf.parent), "gguf_file": gguf.name}
    model = AutoModelForCausalLM.from_pretrained(**source, dtype=torch.float32)
    # The weights are plain numbers now; a folder that still says "GGUF" would be read as one.
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.hf_quantizer = None
    # float16 halves the folder; its rounding is a hundredth of the 4-bit step already taken.
    model.to(torch.float16).save_pretrained(temporary)
    AutoTokenizer.from_pretrained(**source).save_pretrained(temporary)
    shutil.rmtree(final, ignore_errors=True)
    files.publish(temporary, final)


def load(job: Job, device: str):
    """The base model in float32 (or 4 bits) on `device`, and its tokenizer."""
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM, AutoTokenizer

    options = {"dtype": torch.float32}
    if job.load_in_4bit:
        check_four_bit(device)
        from transformers import BitsAndBytesConfig

        options = {"device_map": {"": device}, "quantization_config": BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.bfloat16, bnb_4bit_use_double_quant=True)}
    try:
        folder = trainable_folder(Path(job.base_model))
        tokenizer = AutoTokenizer.from_pretrained(folder)
        model = AutoModelForCausalLM.from_pretrained(folder, **options)
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        if getattr(error, "errno", None) is not None:  # the disk's own errors
            raise
        raise TrainError("base_model_unsupported", f"the base model cannot be loaded: {error}",
                         "Choose a causal language model that transformers and llama.cpp know.")
    return (model if job.load_in_4bit else model.to(device)), tokenizer


def with_adapter(model, job: Job, **options):
    """The model with a fresh LoRA adapter on the modules that the job names, all of which must be there: PEFT is
    content when one of them is."""
    import torch
    from peft import LoraConfig, get_peft_model

    linear = sorted({name.rpartition(".")[2] for name, module in model.named_modules() if isinstance(module, torch.nn.Linear)} - {"lm_head"})
    hint = f"Use all-linear, or some of {', '.join(linear)}."
    if isinstance(job.target_modules, list):
        names = [name for name, _ in model.named_modules()]
        unknown = [wanted for wanted in job.target_modules if not any(f".{name}".endswith(f".{wanted}") for name in names)]
        if unknown:
            raise TrainError("target_modules_unknown", f"the base model has no {', '.join(unknown)}", hint)
    try:
        return get_peft_model(model, LoraConfig(r=job.rank, target_modules=job.target_modules, task_type="CAUSAL_LM", **options))
    except ValueError as error:
        raise TrainError("target_modules_unknown", f"the base model has none of {job.target_modules}: {str(error).splitlines()[0][:200]}", hint) from error


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="a GGUF file")
    parser.add_argument("--out", type=Path, required=True, help="a folder that is not there yet")
    arguments = parser.parse_args()
    child.start()
    try:
        check(arguments.model)
        convert(arguments.model, arguments.out)
    except Exception as error:
        import traceback

        traceback.print_exc(file=sys.stderr)
        record = failures.explain(error)
        child.fail(record["code"], record["message"], record["hint"])
    child.emit({"event": "done"})


if __name__ == "__main__":
    main()
