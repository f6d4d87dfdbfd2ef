"""An OpenAI-compatible vendor on loopback: lists its models, refuses wrong keys, and answers in a stream."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY = "sk-right-0123456789abcdef"
MODELS = ["answering-large", "answering-small"]
ANSWER = ["On Saturdays ", "the workshop ", "is open from ten. [1]"]


class Vendor:
    def __init__(self):
        vendor = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def reply(self, status: int, kind: str, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def is_refused(self) -> bool:
                if self.headers.get("Authorization") == f"Bearer {KEY}":
                    return False
                error = {"error": {"message": "Incorrect API key provided.", "type": "invalid_request_error", "param": None, "code": "invalid_api_key"}}
                self.reply(401, "application/json", json.dumps(error).encode())
                return True

            def do_GET(self):
                if not self.is_refused():
                    models = [{"id": model, "object": "model", "created": 1, "owned_by": "vendor"} for model in MODELS]
                    self.reply(200, "application/json", json.dumps({"object": "list", "data": models}).encode())

            def do_POST(self):
                request = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
                if self.is_refused():
                    return
                vendor.requests.append(request)
                usage = {"prompt_tokens": 420, "completion_tokens": 17, "total_tokens": 437}
                frame = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": request["model"]}
                if not request.get("stream"):
                    choice = {"index": 0, "message": {"role": "assistant", "content": "".join(ANSWER)}, "finish_reason": "stop"}
                    self.reply(200, "application/json", json.dumps(frame | {"object": "chat.completion", "choices": [choice], "usage": usage}).encode())
                    return
                pieces = [frame | {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]} for text in ANSWER]
                pieces.append(frame | {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
                pieces.append(frame | {"choices": [], "usage": usage})
                text = "".join(f"data: {json.dumps(piece)}\n\n" for piece in pieces) + "data: [DONE]\n\n"
                self.reply(200, "text/event-stream", text.encode())

            def log_message(self, *arguments):
                pass

        self.requests: list[dict] = []
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}/v1"
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()


@contextmanager
def vendor():
    one = Vendor()
    try:
        yield one
    finally:
        one.close()
