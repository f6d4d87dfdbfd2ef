"""Train a LoRA adapter on the assistant's replies in a set of conversations.

    python engine/train.py --config job.json --out DIR

job.json holds the fields of `Job` below. Progress goes to stdout, one JSON object
a line (events: loading, warning, baseline, started, progress, validation,
exporting, failed). DIR receives peft/ (adapter_config.json,
adapter_model.safetensors), adapter.gguf for llama.cpp, and last of all exit.json:
the only proof that the job is done. The exit status is 0 only when exit.json says
"completed".

Losses are the mean negative log-likelihood of a reply token, in nats. With the
same seed, threads and machine a CPU run repeats exactly.
"""

import child  # first: sets the environment that torch reads

import argparse
import errno
import json
import math
import os
import shutil
import sys
import time
from collections import deque
from dataclasses import dataclass, fields
from pathlib import Path

import files


@dataclass
class Job:
    """One training run, as in job.json."""

    base_model: str  # a Hugging Face folder, or a .gguf file
    train: str  # JSONL of {"messages":[{"role","content"},…]}
    validation: str | None = None  # the same; without it there are no validation losses
    rank: int = 16
    alpha: int = 32
    dropout: float = 0.0
    target_modules: str | list[str] = "all-linear"  # all but the head
    learning_rate: float = 3e-4
    epochs: int = 2
    batch_size: int = 8
    max_tokens: int = 1024  # of one example
    seed: int = 7
    threads: int = 2
    device: str = "auto"


class TrainError(Exception):
    """A failure that the user can act on."""

    def __init__(self, code: str, message: str, hint: str, **extra):
        super().__init__(message)
        self.record = {"code": code, "message": message, "hint": hint, **extra}


def read_job(path: Path) -> Job:
    known = {field.name for field in fields(Job)}
    try:
        value = json.loads(path.read_text())
        unknown = set(value) - known
        if unknown:
            raise ValueError(f"unknown fields: {', '.join(sorted(unknown))}")
        job = Job(**value)
        for name in ("rank", "alpha", "epochs", "batch_size", "max_tokens", "threads", "learning_rate"):
            if not getattr(job, name) > 0:
                raise ValueError(f"{name} must be above 0")
    except (OSError, ValueError, TypeError) as error:
        raise TrainError("config_invalid", f"{path.name}: {error}", f"Known fields: {', '.join(sorted(known))}.")
    return job


def pick_device(wanted: str) -> str:
    import torch

    if wanted != "auto":
        return wanted
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def check_base(path: Path) -> None:
    """Before torch is imported: a wrong path is told in a moment."""
    if not (path.is_file() or (path / "config.json").is_file()):
        raise TrainError("base_model_missing", f"there is no model at {path}",
                         "Run scripts/setup.sh to fetch the default model, or check base_model.")


def load_base(job: Job):
    """The base model and its tokenizer, in float32."""
    path = Path(job.base_model)
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    source = {"pretrained_model_name_or_path": str(path)}
    if path.is_file():
        source = {"pretrained_model_name_or_path": str(path.parent), "gguf_file": path.name}
    tokenizer = AutoTokenizer.from_pretrained(**source)
    model = AutoModelForCausalLM.from_pretrained(**source, dtype=torch.float32)
    return model.to(pick_device(job.device)), tokenizer


def load_datasets(job: Job, tokenizer):
    """Training and validation examples; warns about what was cut or dropped."""
    import conversations

    loaded = []
    for path in (job.train, job.validation):
        if not path:
            loaded.append(conversations.Dataset())
            continue
        try:
            dataset = conversations.load(tokenizer, Path(path), job.max_tokens)
        except conversations.DatasetError as error:
            raise TrainError("dataset_invalid", str(error), error.problems[0]["hint"], file=Path(path).name,
                             line=error.problems[0]["line"], details=error.problems)
        except conversations.TemplateError as error:
            raise TrainError("base_model_unsupported", str(error), "Choose another base model.")
        except OSError as error:
            raise TrainError("dataset_missing", f"{path}: {error.strerror}", "Upload the dataset again.")
        warn(Path(path).name, dataset, job.max_tokens)
        loaded.append(dataset)
    training, validation = loaded
    if not training.reply_tokens:
        raise TrainError("no_reply_tokens", "no training example has a reply of the assistant's to learn from",
                         'Each example needs a message with "role":"assistant" and some content, after a user\'s.')
    return training, validation


def warn(name: str, dataset, max_tokens: int) -> None:
    texts = {
        "no_reply": "examples of {} have no reply of the assistant's and were left out",
        "reply_too_long": f"examples of {{}} have a last reply longer than {max_tokens} tokens and were left out",
    }
    for reason, count in dataset.dropped.items():
        child.emit({"event": "warning", "code": reason, "count": count,
                    "message": f"{count} {texts[reason].format(name)}"})
    if dataset.cut:
        child.emit({"event": "warning", "code": "prompt_cut", "count": dataset.cut,
                    "message": f"{dataset.cut} prompts of {name} were cut from the left to {max_tokens} tokens"})


def evaluate(model, dataset, report=lambda done: None) -> float | None:
    """Mean loss per reply token; None without examples."""
    import torch
    from reply_loss import parts, summed_loss

    if not dataset.examples:
        return None
    model.eval()
    total, done = 0.0, 0
    with torch.inference_mode():
        for part in parts(dataset.examples):
            total += summed_loss(model, part).item()
            done += len(part)
            report(done)
    return finite(total / dataset.reply_tokens, "validation")


def finite(loss: float, where: str) -> float:
    if not math.isfinite(loss):
        raise TrainError("nan_loss", f"the loss became {loss} ({where})",
                         "Lower learning_rate, or look for broken examples in the dataset.")
    return loss


def learning_rate_factor(step: int, steps: int) -> float:
    """Linear warm-up over 5 % of the steps, at most 20, then a cosine to 0."""
    warm_up = min(20, max(1, round(steps * 0.05)))
    if step < warm_up:
        return (step + 1) / (warm_up + 1)
    return 0.5 * (1 + math.cos(math.pi * (step - warm_up) / max(1, steps - warm_up)))


class Clock:
    """Measured speed, and from it the time left."""

    def __init__(self, tokens_total: int, validations: int, validation_seconds: float):
        self.tokens_total = tokens_total
        self.validations, self.validation_seconds = validations, validation_seconds
        self.tokens = 0
        self.recent: deque[tuple[int, float]] = deque(maxlen=20)

    def step(self, tokens: int, seconds: float) -> None:
        self.tokens += tokens
        self.recent.append((tokens, seconds))

    @property
    def tokens_per_second(self) -> float:
        return sum(tokens for tokens, _ in self.recent) / sum(seconds for _, seconds in self.recent)

    @property
    def seconds_left(self) -> float:
        left = (self.tokens_total - self.tokens) / self.tokens_per_second
        return left + self.validations * self.validation_seconds


def optimise(job: Job, model, training, validation, clock: Clock, steps: int) -> tuple[float, float | None]:
    """Train in place. Returns the last epoch's training loss and the validation loss."""
    import torch
    from conversations import batches
    from reply_loss import parts, summed_loss

    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimiser = torch.optim.AdamW(weights, lr=job.learning_rate)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: learning_rate_factor(step, steps))
    step, epoch_loss, validation_loss = 0, 0.0, None
    for epoch in range(1, job.epochs + 1):
        model.train()
        epoch_loss = 0.0
        for batch in batches(training.examples, job.batch_size, job.seed * 1000 + epoch):
            began = time.monotonic()
            reply_tokens = sum(len(example.replies) for example in batch)
            loss = 0.0
            for part in parts(batch):
                part_loss = summed_loss(model, part) / reply_tokens
                loss += finite(part_loss.item(), f"step {step + 1}")
                part_loss.backward()
            norm = torch.nn.utils.clip_grad_norm_(weights, 1.0)
            finite(norm.item(), f"gradient of step {step + 1}")
            learning_rate = schedule.get_last_lr()[0]
            optimiser.step()
            schedule.step()
            optimiser.zero_grad(set_to_none=True)
            step += 1
            epoch_loss += loss * reply_tokens
            clock.step(sum(len(example.ids) for example in batch), max(time.monotonic() - began, 1e-6))
            child.emit({
                "event": "progress", "step": step, "steps": steps, "epoch": epoch, "tokens": clock.tokens,
                "tokens_total": clock.tokens_total, "loss": round(loss, 5), "learning_rate": learning_rate,
                "tokens_per_second": round(clock.tokens_per_second, 1),
                "seconds_left": round(clock.seconds_left, 1),
            })
        if validation.examples:
            validation_loss = evaluate(model, validation)
            child.emit({"event": "validation", "step": step, "loss": validation_loss})
        clock.validations -= 1
    return epoch_loss / training.reply_tokens, validation_loss


def save(model, job: Job, out: Path) -> str:
    """Write peft/ and adapter.gguf, each at once. Returns the SHA-256 of the latter."""
    import export_gguf

    child.emit({"event": "exporting"})
    temporary = out / "peft.tmp"
    shutil.rmtree(temporary, ignore_errors=True)
    # The model's name, not this machine's path to it, belongs into a file that travels.
    base = Path(job.base_model).resolve()
    model.peft_config["default"].base_model_name_or_path = (base.parent if base.name == "hf" else base).name
    model.save_pretrained(temporary, save_embedding_layers=False)
    (temporary / "README.md").unlink(missing_ok=True)  # an empty model card
    shutil.rmtree(out / "peft", ignore_errors=True)
    files.publish(temporary, out / "peft")
    try:
        export_gguf.export(out / "peft", base, out / "adapter.gguf")
    except (export_gguf.ExportError, KeyError, ValueError) as error:
        raise TrainError("export_failed", f"the adapter could not be written as GGUF: {error}",
                         "The PEFT adapter is kept in peft/; choose a base model llama.cpp can serve.")
    return files.sha256(out / "adapter.gguf")


def run(job: Job, out: Path) -> dict:
    """The whole job; returns what exit.json says."""
    began = time.monotonic()
    child.emit({"event": "loading"})
    check_base(Path(job.base_model))
    if hasattr(os, "setpriority"):
        # Below the answers somebody is waiting for.
        os.setpriority(os.PRIO_PROCESS, 0, max(10, os.getpriority(os.PRIO_PROCESS, 0)))
    import torch
    from peft import LoraConfig, get_peft_model

    torch.set_num_threads(job.threads)
    torch.manual_seed(job.seed)
    torch.use_deterministic_algorithms(True, warn_only=True)
    model, tokenizer = load_base(job)
    training, validation = load_datasets(job, tokenizer)

    count = len(validation.examples)
    validation_began = time.monotonic()
    base_loss = evaluate(model, validation,
                         lambda done: child.emit({"event": "baseline", "done": done, "of": count}))
    validation_seconds = time.monotonic() - validation_began if count else 0.0

    peft_model = get_peft_model(model, LoraConfig(
        r=job.rank, lora_alpha=job.alpha, lora_dropout=job.dropout, target_modules=job.target_modules,
        bias="none", task_type="CAUSAL_LM"))
    steps = math.ceil(len(training.examples) / job.batch_size) * job.epochs
    tokens_total = training.tokens * job.epochs
    child.emit({"event": "started", "examples": len(training.examples), "validation_examples": count,
                "steps": steps, "tokens_total": tokens_total, "reply_tokens": training.reply_tokens,
                "base_validation_loss": base_loss})
    # LoRA layers sit inside the plain model, which is therefore what is trained.
    clock = Clock(tokens_total, job.epochs, validation_seconds)
    train_loss, validation_loss = optimise(job, peft_model.get_base_model(), training, validation, clock, steps)
    digest = save(peft_model, job, out)
    return {
        "status": "completed", "train_loss": train_loss, "validation_loss": validation_loss,
        "base_validation_loss": base_loss, "reply_tokens": training.reply_tokens, "steps": steps,
        "seconds": round(time.monotonic() - began, 3), "sha256": digest, "rank": job.rank,
        "base_model": job.base_model,
    }


def explain(error: BaseException) -> dict:
    """Any failure as {"code","message","hint"}."""
    if isinstance(error, TrainError):
        return error.record
    text = f"{type(error).__name__}: {error}"
    lower = text.lower()
    if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or "no space left" in lower:
        return {"code": "disk_full", "message": "the disk is full", "hint": "Free some space and start the job again."}
    if isinstance(error, MemoryError) or "out of memory" in lower or "allocate memory" in lower:
        return {"code": "out_of_memory", "message": text,
                "hint": "Lower batch_size or max_tokens, or train on a machine with more memory."}
    return {"code": "internal", "message": text, "hint": "The log on stderr has the details; please report it."}


def fail(out: Path, record: dict) -> None:
    """Leave the failure where the parent finds it, even on a full disk."""
    child.emit({"event": "failed", "error": record})
    for leftover in ("peft.tmp", "adapter.gguf.tmp"):
        path = out / leftover
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    files.write_json(out / "exit.json", {"status": "failed", "error": record})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, required=True, help="job.json")
    parser.add_argument("--out", type=Path, required=True, help="folder of the results")
    arguments = parser.parse_args()
    child.start()
    out: Path = arguments.out
    exit_file = out / "exit.json"

    def stopped(reason: str) -> None:
        if reason == "terminated" and not exit_file.exists():
            files.write_json(exit_file, {"status": "failed", "error": {
                "code": "stopped", "message": "the job was stopped", "hint": "Start it again when you like."}})

    try:
        out.mkdir(parents=True, exist_ok=True)
        exit_file.unlink(missing_ok=True)  # an earlier attempt's result is not ours
        child.on_end(stopped)
        files.write_json(exit_file, run(read_job(arguments.config), out))
    except BaseException as error:
        import traceback

        traceback.print_exc(file=sys.stderr)
        fail(out, explain(error))
        child.end("failed", 1)
    child.end("done", 0)  # at once: torch takes seconds to take itself down


if __name__ == "__main__":
    main()
