"""Every child ends with its parent, at once, and keeps stdout clean."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from conftest import ENGINE, command, conversation, read_event, running, write_jsonl


@pytest.fixture(params=["serve", "embed", "train"])
def started(request, base, models, tmp_path):
    """A running child of each kind; the trainer is in the middle of its steps."""
    if request.param == "serve":
        arguments = ["serve.py", "--model", base / "model.gguf", "--context", 256, "--parallel", 1]
    elif request.param == "embed":
        arguments = ["embed.py", "--model", models / "bge-small-en-v1.5"]
    else:
        data = write_jsonl(tmp_path / "train.jsonl", [conversation("Tell me all. " * 20, "Very well. " * 20)] * 64)
        job = {"base_model": str(base / "hf"), "train": str(data)}
        (tmp_path / "job.json").write_text(json.dumps(job))
        arguments = ["train.py", "--config", tmp_path / "job.json", "--out", tmp_path / "out"]
    return request.param, arguments


def wait_until_busy(kind, process):
    wanted = {"serve": "ready", "embed": "ready", "train": "started"}[kind]
    while read_event(process)["event"] != wanted:
        pass


# Far more than a busy machine takes, far less than the work the child would otherwise do.
PATIENCE = 60


def test_closed_stdin_ends_it(started):
    kind, arguments = started
    with running(*arguments) as process:
        wait_until_busy(kind, process)
        process.stdin.close()
        process.wait(timeout=PATIENCE)
        process.stdin = None


def test_sigterm_ends_it(started, tmp_path):
    kind, arguments = started
    with running(*arguments) as process:
        wait_until_busy(kind, process)
        process.terminate()
        process.wait(timeout=PATIENCE)
        assert process.returncode == 128 + signal.SIGTERM
    if kind == "train":
        record = json.loads((tmp_path / "out" / "exit.json").read_text())
        assert record["status"] == "failed" and record["error"]["code"] == "stopped"


PARENT = """
import subprocess, sys, threading, time
def launch():
    global child
    child = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE)
    print(child.pid, flush=True)
    time.sleep(float({seconds}))
thread = threading.Thread(target=launch)
thread.start()
thread.join()
time.sleep(600)
"""


def alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("seconds", [0, 8, 600])
def test_kill_9_of_the_parent_leaves_no_orphan(models, seconds):
    """The thread that started the child ends after `seconds`: before the child is
    ready, after, or never. That must not end the child while the process lives."""
    arguments = command("embed.py", "--model", models / "bge-small-en-v1.5")
    parent = subprocess.Popen([sys.executable, "-c", PARENT.format(seconds=seconds), *arguments], stdout=subprocess.PIPE)
    try:
        pid = int(parent.stdout.readline())
        assert read_event(parent)["event"] == "ready"
        time.sleep(10 if seconds == 8 else 0.2)
        assert alive(pid)
        parent.kill()
        parent.wait()
        deadline = time.monotonic() + PATIENCE
        while alive(pid) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not alive(pid)
    finally:
        parent.kill()
        parent.communicate()


def test_dev_null_as_stdin_is_no_parent(tmp_path):
    """A script in a shell, its stdin /dev/null, runs to its end."""
    code = "import child, time; child.start(); print('noise'); time.sleep(0.3); child.emit({'event': 'done'})"
    result = subprocess.run([sys.executable, "-c", code], cwd=ENGINE, stdin=subprocess.DEVNULL, capture_output=True)
    assert result.stdout == b'{"event": "done"}\n'
    assert b"noise" in result.stderr


def test_native_code_cannot_write_into_the_protocol():
    code = "import child, os; child.start(); os.write(1, b'native noise'); child.emit({'a': 1}, b'12')"
    result = subprocess.run([sys.executable, "-c", code], cwd=ENGINE, stdin=subprocess.DEVNULL, capture_output=True)
    assert result.stdout == b'{"a": 1}\n12'
