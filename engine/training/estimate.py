"""What a training run will take, before it starts.

    python engine/training/estimate.py --config job.json [--calibration FILE]

Counts steps and tokens exactly, with the run's own functions, and prints one line:

    {"event":"done","examples","validation_examples","steps","tokens","reply_tokens","seconds",
     "peak_memory_bytes","disk_bytes","based_on","warnings":[{"code","message","hint"}]}

Time and memory come from the last run on this machine (--calibration, written by train.py), or,
where there was none, from the model's size and 100 GFLOP/s; `based_on` says which. No weights are
loaded. With exit status 1: {"event":"error","code","message","hint"}.
"""

import os
import sys

if not __package__:  # a script: modules are found from the engine's folder
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

import child  # first: it owns stdout

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training import base_model
from training import calibration
from training import job as jobs
from training.failures import TrainError, explain
from training.job import Job

ASSUMED_FLOPS = 1e11  # of two cores with AVX-512, in float32
# Values a layer keeps for the backward pass, in units of the hidden size: seen with the default model.
KEPT_VALUES = 24
KEPT_VALUES_CHECKPOINTED = 3


@dataclass
class Model:
    """What of the base model decides the cost."""

    layers: int
    hidden: int
    linear: int  # weights of all linear layers but the head
    head: int
    adapter: int  # trained weights


@dataclass
class Arguments:
    config: Path
    calibration: Path | None


def shape(job: Job, folder: Path) -> Model:
    """From the model built without weights, with PEFT's own choice of modules."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.from_pretrained(folder)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    head = model.get_output_embeddings().weight.numel()
    linear = sum(module.weight.numel() for module in model.modules() if isinstance(module, torch.nn.Linear)) - head
    with torch.device("meta"):
        model = base_model.with_adapter(model, job, use_dora=False)
    adapter = sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
    return Model(config.num_hidden_layers, config.hidden_size, linear, head, adapter)


def estimate(job: Job, calibration_file: Path | None) -> dict[str, Any]:
    from training import conversations
    from training import left_out
    from training import plan
    from training.reply_loss import TOKENS_AT_ONCE, parts
    from transformers import AutoTokenizer

    base_model.check(Path(job.base_model))
    path = Path(job.base_model)
    device = base_model.pick_device(job.device)
    warnings: list[dict[str, str]] = []
    try:
        if job.load_in_4bit:
            base_model.check_four_bit(device)
    except TrainError as error:
        warnings.append(error.record)
    folder = base_model.trainable_folder(path)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    training = conversations.load(tokenizer, Path(job.train), job.max_tokens)
    validation = conversations.load(tokenizer, Path(job.validation), job.max_tokens) if job.validation else conversations.Dataset()
    for name, dataset in (("training", training), ("held-out", validation)):
        warnings += left_out.notes(dataset, name, job.max_tokens)
    if missing := left_out.nothing_held_out(validation):
        warnings.append(missing)
    if not training.reply_tokens:
        warnings.append(left_out.nothing_left(training, job.max_tokens))

    steps = plan.steps(training.examples, job) if training.reply_tokens else []
    if unreached := left_out.not_reached(len(training.examples), steps):
        warnings.append(unreached)
    model = shape(job, folder)
    tokens = sum(len(training.examples[index].ids) for step in steps for index in step.examples)
    replies = sum(len(training.examples[index].replies) for step in steps for index in step.examples)
    validations = 1 + (len(steps) // job.evaluate_every if job.evaluate_every else sum(step.ends_epoch for step in steps))
    largest = max((sum(len(example.ids) for example in part) for step in steps
                   for part in parts([training.examples[index] for index in step.examples])), default=0)

    known = calibration.read(calibration_file).get(calibration.key(job, device, model.layers, model.hidden))
    # 2 FLOP a weight and token forwards, as much backwards to the layer's input; the head at replies alone.
    flops = 4 * model.linear * tokens + 4 * model.head * replies
    speed = known and known["tokens_per_second"]
    training_seconds = tokens / speed if speed else flops / ASSUMED_FLOPS
    validation_speed = (known or {}).get("validation_tokens_per_second") or 2 * (speed or ASSUMED_FLOPS / (4 * model.linear))
    seconds = ((known or {}).get("load_seconds", 8) + (known or {}).get("export_seconds", 3) + training_seconds * (1.35 if job.gradient_checkpointing else 1)
               + validations * validation.tokens / validation_speed)
    kept = KEPT_VALUES_CHECKPOINTED if job.gradient_checkpointing else KEPT_VALUES
    per_token = 4 * model.layers * model.hidden * kept
    if known and not job.gradient_checkpointing:
        per_token = known["bytes_per_token"]
    weights = 0.6 * (model.linear + model.head) if job.load_in_4bit else 4 * (model.linear + model.head)
    loaded = known["loaded_bytes"] if known and not job.load_in_4bit else weights + 5e8
    memory = loaded + 20 * model.adapter + per_token * min(largest, TOKENS_AT_ONCE + job.max_tokens)
    # Two checkpoints of weights, both moments and the best, and the adapter twice.
    disk = 2 * 16 * model.adapter + 8 * model.adapter
    warn_of_room(warnings, memory * job.processes, disk, Path(job.train).parent)
    return {
        "examples": len(training.examples), "validation_examples": len(validation.examples), "steps": len(steps), "tokens": tokens,
        "reply_tokens": replies, "seconds": round(seconds, 1), "peak_memory_bytes": round(memory) * job.processes, "disk_bytes": disk,
        "trained_weights": model.adapter,
        "based_on": "the last run on this machine" if known else "the model's size and 100 GFLOP/s: nothing was trained on this machine yet",
        "warnings": warnings,
    }


def warn_of_room(warnings: list, memory: float, disk: float, folder: Path) -> None:
    try:
        available = next(int(line.split()[1]) * 1024 for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemAvailable"))
        if memory > available:
            warnings.append({"code": "memory_will_not_suffice", "message": f"about {memory / 1e9:.1f} GB are needed and {available / 1e9:.1f} GB are free",
                             "hint": "Lower batch_tokens, batch_size or max_tokens, or set gradient_checkpointing."})
    except (OSError, StopIteration):
        pass
    free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
    if disk > free:
        warnings.append({"code": "disk_will_not_suffice", "message": f"about {disk / 1e6:.0f} MB are needed and {free / 1e6:.0f} MB are free",
                         "hint": "Free some space before the start."})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, required=True, help="job.json, as for train.py")
    parser.add_argument("--calibration", type=Path, help="file that train.py keeps this machine's speed in")
    arguments = Arguments(**vars(parser.parse_args()))
    child.start()
    from training import conversations

    try:
        child.emit({"event": "done"} | estimate(jobs.read(arguments.config), arguments.calibration))
    except conversations.DatasetError as error:
        child.fail("dataset_invalid", str(error), error.problems[0]["hint"])
    except conversations.TemplateError as error:
        child.fail("base_model_unsupported", str(error), "Choose another base model.")
    except Exception as error:
        record = explain(error)
        child.fail(record["code"], record["message"], record["hint"])


if __name__ == "__main__":
    main()
