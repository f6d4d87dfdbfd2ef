"""Serve a GGUF model and its LoRA adapters with llama.cpp.

    python engine/serving/serve.py --model model.gguf --port 0 --lora a.gguf --lora b.gguf [--key-from-stdin]

Prints one line on stdout once the model answers, and then serves until its stdin
is closed or it is terminated:

    {"event":"ready","url":"http://127.0.0.1:40123"}

or, with exit status 1, {"event":"error","code":…,"message":…,"hint":…}.

An adapter's id is its place among the --lora options, from 0. Adapters are loaded
but not applied: a request chooses with "lora":[{"id":0,"scale":1.0}], and without
it gets the base model. The set is fixed for the life of the process.

With --key-from-stdin the first line of stdin is a key that every request must bring as
`Authorization: Bearer …`, but for /health and the model's name: loopback is open to all users of a machine,
and so are the arguments of a process.

llama.cpp comes from the xllamacpp wheel; --llama-server takes any llama-server
binary instead, run as a supervised child.
"""

import os
import sys

if not __package__:  # a script: modules are found from the engine's folder
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

import child  # first: sets the environment that OpenMP reads

import argparse
import ctypes
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Callable


@dataclass
class Arguments:
    model: Path
    host: str
    port: int
    context: int
    parallel: int
    threads: int
    lora: list[Path]
    llama_server: Path | None
    alias: str
    key_from_stdin: bool = False
    key: str | None = None


class ServeError(Exception):
    def __init__(self, code: str, message: str, hint: str):
        super().__init__(message)
        self.code, self.hint = code, hint


def serve_in_process(arguments: Arguments) -> tuple[str, Callable[[], int | None]]:
    """Start llama.cpp in this process; its model is loaded then. Returns its URL and a poll for its exit status."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(arguments.model)
    params.hostnames = [arguments.host]
    params.port = arguments.port
    params.n_parallel = arguments.parallel
    params.n_ctx = arguments.context * arguments.parallel  # llama.cpp divides it among the slots
    params.fit_params = False  # the context asked for, or an error; never a smaller one
    params.cpuparams.n_threads = arguments.threads
    params.cpuparams_batch.n_threads = arguments.threads
    params.use_jinja = True  # the model's own chat template
    params.lora_adapters = [adapter(path) for path in arguments.lora]
    params.lora_init_without_apply = True
    # One user's prompt state must never meet another's adapter (ggml-org/llama.cpp#26207):
    # nothing is kept between requests unless a request asks for it.
    params.cache_prompt = False
    params.cache_ram_mib = 0
    params.cache_idle_slots = False
    params.endpoint_slots = False  # it would show what others are asking
    params.ui = False
    params.cors_origins, params.cors_origins_explicit = "", True  # no browser page may talk to it
    params.model_alias = {arguments.alias}  # instead of this machine's path in every reply
    if arguments.key:
        params.api_keys = [arguments.key]
    try:
        server = xllamacpp.Server(params)
    except Exception as error:
        raise ServeError("load_failed", f"llama.cpp did not start: {error}",
                         "Its log on stderr names the file; check that the model and every adapter are whole "
                         "and made for one another, and that the port is free.") from error
    # `server` is kept alive by the closure: collecting it would stop the service.
    return server.listening_address, lambda: None if server else None


def adapter(path: Path):
    import xllamacpp

    info = xllamacpp.CommonAdapterLoraInfo()
    info.path = str(path)
    info.scale = 0.0
    return info


def command(arguments: Arguments, port: int) -> list[str]:
    """The command line of a llama-server binary, with the same meaning as above."""
    options = [
        str(arguments.llama_server), "--model", str(arguments.model),
        "--host", arguments.host, "--port", str(port),
        "--ctx-size", str(arguments.context * arguments.parallel), "--parallel", str(arguments.parallel),
        "--threads", str(arguments.threads), "--threads-batch", str(arguments.threads),
        "--jinja", "--no-cache-prompt", "--cache-ram", "0", "--no-slots", "--no-webui",
        "--alias", arguments.alias,
        "--lora-init-without-apply",
    ]
    for path in arguments.lora:
        options += ["--lora", str(path)]
    return options


def serve_binary(arguments: Arguments) -> tuple[str, Callable[[], int | None]]:
    """Run a llama-server binary as a child that ends when we do."""
    port = arguments.port or free_port(arguments.host)

    def become_child() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, set())
        if sys.platform == "linux":
            # Our main thread starts it and lives as long as we do, so SIGKILL is safe here.
            ctypes.CDLL(None).prctl(child.PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)

    try:
        process = subprocess.Popen(command(arguments, port), stdin=subprocess.DEVNULL, preexec_fn=become_child,
                                   env=os.environ | ({"LLAMA_API_KEY": arguments.key} if arguments.key else {}))
    except OSError as error:
        raise ServeError("load_failed", f"{arguments.llama_server} could not be started: {error}",
                         "Check --llama-server.") from error
    child.on_end(lambda reason: process.kill())
    url = f"http://{arguments.host}:{port}"
    wait_until_ready(url, process.poll)
    return url, process.poll


def free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]


def wait_until_ready(url: str, poll: Callable[[], int | None]) -> None:
    """Return once /health answers 200. There is no time limit: a big model may
    load for minutes, and whoever waits for the line has its own."""
    while True:
        status = poll()
        if status is not None:
            raise ServeError("load_failed", f"llama-server ended with status {status} while loading",
                             "Its log on stderr says why.")
        try:
            with urllib.request.urlopen(url + "/health", timeout=2) as reply:
                if reply.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            pass
        time.sleep(0.02)


def check_files(arguments: Arguments) -> None:
    for path in [arguments.model, *arguments.lora]:
        try:
            with path.open("rb") as file:
                magic = file.read(4)
        except OSError as error:
            raise ServeError("file_missing", f"{path}: {error.strerror}", "Run scripts/setup.sh, or check the path.")
        if magic != b"GGUF":
            raise ServeError("file_invalid", f"{path} is not a GGUF file",
                             "A model or an adapter in llama.cpp's GGUF format is needed.")


def parse() -> Arguments:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="base model, GGUF")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=0, help="0 chooses a free one")
    parser.add_argument("--context", type=int, default=4096, help="tokens of context for each slot")
    parser.add_argument("--parallel", type=int, default=2, help="slots: requests answered at the same time")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--lora", type=Path, action="append", default=[], help="adapter, GGUF; may be repeated")
    parser.add_argument("--llama-server", type=Path, help="a llama-server binary to use instead of the wheel")
    parser.add_argument("--alias", help="the model's name in replies; its folder's where absent")
    parser.add_argument("--key-from-stdin", action="store_true", help="the first line of stdin is the key of every request")
    arguments = parser.parse_args()
    arguments.alias = arguments.alias or arguments.model.parent.name
    return Arguments(**vars(arguments))


def main() -> None:
    arguments = parse()
    child.start(watch_stdin=False)
    if arguments.key_from_stdin:
        arguments.key = child.read_secret()
    child.watch_end_of_stdin()
    try:
        check_files(arguments)
        url, poll = serve_binary(arguments) if arguments.llama_server else serve_in_process(arguments)
        child.emit({"event": "ready", "url": url})
        while (status := poll()) is None:
            time.sleep(0.5)
        raise ServeError("server_ended", f"llama-server ended with status {status}", "Its log on stderr says why.")
    except ServeError as error:
        child.fail(error.code, str(error), error.hint)


if __name__ == "__main__":
    main()
