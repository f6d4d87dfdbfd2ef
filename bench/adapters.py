"""Many adapters on one server: memory for each, switching time, and answers that do not depend on who else asks.

    .venv/bin/python bench/adapters.py [--count 100] [--rank 16]

Ours is the local server as Atelier runs it (engine/serving/serve.py and its settings); the peer is llama.cpp started by hand with the same
adapters and its own defaults, as its README shows: through the same wheel, or with --llama-server a binary. Both answer the same
requests in the same run. Prints a table and writes bench/results/adapters.json.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

ROOT = pathlib.Path(__file__).resolve().parent.parent
MODEL = pathlib.Path(os.environ.get("ATELIER_DATA_DIR", ROOT / "data")) / "models/smollm2-135m-instruct/model.gguf"
QUESTION = "Tell me a story about a ship and its captain."
SLOTS, CONTEXT, THREADS = 2, 1024, os.cpu_count() or 2

# llama.cpp as anybody would start it by hand from the same wheel: every option at its default but the port, the
# slots, and that adapters are chosen per request.
BY_HAND = """
import json, sys, time, xllamacpp
p = xllamacpp.CommonParams()
p.model.path, p.hostnames, p.port, p.n_parallel, p.n_ctx = sys.argv[1], ["127.0.0.1"], 0, {slots}, {context}
def adapter(path):
    info = xllamacpp.CommonAdapterLoraInfo(); info.path, info.scale = path, 0.0
    return info
p.lora_adapters, p.lora_init_without_apply = [adapter(path) for path in sys.argv[2:]], True
server = xllamacpp.Server(p)
print(json.dumps({{"url": server.listening_address}}), flush=True)
sys.stdin.read()
""".format(slots=SLOTS, context=CONTEXT * SLOTS)


def ours(adapters: list[pathlib.Path]) -> list[str]:
    options = [f"--context={CONTEXT}", f"--parallel={SLOTS}", f"--threads={THREADS}"]
    return [sys.executable, str(ROOT / "engine/serving/serve.py"), "--model", str(MODEL), *options, *(part for path in adapters for part in ("--lora", str(path)))]


def peer(adapters: list[pathlib.Path]) -> list[str]:
    return [sys.executable, "-c", BY_HAND, str(MODEL), *map(str, adapters)]


@contextmanager
def server(command: list[str]):
    """A running server: its URL, seconds until it answers, and its process."""
    began = time.monotonic()
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        url = json.loads(process.stdout.readline())["url"]
        while True:
            try:
                if urllib.request.urlopen(url + "/health", timeout=5).status == 200:
                    break
            except OSError:
                time.sleep(0.02)
        yield url, time.monotonic() - began, process
    finally:
        process.kill()
        process.communicate()


def memory(process) -> float:
    """Proportional set size in MiB: what is shared with others counts by share."""
    for line in pathlib.Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise SystemExit("no Pss in smaps_rollup")


def ask(url: str, adapter: int, tokens: int = 12) -> str:
    body = {"messages": [{"role": "user", "content": QUESTION}], "temperature": 0, "max_tokens": tokens, "cache_prompt": False,
            "lora": [{"id": adapter, "scale": 0.6}]}
    request = urllib.request.Request(url + "/v1/chat/completions", json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=600) as reply:
        return json.load(reply)["choices"][0]["message"]["content"]


def seconds(work) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


def measure(make, adapters: list[pathlib.Path]) -> dict:
    """Start, memory, switching and isolation of one server."""
    with server(make([])) as (_, _, process):
        empty = memory(process)
    count = len(adapters)
    with server(make(adapters)) as (url, start, process):
        loaded = memory(process)
        ask(url, 0, 1)
        same = statistics.median(seconds(lambda: ask(url, 0, 1)) for _ in range(8))
        # Each request another adapter than the one before.
        turns = [seconds(lambda index=index: ask(url, index * 37 % count, 1)) for index in range(8)]
        sample = [index * count // 16 for index in range(16)] if count >= 16 else list(range(count))
        alone = {index: ask(url, index) for index in sample}
        with ThreadPoolExecutor(8) as pool:
            together = dict(zip(sample, pool.map(lambda index: ask(url, index), sample)))
        return {"start": start, "per_adapter": (loaded - empty) / count, "total": loaded, "same": same, "switch": statistics.median(turns) - same,
                "distinct": len(set(alone.values())), "changed": sum(alone[index] != together[index] for index in sample), "asked": len(sample),
                "words": alone}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--rank", type=int, default=16)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, str(ROOT / "engine/tests/random_adapters.py"), "--base", str(MODEL), "--count", str(arguments.count), "--rank",
                        str(arguments.rank), "--out", folder], check=True, stdin=subprocess.DEVNULL)
        adapters = [pathlib.Path(folder) / f"{number}.gguf" for number in range(arguments.count)]
        size = adapters[0].stat().st_size / 2**20
        us, them = measure(ours, adapters), measure(peer, adapters)
    rows = [
        (f"memory of an adapter (file {size:.1f} MiB)", "MiB", us["per_adapter"], them["per_adapter"], round(size * 1.15, 1)),
        (f"memory of the server with {arguments.count}", "MiB", us["total"], them["total"], None),
        (f"start with {arguments.count} (one more adapter's wait)", "s", us["start"], them["start"], None),
        ("request of one token, same adapter", "s", us["same"], them["same"], None),
        ("more where the adapter is another", "s", us["switch"], them["switch"], None),
        (f"answers of {us['asked']} that change when others ask too", "answers", us["changed"], them["changed"], 0),
        ("answers unlike the peer's", "answers", sum(us["words"][index] != them["words"][index] for index in us["words"]), 0, 0),
    ]
    print(f"{'metric':58} {'ours':>10} {'by hand':>10} {'limit':>8}")
    for metric, unit, mine, other, limit in rows:
        print(f"{metric:58} {mine:10.2f} {other:10.2f} {'' if limit is None else limit:>8} {unit}")
    print(f"{us['distinct']} of {us['asked']} answers are words of their own")
    results = ROOT / "bench/results"
    results.mkdir(exist_ok=True)
    (results / "adapters.json").write_text(json.dumps([
        {"metric": metric, "unit": unit, "ours": mine, "peer": other, "peer_name": "llama.cpp by hand", "limit": limit}
        for metric, unit, mine, other, limit in rows], indent=2) + "\n")


if __name__ == "__main__":
    main()
