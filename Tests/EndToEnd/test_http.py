"""What HTTP itself asks of a server, on raw connections."""

import gzip
import json
import re
import socket
from urllib.parse import urlsplit

import pytest
from harness import voice

MIB = 1 << 20
LOGIN = "/api/auth/login"
# Refused for its fields, so that it counts as no try to log in.
BODY = b'{"email":"a@example.org"}'


class Connection:
    """One connection, whose replies are read one after the other."""

    def __init__(self, server):
        address = urlsplit(server.url)
        self.socket = socket.create_connection((address.hostname, address.port), timeout=60)
        self.buffer = b""

    def close(self) -> None:
        self.socket.close()

    def send(self, data: bytes) -> "Connection":
        self.socket.sendall(data)
        return self

    def until(self, mark: bytes) -> bytes:
        while mark not in self.buffer:
            part = self.socket.recv(65536)
            assert part, f"the server closed early: {self.buffer!r}"
            self.buffer += part
        found, _, self.buffer = self.buffer.partition(mark)
        return found

    def rest(self) -> bytes:
        """Everything until the server closes."""
        while part := self.socket.recv(65536):
            self.buffer += part
        return self.buffer

    def head(self) -> tuple[str, int, dict[str, str]]:
        """Version, status and fields."""
        first, *lines = self.until(b"\r\n\r\n").decode().split("\r\n")
        version, status = first.split(" ")[:2]
        return version, int(status), {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}

    def reply(self) -> tuple[int, dict[str, str], dict]:
        version, status, fields = self.head()
        while len(self.buffer) < int(fields["content-length"]):
            part = self.socket.recv(65536)
            assert part
            self.buffer += part
        length = int(fields["content-length"])
        body, self.buffer = self.buffer[:length], self.buffer[length:]
        return status, fields, json.loads(body) if body else {}


@pytest.fixture
def connect(server):
    opened = []

    def connect() -> Connection:
        opened.append(Connection(server))
        return opened[-1]

    yield connect
    for connection in opened:
        connection.close()


def request(method: str, path: str, *fields: str, version: str = "1.1", host: str | None = "localhost") -> bytes:
    lines = [f"{method} {path} HTTP/{version}", *([f"Host: {host}"] if host is not None else []), *fields]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def code(reply: tuple[int, dict, dict]) -> tuple[int, str]:
    return reply[0], reply[2]["error"]["code"]


# --- heads ---------------------------------------------------------------------


@pytest.mark.parametrize("head, expected", [
    (request("GET", "/health", host=None), (400, "missing_host")),
    (request("GET", "/health", host=""), (400, "missing_host")),
    (request("GET", "/health", host="  "), (400, "missing_host")),
    (request("GET", "http://localhost/health", host=None), (400, "missing_host")),
    (request("GET", "http:///health", host="evil.example"), (400, "missing_host")),
    (request("GET", "/health", "Host: localhost"), (400, "doubled_host")),
    (request("GET", "/health", "Host: evil.example"), (400, "doubled_host")),
    (request("GET", "/health", "X: " + "a" * 100_000), (431, "header_too_large")),
    (request("GET", "/health", version="2.0"), (505, "version_not_supported")),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", (405, "method_not_allowed")),
    (request("GET", "/health", "Content-Length: 1", "Content-Length: 2"), (400, "invalid_http")),
    (request("POST", LOGIN, "Content-Length: 7", "Transfer-Encoding: chunked"), (400, "invalid_http")),
    (request("POST", LOGIN, "Content-Length: -7"), (400, "invalid_http")),
    (request("POST", LOGIN, "Content-Length: 99999999999999999999999"), (400, "invalid_http")),
    (request("POST", LOGIN, "Transfer-Encoding: chunked, gzip"), (400, "invalid_http")),
], ids=["no host", "empty host", "blank host", "target without Host", "target of nobody", "two hosts",
        "another host", "large", "version", "TLS", "two lengths", "length and chunks", "below zero", "huge", "chunks inside"])
def test_a_head_that_is_not_as_http_asks_is_told_why(connect, head, expected):
    status, fields, body = reply = connect().send(head).reply()
    assert code(reply) == expected and body["error"]["message"]
    if status != 400 or expected[1] == "invalid_http":
        assert fields["connection"] == "close"


@pytest.mark.parametrize("target", [
    "http://evil.example/health", "HTTP://evil.example:80/api/me", "http://localhost@evil.example/health",
])
@pytest.mark.parametrize("version", ["1.1", "1.0"])
def test_a_target_of_another_host_is_refused_whatever_host_says(connect, target, version):
    assert code(connect().send(request("GET", target, version=version)).reply()) == (421, "wrong_host")


def test_a_target_that_names_this_server_is_answered_whatever_host_says(connect):
    assert connect().send(request("GET", "http://localhost/health")).reply()[0] == 200
    assert connect().send(request("GET", "http://127.0.0.1:8080/health", host="evil.example")).reply()[0] == 200


def test_what_is_no_request_waits_for_the_replies_before_it(connect):
    connection = connect().send(request("GET", "/health") * 2 + b"BREW /pot HTTP/1.1\r\n\r\n")
    assert [connection.reply()[0] for _ in range(2)] == [200, 200]
    status, fields, body = connection.reply()
    assert (status, body["error"]["code"]) == (405, "method_not_allowed")
    assert connection.rest() == b""


@pytest.mark.parametrize("method, path, allowed", [
    ("BREW", "/health", "DELETE, GET, POST, PUT"), ("PROPFIND", "/health", "GET"), ("DELETE", "/health", "GET"), ("OPTIONS", LOGIN, "POST"),
    ("GET", "/v1/chat/completions", "POST"), ("POST", "/web/app.js", "GET"), ("POST", "/api/users/x/training-datasets/y", "DELETE, GET, PUT"),
])
def test_a_method_that_a_path_has_not_is_told_those_it_has(connect, method, path, allowed):
    status, fields, body = connect().send(request(method, path)).reply()
    assert (status, fields["allow"], body["error"]["code"]) == (405, allowed, "method_not_allowed")


def test_an_unknown_path_is_not_there_for_any_method(connect):
    for method in ("GET", "DELETE", "PROPFIND"):
        assert code(connect().send(request(method, "/api/nowhere")).reply()) == (404, "http_404")


# --- ends of connections ---------------------------------------------------------


@pytest.mark.parametrize("fields", [(), ("Connection: keep-alive",)], ids=["", "keep-alive"])
@pytest.mark.parametrize("host", [None, "localhost"])
def test_an_old_request_is_the_last_of_its_connection(connect, fields, host):
    connection = connect().send(request("GET", "/health", *fields, version="1.0", host=host))
    version, status, replied = connection.head()
    assert (version, status, replied["connection"]) == ("HTTP/1.0", 200, "close") and "transfer-encoding" not in replied
    assert json.loads(connection.rest())["status"] == "ok"


@pytest.mark.parametrize("word", ["close", "Close", "TE, close"])
def test_a_client_that_says_it_is_the_last_gets_it_confirmed(connect, word):
    connection = connect().send(request("GET", "/health", f"Connection: {word}"))
    status, fields, _ = connection.reply()
    assert (status, fields["connection"]) == (200, "close") and connection.rest() == b""


def test_a_stream_to_an_old_client_has_no_chunks(server, connect):
    account = server.account("old-client")
    minion = account.minion("Old")
    body = json.dumps({"question": "Hello?", "stream": True, "max_tokens": 4}).encode()
    fields = [f"Authorization: Bearer {account.token}", f"Content-Length: {len(body)}"]
    connection = connect().send(request("POST", f"{account.base}/minions/{minion['id']}/ask", *fields, version="1.0") + body)
    version, status, replied = connection.head()
    assert (version, status) == ("HTTP/1.0", 200) and "transfer-encoding" not in replied
    assert re.match(rb"(id|event|data|:)", connection.rest())


# --- bodies ------------------------------------------------------------------------


def chunked(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n0\r\n\r\n" % (len(data), data)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "gzip, identity", "x-gzip"])
@pytest.mark.parametrize("path", [LOGIN, "/v1/chat/completions"])
def test_an_encoded_body_is_refused_by_the_name_of_its_encoding(connect, coding, path):
    data = gzip.compress(BODY)
    status, fields, body = connect().send(request("POST", path, f"Content-Encoding: {coding}", f"Content-Length: {len(data)}") + data).reply()
    assert status == 415 and coding in body["error"]["message"] and fields["accept-encoding"] == "identity"


def test_a_bomb_is_refused_before_it_is_read(connect):
    connection = connect().send(request("POST", LOGIN, "Content-Encoding: gzip", "Transfer-Encoding: chunked"))
    assert code(connection.reply()) == (415, "unsupported_content_encoding")


def test_a_body_that_says_it_is_not_encoded_is_read(connect):
    connection = connect().send(request("POST", LOGIN, "Content-Encoding: identity", f"Content-Length: {len(BODY)}") + BODY)
    assert connection.reply()[0] == 422


@pytest.mark.parametrize("coding", ["gzip, chunked", "identity", "foo", "chunked, chunked"])
def test_an_unknown_transfer_encoding_is_refused_by_its_name(connect, coding):
    reply = connect().send(request("POST", LOGIN, f"Transfer-Encoding: {coding}") + chunked(BODY)).reply()
    assert reply[0] == 400 and reply[2]["error"]["code"] in ("unsupported_transfer_encoding", "invalid_http")


@pytest.mark.parametrize("chunks", [b"zz\r\n{}\r\n0\r\n\r\n", b"ffffffffffffffffff\r\n{}", b"2\r\n{}garbage\r\n0\r\n\r\n", b"-2\r\n{}\r\n"])
def test_chunks_that_are_none_are_the_clients_fault(connect, chunks):
    assert code(connect().send(request("POST", LOGIN, "Transfer-Encoding: chunked") + chunks).reply()) == (400, "body_cut")


@pytest.mark.parametrize("start", [(request("POST", LOGIN, "Content-Length: 100") + b"{"), (request("POST", LOGIN, "Transfer-Encoding: chunked") + b"5\r\n{")])
def test_a_cut_body_is_the_clients_fault(connect, start):
    connection = connect().send(start)
    connection.socket.shutdown(socket.SHUT_WR)
    assert code(connection.reply()) == (400, "body_cut")


def test_an_announced_body_over_the_limit_is_refused_before_it_comes(server, connect):
    account = server.account("announcer")
    token = f"Authorization: Bearer {account.token}"
    for path, limit, method in ((LOGIN, "16 KiB", "POST"), (f"{account.base}/minions", "1 MiB", "POST"), (f"{account.base}/limits", "1 MiB", "PUT")):
        reply = connect().send(request(method, path, token, f"Content-Length: {9 << 30}")).reply()
        assert code(reply) == (413, "body_too_large") and limit in reply[2]["error"]["message"]
    path = f"{account.base}/training-datasets?dataset_type=jsonl&file_name=a.jsonl"
    for fields in ((), ("Idempotency-Key: k",)):
        assert code(connect().send(request("POST", path, token, *fields, f"Content-Length: {9 << 40}")).reply()) == (413, "upload_too_large")


def test_a_body_in_chunks_is_refused_once_it_is_over_the_limit(server, connect):
    account = server.account("chunker")
    token = f"Authorization: Bearer {account.token}"
    reply = connect().send(request("POST", f"{account.base}/minions", token, "Transfer-Encoding: chunked") + chunked(b" " * (MIB + 1))).reply()
    assert code(reply) == (413, "body_too_large") and "1 MiB" in reply[2]["error"]["message"]


# --- expectations --------------------------------------------------------------------


def test_a_client_that_waits_is_asked_for_its_body(server, connect):
    account = server.account("waiter")
    path = f"{account.base}/training-datasets?dataset_type=jsonl&file_name=a.jsonl"
    data = voice(4)
    connection = connect().send(
        request("POST", path, f"Authorization: Bearer {account.token}", "Expect: 100-continue", f"Content-Length: {len(data)}"))
    assert connection.head()[1] == 100
    assert connection.send(data).reply()[0] == 201
    connection.send(request("POST", LOGIN, "Expect: 100-Continue", "Transfer-Encoding: chunked"))
    assert connection.head()[1] == 100
    assert connection.send(chunked(BODY)).reply()[0] == 422


@pytest.mark.parametrize("method, path, fields, expected", [
    ("PUT", "/api/me/password", (), (401, "unauthenticated")),
    ("POST", LOGIN, (), (413, "body_too_large")),
    ("POST", "/api/nowhere", (), (404, "http_404")),
    ("POST", LOGIN, ("Content-Encoding: gzip",), (415, "unsupported_content_encoding")),
])
def test_what_is_refused_anyway_need_not_be_sent(connect, method, path, fields, expected):
    reply = connect().send(request(method, path, "Expect: 100-continue", *fields, f"Content-Length: {MIB}")).reply()
    assert code(reply) == expected and reply[1]["connection"] == "close"


def test_a_client_that_does_not_wait_is_not_asked(connect):
    data = request("POST", LOGIN, "Expect: 100-continue", f"Content-Length: {len(BODY)}") + BODY
    status = connect().send(data).head()[1]
    assert status in (100, 422)


def test_another_expectation_is_refused(connect):
    assert code(connect().send(request("POST", LOGIN, "Expect: 200-ok", "Content-Length: 2") + b"{}").reply()) == (417, "unknown_expectation")


def test_an_old_client_expects_nothing(connect):
    connection = connect().send(request("POST", LOGIN, "Expect: 100-continue", f"Content-Length: {len(BODY)}", version="1.0") + BODY)
    assert connection.head()[:2] == ("HTTP/1.0", 422)


# --- the same key ----------------------------------------------------------------------


def streamed(data: bytes):
    yield data


@pytest.mark.parametrize("form", [bytes, streamed], ids=["announced", "streamed"])
def test_a_key_is_for_one_content(somebody, form):
    def upload(data: bytes):
        return somebody.request(
            "POST", "training-datasets", params={"dataset_type": "jsonl", "file_name": "a.jsonl"}, content=form(data), headers={"Idempotency-Key": "k"})

    first = voice(4)
    made = upload(first)
    other = first.replace(b"e", b"a", 1)
    assert made.status_code == 201 and len(other) == len(first) and other != first
    reply = upload(other)
    assert (reply.status_code, reply.json()["error"]["code"]) == (422, "idempotency_key_reused")
    again = upload(first)
    assert again.content == made.content and again.headers["idempotent-replayed"] == "true"
    assert len(somebody.get("training-datasets")["items"]) == 1
