"""Training runs on the real small model."""

import json
import math

import pytest
from conftest import PIRATE, conversation, train, write_jsonl

pytestmark = pytest.mark.slow


@pytest.fixture
def data(tmp_path):
    return str(write_jsonl(tmp_path / "train.jsonl", [conversation(*pair) for pair in PIRATE[:4]]))


def test_events_tell_the_run_in_order(trained):
    _, events, _ = trained
    kinds = [event["event"] for event in events]
    assert kinds == ["loading", "baseline", "started"] + (["progress"] * 2 + ["validation"]) * 4 + ["exporting", "resources"]
    started = events[2]
    assert started["examples"] == 8 and started["validation_examples"] == 1 and started["steps"] == 8
    assert 0 < started["reply_tokens"] < started["tokens_total"] / 4
    progress = [event for event in events if event["event"] == "progress"]
    assert [event["step"] for event in progress] == list(range(1, 9))
    assert progress[-1]["tokens"] == progress[-1]["tokens_total"] == started["tokens_total"]
    assert set(progress[0]) == {"event", "step", "steps", "epoch", "tokens", "tokens_total", "loss", "learning_rate",
                                "tokens_per_second", "seconds_left"}
    assert progress[-1]["loss"] < progress[0]["loss"] / 2
    assert events[1] == {"event": "baseline", "done": 1, "of": 1}


def test_the_record_is_complete(trained):
    import files

    out, events, record = trained
    assert record["status"] == "completed" and record["rank"] == 8 and record["steps"] == 8
    assert record["sha256"] == files.sha256(out / "adapter.gguf")
    assert record["base_validation_loss"] == events[2]["base_validation_loss"]
    assert record["validation_loss"] < record["base_validation_loss"] - 1
    assert record["validation_loss"] == min(loss for _, loss in record["validations"]) and len(record["validations"]) == 4
    # The weights alone are 540 MB; the processor had at least a tenth of the time for us.
    assert record["peak_memory_bytes"] > 5e8 and record["cpu_seconds"] > record["seconds"] / 10 and record["disk_bytes"] > 1e6
    assert {name: events[-1][name] for name in ("peak_memory_bytes", "cpu_seconds", "disk_bytes")}.items() <= record.items()
    assert not (out / "checkpoint").exists()
    assert {path.name for path in (out / "peft").iterdir()} == {"adapter_config.json", "adapter_model.safetensors"}
    config = json.loads((out / "peft" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "smollm2-135m-instruct"
    assert "lm_head" not in config["target_modules"]
    assert not list(out.glob("*.tmp"))


def test_each_held_out_example_has_a_loss_of_its_own(small, tmp_path):
    """They add up to the losses of the record, each is what the example has alone, and a resumed run has them too."""
    data = write_jsonl(tmp_path / "train.jsonl", [conversation(*pair) for pair in PIRATE[:4]])
    held_out = [conversation("How old are you?", "Arr, older than the tides, matey!"), conversation("Your name?", "Arr!")]
    validation = write_jsonl(tmp_path / "validation.jsonl", held_out)
    settings = {"base_model": str(small / "hf"), "train": str(data), "epochs": 1, "batch_size": 2, "rank": 4}
    _, _, record = train(tmp_path / "both", **settings, validation=str(validation))
    examples = json.loads((tmp_path / "both" / "out" / "held_out_losses.json").read_text())["examples"]
    tokens = sum(example["tokens"] for example in examples)
    assert len(examples) == 2 and examples[0]["tokens"] > examples[1]["tokens"]
    for name, loss in (("base", record["base_validation_loss"]), ("adapter", record["validation_loss"])):
        assert sum(example[name] for example in examples) / tokens == pytest.approx(loss, rel=1e-6)
    alone = write_jsonl(tmp_path / "alone.jsonl", held_out[1:])
    _, _, record = train(tmp_path / "alone", **settings, validation=str(alone))
    assert record["base_validation_loss"] == pytest.approx(examples[1]["base"] / examples[1]["tokens"], rel=1e-4)


def test_the_same_seed_gives_the_same_adapter(small, data, tmp_path):
    settings = {"base_model": str(small / "hf"), "train": data, "epochs": 1, "batch_size": 2, "rank": 4, "dropout": 0.1}
    records = [train(tmp_path / name, **settings | {"seed": seed})[2] for name, seed in (("a", 1), ("b", 1), ("c", 2))]
    assert [record["status"] for record in records] == ["completed"] * 3
    assert records[0]["sha256"] == records[1]["sha256"] != records[2]["sha256"]
    assert records[0]["validation_loss"] is None and records[0]["base_validation_loss"] is None


def plain_loss(model, examples) -> tuple[float, int]:
    """Reply loss as the textbook has it: the whole model, one example at a time."""
    import torch
    from torch.nn import functional

    total = count = 0
    for example in examples:
        logits = model(torch.tensor([example.ids])).logits[0]
        labels = torch.tensor([example.ids[position] for position in example.replies])
        before = [position - 1 for position in example.replies]
        total = total + functional.cross_entropy(logits[before], labels, reduction="sum")
        count += len(labels)
    return total, count


def test_the_savings_change_neither_loss_nor_gradients(small, tokenizer, monkeypatch):
    from training import reply_loss
    import torch
    from training.conversations import tokenize
    from training.lora_linear import accelerate
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(small / "hf", dtype=torch.float32)
    peft_model = get_peft_model(model, LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False))
    model = peft_model.get_base_model()
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    examples = [tokenize(tokenizer, conversation(*pair)["messages"], 1024)[0] for pair in PIRATE[:3]]
    examples.append(tokenize(tokenizer, conversation("Tell me a story. " * 4, "Aye. " * 9)["messages"], 1024)[0])

    def gradients(loss):
        for weight in weights:
            weight.grad = None
        loss.backward()
        return loss.item(), torch.cat([weight.grad.flatten() for weight in weights])

    expected, expected_gradients = gradients(plain_loss(model, examples)[0])
    assert accelerate(peft_model) == 2 * 7
    for shared_at_least, logits_at_once, packed in ((8, 1024, True), (10_000, 1024, True), (8, 7, True), (8, 1024, False)):
        monkeypatch.setattr(reply_loss.packing, "can_pack", lambda model, packed=packed: packed)
        monkeypatch.setattr(reply_loss, "SHARED_AT_LEAST", shared_at_least)
        monkeypatch.setattr(reply_loss, "LOGITS_AT_ONCE", logits_at_once)
        loss, found = gradients(reply_loss.summed_loss(model, examples))
        assert math.isclose(loss, expected, rel_tol=1e-5)
        assert torch.nn.functional.cosine_similarity(found, expected_gradients, dim=0) > 0.99999

    assert reply_loss.shared_prefix(examples) >= 20  # the default system prompt
    monkeypatch.setattr(reply_loss, "TOKENS_AT_ONCE", 100)
    split = list(reply_loss.parts(examples))
    assert len(split) > 1 and sum(map(len, split)) == len(examples)
    assert math.isclose(sum(reply_loss.summed_loss(model, part).item() for part in split), expected, rel_tol=1e-5)


def failed(result, code):
    status, events, record = result
    assert status == 1
    assert record["status"] == "failed" and record["error"]["code"] == code, record
    assert record["error"]["message"] and record["error"]["hint"]
    assert events[-1] == {"event": "failed", "error": record["error"]}
    return record["error"]


def test_a_missing_base_model(data, tmp_path):
    failed(train(tmp_path, base_model=str(tmp_path / "nowhere"), train=data), "base_model_missing")


def test_a_bad_line_is_named(small, tmp_path):
    path = tmp_path / "bad.jsonl"
    path.write_text(json.dumps(conversation("a", "b")) + '\n{"instruction":"x"}\n')
    error = failed(train(tmp_path, base_model=str(small / "hf"), train=str(path)), "dataset_invalid")
    assert error["line"] == 2 and error["details"][0]["code"] == "missing_messages_list"


def test_nothing_to_learn(small, tmp_path):
    path = write_jsonl(tmp_path / "d.jsonl", [])
    failed(train(tmp_path, base_model=str(small / "hf"), train=str(path)), "no_reply_tokens")


@pytest.mark.parametrize("rows", [[{"messages": [{"role": "user", "content": "a"}]}], [conversation("a", "")]], ids=["no reply", "an empty one"])
def test_examples_without_a_reply_are_nothing_to_learn(tokenizer, tmp_path, monkeypatch, rows):
    """As above, but in this process: nothing has been loaded when it is said."""
    import child
    from training.failures import explain
    from training.train import load_datasets
    from training.job import Job

    monkeypatch.setattr(child, "emit", lambda event: None)
    with pytest.raises(Exception) as error:
        load_datasets(Job(base_model="any", train=str(write_jsonl(tmp_path / "d.jsonl", rows))), tokenizer)
    assert explain(error.value)["code"] == "no_reply_tokens" and explain(error.value)["hint"]


def test_replies_that_do_not_fit_are_told_as_that(small, tmp_path):
    path = write_jsonl(tmp_path / "d.jsonl", [conversation("a", "long " * 100)])
    error = failed(train(tmp_path, base_model=str(small / "hf"), train=str(path), max_tokens=64), "no_reply_tokens")
    assert "the one training example cannot be learned from: 1 with a last reply that does not fit into max_tokens = 64" in error["message"] and "Set max_tokens to" in error["hint"]


def test_what_is_not_trained_on_is_told_with_counts(small, data, tmp_path):
    """Of the held-out examples none fits, and the steps end before the examples do."""
    validation = write_jsonl(tmp_path / "validation.jsonl", [conversation("a", "long " * 100)])
    status, events, record = train(tmp_path, base_model=str(small / "hf"), train=data, validation=str(validation), max_tokens=64, batch_size=1, max_steps=1)
    assert status == 0 and record["base_validation_loss"] is None
    warnings = {event["code"]: event for event in events if event["event"] == "warning"}
    assert set(warnings) == {"reply_too_long", "nothing_held_out", "not_reached"}
    assert warnings["reply_too_long"]["count"] == 1 and "held-out" in warnings["reply_too_long"]["message"]
    assert warnings["not_reached"]["count"] == 3 and "3 of 4" in warnings["not_reached"]["message"]


def test_a_loss_that_explodes(small, data, tmp_path):
    failed(train(tmp_path, base_model=str(small / "hf"), train=data, learning_rate=1e30, batch_size=1), "nan_loss")
    assert not (tmp_path / "out" / "adapter.gguf").exists()


def test_an_unknown_setting(data, tmp_path):
    assert "speed" in failed(train(tmp_path, base_model="x", train=data, speed=9), "config_invalid")["message"]


@pytest.mark.parametrize("raised, code", [
    (OSError(28, "No space left on device"), "disk_full"),
    (RuntimeError("I/O error: No space left on device (os error 28)"), "disk_full"),
    (MemoryError(), "out_of_memory"),
    (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"), "out_of_memory"),
    (KeyError("x"), "internal"),
])
def test_other_failures_have_a_code(raised, code):
    from training.train import explain

    assert explain(raised)["code"] == code and explain(raised)["hint"]


def test_an_old_record_never_survives_a_new_attempt(data, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "exit.json").write_text('{"status":"completed"}')
    failed(train(tmp_path, base_model=str(tmp_path / "nowhere"), train=data), "base_model_missing")
