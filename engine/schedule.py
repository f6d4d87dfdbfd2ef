"""The learning rate over the steps of a run, as a factor of its highest."""

import math


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
