"""What every script of the engine shares: it is a child of the server, and must behave as one.

Import this module before torch, numpy or onnxruntime: it sets the environment
they read once, at import.

The rules, for a child process:

* stdout carries the protocol and nothing else. `start()` keeps the real stdout
  aside for `emit()` and points file descriptor 1 at stderr, so that not even a
  C library can write between two protocol lines.
* The parent holds our stdin open. End of file means that the parent is gone, and
  the process ends at once; on Linux the kernel tells us as well. This holds where
  stdin is a pipe or a socket: with a terminal or /dev/null (nohup) nobody
  supervises us, and the script runs to its end.
* SIGTERM and SIGINT end the process at once, whatever it is computing.
* What the server allows it (confine.py) holds from the import of this module on.
"""

import json
import os
import queue
import signal
import stat
import sys
import threading
import warnings
from typing import Any, Callable, NoReturn

import confine

# Before anything else is loaded: libraries start threads, and each must be confined.
if unfiltered := confine.from_environment():
    print(f"runs without a system call filter: {unfiltered}", file=sys.stderr)

# OpenMP threads that always spin take the core a busy neighbour needs; threads that never
# spin wake too late. Seen on two idle cores, never spinning against this bounded spin:
# generation with an adapter 10 against 69 tokens/s, training 82 against 165; with one busy
# neighbour training 94 against 46.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "10000")
# Everything is on disk already; a silent download would be a surprise.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_OFFLINE", "1")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("TQDM_DISABLE", "1")

# Our versions are pinned; what libraries will change in later ones is no news here.
warnings.filterwarnings("ignore", category=FutureWarning)
warnings.filterwarnings("ignore", category=DeprecationWarning)

PR_SET_PDEATHSIG = 1  # linux/prctl.h
HANDLED = {signal.SIGTERM, signal.SIGINT, signal.SIGUSR1}

_protocol: int = 1
_lock = threading.Lock()
_at_end: list[Callable[[str], None]] = []


def on_end(action: Callable[[str], None]) -> None:
    """Register what runs before the process ends itself, with the reason
    ("parent_gone", "terminated"). Actions must be quick: SIGTERM promises one second."""
    _at_end.append(action)


def end(reason: str, status: int) -> NoReturn:
    """End the process now, from any thread. No atexit, no joins: a thread deep
    inside a native call would hold an orderly exit up."""
    for action in _at_end:
        try:
            action(reason)
        except BaseException as error:  # nothing may keep the process alive
            print(f"while ending ({reason}): {error}", file=sys.stderr)
    os._exit(status)


def silence() -> None:
    """From here on `emit` says nothing: another process speaks for this one."""
    global _protocol
    _protocol = os.open(os.devnull, os.O_WRONLY)


def write(data: bytes) -> None:
    """Write all of `data` to the protocol stream."""
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(_protocol, view) :]
        except BrokenPipeError:
            end("parent_gone", 1)


def emit(event: dict[str, Any], payload: bytes = b"") -> None:
    """One protocol line, followed by `payload` as raw bytes; never interleaved."""
    # allow_nan=False: NaN is not JSON, and a strict reader would drop the line.
    line = json.dumps(event, ensure_ascii=True, allow_nan=False).encode() + b"\n"
    with _lock:
        write(line + payload if len(payload) < 65536 else line)
        if len(payload) >= 65536:
            write(payload)


def fail(code: str, message: str, hint: str, **more: Any) -> NoReturn:
    """Report why the script cannot go on, for programs on stdout and for people on
    stderr, and end with status 1. `more` is what programs are told besides."""
    emit({"event": "error", "code": code, "message": message, "hint": hint, **more})
    print(f"{code}: {message} ({hint})", file=sys.stderr, flush=True)
    end("failed", 1)


def hold_signals() -> None:
    """Keep signals for the thread that waits for them. Threads inherit this, and a
    library may start some as soon as it is imported: a script that imports such a
    library at its top calls this before, or the signal kills it unhandled."""
    signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)


def start(watch_stdin: bool = True) -> None:
    """Become a well-behaved child. Call it first, on the main thread.

    `watch_stdin=False` is for a script that reads requests from stdin and so sees
    the end of file itself.
    """
    global _protocol
    sys.stdout.flush()
    _protocol = os.dup(1)
    os.set_inheritable(_protocol, False)
    os.dup2(2, 1)

    parent = os.getppid()
    hold_signals()
    supervised = _is_pipe(0)
    if supervised and sys.platform == "linux":
        # SIGUSR1 and not SIGKILL: the kernel sends it when the *thread* that
        # started us ends, and a server's pool threads come and go.
        import ctypes

        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(signal.SIGUSR1), 0, 0, 0)
    threading.Thread(target=_wait_for_signals, args=(parent,), daemon=True).start()
    if watch_stdin:
        watch_end_of_stdin()


def watch_end_of_stdin() -> None:
    """End with the parent, from here on. `start` does it for a script that reads nothing from stdin."""
    if _is_pipe(0):
        threading.Thread(target=_wait_for_end_of_stdin, daemon=True).start()


def read_secret() -> str:
    """The first line of stdin: what the parent tells nobody else. Read before the end of stdin is watched."""
    line = bytearray()
    while not line.endswith(b"\n"):
        # Byte by byte: what comes behind it is not ours.
        if not (byte := os.read(0, 1)) or len(line) > 4096:
            end("parent_gone", 1)
        line += byte
    return line.decode().strip()


class BadRequest(Exception):
    """A request that cannot be answered, and is not the script's fault."""

    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code = code


class Requests:
    """JSON objects, one a line of stdin, each answered by one line with its `id`. Read ahead by a thread of their own from
    the start, which so sees the end of stdin: call `start(watch_stdin=False)` before.

    `longest` bounds a line in bytes; `waiting` how many are read ahead; `hint` goes with each bad request."""

    def __init__(self, longest: int, waiting: int, hint: str):
        self.longest, self.hint = longest, hint
        self.waiting: queue.Queue[bytes] = queue.Queue(waiting)
        threading.Thread(target=self.read, daemon=True).start()

    def read(self) -> None:
        """Read lines until the end of stdin, which means that the parent is gone."""
        stream = sys.stdin.buffer
        while line := stream.readline(self.longest + 1):
            if len(line) > self.longest:
                while (rest := stream.readline(1 << 20)) and not rest.endswith(b"\n"):
                    pass
            if line.strip():
                self.waiting.put(line)
        end("parent_gone", 0)

    def serve(self, answer: Callable[[dict[str, Any]], tuple[dict[str, Any], bytes]]) -> NoReturn:
        """Answer requests for ever: with the fields of the reply and the bytes that follow it."""
        while True:
            identifier, reply, payload = self.respond(self.waiting.get(), answer)
            emit({"id": identifier, **reply}, payload)

    def respond(self, line: bytes, answer: Callable[[dict[str, Any]], tuple[dict[str, Any], bytes]]) -> tuple[Any, dict[str, Any], bytes]:
        """The id of one request line and the answer to it, whatever it holds."""
        identifier: Any = None
        try:
            if len(line) > self.longest:
                raise BadRequest("request_too_large", f"a request line may have {self.longest} bytes")
            try:
                request = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise BadRequest("invalid_json", str(error)) from error
            if not isinstance(request, dict):
                raise BadRequest("invalid_request", "a request must be a JSON object")
            identifier = request.get("id")
            return identifier, *answer(request)
        except BadRequest as error:
            return identifier, {"error": {"code": error.code, "message": str(error), "hint": self.hint}}, b""
        except Exception as error:  # one bad request must not take the others' service away
            print(f"request failed: {error!r}", file=sys.stderr)
            return identifier, {"error": {"code": "internal", "message": f"{type(error).__name__}: {error}", "hint": "Report this."}}, b""


def _wait_for_signals(parent: int) -> None:
    while True:
        received = signal.sigwait(HANDLED)
        if received != signal.SIGUSR1:
            end("terminated", 128 + received)
        elif os.getppid() != parent:
            end("parent_gone", 1)


def _is_pipe(descriptor: int) -> bool:
    try:
        mode = os.fstat(descriptor).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def _wait_for_end_of_stdin() -> None:
    while True:
        try:
            if not os.read(0, 4096):
                break
        except OSError:
            break
    end("parent_gone", 1)
