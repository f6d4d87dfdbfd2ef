"""The exact response cache: what is given again, what is not, and to whom."""

import json

import pytest
from harness import events, ok
from test_provider_keys import KEY, Shop


@pytest.fixture
def shop():
    shop = Shop(KEY)
    yield shop
    shop.close()


def caching(account, shop, name: str = "Echo", cache: str = "deterministic", **fields) -> dict:
    if not account.get("providers/custom")["keys"]:
        account.post("providers", {"provider": "custom", "api_key": KEY, "base_url": shop.url})
    pipeline = {"cache": cache} | fields.pop("pipeline", {})
    return account.minion(name, provider="custom", model_id="big-model", pipeline=pipeline, **fields)


def test_the_same_question_is_answered_once_and_then_for_nothing(somebody, shop):
    minion = caching(somebody, shop)
    path, body = f"minions/{minion['id']}/ask", {"question": "Hello?", "temperature": 0, "trace": True}
    first, second = (somebody.request("POST", path, json=body) for _ in range(2))
    assert len(shop.chats) == 1
    assert "x-atelier-cache" not in first.headers and second.headers["x-atelier-cache"] == "hit"
    one, two = ok(first), ok(second)
    assert two["answer"] == one["answer"] and two["id"] == one["id"] and "cached" not in one and two["cached"] is True
    assert two["trace"]["cached"] is True and two["trace"]["attempts"] == []
    assert two["usage"] == {"input": 0, "output": 0, "cost": 0, "is_estimate": False}
    hit, call = somebody.get("usage")["items"]
    assert (hit["outcome"], hit["cost"], hit.get("input_tokens"), hit["answer_id"]) == ("cache_hit", 0, None, one["id"])
    assert (call["outcome"], call["input_tokens"]) == ("ok", 1000)
    row, = somebody.get("usage?group_by=minion")["report"]["rows"]
    assert (row["requests"], row["cache_hits"], row["failures"], row["input_tokens"]) == (1, 1, 0, 1000)


def test_a_stream_is_served_from_the_cache_and_fills_it(somebody, shop):
    minion = caching(somebody, shop)

    def stream() -> list:
        with somebody.server.http.stream(
                "POST", f"{somebody.base}/minions/{minion['id']}/ask", headers=somebody.headers,
                json={"question": "Hello?", "temperature": 0, "stream": True}) as response:
            return list(events(response, within=60))

    first, second = stream(), stream()
    assert len(shop.chats) == 1
    assert [event.data["stage"] for event in second if event.name == "stage"] == ["cache"]
    text = "".join(event.data["text"] for event in second if event.name == "text")
    assert text == first[-1].data["answer"] == second[-1].data["answer"] and second[-1].data["cached"] is True
    assert somebody.ask(minion, "Hello?", max_tokens=None)["cached"] is True, "how it travels makes no other answer"
    token = somebody.token_of(minion)
    body = {"model": "Echo", "messages": [{"role": "user", "content": "Hello?"}], "temperature": 0}
    reply = somebody.server.http.post("/v1/chat/completions", json=body, headers={"Authorization": f"Bearer {token}"})
    assert ok(reply)["choices"][0]["message"]["content"] == text and reply.headers["x-atelier-cache"] == "hit" and len(shop.chats) == 1


@pytest.mark.parametrize("mode", ["direct", "full"])
def test_the_vendors_endpoints_are_served_from_the_cache_in_both_modes(somebody, shop, mode):
    token = somebody.token_of(caching(somebody, shop, pipeline={"mode": mode}))
    headers = {"Authorization": f"Bearer {token}"}
    body = {"model": "Echo", "messages": [{"role": "user", "content": "Hello?"}], "temperature": 0}
    first, second = (somebody.server.http.post("/v1/chat/completions", json=body, headers=headers) for _ in range(2))
    one, two = ok(first), ok(second)
    assert len(shop.chats) == 1 and "x-atelier-cache" not in first.headers and second.headers["x-atelier-cache"] == "hit"
    text = one["choices"][0]["message"]["content"]
    assert two["choices"] == one["choices"] and two["usage"]["total_tokens"] == 0 < one["usage"]["total_tokens"]
    streamed = somebody.server.http.post("/v1/chat/completions", json=body | {"stream": True}, headers=headers).text
    chunks = [json.loads(line[6:]) for line in streamed.splitlines() if line.startswith("data: {")]
    assert "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks if chunk["choices"]) == text
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks if chunk["choices"]][-1] == "stop" and streamed.rstrip().endswith("data: [DONE]")
    messages = {"model": "Echo", "max_tokens": 100, "messages": [{"role": "user", "content": "Hello?"}], "temperature": 0}
    for expected in ("miss", "hit"):
        reply = somebody.server.http.post("/v1/messages", json=messages, headers=headers)
        assert ok(reply)["content"][0]["text"] and reply.headers.get("x-atelier-cache", "miss") == expected
    assert len(shop.chats) == 2
    assert [record["outcome"] for record in somebody.get("usage")["items"]] == ["cache_hit", "ok", "cache_hit", "cache_hit", "ok"]
    somebody.put(f"minions/{somebody.get('minions')['items'][0]['id']}", {"system_prompt": "Be brief."})
    again = somebody.server.http.post("/v1/chat/completions", json=body, headers=headers)
    assert ok(again)["choices"] != one["choices"] and "x-atelier-cache" not in again.headers


def test_only_what_the_minion_asks_for_is_cached(somebody, shop):
    def calls(minion, **settings) -> int:
        before = len(shop.chats)
        for _ in range(2):
            somebody.ask(minion, "Hello?", **settings)
        return len(shop.chats) - before

    assert calls(caching(somebody, shop, "Off", "off")) == 2
    deterministic = caching(somebody, shop, "Deterministic")
    assert calls(deterministic, temperature=0.7) == 2 and calls(deterministic, temperature=None) == 2 and calls(deterministic) == 1
    assert calls(caching(somebody, shop, "Always", "always"), temperature=0.7) == 1


def test_trap_13_nobody_gets_anothers_answer_and_no_changed_setting_an_old_one(server, somebody, shop):
    """Trap 13: user, minion and every setting are part of what is looked for."""
    stranger = server.account(f"stranger-{somebody.id}")
    mine, theirs, twin = caching(somebody, shop), caching(stranger, shop), caching(somebody, shop, "Twin")
    answer = somebody.ask(mine, "Hello?")["answer"]
    assert somebody.ask(mine, "Hello?")["answer"] == answer
    seen = {answer}

    def fresh(account, minion, question="Hello?", **settings) -> None:
        reply = account.ask(minion, question, **settings)
        assert "cached" not in reply and reply["answer"] not in seen, settings
        seen.add(reply["answer"])

    fresh(stranger, theirs)
    fresh(somebody, twin)
    fresh(somebody, mine, "Hello!")
    for settings in ({"max_tokens": 41}, {"top_p": 0.5}, {"seed": 7}, {"use_draft": False}, {"use_passages": False}, {"adapter_scale": 0.5},
                     {"top_k": 3}, {"history": [{"role": "user", "content": "Hi."}]}):
        fresh(somebody, mine, **settings)
    path = f"minions/{mine['id']}"
    for change in ({"system_prompt": "Be brief."}, {"model_id": "bigger-model"}, {"sampling": {"seed": 1}}, {"sampling": {"top_p": 0.5}},
                   {"sampling": {"max_tokens": 50}}, {"fallbacks": [{"provider": "custom", "model": "other"}]}, {"pipeline": {"top_k": 4}},
                   {"pipeline": {"use_draft": False}}, {"pipeline": {"use_passages": False}}, {"pipeline": {"draft_max_tokens": 50}},
                   {"pipeline": {"adapter_scale": 0.5}}, {"base_url": shop.url + "/"}):
        somebody.put(path, change)
        fresh(somebody, mine)
        assert somebody.ask(mine, "Hello?")["cached"] is True
    # The key's own address changes where the question goes.
    somebody.put("providers/custom", {"base_url": shop.url + "//", "test": False})
    fresh(somebody, mine)
    # A new release is another voice and other passages.
    assert somebody.ask(mine, "Hello?")["cached"] is True
    release = f"rel_{mine['id']}"
    server.sql(
        "INSERT INTO releases (id, user_id, minion_id, number, settings, evaluation, state, created_at) VALUES (?, ?, ?, 1, '{}', '{}', 'active', 0)",
        release, somebody.id, mine["id"])
    server.sql("UPDATE external_api_models SET release_id = ? WHERE id = ?", release, mine["id"])
    fresh(somebody, mine)
    # Ids that are known do not help: the row is another's.
    kept = server.sql("SELECT DISTINCT user_id FROM response_cache WHERE minion_id = ?", mine["id"])
    assert kept == [(somebody.id,)]


def test_what_is_over_its_time_is_asked_again_and_deleted_with_its_minion(somebody, shop):
    minion = caching(somebody, shop)
    somebody.ask(minion, "Hello?")
    somebody.server.sql("UPDATE response_cache SET expires_at = 1 WHERE minion_id = ?", minion["id"])
    assert "cached" not in somebody.ask(minion, "Hello?") and somebody.ask(minion, "Hello?")["cached"] is True
    somebody.delete(f"minions/{minion['id']}")
    assert somebody.server.sql("SELECT * FROM response_cache WHERE minion_id = ?", minion["id"]) == []


def test_an_answer_that_was_worse_than_asked_is_not_kept(somebody, shop):
    """What a fallback said while the first provider was down must not stay when it is back."""
    minion = caching(somebody, shop, fallbacks=[{"provider": "custom", "model": "second"}])
    shop.unknown.add("big-model")
    for _ in range(2):
        reply = somebody.ask(minion, "Hello?")
        assert reply["model"] == "second" and reply["degraded"] and "cached" not in reply
    shop.unknown.clear()
    reply = somebody.ask(minion, "Hello?")
    assert reply["model"] == "big-model" and "cached" not in reply
    assert somebody.ask(minion, "Hello?")["cached"] is True


def test_an_unknown_way_of_caching_is_refused(somebody, shop):
    reply = somebody.request("POST", "minions", json={"name": "x", "provider": "local", "model_id": "m", "pipeline": {"cache": "sometimes"}})
    assert reply.status_code == 422 and reply.json()["error"]["details"][0]["field"] == "pipeline.cache"
