"""Larger data than the samples: Shakespeare's voice and the Cranfield collection, where they are at hand."""

import math

import pytest
from harness import ROOT, figure, read_jsonl

DATA = ROOT.parent / "shared" / "data"
EXAMPLES = 120

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (DATA / "cranfield").is_dir() or not (DATA / "shakespeare").is_dir(), reason="no ../shared/data with cranfield and shakespeare"),
]


@pytest.fixture(scope="module")
def scholar(server):
    """Somebody with a minion trained on both: (account, release)."""
    account = server.account("scholar")
    minion = account.minion("Will")
    lines = (DATA / "shakespeare" / "train.jsonl").read_bytes().splitlines(keepends=True)
    datasets = [
        account.dataset(b"".join(lines[:EXAMPLES]), "jsonl", "train.jsonl"),
        account.dataset((DATA / "cranfield" / "corpus.jsonl").read_bytes(), "rag", "corpus.jsonl"),
    ]
    account.finish(account.job(minion, "hybrid", datasets))
    return account, account.get(f"minions/{minion['id']}/releases")["items"][0]


def test_the_adapter_lowers_the_loss_on_held_out_replies(scholar):
    measured = scholar[1]["evaluation"]
    figure(f"Shakespeare: held-out reply loss {measured['base_validation_loss']:.3f} base → {measured['validation_loss']:.3f}"
           f" ({measured['training_examples']} examples, 1 epoch)")
    assert measured["validation_loss"] < measured["base_validation_loss"]
    assert measured["training_examples"] + measured["held_out_examples"] == EXAMPLES


def test_every_abstract_is_indexed(scholar):
    corpus = [line for line in read_jsonl(DATA / "cranfield" / "corpus.jsonl") if line["text"].strip()]
    assert scholar[1]["evaluation"]["documents"] == len(corpus)


def judgements() -> dict[str, dict[str, int]]:
    judged: dict[str, dict[str, int]] = {}
    for line in (DATA / "cranfield" / "qrels.tsv").read_text().splitlines()[1:]:
        query, document, score = line.split("\t")
        judged.setdefault(query, {})[document] = int(score)
    return judged


def ndcg(ranking: list[str], judged: dict[str, int], cutoff: int = 10) -> float:
    """Normalised discounted cumulative gain with linear gain, as trec_eval computes it."""
    def gain(relevances: list[int]) -> float:
        return sum(relevance / math.log2(rank + 2) for rank, relevance in enumerate(relevances))

    ideal = gain(sorted((max(0, score) for score in judged.values()), reverse=True)[:cutoff])
    return gain([max(0, judged.get(document, 0)) for document in ranking[:cutoff]]) / ideal if ideal else 0


def test_hybrid_search_is_as_good_as_it_should_be(scholar):
    account, release = scholar
    queries = {line["_id"]: line["text"] for line in read_jsonl(DATA / "cranfield" / "queries.jsonl")}
    judged = judgements()
    assert len(queries) == len(judged) == 225
    means, milliseconds = {}, {}
    for strategy in ("lexical", "dense", "hybrid"):
        total, times = 0.0, []
        for id_, text in queries.items():
            reply = account.post(f"collections/{release['collection_id']}/search", {"query": text, "top_k": 30, "strategy": strategy})
            assert reply["strategy"] == strategy and "degraded" not in reply
            # A document counts once, by its best passage.
            total += ndcg(list(dict.fromkeys(passage["document"] for passage in reply["passages"])), judged[id_])
            times.append(reply["milliseconds"])
        means[strategy], milliseconds[strategy] = total / len(queries), sorted(times)[len(times) // 2]
    figure("Cranfield nDCG@10: " + ", ".join(f"{name} {mean:.3f} (median {milliseconds[name]:.1f} ms)" for name, mean in means.items()))
    assert means["hybrid"] >= 0.55
