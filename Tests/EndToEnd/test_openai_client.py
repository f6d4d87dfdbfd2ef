"""A minion through OpenAI's own client."""

import base64
import json
import math
import struct

import openai
import pytest
from harness import FRESH, ok, refused
from upstream import chunks, delta, message, minion_at, upstream, usage, whole

MESSAGES = [{"role": "user", "content": "What do I pay for a bowl of soup?"}]


@pytest.fixture(scope="module")
def token(trained) -> str:
    return trained.account.token_of(trained.minion)


@pytest.fixture(scope="module")
def connect(server):
    clients = []

    def connect(key: str) -> openai.OpenAI:
        http = openai.DefaultHttpxClient(trust_env=False, limits=FRESH)
        clients.append(openai.OpenAI(base_url=server.url + "/v1", api_key=key, max_retries=0, http_client=http))
        return clients[-1]

    yield connect
    for client in clients:
        client.close()


@pytest.fixture(scope="module")
def client(connect, token):
    return connect(token)


def chat(client, **options):
    return client.chat.completions.create(**{"model": "Wick the Keeper", "messages": MESSAGES, "temperature": 0, "max_tokens": 24} | options)


EMBEDDER = "bge-small-en-v1.5"


def test_the_token_sees_its_minion_and_the_embedder(client):
    models = client.models.list().data
    assert [(model.id, model.object, model.owned_by) for model in models] == [
        ("Wick the Keeper", "model", "atelier"), (EMBEDDER, "model", "atelier")]


def test_a_model_is_found_by_a_name_with_spaces_and_by_its_id(client, trained):
    model, _ = client.models.list().data
    assert client.models.retrieve(trained.minion["id"]) == model
    assert client.models.retrieve("Wick the Keeper") == model


def test_a_chat_answers_and_counts_its_tokens(client):
    reply = chat(client)
    assert reply.object == "chat.completion" and reply.model == "Wick the Keeper"
    assert reply.choices[0].message.role == "assistant" and reply.choices[0].message.content
    assert reply.choices[0].finish_reason in ("stop", "length")
    assert reply.usage.prompt_tokens > 20 and 0 < reply.usage.completion_tokens <= 24
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens


def test_max_tokens_is_kept(client):
    for field in ("max_tokens", "max_completion_tokens"):
        options = {"max_tokens": openai.NOT_GIVEN} | {field: 5}
        reply = chat(client, **options)
        assert (reply.usage.completion_tokens, reply.choices[0].finish_reason) == (5, "length")


def test_a_stream_is_the_whole_answer_in_pieces(client):
    whole = chat(client)
    chunks = list(chat(client, stream=True))
    assert len(chunks) > 3 and len({chunk.id for chunk in chunks}) == 1
    assert chunks[0].choices[0].delta.role == "assistant"
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == whole.choices[0].message.content
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices[0].finish_reason] == [whole.choices[0].finish_reason]
    assert all(chunk.usage is None for chunk in chunks)


def test_a_stream_tells_its_usage_last_when_asked(client):
    whole = chat(client)
    chunks = list(chat(client, stream=True, stream_options={"include_usage": True}))
    assert chunks[-1].choices == [] and chunks[-1].usage == whole.usage
    assert all(chunk.usage is None for chunk in chunks[:-1])


# Longer than the model's own default, whose place a system message takes.
INSTRUCTIONS = "You are brief. Answer in one short sentence, as to an old friend, and name no price that you do not know for certain, please."


@pytest.mark.parametrize("earlier", [
    [{"role": "system", "content": INSTRUCTIONS}],
    [{"role": "developer", "content": INSTRUCTIONS}],
    [{"role": "user", "content": "Good morning."}, {"role": "assistant", "content": "Good morning to you."}],
], ids=["system", "developer", "turns"])
def test_every_message_of_the_conversation_is_heard(client, earlier):
    """More was said, so the model was told more."""
    assert chat(client, messages=[*earlier, *MESSAGES], max_tokens=1).usage.prompt_tokens > chat(client, max_tokens=1).usage.prompt_tokens


@pytest.mark.parametrize("key", ["minion_" + "0" * 32, "sk-proj-this-is-a-key-of-openai", "x"])
def test_a_wrong_token_is_refused_in_openais_words(connect, key):
    with pytest.raises(openai.AuthenticationError) as caught:
        chat(connect(key))
    error = caught.value
    assert (error.status_code, error.code, error.type) == (401, "invalid_api_key", "invalid_request_error")
    assert set(error.body) == {"message", "type", "param", "code"}
    assert len(key) < 4 or key not in error.body["message"]
    with pytest.raises(openai.AuthenticationError):
        connect(key).models.list()


def test_a_session_token_does_not_open_v1(trained, connect):
    client = connect(trained.account.token)
    for call in (client.models.list, lambda: chat(client)):
        with pytest.raises(openai.AuthenticationError) as caught:
            call()
        assert trained.account.token not in str(caught.value)


def test_an_unknown_model_is_not_found(client):
    for call in (lambda: chat(client, model="gpt-5"), lambda: client.models.retrieve("gpt-5")):
        with pytest.raises(openai.NotFoundError) as caught:
            call()
        assert (caught.value.code, caught.value.param) == ("model_not_found", "model")


def test_a_field_that_cannot_be_honoured_is_refused_by_name(client):
    image = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
    for param, options in {
        "logprobs": {"logprobs": True}, "n": {"n": 2}, "audio": {"extra_body": {"audio": {"voice": "alloy", "format": "mp3"}}},
        "functions": {"extra_body": {"functions": []}}, "modalities": {"extra_body": {"modalities": ["text", "audio"]}},
        "temperature": {"temperature": 3}, "service_tier": {"service_tier": "flex"}, "tool_choice": {"extra_body": {"tool_choice": "auto"}},
        "colour": {"extra_body": {"colour": "red"}}, "response_format": {"response_format": {"type": "xml"}},
        "tools[0]": {"tools": [{"type": "custom", "custom": {"name": "x"}}]},
        "messages[0].role": {"messages": [{"role": "wizard", "content": "Hello."}]},
        "messages[0].content[1]": {"messages": [{"role": "user", "content": [{"type": "text", "text": "See:"}, image]}]},
        "messages[1].tool_call_id": {"messages": [*MESSAGES, {"role": "tool", "content": "1"}]},
        "messages[0].name": {"messages": [{"role": "user", "content": "Hello.", "name": "a" * 65}]},
        "messages[0].colour": {"messages": [{"role": "user", "content": "Hello.", "colour": "red"}]},
        "messages": {"messages": [*MESSAGES, {"role": "assistant", "content": "It is"}]},
    }.items():
        with pytest.raises(openai.BadRequestError) as caught:
            chat(client, **options)
        assert caught.value.param == param, caught.value
        assert caught.value.code in ("invalid_value", "unsupported_parameter") and param in caught.value.body["message"]


def test_a_new_token_ends_the_old_one(somebody, connect):
    minion = somebody.minion("Rotated")
    old = somebody.token_of(minion)
    assert [model.id for model in connect(old).models.list()] == ["Rotated", EMBEDDER]
    new = somebody.token_of(minion)
    assert new != old and somebody.get(f"minions/{minion['id']}")["token_hint"] == new[-4:]
    with pytest.raises(openai.AuthenticationError):
        connect(old).models.list()
    connect(new).models.list()


def test_a_minion_token_asks_its_own_minion_and_does_nothing_else(trained, token):
    http, base = trained.account.server.http, trained.account.base
    headers = {"Authorization": f"Bearer {token}"}
    for path in ("/api/me", "/api/admin/users", *(f"{base}/{part}" for part in (
            "minions", f"minions/{trained.minion['id']}", "providers", "training-datasets", "collections", "usage", "external-training/jobs"))):
        refused(http.get(path, headers=headers), 401, "unauthenticated")
    refused(http.post(f"{base}/minions/{trained.minion['id']}/token", headers=headers), 401, "unauthenticated")
    refused(http.delete(f"{base}/minions/{trained.minion['id']}", headers=headers), 401, "unauthenticated")
    reply = http.post(f"{base}/minions/{trained.minion['id']}/ask", headers=headers,
                      json={"question": "Who are you?", "use_passages": False, "max_tokens": 4})
    assert reply.status_code == 200 and reply.json()["answer"]


def test_a_minion_token_does_not_ask_another_minion(trained, token, somebody):
    other = trained.account.minion("Neighbour")
    foreign = somebody.minion("Stranger")
    headers = {"Authorization": f"Bearer {token}"}
    for account, minion in ((trained.account, other), (somebody, foreign), (somebody, trained.minion), (trained.account, foreign)):
        reply = account.server.http.post(f"{account.base}/minions/{minion['id']}/ask", headers=headers, json={"question": "Who are you?"})
        refused(reply, 404, "not_found")
    trained.account.delete(f"minions/{other['id']}")


# --- tools ---------------------------------------------------------------------

TOOLS = [{"type": "function", "function": {
    "name": "weather", "description": "Tells the weather.", "strict": True,
    "parameters": {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"], "additionalProperties": False}}}]
CALLS = [
    {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"place":"Oslo \\u00e9"}'}},
    {"id": "call_2", "type": "function", "function": {"name": "weather", "arguments": '{"place":"Rome"}'}},
]
USAGE = {
    "prompt_tokens": 40, "completion_tokens": 30, "total_tokens": 70, "prompt_tokens_details": {"cached_tokens": 16},
    "completion_tokens_details": {"reasoning_tokens": 9}}


@pytest.fixture(params=["direct", "full"])
def mode(request) -> str:
    return request.param


def test_tools_go_there_and_back(somebody, connect, mode):
    """The round trip: call, result, answer."""
    with upstream(whole(message(None, "tool_calls", USAGE, tool_calls=CALLS)), whole(message("Rain in Oslo."))) as vendor:
        minion, token = minion_at(somebody, vendor, pipeline={"mode": mode})
        client = connect(token)
        options = {"model": "Recorded", "tools": TOOLS, "parallel_tool_calls": True}
        reply = chat(client, tool_choice={"type": "function", "function": {"name": "weather"}}, **options)
        choice = reply.choices[0]
        assert choice.finish_reason == "tool_calls" and choice.message.content is None
        assert [call.model_dump() for call in choice.message.tool_calls] == CALLS
        assert (reply.usage.prompt_tokens_details.cached_tokens, reply.usage.completion_tokens_details.reasoning_tokens) == (16, 9)
        # As client code does it: the reply's own message goes back.
        results = [{"role": "tool", "tool_call_id": call.id, "content": f"rain {call.id}"} for call in choice.message.tool_calls]
        answer = chat(client, messages=[*MESSAGES, choice.message, *results], **options)
        assert answer.choices[0].message.content == "Rain in Oslo." and answer.choices[0].finish_reason == "stop"
    first, second = vendor.requests
    assert first["tools"] == TOOLS and first["tool_choice"]["function"] == {"name": "weather"} and first["parallel_tool_calls"] is True
    assert [sent["role"] for sent in second["messages"][-4:]] == ["user", "assistant", "tool", "tool"]
    assert second["messages"][-3]["tool_calls"] == CALLS
    assert [(sent["tool_call_id"], sent["content"]) for sent in second["messages"][-2:]] == [("call_1", "rain call_1"), ("call_2", "rain call_2")]


def test_tool_calls_stream_in_pieces(somebody, connect, mode):
    def piece(index: int, arguments: str, **fields) -> dict:
        return delta(tool_calls=[{"index": index, "function": fields.pop("function", {}) | {"arguments": arguments}} | fields])

    recorded = chunks(
        delta(role="assistant", content=None), delta(reasoning_content="Let me see."),
        piece(0, "", id="call_1", type="function", function={"name": "weather"}), piece(0, '{"pla'), piece(0, 'ce":"Oslo"}'),
        piece(1, "", id="call_2", type="function", function={"name": "weather"}), piece(1, '{"place":"Rome"}'),
        delta("tool_calls"), usage(**USAGE))
    with upstream(recorded) as vendor:
        minion, token = minion_at(somebody, vendor, pipeline={"mode": mode})
        received = list(chat(connect(token), model="Recorded", tools=TOOLS, stream=True, stream_options={"include_usage": True}))
    calls: dict[int, dict] = {}
    for chunk in received:
        for call in chunk.choices[0].delta.tool_calls or [] if chunk.choices else []:
            known = calls.setdefault(call.index, {"id": call.id, "name": call.function.name, "arguments": ""})
            assert call.id in (None, known["id"]), "an id is told once"
            known["arguments"] += call.function.arguments
    assert calls == {
        0: {"id": "call_1", "name": "weather", "arguments": '{"place":"Oslo"}'},
        1: {"id": "call_2", "name": "weather", "arguments": '{"place":"Rome"}'}}
    assert [chunk.choices[0].finish_reason for chunk in received if chunk.choices and chunk.choices[0].finish_reason] == ["tool_calls"]
    assert "".join(getattr(chunk.choices[0].delta, "reasoning_content", None) or "" for chunk in received if chunk.choices) == "Let me see."
    assert received[-1].usage.prompt_tokens_details.cached_tokens == 16 and received[-1].usage.total_tokens == 70


def test_every_field_a_vendor_knows_reaches_it(somebody, connect, mode):
    schema = {"name": "answer", "schema": {"type": "object", "properties": {"n": {"type": "integer"}}}}
    sent = {
        "temperature": 0.5, "top_p": 0.9, "stop": ["END", "FIN"], "seed": 7, "presence_penalty": 0.25, "frequency_penalty": -0.5,
        "logit_bias": {"50256": -100}, "reasoning_effort": "low", "response_format": {"type": "json_schema", "json_schema": schema}}
    with upstream(whole(message('{"n": 1}'))) as vendor:
        minion, token = minion_at(somebody, vendor, pipeline={"mode": mode})
        reply = chat(connect(token), model="Recorded", max_tokens=33, **sent)
        assert json.loads(reply.choices[0].message.content) == {"n": 1}, "nothing is added to what a program reads"
    request, = vendor.requests
    assert {field: request.get(field) for field in sent} == sent and request["max_tokens"] == 33


def test_a_local_model_is_asked_with_tools(somebody, connect):
    """Whether a small model calls one is its own affair; the request is understood and the answer well formed."""
    minion = somebody.minion("Local", pipeline={"mode": "direct"})
    reply = chat(connect(somebody.token_of(minion)), model="Local", tools=TOOLS, max_tokens=24)
    message = reply.choices[0].message
    assert message.content or message.tool_calls[0].function.name == "weather"
    assert reply.choices[0].finish_reason in ("stop", "length", "tool_calls") and reply.usage.completion_tokens > 0


def test_a_vendors_refusal_is_a_bad_request_and_its_limit_a_rate_limit(somebody, connect):
    with upstream(
        whole({"error": {"message": "Unknown model.", "type": "invalid_request_error", "param": None, "code": None}}, 400),
        whole({"error": {"message": "Slow down.", "type": "requests", "param": None, "code": "rate_limit_exceeded"}}, 429),
    ) as vendor:
        minion, token = minion_at(somebody, vendor)
        with pytest.raises(openai.BadRequestError) as caught:
            chat(connect(token), model="Recorded")
        assert "Unknown model." in caught.value.body["message"] and caught.value.request_id.startswith("req_")
        with pytest.raises(openai.RateLimitError) as caught:
            chat(connect(token), model="Recorded", stream=True)
        assert caught.value.response.headers["retry-after"] == "1"


# --- embeddings ----------------------------------------------------------------


def test_embeddings_of_the_local_model(somebody, connect):
    minion = somebody.minion("Embedder")
    client = connect(somebody.token_of(minion))
    texts = ["The cat sleeps.", "A cat is asleep.", "Interest rates rose by a quarter point."]
    reply = client.embeddings.create(model=EMBEDDER, input=texts)  # the client asks for base64
    vectors = [entry.embedding for entry in reply.data]
    assert [entry.index for entry in reply.data] == [0, 1, 2] and {len(vector) for vector in vectors} == {384}
    assert all(math.isclose(sum(value * value for value in vector), 1, rel_tol=1e-3) for vector in vectors)

    def alike(a, b):
        return sum(x * y for x, y in zip(vectors[a], vectors[b]))

    assert alike(0, 1) > alike(0, 2)
    floats = client.embeddings.create(model=EMBEDDER, input=texts[0], encoding_format="float").data
    assert len(floats) == 1 and struct.pack("<384f", *floats[0].embedding) == struct.pack("<384f", *vectors[0]), "both forms are the same floats"
    assert reply.usage.prompt_tokens == reply.usage.total_tokens > 10
    record = somebody.get("usage")["items"][0]
    assert (record["purpose"], record["provider"], record["model"], record["cost"]) == ("embedding", "local", EMBEDDER, 0)


def test_embeddings_of_the_minions_provider(somebody, connect):
    vectors = {"object": "list", "model": "embed-large", "usage": {"prompt_tokens": 5, "total_tokens": 5}, "data": [
        {"object": "embedding", "index": 1, "embedding": [0.5, -1.5]}, {"object": "embedding", "index": 0, "embedding": [1.0, 2.0]}]}
    with upstream(whole(vectors)) as vendor:
        minion, token = minion_at(somebody, vendor)
        client = connect(token)
        with pytest.raises(openai.NotFoundError) as caught:
            client.embeddings.create(model="embed-large", input="a")
        assert caught.value.param == "model" and vendor.requests == [], "a token does not spend on what its owner did not name"
        somebody.put(f"minions/{minion['id']}", {"pipeline": {"embedding_model": "embed-large"}})
        assert [model.id for model in client.models.list()] == ["Recorded", EMBEDDER, "embed-large"]
        reply = client.embeddings.create(model="embed-large", input=["a", "b"])
        assert [entry.embedding for entry in reply.data] == [[1.0, 2.0], [0.5, -1.5]] and reply.usage.prompt_tokens == 5
        raw = ok(somebody.server.http.post(
            "/v1/embeddings", headers={"Authorization": f"Bearer {token}"},
            json={"model": "embed-large", "input": ["a", "b"], "encoding_format": "base64"}))
        assert base64.b64decode(raw["data"][1]["embedding"]) == struct.pack("<2f", 0.5, -1.5)
    assert vendor.requests[-1]["input"] == ["a", "b"] and vendor.requests[-1]["model"] == "embed-large"
    record = somebody.get("usage")["items"][0]
    assert (record["purpose"], record["model"], record["input_tokens"], record["minion_id"]) == ("embedding", "embed-large", 5, minion["id"])
    assert "cost" not in record or record["cost"] is None, "no price is known"


def test_an_embedding_request_is_checked_by_field(client):
    for param, options in {
        "input": {"input": []}, "input[1]": {"input": ["a", ""]}, "dimensions": {"input": "a", "dimensions": 64},
        "encoding_format": {"input": "a", "encoding_format": "hex"},
    }.items():
        with pytest.raises(openai.BadRequestError) as caught:
            client.embeddings.create(model=EMBEDDER, **options)
        assert caught.value.param == param
    with pytest.raises(openai.BadRequestError) as caught:
        client.embeddings.create(model=EMBEDDER, input=[1, 2, 3])
    assert caught.value.param == "input"
    with pytest.raises(openai.NotFoundError):
        client.embeddings.create(model="Wick the Keeper", input="a")
