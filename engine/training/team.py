"""Several processes that train one adapter: each takes a part of every batch, and their
gradients are summed. A process on its own is a team of one and pays nothing for it.

Started by `torchrun` (RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT), on one machine or many, or
by `start` below, which makes the others itself and meets them through a file.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import child

RENDEZVOUS = "ATELIER_RENDEZVOUS"


class Team:
    def __init__(self, rank: int = 0, size: int = 1):
        self.rank, self.size = rank, size

    @property
    def leads(self) -> bool:
        """Only the leader speaks and writes."""
        return self.rank == 0

    def sum(self, tensor) -> None:
        """Replace the tensor by its sum over the team; the same bits everywhere."""
        if self.size > 1:
            import torch.distributed

            torch.distributed.all_reduce(tensor)

    def sum_gradients(self, weights: list, extras: list[float]) -> list[float]:
        """Sum gradients and some numbers over the team in one exchange; returns the numbers."""
        if self.size == 1:
            return extras
        import torch

        flat = torch.cat([(torch.zeros_like(w) if w.grad is None else w.grad).flatten() for w in weights]
                         + [torch.tensor(extras, dtype=weights[0].dtype, device=weights[0].device)])
        self.sum(flat)
        at = 0
        for weight in weights:
            weight.grad = flat[at : at + weight.numel()].view_as(weight)
            at += weight.numel()
        return flat[at:].tolist()

    def gather(self, value: Any) -> list[Any]:
        """Everybody's value, by rank."""
        if self.size == 1:
            return [value]
        import torch.distributed

        values: list[Any] = [None] * self.size
        torch.distributed.all_gather_object(values, value)
        return values

    def share(self, value: Any) -> Any:
        """The leader's value, for all."""
        return self.gather(value)[0]

    def part(self, items: list) -> list:
        """This process's share of a list that is sorted by length: alike for all."""
        return items[self.rank :: self.size]


def is_member() -> bool:
    """Whether somebody else started this process as part of a team."""
    return "RANK" in os.environ and int(os.environ.get("WORLD_SIZE", "1")) > 1


def start(processes: int, arguments: list[str]) -> list[subprocess.Popen]:
    """Start the other members on this machine; the caller is the leader.

    Each holds a pipe to us as its standard input and ends when we do.
    """
    if processes == 1 or is_member():
        return []
    folder = Path(tempfile.mkdtemp(prefix="atelier-team-"))
    child.on_end(lambda reason: shutil.rmtree(folder, ignore_errors=True))
    os.environ |= {RENDEZVOUS: f"file://{folder}/rendezvous", "WORLD_SIZE": str(processes), "RANK": "0", "LOCAL_RANK": "0"}
    return [
        subprocess.Popen([sys.executable, *arguments], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                         env=os.environ | {"RANK": str(rank), "LOCAL_RANK": str(rank)})
        for rank in range(1, processes)
    ]


def join(device: str) -> Team:
    """Meet the others, if there are any."""
    if not is_member():
        return Team()
    import torch.distributed

    rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    if device == "cuda":
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())
    where = os.environ.get(RENDEZVOUS)
    torch.distributed.init_process_group("nccl" if device == "cuda" else "gloo", init_method=where or "env://", rank=rank, world_size=size)
    return Team(rank, size)
