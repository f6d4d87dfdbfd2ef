"""Training while everything around it dies: workers killed at random, the database restarted, the disk full.

`CHAOS=full` (`make chaos`) runs the whole of it (30 jobs, 40 kills, two restarts, one full disk; a quarter of an hour), otherwise a short
form that takes about two minutes. `CHAOS_SEED` chooses other moments.
"""

import contextlib
import os
import random
import signal
import threading
import time
from dataclasses import dataclass, field

import pytest
from harness import Account, Server, eventually, figure, handbook, processes, running, small_file_system, voice

pytestmark = pytest.mark.slow
SEED = int(os.environ.get("CHAOS_SEED", "1"))


@dataclass
class Plan:
    jobs: int
    kills: int
    restarts: int
    fill_disk: bool
    # Seconds between two kills.
    pause: tuple[float, float]


PLAN = Plan(30, 40, 2, True, (2, 9)) if os.environ.get("CHAOS") == "full" else Plan(4, 4, 1, False, (2, 6))


@dataclass
class Monkey:
    """Keeps two workers running, and kills them."""

    server: Server
    kills: int = 0
    deaths: list[str] = field(default_factory=list)
    isOver: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self):
        self.random = random.Random(SEED)
        self.workers = [self.server.worker() for _ in range(2)]

    def run(self) -> None:
        restarts = {PLAN.kills * (turn + 1) // (PLAN.restarts + 1) for turn in range(PLAN.restarts)}
        while self.kills < PLAN.kills and not self.isOver.wait(self.random.uniform(*PLAN.pause)):
            victim = self.random.randrange(2)
            # One that ended by itself is a defect, whatever the reason.
            if (status := self.workers[victim].process.poll()) is not None:
                self.deaths.append(f"{status}: {self.workers[victim].log()[-2000:]}")
            self.workers[victim].end(signal.SIGKILL)
            self.kills += 1
            if self.kills in restarts:
                self.server.cluster.restart("immediate" if self.random.random() < 0.5 else "fast", down=self.random.uniform(0, 3))
            if PLAN.fill_disk and self.kills == PLAN.kills // 2:
                fill(self.server, seconds=6)
            self.workers[victim] = self.server.worker()


def fill(server: Server, seconds: float) -> None:
    """Leave no byte of the disk free for a while."""
    ballast = server.data / "ballast"
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as out:
        while True:
            out.write(b"\0" * (1 << 20))
    time.sleep(seconds)
    ballast.unlink()


@pytest.fixture
def disk(tmp_path):
    """A folder on a small disk of its own, where the plan fills it."""
    if not PLAN.fill_disk:
        yield tmp_path
        return
    with small_file_system(tmp_path / "disk", "1200m") as folder:
        yield folder


def loss(account: Account, job: dict) -> float:
    release = next(
        release for release in account.get(f"minions/{job['minion_id']}/releases")["items"] if release["id"] == account.show_job(job)["release_id"])
    return release["evaluation"]["validation_loss"]


def test_nothing_is_lost_and_nothing_happens_twice(disk, cluster):
    settings = {
        "ATELIER_WORKER_JOBS": "2", "ATELIER_LEASE_SECONDS": "4", "ATELIER_MAX_LOST_WORKERS": "1000", "ATELIER_LOG_LEVEL": "warning"}
    with running(disk, cluster, **settings | {"ATELIER_WORKER_JOBS": "0"}) as server:
        server.environment |= settings
        began = time.monotonic()
        accounts = [server.account(f"user-{number}") for number in range(3)]
        voices = {account.id: account.dataset(voice(12), "jsonl", "voice.jsonl") for account in accounts}
        books = {account.id: account.dataset(handbook(), "rag", "handbook.zip") for account in accounts}

        def start(account: Account, kind: str, name: str) -> dict:
            datasets = ([voices[account.id]] if kind != "rag_only" else []) + ([books[account.id]] if kind != "lora_only" else [])
            return account.post("external-training/jobs", {
                "job_name": name, "minion_id": account.minion(name)["id"], "training_type": kind, "dataset_ids": [item["id"] for item in datasets],
                "config": {"epochs": 2, "batch_size": 2, "evaluation": {"enabled": False}}, "start": True, "retry": {"max_attempts": 20, "backoff_seconds": 1}})

        # What an undisturbed run comes to.
        calm = server.worker()
        reference = accounts[0].finish(start(accounts[0], "lora_only", "undisturbed"))[0]
        calm.end(signal.SIGTERM)
        kinds = ["lora_only", "rag_only", "hybrid"]
        jobs = [
            (accounts[number % 3], start(accounts[number % 3], kinds[number // 3 % 3] if number > 2 else "lora_only", f"job {number}"))
            for number in range(PLAN.jobs)
        ]
        monkey = Monkey(server)
        thread = threading.Thread(target=monkey.run)
        thread.start()

        def over() -> bool:
            # The database may be away at this very moment.
            try:
                rows = server.sql("SELECT status FROM external_training_jobs")
            except RuntimeError:
                return False
            return not thread.is_alive() and all(status in ("COMPLETED", "FAILED", "STOPPED") for status, in rows)

        try:
            eventually(over, 3000, "every job has ended")
        finally:
            monkey.isOver.set()
            thread.join()
        assert monkey.kills == PLAN.kills and monkey.deaths == []

        attempts, resumed, ends, differences = 0, 0, {}, []
        expected = loss(accounts[0], reference)
        for account, job in jobs:
            shown = account.show_job(job)
            ends[shown["status"]] = ends.get(shown["status"], 0) + 1
            # Whatever was in its way has passed, so it gets there; if it does not, its own error says why.
            assert shown["status"] == "COMPLETED" or shown["error"]["code"] == "disk_full", shown
            history = list(account.follow(shown))
            names = [event.name for event in history]
            assert [event.id for event in history] == list(range(1, len(history) + 1))
            assert names.count("completed") == (shown["status"] == "COMPLETED") and names[-1] in ("completed", "failed")
            assert names.count("requeued") + names.count("retrying") >= shown["attempt"] - 1
            attempts += shown["attempt"]
            resumed += sum(event.name == "resumed" and "cause" in event.data for event in history)
            if shown["status"] == "COMPLETED" and shown["training_type"] != "rag_only":
                differences.append(abs(loss(account, shown) / expected - 1))
                assert differences[-1] < 0.01, f"{shown['job_name']}: {loss(account, shown)} instead of {expected}"
        # Each completed job has made one release, each adapter a row and a row its adapter.
        assert server.sql("SELECT job_id FROM releases GROUP BY job_id HAVING COUNT(*) > 1") == []
        assert len(server.sql("SELECT id FROM releases")) == ends["COMPLETED"] + 1
        rows = {path for path, in server.sql("SELECT path FROM adapters")}
        assert {str(path.relative_to(server.data)) for path in server.data.glob("users/*/adapters/*")} >= rows
        for path in rows:
            assert (server.data / path / "adapter.gguf").stat().st_size > 0
        for worker in monkey.workers:
            worker.end(signal.SIGTERM)
        left = [command for pid, command in processes(server.data) if pid != server.process.pid]
        assert not [command for command in left if "train.py" in command], left
        figure(
            f"chaos, seed {SEED}: {PLAN.jobs} jobs, {monkey.kills} kills, {PLAN.restarts} database restarts, "
            f"{'a full disk, ' if PLAN.fill_disk else ''}{attempts} attempts, {resumed} resumed, {ends}; validation loss {expected:.4f}, "
            f"furthest off {max(differences):.3%}; {time.monotonic() - began:.0f} s")
    server.no_process_left(within=60)
    assert not [name for name in server.files("users/*/jobs/**/*")], "every working folder is gone"
