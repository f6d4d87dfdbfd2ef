"""A real server, and how the tests talk to it.

Run the suite from anywhere, after a release build and `scripts/setup.sh`:

    .venv/bin/python -m pytest Tests/EndToEnd

ATELIER_BINARY     the program to test (default .build/release/atelier)
ATELIER_DATA_DIR   where the models are (default ./data)
"""

import io
import json
import os
import re
import select
import signal
import sqlite3
import subprocess
import sys
import time
import uuid
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2 as httpx
import pytest
from upstream import Reply, Upstream, whole

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "samples"
ENGINE = ROOT / "engine"
BINARY = Path(os.environ.get("ATELIER_BINARY", ROOT / ".build/release/atelier")).absolute()
MODELS = Path(os.environ.get("ATELIER_DATA_DIR", ROOT / "data")).absolute() / "models"
BASE_MODEL = "smollm2-135m-instruct"
PASSWORD = "correct-horse-battery"
# Children inherit it, so that a process belongs to a server whatever became of its parents.
MARK = "ATELIER_TEST_RUN"

# A connection for each request, so that no test depends on what an earlier one left of its connection.
# That connections can be used again is tested where it is the point.
FRESH = httpx.Limits(max_keepalive_connections=0)

FIGURES: list[str] = []


def figure(text: str) -> None:
    """A measured value, shown at the end of the run."""
    FIGURES.append(text)


# --- waiting -------------------------------------------------------------------


def eventually(condition: Callable[[], object], within: float, what: str):
    """The first true value of `condition`, which must come within so many seconds."""
    deadline = time.monotonic() + within
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {within} s: {what}"
        time.sleep(0.02)
    return value


def found(folder: Path, pattern: str) -> list[Path]:
    """What is in a folder that a server is at work in: pathlib's globs fail where a folder goes while it is read."""
    while True:
        try:
            return list(folder.glob(pattern))
        except FileNotFoundError:
            continue


# --- processes -----------------------------------------------------------------


def processes(folder: Path) -> list[tuple[int, str]]:
    """Id and command line of every living process that was started for this data directory."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            # A dead process that nobody has waited for has neither.
            command = (entry / "cmdline").read_bytes()
            environment = (entry / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if f"{MARK}={folder}".encode() in environment or str(folder).encode() + b"/" in command:
            found.append((int(entry.name), command.replace(b"\0", b" ").decode(errors="replace")))
    return found


def command(script: str, *arguments: object) -> list[str]:
    return [sys.executable, str(ENGINE / script), *map(str, arguments)]


def trainers(server: "Server") -> list[tuple[int, str]]:
    """Of its processes those that train."""
    return [process for process in processes(server.data) if "train.py" in process[1] and "bwrap" not in process[1]]


@contextmanager
def small_file_system(folder: Path, size: str) -> Iterator[Path]:
    """A file system of so many bytes, e.g. `48m`, in a new folder; skips the test where that takes rights we lack."""
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], capture_output=True).returncode != 0:
        pytest.skip("a disk that can be filled takes the right to mount one")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


# --- the server ----------------------------------------------------------------


class Server:
    """One data directory and the server on it; may be started again after it ended. With a `cluster` its rows are there."""

    def __init__(self, folder: Path, cluster: "postgres.Cluster | None" = None, **environment: str):
        self.data = folder / "data"
        self.log_file = folder / "server.log"
        self.data.mkdir(mode=0o700)
        assert (MODELS / "ready.json").exists(), "the models are missing: run scripts/setup.sh"
        (self.data / "models").symlink_to(MODELS)
        inherited = {
            name: value for name, value in os.environ.items()
            if not name.startswith("ATELIER_") and name not in ("API_KEY_ENCRYPTION_KEY", "DEFAULT_PROVIDERS", "EXTERNAL_TRAINING_ENABLED")
        }
        self.environment = inherited | {
            MARK: str(self.data), "ATELIER_CHILD_ENVIRONMENT": MARK, "ATELIER_ENGINE_DIR": str(ENGINE), "ATELIER_WEB_DIR": str(ROOT / "web"), "ATELIER_PYTHON": sys.executable,
            "ATELIER_SCRYPT_COST": "10",
        } | environment
        self.cluster = cluster
        if cluster:
            self.database = f"atelier_{uuid.uuid4().hex}"
            self.environment["ATELIER_DATABASE_URL"] = cluster.url(self.database)
        #: what the server is started by, e.g. a program that sets limits and then becomes it
        self.under: list[str] = []
        self.process: subprocess.Popen | None = None
        self.workers: list[Worker] = []
        self.url = ""
        self.port = 0  # of its first start; kept, so that clients find it again

    def start(self) -> "Server":
        assert BINARY.exists(), f"there is no {BINARY.name}: build it with swift build -c release"
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                [*self.under, BINARY, "serve", "--port", str(self.port), "--data-dir", self.data], cwd=self.data.parent, env=self.environment,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
        ready, _, _ = select.select([self.process.stdout], [], [], 60)
        line = self.process.stdout.readline().decode() if ready else ""
        found = re.fullmatch(r"listening on (http://127\.0\.0\.1:(\d+))\n", line)
        assert found, f"the server said {line!r}\n{self.log()}"
        assert processes(self.data), "the test can see the processes it looks for"
        self.url, self.port = found[1], int(found[2])
        self.http = httpx.Client(base_url=self.url, timeout=120, trust_env=False, limits=FRESH)
        return self

    def end(self, how: int, within: float) -> float:
        """Send the signal; the seconds until the process was gone."""
        began = time.monotonic()
        self.process.send_signal(how)
        try:
            self.process.wait(within)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"the server still ran {within} s after signal {how}\n{self.log()[-3000:]}") from None
        finally:
            self.http.close()
            self.process.stdout.close()
        return time.monotonic() - began

    def close(self) -> None:
        """End it, whatever state it is in, and see that nothing of it is left."""
        for worker in self.workers:
            worker.end(signal.SIGTERM)
        if self.process and self.process.poll() is None:
            self.end(signal.SIGTERM, within=60)
        self.no_process_left(within=60)
        # pytest keeps the folders of the last runs.
        (self.data / "reserve").unlink(missing_ok=True)

    def no_process_left(self, within: float) -> None:
        try:
            eventually(lambda: not processes(self.data), within, "no process of the server is left")
        except AssertionError:
            left = processes(self.data)
            for pid, _ in left:
                os.kill(pid, signal.SIGKILL)
            raise AssertionError(f"left after {within} s: {left}") from None

    def log(self) -> str:
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def peak_memory(self) -> int:
        """Most bytes of memory the server has ever held (VmHWM)."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"^VmHWM:\s+(\d+) kB", status, re.M)[1]) << 10

    def sql(self, statement: str, *parameters: object) -> list[tuple]:
        """Straight into the database, past the server. From PostgreSQL everything comes as text."""
        if self.cluster:
            assert not parameters
            return self.cluster.sql(statement, self.database)
        with closing(sqlite3.connect(self.data / "atelier.sqlite", timeout=10)) as connection, connection:
            return connection.execute(statement, parameters).fetchall()

    def files(self, pattern: str) -> set[str]:
        """Files below the data directory, relative to it."""
        return {str(path.relative_to(self.data)) for path in found(self.data, pattern) if path.is_file()}

    def worker(self, **environment: str) -> "Worker":
        """A worker process beside the server; ends with it."""
        worker = Worker(self, environment)
        self.workers.append(worker)
        return worker

    def create_user(self, email: str, *flags: str) -> None:
        """The operator's command; unlike registration it is never slowed down."""
        done = subprocess.run(
            [BINARY, "user", "create", email, "--password-stdin", "--data-dir", self.data, *flags], input=PASSWORD + "\n",
            cwd=self.data.parent, env=self.environment, text=True, capture_output=True)
        assert done.returncode == 0, done.stderr

    def run(self, *arguments: str) -> str:
        """What one of the operator's commands prints."""
        done = subprocess.run(
            [BINARY, *arguments, "--data-dir", self.data], cwd=self.data.parent, env=self.environment, text=True, capture_output=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def account(self, name: str, *flags: str) -> "Account":
        """A new person, signed in."""
        self.create_user(f"{name}@example.org", *flags)
        return self.sign_in(f"{name}@example.org")

    def sign_in(self, email: str, password: str = PASSWORD) -> "Account":
        body = ok(self.http.post("/api/auth/login", json={"email": email, "password": password}))
        return Account(self, body["user"]["id"], email, body["token"])


class Worker:
    """An `atelier worker` process on a server's data directory."""

    def __init__(self, server: Server, environment: dict[str, str]):
        self.log_file = server.data.parent / f"worker-{len(server.workers)}.log"
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                [BINARY, "worker", "--data-dir", server.data], cwd=server.data.parent, env=server.environment | environment,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
        ready, _, _ = select.select([self.process.stdout], [], [], 60)
        line = self.process.stdout.readline().decode() if ready else ""
        found = re.fullmatch(r"worker (\S+) is ready\n", line)
        assert found, f"the worker said {line!r}\n{self.log()}"
        self.name = found[1]

    def end(self, how: int, within: float = 60) -> float:
        """The seconds until the process was gone."""
        began = time.monotonic()
        if self.process.poll() is None:
            self.process.send_signal(how)
            try:
                self.process.wait(within)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise AssertionError(f"the worker still ran {within} s after signal {how}\n{self.log()[-3000:]}") from None
        self.process.stdout.close()
        return time.monotonic() - began

    def log(self) -> str:
        return self.log_file.read_text(errors="replace")


@contextmanager
def running(folder: Path, cluster: "postgres.Cluster | None" = None, **environment: str) -> Iterator[Server]:
    """A server of its own, for a test that ends it or needs other settings."""
    server = Server(folder, cluster, **environment)
    try:
        yield server.start()
    finally:
        server.close()


# --- requests ------------------------------------------------------------------


def ok(response: httpx.Response):
    """The reply's JSON; the request must have succeeded."""
    assert response.is_success, f"{response.request.method} {response.request.url}: {response.status_code} {response.text}"
    return response.json() if response.content else None


def refused(response: httpx.Response, status: int, code: str) -> dict:
    """The reply's error object; the request must have failed just so."""
    assert response.headers["content-type"].startswith("application/json"), response.text
    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (status, code), response.text
    assert error["message"]
    return error


@dataclass
class Event:
    """One server-sent event."""

    id: int | None
    name: str
    data: dict


def events(response: httpx.Response, within: float) -> Iterator[Event]:
    """The events of a stream until the server ends it."""
    deadline = time.monotonic() + within
    id_, name, data = None, "message", []
    for line in response.iter_lines():
        assert time.monotonic() < deadline, f"the stream did not end within {within} s"
        field, _, value = line.partition(": ")
        match field:
            case "id":
                id_ = int(value)
            case "event":
                name = value
            case "data":
                data.append(value)
            case "" if not line and data:
                yield Event(id_, name, json.loads("\n".join(data)))
                id_, name, data = None, "message", []


@dataclass
class Account:
    """A signed-in person; paths are below their own part of the API."""

    server: Server
    id: str
    email: str
    token: str

    @property
    def headers(self) -> dict:
        return {"Authorization": f"Bearer {self.token}"}

    @property
    def base(self) -> str:
        return f"/api/users/{self.id}"

    def request(self, method: str, path: str, **options) -> httpx.Response:
        headers = self.headers | options.pop("headers", {})
        return self.server.http.request(method, path if path.startswith("/") else f"{self.base}/{path}", headers=headers, **options)

    def get(self, path: str, **options):
        return ok(self.request("GET", path, **options))

    def post(self, path: str, body: dict | None = None, **options):
        if path == "providers":  # No vendor is called by a test that does not mean to.
            body = {"test": False} | body
        return ok(self.request("POST", path, json=body if body is not None else {}, **options))

    def put(self, path: str, body: dict):
        return ok(self.request("PUT", path, json=body))

    def delete(self, path: str) -> None:
        ok(self.request("DELETE", path))

    # Minions and their answers

    def minion(self, name: str, **fields) -> dict:
        return self.post("minions", {"name": name, "provider": "local", "model_id": BASE_MODEL} | fields)

    def token_of(self, minion: dict) -> str:
        return self.post(f"minions/{minion['id']}/token")["token"]

    def ask(self, minion: dict, question: str, **settings) -> dict:
        """Whole, repeatable and with its trace, unless `settings` say otherwise."""
        return self.post(f"minions/{minion['id']}/ask", {"question": question, "trace": True, "temperature": 0, "max_tokens": 40} | settings)

    # Datasets

    def upload(self, content: bytes | Iterable[bytes], kind: str, file_name: str, name: str | None = None) -> httpx.Response:
        query = {"dataset_type": kind, "file_name": file_name} | ({"dataset_name": name} if name else {})
        return self.request("POST", "training-datasets", params=query, content=content)

    def dataset(self, content: bytes, kind: str, file_name: str, name: str | None = None) -> dict:
        return ok(self.upload(content, kind, file_name, name))

    # Jobs

    def job(self, minion: dict, kind: str, datasets: list[dict], **config) -> dict:
        return self.post("external-training/jobs", {
            "job_name": f"{kind} for {minion['name']}", "minion_id": minion["id"], "training_type": kind,
            "dataset_ids": [dataset["id"] for dataset in datasets], "config": {"epochs": 1, "evaluation": {"enabled": False}} | config, "start": True,
        })

    def show_job(self, job: dict) -> dict:
        return self.get(f"external-training/jobs/{job['id']}")

    def follow(self, job: dict, after: int | None = None, within: float = 400) -> Iterator[Event]:
        """The job's events until it ends."""
        headers = self.headers | ({"Last-Event-ID": str(after)} if after is not None else {})
        url = f"{self.base}/external-training/jobs/{job['id']}/events"
        with self.server.http.stream("GET", url, headers=headers, timeout=30) as response:
            assert response.status_code == 200 and response.headers["content-type"] == "text/event-stream"
            yield from events(response, within)

    def finish(self, job: dict, after: int | None = None) -> tuple[dict, list[Event]]:
        """The job when it has completed, and its history."""
        history = list(self.follow(job, after))
        job = self.show_job(job)
        assert job["status"] == "COMPLETED", f"{job}\n{self.server.log()[-3000:]}"
        return job, history

    def into_training(self, job: dict, after: int | None = None) -> int:
        """Wait for the first step of training; the number of that event."""
        for event in self.follow(job, after):
            if event.name == "progress" and event.data.get("step"):
                return event.id
        raise AssertionError(f"the job ended before it trained: {self.show_job(job)}")


# --- what is sent and who answers ----------------------------------------------


def voice(examples: int | None = None) -> bytes:
    """The sample voice, or its first examples."""
    lines = (SAMPLES / "voice.jsonl").read_bytes().splitlines(keepends=True)
    return b"".join(lines[:examples])


def handbook(*pages: str) -> bytes:
    """The sample handbook as a zip, or some of its pages."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted((SAMPLES / "handbook").glob("*.md")):
            if not pages or path.name in pages:
                archive.write(path, path.name)
    return buffer.getvalue()


def read_jsonl(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines() if line.strip()]


def questions() -> list[dict]:
    """The sample questions: question, page, answer."""
    return read_jsonl(SAMPLES / "questions.jsonl")


def refusing() -> Upstream:
    """An OpenAI-compatible vendor that refuses every key, and quotes it as vendors do."""
    def refuse(body: dict) -> Reply:
        message = f"Incorrect API key provided: {vendor.keys[-1]}. You can find your API key at https://example.org."
        return whole({"error": {"message": message, "type": "invalid_request_error", "param": None, "code": "invalid_api_key"}}, 401)

    vendor = Upstream([refuse])
    return vendor


@contextmanager
def base_model() -> Iterator[Callable[[list[dict], int], str]]:
    """llama.cpp with the base model and no adapter: from messages and a length to its words."""
    process = subprocess.Popen(
        command("serving/serve.py", "--model", MODELS / BASE_MODEL / "model.gguf"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def ask(messages: list[dict], max_tokens: int) -> str:
        body = {"messages": messages, "temperature": 0, "max_tokens": max_tokens}
        reply = ok(httpx.post(url + "/v1/chat/completions", json=body, timeout=120, trust_env=False))
        return reply["choices"][0]["message"]["content"]

    try:
        url = json.loads(process.stdout.readline())["url"]
        yield ask
    finally:
        process.kill()
        process.communicate()
