"""Training that is stopped, killed or shut down: nothing lingers, nothing is lost, it can start again."""

import re
import signal
import sqlite3
import subprocess
import time
from contextlib import closing

import pytest
from harness import BINARY, Account, Server, eventually, figure, running, trainers, voice

# Enough steps to be stopped in, few enough to be run again in seconds.
EXAMPLES, BATCH = 12, 1


def start(account: Account, examples: int = EXAMPLES, name: str = "Apprentice") -> dict:
    minion = account.minion(name)
    return account.job(minion, "lora_only", [account.dataset(voice(examples), "jsonl", f"{name}.jsonl")], batch_size=BATCH)


def again(account: Account, job: dict, after: int, how: str = "start") -> None:
    """Start the job again; it must complete, as a second attempt with one unbroken history."""
    account.post(f"external-training/jobs/{job['id']}/{how}")
    job, history = account.finish(job, after)
    assert job["attempt"] == 2 and job["release_id"] and "error" not in job
    assert [event.id for event in history] == list(range(after + 1, after + 1 + len(history)))
    assert history[0].name == "queued" and history[-1].name == "completed"
    assert account.get(f"minions/{job['minion_id']}")["release_id"] == job["release_id"]


@pytest.fixture
def alone(tmp_path):
    """A server of its own, and somebody on it."""
    with running(tmp_path) as server:
        yield server, server.account("apprentice")


def test_stop_ends_training_and_leaves_no_trainer(somebody):
    server = somebody.server
    job = start(somebody)
    somebody.into_training(job)
    assert len(trainers(server)) == 1
    began = time.monotonic()
    stopped = somebody.post(f"external-training/jobs/{job['id']}/stop")
    seconds = time.monotonic() - began
    figure(f"stop in the middle of training: {seconds:.2f} s")
    assert trainers(server) == []
    assert stopped["status"] == "STOPPED"
    history = list(somebody.follow(job))
    assert history[-1].name == "stopped" and history[-1].data["stage"] == "adapter"
    shown = somebody.show_job(job)
    assert shown["status"] == "STOPPED" and 0 < shown["progress"] < 1 and "release_id" not in shown
    assert server.files(f"users/{somebody.id}/jobs/**/*"), "what was done is kept for the next start"
    again(somebody, job, after=history[-1].id)
    eventually(lambda: not server.files(f"users/{somebody.id}/jobs/**/*"), 30, "and goes with the job's end")


def test_restart_begins_anew_and_deleting_leaves_nothing(somebody):
    server = somebody.server
    job = start(somebody)
    somebody.into_training(job)
    path = f"external-training/jobs/{job['id']}"
    assert somebody.request("POST", f"{path}/restart").status_code == 409, "not while it runs"
    somebody.post(f"{path}/stop")
    kept = server.files(f"users/{somebody.id}/jobs/**/*")
    mark = server.data / f"users/{somebody.id}/jobs/{job['id']}/left-by-the-first"
    mark.write_text("x")
    history = list(somebody.follow(job))
    again(somebody, job, after=history[-1].id, how="restart")
    assert kept and not mark.exists()
    other = start(somebody, name="Second apprentice")
    somebody.into_training(other)
    somebody.post(f"external-training/jobs/{other['id']}/stop")
    assert server.files(f"users/{somebody.id}/jobs/**/*")
    somebody.delete(f"external-training/jobs/{other['id']}")
    assert not server.files(f"users/{somebody.id}/jobs/**/*")


def test_a_stopped_job_cannot_be_stopped_twice(somebody):
    job = start(somebody, examples=4)
    somebody.post(f"external-training/jobs/{job['id']}/stop")
    assert somebody.request("POST", f"external-training/jobs/{job['id']}/stop").status_code == 409
    assert trainers(somebody.server) == []


def resumed(account: Account, job: dict, cause: str, after: int = 0) -> None:
    """The job completes by itself, as a second attempt that says why, in one unbroken history."""
    done, history = account.finish(job)
    assert done["attempt"] == 2 and done["release_id"] and "error" not in done
    assert [event.id for event in history] == list(range(1, len(history) + 1))
    names = [event.name for event in history]
    assert names.count("requeued") == names.count("completed") == 1 and "failed" not in names
    # The trainer says, with the same word, from which step it goes on.
    said, = (event.data for event in history if event.name == "resumed" and "cause" in event.data)
    assert re.search(cause, said["cause"]) and said["attempt"] == 2
    outcomes = {(stage["attempt"], stage["stage"]): stage["outcome"] for stage in done["stages"]}
    assert outcomes[1, "adapter"] == "interrupted" and outcomes[2, "adapter"] == "finished"


def test_a_killed_server_leaves_no_process_and_goes_on_when_it_is_back(alone):
    server, account = alone
    job = start(account)
    account.into_training(job)
    server.end(signal.SIGKILL, within=60)
    server.no_process_left(within=60)
    assert server.files("users/*/jobs/**/*"), "the dead server could not clean up, and was not to"

    server.start()
    resumed(account, job, r'worker \S+ was lost in stage "adapter"')
    assert not server.files("users/*/jobs/**/*")
    assert len(account.get("training-datasets")["items"]) == 1


@pytest.mark.parametrize("watcher", ["nobody watching", "a watcher who left", "a watcher"])
def test_a_server_that_is_told_to_end_does_so_in_five_seconds_and_hands_the_job_back(alone, watcher):
    server, account = alone
    job = start(account)
    match watcher:
        case "nobody watching":
            # The first tenth is reached by the first steps, which training alone makes.
            eventually(lambda: account.show_job(job)["progress"] > 0.1, 120, "the job trains")
        case "a watcher who left":
            account.into_training(job)
        case "a watcher":
            stream = account.follow(job)
            next(event for event in stream if event.name == "progress" and event.data.get("step"))
    seconds = server.end(signal.SIGTERM, within=60)
    figure(f"SIGTERM in the middle of training, {watcher}: {seconds:.2f} s")
    server.no_process_left(within=60)
    assert server.process.returncode == 0
    assert server.sql("SELECT status, lease_owner FROM external_training_jobs") == [("QUEUED", None)]
    if watcher == "nobody watching":
        server.start()
        resumed(account, job, "shut down in order")


def test_an_orderly_end_leaves_all_rows_in_the_database_itself(alone):
    server, account = alone
    account.minion("Last")
    server.end(signal.SIGTERM, within=60)
    log = server.data / "atelier.sqlite-wal"
    assert not log.exists() or log.stat().st_size == 0
    # Read as it lies there, without its log.
    with closing(sqlite3.connect(f"file:{server.data / 'atelier.sqlite'}?immutable=1", uri=True)) as connection:
        assert connection.execute("SELECT name FROM external_api_models").fetchall() == [("Last",)]


def test_a_second_server_does_not_get_the_same_data_directory(alone):
    server, _ = alone
    second = subprocess.run([BINARY, "serve", "--port", "0", "--data-dir", server.data], env=server.environment, cwd=server.data.parent,
                            capture_output=True, text=True, timeout=120)
    assert second.returncode != 0 and "another server" in second.stderr
    assert server.http.get("/health").status_code == 200
