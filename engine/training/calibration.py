"""How fast this machine trained last, and how much memory that took: what an estimate stands on.

One JSON object by base model, device and threads; written at the end of each run.
"""

import json
from pathlib import Path
from typing import Any

import files
from training.job import Job


def key(job: Job, device: str, layers: int, hidden: int) -> str:
    return f"{layers}x{hidden} {device} {job.threads}"


def read(path: Path | None) -> dict[str, Any]:
    try:
        return json.loads(path.read_text()) if path else {}
    except (OSError, ValueError):
        return {}


def remember(path: Path, job: Job, device: str, run, record: dict[str, Any]) -> None:
    """Keep what the run measured; a run of a few steps measures nothing."""
    if run.clock.tokens < 500 or job.gradient_checkpointing or job.load_in_4bit or job.processes > 1:
        return
    config = run.plain.config
    # Weights, gradients and both of Adam's moments of the adapter, and a copy of the best.
    adapter = 20 * sum(weight.numel() for weight in run.weights)
    per_token = (record["peak_memory_bytes"] - run.resources.loaded_bytes - adapter) / max(1, run.largest_part)
    validation = sum(len(example.ids) for example in run.validation)
    kept = read(path)
    kept[key(job, device, config.num_hidden_layers, config.hidden_size)] = {
        "tokens_per_second": run.clock.tokens / run.clock.seconds,
        "validation_tokens_per_second": validation / run.validation_seconds if run.validation_seconds else None,
        "load_seconds": record["load_seconds"], "export_seconds": record["export_seconds"],
        "loaded_bytes": run.resources.loaded_bytes, "bytes_per_token": max(0.0, per_token),
    }
    files.write_json(path, kept)
