"""The server's own children are confined, and still do their work. What each kind of child is refused is tried in
Tests/LocalModelsTests/SandboxTests.swift."""

import os
import re
import subprocess
import sys
from pathlib import Path

import httpx2 as httpx
import pytest
from harness import BINARY, MARK, Server, handbook, processes, running

SECRETS = {"PGPASSWORD": "a secret", "AWS_SECRET_ACCESS_KEY": "a secret", "BILLING_DSN": "https://a-secret@example.org"}
# A page and not Markdown, which needs no parser.
PAGE = b"<html><body><h1>Kiln</h1><p>The kiln fires at night, when power is cheap.</p></body></html>"
NAMESPACES = ["pid", "mnt", "user", "ipc", "uts"]


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """A server with secrets in its environment, whose embedder, document parser and model server run."""
    folder = tmp_path_factory.mktemp("sandbox")
    (folder / ".env").write_text("SMTP_PASSWORD=a secret\n")
    with running(folder, **SECRETS) as server:
        if (said := httpx.get(server.url + "/ready", trust_env=False).json()["sandbox"]) != "ok":
            pytest.skip(f"children are not confined here: {said}")
        account = server.account("tenant")
        account.dataset(PAGE, "rag", "kiln.html")
        minion = account.minion("Wick")
        assert account.ask(minion, "Who are you?")["answer"]
        minion["token"] = account.token_of(minion)
        ok = httpx.post(server.url + "/v1/embeddings", json={"model": "bge-small-en-v1.5", "input": "kiln"},
                        headers={"Authorization": f"Bearer {minion['token']}"}, timeout=60, trust_env=False)
        assert ok.status_code == 200, ok.text
        yield server, account, minion


def children(server: Server, script: str) -> list[int]:
    """Every process of one script, those of its sandbox included."""
    found = [pid for pid, command in processes(server.data) if script in command]
    assert found, f"{script} runs"
    return found


@pytest.mark.parametrize("script", ["parse.py", "embed.py", "serve.py"])
def test_a_child_gets_no_secret_and_no_namespace_of_the_servers(house, script):
    server, _, _ = house
    for pid in children(server, script):
        environment = Path(f"/proc/{pid}/environ").read_bytes()
        assert MARK.encode() in environment, "what the operator names is passed on"
        assert b"a secret" not in environment and b"a-secret" not in environment and b"ATELIER_DATA_DIR" not in environment
    pid = children(server, script)[-1]
    for kind in NAMESPACES + ([] if script == "serve.py" else ["net"]):
        assert os.readlink(f"/proc/{pid}/ns/{kind}") != os.readlink(f"/proc/self/ns/{kind}"), kind
    seen = {line.split()[4] for line in Path(f"/proc/{pid}/mountinfo").read_text().splitlines()}
    assert not any(path == str(server.data) or path == str(server.data.parent) for path in seen), seen
    assert not Path(f"/proc/{pid}/root{server.data}/atelier.sqlite").exists()
    assert not Path(f"/proc/{pid}/root{server.data}/encryption.key").exists()
    assert not Path(f"/proc/{pid}/root{server.data.parent}/.env").exists()
    assert "Seccomp:\t2" in Path(f"/proc/{pid}/status").read_text()


def test_a_child_ends_with_the_server_and_the_server_finds_it_back(house):
    """Killed from outside, the sandbox takes its child along, and the next question has another."""
    server, account, minion = house
    for pid in children(server, "serve.py"):
        try:
            os.kill(pid, 9)
        except ProcessLookupError:  # it went with the first
            pass
    assert account.ask(minion, "And now?")["answer"]


def listening(server: Server) -> str:
    """Where the model server listens: a socket of its process among those of the machine."""
    for pid in children(server, "serve.py"):
        inodes = set()
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            if found := re.fullmatch(r"socket:\[(\d+)\]", os.readlink(descriptor)):
                inodes.add(found[1])
        for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                address, port = fields[1].split(":")
                assert address == "0100007F", "it listens on loopback alone"
                return f"http://127.0.0.1:{int(port, 16)}"
    raise AssertionError("the model server listens nowhere")


def test_a_stranger_on_loopback_is_refused_and_finds_no_key(house):
    server, account, minion = house
    assert account.ask(minion, "Who are you?")["answer"]
    url = listening(server)
    body = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 4}
    for headers in ({}, {"Authorization": "Bearer x"}, {"Authorization": f"Bearer {minion['token']}"}):
        assert httpx.post(url + "/v1/chat/completions", json=body, headers=headers, trust_env=False).status_code == 401
    for pid in children(server, "serve.py"):
        for told in ("cmdline", "environ"):
            assert not re.search(rb"[0-9a-f]{64}", Path(f"/proc/{pid}/{told}").read_bytes()), told
    assert not re.search(r"[0-9a-f]{64}", server.log())


def start(folder: Path, **environment: str) -> tuple[Server, subprocess.CompletedProcess]:
    """A server that is not expected to serve."""
    server = Server(folder, **environment)
    return server, subprocess.run([BINARY, "serve", "--port", "0", "--data-dir", server.data], env=server.environment, cwd=folder,
                                  stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)


@pytest.mark.skipif(sys.platform != "linux", reason="there is never a sandbox elsewhere")
def test_a_required_sandbox_that_is_missing_stops_the_start(tmp_path):
    _, ended = start(tmp_path, ATELIER_SANDBOX="required", PATH=str(tmp_path))
    assert ended.returncode != 0 and "ATELIER_SANDBOX" in ended.stderr and "bubblewrap (bwrap) is not installed" in ended.stderr, ended.stderr
    assert "listening" not in ended.stdout


@pytest.mark.parametrize("value, words", [("maybe", "auto, required, off"), ("1", "auto, required, off")])
def test_an_unknown_mode_is_named(tmp_path, value, words):
    _, ended = start(tmp_path, ATELIER_SANDBOX=value)
    assert ended.returncode != 0 and "ATELIER_SANDBOX" in ended.stderr and words in ended.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="there is never a sandbox elsewhere")
def test_a_bubblewrap_that_does_not_work_is_said_once_and_documents_are_read_all_the_same(tmp_path):
    broken = tmp_path / "bin"
    broken.mkdir()
    (broken / "bwrap").write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    (broken / "bwrap").chmod(0o755)
    with running(tmp_path, PATH=f"{broken}:/usr/bin:/bin") as server:
        assert "No permissions to create new namespace" in httpx.get(server.url + "/ready", trust_env=False).json()["sandbox"]
        assert server.log().count("children run without a sandbox: bubblewrap does not work here") == 1
        account = server.account("tenant")
        assert account.dataset(handbook(), "rag", "handbook.zip")["sample_count"] > 1
        assert account.dataset(PAGE, "rag", "kiln.html")["sample_count"] == 1
        for pid in children(server, "parse.py"):
            assert "Seccomp:\t2" in Path(f"/proc/{pid}/status").read_text(), "limits and filter need no bubblewrap"


def test_nothing_of_a_document_stays_with_the_parser(house):
    """Documents are linked into the parser's folder one by one, and nothing of them stays there."""
    server, account, _ = house
    account.dataset(PAGE, "rag", "again.html")
    assert server.files("parsing/**/*") == set()
    assert [path for path in (server.data / "parsing").glob("*/files")], "the parser runs"
