"""The settings of one training run, checked, and what makes two runs the same run."""

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import files
from training.failures import TrainError

SCHEDULES = ("cosine", "linear", "constant", "constant_with_warmup")
DEVICES = ("auto", "cpu", "cuda", "mps")

# Neither changes what is learned: where the files lie, and how the machine is used.
NOT_IN_THE_FINGERPRINT = {"base_model", "train", "validation", "threads", "device", "processes", "checkpoint_seconds"}


@dataclass
class Job:
    """One training run, as in job.json."""

    base_model: str  # a Hugging Face folder, or a .gguf file
    train: str  # JSONL of {"messages":[{"role","content"},…]}
    validation: str | None = None  # the same; without it there are no validation losses

    rank: int = 16
    alpha: int = 32
    dropout: float = 0.0  # of what enters the adapter
    target_modules: str | list[str] = "all-linear"  # all but the head, or names of modules
    use_rslora: bool = False  # scale alpha/√rank instead of alpha/rank (Kalajdzievski 2023)
    use_dora: bool = False  # direction and magnitude learned apart (Liu et al. 2024)

    learning_rate: float = 3e-4  # at its highest
    lr_schedule: str = "cosine"  # one of SCHEDULES
    warmup: float | None = None  # steps, or a share of them when below 1; None: 5 %, at most 20 steps
    weight_decay: float = 0.01
    max_grad_norm: float = 1.0  # 0: gradients are not clipped
    epochs: int = 2
    max_steps: int | None = None  # instead of epochs
    batch_size: int = 8  # examples of one batch
    batch_tokens: int | None = None  # instead of batch_size: tokens of one batch
    gradient_accumulation: int = 1  # batches of one step
    gradient_checkpointing: bool = False  # less memory, more time
    max_tokens: int = 1024  # of one example
    evaluate_every: int | None = None  # steps between validations; None: at the end of each epoch
    patience: int | None = None  # validations without a better loss before training ends early
    keep_best: bool = True  # the weights of the best validation, else the last ones
    seed: int = 7

    load_in_4bit: bool = False
    device: str = "auto"  # one of DEVICES
    threads: int = 2  # of all processes together
    processes: int = 1  # on this machine, each with a part of every batch
    checkpoint_seconds: float = 30.0  # at most this much work is repeated after a crash


def read(path: Path) -> Job:
    known = {field.name for field in fields(Job)}
    try:
        value = json.loads(path.read_text())
        unknown = set(value) - known
        if unknown:
            raise ValueError(f"unknown fields: {', '.join(sorted(unknown))}")
        job = Job(**value)
        check(job)
    except (OSError, ValueError, TypeError) as error:
        raise TrainError("config_invalid", f"{path.name}: {error}", f"Known fields: {', '.join(sorted(known))}.")
    return job


def check(job: Job) -> None:
    """Raises ValueError for what cannot be meant."""
    for name in ("rank", "alpha", "epochs", "batch_size", "max_tokens", "threads", "processes", "learning_rate", "gradient_accumulation"):
        if not getattr(job, name) > 0:
            raise ValueError(f"{name} must be above 0")
    for name in ("max_steps", "batch_tokens", "evaluate_every", "patience"):
        if (value := getattr(job, name)) is not None and not value > 0:
            raise ValueError(f"{name} must be above 0")
    for name in ("weight_decay", "max_grad_norm", "checkpoint_seconds", "warmup"):
        if not (getattr(job, name) or 0) >= 0:
            raise ValueError(f"{name} must not be below 0")
    if not 0 <= job.dropout < 1:
        raise ValueError("dropout must be from 0 to below 1")
    if job.lr_schedule not in SCHEDULES:
        raise ValueError(f"lr_schedule must be one of {', '.join(SCHEDULES)}")
    if job.lr_schedule == "constant" and job.warmup:
        raise ValueError("lr_schedule constant has no warmup; constant_with_warmup has")
    if job.device not in DEVICES:
        raise ValueError(f"device must be one of {', '.join(DEVICES)}")
    if job.patience and not job.validation:
        raise ValueError("patience needs validation examples")
    if isinstance(job.target_modules, list) and not job.target_modules:
        raise ValueError("target_modules must name at least one module")


def fingerprint(job: Job) -> str:
    """SHA-256 over what decides the adapter: settings, examples, and the base model.

    A checkpoint or a result belongs to a run only if this is the same. Of the base the
    configuration, and size and both ends of each weight file: its gigabytes are not read.
    """
    settings = {name: value for name, value in asdict(job).items() if name not in NOT_IN_THE_FINGERPRINT}
    parts: list[Any] = [settings, files.sha256(Path(job.train)), job.validation and files.sha256(Path(job.validation))]
    base = Path(job.base_model)
    names = [base] if base.is_file() else sorted([base / "config.json", *base.glob("*.safetensors"), *base.glob("*.bin")])
    for path in names:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(65536)
            file.seek(max(0, size - 65536))
            parts.append([path.name, size, hashlib.sha256(head + file.read()).hexdigest()])
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
