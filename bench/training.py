"""The trainer against a plain PEFT loop: same data, base, rank, batch size and epochs, one run.

    .venv/bin/python bench/training.py [--examples 80] [--epochs 1]

The plain loop is what the libraries' own examples do: whole sequences padded to the batch's longest,
labels -100 outside the replies, the head computed at every position. Prints a table and writes
bench/results/training.json.
"""

import argparse
import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile
import time

os.environ |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "10000", "TOKENIZERS_PARALLELISM": "false"}
ROOT = pathlib.Path(__file__).resolve().parent.parent
BASE = pathlib.Path(os.environ.get("ATELIER_DATA_DIR", ROOT / "data")) / "models/smollm2-135m-instruct/hf"
CONFIG = {"rank": 16, "alpha": 32, "learning_rate": 3e-4, "batch_size": 8, "seed": 7, "threads": os.cpu_count()}


def reply_tokens(tokenizer, rows: list[dict]) -> list[tuple[list[int], list[bool]]]:
    """Token ids of each conversation and which of them belong to replies."""
    encoded = []
    for row in rows:
        ids: list[int] = []
        mask: list[bool] = []
        for end in range(1, len(row["messages"]) + 1):
            def tokens(messages, **options):
                return tokenizer(tokenizer.apply_chat_template(messages, tokenize=False, **options), add_special_tokens=False)["input_ids"]

            new = tokens(row["messages"][:end])
            if row["messages"][end - 1]["role"] == "assistant":
                # The reply and its end-of-turn mark; neither the turn's header nor the newline after it.
                begin = len(tokens(row["messages"][: end - 1], add_generation_prompt=True))
                mask += [False] * (begin - len(ids)) + [True] * (len(new) - begin - 1) + [False]
            else:
                mask += [False] * (len(new) - len(ids))
            ids = new
        encoded.append((ids, mask))
    return encoded


def plain(train: list[dict], validation: list[dict], epochs: int) -> dict:
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer, get_cosine_schedule_with_warmup

    torch.manual_seed(CONFIG["seed"])
    torch.set_num_threads(CONFIG["threads"])
    tokenizer = AutoTokenizer.from_pretrained(BASE)
    model = AutoModelForCausalLM.from_pretrained(BASE, dtype=torch.float32)
    model = get_peft_model(model, LoraConfig(r=CONFIG["rank"], lora_alpha=CONFIG["alpha"], target_modules="all-linear", task_type="CAUSAL_LM"))
    data, held_out = reply_tokens(tokenizer, train), reply_tokens(tokenizer, validation)

    def batch(rows):
        width = max(len(ids) for ids, _ in rows)
        pad = tokenizer.eos_token_id
        ids = torch.tensor([ids + [pad] * (width - len(ids)) for ids, _ in rows])
        attention = torch.tensor([[1] * len(ids) + [0] * (width - len(ids)) for ids, _ in rows])
        labels = torch.tensor([[t if m else -100 for t, m in zip(ids, mask)] + [-100] * (width - len(ids)) for ids, mask in rows])
        return ids, attention, labels

    steps = math.ceil(len(data) / CONFIG["batch_size"]) * epochs
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=CONFIG["learning_rate"], weight_decay=0.0)
    schedule = get_cosine_schedule_with_warmup(optimizer, max(1, steps // 20), steps)
    generator = torch.Generator().manual_seed(CONFIG["seed"])
    start = time.monotonic()
    for _ in range(epochs):
        order = torch.randperm(len(data), generator=generator).tolist()
        for at in range(0, len(order), CONFIG["batch_size"]):
            ids, attention, labels = batch([data[i] for i in order[at : at + CONFIG["batch_size"]]])
            loss = model(input_ids=ids, attention_mask=attention, labels=labels).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
    seconds = time.monotonic() - start
    model.eval()
    total, count = 0.0, 0
    with torch.no_grad():
        for row in held_out:
            ids, attention, labels = batch([row])
            wanted = (labels[:, 1:] != -100).sum().item()
            total += model(input_ids=ids, attention_mask=attention, labels=labels).loss.item() * wanted
            count += wanted
    replies = sum(sum(mask) for _, mask in data) * epochs
    return {"seconds": seconds, "reply_tokens_per_second": replies / seconds, "validation_loss": total / count}


def ours(folder: pathlib.Path, epochs: int) -> dict:
    (folder / "job.json").write_text(
        json.dumps({"base_model": str(BASE), "train": str(folder / "train.jsonl"), "validation": str(folder / "validation.jsonl"), "epochs": epochs, **CONFIG})
    )
    command = [sys.executable, str(ROOT / "engine/train.py"), "--config", str(folder / "job.json"), "--out", str(folder / "out")]
    first = last = None
    replies = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True) as child:
        for line in child.stdout:
            event = json.loads(line)
            if event["event"] == "started":
                first, replies = time.monotonic(), event["reply_tokens"] * epochs
            elif event["event"] == "progress":
                last = time.monotonic()
    record = json.loads((folder / "out/exit.json").read_text())
    return {"seconds": last - first, "reply_tokens_per_second": replies / (last - first), "validation_loss": record["validation_loss"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=80)
    parser.add_argument("--epochs", type=int, default=1)
    arguments = parser.parse_args()
    rows = [json.loads(line) for line in (ROOT / "samples/voice.jsonl").read_text().splitlines()]
    train, validation = rows[: arguments.examples], rows[-14:]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for file, part in (("train", train), ("validation", validation)):
            (folder / f"{file}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in part))
        mine, peer = ours(folder, arguments.epochs), plain(train, validation, arguments.epochs)
    table = [
        {"metric": metric, "unit": unit, "ours": round(mine[metric], 3), "peer": round(peer[metric], 3), "peer_name": "plain PEFT loop", "limit": None}
        for metric, unit in (("reply_tokens_per_second", "1/s"), ("seconds", "s"), ("validation_loss", "nats/token"))
    ]
    print(f"{'metric':28} {'ours':>10} {'plain PEFT':>12} {'ratio':>8}")
    for row in table:
        print(f"{row['metric']:28} {row['ours']:>10} {row['peer']:>12} {row['ours'] / row['peer']:>8.2f}")
    results = ROOT / "bench/results"
    results.mkdir(exist_ok=True)
    (results / "training.json").write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    main()
