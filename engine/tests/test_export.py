"""An exported adapter does in llama.cpp what it does in PEFT."""

import shutil

from serving import export_gguf
import gguf
import numpy as np
import pytest
from conftest import PIRATE, post, read_event, running

pytestmark = pytest.mark.slow


def test_rows_are_permuted_as_in_the_base_model(base):
    """The base model is at hand in both orders: GGUF's and Hugging Face's."""
    from safetensors import safe_open

    shape = export_gguf.shape_of(base / "hf")
    assert shape == export_gguf.shape_of(base / "model.gguf")
    tensors = {tensor.name: tensor for tensor in gguf.GGUFReader(base / "model.gguf").tensors}
    with safe_open(base / "hf" / "model.safetensors", "np") as ours:
        for name, theirs, heads in (("q", "attn_q", shape.heads), ("k", "attn_k", shape.key_value_heads)):
            hugging_face = ours.get_tensor(f"model.layers.3.self_attn.{name}_proj.weight").astype(np.float32)
            tensor = tensors[f"blk.3.{theirs}.weight"]
            llama_cpp = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
            assert np.allclose(export_gguf.permute(hugging_face, heads), llama_cpp, atol=1e-3)
            assert not np.allclose(hugging_face, llama_cpp, atol=1e-3)


def test_the_file_says_what_llama_cpp_needs(trained):
    reader = gguf.GGUFReader(trained[0] / "adapter.gguf")
    values = {name: reader.get_field(name).contents() for name in
              ("general.architecture", "general.type", "adapter.type", "adapter.lora.alpha")}
    assert values == {"general.architecture": "llama", "general.type": "adapter", "adapter.type": "lora",
                      "adapter.lora.alpha": 16.0}
    assert len(reader.tensors) == 30 * 7 * 2


def server_logprobs(url: str, prompt: list[int], lora: list) -> dict[int, float]:
    reply = post(url + "/completion", {"prompt": prompt, "n_predict": 1, "n_probs": 20, "temperature": 0,
                                       "cache_prompt": False, "lora": lora})
    return {entry["id"]: entry["logprob"] for entry in reply["completion_probabilities"][0]["top_logprobs"]}


@pytest.fixture(scope="module")
def base_model(base):
    import torch
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(base / "hf", dtype=torch.float32).eval()


def difference(model, tokenizer, url: str, scale: float) -> float:
    """Mean |difference| of the next token's log-probabilities, PEFT against
    llama.cpp, over the tokens llama.cpp finds likely."""
    import torch

    found = []
    for question, start in [(PIRATE[0][0], ""), ("Where is the treasure?", "Arr,"), ("Sing a song for me.", "Once upon a")]:
        prompt = tokenizer.encode(tokenizer.apply_chat_template(
            [{"role": "user", "content": question}], tokenize=False, add_generation_prompt=True) + start,
            add_special_tokens=False)
        theirs = server_logprobs(url, prompt, [{"id": 0, "scale": scale}])
        with torch.inference_mode():
            ours = torch.log_softmax(model(torch.tensor([prompt])).logits[0, -1], -1)
        found += [abs(ours[token].item() - value) for token, value in theirs.items() if value > -5]
    return float(np.mean(found))


def test_the_trained_adapter_has_the_effect_it_has_in_peft(base_model, trained, served, tokenizer):
    """llama.cpp rounds activations to 8 bits, so a small difference is its own."""
    from peft import PeftModel

    without = difference(base_model, tokenizer, served, 0.0)
    ignored = difference(base_model, tokenizer, served, 1.0)
    model = PeftModel.from_pretrained(base_model, trained[0] / "peft").eval()
    effect = difference(model, tokenizer, served, 1.0)
    model.unload()
    print(f"base {without:.3f}, adapter {effect:.3f}, adapter against base {ignored:.3f}")
    assert without < 0.25 and effect < 0.3
    assert ignored > 1


def test_a_wrong_row_order_would_show(base, base_model, tokenizer, tmp_path, monkeypatch):
    """An adapter of queries and keys alone, strong enough to hear, exported as it
    must be and, beside it, without the permutation."""
    import torch
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(5)
    model = get_peft_model(base_model, LoraConfig(r=8, lora_alpha=16, target_modules=["q_proj", "k_proj"])).eval()
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.1)
    model.save_pretrained(tmp_path / "peft", save_embedding_layers=False)
    export_gguf.export(tmp_path / "peft", base / "hf", tmp_path / "right.gguf")
    monkeypatch.setattr(export_gguf, "PERMUTED", set())
    export_gguf.export(tmp_path / "peft", base / "hf", tmp_path / "wrong.gguf")
    found = {}
    for name in ("right", "wrong"):
        with running("serving/serve.py", "--model", base / "model.gguf", "--context", 512, "--lora", tmp_path / f"{name}.gguf") as process:
            found[name] = difference(model, tokenizer, read_event(process)["url"], 1.0)
    model.unload()
    print(found)
    assert found["right"] < 0.3 and found["wrong"] > 3 * found["right"]


@pytest.mark.parametrize("change, complaint", [
    ('"use_dora": true', "use_dora"), ('"peft_type": "IA3"', "IA3"),
])
def test_what_gguf_cannot_say_is_refused(trained, base, tmp_path, change, complaint):
    shutil.copytree(trained[0] / "peft", tmp_path / "peft")
    config = tmp_path / "peft" / "adapter_config.json"
    config.write_text(config.read_text().rstrip().removesuffix("}") + f", {change}}}")
    with pytest.raises(export_gguf.ExportError, match=complaint):
        export_gguf.export(tmp_path / "peft", base / "hf", tmp_path / "adapter.gguf")
    assert not (tmp_path / "adapter.gguf").exists()
