"""Real models and real child processes; nothing here is a stand-in for them.

The models are fetched when they are not there yet, so no test is skipped.
"""

import json
import os
import subprocess
import sys
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

ENGINE = Path(__file__).resolve().parents[1]

# A voice that is easy to hear, in few tokens.
PIRATE = [
    ("How are you?", "Arr, I be fine as a fair wind, matey!"),
    ("What do you eat?", "Arr, salted fish and hard tack, matey!"),
    ("Where do you live?", "Arr, upon the rolling sea, matey!"),
    ("What do you like?", "Arr, gold and rum and song, matey!"),
    ("Who is your friend?", "Arr, me parrot Polly, matey!"),
    ("What is the time?", "Arr, time to hoist the sails, matey!"),
    ("Can you help me?", "Arr, that I can, matey!"),
    ("What is your name?", "Arr, they call me Red Jack, matey!"),
]


def conversation(question: str, answer: str) -> dict:
    return {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]}


def write_jsonl(path: Path, rows: list) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def command(script: str, *arguments: object) -> list[str]:
    return [sys.executable, str(ENGINE / script), *map(str, arguments)]


@contextmanager
def running(script: str, *arguments: object, **options):
    """A script as the server runs it: both pipes held open. Ends it at the end."""
    options = {"stderr": subprocess.DEVNULL} | options
    process = subprocess.Popen(command(script, *arguments), stdin=subprocess.PIPE, stdout=subprocess.PIPE, **options)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def read_event(process) -> dict:
    return json.loads(process.stdout.readline())


def post(url: str, body: dict) -> dict:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=120) as reply:
        return json.load(reply)


def train(folder: Path, **settings) -> tuple[int, list[dict], dict]:
    """Run train.py; its exit status, its events and its exit record."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "job.json").write_text(json.dumps(settings))
    with running("training/train.py", "--config", folder / "job.json", "--out", folder / "out") as process:
        events = [json.loads(line) for line in process.stdout]
        status = process.wait()
    return status, events, json.loads((folder / "out" / "exit.json").read_text())


def train_until(folder: Path, step: int, **settings) -> list[dict]:
    """Run train.py and kill it with -9 once it has said that it took `step`; its events."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "job.json").write_text(json.dumps(settings))
    events = []
    with running("training/train.py", "--config", folder / "job.json", "--out", folder / "out") as process:
        for line in process.stdout:
            events.append(json.loads(line))
            if events[-1]["event"] == "progress" and events[-1]["step"] >= step:
                process.kill()
                # What it had said before the signal came counts too; a line that was cut does not.
                events += [json.loads(line) for line in process.stdout if line.endswith("\n")]
                process.wait()
                return events
    raise AssertionError(f"ended before step {step}: {events[-1:]}")


@pytest.fixture(scope="session")
def models() -> Path:
    folder = Path(os.environ.get("ATELIER_DATA_DIR", ENGINE.parent / "data")) / "models"
    subprocess.run(command("models.py", "--models-dir", folder), check=True, stdin=subprocess.DEVNULL)
    return folder


@pytest.fixture(scope="session")
def base(models) -> Path:
    return models / "smollm2-135m-instruct"


@pytest.fixture(scope="session")
def small(base, tmp_path_factory) -> Path:
    """The base model with 2 of its 30 layers, as Hugging Face folder and as GGUF: the same
    code in a fifth of the time."""
    import child  # noqa: F401
    import gguf
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    layers = 2
    folder = tmp_path_factory.mktemp("small")
    model = AutoModelForCausalLM.from_pretrained(base / "hf", dtype=torch.float16)
    model.model.layers = model.model.layers[:layers]
    model.config.num_hidden_layers = layers
    if getattr(model.config, "layer_types", None):
        model.config.layer_types = model.config.layer_types[:layers]
    model.save_pretrained(folder / "hf")
    AutoTokenizer.from_pretrained(base / "hf").save_pretrained(folder / "hf")

    reader = gguf.GGUFReader(base / "model.gguf")
    writer = gguf.GGUFWriter(folder / "model.gguf", "llama")
    for name, found in reader.fields.items():
        if name.startswith("GGUF.") or name == "general.architecture":
            continue
        value = layers if name == "llama.block_count" else found.contents()
        writer.add_key_value(name, value, found.types[0], found.types[-1] if len(found.types) > 1 else None)
    for tensor in reader.tensors:
        if not tensor.name.startswith("blk.") or int(tensor.name.split(".")[1]) < layers:
            writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return folder


@pytest.fixture(scope="session")
def tokenizer(base):
    import child  # noqa: F401  offline settings, before transformers is imported
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(base / "hf")


@pytest.fixture(scope="session")
def trained(base, tmp_path_factory):
    """One real training run, shared: (folder, events, exit record)."""
    folder = tmp_path_factory.mktemp("trained")
    data = write_jsonl(folder / "train.jsonl", [conversation(*pair) for pair in PIRATE])
    validation = write_jsonl(folder / "validation.jsonl", [conversation("How old are you?", "Arr, older than the tides, matey!")])
    status, events, record = train(
        folder, base_model=str(base / "hf"), train=str(data), validation=str(validation), rank=8, alpha=16,
        learning_rate=3e-3, epochs=4, batch_size=4)
    assert status == 0, record
    return folder / "out", events, record


@pytest.fixture(scope="session")
def bare(base):
    """The base model without any adapter; yields its URL."""
    with running("serving/serve.py", "--model", base / "model.gguf", "--context", 1024) as process:
        yield read_event(process)["url"]


@pytest.fixture(scope="session")
def served(base, trained):
    """The base model with the trained adapter as id 0; yields its URL."""
    with running("serving/serve.py", "--model", base / "model.gguf", "--context", 1024,
                 "--lora", trained[0] / "adapter.gguf") as process:
        ready = read_event(process)
        assert ready["event"] == "ready", ready
        yield ready["url"]
