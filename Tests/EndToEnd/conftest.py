"""One real server and one real training run, shared by the whole session."""

import re
import sys
import uuid
from dataclasses import dataclass

import pytest
from harness import FIGURES, ROOT, Account, Event, Server, handbook, refusing, running, voice

sys.path.insert(0, str(ROOT / "scripts"))
import postgres  # noqa: E402

SHARED: list[Server] = []


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """The server most tests talk to; one that ends its server or needs other settings runs its own.
    It must leave no process behind."""
    with running(tmp_path_factory.mktemp("shared")) as server:
        SHARED.append(server)
        yield server


@pytest.fixture(autouse=True)
def survival():
    """A test that the shared server does not survive fails; the next one finds it running again."""
    yield
    for server in SHARED:
        if (status := server.process.poll()) is not None:
            log = server.log()
            server.start()
            said = re.findall(r"Fatal error.*|Program crashed.*|Swift runtime failure.*| in .* at \S*/Sources/Server/.*", log)
            pytest.fail(f"the server ended with {status}: {said[-3:] or log[-500:]}")


@pytest.fixture(scope="session")
def superuser(server) -> Account:
    return server.account("root", "--superuser")


@pytest.fixture
def somebody(server) -> Account:
    """A person nobody else knows of: a new one for each test."""
    return server.account(f"somebody-{uuid.uuid4().hex[:12]}")


@dataclass
class Trained:
    """A minion with a release, and how it came by it."""

    account: Account
    minion: dict
    job: dict
    history: list[Event]
    release: dict


@pytest.fixture(scope="session")
def trained(server) -> Trained:
    """The sample voice for one epoch and the whole sample handbook. Read it, do not change it."""
    account = server.account("keeper")
    minion = account.minion("Wick the Keeper", pipeline={"top_k": 2}, sampling={"temperature": 0, "max_tokens": 40})
    datasets = [
        account.dataset(voice(), "jsonl", "voice.jsonl"),
        account.dataset(handbook(), "rag", "handbook.zip"),
    ]
    job, history = account.finish(account.job(minion, "hybrid", datasets))
    minion = account.get(f"minions/{minion['id']}")
    release = account.get(f"minions/{minion['id']}/releases")["items"][0]
    return Trained(account, minion, job, history, release)


@pytest.fixture
def cluster():
    """A PostgreSQL server of its own."""
    try:
        with postgres.running() as cluster:
            yield cluster
    except postgres.Missing as missing:
        pytest.skip(str(missing))


@pytest.fixture
def vendor():
    vendor = refusing()
    yield vendor
    vendor.close()


def pytest_terminal_summary(terminalreporter):
    if FIGURES:
        terminalreporter.section("measured")
        for line in FIGURES:
            terminalreporter.line(line)
