"""Marks like [1] in an answer: whose they are, where they stand, and what becomes of one without a passage."""

import json
from contextlib import contextmanager

import pytest
from harness import Account, events, handbook
from upstream import Upstream, chunks, delta, message, usage, whole

QUESTION = "What does soup cost?"
SOUP = "On Wednesdays there is soup at 13:10, cooked by Gwendolyn Pike."


class Reader:
    """An external minion that knows one page, and the vendor that speaks for it."""

    def __init__(self, account: Account):
        self.account = account
        self.pieces: list[str] = [""]
        self.vendor = Upstream([self.reply])
        account.post("providers", {"provider": "custom", "api_key": "sk-none", "base_url": self.vendor.url})
        self.minion = account.minion(
            "Reader", provider="custom", model_id="big-model", base_url=self.vendor.url, pipeline={"use_draft": False, "top_k": 3, "cache": "always"})
        account.finish(account.job(self.minion, "rag_only", [account.dataset(handbook("kitchen.md"), "rag", "kitchen.zip")]))

    def reply(self, body: dict):
        if not body.get("stream"):
            return whole(message("".join(self.pieces)))
        return chunks(*[delta(content=piece) for piece in self.pieces], delta(finish="stop"), usage(prompt_tokens=11, completion_tokens=7, total_tokens=18))

    def ask(self, *pieces: str, question: str = QUESTION, **settings) -> dict:
        self.pieces = list(pieces)
        return self.account.ask(self.minion, question, **settings)

    @contextmanager
    def stream(self, *pieces: str, question: str = QUESTION):
        self.pieces = list(pieces)
        url = f"{self.account.base}/minions/{self.minion['id']}/ask"
        with self.account.server.http.stream("POST", url, headers=self.account.headers, json={"question": question, "stream": True, "trace": True}) as response:
            yield list(events(response, 60))


@pytest.fixture(scope="module")
def reader(server):
    one = Reader(server.account("reader"))
    yield one
    one.vendor.close()


def marked(answer: dict, citation: dict) -> list[str]:
    """The text right before each of a citation's marks."""
    text = answer["answer"].encode()
    for offset in citation["offsets"]:
        assert text[offset:].startswith(f"[{citation['number']}]".encode())
    return [text[:offset].decode().rstrip() for offset in citation["offsets"]]


def test_a_mark_is_set_behind_the_sentence_that_a_passage_supports(reader):
    answer = reader.ask(f"Good question, friend! {SOUP} Enjoy it.")
    citation, = answer["citations"]
    assert citation["by"] == "overlap" and "£2.60" in answer["trace"]["passages"][citation["number"] - 1]["text"]
    assert answer["answer"] == f"Good question, friend! {SOUP} [{citation['number']}] Enjoy it."
    assert marked(answer, citation) == [f"Good question, friend! {SOUP}"]
    passage = answer["trace"]["passages"][citation["number"] - 1]
    assert all(citation[field] == passage[field] for field in ("chunk_id", "document", "title", "start_byte", "end_byte"))
    assert answer["degraded"] == []


def test_a_shared_number_is_no_source(reader):
    text = "1. Warm the kiln to 38 degrees.\n2. Wait 22 minutes.\n\nStep 3: unload shelf 18. In 2019 that took longer."
    answer = reader.ask(text, question="How do I fire a kiln?")
    assert (answer["answer"], answer["citations"]) == (text, [])


def test_a_model_that_cites_is_left_to_it(reader):
    answer = reader.ask(f"{SOUP} [1] Peanuts are not allowed in the building.", question="What does soup cost, and what may I bring?")
    citation, = answer["citations"]
    assert (citation["by"], citation["number"]) == ("model", 1) and answer["answer"].count("[") == 1


def test_a_mark_without_a_passage_is_removed_and_told(reader):
    answer = reader.ask("Soup is hot [99]. `list[99]` and [99](https://a.example) stay. Soup is good.[12]", question="Is it hot?")
    assert answer["answer"] == "Soup is hot. `list[99]` and [99](https://a.example) stay. Soup is good."
    assert answer["citations"] == []
    degraded, = answer["degraded"]
    assert degraded["stage"] == "cite" and "2 citation marks" in degraded["reason"] and "[99], [12]" in degraded["reason"]
    assert answer["trace"]["degraded"] == answer["degraded"]


def test_groups_and_other_forms_of_marks_come_out_in_one(reader):
    text = "Soup is hot [1, 99]. Bread is fresh【2†kitchen.md】, and free[^1]. Wash up [1-2].\n\n[2]: https://a.example"
    answer = reader.ask(text, question="Is it hot, and fresh?")
    assert answer["answer"] == "Soup is hot [1]. Bread is fresh[2], and free[1]. Wash up [1][2].\n\n[2]: https://a.example"
    assert [(one["number"], one["by"], len(marked(answer, one))) for one in answer["citations"]] == [(1, "model", 3), (2, "model", 2)]
    degraded, = answer["degraded"]
    assert degraded["stage"] == "cite" and "1 citation mark that stands for no passage: [99]" in degraded["reason"]
    with reader.stream(*text, question="Is it still hot, and fresh?") as told:
        assert "".join(event.data["text"] for event in told if event.name == "text") == answer["answer"]


def test_a_sentence_that_turns_the_passage_round_gets_no_mark(reader):
    for text in ("On Wednesdays there is soup at 13:10, cooked by Marta Pike.", "Gwendolyn Pike is cooked at 13:10 by soup.",
                 "On most Wednesdays there is soup at 13:10, cooked by Gwendolyn Pike."):
        assert reader.ask(text, question=f"Who says: {text}")["citations"] == []


def test_such_an_answer_is_still_kept_in_the_cache(reader):
    first = reader.ask("Ask again [42].", question="Is this cached?")
    asked = len(reader.vendor.requests)
    again = reader.ask("Something else.", question="Is this cached?")
    assert again["cached"] and again["answer"] == first["answer"] == "Ask again." and len(reader.vendor.requests) == asked


def test_a_stream_says_the_same_as_the_whole_answer(reader):
    text = f"Hello [99]. {SOUP} Then wash up [7] by hand."
    whole_answer = reader.ask(text, question="What does the soup cost?")
    with reader.stream(*text, question="And what does soup cost?") as told:
        pieces = [event.data["text"] for event in told if event.name == "text"]
        done = told[-1].data
    assert "".join(pieces) == done["answer"] == whole_answer["answer"]
    assert len(pieces) > len(text) / 2, "it still comes piece by piece"
    assert done["citations"] == whole_answer["citations"] and done["citations"][0]["by"] == "overlap"
    assert "2 citation marks" in done["degraded"][0]["reason"]


def test_openai_clients_get_the_same(reader):
    token = reader.account.token_of(reader.minion)
    reader.pieces = list(f"{SOUP} It is hot [99].")
    http = reader.account.server.http
    body = {"model": "Reader", "messages": [{"role": "user", "content": "What does the soup cost today?"}]}
    headers = {"Authorization": f"Bearer {token}"}
    reply = http.post("/v1/chat/completions", json=body, headers=headers).json()
    citation, = reply["atelier"]["citations"]
    assert citation["by"] == "overlap"
    content = reply["choices"][0]["message"]["content"]
    assert content == f"{SOUP} [{citation['number']}] It is hot."
    body["messages"][0]["content"] = "What does soup cost today?"
    lines = http.post("/v1/chat/completions", json=body | {"stream": True}, headers=headers).text.splitlines()
    frames = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: {")]
    assert "".join(frame["choices"][0]["delta"].get("content") or "" for frame in frames if frame["choices"]) == content


def test_json_and_offered_tools_get_no_mark(reader):
    token = reader.account.token_of(reader.minion)
    http = reader.account.server.http
    headers = {"Authorization": f"Bearer {token}"}
    tool = {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object", "properties": {}}}}
    for text, extra in ((json.dumps({"rows": [[99]], "text": SOUP}), {"response_format": {"type": "json_object"}}), (SOUP, {"tools": [tool]})):
        reader.pieces = [text]
        body = {"model": "Reader", "messages": [{"role": "user", "content": "What does soup cost, in short?"}]} | extra
        reply = http.post("/v1/chat/completions", json=body, headers=headers).json()
        assert reply["choices"][0]["message"]["content"] == text and reply["atelier"]["citations"] == []
