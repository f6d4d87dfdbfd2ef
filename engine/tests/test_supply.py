"""What is installed is listed with hashes, and the lists are those of the versions chosen."""

import http.server
import json
import os
import pathlib
import re
import subprocess
import sys
import threading
import tomllib
from importlib import metadata

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SUPPLY = ROOT / "scripts/supply.py"
sys.path.insert(0, str(ROOT / "scripts"))
import supply  # noqa: E402


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("file", [supply.REQUIREMENTS, supply.TORCH, supply.CPU, supply.LITELLM], ids=lambda file: file.name)
def test_every_listed_package_has_one_version_and_hashes(file):
    found = supply.entries(file.read_text())
    assert len(found) > (0 if file == supply.CPU else 10)
    for entry in found:
        assert re.match(r"[a-z0-9.-]+(\[[a-z,]+\])?==[^ ]+ ", entry), entry[:80]
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry[:80]


def test_the_list_holds_the_versions_that_were_chosen():
    project = tomllib.loads((ROOT / "engine/pyproject.toml").read_text())["project"]
    chosen = project["dependencies"] + project["optional-dependencies"]["test"]
    listed = {canonical(name): version for file in (supply.REQUIREMENTS, supply.TORCH) for name, version in re.findall(r"^([\w.-]+)==(\S+)", file.read_text(), re.M)}
    assert {canonical(pin.split("==")[0]): pin.split("==")[1] for pin in chosen}.items() <= listed.items()
    version = re.search(r'^LITELLM = "(.+)"$', (ROOT / "bench/gateway.py").read_text(), re.M)[1]
    assert f"litellm[proxy]=={version} " in supply.LITELLM.read_text() or f"litellm=={version} " in supply.LITELLM.read_text()


def test_nothing_else_is_installed():
    listed = {canonical(name) for file in (supply.REQUIREMENTS, supply.TORCH) for name in re.findall(r"^([\w.-]+)==", file.read_text(), re.M)}
    installed = {canonical(distribution.name) for distribution in metadata.distributions()}
    # An environment made before the lists has the engine itself installed, without any file.
    assert installed - listed <= {"pip", "setuptools", "atelier-engine"}


def checkout(tmp_path: pathlib.Path) -> pathlib.Path:
    """A project with one Swift package, as the package manager leaves it."""
    package = tmp_path / ".build/checkouts/swift-thing"
    package.mkdir(parents=True)
    (package / "Package.swift").write_text("// a package\n")
    git = ["git", "-C", str(package), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "one"]):
        subprocess.run([*git, *command], check=True)
    dependency = {
        "packageRef": {"location": "https://example.org/swift-thing"}, "subpath": "swift-thing", "state": {"checkoutState": {"version": "1.0.0"}}
    }
    (tmp_path / ".build/workspace-state.json").write_text(json.dumps({"object": {"dependencies": [dependency]}}))
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts/supply.py").write_text(SUPPLY.read_text())
    return package


def supplied(folder: pathlib.Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, folder / "scripts/supply.py", *arguments], text=True, capture_output=True, env=os.environ | environment)


def test_a_swift_package_that_changed_behind_its_version_is_refused(tmp_path):
    package = checkout(tmp_path)
    assert supplied(tmp_path, "lock", "swift").returncode == 0
    assert supplied(tmp_path, "check").stdout == "1 Swift packages are the listed ones\n"

    (package / "Package.swift").write_text("// another\n")
    edited = supplied(tmp_path, "check")
    assert edited.returncode == 1 and "changed since" in edited.stderr

    subprocess.run(["git", "-C", package, "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-qam", "moved tag"], check=True)
    moved = supplied(tmp_path, "check")
    assert moved.returncode == 1 and "https://example.org/swift-thing" in moved.stderr and "do not build it" in moved.stderr


def test_a_swift_package_nobody_listed_is_refused(tmp_path):
    checkout(tmp_path)
    (tmp_path / "Package.pins").write_text("{}")
    assert "nothing is listed" in supplied(tmp_path, "check").stderr


@pytest.fixture
def advisories():
    """OSV's batch answer, as its documentation records it: one result for each query, in order."""
    class Handler(http.server.BaseHTTPRequestHandler):
        reply: dict = {}

        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            body = json.dumps(self.reply).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Handler, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    "reply, status, said",
    [
        ({"results": [{"vulns": [{"id": "GHSA-7fj7-39wj-c64f", "modified": "2023-06-06T00:00:00Z"}]}]}, 1, "1.0.0: GHSA-7fj7-39wj-c64f"),
        ({"results": [{}]}, 0, "1 packages checked, 0 advisories"),
        ({"results": []}, 2, "NOT CHECKED"),
        ({"code": 3, "message": "Invalid query."}, 2, "NOT CHECKED"),
    ],
)
def test_advisories_of_swift_packages(tmp_path, monkeypatch, capsys, advisories, reply, status, said):
    handler, url = advisories
    handler.reply = reply
    pins = tmp_path / "Package.pins"
    pins.write_text(json.dumps({"https://github.com/apple/swift-thing": {"version": "1.0.0", "tree": "0"}}))
    monkeypatch.setattr(supply, "PINS", pins)
    monkeypatch.setattr(supply, "OSV", url)
    assert supply.audit_swift() == status
    assert said in capsys.readouterr().out


def test_an_advisory_database_that_is_away_is_no_all_clear(tmp_path, monkeypatch, capsys):
    pins = tmp_path / "Package.pins"
    pins.write_text(json.dumps({"https://github.com/apple/swift-thing": {"version": "1.0.0", "tree": "0"}}))
    monkeypatch.setattr(supply, "PINS", pins)
    monkeypatch.setattr(supply, "OSV", "http://127.0.0.1:9")
    assert supply.audit_swift() == 2
    assert "NOT CHECKED" in capsys.readouterr().out
