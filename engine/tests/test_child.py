"""Every child ends with its parent, at once, and keeps stdout clean."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from conftest import ENGINE, command, conversation, read_event, running, write_jsonl


@pytest.fixture(params=["serve", "embed", pytest.param("train", marks=pytest.mark.slow)])
def started(request, base, models, tmp_path):
    """A running child of each kind; the trainer is in the middle of its steps, of which it has more than it will take."""
    if request.param == "serve":
        arguments = ["serving/serve.py", "--model", base / "model.gguf", "--context", 256, "--parallel", 1]
    elif request.param == "embed":
        arguments = ["embedding/embed.py", "--model", models / "bge-small-en-v1.5"]
    else:
        data = write_jsonl(tmp_path / "train.jsonl", [conversation("Tell me all. " * 20, "Very well. " * 20)] * 64)
        job = {"base_model": str(request.getfixturevalue("small") / "hf"), "train": str(data), "epochs": 1000}
        (tmp_path / "job.json").write_text(json.dumps(job))
        arguments = ["training/train.py", "--config", tmp_path / "job.json", "--out", tmp_path / "out"]
    return request.param, arguments


def eventually(condition) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


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
import subprocess, sys, threading
def launch():
    child = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE)
    print(child.pid, threading.get_native_id(), flush=True)
    {then}
threading.Thread(target=launch).start()
threading.Event().wait()
"""


def alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("then", ["pass", "sys.stdin.readline()", "threading.Event().wait()"], ids=["at once", "later", "never"])
def test_kill_9_of_the_parent_leaves_no_orphan(models, then):
    """The thread that started the child ends before the child is ready, after, or never. That must not end the child while the
    process lives."""
    arguments = command("embedding/embed.py", "--model", models / "bge-small-en-v1.5")
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT.format(then=then), *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        pid, thread = map(int, parent.stdout.readline().split())
        assert read_event(parent)["event"] == "ready"
        if "Event" not in then:
            parent.stdin.write(b"\n")
            parent.stdin.flush()
            eventually(lambda: not os.path.exists(f"/proc/{parent.pid}/task/{thread}"))
        time.sleep(0.2)  # for what must not come
        assert alive(pid)
        parent.kill()
        parent.wait()
        eventually(lambda: not alive(pid))
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
