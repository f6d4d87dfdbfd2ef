"""What a run will take, told before it starts."""

import json
import subprocess
from pathlib import Path

import pytest
from conftest import PIRATE, command, conversation, write_jsonl

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def job(small, tmp_path_factory):
    from training.job import Job

    folder = tmp_path_factory.mktemp("estimate")
    data = write_jsonl(folder / "train.jsonl", [conversation(*pair) for pair in PIRATE])
    validation = write_jsonl(folder / "validation.jsonl", [conversation("How old are you?", "Arr, older than the tides, matey!")])
    return Job(base_model=str(small / "hf"), train=str(data), validation=str(validation), rank=4, batch_size=2, epochs=3, threads=2)


def changed(job, **settings):
    from dataclasses import replace

    return replace(job, **settings)


def test_counts_are_the_runs_own(job):
    from training import conversations
    from training import plan
    from training.estimate import estimate
    from transformers import AutoTokenizer

    found = estimate(job, None)
    dataset = conversations.load(AutoTokenizer.from_pretrained(job.base_model), Path(job.train), 1024)
    assert (found["examples"], found["validation_examples"], found["steps"]) == (8, 1, len(plan.steps(dataset.examples, job)))
    assert (found["tokens"], found["reply_tokens"]) == (3 * dataset.tokens, 3 * dataset.reply_tokens)
    # Two layers of seven matrices: A and B of rank 4 (hidden 576, key and value 192, inner 1536).
    assert found["trained_weights"] == 2 * 4 * (2 * (576 + 576) + 2 * (576 + 192) + 3 * (576 + 1536))
    assert found["warnings"] == [] and "100 GFLOP/s" in found["based_on"]
    more = estimate(changed(job, epochs=6, rank=64), None)
    assert more["tokens"] == 2 * found["tokens"] and more["trained_weights"] == 16 * found["trained_weights"]
    assert more["seconds"] > found["seconds"] and more["peak_memory_bytes"] > found["peak_memory_bytes"] and more["disk_bytes"] > 10 * found["disk_bytes"]
    assert estimate(changed(job, gradient_checkpointing=True), None)["peak_memory_bytes"] < found["peak_memory_bytes"]


def test_the_last_run_on_this_machine_counts_more_than_an_assumption(job, tmp_path):
    from training import calibration
    from training.estimate import estimate

    path = tmp_path / "speed.json"
    kept = {"tokens_per_second": 1.0, "validation_tokens_per_second": None, "load_seconds": 5, "export_seconds": 1, "loaded_bytes": 7e9, "bytes_per_token": 1e6}
    path.write_text(json.dumps({calibration.key(job, "cpu", 2, 576): kept}))
    found = estimate(changed(job, device="cpu"), path)
    assert found["based_on"] == "the last run on this machine"
    assert found["seconds"] > found["tokens"] and found["peak_memory_bytes"] > 7e9
    assert "100 GFLOP/s" in estimate(changed(job, device="cpu", threads=99), path)["based_on"]
    path.write_text("{half")
    assert "100 GFLOP/s" in estimate(job, path)["based_on"]


def test_what_would_go_wrong_is_told(job, tmp_path):
    from training.estimate import estimate, warn_of_room

    def codes(**settings):
        return {warning["code"] for warning in estimate(changed(job, **settings), None)["warnings"]}

    silent = write_jsonl(tmp_path / "silent.jsonl", [{"messages": [{"role": "user", "content": "a"}]}])
    assert codes(train=str(silent)) == {"no_reply", "no_reply_tokens"}
    long = write_jsonl(tmp_path / "long.jsonl", [conversation("word " * 200, "Aye."), conversation("a", "word " * 200)])
    assert codes(train=str(long), max_tokens=64) == {"reply_too_long", "prompt_cut"}
    told = estimate(changed(job, train=str(long), max_tokens=64), None)["warnings"][0]
    assert "1 of 2 training example(s) left out" in told["message"] and "max_tokens = 64" in told["message"]
    tools = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": None, "tool_calls": [{"id": "c"}]}]}
    mixed = write_jsonl(tmp_path / "mixed.jsonl", [tools, conversation("a", "b")])
    assert codes(train=str(mixed)) == {"tool_calls"}
    too_long = write_jsonl(tmp_path / "too_long.jsonl", [conversation("a", "word " * 200)])
    assert codes(train=str(too_long), max_tokens=64) == {"reply_too_long", "no_reply_tokens"}
    assert codes(validation=str(too_long), max_tokens=64) == {"reply_too_long", "nothing_held_out"}
    assert codes(max_steps=2) == {"not_reached"} and codes(max_steps=4) == set()
    assert codes(load_in_4bit=True, device="cpu") == {"four_bit_unavailable"}
    warnings: list[dict] = []
    warn_of_room(warnings, 1e15, 1e18, tmp_path)
    assert [warning["code"] for warning in warnings] == ["memory_will_not_suffice", "disk_will_not_suffice"]
    assert all(warning["hint"] for warning in warnings)


def test_as_the_server_asks(job, tmp_path):
    from dataclasses import asdict

    def ask(**settings) -> dict:
        (tmp_path / "job.json").write_text(json.dumps(asdict(changed(job, **settings))))
        done = subprocess.run(command("training/estimate.py", "--config", tmp_path / "job.json"), capture_output=True, text=True, stdin=subprocess.DEVNULL)
        said = json.loads(done.stdout)
        assert (done.returncode == 0) == (said["event"] == "done")
        return said

    assert ask()["steps"] == 12
    assert "no_such_proj" in ask(target_modules=["q_proj", "no_such_proj"])["message"]


@pytest.mark.parametrize("settings, code", [({"base_model": "/nowhere"}, "base_model_missing"), ({"target_modules": ["query"]}, "target_modules_unknown")])
def test_what_cannot_be_estimated_has_a_code(job, settings, code):
    from training.estimate import estimate
    from training.failures import explain

    with pytest.raises(Exception) as error:
        estimate(changed(job, **settings), None)
    assert explain(error.value)["code"] == code
