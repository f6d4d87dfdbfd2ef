"""Run every test suite and add up their results.

    .venv/bin/python scripts/run_tests.py [--quick] [lint] [swift] [engine] [e2e] [browser] [demo]

Each suite's output goes to .setup/test-NAME.log; what failed is printed, and when each suite ran. Two suites run side by side.
The last line is `N passed, N failed, N skipped` over all of them; the exit status is 1 if anything failed.

--quick leaves out what takes long, as `make check` does: of the engine's tests those marked slow, of the Swift tests those
that wait for models or for hundreds of thousands of rows, and every peer (llama.cpp, LiteLLM, PostgreSQL).
"""

import argparse
import concurrent.futures
import contextlib
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass

import postgres

ROOT = pathlib.Path(__file__).resolve().parent.parent
LOGS = ROOT / ".setup"
PYTHON = str(ROOT / ".venv/bin/python")
DATA = pathlib.Path(os.environ.get("ATELIER_DATA_DIR", "data"))
if not DATA.is_absolute():
    DATA = ROOT / DATA
SWIFT_TEST = ["swift", "test", "-c", "release", "--skip-build", "--disable-xctest"]
# The Swift suites that take longer than five seconds by themselves, nearly all of them waiting for the engine's processes and models.
SLOW_SWIFT = [
    "AdapterServerTests", "BuildKilledTests", "ConfinedEngineTests", "CranfieldTests", "EngineTests", "HugeLineTests",
    "RemoteAdaptersTests", "SandboxTests", "ScanSpeedTests", "TrainerTests",
]


@dataclass
class Result:
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: "Result") -> "Result":
        return Result(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)


def run(name: str, command: list[str], environment: dict[str, str] | None = None) -> tuple[int, str]:
    """Run a command into its log; a line every half minute says that it is still at work."""
    LOGS.mkdir(exist_ok=True)
    log = LOGS / f"test-{name}.log"
    start = last = time.monotonic()
    with log.open("wb") as out:
        child = subprocess.Popen(
            command, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, cwd=ROOT, env={**os.environ, **(environment or {})}
        )
        while True:
            try:
                status = child.wait(timeout=1)
                break
            except subprocess.TimeoutExpired:
                if time.monotonic() - last >= 30:
                    last = time.monotonic()
                    tail = log.read_text(errors="replace").strip().splitlines()
                    print(f"  {name}: {int(last - start)} s … {tail[-1][:100] if tail else ''}", flush=True)
    print(f"  {name}: ended after {int(time.monotonic() - start)} s", flush=True)
    return status, log.read_text(errors="replace")


# Said again at the end of a run, where it is seen.
COMPLAINTS: list[str] = []


def complain(name: str, text: str, pattern: str) -> None:
    lines = text.splitlines()
    wanted = [line for line in lines if re.search(pattern, line)] or lines[-40:]
    # In one piece: another suite may be printing too.
    print("\n".join([f"--- {name}: what failed (whole log: .setup/test-{name}.log)", *wanted[:80]]), flush=True)
    COMPLAINTS.extend(f"{name}: {line.strip()[:300]}" for line in wanted[:10])


def print_measured(text: str) -> None:
    """Figures that tests report, so that a run shows them without its logs."""
    section = False
    for line in text.splitlines():
        if re.match(r"=+ ", line):
            section = " measured " in line or " slowest " in line
        elif re.match(r"(Cranfield|[Hh]andbook|Scan): ", line) or (section and line.strip()):
            print("  " + line.strip()[:200])


def lint() -> Result:
    print("Format: swift format lint", flush=True)
    status, text = run("lint", ["swift", "format", "lint", "--strict", "--parallel", "--recursive", "Sources", "Tests", "Package.swift"])
    if status != 0:
        complain("lint", text, r"error:|warning:")
    print("Page: scripts/page_lint.py", flush=True)
    page, text = run("lint-page", [PYTHON, "scripts/page_lint.py"])
    if page != 0:
        complain("lint-page", text, r"")
    return Result(passed=(status == 0) + (page == 0), failed=(status != 0) + (page != 0))


def litellm(llama: str, stack: contextlib.ExitStack) -> str | None:
    """LiteLLM's proxy before the same llama.cpp: the second peer of both dialects. Its address until `stack` closes."""
    sys.path.insert(0, str(ROOT / "bench"))
    import gateway

    try:
        gateway.install_litellm()
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="atelier-litellm-")))
        model = {"model_name": "peer", "litellm_params": {"model": "openai/any", "api_base": f"{llama}/v1", "api_key": "none"}}
        proxy = gateway.LiteLLM(folder, [model], workers=1, key="sk-peer-key")
    except gateway.Trouble as trouble:
        print(f"  LiteLLM's proxy cannot be had, so its tests are skipped: {trouble}", flush=True)
        return None
    stack.callback(proxy.close)
    return f"http://127.0.0.1:{proxy.port}"


def build() -> Result:
    print("Swift: build (the first time 10 to 20 minutes)", flush=True)
    status, text = run("swift-build", ["swift", "build", "-c", "release", "--build-tests"])
    if status != 0:
        complain("swift-build", text, r"error:")
    return Result(failed=int(status != 0))


def swift_quick() -> Result:
    print("Swift: the quick tests", flush=True)
    return tested("swift", *run("swift", [*SWIFT_TEST, "--skip", rf"\.({'|'.join(SLOW_SWIFT)})/"], {"ATELIER_DATA_DIR": str(DATA)}))


def swift() -> Result:
    # The real llama.cpp server that the OpenAI and Anthropic dialects are tested against.
    server = subprocess.Popen(
        [PYTHON, "engine/serving/serve.py", "--model", str(DATA / "models/smollm2-135m-instruct/model.gguf"), "--port", "0"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=ROOT, text=True,
    )
    ready = server.stdout.readline()
    found = re.search(r'"url": ?"([^"]+)"', ready)
    environment = {"ATELIER_DATA_DIR": str(DATA)}
    if found:
        environment["ATELIER_TEST_LLAMA_URL"] = found.group(1)
    with contextlib.ExitStack() as stack:
        if found and (peer := litellm(found.group(1), stack)):
            environment["ATELIER_TEST_LITELLM_URL"] = peer
        if cluster := postgresql(stack):
            environment["ATELIER_TEST_POSTGRES_URL"] = cluster.url("swift")
        print("Swift: test", flush=True)
        result = tested("swift", *run("swift", SWIFT_TEST, environment))
        if cluster:
            # Whatever keeps rows, once more, with its rows there.
            print("Swift: test on PostgreSQL", flush=True)
            environment["ATELIER_TEST_DATABASE"] = "postgres"
            result += tested("swift-postgres", *run("swift-postgres", [*SWIFT_TEST, "--filter", "^(Store|Files|Calls|Answers|Training|Server)Tests"], environment))
    server.stdin.close()
    server.wait()
    return result


def postgresql(stack: contextlib.ExitStack) -> "postgres.Cluster | None":
    """A PostgreSQL server until `stack` closes."""
    try:
        return stack.enter_context(postgres.running())
    except postgres.Missing as missing:
        print(f"  the tests on PostgreSQL are skipped: {missing}", flush=True)
        return None


def tested(name: str, status: int, text: str) -> Result:
    """What Swift Testing says of a run."""
    result = Result(
        passed=len(re.findall(r"^. Test (?!run )(?!case ).*passed after", text, re.M)),
        failed=len(re.findall(r"^. Test (?!run )(?!case ).*failed after", text, re.M)),
        skipped=len(re.findall(r"^. Test (?!run )(?!case ).*skipped", text, re.M)),
    )
    if status != 0 or result.failed:
        result.failed = max(1, result.failed)
        complain(name, text, r"^✘|error:|Fatal error")
    elif result.passed == 0:
        result.failed = 1
        complain(name, text, r"^$")
    for line in re.findall(r"^.*skipped.*$", text, re.M)[:20]:
        print("  " + line)
    print_measured(text)
    return result


def pytest(name: str, arguments: list[str]) -> Result:
    status, text = run(name, [PYTHON, "-m", "pytest", "-q", "-ra", "--durations=15", "--durations-min=5", *arguments], {"ATELIER_DATA_DIR": str(DATA)})
    summary = text.strip().splitlines()[-1] if text.strip() else ""
    counts = {word: int(number) for number, word in re.findall(r"(\d+) (passed|failed|skipped|error)", summary)}
    result = Result(counts.get("passed", 0), counts.get("failed", 0) + counts.get("error", 0), counts.get("skipped", 0))
    if status != 0:
        result.failed = max(1, result.failed)
        complain(name, text, r"^(FAILED|ERROR|E  )")
    for line in re.findall(r"^SKIPPED.*$", text, re.M):
        print("  " + line)
    print_measured(text)
    return result


def engine(*arguments: str) -> Result:
    print("Engine: Python tests", flush=True)
    return pytest("engine", ["-c", "engine/pyproject.toml", "engine/tests", *arguments])


def engine_quick() -> Result:
    return engine("-m", "not slow")


def e2e() -> Result:
    print("End to end: the real server, training, models and clients", flush=True)
    return pytest("e2e", ["-p", "no:cacheprovider", "Tests/EndToEnd"])


def browser() -> Result:
    print("Page: the real server in a real Chromium", flush=True)
    return pytest("browser", ["-p", "no:cacheprovider", "Tests/Browser"])


def demo() -> Result:
    print("Demo: trains the sample minion on a fresh data directory", flush=True)
    data = ROOT / ".test-data/demo"
    subprocess.run(["rm", "-rf", str(data)], check=True)
    data.mkdir(parents=True)
    (data / "models").symlink_to(DATA / "models")
    status, text = run("demo", [str(ROOT / ".build/release/atelier"), "demo", "--exit", "--port", "0"], {"ATELIER_DATA_DIR": str(data)})
    print("\n".join("  " + line for line in text.splitlines() if re.search(r"held-out replies|trained and indexed|done in|timings", line)))
    passed, failed = len(re.findall(r"✓", text)), len(re.findall(r"✗", text))
    if status != 0:
        failed = max(1, failed)
        complain("demo", text, r"✗|failed")
    return Result(passed, failed)


SUITES = {"lint": lint, "build": build, "swift": swift, "engine": engine, "e2e": e2e, "browser": browser, "demo": demo}
QUICK = SUITES | {"swift": swift_quick, "engine": engine_quick}
# What a suite waits for, of what is run; of two that are ready the one named first begins. The demo's times are its own.
AFTER = {
    "lint": [], "build": ["lint"], "engine": [], "e2e": ["build"], "browser": ["build"], "swift": ["build"],
    "demo": ["lint", "build", "engine", "e2e", "browser", "swift"],
}
# Two, on two cores: most of a suite's work keeps one busy, and more would only wait longer for the same cores.
AT_ONCE = 2


def run_all(suites: dict) -> Result:
    """Each suite once what it waits for has ended. Where the build fails, what needs it is not run."""
    results: dict[str, Result] = {}
    began = time.monotonic()
    spans: list[str] = []

    def one(name: str) -> Result:
        start = time.monotonic() - began
        result = suites[name]()
        if name != "build":
            print(f"{name}: {result.passed} passed, {result.failed} failed, {result.skipped} skipped\n", flush=True)
        spans.append(f"{name} {start:.0f} to {time.monotonic() - began:.0f} s")
        return result

    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        waiting = [name for name in AFTER if name in suites]
        running: dict[concurrent.futures.Future, str] = {}
        while waiting or running:
            if results.get("build", Result()).failed:
                waiting = [name for name in waiting if "build" not in AFTER[name]]
            for name in list(waiting):
                if len(running) < AT_ONCE and all(other in results for other in AFTER[name] if other in suites):
                    waiting.remove(name)
                    running[pool.submit(one, name)] = name
            ended, _ = concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_COMPLETED)
            for future in ended:
                results[running.pop(future)] = future.result()
    print("Suites: " + ", ".join(spans))
    return sum(results.values(), Result())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suites", nargs="*", metavar="SUITE", help="; ".join(name for name in SUITES if name != "build"))
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    if unknown := set(arguments.suites) - set(SUITES):
        sys.exit(f"no such suite: {', '.join(sorted(unknown))}; there are {', '.join(SUITES)}")
    wanted = set(arguments.suites or SUITES)
    if "swift" in wanted:
        wanted.add("build")
    table = QUICK if arguments.quick else SUITES
    total = run_all({name: table[name] for name in wanted})
    if COMPLAINTS:
        print("\n".join(["What failed:", *COMPLAINTS[:30], ""]))
    print(f"{total.passed} passed, {total.failed} failed, {total.skipped} skipped")
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main())
