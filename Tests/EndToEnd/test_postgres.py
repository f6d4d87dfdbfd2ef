"""The same server with its rows in PostgreSQL: training, answers, workers, and a database that goes away and comes back."""

import threading

import pytest
from harness import eventually, figure, handbook, refused, running, voice


@pytest.fixture
def server(tmp_path, cluster):
    with running(tmp_path, cluster, ATELIER_WORKER_JOBS="0") as server:
        yield server


def test_a_hybrid_job_and_its_answers(server):
    account = server.account("keeper")
    minion = account.minion("Wick the Keeper", pipeline={"top_k": 2}, sampling={"temperature": 0, "max_tokens": 40})
    datasets = [account.dataset(voice(12), "jsonl", "voice.jsonl"), account.dataset(handbook(), "rag", "handbook.zip")]
    worker = server.worker(ATELIER_WORKER_JOBS="1")
    done, history = account.finish(account.job(minion, "hybrid", datasets, batch_size=2))
    assert [event.id for event in history] == list(range(1, len(history) + 1)) and done["attempt"] == 1
    # The server hears at once of the release that another process has made.
    answer = account.ask(minion, "When is the lamp lit?", use_draft=True)
    assert answer["answer"] and answer["trace"]["passages"] and answer["trace"]["draft"]
    assert account.ask(minion, "When is the lamp lit?", use_draft=True)["answer"] == answer["answer"]
    stranger = server.account("stranger")
    for path in (f"minions/{minion['id']}", f"external-training/jobs/{done['id']}", f"training-datasets/{datasets[0]['id']}"):
        assert stranger.request("GET", f"{account.base}/{path}").status_code == 404
        assert stranger.request("GET", path).status_code == 404
    assert server.sql("SELECT status FROM external_training_jobs") == [("COMPLETED",)]
    assert not (server.data / "atelier.sqlite").exists()
    for log in (server.log(), worker.log()):
        assert server.cluster.password not in log


def test_the_database_goes_away_in_the_middle_of_training(server):
    account = server.account("keeper")
    worker = server.worker(ATELIER_WORKER_JOBS="1")
    job = account.job(account.minion("Wick"), "lora_only", [account.dataset(voice(16), "jsonl", "voice.jsonl")], batch_size=2)
    account.into_training(job)
    server.cluster.stop("immediate")
    # It is waited for, ten seconds at most, and then said.
    replies = []
    asking = threading.Thread(target=lambda: replies.append(account.request("GET", "external-training/jobs")))
    asking.start()
    error = refused(account.request("GET", f"external-training/jobs/{job['id']}"), 503, "database_unavailable")
    assert server.cluster.password not in str(error)
    server.cluster.start()
    asking.join()
    assert replies[0].status_code in (200, 503)
    done = eventually(lambda: (found := account.show_job(job))["status"] == "COMPLETED" and found, 300, "the job is completed")
    history = list(account.follow(job))
    assert [event.id for event in history] == list(range(1, len(history) + 1))
    assert [event.name for event in history].count("completed") == 1
    figure(f"training over an outage of the database: completed in attempt {done['attempt']}")
    assert server.cluster.password not in worker.log()


def test_an_address_that_cannot_be_read_is_not_repeated(tmp_path):
    from harness import Server

    server = Server(tmp_path, ATELIER_DATABASE_URL="postgres://me:topsecret@host:port/x")
    with pytest.raises(AssertionError) as refused:
        server.start()
    assert "ATELIER_DATABASE_URL" in str(refused.value) and "topsecret" not in str(refused.value)
