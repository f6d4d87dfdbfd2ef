"""How many restyled answers keep their meaning, on Shakespeare, with the base model as the paraphraser.

    .venv/bin/python bench/restyle.py --data DIR [--pairs 300] [--epochs 1] [--questions 20]

DIR holds train.jsonl and test.jsonl (chat examples). One job through the server makes the pairs and trains; then twenty answers in
modern prose are restyled through the pipeline, and what it keeps and why it discards is counted. There is no peer: llama.cpp has
no such step. Prints a table and writes bench/results/restyle.json. Minutes on a quiet machine.
"""

import argparse
import collections
import json
import pathlib
import re
import statistics
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "Tests/EndToEnd"))

from harness import read_jsonl, running  # noqa: E402
from upstream import Upstream, speaking  # noqa: E402

# Modern prose with something to lose, as an external model answers.
ANSWERS = [
    "The museum opens at 9 on Monday, and Marta has the key.", "Please bring 3 tickets to the north gate before noon.",
    "I do not think he will come back to London this year.", "She loved her brother more than anyone else in the house.",
    "The soldiers left the city at night because they were afraid.", "You must not trust a man who smiles while he lies.",
    "My father died in the war, and I still mourn him every day.", "We should leave now, before the king hears about our plan.",
    "Nobody knows where the money went after the old duke died.", "I would rather be poor and honest than rich and ashamed.",
    "Tell your master that I will meet him at the bridge tomorrow.", "The letter says that your daughter married Antonio in secret.",
    "It is cold outside, so take my coat and wait by the fire.", "He asked for 40 pounds, but I gave him only half of it.",
    "Do you remember the summer when we first came to Verona?", "The doctor could not help her, and she was gone by morning.",
    "I have told you twice that the ship will not sail in this storm.", "Your friend is proud, but he has never broken a promise.",
    "Let us drink to the health of the bride and forget our quarrel.", "Time heals what reason cannot, so be patient a little longer.",
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--pairs", type=int, default=300)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--questions", type=int, default=len(ANSWERS))
    arguments = parser.parse_args()
    said = {"text": ""}
    vendor = Upstream([speaking(lambda body: said["text"])])
    with tempfile.TemporaryDirectory() as folder, running(pathlib.Path(folder)) as server:
        account = server.account("bard")
        account.post("providers", {"provider": "custom", "api_key": "sk-none", "base_url": vendor.url})
        minion = account.minion("Bard", provider="custom", model_id="recorded", base_url=vendor.url, pipeline={"order": "restyle_last"})
        dataset = account.dataset((arguments.data / "train.jsonl").read_bytes(), "jsonl", "train.jsonl")
        began = time.monotonic()
        job = account.job(minion, "lora_only", [dataset], restyle=True, restyle_paraphraser="base", restyle_pairs=arguments.pairs,
                          epochs=arguments.epochs, rank=arguments.rank)
        history, seconds = [], {}
        for event in account.follow(job, within=36_000):
            history.append(event)
            if event.name == "stage" and event.data["status"] == "finished":
                seconds[event.data["stage"]] = event.data["milliseconds"] / 1000
                print(f"{event.data['stage']}: {seconds[event.data['stage']]:.0f} s", flush=True)
        job = account.show_job(job)
        assert job["status"] == "COMPLETED", job
        said_by_job = " ".join(event.data.get("message", "") for event in history if event.name == "log")
        used, made = map(int, re.search(r"(\d+) of (\d+) paraphrases are trained on", said_by_job).groups())
        path, = server.data.glob(f"users/{account.id}/adapters/*/restyle.json")
        profile = json.loads(path.read_text())
        loss = account.get(f"minions/{minion['id']}/releases")["items"][0]["evaluation"]

        pieces, milliseconds = [], []
        for text in ANSWERS[: arguments.questions]:
            said["text"] = text
            reply = account.ask(minion, "Tell me.", order="restyle_last")
            pieces += reply["trace"]["restyle"]["pieces"]
            milliseconds += [stage["milliseconds"] for stage in reply["trace"]["stages"] if stage["stage"] == "restyle"]
            print(json.dumps(pieces[-1], ensure_ascii=False), flush=True)
    vendor.close()
    kept = [piece for piece in pieces if piece["kept"]]
    reasons = collections.Counter(re.sub(r"\d[\d.]*", "#", piece["reason"].split(" ")[0] + " " + piece["reason"].split(" ")[1]) for piece in pieces if not piece["kept"])
    unchanged = sum(piece["restyled"] == piece["original"] for piece in kept)
    rows = [
        ("paraphrases made", "pairs", made), ("of them usable", "pairs", used),
        ("cosine of strangers (meaning 0)", "", profile["floor"]), ("cosine of a reply and its paraphrase (meaning 1)", "", profile["ceiling"]),
        ("held-out loss without the adapter", "nats", loss.get("base_validation_loss")), ("with it", "nats", loss.get("validation_loss")),
        ("answers restyled", "pieces", len(pieces)), ("kept", "pieces", len(kept)), ("kept word for word", "pieces", unchanged),
        ("meaning of the kept, median", "", statistics.median(piece["meaning"] for piece in kept) if kept else None),
        ("time to restyle one, median", "ms", statistics.median(milliseconds)),
    ]
    for metric, unit, value in rows:
        print(f"{metric:55} {'unknown' if value is None else round(value, 3):>10} {unit}")
    for reason, count in reasons.most_common():
        print(f"  discarded: {reason:43} {count:>10}")
    results = ROOT / "bench/results"
    results.mkdir(exist_ok=True)
    (results / "restyle.json").write_text(json.dumps(
        [{"metric": metric, "unit": unit, "ours": value, "peer": None, "peer_name": None, "limit": None} for metric, unit, value in rows], indent=2) + "\n")


if __name__ == "__main__":
    main()
