"""Vector search against a ChromaDB server with its defaults: same vectors, same queries, one run.

    .venv/bin/python bench/search.py [--queries 200] [--large 100000]

12,000 sentences, embedded here, of the documentation that derived.py collects, and of Cranfield where it is at hand
(knowledge.py says where it is sought). What a collection lacks to 12,000 is made of halves of its long ones, real text
too. Then 100,000: those of the last collection and copies with Gaussian noise added, since there are no 100,000 real
ones at hand. Queries are the collection's. Recall is counted against brute force in numpy.

Ours is the embedded index in its own process; Chroma is asked over HTTP on loopback, which is how it is used when it
is shared, and also as a library in the asking process (`in process`), where there is no HTTP to pay for.
Prints a table and writes bench/results/search.json.
"""

import argparse
import pathlib
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

import numpy as np

import knowledge

LIMIT = 10


def resident(pid: int | str) -> int:
    status = pathlib.Path(f"/proc/{pid}/status")
    if not status.exists():
        return 0
    return int(next(line for line in status.read_text().splitlines() if line.startswith("VmRSS")).split()[1]) << 10


def texts(folder: pathlib.Path, count: int) -> list[str]:
    found = knowledge.sentences(folder, count)
    for sentence in list(found):
        if len(found) >= count:
            break
        words = sentence.split()
        if len(words) > 16:
            found.append(" ".join(words[: len(words) // 2]))
    return found[:count]


def embedded(cache: pathlib.Path, name: str, make) -> np.ndarray:
    """Vectors kept between runs: embedding 12,000 sentences takes minutes."""
    file = cache / f"{name}.npy"
    if not file.exists():
        print(f"embedding {name} …", flush=True)
        np.save(file, make())
    return np.load(file)


def chroma(collection, rows: np.ndarray, queries: np.ndarray) -> dict:
    begin = time.monotonic()
    for start in range(0, len(rows), 5000):
        part = rows[start : start + 5000]
        collection.add(ids=[f"row-{start + i}" for i in range(len(part))], embeddings=part,
                       metadatas=[{"document": f"document-{(start + i) // 8}"} for i in range(len(part))])
    # Found means indexed: the first query waits for what the server does behind its answer.
    collection.query(query_embeddings=queries[:1], n_results=LIMIT, include=["distances"])
    inserted = time.monotonic() - begin
    times, hits = [], []
    for query in queries[:5]:
        collection.query(query_embeddings=[query], n_results=LIMIT, include=["distances"])
    for query in queries:
        begin = time.monotonic()
        found = collection.query(query_embeddings=[query], n_results=LIMIT, include=["distances"])
        times.append((time.monotonic() - begin) * 1000)
        hits.append([int(name[4:]) for name in found["ids"][0]])
    times.sort()
    return {"insert_seconds": inserted, "median_ms": times[len(times) // 2], "p99_ms": times[len(times) * 99 // 100], "hits": hits}


def served(folder: pathlib.Path, rows: np.ndarray, queries: np.ndarray) -> dict:
    import chromadb

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(pathlib.Path(sys.executable).with_name("chroma")), "run", "--host", "127.0.0.1", "--port", str(port), "--path", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            deadline = time.monotonic() + 60
            while True:
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v2/heartbeat", timeout=1).close()
                    break
                except OSError:
                    if server.poll() is not None or time.monotonic() > deadline:
                        sys.exit("the Chroma server did not start")
                    time.sleep(0.1)
            before = resident(server.pid)
            collection = chromadb.HttpClient("127.0.0.1", port).create_collection("bench", configuration={"hnsw": {"space": "cosine"}})
            result = chroma(collection, rows, queries)
            return result | {"resident_bytes": resident(server.pid), "empty_bytes": before}
        finally:
            server.kill()


def recall(hits: list[list[int]], rows: np.ndarray, queries: np.ndarray) -> float:
    """Share of the true ten nearest. A row whose similarity equals the tenth's counts: which of equals comes is chance."""
    found = 0
    for query, hit in zip(queries, hits):
        scores = rows @ query
        tenth = np.partition(scores, -LIMIT)[-LIMIT]
        found += sum(scores[row] >= tenth - 1e-6 for row in set(hit))
    return found / (LIMIT * len(queries))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--large", type=int, default=100_000, help="rows of the second, jittered set; 0 leaves it out")
    parser.add_argument("--cache", type=pathlib.Path, default=knowledge.ROOT / "bench/results")
    arguments = parser.parse_args()
    arguments.cache.mkdir(exist_ok=True, parents=True)
    model = knowledge.Bare()
    sets = []
    for folder in knowledge.collections("docstrings"):
        real = embedded(arguments.cache, f"sentences-{folder.name}", lambda: model.embed(texts(folder, 12_000)))
        asked = [line["text"] for line in knowledge.lines(folder / "queries.jsonl")][: arguments.queries]
        queries = embedded(
            arguments.cache, f"queries-{folder.name}-{len(asked)}", lambda: model.embed([knowledge.QUERY_PREFIX + text for text in asked]))
        sets.append((f"{len(real):,} sentences, {folder.name}", real, queries))
    if arguments.large:
        random = np.random.default_rng(7)
        jittered = real[np.arange(arguments.large) % len(real)]
        noise = random.normal(scale=0.3 / np.sqrt(knowledge.DIMENSION), size=jittered.shape).astype(np.float32)
        noise[: len(real)] = 0
        jittered = jittered + noise
        jittered /= np.linalg.norm(jittered, axis=1, keepdims=True)
        sets.append((f"{arguments.large:,} (jittered copies)", np.ascontiguousarray(jittered, np.float32), queries))

    import chromadb

    table = []
    for name, rows, queries in sets:
        with tempfile.TemporaryDirectory() as temporary:
            folder = pathlib.Path(temporary)
            rows.astype("<f4").tofile(folder / "rows.f32")
            queries.astype("<f4").tofile(folder / "queries.f32")
            print(f"{name}: ours", flush=True)
            ours = knowledge.atelier(
                "bench", "vectors", "--rows", folder / "rows.f32", "--queries", folder / "queries.f32", "--dimension", knowledge.DIMENSION,
                "--limit", LIMIT, "--folder", folder / "index")
            print(f"{name}: Chroma", flush=True)
            peer = served(folder / "chroma", rows, queries)
            client = chromadb.PersistentClient(str(folder / "library"))
            library = chroma(client.create_collection("bench", configuration={"hnsw": {"space": "cosine"}}), rows, queries)
            server = f"Chroma {chromadb.__version__} server"
            table += [
                knowledge.row(f"search p50, {name}", "ms", ours["median_ms"], peer["median_ms"], server, "<= peer / 3"),
                knowledge.row(f"search p50, {name}", "ms", ours["median_ms"], library["median_ms"], "Chroma in process"),
                knowledge.row(f"search p99, {name}", "ms", ours["p99_ms"], peer["p99_ms"], server),
                knowledge.row(f"recall@10, {name}", "", recall(ours["hits"], rows, queries), recall(peer["hits"], rows, queries), server, ">= 0.999"),
                knowledge.row(f"insertion, {name}", "s", ours["insert_seconds"], peer["insert_seconds"], server, "<= peer / 20"),
                knowledge.row(f"insertion, {name}", "s", ours["insert_seconds"], library["insert_seconds"], "Chroma in process"),
                knowledge.row(f"resident, {name}", "MiB", (ours["resident_bytes"] or 0) / 2**20, peer["resident_bytes"] / 2**20, server),
            ]
    knowledge.report("search", table)


if __name__ == "__main__":
    main()
