"""Train a LoRA adapter on the assistant's replies in a set of conversations.

    python engine/training/train.py --config job.json --out DIR
    torchrun --nproc-per-node 2 engine/training/train.py --config job.json --out DIR

job.json holds the fields of `Job` in job.py. Progress goes to stdout, one JSON
object a line (events: loading, warning, baseline, started or resumed, progress,
validation, stopped_early, exporting, resources; failed; or already_trained). DIR receives
peft/ (adapter_config.json, adapter_model.safetensors), adapter.gguf for llama.cpp, held_out_losses.json, and last
of all exit.json: the only proof that the job is done. The exit status is 0 only when
exit.json says "completed".

A run that was killed goes on from its last checkpoint in DIR/checkpoint when it is started
again with the same settings and data, and ends with the same losses as one that was not; one
that is complete is not repeated. Other settings or data begin anew.

Losses are the mean negative log-likelihood of a reply token, in nats. With the
same seed, threads and machine a CPU run repeats exactly.
"""

import os
import sys

if not __package__:  # a script: modules are found from the engine's folder
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

import child  # first: sets the environment that torch reads

import argparse
import json
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import files
from training import base_model
from training import job as jobs
from training import team as teams
from training.failures import TrainError, explain
from training.job import Job


@dataclass
class Arguments:
    config: Path
    out: Path
    calibration: Path | None


def load_datasets(job: Job, tokenizer):
    """Training and validation examples; warns about what was cut or dropped."""
    from training import conversations
    from training import left_out

    loaded = []
    for path, name in ((job.train, "training"), (job.validation, "held-out")):
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
        for note in left_out.notes(dataset, name, job.max_tokens):
            child.emit({"event": "warning"} | note)
        loaded.append(dataset)
    training, validation = loaded
    if not training.reply_tokens:
        raise TrainError(**left_out.nothing_left(training, job.max_tokens))
    if missing := left_out.nothing_held_out(validation):
        child.emit({"event": "warning"} | missing)
    return training, validation


def prepare(job: Job, team, device: str):
    """The model with a fresh adapter, and the tokenizer. Returns (PEFT model, tokenizer)."""
    import torch
    from training.lora_linear import accelerate
    from peft import prepare_model_for_kbit_training

    if team.leads:
        base_model.trainable_folder(Path(job.base_model))  # one of us converts a GGUF file
    team.share(None)
    model, tokenizer = base_model.load(job, device)
    if job.load_in_4bit:
        model = prepare_model_for_kbit_training(model, use_gradient_checkpointing=job.gradient_checkpointing)
    elif job.gradient_checkpointing:
        model.enable_input_require_grads()
    if job.gradient_checkpointing:
        model.activation_checkpointing_enable({"use_reentrant": False})
    peft_model = base_model.with_adapter(
        model, job, lora_alpha=job.alpha, lora_dropout=job.dropout, use_rslora=job.use_rslora, use_dora=job.use_dora, bias="none")
    accelerate(peft_model)
    torch.manual_seed(job.seed + 1000 * team.rank)  # what is dropped out differs between the members
    return peft_model, tokenizer


def run(job: Job, out: Path, calibration: Path | None) -> dict:
    """The whole job; returns what exit.json says."""
    began = time.monotonic()
    child.emit({"event": "loading"})
    base_model.check(Path(job.base_model))
    for path in filter(None, (job.train, job.validation)):
        if not Path(path).is_file():
            raise TrainError("dataset_missing", f"there is no file {path}", "Upload the dataset again.")
    if hasattr(os, "setpriority"):
        # Below the answers somebody is waiting for.
        os.setpriority(os.PRIO_PROCESS, 0, max(10, os.getpriority(os.PRIO_PROCESS, 0)))
    import torch
    from training.checkpoints import Checkpoints
    from training.resources import Resources
    from training.run import TrainingRun

    device = base_model.pick_device(job.device)
    if job.load_in_4bit:
        base_model.check_four_bit(device)
    team = teams.join(device)
    identity = jobs.fingerprint(job)
    torch.set_num_threads(max(1, job.threads // team.size))
    torch.manual_seed(job.seed)
    torch.use_deterministic_algorithms(True, warn_only=True)
    model, tokenizer = prepare(job, team, device)
    resources = Resources(team, out)
    training, validation = load_datasets(job, tokenizer)
    loaded_seconds = time.monotonic() - began

    run = TrainingRun(job, model, training, validation, team, Checkpoints(out / "checkpoint", identity), began, resources)
    run.train()
    exporting = time.monotonic()
    if team.leads:
        record = {"status": "completed", "fingerprint": identity, "base_model": job.base_model, "rank": job.rank} | run.result()
        record |= export(run, job, out)
    used = resources.used()  # asks all members
    if not team.leads:
        return {}
    record |= used | {"seconds": round(run.seconds, 3), "cpu_seconds": round(run.state.cpu_seconds + used["cpu_seconds"], 3)}
    child.emit({"event": "resources"} | {name: record[name] for name in ("seconds", *used)})
    if calibration:
        from training.calibration import remember

        remember(calibration, job, device, run, record | {"load_seconds": loaded_seconds, "export_seconds": time.monotonic() - exporting})
    return record


def export(run, job: Job, out: Path) -> dict:
    """Write peft/ and adapter.gguf, each at once."""
    from serving import export_gguf

    child.emit({"event": "exporting"})
    temporary = out / "peft.tmp"
    shutil.rmtree(temporary, ignore_errors=True)
    # The model's name, not this machine's path to it, belongs into a file that travels.
    base = Path(job.base_model).resolve()
    run.model.peft_config["default"].base_model_name_or_path = (base.parent if base.name in ("hf", "model.gguf") else base).name
    run.model.save_pretrained(temporary, save_embedding_layers=False)
    (temporary / "README.md").unlink(missing_ok=True)  # an empty model card
    shutil.rmtree(out / "peft", ignore_errors=True)
    files.publish(temporary, out / "peft")
    facts: dict = {}
    try:
        if job.use_dora:
            facts = run.export_folded(base, out / "adapter.gguf")
        else:
            export_gguf.export(out / "peft", base, out / "adapter.gguf")
    except (export_gguf.ExportError, KeyError, ValueError) as error:
        raise TrainError("export_failed", f"the adapter could not be written as GGUF: {error}",
                         "The PEFT adapter is kept in peft/; choose a base model llama.cpp can serve.")
    if held_out := run.held_out():
        files.write_json(out / "held_out_losses.json", {"examples": held_out})
    return facts | {"sha256": files.sha256(out / "adapter.gguf")}


def finished_before(job: Job, out: Path) -> dict | None:
    """The record of an earlier attempt that is complete and was this very run."""
    try:
        record = json.loads((out / "exit.previous.json").read_text())
        same = record["status"] == "completed" and record["fingerprint"] == jobs.fingerprint(job)
        return record if same and files.sha256(out / "adapter.gguf") == record["sha256"] and (out / "peft").is_dir() else None
    except (OSError, ValueError, KeyError):
        return None


def fail(out: Path, record: dict) -> None:
    """Leave the failure where the parent finds it, even on a full disk."""
    child.emit({"event": "failed", "error": record})
    for leftover in ("peft.tmp", "adapter.gguf.tmp"):
        path = out / leftover
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    if out.is_dir():  # taken away when another attempt took the job over
        files.write_json(out / "exit.json", {"status": "failed", "error": record})


def lead(arguments: Arguments) -> None:
    """The process that speaks, writes, and answers for the others."""
    out, exit_file = arguments.out, arguments.out / "exit.json"

    def stopped(reason: str) -> None:
        if reason == "terminated" and out.is_dir() and not exit_file.exists():
            files.write_json(exit_file, {"status": "failed", "error": {
                "code": "stopped", "message": "the job was stopped", "hint": "Start it again when you like: it goes on from its last checkpoint."}})

    try:
        out.mkdir(parents=True, exist_ok=True)
        if exit_file.exists():  # an earlier attempt's result, which is ours only if it was the same run
            os.replace(exit_file, out / "exit.previous.json")
        for earlier in out.glob("member-*.json"):
            earlier.unlink()
        child.on_end(stopped)
        job = jobs.read(arguments.config)
        record = None if teams.is_member() else finished_before(job, out)
        if record:
            child.emit({"event": "already_trained", "step": record["steps"], "steps": record["steps"]})
        else:
            teams.start(job.processes, sys.argv)
            record = run(job, out, arguments.calibration)
        files.write_json(exit_file, record)
        shutil.rmtree(out / "checkpoint", ignore_errors=True)
    except BaseException as error:
        import traceback

        traceback.print_exc(file=sys.stderr)
        record = explain(error)
        # Where another member failed, ours is only the broken connection to it.
        for path in sorted(out.glob("member-*.json")) if record["code"] == "internal" else []:
            record = json.loads(path.read_text())
        fail(out, record)
        child.end("failed", 1)
    child.end("done", 0)  # at once: torch takes seconds to take itself down


def follow(arguments: Arguments) -> None:
    """Another member of a team: works, and leaves word only when it fails."""
    child.silence()
    try:
        run(jobs.read(arguments.config), arguments.out, None)
    except BaseException as error:
        import traceback

        traceback.print_exc(file=sys.stderr)
        record = explain(error)
        if record["code"] != "internal":
            files.write_json(arguments.out / f"member-{os.environ['RANK']}.json", record)
        child.end("failed", 1)
    child.end("done", 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, required=True, help="job.json")
    parser.add_argument("--out", type=Path, required=True, help="folder of the results")
    parser.add_argument("--calibration", type=Path, help="file that remembers this machine's speed for estimate.py")
    arguments = Arguments(**vars(parser.parse_args()))
    child.start()
    if os.environ.get("RANK", "0") == "0":
        lead(arguments)
    else:
        follow(arguments)


if __name__ == "__main__":
    main()
