"""Workers beside a server: they take jobs, and over from one another."""

import signal
import subprocess

import pytest
from harness import BINARY, Account, Server, eventually, handbook, refused, running, trainers, voice


@pytest.fixture
def office(tmp_path):
    """A server that runs no jobs itself, and somebody on it."""
    with running(tmp_path, ATELIER_WORKER_JOBS="0", ATELIER_LEASE_SECONDS="60") as server:
        yield server, server.account("apprentice")


def lora(account: Account, name: str = "Apprentice", examples: int = 12) -> dict:
    return account.job(account.minion(name), "lora_only", [account.dataset(voice(examples), "jsonl", "v.jsonl", name)], batch_size=1)


def causes(history: list) -> list[str]:
    """Why workers went on with the job. The trainer says, with the same word, from which step it goes on."""
    return [event.data["cause"] for event in history if event.name == "resumed" and "cause" in event.data]


def test_a_worker_takes_over_from_one_that_was_killed(office):
    server, account = office
    job = lora(account)
    assert account.show_job(job)["status"] == "QUEUED"
    first = server.worker(ATELIER_WORKER_JOBS="1")
    boss = server.account("boss", "--superuser")
    account.into_training(job)
    listed = {worker["name"]: worker for worker in boss.get("/api/admin/workers")["items"]}
    assert listed[first.name]["running_jobs"] == [job["id"]] and listed[first.name]["is_alive"] and listed[first.name]["kind"] == "worker"
    assert [found["id"] for found in boss.get("/api/admin/jobs?status=RUNNING")["items"]] == [job["id"]]
    assert boss.request("GET", "/api/admin/jobs?status=NONE").status_code == 422
    first.end(signal.SIGKILL)
    second = server.worker(ATELIER_WORKER_JOBS="1")
    done, history = account.finish(job)
    names = [event.name for event in history]
    assert done["attempt"] == 2 and names.count("requeued") == names.count("completed") == 1
    assert [first.name in cause for cause in causes(history)] == [True]
    assert [event.id for event in history] == list(range(1, len(history) + 1))
    adapter = next(stage for stage in done["stages"] if (stage["attempt"], stage["stage"]) == (2, "adapter"))
    assert adapter["outcome"] == "finished" and adapter["seconds"] > 0
    assert adapter["cpu_seconds"] > 0 and adapter["peak_memory_bytes"] > 100 << 20 and adapter["disk_bytes"] > 1 << 20
    assert second.end(signal.SIGTERM) < 20
    assert [worker["kind"] for worker in boss.get("/api/admin/workers")["items"] if worker["is_alive"]] != ["worker"]


def test_stop_reaches_another_process_and_waits_for_its_end(office):
    server, account = office
    server.worker(ATELIER_WORKER_JOBS="1")
    job = lora(account)
    account.into_training(job)
    assert len(trainers(server)) == 1
    stopped = account.post(f"external-training/jobs/{job['id']}/stop")
    assert stopped["status"] == "STOPPED" and trainers(server) == []


def test_a_worker_that_is_told_to_end_hands_its_job_back(office):
    server, account = office
    first = server.worker(ATELIER_WORKER_JOBS="1")
    job = lora(account)
    account.into_training(job)
    assert first.end(signal.SIGTERM) < 20 and first.process.returncode == 0
    assert account.show_job(job)["status"] == "QUEUED" and trainers(server) == []
    server.worker(ATELIER_WORKER_JOBS="1")
    done, history = account.finish(job)
    assert done["attempt"] == 2 and ["shut down in order" in cause for cause in causes(history)] == [True]


def test_one_machine_runs_as_many_jobs_as_it_may(office):
    server, account = office
    jobs = [
        account.job(account.minion(f"Keeper {number}"), "rag_only", [account.dataset(handbook(), "rag", "h.zip", f"h{number}")])
        for number in range(4)
    ]
    for _ in range(2):
        server.worker(ATELIER_WORKER_JOBS="2")
    most = 0

    def over() -> bool:
        nonlocal most
        # In one reply: asked one by one, a job may end and the next begin in between.
        listed = {job["id"]: job["status"] for job in account.get("external-training/jobs?limit=100")["items"]}
        statuses = [listed[job["id"]] for job in jobs]
        most = max(most, statuses.count("RUNNING"))
        return all(status == "COMPLETED" for status in statuses)

    eventually(over, 240, "all are completed")
    assert most == 2


def test_a_duplicate_is_refused_with_the_earlier_job_and_a_time_is_kept(office):
    server, account = office
    minion = account.minion("Twin")
    dataset = account.dataset(voice(4), "jsonl", "v.jsonl")
    body = {"minion_id": minion["id"], "training_type": "lora_only", "dataset_ids": [dataset["id"]]}
    first = account.post("external-training/jobs", body)
    error = refused(account.request("POST", "external-training/jobs", json=body), 409, "duplicate_job")
    assert error["details"][0]["code"] == first["id"] and first["id"] in error["message"]
    second = account.post("external-training/jobs", body | {"allow_duplicate": True, "run_at": "2999-01-01T00:00:00Z"})
    assert second["status"] == "QUEUED" and second["run_at"].startswith("2999-01-01")
    worker = server.worker(ATELIER_WORKER_JOBS="1")
    third = account.post("external-training/jobs", body | {"config": {"seed": 8, "epochs": 1, "evaluation": {"enabled": False}}, "start": True, "priority": 3})
    assert account.finish(third)[0]["priority"] == 3
    assert account.show_job(second)["status"] == "QUEUED"
    worker.end(signal.SIGTERM)


@pytest.mark.parametrize("wrong, field", [
    ({"schedule": {"cron": "every day"}}, "schedule.cron"), ({"schedule": {"cron": "0 3 * * *", "time_zone": "Mars"}}, "schedule.time_zone"),
    ({"schedule": {"cron": "0 0 30 2 *"}}, "schedule.cron"), ({"priority": 11}, "priority"), ({"retry": {"max_attempts": 0}}, "retry.max_attempts"),
    ({"run_at": "tomorrow"}, "run_at"), ({"run_at": "2999-01-01T00:00:00Z", "start": False}, "run_at"),
])
def test_what_a_plan_must_not_say(somebody, wrong, field):
    dataset = somebody.dataset(voice(4), "jsonl", "v.jsonl")
    body = {"minion_id": somebody.minion("M")["id"], "training_type": "lora_only", "dataset_ids": [dataset["id"]]} | wrong
    error = refused(somebody.request("POST", "external-training/jobs", json=body), 422, "invalid_request")
    assert error["details"][0]["field"] == field


def test_a_changed_dataset_starts_a_run_by_itself(tmp_path):
    with running(tmp_path, ATELIER_RETRAIN_DELAY="0") as server:
        account = server.account("apprentice")
        minion = account.minion("Apprentice")
        dataset = account.dataset(b"# One\n\nThe harbour opens at six.\n", "rag", "one.md")
        job = account.post("external-training/jobs", {
            "minion_id": minion["id"], "training_type": "rag_only", "dataset_ids": [dataset["id"]], "retrain_on_change": True})
        changed = account.request(
            "PUT", f"training-datasets/{dataset['id']}/content", params={"mode": "replace", "file_name": "one.md"},
            content=b"# One\n\nThe harbour opens at seven.\n")
        assert changed.is_success, changed.text

        def run() -> dict | None:
            found = [item for item in account.get("external-training/jobs")["items"] if item.get("origin", {}).get("job_id") == job["id"]]
            return found[0] if found else None

        started = eventually(run, 30, "the run is there")
        assert started["origin"]["cause"] == "dataset_change"
        account.finish(started)
        assert account.show_job(job)["status"] == "PENDING"


def test_a_worker_needs_no_port_and_a_second_server_is_still_refused(office):
    server, _ = office
    server.worker()
    second = subprocess.run([BINARY, "serve", "--port", "0", "--data-dir", server.data], env=server.environment, cwd=server.data.parent,
                            capture_output=True, text=True, timeout=120)
    assert second.returncode != 0 and "another server" in second.stderr
