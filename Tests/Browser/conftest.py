"""One real server and one Chromium for the whole session."""

import uuid

import pytest
from browser import CHROMIUM, Visitor, visitor
from harness import FIGURES, Account, Server, running
from playwright.sync_api import Browser, sync_playwright
from vendor import Vendor, vendor


@pytest.fixture(scope="session")
def chromium() -> Browser:
    if not CHROMIUM:
        pytest.skip("no Chromium: on Debian `apt-get install chromium`, elsewhere name one in ATELIER_CHROMIUM")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory) -> Server:
    with running(tmp_path_factory.mktemp("page")) as one:
        yield one


@pytest.fixture(scope="session")
def answering() -> Vendor:
    with vendor() as one:
        yield one


@pytest.fixture
def window(chromium, server) -> Visitor:
    """A window on the sign-in screen of the shared server."""
    with visitor(chromium, server.url) as one:
        yield one


@pytest.fixture(scope="session")
def resident(server) -> Account:
    """Somebody with things to look at, but nothing trained."""
    return server.account("resident")


@pytest.fixture
def person(server) -> Account:
    """Somebody nobody else knows of: a new one for each test."""
    return server.account(f"person-{uuid.uuid4().hex[:10]}")


def pytest_terminal_summary(terminalreporter):
    if FIGURES:
        terminalreporter.section("measured")
        for line in FIGURES:
            terminalreporter.line(line)
