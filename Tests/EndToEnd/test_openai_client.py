"""A minion through OpenAI's own client."""

import openai
import pytest
from harness import FRESH, refused

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


def test_the_token_sees_its_one_model(client):
    models = client.models.list().data
    assert [(model.id, model.object, model.owned_by) for model in models] == [("Wick the Keeper", "model", "atelier")]


def test_a_model_is_found_by_a_name_with_spaces_and_by_its_id(client, trained):
    model, = client.models.list().data
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
    with pytest.raises(openai.BadRequestError) as caught:
        chat(client, logprobs=True)
    assert caught.value.param == "logprobs"
    with pytest.raises(openai.BadRequestError) as caught:
        chat(client, messages=[{"role": "wizard", "content": "Hello."}])
    assert caught.value.param == "messages[0].role"


def test_a_new_token_ends_the_old_one(somebody, connect):
    minion = somebody.minion("Rotated")
    old = somebody.token_of(minion)
    assert [model.id for model in connect(old).models.list()] == ["Rotated"]
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
