"""Some hundred cases of each target of `make fuzz`: nothing from outside ends the server, hangs it or makes it say 500."""

import pytest
from fuzz import GROWTH, TARGETS, Bench, HostileVendor, Run
from harness import figure, running

CASES = {"vendors": 400, "embeddings": 60, "settings": 300, "archives": 16, "adapters": 12, "documents": 40, "datasets": 60}


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    vendor = HostileVendor(seed=7)
    with running(tmp_path_factory.mktemp("fuzz")) as server:
        # No failure here may come from a busy machine: `make fuzz` watches the time.
        yield Bench(server, vendor, seed=7, patience=120)
    vendor.shutdown()
    vendor.server_close()


@pytest.mark.parametrize("target", TARGETS)
def test_hostile_input_is_survived(bench, target):
    run = Run(bench)
    run.play(target, range(20))
    before = run.memory()
    run.play(target, range(20, CASES[target]))
    assert not run.failures, "\n".join(run.failures)
    outcomes = run.outcomes[target]
    assert sum(outcomes.values()) >= min(20, CASES[target])
    # Were every case refused at the first check, nothing behind it would be tried.
    assert len(outcomes) >= 2, outcomes
    assert run.memory() - before < GROWTH
    figure(f"fuzz {target}: " + ", ".join(f"{count} × {outcome}" for outcome, count in outcomes.most_common()))
