"""A training job, from datasets to a release."""

import pytest
from harness import BASE_MODEL, SAMPLES, figure, handbook, refused, voice

PAGES = len(list((SAMPLES / "handbook").iterdir()))


def test_the_job_completes(trained):
    job = trained.job
    assert (job["status"], job["progress"], job["attempt"]) == ("COMPLETED", 1, 1)
    assert job["started_at"] and job["completed_at"] > job["started_at"]
    assert "error" not in job and "error_message" not in job
    assert trained.history[0].name == "queued" and trained.history[-1].name == "completed"
    assert trained.history[-1].data["release_id"] == job["release_id"]


def test_events_count_from_1_without_gaps(trained):
    assert [event.id for event in trained.history] == list(range(1, len(trained.history) + 1))


def test_progress_never_falls(trained):
    progress = [event.data["progress"] for event in trained.history if event.name == "progress"]
    assert len(progress) > 10
    assert progress == sorted(progress) and 0 < progress[0] and progress[-1] <= 1


def test_progress_is_work_that_was_counted(trained):
    """Steps and tokens of the training, chunks of the index: whole numbers that add up."""
    steps = [event.data for event in trained.history if event.name == "progress" and event.data.get("step")]
    assert [data["step"] for data in steps] == list(range(1, steps[0]["steps"] + 1))
    assert steps[-1]["tokens"] == steps[-1]["tokens_total"]
    assert all(data["loss"] > 0 and data["tokens_per_second"] > 0 for data in steps)
    chunks = [event.data for event in trained.history if event.name == "progress" and event.data.get("chunks")]
    assert chunks[-1]["chunks"] == chunks[-1]["chunks_total"] == trained.release["evaluation"]["chunks"]
    figure(f"training: {steps[-1]['tokens']} tokens, {steps[-1]['tokens_per_second']} tokens/s")


def test_stages_come_in_order(trained):
    started = [event.data["stage"] for event in trained.history if event.name == "stage" and event.data["status"] == "started"]
    assert started == ["prepare", "adapter", "voice", "collection", "publish"]
    finished = {event.data["stage"]: event.data["milliseconds"] for event in trained.history if event.name == "stage" and event.data["status"] == "finished"}
    assert list(finished) == started[:-1]
    figure("stages: " + ", ".join(f"{stage} {milliseconds / 1000:.1f} s" for stage, milliseconds in finished.items()))


@pytest.mark.parametrize("share", [0, 0.5, 1])
def test_last_event_id_resumes_exactly_after_it(trained, share):
    seen = int(len(trained.history) * share)
    assert list(trained.account.follow(trained.job, after=seen)) == trained.history[seen:]


def test_after_is_the_same_for_those_who_cannot_set_headers(trained):
    url = f"external-training/jobs/{trained.job['id']}/events"
    last = trained.history[-1]
    text = trained.account.request("GET", url, params={"after": last.id - 1}).text
    assert text.count("event: ") == 1 and f"id: {last.id}\n" in text
    refused(trained.account.request("GET", url, headers={"Last-Event-ID": "yesterday"}), 400, "invalid_request")


def test_the_adapter_lowers_the_loss_on_held_out_replies(trained):
    measured = trained.release["evaluation"]
    figure(f"held-out reply loss: {measured['base_validation_loss']:.3f} base → {measured['validation_loss']:.3f} with the adapter"
           f" ({measured['training_examples']} examples, 1 epoch)")
    assert measured["validation_loss"] < measured["base_validation_loss"]
    assert measured["training_examples"] + measured["held_out_examples"] == voice().count(b"\n")
    assert measured["documents"] == PAGES


def test_the_release_becomes_the_minions(trained):
    assert trained.minion["release_id"] == trained.job["release_id"] == trained.release["id"]
    assert (trained.release["number"], trained.release["state"]) == (1, "active")
    assert trained.release["adapter_id"] and trained.release["collection_id"] and trained.release["collection_version"] == 1


def test_the_training_history_lists_the_job(trained):
    [item] = trained.account.get(f"minions/{trained.minion['id']}/training-history")["items"]
    assert trained.job.items() <= item.items()


def test_a_finished_job_leaves_no_working_folder(trained):
    assert not list(trained.account.server.data.glob(f"users/{trained.account.id}/jobs/*"))


def test_no_other_user_of_the_machine_can_read_a_users_files(trained):
    """Folders 0700, files 0600."""
    paths = list((trained.account.server.data / "users" / trained.account.id).rglob("*"))
    assert any(path.name == "adapter.gguf" for path in paths)
    assert [str(path) for path in paths if path.stat().st_mode & 0o077] == []


def test_a_rag_only_job_makes_no_adapter(somebody):
    minion = somebody.minion("Reader")
    documents = somebody.dataset(handbook("kitchen.md", "darkroom.md"), "rag", "pages.zip")
    job, history = somebody.finish(somebody.job(minion, "rag_only", [documents]))
    assert [event.data["stage"] for event in history if event.name == "stage" and event.data["status"] == "started"] == [
        "prepare", "collection", "publish"]
    release = somebody.get(f"minions/{minion['id']}/releases")["items"][0]
    assert "adapter_id" not in release and release["collection_id"] and release["evaluation"]["documents"] == 2
    assert "validation_loss" not in release["evaluation"]
    assert not somebody.server.files(f"users/{somebody.id}/adapters/**/*")


def test_a_lora_only_job_makes_no_collection(somebody):
    minion = somebody.minion("Speaker", model_id=BASE_MODEL)
    examples = somebody.dataset(voice(4), "jsonl", "voice.jsonl")
    job, history = somebody.finish(somebody.job(minion, "lora_only", [examples]))
    assert [event.data["stage"] for event in history if event.name == "stage" and event.data["status"] == "started"] == [
        "prepare", "adapter", "voice", "publish"]
    release = somebody.get(f"minions/{minion['id']}/releases")["items"][0]
    assert release["adapter_id"] and "collection_id" not in release and "chunks" not in release["evaluation"]
    assert somebody.get("collections")["items"] == []
    assert not somebody.server.files(f"users/{somebody.id}/collections/**/*")
