"""The state of a training run on disk: whole, or not there.

`DIR/checkpoint/step-000120.pt` is a SHA-256 and what it is of. The last two are kept, so that one
that cannot be read costs a minute and not the run.
"""

import hashlib
import io
import random
from pathlib import Path
from typing import Any

import files
from training.failures import TrainError

KEPT = 2


class Checkpoints:
    """The checkpoints of one run in one folder; those of another run are no checkpoints."""

    def __init__(self, folder: Path, fingerprint: str):
        self.folder, self.fingerprint = folder, fingerprint

    def require_folder(self) -> None:
        """Another attempt takes the folder away when it takes the job over: then this one is over."""
        if not self.folder.parent.is_dir():
            raise TrainError("superseded", "another attempt at this job has taken it over", "Nothing: the other goes on with it.")

    def paths(self) -> list[Path]:
        """Oldest first."""
        return sorted(self.folder.glob("step-*.pt"))

    def forget(self, names: list[str] | None = None) -> None:
        """Remove those named, or all."""
        for path in self.paths():
            if names is None or path.name in names:
                path.unlink(missing_ok=True)

    def save(self, step: int, state: dict[str, Any]) -> int:
        """Write the state after `step`, durably. Returns its bytes."""
        import torch

        # Not its parents: an attempt whose folder was taken away makes none.
        self.folder.mkdir(exist_ok=True)
        content = io.BytesIO()
        torch.save(state | {"fingerprint": self.fingerprint}, content)
        temporary = self.folder / "step.tmp"
        try:
            with temporary.open("wb") as file:
                file.write(hashlib.sha256(content.getbuffer()).digest())
                file.write(content.getbuffer())
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        files.publish(temporary, self.folder / f"step-{step:09}.pt")
        for old in self.paths()[:-KEPT]:
            old.unlink()
        return content.getbuffer().nbytes

    def load(self) -> tuple[dict[str, Any] | None, list[str]]:
        """The newest state that is whole and this run's, and the names of those that are damaged.

        Nothing of what is read is run: tensors, numbers and strings only.
        """
        damaged = []
        for path in reversed(self.paths()):
            try:
                state = self.read(path)
            except Damaged:
                damaged.append(path.name)
                continue
            if state["fingerprint"] == self.fingerprint:
                return state, damaged
        return None, damaged

    @staticmethod
    def read(path: Path) -> dict[str, Any]:
        import torch

        content = path.read_bytes()
        if hashlib.sha256(content[32:]).digest() != content[:32]:
            raise Damaged
        return torch.load(io.BytesIO(content[32:]), map_location="cpu", weights_only=True)


class Damaged(Exception):
    """The file is not what was written."""


def random_states() -> dict[str, Any]:
    """Of Python, NumPy and torch, as plain values and tensors."""
    import numpy
    import torch

    name, keys, *rest = numpy.random.get_state()
    states = {"python": random.getstate(), "numpy": [name, keys.tolist(), *rest], "torch": torch.get_rng_state()}
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.get_rng_state()
    return states


def restore_random_states(states: dict[str, Any]) -> None:
    import numpy
    import torch

    version, internal, gauss = states["python"]
    random.setstate((version, tuple(internal), gauss))
    numpy.random.set_state(tuple(states["numpy"]))
    torch.set_rng_state(states["torch"])
    if "cuda" in states and torch.cuda.is_available():
        torch.cuda.set_rng_state(states["cuda"])
