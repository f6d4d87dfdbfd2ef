"""What a vendor's reply means: an end that is none, a wish to be left alone, and what of a message reaches it."""

import json

import pytest
from harness import refused
from upstream import chunks, delta, message, minion_at, upstream, usage, whole

QUESTION = [{"role": "user", "content": "Hello?"}]
DOORS = ["chat", "messages", "ask"]


def ask(account, minion: dict, token: str, door: str, stream: bool, **fields):
    """The same question through each of the doors."""
    headers = {"Authorization": f"Bearer {token}"}
    if door == "ask":
        body, path = {"question": "Hello?", "stream": stream}, f"{account.base}/minions/{minion['id']}/ask"
    else:
        body = {"model": minion["name"], "messages": QUESTION, "stream": stream} | ({"max_tokens": 50} if door == "messages" else {})
        path = "/v1/messages" if door == "messages" else "/v1/chat/completions"
    return account.server.http.post(path, json=body | fields, headers=headers)


def broken(reason: str, stream: bool):
    if not stream:
        return whole(message("Half of", finish=reason))
    return chunks(delta(content="Half of"), delta(finish=reason), usage(prompt_tokens=11, completion_tokens=7, total_tokens=18))


@pytest.mark.parametrize("mode", ["direct", "full"])
@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
def test_half_an_answer_is_not_given_on_as_a_whole_one(somebody, door, stream, mode):
    """An error that names the vendor's reason, in each form; nothing is cached, and what was used is on the bill."""
    with upstream(broken("malformed_function_call", stream)) as vendor:
        minion, token = minion_at(somebody, vendor, pipeline={"mode": mode, "cache": "always"})
        replies = [ask(somebody, minion, token, door, stream) for _ in range(2)]
        assert len(vendor.requests) == 2, "an aborted reply is neither kept nor asked for again"
    for reply in replies:
        assert "malformed_function_call" in reply.text
        if not stream:
            assert reply.status_code == 502 and "error" in reply.json()
            continue
        assert reply.status_code == 200 and "Half of" in reply.text
        events = [json.loads(line.removeprefix("data: ")) for line in reply.text.splitlines() if line.startswith("data: {")]
        assert "malformed_function_call" in events[-1]["error"]["message"], "the error is the last event"
        for end in ("[DONE]", "message_stop", "event: done", '"finish_reason":"', '"stop_reason":"'):
            assert end not in reply.text
    records = somebody.get("usage")["items"]
    assert [(one["outcome"], one["input_tokens"], one["output_tokens"], one["is_estimate"]) for one in records] == [("aborted_reply", 11, 7, False)] * 2


@pytest.mark.parametrize("door", DOORS)
def test_a_vendors_failure_before_the_first_word_falls_back(somebody, door):
    with upstream(broken("error", False)) as first, upstream(whole(message("From the second."))) as second:
        somebody.post("providers", {"provider": "vllm", "base_url": second.url, "api_key": "unused"})
        minion, token = minion_at(somebody, first, fallbacks=[{"provider": "vllm", "model": "small-model"}])
        reply = ask(somebody, minion, token, door, stream=False)
    assert reply.status_code == 200 and "From the second." in reply.text and len(second.requests) == 1


@pytest.mark.parametrize("mode", ["direct", "full"])
@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
def test_a_long_wish_is_told_at_once(somebody, door, stream, mode):
    """The vendor's own Retry-After, before a 200 has gone out; it is asked once, however often it stands in the list."""
    body = {"error": {"message": "Slow down.", "type": "requests", "code": "rate_limit_exceeded"}}
    with upstream(whole(body, 429, **{"Retry-After": "47"})) as vendor:
        somebody.post("providers", {"provider": "custom", "base_url": vendor.url, "api_key": "sk-0123456789abcdef"})
        minion, token = minion_at(somebody, vendor, pipeline={"mode": mode}, fallbacks=[{"provider": "custom", "model": "big-model"}] * 3)
        reply = ask(somebody, minion, token, door, stream)
        assert reply.status_code == 429 and reply.headers["retry-after"] == "47" and "47 s" in reply.text
        assert len(vendor.requests) == 1


def test_an_overload_with_a_wish_is_told_as_one(somebody):
    with upstream(whole({"error": {"message": "Busy."}}, 503, **{"Retry-After": "47"})) as vendor:
        minion, token = minion_at(somebody, vendor)
        for door, status in (("chat", 503), ("messages", 529), ("ask", 503)):
            reply = ask(somebody, minion, token, door, stream=door == "ask")
            assert (reply.status_code, reply.headers["retry-after"]) == (status, "47")
        assert len(vendor.requests) == 3


def test_parts_are_one_text_and_names_reach_those_who_take_them(somebody):
    parts = [{"type": "text", "text": "un"}, {"type": "text", "text": "believable"}]
    said = [{"role": "user", "name": "ann", "content": parts}, {"role": "assistant", "name": "wick", "content": "Yes?"},
            {"role": "user", "name": "bob", "content": "Hello?"}]
    with upstream(whole(message())) as vendor:
        minion, token = minion_at(somebody, vendor)
        assert ask(somebody, minion, token, "chat", False, messages=said).status_code == 200
        somebody.post("providers", {"provider": "mistral", "base_url": vendor.url, "api_key": "sk-0123456789abcdef"})
        strict = somebody.minion("Strict", provider="mistral", model_id="big-model", base_url=vendor.url, pipeline={"mode": "direct"})
        assert ask(somebody, strict, somebody.token_of(strict), "chat", False, messages=said).status_code == 200
        refused(ask(somebody, minion, token, "chat", False, messages=[QUESTION[0] | {"name": ""}]), 400, "invalid_value")
    assert vendor.requests[0]["messages"] == [{**entry, "content": "unbelievable"} if entry["content"] is parts else entry for entry in said]
    assert [set(entry) for entry in vendor.requests[1]["messages"]] == [{"role", "content"}] * 3
