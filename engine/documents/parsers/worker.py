"""Run one job in a forked process with limits, so that whatever it does ends with it.

Memory is bounded by what the worker may add to what it inherits (RLIMIT_AS and RLIMIT_DATA, on
Linux; elsewhere its resident size is watched), time by the processor's (RLIMIT_CPU) and the
clock. Death by any of them, or by a signal, is an error with a name.
"""

import json
import math
import os
import resource
import select
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any, Callable

import confine

from .document import ParseError

LINUX = sys.platform == "linux"
SPARE = 64 << 20  # bytes kept back, so that running out of memory can still be reported
CLOCK = 3  # a busy machine must not fail a file
WATCH = 0.5  # seconds between looks at the memory, where the kernel does not limit it
LIFE_SIGNALS = {signal.SIGTERM, signal.SIGINT, signal.SIGUSR1}


@dataclass
class Limits:
    memory: int  # bytes
    seconds: float  # of processor; the clock gets CLOCK times that
    file: int  # bytes that any one written file may have


running: int | None = None  # the worker's process id; for whoever ends this process


def run(job: Callable[[], dict[str, Any]], limits: Limits) -> dict[str, Any]:
    """The job's answer. A worker that died is a ParseError."""
    global running
    receive, send = os.pipe()
    parent = os.getpid()
    keep_out()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        os.close(receive)
        work(job, limits, send, parent)
    running = pid
    os.close(send)
    killed: ParseError | None = None
    try:
        answer, killed = collect(receive, pid, limits)
    finally:
        os.close(receive)
        if killed:
            os.kill(pid, signal.SIGKILL)
        _, status, usage = os.wait4(pid, 0)
        running = None
    if killed:
        raise killed
    if os.WIFSIGNALED(status):
        raise death(os.WTERMSIG(status), usage, limits)
    try:
        return json.loads(answer)
    except ValueError:
        raise ParseError("parser_crashed", f"the parser ended with status {os.waitstatus_to_exitcode(status)} and no answer",
                         "Open the file in the program that made it, save it anew, and upload that.") from None


def stop() -> None:
    """Kill the worker, if there is one."""
    if running is not None:
        try:
            os.kill(running, signal.SIGKILL)
        except ProcessLookupError:
            pass


def collect(receive: int, pid: int, limits: Limits) -> tuple[bytes, ParseError | None]:
    """All that the worker writes; and why it must be killed, if it must."""
    answer = bytearray()
    deadline = time.monotonic() + CLOCK * limits.seconds
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            return b"", too_slow(limits)
        ready, _, _ = select.select([receive], [], [], left if LINUX else min(left, WATCH))
        if ready:
            if not (block := os.read(receive, 1 << 16)):
                return bytes(answer), None
            answer += block
        elif not LINUX and resident(pid) > limits.memory:
            return b"", too_much_memory(limits)


def resident(pid: int) -> int:
    """A process's resident memory in bytes, 0 where it is gone."""
    result = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], stdin=subprocess.DEVNULL, capture_output=True)
    return int(result.stdout.strip() or 0) * 1024


def work(job: Callable[[], dict[str, Any]], limits: Limits, send: int, parent: int) -> None:
    """The worker's whole life. Never returns."""
    status = 1
    try:
        for number in LIFE_SIGNALS | {signal.SIGPIPE}:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, LIFE_SIGNALS)
        die_with(parent)
        limit(limits)
        try:
            answer = job()
        except MemoryError:
            if LINUX:  # the spare, for the report
                for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA):
                    resource.setrlimit(kind, (resource.getrlimit(kind)[1],) * 2)
            raise too_much_memory(limits) from None
        data = json.dumps(answer).encode()
        status = 0
    except ParseError as error:
        data = json.dumps({"error": {"code": error.code, "message": str(error), "hint": error.hint}}).encode()
        status = 0
    except BaseException as error:
        print(f"parser failed: {error!r}", file=sys.stderr, flush=True)
        data = json.dumps({"error": {"code": "parser_crashed", "message": f"the parser failed: {type(error).__name__}: {error}"[:500],
                                     "hint": "Open the file in the program that made it, save it anew, and upload that."}}).encode()
    try:
        while data:
            data = data[os.write(send, data) :]
    finally:
        os._exit(status)


def die_with(parent: int) -> None:
    """The kernel ends the worker when its parent ends."""
    if LINUX:
        import ctypes

        ctypes.CDLL(None).prctl(1, int(signal.SIGKILL), 0, 0, 0)  # PR_SET_PDEATHSIG
    if os.getppid() != parent:
        os._exit(1)


def keep_out() -> None:
    """Close this process's memory to its workers: they run as the same user, and the next file may be somebody else's."""
    if LINUX:
        import ctypes

        ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)  # PR_SET_DUMPABLE


def limit(limits: Limits) -> None:
    if LINUX:
        with open("/proc/self/statm") as file:
            pages = file.read().split()
        # The data too: threads of the parent leave reserved address space that malloc would still fill.
        for kind, inherited in ((resource.RLIMIT_AS, pages[0]), (resource.RLIMIT_DATA, pages[5])):
            total = int(inherited) * resource.getpagesize() + limits.memory
            resource.setrlimit(kind, (total, total + SPARE))
    seconds = math.ceil(limits.seconds)  # the kernel counts whole seconds
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    confine.lower(resource.RLIMIT_FSIZE, limits.file)
    # No other process, no other program, no socket. The last step: what it refuses is not needed any more.
    if code := confine.program({"processes": 0, "network": "none", "memory": limits.memory}):
        confine.install(code)


def too_slow(limits: Limits) -> ParseError:
    return ParseError("too_slow", f"reading it takes more than the {limits.seconds:g} s of computing allowed",
                      "Split the document, or ask the operator for a higher limit.")


def too_much_memory(limits: Limits) -> ParseError:
    return ParseError("too_much_memory", f"reading it takes more than the {limits.memory >> 20} MiB of memory allowed",
                      "Split the document, or ask the operator for a higher limit.")


def death(number: int, usage: resource.struct_rusage, limits: Limits) -> ParseError:
    """What a signal means. C libraries abort when they get no memory: they show by their size."""
    peak = usage.ru_maxrss * (1024 if LINUX else 1)
    if number == signal.SIGXCPU:
        return too_slow(limits)
    if number == signal.SIGKILL or peak > limits.memory // 2:
        return too_much_memory(limits)
    return ParseError("parser_crashed", f"the parser crashed on it ({signal.Signals(number).name})",
                      "Open the file in the program that made it, save it anew, and upload that.")
