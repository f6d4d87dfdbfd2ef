"""An answer and the account it gives of itself; what happens when a vendor does not answer."""

import json
import re
import select
from contextlib import closing
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest
from harness import BASE_MODEL, events, questions, refused, running

KEY = "sk-live-4f9c2ab7d1e84c06b35a"


@pytest.fixture(scope="module")
def answered(trained) -> dict:
    """The answer to the first sample question, of a minion with passages."""
    return trained.account.ask(trained.minion, questions()[0]["question"])


def test_the_trace_tells_every_stage_with_its_time(answered):
    stages = answered["trace"]["stages"]
    assert {stage["stage"]: stage["status"] for stage in stages} == {
        "draft": "skipped", "retrieve": "ok", "compose": "ok", "answer": "ok"}
    assert all(stage["milliseconds"] > 0 for stage in stages if stage["status"] == "ok")
    assert answered["trace"]["search"]["documents_searched"] == 18
    assert len(answered["trace"]["passages"]) == 2


def test_what_the_model_was_told_comes_from_the_passages(trained, answered):
    """The prompt is in the trace, and beside the question it holds their words and no others."""
    question = trained.account.get(f"answers/{answered['id']}")["question"]
    prompt = answered["trace"]["prompt"][-1]["content"]
    assert prompt.startswith("Notes: ") and prompt.endswith(f"Question: {question}")
    told = words(prompt.removeprefix("Notes: ").removesuffix(f"Question: {question}"))
    assert len(told) > 10 and told <= words(" ".join(passage["text"] for passage in answered["trace"]["passages"]))


def words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text))


def test_attempts_and_tokens_are_counted_and_local_is_free(answered):
    attempt, = answered["trace"]["attempts"]
    assert (attempt["provider"], attempt["model"], attempt["outcome"]) == ("local", BASE_MODEL, "ok")
    assert attempt["usage"]["input"] > 20 and 0 < attempt["usage"]["output"] <= 40 and not attempt["usage"]["is_estimate"]
    assert attempt["milliseconds"] > 0
    tokens = {"input": attempt["usage"]["input"], "output": attempt["usage"]["output"], "cost": 0, "is_estimate": False}
    assert answered["trace"]["tokens"] == answered["usage"] == tokens
    assert answered["degraded"] == []


def test_the_answer_is_kept_with_the_same_trace(trained, answered):
    kept = trained.account.get(f"answers/{answered['id']}")
    assert kept["trace"] == answered["trace"] and kept["answer"] == answered["answer"]
    assert (kept["minion_id"], kept["release_id"]) == (trained.minion["id"], trained.release["id"])


def test_usage_is_recorded_for_each_attempt(trained, answered):
    records = [record for record in trained.account.get("usage?limit=100")["items"] if record["answer_id"] == answered["id"]]
    record, = records
    assert (record["purpose"], record["outcome"], record["cost"]) == ("answer", "ok", 0)
    assert record["input_tokens"] == answered["usage"]["input"] and record["output_tokens"] == answered["usage"]["output"]


def test_the_controls_of_a_question_do_what_they_say(trained):
    def passages(**settings) -> list[str]:
        return [passage["chunk_id"] for passage in trained.account.ask(
            trained.minion, "What do I pay for a bowl of soup?", max_tokens=2, **settings)["trace"]["passages"]]

    three = passages(top_k=3)
    assert len(three) == 3 and passages(top_k=1) == three[:1] and passages(use_passages=False) == []


def stream(account, minion: dict, **settings) -> list:
    body = {"question": "What do I pay for a bowl of soup?", "stream": True, "temperature": 0, "max_tokens": 24} | settings
    with account.server.http.stream("POST", f"{account.base}/minions/{minion['id']}/ask", headers=account.headers, json=body) as response:
        assert response.headers["content-type"] == "text/event-stream"
        return list(events(response, within=120))


def test_a_streamed_answer_adds_up_to_the_whole_one(trained):
    history = stream(trained.account, trained.minion)
    names = [event.name for event in history]
    assert set(names) == {"stage", "text", "done"} and names[-1] == "done" and names.count("done") == 1
    assert [event.data["stage"] for event in history if event.name == "stage"] == ["retrieve", "draft", "compose", "answer"]
    done = history[-1].data
    assert names.count("text") > 3
    assert "".join(event.data["text"] for event in history if event.name == "text") == done["answer"]
    assert "trace" not in done
    whole = trained.account.ask(trained.minion, "What do I pay for a bowl of soup?", max_tokens=24)
    assert (whole["answer"], whole["usage"]) == (done["answer"], done["usage"])


@pytest.mark.parametrize("path, stream", [("ask", False), ("ask", True), ("v1", False), ("v1", True), ("history", True)])
def test_a_connection_stays_open_unless_the_reply_said_otherwise(trained, path, stream):
    """A client that keeps its connections would lose its next request on one that closes unannounced."""
    account, minion = trained.account, trained.minion
    headers, method = account.headers, "POST"
    match path:
        case "ask":
            url, body = f"{account.base}/minions/{minion['id']}/ask", {"question": "Hello?", "max_tokens": 2, "use_passages": False, "stream": stream}
        case "v1":
            other = account.minion(f"Listed {stream}")
            headers = {"Authorization": f"Bearer {account.token_of(other)}"}
            url, body = "/v1/chat/completions", {
                "model": other["name"], "messages": [{"role": "user", "content": "Hello?"}], "max_tokens": 2, "stream": stream}
        case "history":
            method, url, body = "GET", f"{account.base}/external-training/jobs/{trained.job['id']}/events", None
    with closing(HTTPConnection(urlsplit(account.server.url).netloc, timeout=60)) as connection:
        connection.request(method, url, json.dumps(body) if body else None, headers | {"Content-Type": "application/json"})
        reply = connection.getresponse()
        assert reply.status == 200 and reply.read()
        if reply.getheader("Connection") == "close":
            return
        # Readable without a request: that is the server's end of the connection.
        readable, _, _ = select.select([connection.sock], [], [], 0.5)
        assert not readable, "the connection was closed and the reply did not say so"
        connection.request("GET", "/health")
        assert connection.getresponse().status == 200


@pytest.mark.parametrize("path", ["ask", "v1"])
def test_a_hundred_streams_whole_or_abandoned_leave_the_server_alive(tmp_path, path):
    """On a server of its own: the one that fails takes nobody with it."""
    with running(tmp_path) as server:
        account = server.account("listener")
        minion = account.minion("Talker")
        token = account.token_of(minion)
        url, body = {
            "ask": (f"{account.base}/minions/{minion['id']}/ask", {"question": "Hello?"}),
            "v1": ("/v1/chat/completions", {"model": "Talker", "messages": [{"role": "user", "content": "Hello?"}]}),
        }[path]
        for turn in range(100):
            abandoned = turn % 5 == 4
            with server.http.stream("POST", url, headers={"Authorization": f"Bearer {token}"},
                                    json=body | {"stream": True, "max_tokens": 40 if abandoned else 1}) as response:
                assert response.status_code == 200
                text = next(response.iter_text()) if abandoned else response.read()
                assert text, f"stream {turn}"
        assert server.http.get("/health").status_code == 200 and server.process.poll() is None


def test_a_missing_key_names_the_provider(somebody):
    minion = somebody.minion("Keyless", provider="openai", model_id="gpt-5-mini")
    error = refused(somebody.request("POST", f"minions/{minion['id']}/ask", json={"question": "Hello?"}), 409, "provider_no_key")
    assert error["message"].startswith("openai") and any("openai" in detail.get("hint", "") for detail in error["details"])
    streamed = somebody.request("POST", f"minions/{minion['id']}/ask", json={"question": "Hello?", "stream": True})
    refused(streamed, 409, "provider_no_key")
    assert somebody.get("usage")["items"] == []


def refusing(account, vendor, **fields) -> dict:
    account.post("providers", {"provider": "custom", "api_key": KEY, "base_url": vendor.url})
    return account.minion("Refused", provider="custom", model_id="big-model", base_url=vendor.url, **fields)


def test_a_refused_key_is_told_and_changes_nothing(somebody, vendor):
    minion = refusing(somebody, vendor)
    before = [somebody.get(path) for path in ("minions", "providers", "training-datasets", "collections")]
    reply = somebody.request("POST", f"minions/{minion['id']}/ask", json={"question": "Hello?"})
    error = refused(reply, 502, "provider_authentication")
    assert vendor.keys == [KEY], "asked once: a refusal does not pass by itself"
    assert error["message"].startswith("custom") and "401" in error["message"]
    assert any("providers/custom" in detail.get("hint", "") for detail in error["details"])
    assert before == [somebody.get(path) for path in ("minions", "providers", "training-datasets", "collections")]
    record, = somebody.get("usage")["items"]
    assert (record["provider"], record["model"], record["outcome"]) == ("custom", "big-model", "authentication")
    assert not record.get("cost") and not record.get("output_tokens")
    secrets_stay_secret(somebody, reply.text)


def test_the_connection_test_says_that_the_key_was_refused(somebody, vendor):
    refusing(somebody, vendor)
    reply = somebody.request("POST", "providers/custom/test", params={"model": "big-model"}, json={})
    assert reply.status_code == 200, reply.text
    secrets_stay_secret(somebody, reply.text)


def test_a_fallback_answers_and_says_why(somebody, vendor):
    minion = refusing(somebody, vendor, fallbacks=[{"provider": "local", "model": BASE_MODEL}])
    reply = somebody.request("POST", f"minions/{minion['id']}/ask", json={"question": "Hello?", "trace": True, "max_tokens": 12})
    secrets_stay_secret(somebody, reply.text)
    body = reply.json()
    assert reply.status_code == 200 and body["answer"] and body["provider"] == "local"
    degraded, = body["degraded"]
    assert degraded["stage"] == "answer" and "custom/big-model" in degraded["reason"]
    assert [(attempt["provider"], attempt["outcome"]) for attempt in body["trace"]["attempts"]] == [("custom", "authentication"), ("local", "ok")]
    assert {(record["provider"], record["outcome"]) for record in somebody.get("usage")["items"]} == {("custom", "authentication"), ("local", "ok")}
    assert stream(somebody, minion)[-1].data["provider"] == "local"


def secrets_stay_secret(account, text: str) -> None:
    for place in (text, account.server.log(), account.request("GET", "providers").text, account.request("GET", "usage").text):
        assert KEY not in place
