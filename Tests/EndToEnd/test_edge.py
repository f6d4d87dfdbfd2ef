"""What a stranger who reaches the port can do to the server, to its users, and to what they see."""

import json
import os
import re
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx2 as httpx
import pytest
from harness import PASSWORD, Account, Server, eventually, figure, ok, refused, running, voice

MIB = 1 << 20
# Of the loopback network, so another client than 127.0.0.1.
ELSEWHERE = "127.0.0.2"
HEALTH = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"


# --- raw connections -----------------------------------------------------------


@contextmanager
def connection(server: Server, source: str = "127.0.0.1") -> Iterator[socket.socket]:
    address = urlsplit(server.url)
    with socket.create_connection((address.hostname, address.port), timeout=60, source_address=(source, 0)) as opened:
        yield opened


def head(method: str, path: str, *fields: str, length: int | None = None) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", *fields]
    lines.append(f"Content-Length: {length}" if length is not None else "Transfer-Encoding: chunked")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def answer(opened: socket.socket) -> tuple[int, dict]:
    """The whole reply. Where it says that the server closes, the server does."""
    reply = b""
    while b"\r\n\r\n" not in reply:
        part = opened.recv(MIB)
        assert part, f"the server closed before its reply was complete: {reply!r}"
        reply += part
    start, _, body = reply.partition(b"\r\n\r\n")
    length = int(re.search(rb"content-length: (\d+)", start.lower())[1])
    while len(body) < length:
        part = opened.recv(MIB)
        assert part, f"the server closed before its reply was complete: {reply!r}"
        body += part
    if b"connection: close" in start.lower():
        assert opened.recv(1) == b""
    return int(start.split()[1]), json.loads(body)


def client(server: Server, source: str) -> httpx.Client:
    return httpx.Client(base_url=server.url, transport=httpx.HTTPTransport(local_address=source), timeout=60)


# --- descriptors ---------------------------------------------------------------


@pytest.fixture(scope="module")
def narrow(tmp_path_factory):
    """A server that may have 256 files and sockets open, and cannot have more."""
    server = Server(tmp_path_factory.mktemp("narrow"))
    server.under = ["prlimit", "--nofile=256:256"]
    try:
        yield server.start()
    finally:
        server.close()


def descriptors(server: Server) -> int:
    return len(list(Path(f"/proc/{server.process.pid}/fd").iterdir()))


def works(account: Account, source: str) -> None:
    """Its owner can read and write, files and rows."""
    with client(account.server, source) as http:
        name = f"{time.monotonic_ns()}.jsonl"
        query = {"dataset_type": "jsonl", "file_name": name}
        made = ok(http.post(f"{account.base}/training-datasets", params=query, content=voice(4), headers=account.headers))
        assert ok(http.get(f"{account.base}/training-datasets/{made['id']}", headers=account.headers))["file_name"] == name


def test_idle_connections_of_a_stranger_cost_the_others_nothing(narrow):
    account = narrow.account("owner")
    with ExitStack() as stack:
        for _ in range(600):
            stack.enter_context(connection(narrow))
        works(account, ELSEWHERE)
        assert descriptors(narrow) < 200
    works(account, "127.0.0.1")
    assert narrow.process.poll() is None


def test_idle_connections_from_many_addresses_do_not_either(narrow):
    account = narrow.account("owner-of-many")
    with ExitStack() as stack:
        for number in range(600):
            stack.enter_context(connection(narrow, f"127.0.1.{1 + number % 200}"))
        works(account, ELSEWHERE)
        assert descriptors(narrow) < 200


def test_a_stranger_with_requests_under_way_is_told_that_there_is_no_more_room(narrow):
    account = narrow.account("owner-beside-requests")
    with ExitStack() as stack:
        for _ in range(20):
            opened = stack.enter_context(connection(narrow))
            # Sent as one, so that whoever has the reply to the first knows that the second has begun.
            opened.sendall(HEALTH + head("POST", "/api/auth/login", length=100) + b"{")
            assert answer(opened)[0] == 200
        with connection(narrow) as opened:
            opened.sendall(HEALTH)
            status, body = answer(opened)
        error = body["error"]
        assert (status, error["code"]) == (503, "too_many_connections") and error["message"] and error["details"][0]["hint"]
        works(account, ELSEWHERE)
    eventually(lambda: narrow.http.get("/health").status_code == 200, 20, "room again when they have left")


def test_the_soft_limit_is_raised(tmp_path):
    server = Server(tmp_path)
    server.under = ["prlimit", "--nofile=64:4096"]
    try:
        server.start()
        limits = Path(f"/proc/{server.process.pid}/limits").read_text()
        assert re.search(r"^Max open files\s+4096\s+4096", limits, re.M)
        with ExitStack() as stack:
            for number in range(700):
                stack.enter_context(connection(server, f"127.0.1.{1 + number % 200}"))
            eventually(lambda: descriptors(server) > 700, 60, "they are all accepted")
            works(server.account("owner"), "127.0.0.1")
    finally:
        server.close()


# --- refusals while the body is still coming ------------------------------------


BIG = 12 * MIB


def send_all_then_read(server: Server, method: str, path: str, *fields: str, chunked: bool = False) -> tuple[int, dict]:
    """As ordinary clients do: nothing is read until everything is sent."""
    with connection(server) as opened:
        if chunked:
            opened.sendall(head(method, path, *fields))
            for _ in range(BIG // MIB):
                opened.sendall(b"%x\r\n" % MIB + b"x" * MIB + b"\r\n")
            opened.sendall(b"0\r\n\r\n")
        else:
            opened.sendall(head(method, path, *fields, length=BIG) + b"x" * BIG)
        return answer(opened)


@pytest.mark.parametrize("fields, chunked", [((), False), (("Connection: close",), True)], ids=["kept and announced", "closed and chunked"])
def test_every_route_that_takes_a_body_gets_its_refusal_across(server, fields, chunked):
    paths = server.http.get("/openapi.json").json()["paths"]
    routes = [(method, path) for path, operations in paths.items() for method in operations if method in ("post", "put", "patch")]
    assert len(routes) > 30
    account = server.account(f"sender-{len(fields)}-{chunked}")

    def refusal(route: tuple[str, str]) -> tuple[int, dict]:
        method, path = route
        path = re.sub(r"\{user_id\}", account.id, path)
        return send_all_then_read(server, method.upper(), re.sub(r"\{\w+\}", "x", path), *fields, chunked=chunked)

    with ThreadPoolExecutor(4) as pool:
        for route, (status, body) in zip(routes, pool.map(refusal, routes)):
            assert 400 <= status < 500 and (body["error"] if "error" in body else body), f"{route}: {status} {body}"


@pytest.fixture
def uploads(server):
    """The routes whose body is a stream, and one whose body is read whole, with what each refuses it for."""
    account = server.account(f"uploader-{time.monotonic_ns()}")
    account.dataset(voice(4), "jsonl", "taken.jsonl")
    minion = account.minion("Wick")
    datasets, fields = f"{account.base}/training-datasets", f"Authorization: Bearer {account.token}"
    return account, fields, {
        "422 query": ("POST", f"{datasets}?dataset_type=nonsense", 422),
        "409 name": ("POST", f"{datasets}?dataset_type=rag&file_name=a.txt&dataset_name=taken.jsonl", 409),
        "404 dataset": ("PUT", f"{datasets}/none/content?mode=replace", 404),
        "413 json": ("POST", f"{account.base}/minions", 413),
        "413 definition": ("POST", f"{account.base}/provider-definitions", 413),
        "404 archive": ("POST", f"{account.base}/minions/none/releases/import", 404),
        "422 archive": ("POST", f"{account.base}/minions/{minion['id']}/releases/import", 422),
    }


@pytest.mark.parametrize("which", ["422 query", "409 name", "404 dataset", "413 json", "413 definition", "404 archive", "422 archive"])
@pytest.mark.parametrize("closes", [False, True], ids=["kept", "closed"])
def test_a_refused_upload_tells_why(uploads, which, closes):
    account, authorization, routes = uploads
    method, path, expected = routes[which]
    # One that is refused when it has been read may be answered on a connection that stays.
    status, body = send_all_then_read(account.server, method, path, authorization, *(["Connection: close"] if closes else []))
    assert status == expected and body["error"]["message"], body


def test_an_upload_that_cannot_be_written_tells_so(server):
    account = server.account("unwritable")
    folder = server.data / "users" / account.id
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "uploads").write_text("a file where a folder should be")
    path = f"{account.base}/training-datasets?dataset_type=jsonl&file_name=a.jsonl"
    status, body = send_all_then_read(server, "POST", path, f"Authorization: Bearer {account.token}")
    assert status == 500 and body["error"]["code"] == "internal"


def test_a_body_that_is_no_http_is_the_clients_fault(server):
    with connection(server) as opened:
        opened.sendall(head("POST", "/api/auth/login") + b"5\r\n{\"a\":\r\nnonsense\r\n")
        status, body = answer(opened)
    assert (status, body["error"]["code"]) == (400, "body_cut")


def test_a_conversation_that_is_too_long_tells_so(server):
    account = server.account("talker")
    token = account.token_of(account.minion("Talker"))
    status, body = send_all_then_read(server, "POST", "/v1/chat/completions", f"Authorization: Bearer {token}", "Content-Type: application/json")
    assert status == 413 and body["error"]["message"]


# --- slow clients, and tireless ones ---------------------------------------------


@pytest.fixture(scope="module")
def impatient(tmp_path_factory):
    with running(tmp_path_factory.mktemp("impatient"), ATELIER_IDLE_TIMEOUT="2", ATELIER_MAX_UPLOAD_MB="1") as server:
        yield server


def test_a_client_that_goes_on_sending_is_cut(impatient):
    sent = 0
    with connection(impatient) as opened:
        opened.sendall(head("POST", "/api/auth/login"))
        with pytest.raises(OSError):
            while sent < 1000 * MIB:
                opened.sendall(b"%x\r\n" % MIB + b"x" * MIB + b"\r\n")
                sent += MIB
    assert sent > 60 * MIB


@pytest.mark.parametrize("sent", [b"", b"GET /health HTTP/1.1\r\nHost: localh"], ids=["nothing", "half a head"])
def test_a_connection_without_a_request_ends(impatient, sent):
    with connection(impatient) as opened:
        opened.sendall(sent)
        assert opened.recv(100) == b""


def test_a_connection_that_is_not_used_again_ends(impatient):
    with connection(impatient) as opened:
        opened.sendall(HEALTH)
        assert answer(opened)[0] == 200
        assert opened.recv(100) == b""


def test_a_body_that_does_not_come_is_given_up_with_a_word(impatient):
    account = impatient.account("slow")
    for path in ("/api/auth/login", f"{account.base}/training-datasets?dataset_type=jsonl&file_name=a.jsonl"):
        with connection(impatient) as opened:
            opened.sendall(head("POST", path, f"Authorization: Bearer {account.token}", length=1000) + b"{")
            status, body = answer(opened)
            assert (status, body["error"]["code"]) == (408, "body_too_slow")
    assert not impatient.files(f"users/{account.id}/uploads/**/*")


# --- who may do what from where ---------------------------------------------------


@pytest.fixture(scope="module")
def proxied(tmp_path_factory):
    """A server whose proxy runs on the same machine."""
    with running(
        tmp_path_factory.mktemp("proxied"), ATELIER_TRUSTED_PROXIES="127.0.0.1", ATELIER_METRICS_TOKEN="scrape-me-if-you-can",
        ATELIER_ALLOWED_HOSTS="atelier.example.org",
    ) as server:
        yield server


def login(server: Server, email: str, password: str, address: str) -> httpx.Response:
    return server.http.post("/api/auth/login", json={"email": email, "password": password}, headers={"X-Forwarded-For": address})


def test_a_strangers_failures_do_not_keep_the_owner_out(proxied):
    proxied.create_user("kept-in@example.org")
    for _ in range(30):
        login(proxied, "kept-in@example.org", "wrong", "203.0.113.66")
    refused(login(proxied, "kept-in@example.org", PASSWORD, "203.0.113.66"), 429, "too_many_attempts")
    # What the client itself wrote into the header stands left of what the proxy added.
    refused(login(proxied, "kept-in@example.org", PASSWORD, "198.51.100.1, 203.0.113.66"), 429, "too_many_attempts")
    ok(login(proxied, "kept-in@example.org", PASSWORD, "198.51.100.1"))


def test_behind_a_proxy_nobody_registers_and_private_addresses_are_closed(proxied):
    body = {"email": "somebody@example.org", "password": PASSWORD}
    for headers in ({"X-Forwarded-For": "203.0.113.5"}, {"X-Forwarded-For": "127.0.0.1"}, {}):
        refused(proxied.http.post("/api/auth/register", json=body, headers=headers), 403, "registration_closed")
    account = proxied.account("inward")
    fields = {"name": "Inward", "provider": "custom", "model_id": "m", "base_url": "http://127.0.0.1:8000/v1"}
    refused(account.request("POST", "minions", json=fields), 422, "invalid_request")


def test_on_loopback_alone_this_machines_users_may_register(server):
    body = {"email": f"local-{time.monotonic_ns()}@example.org", "password": PASSWORD}
    # Passed on by a proxy that nobody has told the server of.
    for header in ("X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"):
        refused(server.http.post("/api/auth/register", json=body, headers={header: "203.0.113.5"}), 403, "registration_closed")
    ok(server.http.post("/api/auth/register", json=body))


@pytest.mark.parametrize("host, allowed", [
    ("evil.example", False), ("evil.example:8080", False), ("localhost.evil.example", False), ("192.168.0.1", False),
    ("atelier.example.org", True), ("Atelier.Example.org:443", True), ("localhost:1", True), ("[::1]", True), ("127.0.0.1", True),
])
def test_a_page_whose_name_leads_here_gets_nothing(proxied, host, allowed):
    for path in ("/health", "/", "/api/me", "/v1/models", "/metrics", "/api/auth/register"):
        reply = proxied.http.get(path, headers={"Host": host})
        if allowed:
            assert reply.status_code != 421
        else:
            assert reply.status_code == 421 and "host" in reply.text and host not in reply.text
            assert reply.json()["error"]["code"] == "wrong_host" or path.startswith("/v1/")


def test_metrics_and_details_are_the_operators(proxied, server):
    token, stranger = {"Authorization": "Bearer scrape-me-if-you-can"}, {"X-Forwarded-For": "203.0.113.5"}
    user, root = proxied.account("user"), proxied.account("root", "--superuser")
    for headers in ({}, stranger, {"Authorization": "Bearer scrape-me-if-you-cam"}, user.headers):
        error = refused(proxied.http.get("/metrics", headers=headers), 401, "unauthenticated")
        assert "ATELIER_METRICS_TOKEN" in error["details"][0]["hint"]
        assert proxied.http.get("/ready", headers=headers).json() == {"status": "ok"}
    for headers in (token, token | stranger, root.headers):
        assert "atelier_build_info" in proxied.http.get("/metrics", headers=headers).text
        assert {"status", "database", "engine"} <= proxied.http.get("/ready", headers=headers).json().keys()
    assert "scrape-me" not in proxied.log()
    # Without proxies this machine is known by its address.
    assert server.http.get("/metrics").status_code == 200
    assert server.http.get("/metrics", headers=stranger).status_code == 401
    assert server.http.get("/ready", headers=stranger).json() == {"status": "ok"}


# --- crashes ----------------------------------------------------------------------


def test_a_crash_is_reported_shortly(tmp_path):
    with running(tmp_path) as server:
        began = time.monotonic()
        # A signal that somebody sent is reported like a crash; only a crash of its own ends the process then.
        os.kill(server.process.pid, signal.SIGSEGV)
        eventually(lambda: "Backtrace took" in server.log(), 60, "the report is complete")
        figure(f"a crash until its report is complete: {time.monotonic() - began:.2f} s")
        report = server.log()
        assert "Program crashed" in report and "Registers:" not in report
        # With these the addresses are names.
        assert re.search(r"^0x[0-9a-f]+–0x[0-9a-f]+ [0-9a-f]+ +\S+ +/", report, re.M)
        server.end(signal.SIGKILL, within=60)
        server.no_process_left(within=60)
        server.start()
        assert server.http.get("/health").status_code == 200
