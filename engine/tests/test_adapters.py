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
    result = subprocess.run(command("serving/adapters.py", *arguments), capture_output=True, text=True, stdin=subprocess.DEVNULL)
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
    with running("serving/serve.py", "--model", tmp_path / "merged.gguf", "--context", 512) as process:
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
    from serving import adapters
    from training.failures import TrainError

    rezip(packed, tmp_path / "bad.zip", change)
    with pytest.raises(TrainError) as error:
        adapters.take(tmp_path / "bad.zip", base / "hf", tmp_path / "out")
    assert error.value.record["code"] == "adapter_invalid" and word in error.value.record["message"]
    assert not (tmp_path / "out" / "adapter.gguf").exists()


def test_files_that_are_no_adapter_of_the_base(base, small, trained, packed, tmp_path):
    from serving import adapters
    from training.failures import TrainError

    def message(path, model) -> str:
        with pytest.raises(TrainError) as error:
            adapters.take(path, model, tmp_path / "out")
        return error.value.record["message"]

    noise = tmp_path / "noise"
    noise.write_bytes(b"hello")
    assert "neither" in message(noise, base / "hf")
    (tmp_path / "cut.gguf").write_bytes((trained[0] / "adapter.gguf").read_bytes()[:2000])
    assert "cannot be read" in message(tmp_path / "cut.gguf", base / "hf")
    assert "which no adapter does" in message(base / "model.gguf", base / "hf")
    # 30 layers do not fit into a model of 2.
    assert "is it of another?" in message(packed, small / "hf") and "no counterpart" in message(trained[0] / "adapter.gguf", small / "hf")


def weights(**matrices):
    """PEFT's archive with other weights; a name's dots are written as `__`."""
    def change(contents):
        from safetensors.numpy import load, save

        return contents | {"adapter_model.safetensors": save(load(contents["adapter_model.safetensors"]) | {
            f"base_model.model.model.layers.{name.replace('__', '.')}.weight": matrix for name, matrix in matrices.items()})}
    return change


@pytest.mark.parametrize("change, word", [
    (weights(**{"0__self_attn__q_proj__lora_A": np.full((8, 576), np.nan, np.float32)}), "no numbers"),
    (weights(**{"0__self_attn__q_proj__lora_B": np.full((576, 8), np.inf, np.float32)}), "no numbers"),
    (weights(**{"0__self_attn__q_proj__lora_A": np.zeros((8, 575), np.float32)}), "they must be"),
    (weights(**{"0__self_attn__q_proj__lora_C": np.zeros((8, 576), np.float32)}), "no matrix of a LoRA adapter"),
    (weights(**{"0__input_layernorm__lora_A": np.zeros((8, 576), np.float32)}), "the base model has no"),
    (weights(**{"99__self_attn__q_proj__lora_A": np.zeros((8, 576), np.float32)}), "the base model has no"),
    (configured(r=True), "r is True"), (configured(r=1 << 40), "rank 1099511627776"), (configured(r=-8), "rank -8"), (configured(r=8.0), "r is 8.0"),
    (configured(lora_alpha=1e300), "make no adapter"), (configured(lora_alpha="16"), "lora_alpha is '16'"),
    (lambda contents: contents | {"adapter_config.json": contents["adapter_config.json"].replace(b'"lora_alpha": 16', b'"lora_alpha": 1e999')},
     "make no adapter"),
    (lambda contents: contents | {"adapter_config.json": b"[" * 100_000}, "cannot be read"),
    (lambda contents: contents | {"adapter_config.json": b"[]"}, "no object"),
    (lambda contents: contents | {"adapter_config.json": b" " * (2 << 20)}, "unpacks to more"),
    (lambda contents: contents | {"adapter_model.safetensors": (1 << 40).to_bytes(8, "little") + b"{}"}, "claims"),
], ids=lambda value: value if isinstance(value, str) else "")
def test_hostile_weights_and_settings_are_refused_with_the_reason(base, packed, tmp_path, change, word):
    from serving import adapters
    from training.failures import TrainError

    rezip(packed, tmp_path / "bad.zip", change)
    with pytest.raises(TrainError) as error:
        adapters.take(tmp_path / "bad.zip", base / "hf", tmp_path / "out")
    assert error.value.record["code"] == "adapter_invalid" and word in error.value.record["message"], error.value.record
    assert not (tmp_path / "out" / "peft").exists() and not (tmp_path / "out" / "adapter.gguf").exists()


def test_a_few_bytes_do_not_become_gigabytes(base, packed, tmp_path):
    """Half a megabyte that unpacks to half a gigabyte of zeros is refused while it is unpacked."""
    from training.failures import TrainError

    from serving import adapters

    size = 500 << 20
    with zipfile.ZipFile(packed) as archive:
        config = archive.read("adapter_config.json")
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("adapter_config.json", json.dumps(json.loads(config) | {"r": 1024}))
        with archive.open("adapter_model.safetensors", "w") as file:
            for _ in range(size >> 20):
                file.write(bytes(1 << 20))
    assert (tmp_path / "bomb.zip").stat().st_size < 1 << 20
    with pytest.raises(TrainError) as error:
        adapters.take(tmp_path / "bomb.zip", base / "hf", tmp_path / "out")
    assert "unpacks to more" in error.value.record["message"]
    assert sum(path.stat().st_size for path in tmp_path.rglob("*")) < 2 << 20


def test_a_foreign_gguf_is_written_anew(base, trained, tmp_path):
    """Half precision and a field of its own come in; what comes out is ours: float32 and our fields alone."""
    import random_adapters

    random_adapters.write(tmp_path / "foreign.gguf", base / "model.gguf", seed=3)
    said = run("import", "--file", tmp_path / "foreign.gguf", "--base", base / "hf", "--out", tmp_path / "out")
    assert said["event"] == "done" and said["rank"] == 16, said
    ours, theirs = (gguf.GGUFReader(path) for path in (tmp_path / "out" / "adapter.gguf", tmp_path / "foreign.gguf"))
    assert set(ours.fields) == set(gguf.GGUFReader(trained[0] / "adapter.gguf").fields)
    halves = {tensor.name: tensor.data for tensor in theirs.tensors}
    assert {tensor.name for tensor in ours.tensors} == set(halves)
    for tensor in ours.tensors:
        assert tensor.data.dtype == np.float32 and np.allclose(tensor.data, halves[tensor.name].astype(np.float32)), tensor.name


def test_rows_are_put_back_in_order():
    from serving import export_gguf

    rows = np.arange(24 * 3).reshape(24, 3)
    assert (export_gguf.permute(export_gguf.permute(rows, 3), 3, back=True) == rows).all()
    assert gguf.MODEL_ARCH.LLAMA in export_gguf.PERMUTED


def test_folders_as_windows_writes_them(tmp_path):
    from serving import adapters

    with zipfile.ZipFile(tmp_path / "adapter.zip", "w") as archive:
        archive.writestr("lora\\adapter_config.json", "{}")
    with zipfile.ZipFile(tmp_path / "adapter.zip") as archive:
        adapters.unpack(archive, "adapter_config.json", tmp_path / "config", 100, 100)
    assert (tmp_path / "config").read_text() == "{}"
