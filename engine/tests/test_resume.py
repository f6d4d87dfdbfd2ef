"""A run that is killed goes on, and ends as if nothing had happened."""

import json

import pytest
from conftest import PIRATE, conversation, train, train_until, write_jsonl

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def settings(small, tmp_path_factory):
    folder = tmp_path_factory.mktemp("resume")
    data = write_jsonl(folder / "train.jsonl", [conversation(*pair) for pair in PIRATE])
    validation = write_jsonl(folder / "validation.jsonl", [conversation("How old are you?", "Arr, older than the tides, matey!")])
    # Dropout needs the random state; a checkpoint after every step makes every kill a close one.
    return {"base_model": str(small / "hf"), "train": str(data), "validation": str(validation), "rank": 4, "dropout": 0.1,
            "learning_rate": 3e-3, "epochs": 4, "batch_size": 2, "checkpoint_seconds": 0}


@pytest.fixture(scope="module")
def undisturbed(settings, tmp_path_factory):
    status, events, record = train(tmp_path_factory.mktemp("undisturbed"), **settings)
    assert status == 0, record
    return events, record


SAME = ("status", "fingerprint", "train_loss", "validation_loss", "base_validation_loss", "validations", "best_step", "steps", "tokens", "sha256")


def test_killed_again_and_again_it_ends_with_the_same_bits(settings, undisturbed, tmp_path):
    attempts = [train_until(tmp_path, step, **settings) for step in (2, 7, 12)]
    # The newest checkpoint is damaged: the one before it serves.
    newest = max((tmp_path / "out" / "checkpoint").glob("step-*.pt"))
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1
    newest.write_bytes(content)
    status, events, record = train(tmp_path, **settings)
    assert status == 0, record
    attempts.append(events)

    assert {name: record[name] for name in SAME} == {name: undisturbed[1][name] for name in SAME}
    assert record["resumed"] == 3
    beginnings = [event for events in attempts for event in events if event["event"] in ("started", "resumed")]
    assert [event["event"] for event in beginnings] == ["started", "resumed", "resumed", "resumed"]
    # Nothing is missing between the attempts, and what is told twice is told alike.
    told: dict[int, set] = {}
    for events in attempts:
        steps = [event["step"] for event in events if event["event"] == "progress"]
        assert steps == list(range(steps[0], steps[-1] + 1))
        for event in events:
            if event["event"] == "progress":
                told.setdefault(event["step"], set()).add((event["loss"], event["tokens"], event["learning_rate"]))
    assert sorted(told) == list(range(1, 17)) and all(len(values) == 1 for values in told.values())
    for before, event in zip(attempts, beginnings[1:]):
        last = max(event["step"] for event in before if event["event"] == "progress")
        assert last - 2 <= event["step"] <= last
    assert not any(event["event"] == "baseline" for events in attempts[1:] for event in events)
    damaged = [event for event in events if event["event"] == "warning"]
    assert [event["code"] for event in damaged] == ["checkpoint_damaged"] and newest.name in damaged[0]["message"]


def test_a_complete_run_is_not_repeated_and_another_begins_anew(settings, undisturbed, tmp_path):
    train_until(tmp_path, 3, **settings)
    # Other settings have no use for that checkpoint.
    _, events, record = train(tmp_path, **settings | {"seed": 8, "max_steps": 4})
    assert [event["event"] for event in events].count("started") == 1 and record["steps"] == 4 and record["resumed"] == 0
    _, again, same = train(tmp_path, **settings | {"seed": 8, "max_steps": 4})
    assert again == [{"event": "already_trained", "step": 4, "steps": 4}] and same == record
    # Nor is a record believed whose adapter is another.
    (tmp_path / "out" / "adapter.gguf").write_bytes(b"GGUF")
    _, third, _ = train(tmp_path, **settings | {"seed": 8, "max_steps": 4})
    assert "started" in [event["event"] for event in third]


def test_only_damaged_checkpoints_begin_anew_and_say_so(settings, undisturbed, tmp_path):
    train_until(tmp_path, 1, **settings)
    for path in (tmp_path / "out" / "checkpoint").glob("step-*.pt"):
        path.write_bytes(path.read_bytes()[:-100])
    _, events, record = train(tmp_path, **settings)
    kinds = [event["event"] for event in events]
    assert "started" in kinds and "resumed" not in kinds
    assert "beginning anew" in next(event["message"] for event in events if event["event"] == "warning")
    assert record["sha256"] == undisturbed[1]["sha256"]


def test_other_data_has_another_fingerprint(settings, tmp_path):
    from training import job as jobs
    from training.job import Job

    job = Job(**settings)
    assert jobs.fingerprint(job) == jobs.fingerprint(Job(**settings | {"threads": 1, "checkpoint_seconds": 9}))
    other = write_jsonl(tmp_path / "other.jsonl", [conversation("a", "b")])
    assert jobs.fingerprint(job) != jobs.fingerprint(Job(**settings | {"train": str(other)}))
    copy = tmp_path / "elsewhere.jsonl"
    copy.write_bytes(open(settings["train"], "rb").read())
    assert jobs.fingerprint(job) == jobs.fingerprint(Job(**settings | {"train": str(copy)}))
    assert json.loads(json.dumps(settings)) == settings
