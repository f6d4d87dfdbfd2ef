"""Several processes train what one would."""

import json
import os
import subprocess
import sys
import time

import pytest
from conftest import ENGINE, PIRATE, conversation, train, train_until, write_jsonl

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def settings(small, tmp_path_factory):
    folder = tmp_path_factory.mktemp("team")
    data = write_jsonl(folder / "train.jsonl", [conversation(*pair) for pair in PIRATE])
    validation = write_jsonl(folder / "validation.jsonl", [conversation("How old are you?", "Arr, older than the tides, matey!"),
                                                           conversation("Who are you?", "Arr, a captain, matey!"), conversation("Sing!", "Yo ho ho, matey!")])
    return {"base_model": str(small / "hf"), "train": str(data), "validation": str(validation), "rank": 4, "learning_rate": 3e-3,
            "epochs": 3, "batch_size": 3, "checkpoint_seconds": 0}


@pytest.fixture(scope="module")
def alone(settings, tmp_path_factory):
    status, events, record = train(tmp_path_factory.mktemp("alone"), **settings)
    assert status == 0, record
    return events, record


def same(alone, record) -> None:
    for name in ("train_loss", "validation_loss", "base_validation_loss"):
        assert record[name] == pytest.approx(alone[1][name], rel=0.02), name
    assert record["validation_loss"] < alone[1]["base_validation_loss"] - 1
    assert {name: record[name] for name in ("steps", "tokens", "reply_tokens", "fingerprint")} == {
        name: alone[1][name] for name in ("steps", "tokens", "reply_tokens", "fingerprint")}


def test_two_processes_killed_and_resumed_train_as_one(alone, settings, tmp_path):
    """Batches of three on two processes: their shares are unequal, so gradients must be weighed by reply tokens."""
    events = train_until(tmp_path, 4, **settings | {"processes": 2})
    # With the leader killed, the other member ends by itself.
    eventually_none(str(tmp_path))
    assert [event["event"] for event in events].count("started") == 1
    status, events, record = train(tmp_path, **settings | {"processes": 2})
    assert status == 0 and record["resumed"] == 1, record
    same(alone, record)
    assert not list((tmp_path / "out").glob("member-*"))


def eventually_none(mark: str) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if not [pid for pid in os.listdir("/proc") if pid.isdigit() and mark in command_line(pid)]:
            return
        time.sleep(0.05)
    raise AssertionError("a member outlived its leader")


def command_line(pid: str) -> str:
    try:
        with open(f"/proc/{pid}/cmdline") as file:
            return file.read()
    except OSError:
        return ""


def test_torchrun_starts_a_team_too(alone, settings, tmp_path):
    (tmp_path / "job.json").write_text(json.dumps(settings))
    result = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(ENGINE / "training/train.py"),
         "--config", str(tmp_path / "job.json"), "--out", str(tmp_path / "out")],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr[-2000:]
    same(alone, json.loads((tmp_path / "out" / "exit.json").read_text()))
    # One of them speaks.
    kinds = [json.loads(line)["event"] for line in result.stdout.splitlines() if line.startswith("{")]
    assert kinds.count("started") == 1 and kinds.count("progress") == 9


def test_a_member_that_fails_is_what_the_record_tells(settings, tmp_path):
    status, events, record = train(tmp_path, **settings | {"processes": 2, "target_modules": ["nothing"]})
    assert status == 1 and record["error"]["code"] == "target_modules_unknown"
    eventually_none(str(tmp_path))
