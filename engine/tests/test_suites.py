"""The order in which `make test` runs the suites, and what `make check` leaves out."""

import pathlib
import re
import sys
import threading

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
import run_tests  # noqa: E402
from run_tests import Result  # noqa: E402


@pytest.fixture
def ended() -> list[str]:
    return []


def suites(ended: list[str], **results: Result) -> dict:
    """Suites that do nothing, of every name or with these results."""
    def suite(name: str):
        def run() -> Result:
            ended.append(name)
            return results.get(name, Result(passed=1))
        return run

    return {name: suite(name) for name in run_tests.SUITES}


def test_each_runs_once_and_the_results_add_up(ended):
    assert run_tests.run_all(suites(ended, e2e=Result(5, 1, 2))) == Result(11, 1, 2)
    assert sorted(ended) == sorted(run_tests.SUITES) and ended[-1] == "demo"
    assert ended.index("build") < min(ended.index(name) for name in ("e2e", "browser", "swift"))


@pytest.mark.parametrize("first, second", [("build", "engine"), ("e2e", "browser")])
def test_two_run_side_by_side_and_never_more(ended, first, second):
    meet = threading.Barrier(2)
    under_way, most, lock = set(), [], threading.Lock()

    def watched(name: str, run):
        def body() -> Result:
            with lock:
                under_way.add(name)
                most.append(len(under_way))
            if name in (first, second):
                meet.wait(30)
            with lock:
                under_way.discard(name)
            return run()
        return body

    run_tests.run_all({name: watched(name, run) for name, run in suites(ended).items()})
    assert max(most) == 2


def test_where_the_build_fails_what_needs_it_is_not_run(ended):
    assert run_tests.run_all(suites(ended, build=Result(failed=1))).failed == 1
    assert sorted(ended) == ["build", "engine", "lint"]


def test_a_suite_alone_waits_for_nothing_else(ended):
    assert run_tests.run_all({"demo": suites(ended)["demo"]}) == Result(1) and ended == ["demo"]


def test_what_the_quick_run_leaves_out_is_there():
    sources = "\n".join(path.read_text() for path in (ROOT / "Tests").rglob("*.swift"))
    assert [name for name in run_tests.SLOW_SWIFT if not re.search(rf"\bstruct {name}\b", sources)] == []
