"""Retrieval quality against a plain script with the same model: BM25, dense, and both fused by rank.

    .venv/bin/python bench/quality.py [--rerank 20]

On the collections of derived.py, and on Cranfield where it is at hand (knowledge.py says where it is sought). The peer searches whole documents: BM25
(k1 1.2, b 0.75, words of letters and digits), cosine of the same model's vectors (cut at 512 tokens), reciprocal
rank fusion of both with k 60. Prints a table and writes bench/results/quality.json.
"""

import argparse
import math
import re
import tempfile
from collections import Counter, defaultdict

import numpy as np

import knowledge


def words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", text.lower())


def bm25(documents: list[list[str]], queries: list[str], k1: float = 1.2, b: float = 0.75) -> list[np.ndarray]:
    postings: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for number, document in enumerate(documents):
        for word, count in Counter(document).items():
            postings[word].append((number, count))
    lengths = np.array([len(document) for document in documents])
    norm = k1 * (1 - b + b * lengths / lengths.mean())
    results = []
    for query in queries:
        scores = np.zeros(len(documents))
        for word in set(words(query)):
            found = postings.get(word, [])
            weight = math.log(1 + (len(documents) - len(found) + 0.5) / (len(found) + 0.5))
            for number, count in found:
                scores[number] += weight * count * (k1 + 1) / (count + norm[number])
        results.append(scores)
    return results


def ranking(scores: np.ndarray, depth: int = 100) -> list[int]:
    return [int(i) for i in np.argsort(-scores, kind="stable")[:depth]]


def fused(*rankings: list[int], k: int = 60) -> list[int]:
    scores: dict[int, float] = defaultdict(float)
    for ranked in rankings:
        for rank, number in enumerate(ranked, 1):
            scores[number] += 1 / (k + rank)
    return sorted(scores, key=lambda number: -scores[number])


def measures(rankings: list[list[str]], judgements: list[dict[str, int]]) -> dict[str, float]:
    """nDCG@10 with linear gain, recall@100 and mean reciprocal rank, as trec_eval has them."""
    ndcg = recall = mrr = 0.0
    for ranked, relevant in zip(rankings, judgements):
        gains = [max(0, relevant.get(name, 0)) / math.log2(i + 2) for i, name in enumerate(ranked[:10])]
        ideal = sum(max(0, g) / math.log2(i + 2) for i, g in enumerate(sorted(relevant.values(), reverse=True)[:10]))
        ndcg += sum(gains) / ideal
        good = {name for name, grade in relevant.items() if grade > 0}
        recall += len(good & set(ranked[:100])) / len(good)
        mrr += next((1 / (i + 1) for i, name in enumerate(ranked[:100]) if name in good), 0)
    return {"nDCG@10": ndcg / len(rankings), "recall@100": recall / len(rankings), "MRR": mrr / len(rankings)}


def plain(folder) -> dict[str, dict[str, float]]:
    corpus = knowledge.lines(folder / "corpus.jsonl")
    names = [str(line["_id"]) for line in corpus]
    texts = [(line.get("title", "") + "\n" + line["text"]).strip() for line in corpus]
    relevance = knowledge.judgements(folder)
    queries = [line for line in knowledge.lines(folder / "queries.jsonl") if any(g > 0 for g in relevance.get(str(line["_id"]), {}).values())]
    asked = [line["text"] for line in queries]
    model = knowledge.Bare()
    vectors = model.embed(texts)
    questions = model.embed([knowledge.QUERY_PREFIX + text for text in asked])
    lexical = [ranking(scores) for scores in bm25([words(text) for text in texts], asked)]
    dense = [ranking(vectors @ question) for question in questions]
    both = [fused(a, b) for a, b in zip(dense, lexical)]
    judgements = [relevance[str(line["_id"])] for line in queries]
    return {
        strategy: measures([[names[i] for i in ranked] for ranked in rankings], judgements)
        for strategy, rankings in (("lexical", lexical), ("dense", dense), ("hybrid", both))
    }


def compared(folder, rerank: int) -> list[dict]:
    with tempfile.TemporaryDirectory() as temporary:
        reports = knowledge.atelier("eval", "retrieval", "--folder", folder, "--collection", f"{temporary}/v1", "--rerank", rerank, "--json")
    peer = plain(folder)
    limits = {"lexical": None, "dense": None, "hybrid": ">= peer"}
    table = []
    for report in reports:
        if report["degraded"]:
            raise SystemExit(f"{report['degraded']} searches of {report['strategy']} were degraded: this measures nothing")
        reranked = report["reranked"] > 0
        name = report["strategy"] + (" + rerank" if reranked else "")
        theirs = peer[report["strategy"]]
        for metric, key in (("nDCG@10", "ndcg_at_10"), ("recall@100", "recall"), ("MRR", "mrr")):
            limit = (">= hybrid" if reranked else limits[report["strategy"]]) if metric == "nDCG@10" else None
            table.append(knowledge.row(
                f"{name} {metric}, {folder.name}", "", report[key], None if reranked else theirs[metric], "plain script, same model", limit))
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rerank", type=int, default=20)
    arguments = parser.parse_args()
    knowledge.report("quality", [row for folder in knowledge.collections("handbook", "docstrings") for row in compared(folder, arguments.rerank)])


if __name__ == "__main__":
    main()
