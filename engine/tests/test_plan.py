"""Which examples a step trains on, and at which learning rate."""

from training import plan
import pytest
from training.conversations import Example
from training.job import Job
from training.plan import factor, warmup_steps

EXAMPLES = [Example(list(range(length)), [1]) for length in range(10, 210)]
LENGTHS = [len(example.ids) for example in EXAMPLES]


def job(**settings) -> Job:
    return Job(base_model="m", train="t", **settings)


def test_batches_hold_every_example_once_by_length_and_repeat_with_the_seed():
    once = plan.batches(LENGTHS, 8, None, 1)
    assert sorted(index for batch in once for index in batch) == list(range(200))
    assert all(len(batch) == 8 for batch in once)
    assert once == plan.batches(LENGTHS, 8, None, 1) != plan.batches(LENGTHS, 8, None, 2)
    padding = sum(max(LENGTHS[i] for i in batch) - LENGTHS[index] for batch in once for index in batch)
    assert padding < 0.1 * sum(LENGTHS)


def test_batches_by_tokens_are_filled_and_never_overfilled():
    groups = plan.batches(LENGTHS, 8, 1000, 1)
    assert sorted(index for batch in groups for index in batch) == list(range(200))
    sums = [sum(LENGTHS[index] for index in batch) for batch in groups]
    assert max(sums) <= 1000 and sum(sums) / len(sums) > 700
    sizes = [len(batch) for batch in groups]
    assert max(sizes) >= 3 * min(sizes)  # long examples few, short ones many
    assert all(len(batch) == 1 for batch in plan.batches(LENGTHS, 8, 5, 1))  # longer than the budget: alone


def test_accumulation_joins_batches_into_fewer_steps():
    single, double = plan.steps(EXAMPLES, job(epochs=2)), plan.steps(EXAMPLES, job(epochs=2, gradient_accumulation=2))
    assert len(single) == 50 and len(double) == 26
    assert double[0].examples == single[0].examples + single[1].examples
    assert [step.epoch for step in double if step.ends_epoch] == [1, 2]
    for planned in (single, double):
        assert sorted(index for step in planned if step.epoch == 2 for index in step.examples) == list(range(200))


def test_max_steps_stand_instead_of_epochs():
    assert len(plan.steps(EXAMPLES, job(epochs=5, max_steps=3))) == 3
    longer = plan.steps(EXAMPLES, job(epochs=1, max_steps=60))
    assert len(longer) == 60 and longer[-1].epoch == 3


@pytest.mark.parametrize("schedule, expected", [
    ("cosine", [1 / 3, 2 / 3, 1, 0.8536, 0.5, 0.1464]), ("linear", [1 / 3, 2 / 3, 1, 0.75, 0.5, 0.25]),
    ("constant_with_warmup", [1 / 3, 2 / 3, 1, 1, 1, 1]), ("constant", [1] * 6)])
def test_schedules(schedule, expected):
    assert [factor(schedule, 2, step, 6) for step in range(6)] == pytest.approx(expected, abs=1e-4)


def test_warmup_is_a_share_or_steps():
    assert warmup_steps(0.1, 200) == 20 and warmup_steps(30, 200) == 30 and warmup_steps(0, 200) == 0
    assert warmup_steps(None, 40) == 2 and warmup_steps(None, 4000) == 20 and warmup_steps(300, 200) == 200
    assert factor("linear", 0, 0, 10) == 1
