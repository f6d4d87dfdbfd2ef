"""Which examples each step of a run trains on, known before the first: so a run that was
killed goes on with exactly the examples it would have come to, and cost is counted ahead. And its learning rate,
as a factor of the highest."""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

from training.conversations import Example
from training.job import Job

WINDOW = 16  # batches within which examples are sorted by length


@dataclass(frozen=True)
class Step:
    epoch: int  # 1, 2, …
    examples: tuple[int, ...]  # positions in the dataset
    ends_epoch: bool


def batches(lengths: Sequence[int], size: int, tokens: int | None, seed: int) -> list[list[int]]:
    """All examples once, shuffled by the seed, in batches of similar length.

    Lengths are sorted within a window only, so that a batch is still a random draw; then
    the batches themselves are shuffled. A batch has `size` examples, or, where `tokens` is
    given, as many as have that many tokens together (at least one).
    """
    order = list(range(len(lengths)))
    generator = random.Random(seed)
    generator.shuffle(order)
    if tokens:
        mean = max(1, sum(lengths) / max(1, len(lengths)))
        size = max(1, int(tokens / mean))
    window = size * WINDOW
    for start in range(0, len(order), window):
        order[start : start + window] = sorted(order[start : start + window], key=lambda index: lengths[index])
    groups: list[list[int]] = []
    held = 0
    for index in order:
        full = not groups or (held + lengths[index] > tokens if tokens else len(groups[-1]) == size)
        if full:
            groups.append([])
            held = 0
        groups[-1].append(index)
        held += lengths[index]
    generator.shuffle(groups)
    return groups


def steps(examples: Sequence[Example], job: Job) -> list[Step]:
    """The whole run: `epochs` of them, or `max_steps` steps however many epochs these take."""
    lengths = [len(example.ids) for example in examples]
    planned: list[Step] = []
    epoch = 0
    while epoch < job.epochs if job.max_steps is None else len(planned) < job.max_steps:
        epoch += 1
        groups = batches(lengths, job.batch_size, job.batch_tokens, job.seed * 1000 + epoch)
        taken = range(0, len(groups), job.gradient_accumulation)
        for start in taken:
            indices = tuple(index for group in groups[start : start + job.gradient_accumulation] for index in group)
            planned.append(Step(epoch, indices, start == taken[-1]))
    return planned[: job.max_steps]


def warmup_steps(warmup: float | None, steps: int) -> int:
    """`warmup` as steps: a share of them when below 1; None is 5 %, at most 20."""
    if warmup is None:
        return min(20, max(1, round(steps * 0.05)))
    return round(warmup * steps) if warmup < 1 else min(round(warmup), steps)


def factor(schedule: str, warmup: float | None, step: int, steps: int) -> float:
    """For step 0…steps-1. cosine and linear rise over the warm-up and fall to 0 after it;
    constant_with_warmup rises and stays; constant is 1."""
    if schedule == "constant":
        return 1.0
    rise = warmup_steps(warmup, steps)
    if step < rise:
        return (step + 1) / (rise + 1)
    if schedule == "constant_with_warmup":
        return 1.0
    done = (step - rise) / max(1, steps - rise)
    return 1 - done if schedule == "linear" else 0.5 * (1 + math.cos(math.pi * done))
