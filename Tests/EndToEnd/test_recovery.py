"""What a server, a worker or a disk that fails in the middle leaves behind, and what becomes of it."""

import contextlib
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import threading
import time
import uuid
from contextlib import closing

import pytest
from harness import (
    BINARY, Account, Server, eventually, figure, handbook, ok, processes, refused, running, small_file_system, trainers, voice,
)
from test_metering import INPUT_PRICE, MODEL, OUTPUT_PRICE, minion_at, records, upstream, usage
from upstream import Raw

QUESTION = [{"role": "user", "content": "Hello?"}]


def direct(account: Account, vendor) -> tuple[dict, str]:
    account.post("providers", {"provider": "openai", "api_key": "sk-0123456789abcdef", "base_url": vendor.url})
    minion = account.minion("Metered", provider="openai", model_id=MODEL, pipeline={"mode": "direct"})
    return minion, account.token_of(minion)


def chat(server: Server, token: str, **more):
    return server.http.post("/v1/chat/completions", headers={"Authorization": f"Bearer {token}"},
                            json={"model": "Metered", "messages": QUESTION, "max_tokens": 50} | more)


def begin(work) -> threading.Thread:
    """Do it beside the test; that the server dies under it is no failure."""
    def run():
        with contextlib.suppress(Exception):
            work()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def stream(server: Server, path: str, token: str, body: dict, spoken: threading.Event) -> None:
    with server.http.stream("POST", path, headers={"Authorization": f"Bearer {token}"}, json=body) as response:
        for text in response.iter_text():
            if "word" in text:
                spoken.set()


# --- calls under way ----------------------------------------------------------------


@pytest.mark.parametrize("door", ["direct stream", "ask stream", "direct whole"])
def test_a_call_under_way_when_the_server_is_killed_is_on_record(tmp_path, door):
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(running(tmp_path))
        account = server.account("streaming")
        spoken = threading.Event()
        if door == "direct whole":
            # It takes the request and never answers.
            vendor = stack.enter_context(contextlib.closing(Raw()))
            spoken = vendor.taken
        else:
            vendor = stack.enter_context(upstream(words=5, hold=True))
        if door == "ask stream":
            minion, token = minion_at(account, vendor), account.token
            path, body = f"{account.base}/minions/{minion['id']}/ask", {"question": "Hello?", "stream": True, "max_tokens": 50}
        else:
            minion, token = direct(account, vendor)
            path = "/v1/chat/completions"
            body = {"model": "Metered", "messages": QUESTION, "max_tokens": 50, "stream": door == "direct stream"}
        thread = begin(lambda: stream(server, path, token, body, spoken))
        assert spoken.wait(30)
        assert records(account) == []
        server.end(signal.SIGKILL, within=30)
        thread.join()
        for _ in range(2):
            server.start()
            record, = eventually(lambda: records(account), 30, "the call is on record")
            assert (record["outcome"], record["is_estimate"], record["output_tokens"]) == ("interrupted", True, 50)
            assert record["minion_id"] == minion["id"] and record["key_id"].startswith("key_") and record["input_tokens"] > 0
            assert record["cost"] == pytest.approx(record["input_tokens"] * INPUT_PRICE + 50 * OUTPUT_PRICE)
            server.end(signal.SIGTERM, within=30)
        assert server.files("usage/*") == set()
        server.start()


def test_what_a_killed_process_left_is_recorded_by_whoever_runs(tmp_path):
    """By a server what a worker left, and by workers what a server left: once, however many look."""
    with upstream(words=5, hold=True) as vendor, running(tmp_path, ATELIER_WORKER_JOBS="0") as server:
        account = server.account("streaming")
        _, token = direct(account, vendor)
        spoken = threading.Event()
        thread = begin(lambda: stream(server, "/v1/chat/completions", token, {"model": "Metered", "messages": QUESTION, "stream": True}, spoken))
        assert spoken.wait(30)
        workers = [server.worker() for _ in range(2)]
        server.end(signal.SIGKILL, within=30)
        thread.join()

        def rows() -> list[tuple]:
            return server.sql("SELECT outcome, is_estimate FROM usage_records")

        assert eventually(rows, 60, "a worker has recorded it") == [("interrupted", 1)]
        assert server.files("usage/*") == set()
        for worker in workers:
            worker.end(signal.SIGTERM)
        # The folder of a worker that is gone looks like this.
        left = server.data / "usage-workers" / str(uuid.uuid4())
        left.mkdir(parents=True)
        (left / "lock").touch()
        fields = ["use_of_a_dead_worker", account.id, "", "", "", "paraphrase", "openai", "gpt-4o-mini", str(int(time.time() * 1000)), "5", "6"]
        (left / "000000000001.usage").write_text("+\t" + "\t".join(fields + ["0.25"]) + "\n")
        server.start()
        server.worker()
        eventually(lambda: len(rows()) == 2, 60, "the server has recorded it")
        assert server.sql("SELECT purpose, cost, outcome FROM usage_records WHERE id = 'use_of_a_dead_worker'") == [("paraphrase", 0.25, "interrupted")]
        eventually(lambda: not left.exists(), 60, "the folder is gone")


# --- keys of requests ---------------------------------------------------------------


def test_a_request_that_was_under_way_when_the_server_was_killed_is_not_in_progress_for_a_day(tmp_path):
    with running(tmp_path) as server:
        account = server.account("uploading")
        going = threading.Event()

        def send(body, key: str = "k"):
            # In pieces, so that its length says nothing of the content.
            return account.request("POST", "training-datasets", params={"dataset_type": "jsonl", "file_name": "a.jsonl"},
                                   content=iter([body]) if isinstance(body, bytes) else body, headers={"Idempotency-Key": key})

        def slowly():
            yield voice(4)
            going.wait(60)
            yield b""

        thread = begin(lambda: send(slowly()))
        eventually(lambda: server.sql("SELECT owner FROM idempotency_keys"), 30, "the upload has begun")
        refused(send(voice(4)), 409, "in_progress")
        server.end(signal.SIGKILL, within=30)
        going.set()
        thread.join()
        server.start()
        for _ in range(2):
            error = refused(send(voice(4)), 409, "outcome_unknown")
            assert "new Idempotency-Key" in error["details"][0]["hint"]
        assert account.get("training-datasets")["items"] == []
        assert send(voice(4), key="another").status_code == 201
        assert send(voice(4), key="another").headers["idempotent-replayed"] == "true"


def test_a_client_that_leaves_in_the_middle_may_send_its_request_again(tmp_path):
    with running(tmp_path) as server:
        account = server.account("uploading")
        head = (f"POST {account.base}/training-datasets?dataset_type=jsonl&file_name=a.jsonl HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
                f"Authorization: Bearer {account.token}\r\nIdempotency-Key: k\r\nContent-Length: {len(voice(4))}\r\n\r\n")
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(head.encode() + b'{"messages"')
            eventually(lambda: server.sql("SELECT owner FROM idempotency_keys"), 30, "the upload has begun")

        def again():
            reply = account.request("POST", "training-datasets", params={"dataset_type": "jsonl", "file_name": "a.jsonl"}, content=voice(4),
                                    headers={"Idempotency-Key": "k"})
            return reply.status_code != 409 and reply

        assert eventually(again, 30, "the key is free again").status_code == 201


# --- a frozen worker ----------------------------------------------------------------


def freeze(server: Server, worker) -> None:
    """Stop the process where it is, but for the middle of a transaction: SQLite's lock would keep everybody from writing."""
    while True:
        worker.process.send_signal(signal.SIGSTOP)
        with closing(sqlite3.connect(server.data / "atelier.sqlite", timeout=1, isolation_level=None)) as connection:
            try:
                connection.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError:
                worker.process.send_signal(signal.SIGCONT)


@pytest.mark.parametrize("kind", ["lora_only", "rag_only"])
def test_a_worker_that_is_frozen_beyond_its_lease_spoils_nothing(tmp_path, kind):
    with running(tmp_path, ATELIER_WORKER_JOBS="0", ATELIER_LEASE_SECONDS="3") as server:
        account = server.account("apprentice")
        first = server.worker(ATELIER_WORKER_JOBS="1")
        data = account.dataset(voice(24), "jsonl", "v.jsonl") if kind == "lora_only" else account.dataset(handbook(), "rag", "h.zip")
        job = account.job(account.minion("Apprentice"), kind, [data], batch_size=1)
        if kind == "lora_only":
            account.into_training(job)
        else:
            eventually(lambda: list(server.data.glob("users/*/collections/*/v1.building/chunks.sqlite")), 60, "the collection is begun")
        freeze(server, first)
        try:
            second = server.worker(ATELIER_WORKER_JOBS="1")
            eventually(lambda: account.show_job(job)["attempt"] == 2, 60, "another has taken it over")
            done, history = account.finish(job)
            folder = server.data / server.sql("SELECT path FROM adapters")[0][0] if kind == "lora_only" else next(
                server.data.glob("users/*/collections/*/v1"))
            before = {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        finally:
            first.process.send_signal(signal.SIGCONT)
        # It has lost everything it had of the job, and works on as if nothing had been.
        eventually(lambda: trainers(server) == [], 60, "no trainer is left")
        other = account.job(account.minion("Second"), "rag_only", [account.dataset(b"# One\n\nThe harbour opens at six.\n", "rag", "one.md")])
        second.end(signal.SIGTERM)
        account.finish(other)
        assert first.process.poll() is None, first.log()[-2000:]
        assert {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
        shown = account.show_job(job)
        assert shown["status"] == "COMPLETED" and shown["attempt"] == 2 and shown["release_id"] == done["release_id"]
        names = [event.name for event in account.follow(job)]
        assert names.count("completed") == 1 and names[-1] == "completed"
        assert len(server.sql("SELECT id FROM releases")) == 2


def test_a_job_whose_only_worker_is_frozen_for_long_is_completed(tmp_path):
    """The worker takes its own job up again, as another attempt, beside which the first does nothing more."""
    with running(tmp_path, ATELIER_WORKER_JOBS="0", ATELIER_LEASE_SECONDS="3") as server:
        account = server.account("apprentice")
        worker = server.worker(ATELIER_WORKER_JOBS="1")
        job = account.job(account.minion("Apprentice"), "lora_only", [account.dataset(voice(24), "jsonl", "v.jsonl")], batch_size=1)
        account.into_training(job)
        freeze(server, worker)
        lease = eventually(lambda: server.sql("SELECT lease_expires_at FROM external_training_jobs"), 10, "the lease")[0][0]
        eventually(lambda: time.time() * 1000 > lease + 2000, 30, "the lease is over")
        worker.process.send_signal(signal.SIGCONT)
        done, history = account.finish(job)
        assert [event.name for event in history].count("completed") == 1 and [event.id for event in history] == list(range(1, len(history) + 1))
        assert len(server.sql("SELECT id FROM releases")) == 1
        eventually(lambda: trainers(server) == [], 60, "no trainer is left")
        figure(f"a lone worker frozen beyond its lease: completed in attempt {done['attempt']}")


# --- a full disk --------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path):
    with small_file_system(tmp_path / "disk", "48m") as folder:
        yield folder


def fill(folder) -> None:
    """Leave no page free."""
    for size in (1 << 20, 4096):
        with contextlib.suppress(OSError), (folder / "ballast").open("ab", buffering=0) as out:
            while True:
                out.write(b"\0" * size)


def test_a_full_disk_is_called_by_its_name_and_answers_go_on(small_disk):
    with upstream(usage=usage(10, 20)) as vendor, running(small_disk) as server:
        account = server.account("writing")
        minion, token = direct(account, vendor)
        account.put("limits", {"cost_per_day": 100})
        assert chat(server, token).status_code == 200
        assert ok(server.http.get("/ready"))["disk"] == "ok"
        fill(small_disk)
        ready = eventually(lambda: (reply := server.http.get("/ready")).status_code == 503 and reply.json(), 30, "readiness tells")
        assert ready["disk"] == "full"

        def is_full(reply) -> bool:
            return reply.status_code == 507 and refused(reply, 507, "disk_full")["details"][0]["hint"]

        # SQLite's log may have a little room of its own left.
        numbers = iter(range(10_000))
        eventually(lambda: is_full(account.request("POST", "minions", json={
            "name": f"Number {next(numbers)}", "provider": "openai", "model_id": "m", "system_prompt": "x" * 20_000})), 60, "a create is refused")
        assert is_full(account.upload(voice(), "jsonl", "voice.jsonl"))
        assert is_full(account.upload(handbook(), "rag", "handbook.zip"))
        assert account.get("minions")["items"] and account.get(f"minions/{minion['id']}")["name"] == "Metered"
        for _ in range(50):
            assert chat(server, token).status_code == 200
        assert account.get("training-datasets")["items"] == []
        assert not server.files("users/*/uploads/**/*")
        (small_disk / "ballast").unlink()
        eventually(lambda: server.http.get("/ready").status_code == 200, 30, "there is room again")
        assert account.upload(voice(), "jsonl", "voice.jsonl").status_code == 201
        eventually(lambda: sum(line["requests"] for line in account.get("usage")["summary"]) == 51, 30, "all usage is on record")
        assert [record for record in records(account) if record["outcome"] != "ok"] == []


def test_on_a_full_disk_room_can_be_made(small_disk):
    with running(small_disk) as server:
        account, root = server.account("writing"), server.account("root", "--superuser")
        datasets = [account.dataset(voice(24 + n), "jsonl", f"{n}.jsonl") for n in range(2)]
        minions = [account.minion(f"Number {n}") for n in range(2)]
        hook = account.post("webhooks", {"url": "http://127.0.0.1:9/hook", "events": ["job.completed"]})
        elsewhere = server.sign_in(account.email)
        assert (server.data / "reserve").stat().st_size == 4 << 20

        fill(small_disk)
        numbers = iter(range(10_000))
        # SQLite's log may have a little room of its own left.
        eventually(lambda: account.request("POST", "minions", json={
            "name": f"Create {next(numbers)}", "provider": "openai", "model_id": "m", "system_prompt": "x" * 20_000}).status_code == 507,
            60, "a create is refused")
        # Somebody has to look for what can be deleted: the server's log has what the audit log has no room for.
        assert len(root.get(f"/api/users/{account.id}/minions")["items"]) >= 2
        assert re.search(rf"critical.*admin\.read.*/api/users/{account.id}/minions", server.log())
        assert server.http.post("/api/auth/login", json={"email": account.email, "password": "wrong-horse"}).status_code == 401
        again = server.sign_in(account.email)
        for path in (f"training-datasets/{datasets[0]['id']}", f"minions/{minions[0]['id']}", f"webhooks/{hook['id']}"):
            again.delete(path)
            fill(small_disk)
        assert root.request("DELETE", f"/api/users/{account.id}/minions/{minions[1]['id']}").status_code == 204
        assert elsewhere.request("POST", "/api/auth/logout").status_code == 204
        assert elsewhere.request("GET", "/api/me").status_code == 401
        done = start(server, "user", "password", account.email)
        assert done.returncode == 0, done.stderr

        account = server.sign_in(account.email, re.search(r"password\s+(\S+)", done.stdout)[1])
        server.end(signal.SIGTERM, within=30)
        log = server.data / "atelier.sqlite-wal"
        assert not log.exists() or log.stat().st_size == 0
        fill(small_disk)
        server.start()
        ready = server.http.get("/ready")
        assert ready.status_code == 503 and ready.json()["disk"] == "full"
        account.delete(f"training-datasets/{datasets[1]['id']}")
        assert account.get("training-datasets")["items"] == []
        server.end(signal.SIGTERM, within=30)

        (server.data / "reserve").unlink()
        fill(small_disk)
        done = start(server, "serve", "--port", "0")
        assert done.returncode != 0 and "is full" in done.stderr and str(server.data) in done.stderr and "Free" in done.stderr, done.stderr
        (small_disk / "ballast").unlink()
        server.start()
        assert server.http.get("/ready").json()["disk"] == "ok"
        assert eventually(lambda: (server.data / "reserve").stat().st_size == 4 << 20, 30, "the reserve is made again")


def test_on_a_full_disk_a_minion_goes_whose_answers_are_more_than_the_reserve(small_disk):
    with running(small_disk) as server:
        account = server.account("writing")
        minion = account.minion("Wick")
        server.sql("""
            WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)
            INSERT INTO answers (id, user_id, minion_id, question, answer, trace, created_at)
            SELECT 'ans_' || i, ?, ?, 'q', 'a', hex(randomblob(20000)), 0 FROM n""", account.id, minion["id"])
        with closing(sqlite3.connect(server.data / "atelier.sqlite", timeout=10)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        assert (server.data / "atelier.sqlite").stat().st_size > 10 << 20
        fill(small_disk)
        account.delete(f"minions/{minion['id']}")
        assert server.sql("SELECT id FROM answers") == [] and account.get("minions")["items"] == []
        assert (server.data / "reserve").stat().st_size == 4 << 20, "the reserve is whole again"


# --- what does not belong together --------------------------------------------------


def start(server: Server, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run([BINARY, *arguments, "--data-dir", server.data], env=server.environment, cwd=server.data.parent, capture_output=True,
                          text=True, timeout=120)


COMMANDS = [("serve", "--port", "0"), ("worker",), ("user", "list")]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_a_folder_with_another_database_is_refused(tmp_path_factory, command):
    one, two = (tmp_path_factory.mktemp(name) for name in ("one", "two"))
    with running(one) as server, running(two) as other:
        account = server.account("keeper")
        account.dataset(voice(4), "jsonl", "v.jsonl")
        server.end(signal.SIGTERM, within=30)
        other.end(signal.SIGTERM, within=30)
        kept = server.files("users/**/*")
        ids = [(folder.data / "installation.id").read_text().strip() for folder in (server, other)]
        (one / "own").mkdir()
        for file in server.data.glob("atelier.sqlite*"):
            shutil.move(file, one / "own")
        with closing(sqlite3.connect(other.data / "atelier.sqlite")) as connection:
            connection.execute("VACUUM INTO ?", (str(server.data / "atelier.sqlite"),))
        done = start(server, *command)
        assert done.returncode != 0 and all(id in done.stderr for id in ids), done.stderr
        # A new one is no better: its start would remove every file.
        for file in server.data.glob("atelier.sqlite*"):
            file.unlink()
        done = start(server, *command)
        assert done.returncode != 0 and ids[0] in done.stderr, done.stderr
        for file in server.data.glob("atelier.sqlite*"):
            file.unlink()
        for file in (one / "own").iterdir():
            shutil.move(file, server.data)
        assert server.files("users/**/*") == kept
        server.start()
        other.start()
        assert len(account.get("training-datasets")["items"]) == 1


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_a_schema_that_is_newer_is_refused(tmp_path, command):
    with running(tmp_path) as server:
        server.end(signal.SIGTERM, within=30)
        server.sql("INSERT INTO schema_migrations (version, applied_at) VALUES (999, 0)")
        done = start(server, *command)
        assert done.returncode != 0 and "version 999" in done.stderr and "newer version of Atelier" in done.stderr, done.stderr
        server.sql("DELETE FROM schema_migrations WHERE version = 999")
        server.start()


# --- the database is away -----------------------------------------------------------


def test_direct_chats_go_on_while_the_database_is_away(tmp_path, cluster):
    with upstream(usage=usage(10, 20)) as vendor, running(tmp_path, cluster, ATELIER_OUTAGE_SECONDS="20", ATELIER_WORKER_JOBS="0") as server:
        account = server.account("gateway")
        _, token = direct(account, vendor)
        account.put("limits", {"requests_per_day": 1000})
        unused = account.token_of(account.minion("Unused", provider="openai", model_id="gpt-4o-mini"))
        assert chat(server, token).status_code == 200
        cluster.stop("immediate")
        began = time.monotonic()
        answered = 0

        def ends() -> bool:
            nonlocal answered
            reply = chat(server, token)
            if reply.status_code == 200:
                answered += 1
                return False
            assert reply.status_code == 503 and reply.json()["error"]["code"] == "database_unavailable"
            return True

        reply = chat(server, unused)
        assert reply.status_code == 503, "what was never in memory is not let in"
        # Each of these took as long as the database is waited for, 10 s.
        asked = time.monotonic()
        ready = server.http.get("/ready", headers=account.headers)
        assert ready.status_code == 503 and ready.json()["database"] in ("does not answer", "not reachable")
        metrics = server.http.get("/metrics", headers=account.headers)
        assert metrics.status_code == 200 and "atelier_uptime_seconds" in metrics.text and "atelier_jobs{" not in metrics.text
        assert time.monotonic() - asked < 9
        eventually(ends, 90, "the stated time is over")
        seconds = time.monotonic() - began
        assert answered > 0 and seconds > 10
        cluster.start()
        eventually(lambda: chat(server, token).status_code == 200, 60, "the database is back")
        eventually(lambda: sum(line["requests"] for line in account.get("usage")["summary"]) == answered + 2, 60, "every answer is on record")
        figure(f"the database away: direct chats went on for {seconds:.0f} s ({answered} answers), as set to 20 s")


def test_a_killed_embedder_costs_a_job_a_retry_and_no_more(tmp_path):
    """Its code was one that the list of what is tried again did not know."""
    with running(tmp_path) as server:
        account = server.account("keeper")
        minion = account.minion("Wick")
        documents = account.dataset(handbook(), "rag", "handbook.zip")
        job = account.post("external-training/jobs", {
            "minion_id": minion["id"], "training_type": "rag_only", "dataset_ids": [documents["id"]], "start": True,
            "retry": {"max_attempts": 2, "backoff_seconds": 0}, "config": {"evaluation": {"enabled": False}}})
        # Whether it loads its model yet or embeds already: it is gone, and what it was asked for with it.
        embedders = eventually(lambda: [pid for pid, line in processes(server.data) if "embed.py" in line], 60, "the job's embedder runs")
        for pid in embedders:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        history = list(account.follow(job))
        retried, = [event for event in history if event.name == "retrying"]
        assert retried.data["code"] == "embedder_died"
        done = account.show_job(job)
        assert (done["status"], done["retries"], done["attempt"]) == ("COMPLETED", 1, 2) and "error" not in done
