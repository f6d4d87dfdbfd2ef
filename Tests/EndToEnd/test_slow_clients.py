"""Clients that do not take what they asked for: they hold up their own vendor, and nothing else."""

import json
import re
import socket
import threading
from contextlib import ExitStack, closing

import pytest
from harness import Account, eventually, figure, ok, running
from upstream import delta

EVENT = f"data: {json.dumps(delta(content='word '))}\n\n".encode()
END = f"data: {json.dumps(delta(finish='stop'))}\n\ndata: [DONE]\n\n".encode()


class Flood:
    """A vendor that streams as much as is taken, up to `most` bytes a reply."""

    def __init__(self, most: int):
        self.most = most
        self.sent: list[int] = []
        # Of each reply: nothing was taken for a second; the connection was closed under it; it was sent to its end.
        self.held: list[threading.Event] = []
        self.cut: list[threading.Event] = []
        self.done: list[threading.Event] = []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/v1"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            number = len(self.sent)
            self.sent.append(0)
            for events in (self.held, self.cut, self.done):
                events.append(threading.Event())
            threading.Thread(target=self.answer, args=(connection, number), daemon=True).start()

    def answer(self, connection: socket.socket, number: int) -> None:
        with closing(connection):
            head = b""
            while b"\r\n\r\n" not in head:
                head += connection.recv(65536)
            # All of it: closing with something unread would discard what was sent.
            head, body = head.split(b"\r\n\r\n", 1)
            length = int(re.search(rb"content-length: (\d+)", head, re.I)[1])
            while len(body) < length:
                body += connection.recv(65536)
            connection.settimeout(1)
            block = EVENT * 200
            try:
                self.send(connection, b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n", number)
                while self.sent[number] < self.most:
                    self.send(connection, block, number)
                self.send(connection, END, number)
                self.done[number].set()
            except OSError:
                self.cut[number].set()

    def send(self, connection: socket.socket, block: bytes, number: int) -> None:
        view = memoryview(block)
        while view:
            try:
                count = connection.send(view)
            except TimeoutError:
                self.held[number].set()
                continue
            self.sent[number] += count
            view = view[count:]

    def close(self) -> None:
        self.listener.close()


def ask(account: Account, path: str, token: str, body: dict) -> socket.socket:
    """A client whose reply begins, and that reads no further."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", account.server.port))
    data = json.dumps(body).encode()
    client.sendall(
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{account.server.port}\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(data)}\r\n\r\n".encode() + data)
    client.settimeout(60)
    assert client.recv(12) == b"HTTP/1.1 200"
    return client


def doors(account: Account, minion: dict, token: str) -> list[tuple[str, str, dict]]:
    """Every way to a streamed answer: path, token, body."""
    said = [{"role": "user", "content": "Hello?"}]
    return [
        ("/v1/chat/completions", token, {"model": "Flooded", "messages": said, "stream": True}),
        ("/v1/messages", token, {"model": "Flooded", "messages": said, "stream": True, "max_tokens": 1000}),
        (f"/api/users/{account.id}/minions/{minion['id']}/ask", account.token, {"question": "Hello?", "stream": True}),
    ]


@pytest.mark.parametrize("mode", ["direct", "full"])
def test_clients_that_do_not_read_hold_their_vendor_up_and_are_cut(tmp_path, mode):
    flood = Flood(500 << 20)
    with running(tmp_path, ATELIER_SLOW_CLIENT_SECONDS="4") as server, ExitStack() as stack:
        account = server.account("flooded")
        minion = account.minion(
            "Flooded", provider="custom", model_id="m", base_url=flood.url, pipeline={"mode": mode})
        token = account.token_of(minion)
        before = server.peak_memory()
        for _ in range(4):
            for path, key, body in doors(account, minion, token):
                stack.enter_context(closing(ask(account, path, key, body)))
        # On a busy machine a client may be cut before its vendor has waited for a second.
        eventually(
            lambda: len(flood.held) == 12 and all(held.is_set() or cut.is_set() for held, cut in zip(flood.held, flood.cut)), 300,
            "every vendor waits")
        grown = server.peak_memory() - before
        figure(f"12 clients that read nothing ({mode}): {max(flood.sent) >> 20} MiB taken of a vendor at most, {grown >> 20} MiB of memory more")
        assert max(flood.sent) < 24 << 20, "no more than the kernel's buffers hold"
        assert grown < 160 << 20
        # A server that is held up so answers others.
        assert ok(server.http.get("/health"))
        eventually(lambda: all(cut.is_set() for cut in flood.cut), 120, "every vendor is let go of")
        eventually(lambda: [record["outcome"] for record in account.get("usage")["items"]].count("cancelled") == 12, 60, "all are on record")
    flood.close()


@pytest.mark.parametrize("door", range(3))
def test_a_client_that_reads_late_gets_everything(tmp_path, door):
    flood = Flood(12 << 20)
    with running(tmp_path) as server:
        account = server.account("patient")
        minion = account.minion("Flooded", provider="custom", model_id="m", base_url=flood.url, pipeline={"mode": "direct"})
        path, token, body = doors(account, minion, account.token_of(minion))[door]
        with closing(ask(account, path, token, body)) as client:
            eventually(lambda: flood.held and (flood.held[0].is_set() or flood.done[0].is_set()), 120, "the vendor waits, or its reply fitted in")
            received = bytearray()
            while not received.endswith(b"0\r\n\r\n"):
                part = client.recv(1 << 20)
                assert part, "the reply was cut"
                received += part
        words = flood.sent[0] // len(EVENT)
        assert received.count(b"word ") >= words - 1
        # Nothing was lost at the seams: as many as were sent.
        if door < 2:
            assert received.count(b'"word "') == (flood.sent[0] - len(END)) // len(EVENT)
    flood.close()
