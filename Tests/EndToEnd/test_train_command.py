"""`atelier train`: a template in, an exit code out, as a CI pipeline has it."""

import json
import subprocess

import pytest
from harness import BINARY, Account, handbook, voice


class Desk:
    """A folder with templates and their files, and somebody who runs them."""

    def __init__(self, account: Account, folder):
        self.account, self.folder = account, folder

    def write(self, text: str, name: str = "nightly.yaml") -> str:
        (self.folder / name).write_text(text)
        return name

    def train(self, *arguments: str, expect: int = 0, session: str | None = None, url: str | None = None) -> str:
        environment = {
            name: value for name, value in self.account.server.environment.items() if not name.startswith("ATELIER_")
        } | {"ATELIER_URL": url or self.account.server.url, "ATELIER_SESSION": self.account.token if session is None else session}
        done = subprocess.run([BINARY, "train", *arguments], cwd=self.folder, env=environment, text=True, capture_output=True)
        assert done.returncode == expect, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    def states(self, minion: dict) -> list[str]:
        return [release["state"] for release in self.account.get(f"minions/{minion['id']}/releases")["items"][::-1]]


@pytest.fixture
def desk(somebody, tmp_path) -> Desk:
    (tmp_path / "voice.jsonl").write_bytes(voice(12))
    (tmp_path / "pages.zip").write_bytes(handbook("kitchen.md"))
    return Desk(somebody, tmp_path)


READER = """
minion: Reader
type: rag_only
datasets:
  - {name: pages, type: rag, path: pages.zip}
config: {evaluation: {enabled: false}}
"""


def test_a_sweep_is_compared_and_the_best_answers(desk):
    """Two jobs, a table of them, the better one promoted through the gate."""
    minion = desk.account.minion("Speaker")
    template = desk.write("""
minion: Speaker
name: Ranks
type: lora_only
datasets:
  - {name: letters, type: jsonl, path: voice.jsonl}
config: {epochs: 1, batch_size: 2, evaluation: {enabled: false}}
sweep: {learning_rate: [1e-7, 2e-3]}
""")
    said = desk.train(template, "--pick", "best", "--gate", "validation_loss<=100")
    jobs = desk.account.get("external-training/jobs")["items"][::-1]
    assert [job["job_name"] for job in jobs] == ["Ranks learning_rate=0.0000001", "Ranks learning_rate=0.002"] or [
        job["config"]["learning_rate"] for job in jobs] == [1e-7, 2e-3]
    releases = desk.account.get(f"minions/{minion['id']}/releases")["items"][::-1]
    losses = [release["evaluation"]["validation_loss"] for release in releases]
    assert losses[1] < losses[0], "the test has a best one"
    assert desk.states(minion) == ["candidate", "active"], "a release of a sweep does not answer before it is chosen"
    lines = said.splitlines()
    table = next(index for index, line in enumerate(lines) if line.startswith("learning_rate ") and "validation_loss@voice" in line)
    assert [f"{loss:.4f}" in line for loss, line in zip(losses, lines[table + 1:table + 3])] == [True, True]
    assert "best by validation_loss: learning_rate=0.002" in said and "passed" in said
    assert "best of 2" in desk.account.get(f"minions/{minion['id']}/releases/{releases[1]['id']}")["reason"]
    history = desk.account.get(f"minions/{minion['id']}/training-history")["items"]
    assert list(history[0]["changes"]["config"]) == ["learning_rate"] and history[0]["inputs"][0]["dataset_name"] == "letters"
    assert history[0]["curve"]["train"] and history[0]["release"]["number"] == 2


def test_a_gate_that_is_not_passed_is_3_and_nothing_answers(desk):
    minion = desk.account.minion("Reader")
    said = desk.train(desk.write(READER), "--gate", "style_score@voice>=0.5", expect=3)
    assert "style_score@voice is not measured" in said
    assert desk.states(minion) == ["candidate"] and "release_id" not in desk.account.get(f"minions/{minion['id']}")


def test_without_a_gate_it_trains_and_uploads_only_what_differs(desk):
    minion = desk.account.minion("Reader")
    assert "uploaded" in desk.train(desk.write(READER), "--wait")
    assert desk.states(minion) == ["active"]
    (desk.folder / "pages.zip").write_bytes(handbook("darkroom.md"))
    assert "replaced by pages.zip" in desk.train(desk.write(READER))
    [dataset] = desk.account.get("training-datasets")["items"]
    assert dataset["version"] == 2
    job = desk.account.get("external-training/jobs")["items"][0]
    desk.account.finish(job)
    summary = json.loads(desk.train(desk.write(READER.replace("config: {", "config: {chunk_tokens: 64, chunk_overlap: 8, ")), "--wait", "--json"))
    assert summary["jobs"][0]["status"] == "COMPLETED" and summary["jobs"][0]["release_number"] == 3 and summary["jobs"][0]["seconds"] > 0
    assert desk.account.get("training-datasets")["items"] == [dataset], "what is the same is not sent again"


def test_the_minions_own_policy_decides_where_there_is_no_gate(desk):
    minion = desk.account.minion("Reader", release_policy={"mode": "automatic", "metric": "style_score", "margin": 0.1})
    said = desk.train(desk.write(READER), "--wait", expect=3)
    assert "stays a candidate" in said and "style_score was not measured" in said
    assert desk.states(minion) == ["candidate"]


def test_a_job_that_fails_is_2(desk):
    desk.account.minion("Reader")
    desk.account.dataset(handbook("kitchen.md"), "rag", "pages.zip", "pages")
    for path in desk.account.server.data.glob(f"users/{desk.account.id}/datasets/*"):
        path.rename(path.with_name("gone" + path.name[-10:]))
    said = desk.train(desk.write("minion: Reader\ntype: rag_only\ndatasets: [pages]\n"), "--wait", expect=2)
    assert "ended FAILED" in said and "prepare" in said


def test_mistakes_are_1_and_name_themselves_all_at_once(desk):
    desk.account.minion("Reader")
    said = desk.train(desk.write("minion: Reader\ntype: magic\ncolour: red\n"), expect=1)
    assert all(field in said for field in ("line 2: type", "line 3: colour", "datasets: is required"))
    assert "no minion \"Nobody\"" in desk.train(desk.write(READER.replace("Reader", "Nobody")), expect=1)
    assert "no dataset \"pages\"" in desk.train(desk.write("minion: Reader\ntype: rag_only\ndatasets: [pages]\n"), expect=1)
    assert "metric>=x" in desk.train(desk.write(READER), "--gate", "better", expect=1)
    # What only the server knows; no job is left of a sweep whose last combination is wrong.
    said = desk.train(desk.write(READER + "sweep: {chunk_tokens: [64, 9999]}\n"), "--wait", expect=1)
    assert "config.chunk_tokens" in said
    assert desk.account.get("external-training/jobs")["items"] == []


def test_a_server_that_cannot_be_reached_or_refuses_is_4(desk):
    desk.account.minion("Reader")
    assert "cannot be reached" in desk.train(desk.write(READER), expect=4, url="http://127.0.0.1:9")
    assert "sign in first" in desk.train(desk.write(READER), expect=4, session="session_" + "0" * 64)
    desk.train(desk.write(READER), expect=1, session="")
