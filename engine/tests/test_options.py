"""Every option of the trainer does what its name says. In this process, on two layers of the base model."""

import math
import os
from dataclasses import replace

import pytest
from conftest import PIRATE, conversation, write_jsonl

pytestmark = pytest.mark.slow


class Silent:
    """Checkpoints that nobody needs here."""

    def load(self):
        return None, []

    def save(self, step, state):
        pass

    def forget(self, names=None):
        pass

    def require_folder(self):
        pass


@pytest.fixture(scope="module")
def job(small, tmp_path_factory):
    from training.job import Job

    folder = tmp_path_factory.mktemp("options")
    data = write_jsonl(folder / "train.jsonl", [conversation(*pair) for pair in PIRATE])
    validation = write_jsonl(folder / "validation.jsonl", [conversation("How old are you?", "Arr, older than the tides, matey!")])
    return Job(base_model=str(small / "hf"), train=str(data), validation=str(validation), rank=4, alpha=8, learning_rate=3e-3,
               epochs=1, batch_size=2)


@pytest.fixture
def started(job, monkeypatch, tmp_path):
    """A function that makes a run of the job with some settings changed; its events are in `run.events`."""
    import time

    import child
    import torch
    from training import job as jobs
    from training import train as script
    from training.resources import Resources
    from training.run import TrainingRun
    from training.team import Team

    def make(**settings) -> TrainingRun:
        changed = replace(job, **settings)
        jobs.check(changed)
        events: list[dict] = []
        monkeypatch.setattr(child, "emit", events.append)
        torch.manual_seed(changed.seed)
        model, tokenizer = script.prepare(changed, Team(), "cpu")
        datasets = script.load_datasets(changed, tokenizer)
        run = TrainingRun(changed, model, *datasets, Team(), Silent(), time.monotonic(), Resources(Team(), tmp_path))
        run.events = events
        return run

    return make


@pytest.fixture
def trained_with(started):
    def run(**settings):
        made = started(**settings)
        made.train()
        return made

    return run


def of(run, kind: str) -> list[dict]:
    return [event for event in run.events if event["event"] == kind]


def weights(run):
    import torch

    return torch.cat([weight.detach().flatten() for weight in run.weights])


def test_rank_alpha_rslora_and_modules_shape_the_adapter(started):
    layers = lambda run: {name: module for name, module in run.model.named_modules() if hasattr(module, "lora_A") and module.lora_A}  # noqa: E731
    plain = layers(started(rank=4, alpha=8))
    assert len(plain) == 2 * 7 and all(module.lora_A["default"].weight.shape[0] == 4 for module in plain.values())
    assert {module.scaling["default"] for module in plain.values()} == {2.0}
    assert {module.scaling["default"] for module in layers(started(rank=4, alpha=8, use_rslora=True)).values()} == {4.0}
    assert {module.lora_A["default"].weight.shape[0] for module in layers(started(rank=9)).values()} == {9}
    assert {name.rpartition(".")[2] for name in layers(started(target_modules=["q_proj", "down_proj"]))} == {"q_proj", "down_proj"}


def test_a_module_that_is_not_there_is_named(started):
    from training.failures import TrainError

    with pytest.raises(TrainError) as error:
        started(target_modules=["query"])
    assert error.value.record["code"] == "target_modules_unknown" and "q_proj" in error.value.record["hint"]


@pytest.mark.parametrize("names, unknown", [
    (["q_proj", "no_such_proj"], "no_such_proj"), (["proj", "q_proj"], "proj"), (["q_proj", "layers.0.self_attn.k_proj", "layers.99.self_attn.k_proj"], "layers.99")])
def test_a_module_that_is_not_there_is_named_beside_one_that_is(started, names, unknown):
    from training.failures import TrainError

    with pytest.raises(TrainError) as error:
        started(target_modules=names)
    assert error.value.record["code"] == "target_modules_unknown" and f"has no {unknown}" in error.value.record["message"]


def test_dropout_needs_chance_and_is_off_when_it_is_measured(trained_with):
    import torch

    one, same, plain = trained_with(dropout=0.3), trained_with(dropout=0.3), trained_with()
    assert torch.equal(weights(one), weights(same)) and not torch.equal(weights(one), weights(plain))
    assert one.evaluate() == one.state.validations[-1][1]


def test_schedule_and_warmup_set_each_steps_learning_rate(trained_with):
    rates = lambda **settings: [event["learning_rate"] for event in of(trained_with(learning_rate=1e-3, **settings), "progress")]  # noqa: E731
    assert rates(lr_schedule="constant") == [1e-3] * 4
    assert rates(lr_schedule="linear", warmup=0) == pytest.approx([1e-3, 7.5e-4, 5e-4, 2.5e-4])
    assert rates(lr_schedule="constant_with_warmup", warmup=0.5) == pytest.approx([1e-3 / 3, 2e-3 / 3, 1e-3, 1e-3])


def test_weight_decay_shrinks_and_clipping_bounds(trained_with):
    import torch

    free, decayed = trained_with(weight_decay=0.0), trained_with(weight_decay=1.0)
    assert weights(decayed).norm() < 0.995 * weights(free).norm()
    # Adam's steps do not depend on the gradient's size, unless it comes near epsilon.
    clipped = trained_with(max_grad_norm=1e-9, weight_decay=0.0)
    unclipped = trained_with(max_grad_norm=0, weight_decay=0.0)
    start = of(clipped, "progress")[0]["loss"]
    assert start - of(clipped, "progress")[-1]["loss"] < (start - of(unclipped, "progress")[-1]["loss"]) / 2
    assert not torch.equal(weights(unclipped), weights(free))


def test_batches_and_steps(trained_with):
    assert [len(trained_with(**settings).plan) for settings in (
        {}, {"batch_size": 4}, {"epochs": 2}, {"max_steps": 3}, {"gradient_accumulation": 2}, {"batch_tokens": 10_000})] == [4, 2, 8, 3, 2, 1]


def test_accumulated_batches_are_one_larger_batch(trained_with):
    """The loss is divided by the reply tokens of the whole step: two batches of 2 are one of 4, on the same examples."""
    import torch

    one, two = trained_with(batch_size=8), trained_with(batch_size=2, gradient_accumulation=4)
    assert of(one, "progress")[0]["loss"] == pytest.approx(of(two, "progress")[0]["loss"], rel=1e-4)
    assert torch.allclose(weights(one), weights(two), atol=1e-4)


def test_gradient_checkpointing_changes_memory_and_not_the_result(started):
    import torch

    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: kept.append(tensor.numel()) or tensor, lambda tensor: tensor):
        sizes, results = [], []
        for checkpointing in (False, True):
            run = started(gradient_checkpointing=checkpointing, max_steps=2, dropout=0.1)
            kept.clear()
            run.train()
            sizes.append(sum(kept))
            results.append(weights(run))
    assert torch.allclose(*results, atol=1e-5)
    assert sizes[1] < 0.8 * sizes[0]  # of two layers; what the head keeps stays


def test_early_stopping_and_the_best_weights(trained_with):
    # A rate so high that the second validation is worse than the first.
    wild = {"learning_rate": 0.3, "epochs": 12, "batch_size": 8, "lr_schedule": "constant", "max_grad_norm": 0}
    run = trained_with(patience=1, evaluate_every=1, **wild)
    losses = [loss for _, loss in run.state.validations]
    assert run.state.stopped_early and run.state.step < 12 and losses[-1] > losses[-2]
    assert of(run, "stopped_early")[0]["step"] == run.state.step
    assert [event["step"] for event in of(run, "validation")] == list(range(1, run.state.step + 1))
    # The adapter is that of the best validation, and its loss is what is told.
    assert run.evaluate() == run.result()["validation_loss"] == min(losses)
    assert run.result()["best_step"] == losses.index(min(losses)) + 1
    last = trained_with(keep_best=False, evaluate_every=1, max_steps=run.state.step, **wild)
    assert last.result()["validation_loss"] == last.state.validations[-1][1] == last.evaluate()
    assert not last.state.stopped_early


def test_the_seed_decides_start_and_order(started):
    import torch

    one, other = started(seed=1), started(seed=2)
    assert [step.examples for step in one.plan] != [step.examples for step in other.plan]
    assert not torch.equal(weights(one), weights(other)) and torch.equal(weights(one), weights(started(seed=1)))


def test_dora_learns_magnitudes_and_is_served_as_the_nearest_lora(trained_with, small, tmp_path):
    import gguf

    run = trained_with(use_dora=True, learning_rate=1e-2, epochs=2)
    assert any("lora_magnitude_vector" in name for name, _ in run.model.named_parameters())
    facts = run.export_folded(small / "hf", tmp_path / "adapter.gguf")
    assert facts["folded_rank"] == 8 and 0 < facts["folded_rest"] < 0.6
    base, exact, folded = run.state.base_loss, facts["dora_validation_loss"], facts["validation_loss"]
    assert exact < base and abs(folded - exact) < 0.1 * (base - exact)
    tensors = gguf.GGUFReader(tmp_path / "adapter.gguf").tensors
    assert len(tensors) == 2 * 7 * 2 and all(8 in tensor.shape for tensor in tensors)
    assert math.isclose(run.evaluate(), exact, rel_tol=1e-6)  # the run's own adapter is active again


def test_four_bits_and_devices_are_refused_by_name_where_they_are_missing(monkeypatch):
    from training import base_model
    import torch
    from training.failures import TrainError

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for call, code in ((lambda: base_model.check_four_bit("cpu"), "four_bit_unavailable"), (lambda: base_model.pick_device("cuda"), "device_unavailable")):
        with pytest.raises(TrainError) as error:
            call()
        assert error.value.record["code"] == code and "cuda" in error.value.record["message"].lower()
    assert base_model.pick_device("cpu") == "cpu" and base_model.pick_device("auto") in ("cpu", "mps")


@pytest.mark.parametrize("settings, word", [
    ({"lr_schedule": "step"}, "lr_schedule"), ({"lr_schedule": "constant", "warmup": 3}, "warmup"), ({"dropout": 1.0}, "dropout"),
    ({"device": "tpu"}, "device"), ({"patience": 2, "validation": None}, "patience"), ({"target_modules": []}, "target_modules"),
    ({"max_steps": 0}, "max_steps"), ({"weight_decay": -1}, "weight_decay"), ({"processes": 0}, "processes")])
def test_what_cannot_be_meant_is_refused(job, settings, word):
    from training import job as jobs

    with pytest.raises(ValueError, match=word):
        jobs.check(replace(job, **settings))


def test_a_gguf_file_is_converted_once(small, tmp_path):
    from training import base_model
    import torch

    (tmp_path / "tiny").mkdir()
    os.link(small / "model.gguf", tmp_path / "tiny" / "model.gguf")
    folder = base_model.trainable_folder(tmp_path / "tiny" / "model.gguf")
    assert folder == tmp_path / "tiny" / "hf" and (folder / "model.safetensors").is_file()
    written = (folder / "model.safetensors").stat().st_mtime_ns
    assert base_model.trainable_folder(tmp_path / "tiny" / "model.gguf") == folder
    assert (folder / "model.safetensors").stat().st_mtime_ns == written

    from transformers import AutoModelForCausalLM

    one, other = (AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32) for path in (folder, small / "hf"))
    difference = max((a - b).abs().max().item() for a, b in zip(one.parameters(), other.parameters(), strict=True))
    assert difference < 2e-3
