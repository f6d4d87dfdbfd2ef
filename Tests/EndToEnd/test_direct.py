"""A minion in direct mode: straight from the router, and what it takes to be let in there."""

import json
import socket
from contextlib import closing
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest
from harness import eventually, ok, refused
from upstream import Reply, chunks, delta, message, minion_at, upstream, whole

ASK = {"messages": [{"role": "user", "content": "Hello?"}]}


def chat(account, token: str, model: str = "Recorded", **fields):
    return account.server.http.post(
        "/v1/chat/completions", json=ASK | {"model": model} | fields, headers={"Authorization": f"Bearer {token}"})


def test_the_messages_go_to_the_model_as_they_are(somebody):
    conversation = [
        {"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi  "}, {"role": "assistant", "content": "Yes?"},
        {"role": "user", "content": "Answer from the numbered passages [1]."}]
    with upstream(whole(message("Plain text."))) as vendor:
        _, token = minion_at(somebody, vendor, system_prompt="You are Wick.", sampling={"temperature": 0.25})
        reply = ok(chat(somebody, token, messages=conversation, stop=["END"]))
    request, = vendor.requests
    assert request["messages"] == [{"role": "system", "content": "You are Wick."}, *conversation]
    assert (request["model"], request["temperature"], request["stop"], request["stream"]) == ("big-model", 0.25, ["END"], False)
    assert "max_tokens" not in request, "what neither the caller nor the minion sets is the vendor's to choose"
    assert reply["choices"][0]["message"]["content"] == "Plain text." and "atelier" not in reply


def test_only_the_usage_is_kept(somebody):
    with upstream(whole(message())) as vendor:
        minion, token = minion_at(somebody, vendor)
        ok(chat(somebody, token))
        reply = somebody.ask(minion, "Hello?", trace=True)
    assert somebody.server.sql("SELECT COUNT(*) FROM answers WHERE user_id = ?", somebody.id) == [(0,)]
    records = somebody.get("usage")["items"]
    assert [(record["minion_id"], record["input_tokens"], record["output_tokens"], record["outcome"]) for record in records] == [
        (minion["id"], 11, 7, "ok")] * 2
    # The trace is told where it is asked for, and says that nothing was added.
    assert [entry["content"] for entry in reply["trace"]["prompt"]] == ["Hello?"] and reply["trace"]["passages"] == []
    assert {stage["stage"]: stage["status"] for stage in reply["trace"]["stages"]} == {"draft": "skipped", "retrieve": "skipped", "answer": "ok"}


def test_a_direct_answer_of_the_local_model(somebody):
    minion = somebody.minion("Local", pipeline={"mode": "direct"})
    token = somebody.token_of(minion)
    reply = ok(chat(somebody, token, model="Local", max_tokens=5, temperature=0))
    assert reply["choices"][0]["message"]["content"] and reply["usage"]["completion_tokens"] == 5
    assert reply["choices"][0]["finish_reason"] == "length"


def test_the_next_request_follows_every_change(somebody):
    """What is remembered of a minion is forgotten the moment any of it changes."""
    with upstream(whole(message("from one"))) as one, upstream(whole(message("from two"))) as two:
        minion, token = minion_at(somebody, one)

        def said() -> str:
            return ok(chat(somebody, token))["choices"][0]["message"]["content"]

        for _ in range(20):
            assert said() == "from one"
            somebody.put(f"minions/{minion['id']}", {"base_url": two.url})
            assert said() == "from two"
            somebody.put(f"minions/{minion['id']}", {"base_url": one.url})
        somebody.put(f"minions/{minion['id']}", {"base_url": ""})
        refused(chat(somebody, token), 400, "provider_invalid_request")
        somebody.post("providers", {"provider": "custom", "api_key": "key-number-one", "base_url": two.url})
        assert said() == "from two" and two.keys[-1] == "key-number-one"
        somebody.put("providers/custom", {"api_key": "key-number-two"})
        assert said() == "from two" and two.keys[-1] == "key-number-two"
        somebody.delete("providers/custom")
        assert chat(somebody, token).status_code == 400
        somebody.put(f"minions/{minion['id']}", {"base_url": one.url, "name": "Renamed", "display_name": "Renamed"})
        refused(chat(somebody, token), 404, "model_not_found")
        assert ok(chat(somebody, token, model="Renamed"))
        fresh = somebody.token_of(minion)
        assert chat(somebody, token, model="Renamed").status_code == 401
        assert ok(chat(somebody, fresh, model="Renamed"))
        somebody.delete(f"minions/{minion['id']}")
        assert chat(somebody, fresh, model="Renamed").status_code == 401


def test_a_closed_account_is_shut_out_at_once(somebody, superuser):
    with upstream(whole(message())) as vendor:
        _, token = minion_at(somebody, vendor)
        assert ok(chat(somebody, token))
        superuser.put(f"/api/admin/users/{somebody.id}", {"is_active": False})
        assert chat(somebody, token).status_code == 401
        superuser.put(f"/api/admin/users/{somebody.id}", {"is_active": True})
        assert ok(chat(somebody, token))


def test_what_another_process_writes_is_seen_within_two_seconds(somebody):
    with upstream(whole(message("from one"))) as one, upstream(whole(message("from two"))) as two:
        minion, token = minion_at(somebody, one)
        assert ok(chat(somebody, token))["choices"][0]["message"]["content"] == "from one"
        somebody.server.sql("UPDATE external_api_models SET base_url = ? WHERE id = ?", two.url, minion["id"])
        eventually(lambda: ok(chat(somebody, token))["choices"][0]["message"]["content"] == "from two", 60, "the change is seen")


def test_a_question_that_asks_for_passages_gets_the_pipeline(somebody):
    with upstream(whole(message())) as vendor:
        minion, _ = minion_at(somebody, vendor)
        assert [stage["stage"] for stage in somebody.ask(minion, "Hello?")["trace"]["stages"]] == ["retrieve", "draft", "answer"]
        asked = somebody.ask(minion, "Hello?", use_passages=True)
        assert "compose" in [stage["stage"] for stage in asked["trace"]["stages"]]
        assert somebody.get(f"answers/{asked['id']}")["answer"] == "Hello."


def test_settings_of_the_mode_are_checked_and_kept(somebody):
    minion = somebody.minion("Settings")
    assert (minion["pipeline"]["mode"], minion["pipeline"]["spread"]) == ("full", "weighted")
    minion = somebody.put(f"minions/{minion['id']}", {"pipeline": {"mode": "direct", "spread": "least_latency"}})
    assert (minion["pipeline"]["mode"], minion["pipeline"]["spread"]) == ("direct", "least_latency")
    for field, value in (("mode", "fast"), ("spread", "random")):
        error = refused(somebody.request("PUT", f"minions/{minion['id']}", json={"pipeline": {field: value}}), 422, "invalid_request")
        assert error["details"][0]["field"] == f"pipeline.{field}"


# --- the client goes -----------------------------------------------------------


def leave(account, token: str, until, path: str = "/v1/chat/completions", **fields) -> None:
    """Send a request and hang up as soon as `until` says so."""
    url = urlsplit(account.server.url)
    body = json.dumps(fields if "question" in fields else ASK | {"model": "Recorded"} | fields).encode()
    with closing(socket.create_connection((url.hostname, url.port))) as connection:
        connection.sendall(
            f"POST {path} HTTP/1.1\r\nHost: {url.netloc}\r\nAuthorization: Bearer {token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        until(connection)


@pytest.mark.parametrize("mode", ["direct", "full"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_traps_5_and_8_a_client_that_leaves_ends_the_upstream_call_and_pays_for_it(somebody, mode, stream):
    """Billed all the same: by estimate, since the vendor never got to say."""
    held = chunks(delta(content="One, two, "), done=False, hold=True) if stream else Reply([b" "], hold=True)
    with upstream(held) as vendor:
        minion, token = minion_at(somebody, vendor, pipeline={"mode": mode})

        def until(connection):
            assert vendor.answered.wait(30)
            if stream:
                received = b""
                while b"One" not in received:
                    received += connection.recv(4096)

        leave(somebody, token, until, stream=stream)
        assert vendor.hung_up.wait(30), "the vendor's connection is closed"
        record, = eventually(lambda: somebody.get("usage")["items"], 30, "usage is recorded")
    assert (record["outcome"], record["is_estimate"], record["minion_id"]) == ("cancelled", True, minion["id"])
    assert record["input_tokens"] > 0 and (record["output_tokens"] > 0) == stream


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_one_that_leaves_a_question_ends_the_upstream_call(somebody, stream):
    held = chunks(delta(content="One, two, "), done=False, hold=True) if stream else Reply([b" "], hold=True)
    with upstream(held) as vendor:
        minion, token = minion_at(somebody, vendor, pipeline={"mode": "full"})
        leave(somebody, token, lambda connection: vendor.answered.wait(30), f"{somebody.base}/minions/{minion['id']}/ask",
              question="Hello?", stream=stream)
        assert vendor.hung_up.wait(30)
        record, = eventually(lambda: somebody.get("usage")["items"], 30, "usage is recorded")
    assert record["outcome"] == "cancelled"


def test_a_client_that_leaves_before_the_first_token_ends_the_upstream_call(somebody):
    """The stream has not begun, so there is no failed write that could tell."""
    with upstream(chunks(delta(role="assistant"), done=False, hold=True)) as vendor:
        _, token = minion_at(somebody, vendor)
        leave(somebody, token, lambda connection: vendor.answered.wait(30), stream=True)
        assert vendor.hung_up.wait(30)
        record, = eventually(lambda: somebody.get("usage")["items"], 30, "usage is recorded")
    assert record["outcome"] == "cancelled"


def test_a_hundred_clients_that_leave_take_nobody_with_them(somebody):
    with upstream(Reply([b" "], hold=True)) as vendor:
        _, token = minion_at(somebody, vendor)
        for turn in range(100):
            vendor.answered.clear()
            leave(somebody, token, lambda connection: vendor.answered.wait(30))
        eventually(
            lambda: somebody.server.sql("SELECT COUNT(*) FROM usage_records WHERE user_id = ? AND outcome = 'cancelled'", somebody.id) == [(100,)],
            60, "every call is recorded")
    assert somebody.server.http.get("/health").status_code == 200


# --- streams that fail ---------------------------------------------------------


def test_a_stream_that_fails_before_it_begins_has_a_status(somebody):
    with upstream(whole({"error": {"message": "No.", "type": "invalid_request_error", "code": None}}, 400)) as vendor:
        _, token = minion_at(somebody, vendor)
        refused(chat(somebody, token, stream=True), 400, "provider_invalid_request")


def test_trap_6_a_cut_stream_does_not_look_whole(somebody):
    with upstream(chunks(delta(content="One, "), done=False)) as vendor:
        _, token = minion_at(somebody, vendor)
        reply = chat(somebody, token, stream=True)
    assert reply.status_code == 200 and '"content":"One, "' in reply.text
    last = reply.text.rstrip().rsplit("\n\n", 1)[-1]
    assert json.loads(last.removeprefix("data: "))["error"]["code"] == "provider_cut_stream" and "data: [DONE]" not in reply.text


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
def test_one_connection_serves_many_replies_of_every_kind(somebody, path):
    """Whole, streamed, refused: each ends where it says, and the next begins there."""
    recorded = {False: whole(message()), True: chunks(delta(content="Hello."), delta("stop"))}
    turns = [False, True, True, False, None, True, None, False] * 3
    with upstream(*(recorded[turn] for turn in turns if turn is not None)) as vendor:
        _, token = minion_at(somebody, vendor)
        url = urlsplit(somebody.server.url)
        with closing(HTTPConnection(url.netloc, timeout=60)) as connection:
            connection.connect()
            first = connection.sock
            for turn in turns:
                body = ASK | {"model": "Recorded", "max_tokens": 9} | ({"colour": "red"} if turn is None else {"stream": turn})
                connection.request("POST", path, json.dumps(body), {"Authorization": f"Bearer {token}"})
                reply = connection.getresponse()
                text = reply.read().decode()
                assert reply.status == (400 if turn is None else 200), text
                assert ("colour" if turn is None else "Hello.") in text
                assert connection.sock is first, "the connection was closed"


# --- the vendors' forms of errors ----------------------------------------------


@pytest.mark.parametrize("method, path", [("GET", "/v1/nothing"), ("POST", "/v1/completions"), ("DELETE", "/v1/models"), ("GET", "/v1/chat/completions")])
def test_an_unknown_route_answers_in_the_vendors_form(server, method, path):
    reply = server.http.request(method, path)
    assert reply.status_code in (404, 405)
    assert set(reply.json()["error"]) == {"message", "type", "param", "code"} and reply.headers["x-request-id"].startswith("req_")
    asked = server.http.request(method, path, headers={"anthropic-version": "2023-06-01"})
    assert asked.status_code == reply.status_code
    assert asked.json()["type"] == "error" and asked.json()["request_id"] == asked.headers["request-id"]


def test_head_has_no_body(server):
    reply = server.http.head("/v1/models")
    assert reply.status_code in (401, 404, 405) and reply.content == b""
