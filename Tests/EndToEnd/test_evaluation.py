"""A job measures what it made: real adapter, real collection, and a vendor on loopback that sees every prompt."""

import hashlib
import json
from dataclasses import dataclass

import pytest
from harness import Account, Event, handbook, questions, refused, voice
from upstream import Upstream, message, whole

PAGES = ("3d-printers.md", "opening-hours.md", "membership.md")
EXAMPLES, SEED = 24, 7
ARMS = ["base", "knowledge", "voice", "hybrid_draft_first"]
REPLY = "The hours may vary. A print may take 14 hours at most [1]."


def held_out(content: bytes, seed: int) -> tuple[list[str], list[str]]:
    """Replies of both sides of the split, as the server documents it: the tenth with the smallest hashes is held out."""
    lines = [json.dumps(json.loads(line), sort_keys=True, separators=(",", ":"), ensure_ascii=False) for line in content.splitlines()]
    ordered = sorted(lines, key=lambda line: hashlib.sha256(f"{seed}:{line}".encode()).hexdigest())
    count = max(1, round(len(lines) / 10))
    sides = [[message["content"] for line in side for message in json.loads(line)["messages"] if message["role"] == "assistant"]
             for side in (ordered[:count], ordered[count:])]
    return sides[0], sides[1]


@dataclass
class Measured:
    account: Account
    job: dict
    history: list[Event]
    release: dict
    vendor: Upstream
    split: tuple[str, str]  # train.jsonl and validation.jsonl while the job ran

    def metric(self, name: str, arm: str) -> dict:
        found, = (row for row in self.release["evaluation"]["metrics"] if (row["name"], row["arm"]) == (name, arm))
        return found


@pytest.fixture(scope="module")
def asked() -> list[dict]:
    return [question for question in questions() if question["page"] in PAGES][:2]


@pytest.fixture(scope="module")
def measured(server, asked):
    account = server.account("examiner")
    vendor = Upstream([whole(message(REPLY))])
    minion = account.minion("Examined", provider="custom", model_id="big-model", base_url=vendor.url, sampling={"temperature": 0})
    datasets = [
        account.dataset(voice(EXAMPLES), "jsonl", "voice.jsonl"), account.dataset(handbook(*PAGES), "rag", "pages.zip"),
        account.dataset("".join(json.dumps(question) + "\n" for question in asked).encode(), "custom", "questions.jsonl"),
    ]
    job = account.job(minion, "hybrid", datasets, seed=SEED, evaluation={
        "examples": 2, "seconds": 300, "max_tokens": 24, "resamples": 200})
    split, history = ("", ""), []
    for event in account.follow(job):
        history.append(event)
        if event.name == "started":
            folder, = server.data.glob(f"users/{account.id}/jobs/{job['id']}/prepared/*")
            split = ((folder / "train.jsonl").read_text(), (folder / "validation.jsonl").read_text())
    job = account.show_job(job)
    assert job["status"] == "COMPLETED", f"{job}\n{server.log()[-3000:]}"
    release = account.get(f"minions/{minion['id']}/releases")["items"][0]
    yield Measured(account, job, history, release, vendor, split)
    vendor.close()


def test_every_arm_is_measured_with_its_interval(measured):
    rows = {(row["name"], row["arm"]) for row in measured.release["evaluation"]["metrics"]}
    for arm in ARMS:
        assert {(name, arm) for name in ("voice.style_score", "knowledge.fact_rate", "latency_ms", "latency_p95_ms", "cost_usd")} <= rows
        assert measured.metric("latency_ms", arm)["n"] == 4  # two held-out messages and two questions
    assert {("voice.perplexity", "base"), ("voice.perplexity", "voice"), ("knowledge.ndcg", "knowledge"), ("knowledge.mrr", "knowledge"),
            ("knowledge.hit_rate", "knowledge"), ("knowledge.hit_rate", "hybrid_draft_first"), ("knowledge.groundedness", "base"),
            ("knowledge.citation_correctness", "knowledge"), ("meaning.similarity", "hybrid_draft_first")} <= rows
    for row in measured.release["evaluation"]["metrics"]:
        assert row["n"] > 0 and (row["value"] is not None or row["name"] == "cost_usd"), row
        if "low" in row and row["name"] != "voice.style_retention":
            assert row["low"] <= row["value"] + 1e-9 and row["value"] <= row["high"] + 1e-9, row


def test_the_figures_are_those_of_the_answers(measured, asked):
    """The vendor always says the same, so what it must come to is known."""
    stated = sum(question["answer"] in REPLY for question in asked) / len(asked)
    for arm in ARMS:
        assert measured.metric("knowledge.fact_rate", arm)["value"] == stated
    assert measured.metric("cost_usd", "base")["value"] is None, "nobody told a price"
    assert measured.metric("meaning.similarity", "hybrid_draft_first")["value"] == pytest.approx(1, abs=1e-3)
    losses = measured.release["evaluation"]
    assert measured.metric("voice.perplexity", "voice")["value"] < measured.metric("voice.perplexity", "base")["value"]
    assert measured.metric("voice.perplexity", "base")["value"] == pytest.approx(2.718281828 ** losses["base_validation_loss"], rel=1e-3)
    # The vendor speaks alike with and without the draft: the same style, and nothing of the draft's is kept.
    assert measured.metric("voice.style_score", "voice")["value"] == pytest.approx(measured.metric("voice.style_score", "base")["value"])
    assert [row["value"] for row in losses["metrics"] if row["name"] == "voice.style_retention"] in ([], [0, 0])


def test_examples_stand_side_by_side(measured):
    examples = measured.release["evaluation"]["examples"]
    assert len(examples) == 4
    for example in examples:
        assert set(example["arms"]) == set(ARMS) and example["reference"] and example["question"]
        assert all(text.startswith("The hours may vary.") for text in example["arms"].values())


def test_nothing_held_out_reaches_training_collection_or_prompts(measured):
    replies, learned = held_out(voice(EXAMPLES), SEED)
    assert len(replies) == 2
    train, validation = ([message["content"] for line in text.splitlines() for message in json.loads(line)["messages"]]
                         for text in measured.split)
    assert all(reply in validation and reply not in train for reply in replies)
    assert all(reply in train for reply in learned)
    prompts = json.dumps(measured.vendor.requests, ensure_ascii=False)
    assert len(measured.vendor.requests) == len(ARMS) * 4 and measured.vendor.requests[0]["max_tokens"] == 24
    assert not [reply for reply in replies if reply in prompts]
    folder = measured.account.server.data / "users" / measured.account.id
    kept = [path for part in ("adapters", "collections") for path in (folder / part).rglob("*") if path.is_file()]
    assert {path.suffix for path in kept} >= {".gguf", ".sqlite", ".jsonl"}
    for path in kept:
        content = path.read_bytes()
        assert not [reply for reply in replies if reply.encode() in content or json.dumps(reply).encode()[1:-1] in content], path.name


def test_its_calls_are_on_record_and_nothing_else_is_kept(measured):
    minion = measured.job["minion_id"]
    sql = measured.account.server.sql
    measured.account.get("usage")  # Whatever waits is written first.
    used = dict(sql("SELECT provider, count(*) FROM usage_records WHERE minion_id = ? AND purpose = 'evaluation' GROUP BY provider", minion))
    # The voice and hybrid arms have drafts.
    assert used == {"custom": len(ARMS) * 4, "local": 2 * 4}
    assert sql("SELECT count(*) FROM answers WHERE minion_id = ?", minion) == [(0,)]
    assert not list(measured.account.server.data.glob(f"users/{measured.account.id}/jobs/*"))


def test_what_it_may_cost_is_told_before(measured):
    """The calls are those that were made, and the tokens about those that the vendor was sent."""
    account, job = measured.account, measured.job
    body = {name: job[name] for name in ("minion_id", "training_type", "dataset_ids", "config")}
    estimate = account.post("external-training/jobs/estimate", body)
    part, = estimate["costs"]
    assert part == {"purpose": "evaluation", "model": "custom/big-model", "calls": len(measured.vendor.requests)}
    assert "estimated_cost_usd" not in estimate and estimate["steps"] > 0, "nobody told a price"
    account.post("providers", {"provider": "custom", "api_key": "sk-0123456789", "base_url": measured.vendor.url, "save_anyway": True,
                               "prices": [{"model": "big-model", "input": 1000, "output": 0}, {"model": "embedder", "input": 1, "output": 0},
                                          {"model": "judge", "input": 100, "output": 100}]})
    priced = account.post("external-training/jobs/estimate", body)
    sent = sum(len(message["content"].encode()) for request in measured.vendor.requests for message in request["messages"]) / 4
    assert 0.7 * sent < priced["estimated_cost_usd"] * 1e6 / 1000 < 3 * sent
    assert priced["estimated_cost_usd"] == priced["costs"][0]["estimated_cost_usd"]
    # More is asked, more it costs; what is not done costs nothing.
    config = job["config"] | {"embedder": {"provider": "custom", "model": "embedder"},
                              "evaluation": job["config"]["evaluation"] | {"judge": {"provider": "custom", "model": "judge"}}}
    more = account.post("external-training/jobs/estimate", body | {"config": config})
    parts = {part["purpose"]: part for part in more["costs"]}
    assert list(parts) == ["embedding", "evaluation", "judge"] and parts["evaluation"] == priced["costs"][0]
    assert parts["judge"]["calls"] == 2 * 4 and parts["judge"]["estimated_cost_usd"] > parts["embedding"]["estimated_cost_usd"] > 0
    assert more["estimated_cost_usd"] == pytest.approx(sum(part["estimated_cost_usd"] for part in parts.values()))
    alone = account.post("external-training/jobs/estimate", body | {"training_type": "rag_only", "dataset_ids": job["dataset_ids"][1:]})
    assert "steps" not in alone and alone["costs"][0]["calls"] == 2 * 2 and alone["warnings"] == []
    quiet = account.post("external-training/jobs/estimate", body | {"config": {"evaluation": {"enabled": False}}})
    assert (quiet["costs"], quiet["estimated_cost_usd"]) == ([], 0)
    account.delete("providers/custom")


def test_the_history_tells_it_arm_by_arm(measured):
    events = [event.data for event in measured.history if event.name == "evaluation"]
    announced, = (event for event in events if "calls" in event)
    assert announced["calls"] == len(ARMS) * 4 and "estimated_cost_usd" not in announced
    assert {event["arm"] for event in events if event.get("metrics")} == set(ARMS)
    stages = [event.data["stage"] for event in measured.history if event.name == "stage" and event.data["status"] == "finished"]
    assert stages[-2:] == ["collection", "evaluation"]
    steps = [event.data["step"] for event in measured.history if event.name == "progress" and event.data["stage"] == "evaluation" and "step" in event.data]
    assert steps == list(range(1, len(ARMS) * 4 + 1))


def test_route_and_command_show_the_table(measured):
    shown = measured.account.get(f"external-training/jobs/{measured.job['id']}/evaluation")
    assert shown["is_final"] and shown["release_id"] == measured.release["id"] and shown["evaluation"] == measured.release["evaluation"]
    table = measured.account.server.run("eval", "job", measured.job["id"], "--user", measured.account.email)
    for arm in ARMS:
        assert arm in table
    value = measured.metric("voice.style_score", "base")["value"]
    assert f"voice.style_score" in table and f"{value:.2f}" in table


def test_a_collection_alone_is_measured_too_and_without_questions_it_says_so(somebody):
    vendor = Upstream([whole(message("This is not what was asked for."))])
    try:
        minion = somebody.minion("Reader", provider="custom", model_id="big-model", base_url=vendor.url)
        documents = somebody.dataset(handbook(*PAGES), "rag", "pages.zip")
        job, _ = somebody.finish(somebody.job(minion, "rag_only", [documents], evaluation={"examples": 2, "seconds": 60}))
        measured = somebody.get(f"external-training/jobs/{job['id']}/evaluation")["evaluation"]
        assert measured["metrics"] == [] and any("No question could be made" in note for note in measured["notes"])
        # It did ask for some: a fact of one page each, never with the answer to keep.
        assert 0 < len(vendor.requests) <= 6 and "Write one short question" in vendor.requests[0]["messages"][-1]["content"]
    finally:
        vendor.close()


def test_a_judge_that_writes_the_answers_is_refused(somebody):
    minion = somebody.minion("Judged", provider="custom", model_id="vendor/big-model", base_url="http://127.0.0.1:9/v1")
    dataset = somebody.dataset(voice(4), "jsonl", "voice.jsonl")
    body = {"minion_id": minion["id"], "training_type": "lora_only", "dataset_ids": [dataset["id"]]}
    for judge in ({"provider": "openai", "model": "big-model"}, {"provider": "local", "model": "smollm2-135m-instruct"}):
        error = refused(somebody.request("POST", "external-training/jobs", json=body | {"config": {"evaluation": {"judge": judge}}}), 422, "invalid_request")
        assert "must not judge" in json.dumps(error)
    job = somebody.post("external-training/jobs", body | {"config": {"evaluation": {"judge": {"provider": "openai", "model": "gpt-4o-mini"}}}})
    assert job["config"]["evaluation"]["judge"] == {"provider": "openai", "model": "gpt-4o-mini"}
