"""Vendors on loopback that answer with recorded bytes, or with none, and remember what they were asked."""

import json
import socket
import threading
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Reply:
    """What the vendor sends. `hold` keeps the connection open behind the last part, until the caller hangs up."""

    parts: list[bytes]
    status: int = 200
    kind: str = "application/json"
    hold: bool = False
    headers: dict[str, str] = field(default_factory=dict)


def whole(body: dict, status: int = 200, **headers: str) -> Reply:
    return Reply([json.dumps(body).encode()], status, headers=headers)


def chunks(*values: dict, done: bool = True, hold: bool = False) -> Reply:
    """A stream of OpenAI's chunks."""
    parts = [f"data: {json.dumps(value)}\n\n".encode() for value in values]
    return Reply(parts + ([b"data: [DONE]\n\n"] if done else []), kind="text/event-stream", hold=hold)


def speaking(answer: Callable[[dict], str]) -> Callable[[dict], Reply]:
    """Replies made from what is asked, streamed where that is asked for."""
    counts = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}

    def reply(body: dict) -> Reply:
        content = answer(body)
        if not body.get("stream"):
            return whole(message(content))
        lines = [delta(content=line) for line in content.splitlines(keepends=True)]
        return chunks(*lines, delta(finish="stop"), usage(**counts))

    return reply


def message(content: str | None = "Hello.", finish: str = "stop", usage: dict | None = None, **fields) -> dict:
    """OpenAI's whole completion."""
    return {
        "id": "chatcmpl-recorded", "object": "chat.completion", "created": 1, "model": "recorded-1",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": content} | fields, "finish_reason": finish}],
        "usage": usage or {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
    }


def delta(finish: str | None = None, **fields) -> dict:
    """OpenAI's chunk."""
    return {
        "id": "chatcmpl-recorded", "object": "chat.completion.chunk", "created": 1, "model": "recorded-1",
        "choices": [{"index": 0, "delta": fields, "finish_reason": finish}],
    }


def usage(**counts) -> dict:
    """OpenAI's last chunk."""
    return {"id": "chatcmpl-recorded", "object": "chat.completion.chunk", "created": 1, "model": "recorded-1", "choices": [], "usage": counts}


class Upstream:
    def __init__(self, replies: Iterable[Reply | Callable[[dict], Reply]]):
        upstream = self
        waiting = list(replies)

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                upstream.requests.append(json.loads(body))
                upstream.keys.append(self.headers.get("Authorization", "").removeprefix("Bearer "))
                reply = waiting.pop(0) if len(waiting) > 1 else waiting[0]
                if callable(reply):
                    reply = reply(upstream.requests[-1])
                self.send_response(reply.status)
                self.send_header("Content-Type", reply.kind)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                for part in reply.parts:
                    self.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
                    self.wfile.flush()
                upstream.answered.set()
                if reply.hold:
                    self.close_connection = True
                    try:
                        hung_up = self.connection.recv(1) == b""
                    except OSError:
                        hung_up = True
                    if hung_up:
                        upstream.hung_up.set()
                    return
                self.wfile.write(b"0\r\n\r\n")

            def log_message(self, *arguments):
                pass

        # Bodies and keys of the requests, oldest first.
        self.requests: list[dict] = []
        self.keys: list[str] = []
        self.answered = threading.Event()
        # Set when a caller closed a connection that was held open for it.
        self.hung_up = threading.Event()
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}/v1"
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()


class Raw:
    """Takes every connection and answers the first bytes of each with the same bytes; without any it never says a word."""

    def __init__(self, reply: bytes = b""):
        self.reply = reply
        self.asked = 0
        # Set once something was sent to it.
        self.taken = threading.Event()
        self.open: list[socket.socket] = []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.open.append(connection)
            threading.Thread(target=self.answer, args=(connection,), daemon=True).start()

    def answer(self, connection: socket.socket) -> None:
        try:
            connection.recv(65536)
            self.asked += 1
            self.taken.set()
            connection.sendall(self.reply)
        except OSError:
            pass

    def close(self) -> None:
        # Closing alone would leave `accept` waiting.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in self.open:
            connection.close()


@contextmanager
def upstream(*replies: Reply | Callable[[dict], Reply]):
    """A vendor that gives these replies in turn, the last of them for ever."""
    vendor = Upstream(replies)
    try:
        yield vendor
    finally:
        vendor.close()


def minion_at(account, vendor: Upstream, name: str = "Recorded", **fields) -> tuple[dict, str]:
    """A minion in direct mode that asks this vendor, and its token."""
    fields = {"pipeline": {"mode": "direct"}} | fields
    minion = account.minion(name, provider="custom", model_id="big-model", base_url=vendor.url, **fields)
    return minion, account.token_of(minion)
