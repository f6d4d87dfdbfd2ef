"""Give a real server what nobody should send it, and see that it lives.

    .venv/bin/python Tests/EndToEnd/fuzz.py [--minutes 30] [--seed 1] [--target vendors …] [--case vendors:1234]

Every case is made from the seed and its number alone, so a case that failed can be played again. A case fails where the
server ends, answers 500, drops the connection, or takes longer than 5 s; a run also where the server has grown by more
than 200 MB. Targets:

| target | what is mutated |
|---|---|
| vendors | replies of three dialects, whole and streamed: status line, headers, framing, JSON, usage, plain bytes |
| embeddings | replies to /v1/embeddings |
| settings | bodies of minions, limits, provider definitions, keys, webhooks, jobs and searches |
| archives | archives of releases: bytes of the tar, and files in it under right hashes |
| adapters | PEFT archives and GGUF files |
| documents | a document of each kind |
| datasets | chat files |
"""

import argparse
import copy
import io
import itertools
import json
import random
import re
import socketserver
import sys
import tempfile
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "engine/tests"))
import httpx2 as httpx
import numpy as np
import random_adapters
from archives import pack, sealed, unpack
from faulty_upstream import DIALECTS
from harness import BASE_MODEL, MODELS, ROOT, SAMPLES, Server, ok, running
from safetensors.numpy import save

PATIENCE = 5.0
GROWTH = 200 << 20
FIXTURES = ROOT / "engine/tests/fixtures/documents"

# --- mutations ------------------------------------------------------------------

NUMBERS = [
    0, -1, 1, 2**31 - 1, 2**31, 2**53, 2**63 - 1, -(2**63), 2**63, 2**64, 10**19, 5 * 10**18, -1_000_000, 1e300, -1e300, 1e-320, 0.1, -0.0, 1.5,
]
ODD = [None, True, False, "", "0", "NaN", "-1", "\0", "x" * 5000, "\ud83d", "é" * 300, [], {}, [[]], [None], {"": None}, {"a": {"b": {"c": []}}}]
# What JSON's grammar allows or forbids and a serialiser would not write.
LITERALS = ["1e999", "-1e999", "1E400", "NaN", "-Infinity", "00", "1.", "1" * 400, "0." + "1" * 400, "[" * 2000, '{"a":' * 600, '"\\ud800"', '"\\u0000"', "tru"]


def places(value, path=()) -> list[tuple]:
    """The path of every value in a JSON value."""
    found = [path]
    if isinstance(value, dict):
        for key in value:
            found += places(value[key], (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            found += places(item, (*path, index))
    return found


def mutate_json(value, dice: random.Random):
    """The same with one to three changes."""
    value = copy.deepcopy(value)
    for _ in range(dice.randint(1, 3)):
        options = [path for path in places(value) if path]
        if not options:
            return dice.choice(ODD)
        *above, last = dice.choice(options)
        parent = value
        for step in above:
            parent = parent[step]
        match dice.randrange(8):
            case 0 | 1 | 2:
                parent[last] = dice.choice(NUMBERS)
            case 3:
                parent[last] = copy.deepcopy(dice.choice(ODD))
            case 4:
                del parent[last]
            case 5 if isinstance(parent, dict):
                parent[dice.choice(["extra", "", "id", "usage", "error", "\0", "x" * 300])] = copy.deepcopy(dice.choice(ODD + NUMBERS))
            case 6 if isinstance(parent[last], str):
                parent[last] = parent[last] * dice.choice([0, 2, 1000])
            case 7 if isinstance(parent[last], list):
                parent[last] = parent[last] * dice.choice([0, 2, 300])
            case _:
                parent[last] = {"nested": parent[last]} if dice.random() < 0.5 else [parent[last]]
    return value


def json_bytes(value, dice: random.Random) -> bytes:
    text = json.dumps(value, ensure_ascii=dice.random() < 0.5).encode("utf-8", "surrogatepass")
    if dice.random() < 0.1:
        numbers = list(re.finditer(rb"(?<=[:\[,])\s*-?\d[\d.eE+-]*", text))
        if numbers:
            spot = dice.choice(numbers)
            text = text[: spot.start()] + dice.choice(LITERALS).encode() + text[spot.end() :]
    return text


def mutate_bytes(data: bytes, dice: random.Random) -> bytes:
    """The same with some bytes changed, cut, doubled or moved."""
    data = bytearray(data)
    for _ in range(dice.choice([1, 1, 2, 4, 16])):
        if not data:
            break
        at = dice.randrange(len(data))
        length = min(len(data) - at, dice.choice([1, 1, 2, 4, 8, 64, 1024]))
        match dice.randrange(7):
            case 0 | 1:
                data[at] ^= 1 << dice.randrange(8)
            case 2:
                data[at : at + length] = bytes([dice.choice([0, 1, 0x7F, 0x80, 0xFF])]) * length
            case 3:
                data[at : at + length] = dice.randbytes(length)
            case 4:
                del data[at : at + length]
            case 5:
                data[at:at] = data[at : at + length] * dice.choice([1, 2, 50])
            case 6:
                del data[at:]
    return bytes(data)


# --- hostile vendors ---------------------------------------------------------------

STATUS = [
    "200 OK", "200", "0 x", "000 x", "001 x", "042 x", "099 x", "100 Continue", "101 Switching Protocols", "102 x", "103 Early Hints", "199 x", "201 x",
    "204 No Content", "205 x", "206 x", "226 x", "300 x", "301 x", "304 Not Modified", "307 x", "400 x", "401 x", "402 x", "403 x", "404 x", "408 x",
    "413 x", "429 x", "499 x", "500 x", "501 x", "503 x", "529 x", "599 x", "600 x", "999 x", "1000 x", "99999 x", "-1 x", "2x0 x", "", "200 \0", "²00 OK",
]
VERSIONS = ["HTTP/1.1"] * 12 + ["HTTP/1.0", "HTTP/0.9", "HTTP/2", "HTTP/3.7", "HTTP/11", "http/1.1", "ICY", "", "HTTP/1.1\t", "PRI * HTTP/2.0"]
HEADERS = [
    "retry-after: 1e300", "retry-after: -5", "retry-after: 99999999999999999999", "retry-after: NaN", "retry-after: Thu, 01 Jan 9999999 00:00:00 GMT",
    "retry-after: 86400000", "content-type: text/html", "content-type: \0", "content-type:", "content-encoding: gzip", "content-encoding: br",
    "transfer-encoding: gzip, chunked", "transfer-encoding: identity", "connection: close", "connection: upgrade\r\nupgrade: h2c", "keep-alive: timeout=-1",
    "location: http://127.0.0.1:1/", ": no name", "no colon", " folded", "a" * 70_000 + ": b", "b: " + "c" * 70_000, "x-\xff: \xff", "set-cookie: a=b; " * 50,
    "content-length: 5\r\ncontent-length: 6", "x-ratelimit-reset-requests: 1e999s", "x-ratelimit-remaining-tokens: -1", "date: never",
]
FRAMES = ["0", "00000", "1", "-1", "+3", "0x10", "7fffffffffffffff", "ffffffffffffffff", "10000000000000000", "zz", "", "1;" + "e" * 9000]


def hostile_reply(number: int, seed: int, embedding: bool = False) -> tuple[int, bool, bytes]:
    """The dialect's index, whether the question streams, and the bytes on the wire."""
    dice = random.Random(f"{seed}:reply:{number}:{embedding}")
    which, stream = (0, False) if embedding else (dice.randrange(len(DIALECTS)), dice.random() < 0.6)
    dialect = DIALECTS[which]
    if embedding:
        vectors = [{"object": "embedding", "index": index, "embedding": [dice.random() for _ in range(4)]} for index in range(2)]
        bodies = [json.dumps({"object": "list", "model": "m-1", "data": vectors, "usage": {"prompt_tokens": 4, "total_tokens": 4}})]
    else:
        bodies = list(dialect.chunks) if stream else [dialect.whole]
    kind = dice.randrange(10)
    if kind < 5:
        bodies = [mutated_event(body, dice) if dice.random() < 0.6 else body.encode() for body in bodies]
    else:
        bodies = [body.encode() for body in bodies]
    if kind in (5, 6):
        bodies = [mutate_bytes(b"".join(bodies), dice)]
    if kind == 7:
        dice.shuffle(bodies)
        bodies *= dice.choice([1, 2, 40])
    body = b"".join(bodies)
    mutated_head = kind >= 7 or dice.random() < 0.2
    status = dice.choice(STATUS) if mutated_head and dice.random() < 0.6 else "200 OK"
    version = dice.choice(VERSIONS) if mutated_head else "HTTP/1.1"
    lines = [f"{version} {status}", f"content-type: {dialect.media if stream else 'application/json'}"]
    if mutated_head:
        lines += dice.sample(HEADERS, dice.randint(0, 3))
        if dice.random() < 0.03:
            lines += [f"x-{index}: y" for index in range(5000)]
    match dice.randrange(4 if mutated_head else 3):
        case 0:
            lines.append(f"content-length: {len(body)}")
        case 1:
            lines.append("transfer-encoding: chunked")
            size = dice.choice([1, 7, 100, len(body) or 1]) if len(body) < 5000 else len(body)
            pieces = [body[at : at + size] for at in range(0, len(body), size)]
            body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
        case 2:
            lines.append("connection: close")
        case 3:
            if dice.random() < 0.5:
                lines.append(f"content-length: {dice.choice(['-1', '0', '1', '99999', '9223372036854775807', '18446744073709551616', 'x', '', '1,1', str(len(body) - 1)])}")
            else:
                lines.append("transfer-encoding: chunked")
                body = dice.choice(FRAMES).encode() + b"\r\n" + body + b"\r\n" + dice.choice(FRAMES).encode() + b"\r\n\r\n"
    if dice.random() < 0.03:
        lines = [f"HTTP/1.1 {dice.choice(['100', '102', '103'])} x\r\n"] * dice.choice([1, 3, 500]) + lines
    newline = "\n" if mutated_head and dice.random() < 0.1 else "\r\n"
    wire = newline.join(lines).encode("latin-1", "replace") + newline.encode() * 2 + body
    if mutated_head and dice.random() < 0.15:
        wire = mutate_bytes(wire, dice)
    return which, stream, wire


def mutated_event(text: str, dice: random.Random) -> bytes:
    """A recorded piece of a stream, or a whole reply, with its JSON mutated and its framing kept."""
    def again(found: re.Match) -> str:
        try:
            value = json.loads(found[0])
        except ValueError:
            return found[0]
        return json_bytes(mutate_json(value, dice), dice).decode("utf-8", "surrogatepass")

    return re.sub(r"\{.*\}", again, text).encode("utf-8", "surrogatepass")


class HostileVendor(socketserver.ThreadingTCPServer):
    """Answers a request below /N/ with the bytes of case N, and closes the connection."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, seed: int):
        super().__init__(("127.0.0.1", 0), HostileConnection)
        self.seed = seed
        self.answered = Counter()
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def url(self, place: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/{place}"


class HostileConnection(socketserver.StreamRequestHandler):
    timeout = 30

    def handle(self) -> None:
        try:
            head = b""
            while line := self.rfile.readline():
                head += line
                if line == b"\r\n":
                    break
            if length := re.search(rb"^content-length: *(\d+)", head, re.I | re.M):
                self.rfile.read(int(length[1]))
            found = re.match(rb"\S+ /(embed-)?(\d+)/", head)
            if found:
                _, _, wire = hostile_reply(int(found[2]), self.server.seed, embedding=bool(found[1]))
            else:
                body = DIALECTS[0].whole.encode()
                wire = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
            self.server.answered[bool(found)] += 1
            self.wfile.write(wire)
        except OSError:
            pass


# --- targets -----------------------------------------------------------------------


class Failure(Exception):
    """What the server did wrong."""


class Bench:
    """The server that is tried, and what the targets share."""

    def __init__(self, server: Server, vendor: HostileVendor, seed: int, patience: float = PATIENCE):
        self.server, self.vendor, self.seed, self.patience = server, vendor, seed, patience
        self.account = server.account(f"fuzz-{random.randrange(10**9)}")
        self.account.post("providers", {"provider": "anthropic", "api_key": "sk-ant-1234567890123456"})
        self.lock = threading.Lock()
        self.free: dict[str, list] = {}
        self.made = 0
        self.shared: dict[str, object] = {}

    def dice(self, target: str, number: int) -> random.Random:
        return random.Random(f"{self.seed}:{target}:{number}")

    def once(self, name: str, make: Callable[[], object]):
        """Made by whoever needs it first."""
        with self.lock:
            if name not in self.shared:
                self.shared[name] = make()
            return self.shared[name]

    @contextmanager
    def borrowed(self, name: str, make: Callable[[str], object]):
        """One that nobody else uses meanwhile; `make` gets a name that nothing had before."""
        with self.lock:
            free = self.free.setdefault(name, [])
            thing = free.pop() if free else None
            self.made += thing is None
            number = self.made
        thing = make(f"{name} {number}") if thing is None else thing
        yield thing
        with self.lock:
            free.append(thing)

    def send(self, method: str, path: str, allowed: float = 0, token: str | None = None, **options) -> httpx.Response:
        """The reply, which must come in time, whole, and not be 500."""
        path = path if path.startswith("/") else f"{self.account.base}/{path}"
        headers = {"Authorization": f"Bearer {token or self.account.token}"} | options.pop("headers", {})
        began = time.monotonic()
        try:
            response = self.server.http.request(method, path, headers=headers, timeout=180, **options)
        except httpx.TransportError as error:
            raise Failure(f"{method} {path}: the connection broke: {error!r}") from None
        took = time.monotonic() - began
        if response.status_code == 500:
            raise Failure(f"{method} {path}: 500 {response.text[:500]}")
        if took > max(allowed, self.patience):
            raise Failure(f"{method} {path}: took {took:.1f} s for {response.status_code} {response.text[:200]}")
        if len(response.content) > 4 << 20 and not response.is_success:
            raise Failure(f"{method} {path}: an error of {len(response.content)} bytes")
        return response


PROVIDERS = ["custom", "anthropic", "ollama"]
SUFFIX = ["/v1", "", ""]


def vendors(bench: Bench, number: int) -> str:
    dice = bench.dice("vendors", number)
    which, stream, _ = hostile_reply(number, bench.seed)
    address = bench.vendor.url(f"{number}{SUFFIX[which]}")
    mode = dice.choice(["direct", "direct", "full"])

    def minion(name: str):
        made = bench.account.minion(name, provider=PROVIDERS[which], model_id="m-1", base_url=address, pipeline={"mode": mode})
        return made, bench.account.token_of(made)

    with bench.borrowed(f"vendor {which} {mode}", minion) as (made, token):
        return asked(bench, number, dice, made, token, address, stream)


def asked(bench: Bench, number: int, dice: random.Random, made: dict, token: str, address: str, stream: bool) -> str:
    """The minion is pointed at the case's vendor and asked through one of the three doors."""
    ok(bench.send("PUT", f"minions/{made['id']}", json={"base_url": address}))
    question = f"Case {number}"
    match dice.randrange(3):
        case 0:
            reply = bench.send("POST", f"minions/{made['id']}/ask", json={"question": question, "stream": stream}, token=token)
        case 1:
            body = {"model": made["name"], "messages": [{"role": "user", "content": question}], "stream": stream}
            reply = bench.send("POST", "/v1/chat/completions", json=body, token=token)
        case _:
            body = {"model": made["name"], "max_tokens": 100, "messages": [{"role": "user", "content": question}], "stream": stream}
            reply = bench.send("POST", "/v1/messages", json=body, token=token)
    if number % 50 == 0:
        for path in ("usage", "limits", "minions"):
            ok(bench.send("GET", path))
    return str(reply.status_code)


def embeddings(bench: Bench, number: int) -> str:
    address = bench.vendor.url(f"embed-{number}/v1")

    def minion(name: str):
        made = bench.account.minion(
            name, provider="custom", model_id="m-1", base_url=address, pipeline={"mode": "direct", "embedding_model": "vectors"})
        return made, bench.account.token_of(made)

    with bench.borrowed("embed", minion) as (made, token):
        ok(bench.send("PUT", f"minions/{made['id']}", json={"base_url": address}))
        reply = bench.send("POST", "/v1/embeddings", json={"model": "vectors", "input": ["one", "two"]}, token=token)
        return str(reply.status_code)


def bodies(bench: Bench) -> list[tuple[str, str, dict]]:
    """Requests that hold, each with the body to mutate."""
    account = bench.account
    minion = account.minion("settings", provider="custom", model_id="m-1", base_url=bench.vendor.url("v1"), pipeline={"mode": "direct"})
    dataset = account.dataset((SAMPLES / "voice.jsonl").read_bytes(), "jsonl", "voice.jsonl")
    pipeline = {
        "order": "draft_first", "top_k": 3, "rerank": 10, "draft_timeout": 5, "restyle_timeout": 5, "adapter_scale": 1, "draft_temperature": 0.8,
        "voice_examples": 2, "voice_prompt": "draft", "restyle_threshold": 0.5, "expand": 0, "cache": False, "mode": "direct",
    }
    full = {
        "name": "settings", "system_prompt": "Be brief.", "sampling": {"temperature": 0.5, "max_tokens": 50, "top_p": 0.9, "stop": ["x"], "seed": 1},
        "pipeline": pipeline, "fallbacks": [{"provider": "local", "model": BASE_MODEL}],
    }
    definition = {
        "id": "mine", "name": "Mine", "dialect": "openai", "base_url": bench.vendor.url("v1"),
        "models": [{"id": "m-1", "price": {"input": 1.0, "output": 2.0}}],
    }
    job = {
        "minion_id": minion["id"], "training_type": "lora_only", "dataset_ids": [dataset["id"]], "job_name": "x", "priority": 0,
        "config": {"epochs": 1, "learning_rate": 1e-4, "rank": 8, "batch_size": 2, "max_tokens": 256, "seed": 1, "evaluation": {"enabled": False}},
        "retry": {"max": 1, "delay": 1},
    }
    chat = {
        "model": "settings", "messages": [{"role": "user", "content": "Hello."}], "temperature": 1, "max_tokens": 20, "n": 1, "stop": ["a"],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}], "seed": 1, "stream": False,
    }
    messages = {"model": "settings", "max_tokens": 20, "messages": [{"role": "user", "content": [{"type": "text", "text": "Hello."}]}], "system": "x"}
    return [
        ("PUT", f"minions/{minion['id']}", full),
        ("POST", f"minions/{minion['id']}/ask", {"question": "Hello.", "trace": True, "temperature": 0, "max_tokens": 20, "stream": False}),
        ("PUT", "limits", {"requests_per_minute": 100_000, "tokens_per_day": 10**9, "cost_per_day": 10.0, "concurrent_requests": 100}),
        ("PUT", f"limits/minions/{minion['id']}", {"requests_per_day": 10**6, "unpriced": "allow"}),
        ("POST", "provider-definitions", definition),
        ("POST", "providers", {
            "provider": "custom", "api_key": "sk-1234567890123456", "base_url": bench.vendor.url("v1"), "test": False, "weight": 1, "max_concurrent": 5,
            "prices": {"m-1": {"input": 1.0, "output": 2.0}}}),
        ("POST", "webhooks", {"url": bench.vendor.url("hook"), "events": ["job.completed"]}),
        ("POST", "external-training/jobs/estimate", job),
        ("POST", "external-training/jobs", job),
        ("POST", "/v1/chat/completions", chat),
        ("POST", "/v1/messages", messages),
        ("POST", "/v1/embeddings", {"input": ["one"], "model": "bge-small-en-v1.5", "encoding_format": "float"}),
    ]


def settings(bench: Bench, number: int) -> str:
    dice = bench.dice("settings", number)
    requests = bench.once("bodies", lambda: bodies(bench))
    method, path, body = dice.choice(requests)
    data = json_bytes(mutate_json(body, dice), dice)
    if dice.random() < 0.1:
        data = mutate_bytes(data, dice)
    token = bench.once("settings-token", lambda: bench.account.token_of({"id": requests[0][1].split("/")[1]})) if path.startswith("/v1") else None
    # An estimate starts a process that loads libraries; some hundred long texts take the embedder seconds.
    allowed = 60 if "estimate" in path else 30 if "embeddings" in path else 0
    reply = bench.send(method, path, content=data, headers={"Content-Type": "application/json"}, allowed=allowed, token=token)
    made = reply.json() if reply.status_code == 201 else {}
    # What was made must be listed, and go again.
    if "id" in made:
        ok(bench.send("GET", path))
        bench.send("DELETE", f"{path}/{made['id']}")
    if path == "limits":
        ok(bench.send("PUT", path, json={}))
    elif method == "PUT" and reply.is_success:
        ok(bench.send("GET", path if "limits" not in path else "limits"))
    return f"{reply.status_code}"


def peft(dice: random.Random) -> dict[str, bytes]:
    """A PEFT adapter for the default base model, 576 wide, that says nothing sensible."""
    numbers = np.random.default_rng(dice.randrange(2**32))
    prefix = "base_model.model.model.layers.{}.self_attn.q_proj.lora_{}.weight"
    tensors = {}
    for layer in range(30):
        tensors[prefix.format(layer, "A")] = numbers.standard_normal((4, 576), np.float32) * 0.01
        tensors[prefix.format(layer, "B")] = numbers.standard_normal((576, 4), np.float32) * 0.01
    config = {
        "peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": BASE_MODEL, "r": 4, "lora_alpha": 8, "lora_dropout": 0.0,
        "target_modules": ["q_proj"], "bias": "none", "fan_in_fan_out": False, "use_rslora": False, "use_dora": False, "inference_mode": True,
    }
    return {"adapter_config.json": json.dumps(config).encode(), "adapter_model.safetensors": save(tensors)}


def zipped(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def gguf_adapter() -> bytes:
    with tempfile.TemporaryDirectory(prefix="atelier-fuzz-") as folder:
        path = Path(folder) / "adapter.gguf"
        random_adapters.write(path, MODELS / BASE_MODEL / "model.gguf", seed=1, rank=2)
        return path.read_bytes()


def mutate_file(name: str, data: bytes, dice: random.Random) -> bytes:
    """A file as what it is: JSON stays JSON, the header of safetensors a header."""
    if name.endswith((".json", ".jsonl")) and dice.random() < 0.7:
        lines = data.split(b"\n") if name.endswith(".jsonl") else [data]
        at = dice.randrange(len(lines))
        try:
            lines[at] = json_bytes(mutate_json(json.loads(lines[at]), dice), dice)
            return b"\n".join(lines)
        except ValueError:
            pass
    if name.endswith(".safetensors") and dice.random() < 0.7:
        size = int.from_bytes(data[:8], "little")
        header = json_bytes(mutate_json(json.loads(data[8 : 8 + size]), dice), dice)
        length = dice.choice(NUMBERS[:10]) if dice.random() < 0.2 else len(header)
        return int(abs(length) % 2**64).to_bytes(8, "little") + header + data[8 + size :]
    # The beginning of a binary file is where its structure is.
    head = mutate_bytes(data[:4096], dice) if dice.random() < 0.6 else data[:4096]
    return head + data[4096:] if head != data[:4096] else mutate_bytes(data, dice)


def archives(bench: Bench, number: int) -> str:
    dice = bench.dice("archives", number)

    def make():
        account = bench.account
        known = account.minion("known")
        text = "# Kiln\n\nThe kiln is fired on Fridays at 1220 degrees.\n\n# Glaze\n\nGlazes are mixed by weight.\n"
        account.finish(account.job(known, "rag_only", [account.dataset(zipped({"kiln.md": text.encode()}), "rag", "kiln.zip")]))
        voiced = account.minion("voiced")
        ok(account.request("POST", "adapters", params={"minion_id": voiced["id"]}, content=zipped(peft(random.Random(1)))))
        made = []
        for minion in (known, voiced):
            release, = account.get(f"minions/{minion['id']}/releases")["items"]
            reply = account.request("GET", f"minions/{minion['id']}/releases/{release['id']}/archive")
            assert reply.status_code == 200, reply.text
            made.append(unpack(reply.content))
        return made, account.minion("importer")

    (known, voiced), importer = bench.once("archives", make)
    files = dict(dice.choice([known, known, voiced]))
    if dice.random() < 0.2:
        content = mutate_bytes(pack(files), dice)
    else:
        name = dice.choice([name for name in files if name != "manifest.json"])
        if dice.random() < 0.1:
            files["manifest.json"] = mutate_file("manifest.json", files["manifest.json"], dice)
            content = pack(files)
        else:
            files[name] = mutate_file(name, files[name], dice)
            content = sealed(files)
    reply = bench.send("POST", f"minions/{importer['id']}/releases/import", content=content, allowed=30)
    if reply.is_success:
        release = reply.json()["release"] if "release" in reply.json() else reply.json()
        # What was taken must be usable.
        ok(bench.send("POST", f"minions/{importer['id']}/releases/{release['id']}/promote", json={}, allowed=30))
        for collection in ok(bench.send("GET", "collections"))["items"]:
            bench.send("GET", f"collections/{collection['id']}/documents")
            bench.send("POST", f"collections/{collection['id']}/search", json={"query": "kiln"}, allowed=30)
    return str(reply.status_code)


def adapters(bench: Bench, number: int) -> str:
    dice = bench.dice("adapters", number)
    minion = bench.once("adapted", lambda: bench.account.minion("adapted"))
    if dice.random() < 0.5:
        content = mutate_file("adapter.gguf", bench.once("gguf", gguf_adapter), dice)
    else:
        files = peft(dice)
        name = dice.choice(list(files))
        files[name] = mutate_file(name, files[name], dice)
        content = zipped(files)
        if dice.random() < 0.2:
            content = mutate_bytes(content, dice)
    reply = bench.send("POST", "adapters", params={"minion_id": minion["id"]}, content=content, allowed=30)
    return str(reply.status_code)


def remade(data: bytes, dice: random.Random) -> bytes:
    """A zip with one of its members mutated, under a right checksum."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    name = dice.choice(list(files))
    files[name] = mutate_bytes(files[name], dice)
    return zipped(files)


def documents(bench: Bench, number: int) -> str:
    dice = bench.dice("documents", number)
    names = bench.once("documents", lambda: sorted(path.name for path in FIXTURES.iterdir() if path.is_file()))
    name = dice.choice(names)
    data = (FIXTURES / name).read_bytes()
    data = remade(data, dice) if data[:2] == b"PK" and dice.random() < 0.7 else mutate_bytes(data, dice)
    return upload(bench, "rag", name, data, allowed=30)


def datasets(bench: Bench, number: int) -> str:
    dice = bench.dice("datasets", number)
    lines = bench.once("voice", lambda: (SAMPLES / "voice.jsonl").read_bytes().splitlines()[:20])
    lines = [json_bytes(mutate_json(json.loads(line), dice), dice) if dice.random() < 0.3 else line for line in lines]
    data = b"\n".join(lines)
    if dice.random() < 0.3:
        data = mutate_bytes(data, dice)
    return upload(bench, "jsonl", dice.choice(["voice.jsonl", "voice.json", "voice.csv", "voice.parquet"]), data)


def upload(bench: Bench, kind: str, name: str, data: bytes, allowed: float = 0) -> str:
    reply = bench.send("POST", "training-datasets", params={"dataset_type": kind, "file_name": name}, content=data, allowed=allowed)
    if reply.is_success:
        made = reply.json()["id"]
        ok(bench.send("GET", f"training-datasets/{made}"))
        bench.send("GET", f"training-datasets/{made}/preview", allowed=60)  # starts a process that loads a tokenizer
        bench.send("DELETE", f"training-datasets/{made}")
    return str(reply.status_code)


# Weight of each target in a run that has a time, and how many of its cases run at once.
TARGETS: dict[str, tuple[Callable[[Bench, int], str], int, int]] = {
    "vendors": (vendors, 50, 8), "embeddings": (embeddings, 5, 4), "settings": (settings, 20, 4), "archives": (archives, 8, 2),
    "adapters": (adapters, 6, 2), "documents": (documents, 8, 2), "datasets": (datasets, 3, 2),
}


class Run:
    """Cases of one target, until there are enough or a failure is found."""

    def __init__(self, bench: Bench):
        self.bench = bench
        self.failures: list[str] = []
        self.outcomes: dict[str, Counter] = {}

    def play(self, target: str, numbers, until: float = float("inf")) -> int:
        """How many cases were played."""
        case, _, width = TARGETS[target]
        outcomes = self.outcomes.setdefault(target, Counter())
        waiting, lock = iter(numbers), threading.Lock()

        def work() -> int:
            played = 0
            while time.monotonic() < until and len(self.failures) < 20 and self.bench.server.process.poll() is None:
                with lock:
                    number = next(waiting, None)
                if number is None:
                    break
                played += 1
                try:
                    outcomes[case(self.bench, number)] += 1
                except Exception as error:  # whatever it is, it is a finding
                    outcomes["failed"] += 1
                    self.failures.append(f"{target}:{number}: {type(error).__name__ if not isinstance(error, Failure) else ''} {error}"[:5000])
            return played

        with ThreadPoolExecutor(width) as pool:
            played = sum(pool.map(lambda _: work(), range(width)))
        if (status := self.bench.server.process.poll()) is not None:
            crash = re.findall(r"Fatal error.*|Swift runtime failure.*|Crash:.*|\*\*\* .*", self.bench.server.log())
            self.failures.append(f"{target}: the server ended with {status}: {crash[-3:]} {self.bench.server.log()[-3000:]}")
        return played

    def memory(self) -> int:
        """Bytes the server holds now."""
        status = Path(f"/proc/{self.bench.server.process.pid}/status").read_text()
        return int(re.search(r"^VmRSS:\s+(\d+) kB", status, re.M)[1]) << 10


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--target", nargs="*", choices=list(TARGETS), default=list(TARGETS))
    parser.add_argument("--case", help="play one case, as a failure names it")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="atelier-fuzz-")))
        vendor = HostileVendor(arguments.seed)
        stack.callback(vendor.server_close)
        stack.callback(vendor.shutdown)
        server = stack.enter_context(running(folder))
        run = Run(Bench(server, vendor, arguments.seed))
        if arguments.case:
            target, number = arguments.case.split(":")
            run.play(target, [int(number)])
        else:
            endure(run, arguments.target, arguments.minutes * 60)
        for failure in run.failures:
            print(f"FAILED {failure}")
        for target, outcomes in run.outcomes.items():
            print(f"{target}: {sum(outcomes.values())} cases: " + ", ".join(f"{count} × {outcome}" for outcome, count in outcomes.most_common()))
    print("nothing found" if not run.failures else f"{len(run.failures)} found; play one again with --case and the same --seed")
    return 1 if run.failures else 0


def endure(run: Run, targets: list[str], seconds: float) -> None:
    """Each target in turn for its share of a minute, until the time is over; memory is watched from the second round on."""
    numbers = {target: itertools.count() for target in targets}
    weights = sum(TARGETS[target][1] for target in targets)
    end, before, total = time.monotonic() + seconds, None, 0
    for turn in itertools.count():
        for target in targets:
            share = 60 * TARGETS[target][1] / weights
            total += run.play(target, numbers[target], until=min(end, time.monotonic() + share))
            if run.failures:
                return
        held = run.memory()
        before = held if turn == 1 else before
        print(f"{int(seconds - end + time.monotonic())} s: {total} cases, {held / 1e6:.0f} MB", flush=True)
        if before and held - before > GROWTH:
            run.failures.append(f"the server grew from {before / 1e6:.0f} to {held / 1e6:.0f} MB")
        if run.failures or time.monotonic() >= end:
            return


if __name__ == "__main__":
    sys.exit(main())
