"""What voice and knowledge buy, as a job of the server measures it by itself: on the samples, and on Shakespeare and Cranfield.

    python bench/ablation.py [--pairs 340] [--examples 12] [--epochs 2] [--restyle-pairs 300] [--seconds 1800]

Everything goes through the HTTP API of a server that is started for it: a hybrid job over the sample voice and the
sample handbook with its questions, and one over Shakespeare's dialogue (voice) and Cranfield's abstracts with their judged queries
(knowledge) where both are at hand. The answering model is the default local model, served apart as an
OpenAI-compatible vendor would be, so that draft_first and restyle_last are what they are with any external model: it has no
voice of its own. Its tokens are counted at a price that the key is given. Prints the job's ablation table and writes bench/results/ablation.json.

Shakespeare and Cranfield are sought in ATELIER_BENCH_DATA (cranfield/, shakespeare/), else in ../shared/data.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import httpx2 as httpx

import knowledge
from knowledge import ATELIER, DATA, MODELS, ROOT, lines

ENGINE = ROOT / "engine"
PASSWORD = "correct-horse-battery"
SERVED = "smollm2-135m-instruct-served"
# US dollars per million tokens. What is served here costs nothing; a small model of a vendor's costs about this.
PRICE = {"input": 0.15, "output": 0.60}


def questions(folder: Path) -> bytes:
    """A collection's queries with the documents judged relevant, as a dataset of questions."""
    judged = knowledge.judgements(folder)
    rows = []
    for query in lines(folder / "queries.jsonl"):
        sources = [{"document": document, "relevance": score} for document, score in judged.get(query["_id"], {}).items() if score > 0]
        if sources:
            rows.append({"question": query["text"], "sources": sources})
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def subjects() -> list[tuple[str, Path, Path]]:
    """What is measured: its name, the voice's examples, and the collection."""
    own, *shared = knowledge.collections("handbook")
    found = [(f"sample voice, {own.name}", ROOT / "samples/voice.jsonl", own)]
    plays = DATA / "shakespeare/train.jsonl"
    if shared and plays.is_file():
        return [*found, ("Shakespeare, Cranfield", plays, shared[0])]
    print(f"{DATA} has not both shakespeare/ and cranfield/: the samples alone are measured", flush=True)
    return found


@contextmanager
def vendor():
    """The base model behind an OpenAI-compatible address; yields the address."""
    process = subprocess.Popen(
        [sys.executable, ENGINE / "serving/serve.py", "--model", MODELS / "smollm2-135m-instruct" / "model.gguf", "--context", "4096", "--parallel", "2"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        ready = json.loads(process.stdout.readline())
        assert ready["event"] == "ready", ready
        yield ready["url"] + "/v1"
    finally:
        process.stdin.close()
        process.wait(30)


@contextmanager
def server(folder: Path):
    """A fresh server; yields a client that is signed in, and the user's part of the API."""
    data = folder / "data"
    data.mkdir(mode=0o700)
    (data / "models").symlink_to(MODELS.absolute())
    environment = os.environ | {"ATELIER_ENGINE_DIR": str(ENGINE), "ATELIER_PYTHON": sys.executable}
    place = ["--data-dir", str(data)]
    subprocess.run([ATELIER, "user", "create", "bench@example.org", "--password-stdin", *place], input=PASSWORD + "\n", text=True, check=True,
                   stdout=subprocess.DEVNULL, env=environment)
    process = subprocess.Popen([ATELIER, "serve", "--port", "0", *place], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=environment, text=True)
    try:
        url = process.stdout.readline().split()[-1]
        client = httpx.Client(base_url=url, timeout=300, trust_env=False)
        login = client.post("/api/auth/login", json={"email": "bench@example.org", "password": PASSWORD}).json()
        client.headers["Authorization"] = f"Bearer {login['token']}"
        yield client, f"/api/users/{login['user']['id']}"
    finally:
        process.terminate()
        process.wait(60)


def ok(reply: httpx.Response) -> dict:
    if not reply.is_success:
        sys.exit(f"{reply.request.method} {reply.request.url}: {reply.status_code} {reply.text}")
    return reply.json()


def follow(client: httpx.Client, url: str) -> None:
    """Print the job's stages as they end, until it is over."""
    with client.stream("GET", url, timeout=None) as stream:
        name = ""
        for line in stream.iter_lines():
            if line.startswith("event: "):
                name = line[7:]
            elif line.startswith("data: "):
                data = json.loads(line[6:])
                if name == "stage" and data["status"] == "finished":
                    print(f"  {data['stage']}: {data['milliseconds'] / 1000:.0f} s", flush=True)
                elif name == "failed":
                    sys.exit(f"the job failed in {data['step']}: {data['message']} {data.get('hint', '')}")


def show(evaluation: dict) -> None:
    rows = evaluation["metrics"]
    arms = list(dict.fromkeys(row["arm"] for row in sorted(rows, key=lambda row: ARMS.index(row["arm"]))))
    print("| metric | " + " | ".join(arms) + " |\n|---|" + "---|" * len(arms))
    for name in dict.fromkeys(row["name"] for row in rows):
        cells = []
        for arm in arms:
            row = next((row for row in rows if (row["name"], row["arm"]) == (name, arm)), None)
            if row is None:
                cells.append("–")
            elif row["value"] is None:
                cells.append(f"unknown, n {row['n']}")
            else:
                digits = {"ms": 0, "perplexity": 1, "usd": 6}.get(row["unit"], 2)
                interval = f" [{row['low']:.{digits}f}, {row['high']:.{digits}f}]" if "low" in row else ""
                cells.append(f"{row['value']:.{digits}f}{interval}, n {row['n']}")
        print(f"| {name} | " + " | ".join(cells) + " |")
    for note in evaluation["notes"]:
        print(f"- {note}")


ARMS = ["base", "knowledge", "voice", "hybrid_draft_first", "hybrid_restyle_last"]


def verdict(evaluation: dict) -> str:
    """Which order keeps more of the style, and whether the intervals tell them apart."""
    kept = {row["arm"]: row for row in evaluation["metrics"] if row["name"] == "voice.style_score" and row["arm"].startswith("hybrid")}
    first, last = kept.get("hybrid_draft_first"), kept.get("hybrid_restyle_last")
    if not first or not last:
        return "only one order was measured"
    better, worse = (first, last) if first["value"] >= last["value"] else (last, first)
    apart = better.get("low", 0) > worse.get("high", 0)
    return (f"{better['arm']} has the higher style score ({better['value']:.2f} against {worse['value']:.2f}); the 95% intervals "
            + ("do not overlap" if apart else "overlap: with so few answers the difference may be chance"))


def measure(name: str, voice: Path, collection: Path, options: argparse.Namespace) -> list[dict]:
    """One job, its ablation printed; the rows for the results."""
    examples = b"".join(voice.read_bytes().splitlines(keepends=True)[: options.pairs])
    files = [("voice", "jsonl", examples), ("documents", "rag", (collection / "corpus.jsonl").read_bytes()), ("queries", "custom", questions(collection))]
    config = {"epochs": options.epochs, "evaluation": {
        "examples": options.examples, "seconds": options.seconds, "max_tokens": options.max_tokens}}
    if options.restyle_pairs:
        config |= {"restyle": True, "restyle_paraphraser": "base", "restyle_pairs": options.restyle_pairs}
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="atelier-ablation-") as folder, vendor() as address, server(Path(folder)) as (client, base):
        ok(client.post(f"{base}/providers", json={"provider": "custom", "api_key": "sk-none", "base_url": address, "prices": [PRICE | {"model": SERVED}]}))
        minion = ok(client.post(f"{base}/minions", json={
            "name": "Will", "provider": "custom", "model_id": SERVED, "base_url": address,
            "sampling": {"temperature": 0, "max_tokens": options.max_tokens}, "pipeline": {"top_k": 3, "draft_timeout": 300, "restyle_timeout": 300}}))
        datasets = [ok(client.post(f"{base}/training-datasets", params={"dataset_name": title, "dataset_type": kind, "file_name": f"{title}.jsonl"},
                                   content=content))["id"] for title, kind, content in files]
        job = ok(client.post(f"{base}/external-training/jobs", json={
            "job_name": "Ablation", "minion_id": minion["id"], "training_type": "hybrid", "dataset_ids": datasets, "config": config, "start": True}))
        follow(client, f"{base}/external-training/jobs/{job['id']}/events")
        measured = ok(client.get(f"{base}/external-training/jobs/{job['id']}/evaluation"))["evaluation"]
    seconds = time.monotonic() - began
    print(f"\n## {name}\n")
    show(measured)
    print(f"\n{measured['training_examples']} training pairs, {measured['held_out_examples']} held out, {measured['documents']} documents; "
          f"{seconds / 60:.0f} minutes on {os.cpu_count()} cores. {verdict(measured)}.")
    return [{"metric": f"{row['name']} ({row['arm']}), {name}", "unit": row["unit"], "ours": row["value"], "low": row.get("low"), "high": row.get("high"),
             "n": row["n"], "peer": None, "peer_name": "base", "limit": None} for row in measured["metrics"]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=340, help="of the voice at most; a tenth is held out")
    parser.add_argument("--examples", type=int, default=12, help="held-out messages, and as many questions")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--restyle-pairs", type=int, default=300, help="paraphrases by the base model, for restyle_last; 0 leaves that order out")
    parser.add_argument("--seconds", type=int, default=1800, help="no example is begun after so many seconds of evaluation")
    parser.add_argument("--max-tokens", type=int, default=64, help="of an answer")
    options = parser.parse_args()
    results = ROOT / "bench" / "results"
    results.mkdir(exist_ok=True)
    rows = [row for subject in subjects() for row in measure(*subject, options)]
    (results / "ablation.json").write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
