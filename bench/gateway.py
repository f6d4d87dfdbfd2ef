"""The gateway against LiteLLM's proxy and against no gateway at all: one machine, one run, one upstream.

    python3 bench/gateway.py [--seconds 8] [--connections 1,8,64] [--million] [--requests 1000000]

nginx plays the vendor: it answers every chat with the same bytes. wrk drives nginx directly, then
through Atelier, then through LiteLLM. Atelier authenticates, checks limits, records usage and counts
metrics throughout; LiteLLM checks its master key and, having no database, records nothing. Everything
shares the machine's cores with wrk and nginx, so that no figure is flattered by idle ones.

Installs what is missing: nginx and wrk by apt-get (sudo where not root) or Homebrew, LiteLLM into
.venv-bench. Prints a table and writes bench/results/gateway.json. A figure that could not be had is
null there, and the reason is printed.
"""

import argparse
import http.client
import json
import os
import pathlib
import platform
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
ATELIER = pathlib.Path(os.environ.get("ATELIER_BINARY", ROOT / ".build/release/atelier")).absolute()
PEER_VENV = ROOT / ".venv-bench"
# Exact, so that a run next year measures the same peer. The newest whose own pins can all be met; and
# not 1.107.0, which was published by an intruder.
LITELLM = "1.102.4"
MODEL = "bench"
PASSWORD = "only-for-this-run"
KEY = "sk-bench-0123456789"
# What the fake vendor says; looked for in every reply before a run counts.
ANSWER = "Blue is the colour of a clear sky at noon, because air scatters short waves more than long ones."
OTHER = "Another vendor says that the sky is green."
QUESTION = {
    "model": MODEL, "max_tokens": 64, "temperature": 0,
    "messages": [{"role": "system", "content": "Answer in one sentence."}, {"role": "user", "content": "Why is the sky blue?"}],
}
WRK_SCRIPT = """
-- Counts what matters for every reply; stops after `limit` of them where one is given.
local limit = tonumber(os.getenv("BENCH_LIMIT") or "0")
local counted = 0
wrk.method = "POST"
wrk.body = os.getenv("BENCH_BODY")
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer " .. os.getenv("BENCH_TOKEN")
if limit > 0 then
  function response(status, headers, body)
    counted = counted + 1
    if counted == limit then
      wrk.thread:stop()
      io.stderr:write("reached\\n")
      io.stderr:flush()
    end
  end
end
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    '\\nBENCH {"requests": %d, "microseconds": %d, "p50": %.0f, "p99": %.0f, "max": %.0f, "status": %d, "socket": %d, "timeout": %d}\\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), latency.max, e.status,
    e.connect + e.read + e.write, e.timeout))
end
"""


class Trouble(Exception):
    """Something that keeps a figure from being had, said in words."""


# --- installing ----------------------------------------------------------------


def install() -> None:
    """Everything the run needs; says what it installs, and nothing where all is there."""
    missing = [tool for tool in ("nginx", "wrk") if not find(tool)]
    if missing and shutil.which("apt-get"):
        root = [] if os.geteuid() == 0 else ["sudo"]
        print(f"installing {' and '.join(missing)} with {' '.join([*root, 'apt-get'])}", flush=True)
        run([*root, "apt-get", "update"], "apt-get update")
        packages = ["nginx-light" if tool == "nginx" else tool for tool in missing]
        run([*root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y", "--no-install-recommends", *packages], "apt-get install")
        if "nginx" in missing and pathlib.Path("/run/systemd/system").exists():
            # Debian starts a web server on port 80 with the package; nobody asked for that here.
            run([*root, "systemctl", "disable", "--now", "nginx"], "systemctl disable nginx")
    elif missing and shutil.which("brew"):
        print(f"installing {' and '.join(missing)} with brew", flush=True)
        run(["brew", "install", *missing], "brew install")
    if lacking := [tool for tool in ("nginx", "wrk") if not find(tool)]:
        raise Trouble(f"{' and '.join(lacking)} cannot be found: install with your system's packages and run this again")
    if not ATELIER.exists():
        raise Trouble(f"there is no {ATELIER}: build it with swift build -c release --product atelier")


def install_litellm() -> None:
    stamp = PEER_VENV / "stamp"
    wanted = f"litellm[proxy]=={LITELLM}"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    print(f"installing {wanted} into {PEER_VENV.name}: 700 MB on disk, a minute or two", flush=True)
    run([sys.executable, "-m", "venv", "--clear", str(PEER_VENV)], "python -m venv")
    hashed = ["--require-hashes", "-r", str(ROOT / "bench/requirements-litellm.txt")]
    run([str(PEER_VENV / "bin/pip"), "install", "--disable-pip-version-check", "-q", *hashed], "pip install")
    stamp.write_text(wanted)


def find(tool: str) -> str | None:
    return shutil.which(tool, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/local/sbin:/opt/homebrew/bin")


def run(command: list[str], what: str, **options) -> str:
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
    if done.returncode != 0:
        raise Trouble(f"{what} failed: {done.stdout.strip()[-600:]}")
    return done.stdout


# --- the three servers ---------------------------------------------------------


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port: int, path: str, within: float, process: subprocess.Popen, log: pathlib.Path, headers: dict | None = None) -> None:
    deadline = time.monotonic() + within
    while True:
        if process.poll() is not None or time.monotonic() > deadline:
            tail = log.read_text(errors="replace").strip()[-800:] if log.exists() else ""
            raise Trouble(f"the server on port {port} {'ended' if process.poll() is not None else f'did not answer within {within} s'}: {tail}")
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", path, headers=headers or {})
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        finally:
            connection.close()
        time.sleep(0.1)


def completion(text: str) -> str:
    return json.dumps({
        "id": "chatcmpl-static", "object": "chat.completion", "created": 1760000000, "model": "static-1",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 24, "completion_tokens": 21, "total_tokens": 45},
    })


def chunks(text: str) -> list[str]:
    """The same reply as a stream of about twenty events, with usage and the end mark."""
    words = text.split(" ")
    def event(choices: list, **more) -> str:
        return "data: " + json.dumps(
            {"id": "chatcmpl-static", "object": "chat.completion.chunk", "created": 1760000000, "model": "static-1", "choices": choices} | more) + "\n\n"
    def delta(delta: dict, finish: str | None = None) -> list:
        return [{"index": 0, "delta": delta, "finish_reason": finish}]
    return [
        event(delta({"role": "assistant", "content": ""})),
        *[event(delta({"content": (" " if index else "") + word})) for index, word in enumerate(words)],
        event(delta({}, "stop")),
        event([], usage={"prompt_tokens": 24, "completion_tokens": 21, "total_tokens": 45}),
        "data: [DONE]\n\n",
    ]


class Upstream:
    """nginx as the vendor. /v1 answers whole, /stream/v1 in server-sent events, /other/v1 with other words."""

    def __init__(self, folder: pathlib.Path):
        self.port = free_port()
        self.folder = folder
        parts = chunks(ANSWER)
        # One string may have 4,096 bytes, so a stream is put together from one variable an event.
        variables = "".join(f"set $part{index} '{part}';\n" for index, part in enumerate(parts))
        listing = json.dumps({"object": "list", "data": [{"id": MODEL, "object": "model", "created": 1760000000, "owned_by": "bench"}]})
        (folder / "nginx.conf").write_text(f"""
            daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.log error;
            events {{ worker_connections 4096; }}
            http {{
                access_log off; keepalive_requests 1000000000; keepalive_timeout 1h; tcp_nodelay on; default_type application/json;
                client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
                server {{
                    listen 127.0.0.1:{self.port} backlog=4096;
                    location = /v1/chat/completions {{ return 200 '{completion(ANSWER)}'; }}
                    location = /other/v1/chat/completions {{ return 200 '{completion(OTHER)}'; }}
                    location = /stream/v1/chat/completions {{
                        default_type text/event-stream;
                        {variables}
                        return 200 "{''.join(f'${{part{index}}}' for index in range(len(parts)))}";
                    }}
                    location /v1/models {{ return 200 '{listing}'; }}
                    location /other/v1/models {{ return 200 '{listing}'; }}
                }}
            }}""")
        self.process = subprocess.Popen([find("nginx"), "-c", folder / "nginx.conf", "-p", folder], stderr=(folder / "nginx.err").open("wb"))
        wait_for(self.port, "/v1/models", 10, self.process, folder / "nginx.err")

    def url(self, prefix: str = "") -> str:
        return f"http://127.0.0.1:{self.port}{prefix}/v1"

    def close(self) -> None:
        end(self.process)


class Atelier:
    """A release build on an empty data directory, with one user, two minions and their tokens."""

    def __init__(self, folder: pathlib.Path, upstream: Upstream):
        self.data = folder / "data"
        self.data.mkdir(mode=0o700)
        self.log = folder / "atelier.log"
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("ATELIER_")} | {
            "ATELIER_DATA_DIR": str(self.data), "ATELIER_SCRYPT_COST": "10", "ATELIER_ALLOW_PRIVATE_UPSTREAMS": "true",
        }
        self.port = 0
        self.start()
        run([str(ATELIER), "user", "create", "bench@example.org", "--password-stdin"], "atelier user create", env=self.environment, input=PASSWORD + "\n")
        login = self.call("POST", "/api/auth/login", {"email": "bench@example.org", "password": PASSWORD})
        self.session, self.base = login["token"], f"/api/users/{login['user']['id']}"
        self.call("POST", f"{self.base}/providers", {"provider": "custom", "api_key": KEY, "base_url": upstream.url()})
        self.has_limits = self.limit()
        self.direct_mode = True
        self.minion = self.create_minion(MODEL)
        self.token = self.call("POST", f"{self.base}/minions/{self.minion}/token")["token"]
        streaming = self.create_minion(MODEL + "-stream", base_url=upstream.url("/stream"))
        self.stream_token = self.call("POST", f"{self.base}/minions/{streaming}/token")["token"]

    def limit(self) -> bool:
        """Limits of every kind, out of reach: each request is held against all of them. False where this
        server has none."""
        far = dict.fromkeys(("requests_per_minute", "tokens_per_minute", "requests_per_day", "tokens_per_day", "cost_per_day", "cost_per_month"), 1_000_000_000)
        try:
            self.call("PUT", f"{self.base}/limits", far | {"concurrent_requests": 100_000})
        except Trouble as trouble:
            if ": 404 " not in str(trouble):
                raise
            return False
        return True

    def create_minion(self, name: str, **fields) -> str:
        body = {"name": name, "provider": "custom", "model_id": "static-1"} | fields
        if self.direct_mode:
            try:
                return self.call("POST", f"{self.base}/minions", body | {"pipeline": {"mode": "direct"}})["id"]
            except Trouble as trouble:
                if "unknown_field" not in str(trouble):
                    raise
                self.direct_mode = False
        return self.call("POST", f"{self.base}/minions", body | {"pipeline": {"use_draft": False, "use_passages": False}})["id"]

    def start(self) -> None:
        self.process = subprocess.Popen(
            [str(ATELIER), "serve", "--host", "127.0.0.1", "--port", str(self.port)], cwd=self.data.parent, env=self.environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.log.open("ab"), text=True)
        line = self.process.stdout.readline()
        found = re.fullmatch(r"listening on http://127\.0\.0\.1:(\d+)\n", line)
        if not found:
            raise Trouble(f"Atelier did not start: {line!r} {self.log.read_text(errors='replace')[-800:]}")
        self.port = int(found[1])

    def call(self, method: str, path: str, body: dict | bytes | None = None, connection: http.client.HTTPConnection | None = None):
        """One call of the API as the user; the reply's JSON."""
        own = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {self.session}"} if hasattr(self, "session") else {})
        try:
            own.request(method, path, body if isinstance(body, bytes) else json.dumps(body or {}), headers)
            response = own.getresponse()
            text = response.read()
        finally:
            if not connection:
                own.close()
        if not 200 <= response.status < 300:
            raise Trouble(f"{method} {path}: {response.status} {text.decode(errors='replace')[:400]}")
        return json.loads(text) if text else None

    def recorded(self) -> int:
        """Upstream calls on record, by the API that users see."""
        return sum(row["requests"] for row in self.call("GET", f"{self.base}/usage")["summary"])

    def close(self) -> None:
        end(self.process)


class LiteLLM:
    """Its proxy with one static model and a master key, without database: as its own quick start has it."""

    @staticmethod
    def models(upstream: Upstream) -> list[dict]:
        return [
            {"model_name": name, "litellm_params": {"model": "openai/static-1", "api_base": url, "api_key": KEY}}
            for name, url in ((MODEL, upstream.url()), (MODEL + "-stream", upstream.url("/stream")))
        ]

    def __init__(self, folder: pathlib.Path, models: list[dict], workers: int, key: str = KEY):
        self.port = free_port()
        config = {"model_list": models, "general_settings": {"master_key": key}, "litellm_settings": {"telemetry": False}}
        (folder / "litellm.yaml").write_text(json.dumps(config))  # JSON is YAML.
        log = folder / "litellm.log"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("LITELLM_")} | {
            # Its prices from the package instead of the network; nothing logged but errors.
            "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR", "LITELLM_MODE": "PRODUCTION", "LITELLM_TELEMETRY": "False",
        }
        self.process = subprocess.Popen(
            [str(PEER_VENV / "bin/litellm"), "--config", str(folder / "litellm.yaml"), "--host", "127.0.0.1", "--port", str(self.port),
             "--num_workers", str(workers), "--telemetry", "False"],
            cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=log.open("wb"), stderr=subprocess.STDOUT, start_new_session=True)
        self.token = self.stream_token = key
        try:
            wait_for(self.port, "/v1/models", 180, self.process, log, {"Authorization": f"Bearer {key}"})
        except Trouble:
            self.close()
            raise

    def close(self) -> None:
        end(self.process)


def end(process: subprocess.Popen) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def resident(process: subprocess.Popen) -> float:
    """Resident memory of a process and everything it started, in MiB; pages they share count for each."""
    rows = [tuple(map(int, line.split())) for line in run(["ps", "-A", "-o", "pid=,ppid=,rss="], "ps").splitlines()]
    family = {process.pid}
    while grown := {pid for pid, parent, _ in rows if parent in family} - family:
        family |= grown
    return sum(size for pid, _, size in rows if pid in family) / 1024


# --- measuring -----------------------------------------------------------------


class Load:
    """wrk against one target."""

    def __init__(self, folder: pathlib.Path, port: int, token: str):
        self.script = folder / "post.lua"
        self.script.write_text(WRK_SCRIPT)
        self.errors = folder / "wrk.err"
        self.url = f"http://127.0.0.1:{port}/v1/chat/completions"
        self.port, self.token = port, token

    def start(self, connections: int, seconds: float, limit: int = 0) -> subprocess.Popen:
        return subprocess.Popen(
            [find("wrk"), "-t1", f"-c{connections}", f"-d{int(seconds)}s", "--timeout", "30s", "-s", str(self.script), self.url],
            env=os.environ | {"BENCH_BODY": json.dumps(QUESTION), "BENCH_TOKEN": self.token, "BENCH_LIMIT": str(limit)},
            stdout=subprocess.PIPE, stderr=self.errors.open("wb"), text=True)

    def reached(self) -> bool:
        """Whether the limit was reached."""
        return "reached" in self.errors.read_text()

    def result(self, process: subprocess.Popen) -> dict:
        out, _ = process.communicate()
        found = re.search(r"^BENCH (\{.*\})$", out, re.M)
        if not found:
            raise Trouble(f"wrk said nothing that can be read: {out[-300:]} {self.errors.read_text()[-300:]}")
        result = json.loads(found[1])
        result["rate"] = result["requests"] / (result["microseconds"] / 1e6)
        return result

    def check(self) -> None:
        """One reply, read: fast errors are not answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("POST", "/v1/chat/completions", json.dumps(QUESTION), {"Content-Type": "application/json", "Authorization": f"Bearer {self.token}"})
        response = connection.getresponse()
        text = response.read().decode(errors="replace")
        connection.close()
        if response.status != 200 or json.loads(text)["choices"][0]["message"]["content"] != ANSWER:
            raise Trouble(f"port {self.port} does not answer as the upstream does: {response.status} {text[:400]}")

    def measure(self, connections: int, seconds: float) -> dict:
        self.check()
        self.result(self.start(connections, max(2, seconds / 4)))
        return self.result(self.start(connections, seconds))


class StreamClient:
    """One kept connection that asks for streams and notes when the first word is there."""

    def __init__(self, port: int, path: str, token: str, model: str):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.settimeout(60)
        body = json.dumps(QUESTION | {"model": model, "stream": True}).encode()
        head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self.request = head.encode() + body
        # Not the first event: a gateway can send an empty one before it has asked anybody.
        self.first = re.compile(rb'"content": ?"' + ANSWER.split(" ")[0].encode())

    def first_word(self) -> float:
        """Milliseconds from sending to the first word; reads the reply to its end."""
        received = b""
        began = time.perf_counter_ns()
        self.socket.sendall(self.request)
        while not self.first.search(received):
            received += self.more(received)
        taken = (time.perf_counter_ns() - began) / 1e6
        head, _, body = received.partition(b"\r\n\r\n")
        length = re.search(rb"^content-length: *(\d+)", head, re.I | re.M)
        while len(body) < int(length[1]) if length else not body.endswith(b"0\r\n\r\n"):
            body += self.more(received)
        if b"[DONE]" not in body:
            raise Trouble("a stream ended without its end mark")
        return taken

    def more(self, received: bytes) -> bytes:
        part = self.socket.recv(65536)
        if not part:
            raise Trouble(f"a stream broke off after {received[-300:]!r}")
        return part


def percentile(values: list[float], percent: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def first_words(upstream: Upstream, gateways: dict, count: int) -> dict[str, list[float]]:
    """Times to the first word in alternation, so that a busy moment hits all alike."""
    clients = {"direct": StreamClient(upstream.port, "/stream/v1/chat/completions", KEY, MODEL)} | {
        name: StreamClient(gateway.port, "/v1/chat/completions", gateway.stream_token, MODEL + "-stream") for name, gateway in gateways.items()
    }
    times = {name: [] for name in clients}
    for round in range(count + 20):
        for name, client in clients.items():
            taken = client.first_word()
            if round >= 20:
                times[name].append(taken)
    return times


def timed_calls(atelier: Atelier, count: int, call) -> list[float]:
    """Milliseconds of each of so many calls, one after the other over one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", atelier.port, timeout=60)
    times = []
    for index in range(count + 20):
        request, after = call(index)
        began = time.perf_counter_ns()
        reply = atelier.call(*request, connection=connection)
        if index >= 20:
            times.append((time.perf_counter_ns() - began) / 1e6)
        after(reply)
    connection.close()
    return times


def job_creation(atelier: Atelier, count: int) -> list[float]:
    line = json.dumps({"messages": [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "Because."}]})
    dataset = atelier.call("POST", f"{atelier.base}/training-datasets?dataset_name=bench&dataset_type=jsonl", (line + "\n").encode())["id"]
    def call(index):
        body = {"job_name": f"bench {index}", "minion_id": atelier.minion, "training_type": "lora_only", "dataset_ids": [dataset], "allow_duplicate": True}
        return ("POST", f"{atelier.base}/external-training/jobs", body), lambda reply: None
    return timed_calls(atelier, count, call)


def provider_switch(atelier: Atelier, upstream: Upstream, count: int) -> list[float]:
    """A minion moved to and fro between two providers; every tenth time the next answer must come from the new one."""
    atelier.call("POST", f"{atelier.base}/providers", {"provider": "groq", "api_key": KEY, "base_url": upstream.url("/other")})
    minion = atelier.create_minion("switcher")
    token = atelier.call("POST", f"{atelier.base}/minions/{minion}/token")["token"]
    def call(index):
        provider, answer = (("groq", OTHER), ("custom", ANSWER))[index % 2]
        def after(_):
            if index % 10 not in (0, 1):
                return
            connection = http.client.HTTPConnection("127.0.0.1", atelier.port, timeout=60)
            connection.request("POST", "/v1/chat/completions", json.dumps(QUESTION | {"model": "switcher"}), {"Content-Type": "application/json", "Authorization": f"Bearer {token}"})
            said = json.loads(connection.getresponse().read())
            connection.close()
            if said["choices"][0]["message"]["content"] != answer:
                raise Trouble(f"the answer after a switch to {provider} came from the provider before")
        return ("PUT", f"{atelier.base}/minions/{minion}", {"provider": provider, "model_id": "static-1"}), after
    return timed_calls(atelier, count, call)


# --- endurance -----------------------------------------------------------------


def settled(atelier: Atelier, at_least: int, within: float = 60) -> int:
    """Calls on record once no more are added: what is journalled may reach the table a little later."""
    deadline = time.monotonic() + within
    last, since = -1, time.monotonic()
    while time.monotonic() < deadline:
        now = atelier.recorded()
        if now != last:
            last, since = now, time.monotonic()
        elif time.monotonic() - since > (1 if now >= at_least else 5):
            break
        time.sleep(0.25)
    return last


def endurance(atelier: Atelier, load: Load, count: int) -> dict:
    """So many requests over eight connections, then a kill at a random moment."""
    before = settled(atelier, 0)
    process = load.start(8, 3600, count)
    began = time.monotonic()
    samples, shown = [], began
    while not load.reached() and process.poll() is None and time.monotonic() - began < 3500:
        time.sleep(0.5)
        samples.append((time.monotonic() - began, resident(atelier.process)))
        if time.monotonic() - shown > 30:
            shown = time.monotonic()
            print(f"  {shown - began:.0f} s: {samples[-1][1]:.0f} MiB", flush=True)
    seconds = time.monotonic() - began
    process.send_signal(signal.SIGINT)
    whole = load.result(process)
    half = [size for at, size in samples if at >= seconds / 2]
    quarter = max(1, len(half) // 4)
    after = settled(atelier, before + whole["requests"])
    result = {
        "requests": whole["requests"], "seconds": seconds, "failed": whole["status"] + whole["socket"] + whole["timeout"],
        "resident": samples[-1][1], "peak": max(size for _, size in samples),
        "growth": sum(half[-quarter:]) / quarter - sum(half[:quarter]) / quarter,
        "unrecorded": whole["requests"] - (after - before),
    }

    before = settled(atelier, after)
    process = load.start(8, 3600)
    time.sleep(random.uniform(3, 8))
    atelier.process.kill()
    atelier.process.wait()
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    answered = load.result(process)["requests"]
    atelier.start()
    result["killed_answered"] = answered
    # More may be on record than was answered, by what was in flight; fewer is a loss.
    result["killed_lost"] = before + answered - settled(atelier, before + answered)
    return result


# --- the report ----------------------------------------------------------------


class Table:
    def __init__(self, peer: str):
        self.peer_name = peer
        self.rows: list[dict] = []

    def add(self, metric: str, unit: str, ours: float | None, peer: float | None = None, limit: float | None = None, direct: float | None = None) -> None:
        def tidy(value):
            return None if value is None else round(value, 3)
        row = {"metric": metric, "unit": unit, "ours": tidy(ours), "peer": tidy(peer), "peer_name": self.peer_name if peer is not None else None, "limit": limit}
        if direct is not None:
            row["direct"] = tidy(direct)
        self.rows.append(row)

    def print(self) -> None:
        def cell(value):
            return "" if value is None else f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.2f}"
        print(f"\n{'metric':38} {'unit':>6} {'direct':>10} {'Atelier':>10} {'LiteLLM':>10} {'limit':>9}")
        for row in self.rows:
            at_least = row["metric"].startswith("times_the_peer")
            mark = ""
            if row["limit"] is not None and row["ours"] is not None:
                kept = row["ours"] >= row["limit"] if at_least else row["ours"] <= row["limit"]
                mark = "" if kept else "  MISSED"
            limit = "" if row["limit"] is None else f"{'≥' if at_least else '≤'} {cell(row['limit'])}"
            print(f"{row['metric']:38} {row['unit']:>6} {cell(row.get('direct')):>10} {cell(row['ours']):>10} {cell(row['peer']):>10} {limit:>9}{mark}")


def version(command: list[str], pattern: str) -> str:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    found = re.search(pattern, done.stdout)
    return found[1] if found else "of unknown version"


def processor() -> str:
    try:
        found = re.search(r"^model name\s*: (.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.M)
    except OSError:
        found = None
    return found[1] if found else platform.processor() or platform.machine()


def bench(arguments: argparse.Namespace, folder: pathlib.Path, servers: list) -> tuple[Table, list[str]]:
    connections = [int(value) for value in arguments.connections.split(",")]
    troubles = []
    if (load := os.getloadavg()[0]) > 0.5:
        troubles.append(f"this machine was busy before the run began (load {load:.1f}): compare its columns with each other, and with no other run")
    upstream = Upstream(folder)
    servers.append(upstream)
    atelier = Atelier(folder, upstream)
    servers.append(atelier)
    peer_name = f"LiteLLM {LITELLM}, {arguments.litellm_workers} worker{'s' if arguments.litellm_workers > 1 else ''}"
    table = Table(peer_name)
    print(
        f"{os.cpu_count()} × {processor()}; Atelier {version([str(ATELIER), 'version'], r'([0-9][^ ]*)').strip()}, {peer_name}, "
        f"nginx {version([find('nginx'), '-v'], r'nginx/([^ ]+)').strip()}, wrk {version([find('wrk'), '-v'], r'wrk ([^ ]+)')}.\n"
        f"Atelier with authentication, {'limits of every kind, ' if atelier.has_limits else ''}usage recording and metrics on; its minion {'in direct mode' if atelier.direct_mode else 'without draft and passages'}.",
        flush=True)
    if not atelier.has_limits:
        troubles.append("this Atelier has no limits: no budget was checked")
    if not atelier.direct_mode:
        troubles.append("this Atelier has no direct mode: measured with use_draft and use_passages off")
    print(f"resident before the run: Atelier {resident(atelier.process):.0f} MiB", flush=True)

    direct, ours, theirs = {}, {}, {}
    for count in connections:
        direct[count] = Load(folder, upstream.port, KEY).measure(count, arguments.seconds)
        ours[count] = Load(folder, atelier.port, atelier.token).measure(count, arguments.seconds)
        print(f"  {count} connections: direct {direct[count]['rate']:,.0f}/s, Atelier {ours[count]['rate']:,.0f}/s", flush=True)
    our_memory = resident(atelier.process)
    peer = None
    if not arguments.no_peer:
        try:
            install_litellm()
            # Not before Atelier's run: an idle LiteLLM still takes a little of the processor.
            peer = LiteLLM(folder, LiteLLM.models(upstream), arguments.litellm_workers)
            servers.append(peer)
            print(f"resident before the run: LiteLLM {resident(peer.process):.0f} MiB", flush=True)
            for count in connections:
                theirs[count] = Load(folder, peer.port, peer.token).measure(count, arguments.seconds)
                print(f"  {count} connections: LiteLLM {theirs[count]['rate']:,.0f}/s", flush=True)
        except Trouble as trouble:
            troubles.append(f"LiteLLM: {trouble}")
            peer = None

    def milliseconds(results: dict, count: int, key: str) -> float | None:
        return results[count][key] / 1000 if count in results else None

    def failed(results: dict, count: int) -> float | None:
        return results[count]["status"] + results[count]["socket"] + results[count]["timeout"] if count in results else None

    for count in connections:
        table.add(f"requests_per_second_{count}c", "1/s", ours[count]["rate"], theirs[count]["rate"] if count in theirs else None, direct=direct[count]["rate"])
        for key in ("p50", "p99"):
            base = milliseconds(direct, count, key)
            limit = {"p50": 0.35, "p99": 2.0}[key] if count == 1 else None
            theirs_added = milliseconds(theirs, count, key)
            table.add(f"{key}_{count}c", "ms", milliseconds(ours, count, key), theirs_added, direct=base)
            table.add(f"{key}_added_{count}c", "ms", milliseconds(ours, count, key) - base, None if theirs_added is None else theirs_added - base, limit)
        table.add(f"failed_requests_{count}c", "", failed(ours, count), failed(theirs, count), 0, direct=failed(direct, count))
    if 8 in theirs and theirs[8]["rate"]:
        table.add("times_the_peers_requests_8c", "×", ours[8]["rate"] / theirs[8]["rate"], None, 100)
    table.add("resident_after_run", "MiB", our_memory, resident(peer.process) if peer else None)

    times = first_words(upstream, {"atelier": atelier} | ({"litellm": peer} if peer else {}), arguments.streams)
    for percent in (50, 99):
        base = percentile(times["direct"], percent)
        table.add(
            f"first_token_p{percent}_added", "ms", percentile(times["atelier"], percent) - base,
            percentile(times["litellm"], percent) - base if "litellm" in times else None)
    if peer:
        peer.close()

    for name, unit_limit, measure in (
        ("job_creation_p99", 10, lambda: job_creation(atelier, arguments.calls)),
        ("provider_switch_p99", 2, lambda: provider_switch(atelier, upstream, arguments.calls)),
    ):
        try:
            values = measure()
            table.add(name.replace("p99", "p50"), "ms", percentile(values, 50))
            table.add(name, "ms", percentile(values, 99), None, unit_limit)
        except Trouble as trouble:
            troubles.append(f"{name}: {trouble}")
            table.add(name, "ms", None, None, unit_limit)

    if arguments.million:
        print(f"{arguments.requests:,} requests over 8 connections", flush=True)
        result = endurance(atelier, Load(folder, atelier.port, atelier.token), arguments.requests)
        print(f"  {result['requests']:,} in {result['seconds']:.0f} s; after the kill {result['killed_answered']:,} answered", flush=True)
        table.add("endurance_requests", "", result["requests"])
        table.add("endurance_failed", "", result["failed"], None, 0)
        table.add("endurance_resident", "MiB", result["resident"], None, 80)
        table.add("endurance_resident_peak", "MiB", result["peak"])
        table.add("endurance_growth_last_half", "MiB", result["growth"], None, 2)
        table.add("endurance_unrecorded", "", result["unrecorded"], None, 0)
        table.add("killed_answered", "", result["killed_answered"])
        table.add("killed_unrecorded", "", result["killed_lost"], None, 8)
    return table, troubles


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=8, help="of each run of wrk, after a warm-up of a quarter")
    parser.add_argument("--connections", default="1,8,64")
    parser.add_argument("--streams", type=int, default=300, help="streams from each server")
    parser.add_argument("--calls", type=int, default=300, help="job creations and provider switches")
    parser.add_argument("--litellm-workers", type=int, default=1, help="its processes; 1 is its own default")
    parser.add_argument("--no-peer", action="store_true", help="leave LiteLLM out")
    parser.add_argument("--million", action="store_true", help="also the endurance run, and a kill in the middle of one")
    parser.add_argument("--requests", type=int, default=1_000_000, help="of the endurance run")
    arguments = parser.parse_args()
    # Told to end, it ends its servers too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    servers: list = []
    with tempfile.TemporaryDirectory(prefix="atelier-bench-") as name:
        try:
            install()
            table, troubles = bench(arguments, pathlib.Path(name), servers)
        except Trouble as trouble:
            print(f"\ncannot measure: {trouble}", file=sys.stderr)
            return 1
        finally:
            for server in reversed(servers):
                server.close()
    table.print()
    for trouble in troubles:
        print(f"note: {trouble}")
    results = ROOT / "bench/results"
    results.mkdir(exist_ok=True)
    (results / "gateway.json").write_text(json.dumps(table.rows, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
