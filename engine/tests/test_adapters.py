"""Adapters in and out: the same voice on every way."""

import json
import subprocess
import zipfile

import gguf
import numpy as np
import pytest
from conftest import PIRATE, command, post, read_event, running

pytestmark = pytest.mark.slow


def run(*arguments) -> dict:
    result = subprocess.run(command("adapters.py", *arguments), capture_output=True, text=True, stdin=subprocess.DEVNULL)
    said = json.loads(result.stdout.splitlines()[-1])
    assert (result.returncode == 0) == (said["event"] == "done"), result.stderr
    return said


@pytest.fixture(scope="module")
def packed(trained, tmp_path_factory):
    path = tmp_path_factory.mktemp("packed") / "adapter.zip"
    assert run("pack", "--peft", trained[0] / "peft", "--out", path)["bytes"] == path.stat().st_size
    return path


def test_what_was_exported_comes_back_the_same(base, trained, packed, tmp_path):
    """From PEFT and from GGUF alike, to the same bytes for llama.cpp: so every answer is the same."""
    import files

    for name, path in (("peft", packed), ("gguf", trained[0] / "adapter.gguf")):
        said = run("import", "--file", path, "--base", base / "hf", "--out", tmp_path / name)
        assert (said["event"], said["rank"], said["alpha"], said["matrices"]) == ("done", 8, 16, 30 * 7 * 2)
        assert said["base_model"] == "smollm2-135m-instruct"
        assert said["sha256"] == trained[2]["sha256"] == files.sha256(tmp_path / name / "adapter.gguf")
        assert sorted(path.name for path in (tmp_path / name).iterdir()) == ["adapter.gguf", "peft"]
    with zipfile.ZipFile(packed) as archive:
        assert archive.namelist() == ["adapter_config.json", "adapter_model.safetensors"]


def answer(url: str, lora: list) -> tuple[str, dict[int, float]]:
    prompt = f"<|im_start|>user\n{PIRATE[0][0]}<|im_end|>\n<|im_start|>assistant\n"
    reply = post(url + "/completion", {"prompt": prompt, "n_predict": 12, "n_probs": 10, "temperature": 0, "cache_prompt": False, "lora": lora})
    return reply["content"], {entry["id"]: entry["logprob"] for entry in reply["completion_probabilities"][0]["top_logprobs"]}


def test_a_merged_gguf_speaks_like_base_and_adapter(base, trained, served, tmp_path):
    run("merge-gguf", "--adapter", trained[0] / "adapter.gguf", "--base", base / "model.gguf", "--out", tmp_path / "merged.gguf")
    with running("serve.py", "--model", tmp_path / "merged.gguf", "--context", 512) as process:
        text, merged = answer(read_event(process)["url"], [])
    expected, adapted = answer(served, [{"id": 0, "scale": 1.0}])
    plain, bare = answer(served, [])
    # llama.cpp rounds what meets quantised weights to 8 bits, and nothing that meets float16: a near tie may fall the other way.
    assert text.startswith("Arr,") and expected.startswith("Arr,") and not plain.startswith("Arr,")
    likely = [token for token in adapted if token in merged and adapted[token] > -5]
    assert likely and np.mean([abs(adapted[token] - merged[token]) for token in likely]) < 0.15


def test_a_merged_folder_is_the_adapted_model(base, trained, tokenizer, tmp_path):
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    run("merge", "--peft", trained[0] / "peft", "--base", base / "hf", "--out", tmp_path / "merged.zip")
    with zipfile.ZipFile(tmp_path / "merged.zip") as archive:
        archive.extractall(tmp_path / "merged")
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= {path.name for path in (tmp_path / "merged").iterdir()}
    ids = torch.tensor([tokenizer.encode("How are you? Arr,")])
    with torch.inference_mode():
        plain = AutoModelForCausalLM.from_pretrained(base / "hf", dtype=torch.float32)
        bare = plain(ids).logits[0, -1].log_softmax(-1)
        adapted = PeftModel.from_pretrained(plain, trained[0] / "peft")(ids).logits[0, -1].log_softmax(-1)
        merged = AutoModelForCausalLM.from_pretrained(tmp_path / "merged", dtype=torch.float32)(ids).logits[0, -1].log_softmax(-1)
    top = adapted.topk(10).indices
    assert (merged[top] - adapted[top]).abs().max() < 0.1 < (bare[top] - adapted[top]).abs().max()


def rezip(source, target, change) -> None:
    """A copy of the archive whose two files went through `change`."""
    with zipfile.ZipFile(source) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in change(contents).items():
            archive.writestr(name, content)


def configured(**settings):
    return lambda contents: contents | {"adapter_config.json": json.dumps(json.loads(contents["adapter_config.json"]) | settings)}


@pytest.mark.parametrize("change, word", [
    (lambda contents: {"adapter_config.json": contents["adapter_config.json"]}, "adapter_model.safetensors"),
    (lambda contents: contents | {"adapter_model.safetensors": b"\x80\x04pickle"}, "cannot be read"),
    (lambda contents: contents | {"other/adapter_config.json": b"{}"}, "2 files"),
    (configured(peft_type="PROMPT_TUNING"), "PROMPT_TUNING"), (configured(use_dora=True), "use_dora"), (configured(r=7), "rank 7"),
    (configured(lora_alpha=None), "cannot be read"),
], ids=["no weights", "a pickle", "two configurations", "another kind", "dora", "another rank", "no alpha"])
def test_an_archive_that_is_not_right_is_refused_with_the_reason(base, packed, tmp_path, change, word):
    import adapters
    from failures import TrainError

    rezip(packed, tmp_path / "bad.zip", change)
    with pytest.raises(TrainError) as error:
        adapters.take(tmp_path / "bad.zip", base / "hf", tmp_path / "out")
    assert error.value.record["code"] == "adapter_invalid" and word in error.value.record["message"]
    assert not (tmp_path / "out" / "adapter.gguf").exists()


def test_files_that_are_no_adapter_of_the_base(base, small, trained, packed, tmp_path):
    import adapters
    from failures import TrainError

    def message(path, model) -> str:
        with pytest.raises(TrainError) as error:
            adapters.take(path, model, tmp_path / "out")
        return error.value.record["message"]

    noise = tmp_path / "noise"
    noise.write_bytes(b"hello")
    assert "neither" in message(noise, base / "hf")
    (tmp_path / "cut.gguf").write_bytes((trained[0] / "adapter.gguf").read_bytes()[:2000])
    assert "cannot be read" in message(tmp_path / "cut.gguf", base / "hf")
    assert "not a LoRA adapter" in message(base / "model.gguf", base / "hf")
    # 30 layers do not fit into a model of 2.
    assert "no model.layers" in message(packed, small / "hf") and "no counterpart" in message(trained[0] / "adapter.gguf", small / "hf")


def test_rows_are_put_back_in_order():
    import export_gguf

    rows = np.arange(24 * 3).reshape(24, 3)
    assert (export_gguf.permute(export_gguf.permute(rows, 3), 3, back=True) == rows).all()
    assert gguf.MODEL_ARCH.LLAMA in export_gguf.PERMUTED
