"""The trainer against TRL's SFTTrainer with PEFT: same data, base, rank, batch size and epochs, one run.

    .venv/bin/python bench/training.py [--examples 300] [--epochs 1] [--job-examples 300]

The data is ../shared/data/shakespeare (or ATELIER_BENCH_DATA/shakespeare), else samples/voice.jsonl. Both train on the
same tokens: the peer gets the ids and the reply masks that our trainer uses, as the tokenised dataset that SFTTrainer takes. It
runs in float32 without gradient checkpointing and with batches of similar length, which is faster here than its defaults. Both
adapters are measured afterwards by one plain loop over the held-out examples. Each runs in a process of its own; memory is
that process's peak.

The machine's limit is what torch and NumPy reach in one large matrix multiplication in the same run. A step's arithmetic is
4 FLOP for each weight of a linear layer and token, and for each weight of the head and reply token (no weight gradients but the
adapter's); how much of the limit is used counts the useful tokens alone, without padding.

Orchestration is a job through the server (ATELIER_BINARY, .build/release/atelier) against what the trainer in it says it took.

TRL is installed into .venv-bench-trl, which sees the packages of .venv. Prints a table and writes bench/results/training.json.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BASE = pathlib.Path(os.environ.get("ATELIER_DATA_DIR", ROOT / "data")).absolute() / "models/smollm2-135m-instruct/hf"
DATA = pathlib.Path(os.environ.get("ATELIER_BENCH_DATA", ROOT.parent / "shared/data")) / "shakespeare"
PEER_VENV = ROOT / ".venv-bench-trl"
TRL = "1.16.0"  # exact, so that a run next year measures the same peer
THREADS = os.cpu_count()
CONFIG = {"rank": 16, "alpha": 32, "learning_rate": 3e-4, "batch_size": 8, "seed": 7, "threads": THREADS}
sys.path.insert(0, str(ROOT / "engine"))


def rows(count: int) -> tuple[list[dict], list[dict], str]:
    def read(path: pathlib.Path) -> list[dict]:
        return [{"messages": json.loads(line)["messages"]} for line in path.read_text().splitlines() if line.strip()]

    if DATA.is_dir():
        return read(DATA / "train.jsonl")[:count], read(DATA / "test.jsonl")[:40], "Shakespeare"
    samples = read(ROOT / "samples/voice.jsonl")
    return samples[: min(count, len(samples) - 14)], samples[-14:], "samples/voice.jsonl"


# ours


def ours(folder: pathlib.Path, epochs: int) -> dict:
    (folder / "job.json").write_text(json.dumps(
        {"base_model": str(BASE), "train": str(folder / "train.jsonl"), "validation": str(folder / "validation.jsonl"), "epochs": epochs, **CONFIG}))
    command = [sys.executable, str(ROOT / "engine/training/train.py"), "--config", str(folder / "job.json"), "--out", str(folder / "out")]
    training, last, replies = 0.0, None, 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True) as child:
        for line in child.stdout:
            event, now = json.loads(line), time.monotonic()
            if event["event"] == "started":
                replies = event["reply_tokens"] * epochs
            elif event["event"] == "progress":
                training += now - last  # with everything around a step, checkpoints included; validations are not the peer's work
            last = now
    record = json.loads((folder / "out/exit.json").read_text())
    return {"seconds": training, "reply_tokens_per_second": replies / training, "peak_memory_bytes": record["peak_memory_bytes"]}


# the peer, in its own process


def peer(folder: pathlib.Path, epochs: int) -> dict:
    """TRL's documented use, on a dataset that is tokenised already."""
    import child  # noqa: F401  the same OpenMP settings
    import torch
    from training.conversations import load
    from datasets import Dataset
    from peft import LoraConfig
    from training.resources import resident
    from training.plan import warmup_steps
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import SFTConfig, SFTTrainer

    torch.set_num_threads(CONFIG["threads"])
    tokenizer = AutoTokenizer.from_pretrained(BASE)
    examples = load(tokenizer, folder / "train.jsonl", 1024).examples

    def masked(example):
        replies = set(example.replies)
        return [int(position in replies) for position in range(len(example.ids))]

    dataset = Dataset.from_dict({"input_ids": [example.ids for example in examples], "completion_mask": [masked(example) for example in examples]})
    steps = -(-len(examples) // CONFIG["batch_size"]) * epochs
    trainer = SFTTrainer(
        model=AutoModelForCausalLM.from_pretrained(BASE, dtype=torch.float32),
        args=SFTConfig(
            output_dir=str(folder / "trl"), num_train_epochs=epochs, per_device_train_batch_size=CONFIG["batch_size"],
            learning_rate=CONFIG["learning_rate"], lr_scheduler_type="cosine", warmup_steps=warmup_steps(None, steps), weight_decay=0.01,
            max_grad_norm=1.0, seed=CONFIG["seed"], bf16=False, use_cpu=True, gradient_checkpointing=False, completion_only_loss=True,
            train_sampling_strategy="group_by_length", max_length=1024, save_strategy="no", eval_strategy="no", logging_strategy="no",
            report_to=[], disable_tqdm=True, dataloader_pin_memory=False),
        train_dataset=dataset, processing_class=tokenizer,
        peft_config=LoraConfig(r=CONFIG["rank"], lora_alpha=CONFIG["alpha"], target_modules="all-linear", task_type="CAUSAL_LM"))
    began = time.monotonic()
    trainer.train()
    seconds = time.monotonic() - began
    memory = resident("VmHWM")
    trainer.model.save_pretrained(folder / "trl/peft")
    replies = sum(len(example.replies) for example in examples) * epochs
    return {"seconds": seconds, "reply_tokens_per_second": replies / seconds, "peak_memory_bytes": memory}


def measure(folder: pathlib.Path) -> dict:
    """Mean negative log-likelihood of the held-out reply tokens, by a plain loop, for both adapters and without."""
    import child  # noqa: F401
    import torch
    from training.conversations import load
    from peft import PeftModel
    from torch.nn import functional
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.set_num_threads(CONFIG["threads"])
    tokenizer = AutoTokenizer.from_pretrained(BASE)
    examples = load(tokenizer, folder / "validation.jsonl", 1024).examples

    @torch.inference_mode()
    def loss(model) -> float:
        total = count = 0
        for example in examples:
            logits = model(torch.tensor([example.ids])).logits[0]
            labels = torch.tensor([example.ids[position] for position in example.replies])
            total += functional.cross_entropy(logits[[position - 1 for position in example.replies]], labels, reduction="sum").item()
            count += len(labels)
        return total / count

    model = AutoModelForCausalLM.from_pretrained(BASE, dtype=torch.float32).eval()
    losses = {"base": loss(model)}
    for name, path in (("ours", "out/peft"), ("peer", "trl/peft")):
        model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(BASE, dtype=torch.float32), folder / path).eval()
        losses[name] = loss(model)
    return losses


# the machine


def limit() -> dict:
    """GFLOP/s of one large float32 matrix multiplication, the best of several."""
    import child  # noqa: F401
    import numpy
    import torch

    torch.set_num_threads(CONFIG["threads"])
    size = 2048

    def best(multiply) -> float:
        times = []
        for _ in range(8):
            began = time.monotonic()
            multiply()
            times.append(time.monotonic() - began)
        return 2 * size**3 / min(times) / 1e9

    a, b = torch.randn(size, size), torch.randn(size, size)
    c, d = numpy.random.rand(size, size).astype("float32"), numpy.random.rand(size, size).astype("float32")
    return {"torch": best(lambda: a @ b), "numpy": best(lambda: c @ d), "numpy_library": numpy.show_config("dicts")["Build Dependencies"]["blas"]["name"]}


def arithmetic(folder: pathlib.Path, epochs: int) -> float:
    """FLOP of a run's useful tokens."""
    import child  # noqa: F401
    from training.conversations import load
    from transformers import AutoConfig, AutoTokenizer

    config = AutoConfig.from_pretrained(BASE)
    examples = load(AutoTokenizer.from_pretrained(BASE), folder / "train.jsonl", 1024).examples
    hidden, width = config.hidden_size, config.intermediate_size
    key_value = hidden // config.num_attention_heads * config.num_key_value_heads
    linear = config.num_hidden_layers * (2 * hidden * hidden + 2 * hidden * key_value + 3 * hidden * width)
    tokens, replies = sum(len(example.ids) for example in examples), sum(len(example.replies) for example in examples)
    return epochs * 4.0 * (linear * tokens + hidden * config.vocab_size * replies)


# the job


def orchestration(train: list[dict]) -> dict | None:
    """Seconds of a job from `queued` to `completed`, and of the trainer in it by its own record."""
    binary = pathlib.Path(os.environ.get("ATELIER_BINARY", ROOT / ".build/release/atelier"))
    if not binary.exists():
        print(f"no {binary}: the job is not measured")
        return None
    os.environ["ATELIER_BINARY"] = str(binary)
    sys.path.insert(0, str(ROOT / "Tests/EndToEnd"))
    from harness import running

    with tempfile.TemporaryDirectory() as name, running(pathlib.Path(name)) as server:
        account = server.account("bench")
        body = "".join(json.dumps(row) + "\n" for row in train).encode()
        job = account.job(account.minion("Bench"), "lora_only", [account.dataset(body, "jsonl", "train.jsonl")], epochs=1)
        job, _ = account.finish(job)
        (queued,) = server.sql("SELECT MIN(at) FROM job_events WHERE job_id = ? AND type = 'queued'", job["id"])
        (completed,) = server.sql("SELECT MAX(at) FROM job_events WHERE job_id = ?", job["id"])
        record = json.loads(next(server.data.glob("users/*/adapters/*/exit.json")).read_text())
        return {"job": (completed[0] - queued[0]) / 1000, "trainer": record["seconds"]}


def separate(python: pathlib.Path | str, part: str, folder: pathlib.Path, epochs: int) -> dict:
    done = subprocess.run([str(python), __file__, "--part", part, "--folder", str(folder), "--epochs", str(epochs)], stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"{part} failed")
    return json.loads(done.stdout.splitlines()[-1])


def install_peer() -> pathlib.Path:
    python = PEER_VENV / "bin/python"
    stamp = PEER_VENV / "atelier-stamp"
    if not (stamp.exists() and stamp.read_text() == TRL):
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(PEER_VENV)], check=True)
        site = next((PEER_VENV / "lib").glob("python*/site-packages"))
        # torch, transformers and peft are those of the engine, so that the trainers alone differ.
        import torch

        (site / "engine.pth").write_text(str(pathlib.Path(torch.__file__).parents[1]) + "\n")
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", f"trl=={TRL}"], check=True)
        stamp.write_text(TRL)
    return python


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=300)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--job-examples", type=int, default=300, help="of the job that measures orchestration; 0 leaves it out")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=pathlib.Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.part:
        parts = {"peer": lambda: peer(arguments.folder, arguments.epochs), "measure": lambda: measure(arguments.folder), "limit": limit,
                 "arithmetic": lambda: {"flop": arithmetic(arguments.folder, arguments.epochs)}}
        print(json.dumps(parts[arguments.part]()))
        return
    python = install_peer()
    train, validation, name = rows(arguments.examples)
    print(f"{len(train)} training and {len(validation)} held-out examples of {name}, {arguments.epochs} epoch(s), {THREADS} threads")
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        for file, part in (("train", train), ("validation", validation)):
            (folder / f"{file}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in part))
        machine = separate(sys.executable, "limit", folder, arguments.epochs)
        mine, theirs = ours(folder, arguments.epochs), separate(python, "peer", folder, arguments.epochs)
        after = separate(sys.executable, "limit", folder, arguments.epochs)
        losses = separate(sys.executable, "measure", folder, arguments.epochs)
        gflop = separate(sys.executable, "arithmetic", folder, arguments.epochs)["flop"] / 1e9
    job = orchestration(train[: arguments.job_examples]) if arguments.job_examples else None
    fastest = max(machine["torch"], after["torch"])

    def row(metric, unit, mine, theirs, limit=None, digits=3):
        rounded = [None if value is None else round(value, digits) for value in (mine, theirs)]
        return {"metric": metric, "unit": unit, "ours": rounded[0], "peer": rounded[1], "peer_name": f"TRL {TRL} SFTTrainer", "limit": limit}

    table = [
        row("reply_tokens_per_second", "1/s", mine["reply_tokens_per_second"], theirs["reply_tokens_per_second"], "ours ≥ 1.3 × peer"),
        row("seconds", "s", mine["seconds"], theirs["seconds"]),
        row("validation_loss", "nats/token", losses["ours"], losses["peer"], "within 1 %", 4),
        row("validation_loss_of_the_base", "nats/token", losses["base"], losses["base"], None, 4),
        row("peak_memory", "MB", mine["peak_memory_bytes"] / 1e6, theirs["peak_memory_bytes"] / 1e6, "ours ≤ peer", 0),
        row("useful_arithmetic", "GFLOP/s", gflop / mine["seconds"], gflop / theirs["seconds"], None, 1),
        row("matrix_multiply_torch", "GFLOP/s", fastest, fastest, None, 1),
        row(f"matrix_multiply_numpy ({machine['numpy_library']})", "GFLOP/s", machine["numpy"], machine["numpy"], None, 1),
        row("share_of_the_limit", "%", 100 * gflop / mine["seconds"] / fastest, 100 * gflop / theirs["seconds"] / fastest, None, 1),
    ]
    if job:
        table.append(row("job, queued to completed; trainer in it", "s", job["job"], job["trainer"], None, 1))
        table.append(row("orchestration", "%", 100 * (job["job"] - job["trainer"]) / job["trainer"], None, "≤ 3 %", 2))
    print(f"{'metric':44} {'unit':10} {'ours':>10} {'peer':>10} {'ratio':>8}")
    for line in table:
        ours_, peer_ = line["ours"], line["peer"]
        ratio = f"{ours_ / peer_:8.3f}" if peer_ else " " * 8
        print(f"{line['metric']:44} {line['unit']:10} {ours_:>10} {'–' if peer_ is None else peer_:>10} {ratio}  {line['limit'] or ''}")
    results = ROOT / "bench/results"
    results.mkdir(exist_ok=True)
    (results / "training.json").write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    main()
