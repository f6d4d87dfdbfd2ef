"""A running parse.py and a way to ask it, for the tests of documents."""

import json
from contextlib import contextmanager
from pathlib import Path

from conftest import read_event, running

DOCUMENTS = Path(__file__).parent / "fixtures" / "documents"


class Reader:
    def __init__(self, process, folder: Path):
        self.process, self.folder, self.count = process, folder, 0

    def send(self, **request) -> dict:
        self.process.stdin.write(json.dumps(request).encode() + b"\n")
        self.process.stdin.flush()
        return read_event(self.process)

    def answer(self, path: Path, name: str | None = None) -> tuple[dict, Path]:
        """The whole answer, and where the text is if there is any."""
        self.count += 1
        out = self.folder / f"{self.count}.txt"
        reply = self.send(id=self.count, path=str(path), name=name or Path(path).name, out=str(out))
        assert reply.pop("id") == self.count
        assert [file for file in self.folder.iterdir() if file.suffix == ".part"] == []
        return reply, out

    def text(self, path: Path, name: str | None = None) -> str:
        reply, out = self.answer(path, name)
        assert "error" not in reply, reply
        assert reply["bytes"] == out.stat().st_size
        return out.read_bytes().decode()

    def error(self, path: Path, name: str | None = None) -> dict:
        reply, out = self.answer(path, name)
        assert set(reply) == {"error"}, reply
        assert reply["error"]["message"] and reply["error"]["hint"], reply
        assert not out.exists()
        return reply["error"]


@contextmanager
def reader(folder: Path, *arguments: object):
    folder.mkdir(exist_ok=True)
    with running("documents/parse.py", *arguments) as process:
        assert read_event(process) == {"event": "ready"}
        yield Reader(process, folder)


def codes(reply: dict) -> list[str]:
    return [warning["code"] for warning in reply["warnings"]]
