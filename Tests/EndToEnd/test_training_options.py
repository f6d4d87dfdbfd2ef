"""A job's options and its estimate, training that goes on after a stop, and adapters that come and go."""

import io
import json
import zipfile

import pytest
from harness import BASE_MODEL, figure, ok, refused, running, voice


@pytest.fixture(scope="module")
def workshop(tmp_path_factory):
    with running(tmp_path_factory.mktemp("workshop")) as server:
        yield server.account("ann")


@pytest.fixture(scope="module")
def voices(workshop):
    return workshop.dataset(voice(12), "jsonl", "voice.jsonl")


def body(minion, dataset, **config) -> dict:
    return {"minion_id": minion["id"], "training_type": "lora_only", "dataset_ids": [dataset["id"]], "config": config}


def test_training_goes_on_after_a_stop_and_tells_each_step_once(workshop, voices):
    """Stopped in its second epoch, the job goes on from the checkpoint at the end of the first."""
    minion = workshop.minion("Apprentice")
    # Two groups of processes would be too much here: one of them also shows that `processes` works through a job.
    job = workshop.job(minion, "lora_only", [voices], batch_size=2, epochs=3, processes=2)
    for event in workshop.follow(job):
        if event.name == "progress" and event.data.get("epoch") == 2:
            break
    workshop.post(f"external-training/jobs/{job['id']}/stop")
    prepared = {path: path.stat().st_ino for path in workshop.server.data.glob(f"users/{workshop.id}/jobs/{job['id']}/prepared/*/*.jsonl")}
    workshop.post(f"external-training/jobs/{job['id']}/start")
    for event in workshop.follow(job):
        if event.name == "resumed":
            assert len(prepared) == 2 and all(path.stat().st_ino == number for path, number in prepared.items()), "what was prepared is kept"
            break
    job, history = workshop.finish(job, after=0)
    names = [event.name for event in history]
    assert names.count("started") == 1 and names.count("resumed") == 1
    started, resumed = (next(event.data for event in history if event.name == name) for name in ("started", "resumed"))
    steps = [event.data["step"] for event in history if event.name == "progress" and event.data.get("step")]
    assert steps == list(range(1, started["steps"] + 1))
    assert started["steps"] // 3 <= resumed["step"] < started["steps"]
    assert resumed["base_validation_loss"] == started["base_validation_loss"]
    validations = [event.data for event in history if event.name == "validation"]
    assert [data["epoch"] for data in validations] == [1, 2, 3]
    resources = next(event.data for event in history if event.name == "resources")
    assert resources["peak_memory_bytes"] > 5e8 and resources["cpu_seconds"] > 0 and resources["disk_bytes"] > 1e7
    release = next(item for item in workshop.get(f"minions/{minion['id']}/releases")["items"] if item["id"] == job["release_id"])
    assert release["evaluation"]["validation_loss"] == min(data["loss"] for data in validations)
    # The working folder is gone with its checkpoints.
    server = workshop.server
    assert not server.files(f"users/{workshop.id}/jobs/**/*")
    adapter = next(server.data.glob(f"users/{workshop.id}/adapters/{release['adapter_id']}"))
    found = {path.name for path in adapter.iterdir()}
    assert {"adapter.gguf", "exit.json", "peft"} <= found and not found & {"checkpoint", "exit.previous.json", "peft.tmp"}


def test_an_estimate_counts_what_the_job_then_does(workshop, voices):
    minion = workshop.minion("Estimated")
    config = {"batch_tokens": 600, "epochs": 1, "rank": 4, "target_modules": ["q_proj", "v_proj"]}
    estimate = workshop.post("external-training/jobs/estimate", body(minion, voices, **config))
    job, history = workshop.finish(workshop.job(minion, "lora_only", [voices], **config))
    started = next(event.data for event in history if event.name == "started")
    assert (estimate["examples"], estimate["validation_examples"], estimate["steps"], estimate["tokens"], estimate["reply_tokens"]) == (
        started["examples"], started["validation_examples"], started["steps"], started["tokens_total"], started["reply_tokens"])
    assert estimate["trained_weights"] == 30 * 4 * (2 * 576 + 576 + 192) and estimate["warnings"] == []
    resources = next(event.data for event in history if event.name == "resources")
    assert 0.4 < estimate["peak_memory_bytes"] / resources["peak_memory_bytes"] < 2.5
    figure(f"estimated {estimate['seconds']} s and {estimate['peak_memory_bytes'] / 1e6:.0f} MB, took {resources['seconds']} s and "
           f"{resources['peak_memory_bytes'] / 1e6:.0f} MB; {estimate['based_on']}")
    # The next one stands on what this one measured, and warns of what would go wrong.
    again = workshop.post("external-training/jobs/estimate", body(minion, voices, **config, max_tokens=100, load_in_4bit=True))
    assert again["based_on"] == "the last run on this machine"
    assert {"four_bit_unavailable", "prompt_cut"} & {warning["code"] for warning in again["warnings"]} >= {"four_bit_unavailable"}
    wide = workshop.post("external-training/jobs/estimate", body(minion, voices, **config | {"rank": 256, "target_modules": "all-linear"}))
    assert wide["trained_weights"] > 50 * estimate["trained_weights"] and wide["disk_bytes"] > 50 * estimate["disk_bytes"]


def test_base_models_are_names_and_only_those_that_are_there(workshop, voices):
    models = {model["name"]: model for model in workshop.get("/api/models")["items"]}
    assert models[BASE_MODEL]["default"] and models[BASE_MODEL]["servable"] and models[BASE_MODEL]["architecture"] == "llama"
    assert not any("bge" in name or "marco" in name for name in models), "an embedder is no base model"
    minion = workshop.minion("Choosy")
    for name in ("gpt-5", f"../models/{BASE_MODEL}", "/etc", BASE_MODEL + "/hf"):
        for path in ("external-training/jobs", "external-training/jobs/estimate"):
            error = refused(workshop.request("POST", path, json=body(minion, voices, base_model=name)), 422, "invalid_request")
            assert error["details"][0]["field"] == "config.base_model"
    job = workshop.post("external-training/jobs", body(minion, voices, base_model=BASE_MODEL))
    assert job["config"]["base_model"] == BASE_MODEL


def import_adapter(account, minion, content: bytes):
    return account.request("POST", "adapters", params={"minion_id": minion["id"]}, content=content)


def test_an_adapter_that_left_and_came_back_answers_the_same(trained, workshop):
    """Given out by one server, brought in on another, as PEFT and as GGUF: byte for byte the same answers."""
    owner = trained.account
    minion = owner.get(f"minions/{trained.job['minion_id']}")
    adapter = owner.get(f"adapters/{trained.release['adapter_id']}")
    assert adapter["job_id"] == trained.job["id"] and adapter in owner.get("adapters")["items"]
    question = "What should I do with a blunt knife?"
    voice_only = {"use_passages": False, "use_draft": False}
    expected = owner.ask(minion, question, **voice_only)["answer"]
    files = {form: ok_bytes(owner, f"adapters/{adapter['id']}/{form}") for form in ("peft", "gguf")}
    with zipfile.ZipFile(io.BytesIO(files["peft"])) as archive:
        assert json.loads(archive.read("adapter_config.json"))["r"] == adapter["rank"]
    for form, content in files.items():
        other = workshop.minion(f"Guest {form}")
        bare = workshop.ask(other, question, **voice_only)["answer"]
        reply = ok(import_adapter(workshop, other, content))
        assert reply["adapter"]["sha256"] == adapter["sha256"] and "job_id" not in reply["adapter"]
        assert workshop.get(f"minions/{other['id']}")["release_id"] == reply["release"]["id"]
        assert workshop.ask(other, question, **voice_only)["answer"] == expected != bare
    refused(workshop.request("GET", f"adapters/{adapter['id']}/gguf"), 404, "not_found")


def ok_bytes(account, path: str, **options) -> bytes:
    reply = account.request("GET", path, **options)
    assert reply.status_code == 200, reply.text
    return reply.content


def test_a_merged_model_is_given_out_whole(trained):
    path = f"adapters/{trained.release['adapter_id']}/merged"
    content = ok_bytes(trained.account, path, params={"format": "gguf"})
    assert content[:4] == b"GGUF" and len(content) > 150e6
    refused(trained.account.request("GET", path, params={"format": "onnx"}), 422, "invalid_request")


def test_what_is_no_adapter_is_refused_and_leaves_nothing(workshop):
    minion = workshop.minion("Careful")
    before = workshop.server.files(f"users/{workshop.id}/**/*")
    error = refused(import_adapter(workshop, minion, b"PK\x03\x04 but not really"), 422, "adapter_invalid")
    assert "archive" in error["message"]
    assert "release_id" not in workshop.get(f"minions/{minion['id']}")
    assert workshop.server.files(f"users/{workshop.id}/**/*") == before
