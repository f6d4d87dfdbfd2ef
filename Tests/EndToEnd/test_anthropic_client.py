"""A minion through Anthropic's own client."""

import json

import anthropic
import pytest
from harness import FRESH
from upstream import chunks, delta, message, minion_at, upstream, usage, whole

MESSAGES = [{"role": "user", "content": "What do I pay for a bowl of soup?"}]
TOOLS = [{
    "name": "weather", "description": "Tells the weather.",
    "input_schema": {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]}}]
USAGE = {
    "prompt_tokens": 40, "completion_tokens": 30, "total_tokens": 70, "prompt_tokens_details": {"cached_tokens": 16}}


@pytest.fixture(scope="module")
def connect(server):
    clients = []

    def connect(key: str, **options) -> anthropic.Anthropic:
        http = anthropic.DefaultHttpxClient(trust_env=False, limits=FRESH)
        credential = {"api_key": key} | options
        clients.append(anthropic.Anthropic(base_url=server.url, max_retries=0, http_client=http, **credential))
        return clients[-1]

    yield connect
    for client in clients:
        client.close()


@pytest.fixture(scope="module")
def client(trained, connect):
    return connect(trained.account.token_of(trained.minion))


def create(client, **options):
    return client.messages.create(**{"model": "Wick the Keeper", "max_tokens": 24, "messages": MESSAGES} | options)


def calls(*arguments: str) -> list[dict]:
    return [{"id": f"call_{number}", "type": "function", "function": {"name": "weather", "arguments": text}} for number, text in enumerate(arguments)]


def test_a_message_is_answered(client):
    reply = create(client)
    assert (reply.type, reply.role, reply.model) == ("message", "assistant", "Wick the Keeper") and reply.id.startswith("msg_")
    block, = reply.content
    assert block.type == "text" and block.text
    assert reply.stop_reason in ("end_turn", "max_tokens")
    assert reply.usage.input_tokens > 20 and 0 < reply.usage.output_tokens <= 24
    assert create(client, max_tokens=5).stop_reason == "max_tokens"


def test_the_key_may_be_a_bearers(trained, connect):
    token = trained.account.token_of(trained.account.minion("Bearer"))
    assert create(connect(None, api_key=None, auth_token=token), model="Bearer", max_tokens=1).content


def test_a_stream_is_the_whole_message_in_pieces(somebody, connect):
    minion = somebody.minion("Streamed", sampling={"temperature": 0}, pipeline={"mode": "direct"})
    client = connect(somebody.token_of(minion))
    whole = create(client, model="Streamed")
    with client.messages.stream(model="Streamed", max_tokens=24, messages=MESSAGES) as stream:
        events = list(stream)
        final = stream.get_final_message()
    assert final.content[0].text == whole.content[0].text and final.stop_reason == whole.stop_reason
    assert final.usage.output_tokens == whole.usage.output_tokens
    names = [event.type for event in events if event.type not in ("text", "ping")]
    assert names[:2] == ["message_start", "content_block_start"] and names[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert names.count("content_block_delta") > 3 and set(names[2:-3]) == {"content_block_delta"}


@pytest.mark.parametrize("system", ["Be brief.", [{"type": "text", "text": "Be"}, {"type": "text", "text": "brief.", "cache_control": {"type": "ephemeral"}}]])
def test_the_system_prompt_and_every_block_are_heard(somebody, connect, system):
    conversation = [
        {"role": "user", "content": [{"type": "text", "text": "One."}, {"type": "text", "text": "Two."}]},
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "Hm.", "signature": ""}, {"type": "text", "text": "Three."}]},
        {"role": "user", "content": "Four?"}]
    with upstream(whole(message("Five."))) as vendor:
        _, token = minion_at(somebody, vendor)
        reply = create(
            connect(token), model="Recorded", system=system, messages=conversation, stop_sequences=["END"], metadata={"user_id": "u"},
            extra_body={"temperature": 0.5, "top_p": 0.75, "top_k": 5})
    assert reply.content[0].text == "Five."
    request, = vendor.requests
    assert request["messages"] == [
        {"role": "system", "content": system if isinstance(system, str) else "Bebrief."}, {"role": "user", "content": "One.Two."},
        {"role": "assistant", "content": "Three."}, {"role": "user", "content": "Four?"}]
    assert (request["max_tokens"], request["stop"], request["temperature"], request["top_p"], request["top_k"]) == (24, ["END"], 0.5, 0.75, 5)


@pytest.mark.parametrize("mode", ["direct", "full"])
def test_tools_go_there_and_back(somebody, connect, mode):
    with upstream(
        whole(message("I look.", "tool_calls", USAGE, tool_calls=calls('{"place":"Oslo"}', '{"place":"Rome"}'))), whole(message("Rain."))
    ) as vendor:
        _, token = minion_at(somebody, vendor, pipeline={"mode": mode})
        client = connect(token)
        options = {"model": "Recorded", "tools": TOOLS}
        reply = create(client, tool_choice={"type": "any", "disable_parallel_tool_use": True}, **options)
        assert reply.stop_reason == "tool_use" and [block.type for block in reply.content] == ["text", "tool_use", "tool_use"]
        assert [(block.id, block.name, block.input) for block in reply.content[1:]] == [
            ("call_0", "weather", {"place": "Oslo"}), ("call_1", "weather", {"place": "Rome"})]
        # Cached tokens are counted beside the input.
        assert (reply.usage.input_tokens, reply.usage.cache_read_input_tokens, reply.usage.output_tokens) == (24, 16, 30)
        results = [
            {"type": "tool_result", "tool_use_id": "call_0", "content": [{"type": "text", "text": "rain"}]},
            {"type": "tool_result", "tool_use_id": "call_1", "content": "no station", "is_error": True}, {"type": "text", "text": "So?"}]
        answer = create(client, messages=[*MESSAGES, {"role": "assistant", "content": reply.content}, {"role": "user", "content": results}], **options)
        assert answer.content[0].text == "Rain." and answer.stop_reason == "end_turn"
    first, second = vendor.requests
    assert first["tools"] == [{"type": "function", "function": {
        "name": "weather", "description": "Tells the weather.", "parameters": TOOLS[0]["input_schema"]}}]
    assert first["tool_choice"] == "required" and first["parallel_tool_calls"] is False
    said, called, one, two, asked = second["messages"][-5:]
    assert [(sent["role"], sent.get("tool_call_id"), sent["content"]) for sent in (one, two)] == [
        ("tool", "call_0", "rain"), ("tool", "call_1", "Error: no station")]
    assert said["role"] == "user" and asked["role"] == "user" and "So?" in asked["content"]
    assert called["content"] == "I look." and [json.loads(call["function"]["arguments"]) for call in called["tool_calls"]] == [
        {"place": "Oslo"}, {"place": "Rome"}]


def test_tool_use_streams_as_partial_json(somebody, connect):
    def piece(index: int, arguments: str, **fields) -> dict:
        return delta(tool_calls=[{"index": index, "function": fields.pop("function", {}) | {"arguments": arguments}} | fields])

    recorded = chunks(
        delta(role="assistant"), delta(reasoning_content="Let me see."), delta(content="I look."),
        piece(0, "", id="call_0", type="function", function={"name": "weather"}), piece(0, '{"pla'), piece(0, 'ce":"Oslo"}'),
        piece(1, '{"place":"Rome"}', id="call_1", type="function", function={"name": "weather"}),
        delta("tool_calls"), usage(**USAGE))
    with upstream(recorded) as vendor:
        _, token = minion_at(somebody, vendor)
        with connect(token).messages.stream(model="Recorded", max_tokens=24, messages=MESSAGES, tools=TOOLS) as stream:
            events = [event for event in stream if event.type in ("content_block_start", "content_block_delta", "content_block_stop")]
            final = stream.get_final_message()
    assert [block.type for block in final.content] == ["thinking", "text", "tool_use", "tool_use"]
    assert final.content[0].thinking == "Let me see." and final.content[1].text == "I look."
    assert [block.input for block in final.content[2:]] == [{"place": "Oslo"}, {"place": "Rome"}]
    assert final.stop_reason == "tool_use"
    assert (final.usage.input_tokens, final.usage.cache_read_input_tokens, final.usage.output_tokens) == (24, 16, 30)
    # One block after the other, each begun once and ended once.
    assert [(event.type, event.index) for event in events if event.type != "content_block_delta"] == [
        (kind, index) for index in range(4) for kind in ("content_block_start", "content_block_stop")]


def test_a_schema_for_the_answer_reaches_the_vendor(somebody, connect):
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": False}
    with upstream(whole(message('{"n":1}'))) as vendor:
        _, token = minion_at(somebody, vendor)
        create(connect(token), model="Recorded", output_config={"effort": "low", "format": {"type": "json_schema", "schema": schema}})
    request, = vendor.requests
    assert request["response_format"]["json_schema"]["schema"] == schema and request["reasoning_effort"] == "low"


def test_models_have_anthropics_form(client, trained):
    page = client.models.list()
    model, = page.data
    assert (model.id, model.display_name, model.type) == ("Wick the Keeper", "Wick the Keeper", "model") and page.has_more is False
    assert client.models.retrieve(trained.minion["id"]).created_at == model.created_at
    with pytest.raises(anthropic.NotFoundError):
        client.models.retrieve("claude-5")


def failed(kind: type[anthropic.APIStatusError], type_: str, call) -> anthropic.APIStatusError:
    with pytest.raises(kind) as caught:
        call()
    error = caught.value
    assert error.body["type"] == "error" and error.body["error"]["type"] == type_, error.body
    assert error.request_id == error.body["request_id"] and error.request_id.startswith("req_")
    return error


@pytest.mark.parametrize("key", ["minion_" + "0" * 32, "sk-ant-something-else"])
def test_a_wrong_token_is_refused(connect, key):
    error = failed(anthropic.AuthenticationError, "authentication_error", lambda: create(connect(key)))
    assert key not in str(error)


def test_an_unknown_model_is_not_found(client):
    failed(anthropic.NotFoundError, "not_found_error", lambda: create(client, model="claude-5"))
    failed(anthropic.NotFoundError, "not_found_error", lambda: client.messages.count_tokens(model="Wick the Keeper", messages=MESSAGES))


@pytest.mark.parametrize("field, options", [
    ("messages[0].content[0]", {"messages": [{"role": "user", "content": [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}]}]}),
    ("thinking", {"thinking": {"type": "enabled", "budget_tokens": 1024}}),
    ("tools[0]", {"tools": [{"type": "web_search_20250305", "name": "web_search"}]}),
    ("container", {"extra_body": {"container": "c"}}),
    ("temperature", {"extra_body": {"temperature": 1.5}}),
    ("max_tokens", {"max_tokens": 0}),
    ("messages[0].role", {"messages": [{"role": "wizard", "content": "Hello."}]}),
    ("messages", {"messages": [*MESSAGES, {"role": "assistant", "content": "It is"}]}),
])
def test_what_cannot_be_honoured_is_refused_by_name(client, field, options):
    error = failed(anthropic.BadRequestError, "invalid_request_error", lambda: create(client, **options))
    assert f"'{field}'" in error.body["error"]["message"]


def test_max_tokens_is_required(client):
    with pytest.raises(anthropic.BadRequestError) as caught:
        client.post("/v1/messages", body={"model": "Wick the Keeper", "messages": MESSAGES}, cast_to=object)
    assert "'max_tokens'" in caught.value.body["error"]["message"]


@pytest.mark.parametrize("stream", [False, True])
def test_a_vendors_failure_is_told_in_anthropics_words(somebody, connect, stream):
    limited = whole({"error": {"message": "Slow down.", "type": "requests", "code": "rate_limit_exceeded"}}, 429)
    with upstream(limited) as vendor:
        _, token = minion_at(somebody, vendor)
        error = failed(anthropic.RateLimitError, "rate_limit_error", lambda: create(connect(token), model="Recorded", stream=stream))
    assert error.response.headers["retry-after"] == "1"


def test_a_cut_stream_ends_with_an_error(somebody, connect):
    with upstream(chunks(delta(content="One, "), done=False)) as vendor:
        _, token = minion_at(somebody, vendor)
        seen = []
        with pytest.raises(anthropic.APIStatusError) as caught:
            for event in create(connect(token), model="Recorded", stream=True):
                seen.append(event.type)
    assert "content_block_delta" in seen and "message_stop" not in seen
    assert caught.value.body["error"]["type"] == "api_error"
