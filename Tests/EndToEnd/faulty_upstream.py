"""A vendor that fails as vendors do: OpenAI, Anthropic and Ollama, from bytes recorded of them.

The last message says what becomes of the call: `[[500,ok]]` fails the first call with that very text and
answers the second; the last word holds for every further call. Without a mark it answers. Anything may stand
before the dialect's own path, so that each test has an address, and with it a circuit, of its own; a place whose
name ends in `-second` always answers.

By itself, for a look with curl:   python Tests/EndToEnd/faulty_upstream.py 8099
"""

import asyncio
import json
import re
import socket
import struct
import sys
import threading
from collections import Counter
from dataclasses import dataclass

TEXT = "Hello, wörld"

# What the vendors sent. `cut` is where a reply breaks that breaks after its first token, `early` where one
# does that breaks before it.
OPENAI_CHUNKS = [
    'data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"m-1","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}\n\n',
    'data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"m-1","choices":[{"index":0,"delta":{"content":"Hello, "},"finish_reason":null}]}\n\n',
    'data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"m-1","choices":[{"index":0,"delta":{"content":"wörld"},"finish_reason":null}]}\n\n',
    'data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"m-1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n',
    'data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"m-1","choices":[],"usage":{"prompt_tokens":12,"completion_tokens":5,"total_tokens":17,"prompt_tokens_details":{"cached_tokens":4}}}\n\n',
    "data: [DONE]\n\n",
]
ANTHROPIC_CHUNKS = [
    'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"m-1","content":[],"stop_reason":null,"usage":{"input_tokens":8,"cache_creation_input_tokens":0,"cache_read_input_tokens":4,"output_tokens":1}}}\n\n',
    'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}\n\nevent: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello, "}}\n\n',
    'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"wörld"}}\n\nevent: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n',
    'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":5}}\n\nevent: message_stop\ndata: {"type":"message_stop"}\n\n',
]
OLLAMA_CHUNKS = [
    "",
    '{"model":"m-1","created_at":"2026-01-01T00:00:00Z","message":{"role":"assistant","content":"Hello, "},"done":false}\n',
    '{"model":"m-1","created_at":"2026-01-01T00:00:00Z","message":{"role":"assistant","content":"wörld"},"done":false}\n',
    '{"model":"m-1","created_at":"2026-01-01T00:00:00Z","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop","prompt_eval_count":12,"eval_count":5}\n',
]


@dataclass(frozen=True)
class Dialect:
    path: str
    media: str
    chunks: list[str]
    whole: str
    #: inside a stream
    overloaded: str
    #: the body of a refusal
    refusal: str


DIALECTS = [
    Dialect(
        "/chat/completions", "text/event-stream", OPENAI_CHUNKS,
        '{"id":"c1","object":"chat.completion","created":1,"model":"m-1","choices":[{"index":0,"message":{"role":"assistant","content":"Hello, wörld"},"finish_reason":"stop"}],"usage":{"prompt_tokens":12,"completion_tokens":5,"total_tokens":17,"prompt_tokens_details":{"cached_tokens":4}}}',
        'data: {"error":{"message":"The server is overloaded","type":"server_error","param":null,"code":"overloaded"}}\n\n',
        '{"error":{"message":"The server had an error","type":"%s","param":null,"code":null}}'),
    Dialect(
        "/v1/messages", "text/event-stream", ANTHROPIC_CHUNKS,
        '{"id":"msg_1","type":"message","role":"assistant","model":"m-1","content":[{"type":"text","text":"Hello, wörld"}],"stop_reason":"end_turn","usage":{"input_tokens":8,"cache_creation_input_tokens":0,"cache_read_input_tokens":4,"output_tokens":5}}',
        'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n',
        '{"type":"error","error":{"type":"%s","message":"The server had an error"}}'),
    Dialect(
        "/api/chat", "application/x-ndjson", OLLAMA_CHUNKS,
        '{"model":"m-1","created_at":"2026-01-01T00:00:00Z","message":{"role":"assistant","content":"Hello, wörld"},"done":true,"done_reason":"stop","prompt_eval_count":12,"eval_count":5}',
        '{"error":"the server is overloaded"}\n',
        '{"error":"the server had an error: %s"}'),
]

REFUSALS = {"429": "rate_limit_error", "500": "api_error", "503": "overloaded_error", "529": "overloaded_error"}
MARK = re.compile(r"\[\[([a-z0-9,-]+)\]\]")


@dataclass
class Call:
    path: str
    fault: str
    stream: bool
    #: whether the client hung up before the end of what was to be sent
    left: bool = False


class Gone(Exception):
    """The client has hung up."""


class FaultyUpstream:
    """Runs in a thread of its own until it is closed."""

    def __init__(self, port: int = 0):
        self.calls: list[Call] = []
        #: connections that are open now
        self.open = 0
        self.accepted = 0
        self._seen: Counter = Counter()
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        ready = threading.Event()

        async def serve():
            self._server = await asyncio.start_server(self._connection, "127.0.0.1", port, limit=1 << 20, backlog=512)
            self.port = self._server.sockets[0].getsockname()[1]
            ready.set()

        self._loop.create_task(serve())
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        assert ready.wait(10), "the upstream does not start"

    def url(self, place: str, suffix: str = "") -> str:
        """A base URL of its own."""
        return f"http://127.0.0.1:{self.port}/{place}{suffix}"

    def seen(self, place: str) -> list[Call]:
        return [call for call in list(self.calls) if call.path.startswith(f"/{place}/")]

    def faults(self) -> Counter:
        return Counter(call.fault for call in list(self.calls))

    def close(self) -> None:
        async def end():
            self._server.close()
            for writer in list(self._writers):
                writer.transport.abort()
            self._loop.call_later(0.1, self._loop.stop)

        asyncio.run_coroutine_threadsafe(end(), self._loop)
        self._thread.join(5)

    # --- one connection ---------------------------------------------------------

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        self.accepted += 1
        self._writers.add(writer)
        try:
            while head := await self._head(reader):
                method, path, length = head
                body = await reader.readexactly(length)
                if not await self._answer(path, body, reader, writer):
                    break
        except (asyncio.IncompleteReadError, ConnectionError, Gone):
            pass
        finally:
            self.open -= 1
            self._writers.discard(writer)
            writer.close()

    async def _head(self, reader) -> tuple[str, str, int] | None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        except asyncio.IncompleteReadError:
            return None
        method, path, _ = head.split(" ", 2)
        length = re.search(r"^content-length: *(\d+)", head, re.I | re.M)
        return method, path, int(length[1]) if length else 0

    async def _answer(self, path: str, body: bytes, reader, writer) -> bool:
        """Whether the connection may be used again."""
        dialect = next((dialect for dialect in DIALECTS if path.endswith(dialect.path)), None)
        if dialect is None:
            await self._send(writer, self._response(200, "application/json", '{"object":"list","data":[]}'))
            return True
        request = json.loads(body)
        text = request["messages"][-1]["content"]
        text = text if isinstance(text, str) else "".join(part.get("text", "") for part in text)
        mark = MARK.search(text)
        script = mark[1].split(",") if mark and "-second/" not in path else ["ok"]
        number = self._seen[path, text]
        self._seen[path, text] += 1
        # Ollama streams unless told not to.
        stream = bool(request.get("stream", dialect.path == "/api/chat"))
        call = Call(path, script[min(number, len(script) - 1)], stream)
        self.calls.append(call)
        try:
            return await self._play(call, dialect, reader, writer)
        except (ConnectionError, Gone):
            call.left = True
            raise

    async def _play(self, call: Call, dialect: Dialect, reader, writer) -> bool:
        fault, _, detail = call.fault.partition("-")
        media = dialect.media if call.stream else "application/json"
        parts = dialect.chunks if call.stream else [dialect.whole[:40], dialect.whole[40:]]
        early, late = (parts[0], parts[0] + parts[1]) if call.stream else ("", parts[0])

        async def begin(sent: str) -> None:
            await self._send(writer, f"HTTP/1.1 200 OK\r\ncontent-type: {media}\r\ntransfer-encoding: chunked\r\n\r\n")
            await self._send(writer, chunk(sent))

        if fault in REFUSALS and detail not in ("mid", "late"):
            extra = "retry-after: 1\r\n" if detail == "after" else ""
            await self._send(writer, self._response(int(fault), "application/json", dialect.refusal % REFUSALS[fault], extra))
            return True
        match fault, detail:
            case "ok", _:
                if not call.stream:
                    await self._send(writer, self._response(200, media, dialect.whole))
                    return True
                await begin("".join(parts))
                await self._send(writer, "0\r\n\r\n")
                return True
            case "drip", _:
                await begin("")
                for byte in "".join(parts).encode():
                    await self._send(writer, b"1\r\n%c\r\n" % byte)
                    await asyncio.sleep(0)
                await self._send(writer, "0\r\n\r\n")
                return True
            case "trickle", _:
                # Words without end.
                await begin(early)
                while True:
                    await self._send(writer, chunk(parts[1]))
                    await asyncio.sleep(0.02)
            case ("529" | "error"), ("mid" | "late"):
                await begin((early if detail == "mid" else late) + dialect.overloaded)
                await self._send(writer, "0\r\n\r\n")
                return True
            case "stall", "before":
                await self._until_gone(reader)
            case "stall", "late":
                await begin(late)
                await self._until_gone(reader)
            case "reset", "before":
                self._reset(writer)
            case "reset", "late":
                await begin(late)
                # Read before the reset: it discards what waits in the buffer.
                await asyncio.sleep(0.5)
                self._reset(writer)
            case "cut", _:
                await begin(late)
                await self._send(writer, "0\r\n\r\n")
                return True
            case "malformed", _:
                await begin((early if call.stream else "") + ('data: {"choices":[{"delta":\n\n' if media == "text/event-stream" else '{"message":\n'))
                await self._send(writer, "0\r\n\r\n")
                return True
            case "html", _:
                await self._send(writer, self._response(200, "text/html", "<html><body><h1>Welcome to the portal</h1></body></html>"))
                return True
            case "headers", _:
                await self._send(writer, "HTTP/1.1 200 OK\r\n")
                while True:
                    await self._send(writer, "x-and-another: " + "0123456789" * 100 + "\r\n")
                    await asyncio.sleep(0)
            case _:
                raise AssertionError(f"no such fault: {call.fault}")
        return False

    @staticmethod
    def _response(status: int, media: str, body: str, extra: str = "") -> str:
        return f"HTTP/1.1 {status} X\r\ncontent-type: {media}\r\ncontent-length: {len(body.encode())}\r\n{extra}\r\n{body}"

    @staticmethod
    async def _send(writer, data: str | bytes) -> None:
        if writer.is_closing():
            raise Gone
        writer.write(data.encode() if isinstance(data, str) else data)
        await writer.drain()

    @staticmethod
    async def _until_gone(reader) -> None:
        """Nothing more is sent; the client will hang up."""
        while await reader.read(1024):
            pass
        raise Gone

    @staticmethod
    def _reset(writer) -> None:
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()


def chunk(text: str) -> bytes:
    data = text.encode()
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""


if __name__ == "__main__":
    upstream = FaultyUpstream(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
    print(f"listening on http://127.0.0.1:{upstream.port}", flush=True)
    threading.Event().wait()
