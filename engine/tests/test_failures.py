"""What can go wrong with a training run, each with its own code, and the real thing behind it."""

import json
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import PIRATE, command, conversation, running, train, train_until, write_jsonl

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def settings(small, tmp_path_factory):
    data = write_jsonl(tmp_path_factory.mktemp("failures") / "train.jsonl", [conversation(*pair) for pair in PIRATE])
    return {"base_model": str(small / "hf"), "train": str(data), "rank": 16, "epochs": 20, "batch_size": 2, "checkpoint_seconds": 0}


def failed(folder, events, code: str) -> dict:
    record = json.loads((folder / "out" / "exit.json").read_text())
    assert record["status"] == "failed" and record["error"]["code"] == code, record
    assert record["error"]["message"] and record["error"]["hint"] and events[-1] == {"event": "failed", "error": record["error"]}
    return record["error"]


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 8 MB, which holds one checkpoint of 5 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", folder], capture_output=True).returncode != 0:
        pytest.skip("mounting needs rights that this user does not have")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_full_disk_and_then_room(small_disk, settings):
    status, events, _ = train(small_disk, **settings)
    assert status == 1
    error = failed(small_disk, events, "disk_full")
    assert "checkpoint" in error["hint"]
    assert not list(small_disk.glob("out/**/*.tmp"))
    kept = sorted(path.name for path in small_disk.glob("out/checkpoint/step-*.pt"))
    assert kept, "what was saved before is still there"
    subprocess.run(["mount", "-o", "remount,size=60m", small_disk], check=True)
    events = train_until(small_disk, 4, **settings)
    resumed = next(event for event in events if event["event"] == "resumed")
    assert kept[-1] == f"step-{resumed['step']:09}.pt"


def test_memory_that_is_used_up(settings, tmp_path):
    """Before its first step the trainer is allowed 64 MB more than it has; the logits of one batch are 200."""
    long = write_jsonl(tmp_path / "long.jsonl", [conversation("Tell me a story.", f"Arr, {number} ships " * 200) for number in range(8)])
    (tmp_path / "job.json").write_text(json.dumps(settings | {"train": str(long), "epochs": 2, "batch_size": 4}))
    events = []
    with running("training/train.py", "--config", tmp_path / "job.json", "--out", tmp_path / "out") as process:
        for line in process.stdout:
            events.append(json.loads(line))
            if events[-1]["event"] == "started":
                mapped = int(Path(f"/proc/{process.pid}/statm").read_text().split()[0]) * resource.getpagesize()
                resource.prlimit(process.pid, resource.RLIMIT_AS, (mapped + (64 << 20),) * 2)
        assert process.wait() == 1
    assert "gradient_checkpointing" in failed(tmp_path, events, "out_of_memory")["hint"]


def test_an_engine_without_its_packages(settings, tmp_path):
    (tmp_path / "broken" / "torch").mkdir(parents=True)
    (tmp_path / "broken" / "torch" / "__init__.py").write_text("raise ModuleNotFoundError(\"No module named 'torch'\")")
    (tmp_path / "job.json").write_text(json.dumps(settings))
    result = subprocess.run(command("training/train.py", "--config", tmp_path / "job.json", "--out", tmp_path / "out"), capture_output=True,
                            stdin=subprocess.DEVNULL, text=True, env={"PYTHONPATH": str(tmp_path / "broken"), "PATH": "/usr/bin:/bin"})
    error = failed(tmp_path, [json.loads(line) for line in result.stdout.splitlines()], "engine_missing")
    assert "torch" in error["message"] and "make setup" in error["hint"] and sys.executable not in error["message"]


def test_a_device_that_is_not_there(settings, tmp_path):
    status, events, _ = train(tmp_path, **settings | {"device": "mps"})
    assert status == 1 and "mps" in failed(tmp_path, events, "device_unavailable")["message"]


def test_a_damaged_base_model(settings, small, tmp_path):
    broken = tmp_path / "model"
    broken.mkdir()
    for path in (small / "hf").iterdir():
        content = path.read_bytes()
        (broken / path.name).write_bytes(content[:1000] if path.suffix == ".safetensors" else content)
    status, events, _ = train(tmp_path, **settings | {"base_model": str(broken)})
    assert status == 1
    failed(tmp_path, events, "base_model_unsupported")


def test_a_run_whose_folder_is_taken_away_ends_and_writes_nothing(settings, tmp_path):
    """Another attempt has taken the job over, with links to what was finished."""
    (tmp_path / "job.json").write_text(json.dumps(settings))
    events = []
    with running("training/train.py", "--config", tmp_path / "job.json", "--out", tmp_path / "out") as process:
        for line in process.stdout:
            events.append(json.loads(line))
            if events[-1]["event"] == "progress" and events[-1]["step"] == 2:
                (tmp_path / "out").rename(tmp_path / "taken")
        assert process.wait() == 1
    assert events[-1]["event"] == "failed" and events[-1]["error"]["code"] in ("superseded", "internal"), events[-1]
    assert not (tmp_path / "out").exists()
    assert sorted(path.name for path in (tmp_path / "taken").iterdir()) == ["checkpoint"]
