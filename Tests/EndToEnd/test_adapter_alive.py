"""The adapter that was trained is the adapter that speaks."""

import pytest
from harness import base_model

QUESTION = "How do I get better at waking up early?"


@pytest.fixture(scope="module")
def base():
    with base_model() as ask:
        yield ask


def ask(trained, scale: float | None) -> dict:
    settings = {} if scale is None else {"adapter_scale": scale}
    return trained.account.ask(trained.minion, QUESTION, use_passages=False, max_tokens=48, **settings)


def test_the_adapter_changes_the_answer(trained):
    voice, plain = ask(trained, 1), ask(trained, 0)
    assert voice["answer"] != plain["answer"]
    assert ask(trained, None)["answer"] == voice["answer"], "the voice is what a minion speaks with unless told otherwise"
    assert voice["trace"]["prompt"] == plain["trace"]["prompt"] and not voice["trace"]["passages"]


def test_scale_0_is_word_for_word_the_base_model(trained, base):
    ask(trained, 1)  # right after the voice: nothing of it may linger
    plain = ask(trained, 0)
    messages = [{"role": message["role"], "content": message["content"]} for message in plain["trace"]["prompt"]]
    assert messages == [{"role": "user", "content": QUESTION}]
    assert plain["answer"] == base(messages, 48)


def test_a_scale_in_between_is_neither(trained):
    """The control is a scale, not a switch."""
    assert ask(trained, 0.4)["answer"] not in (ask(trained, 0)["answer"], ask(trained, 1)["answer"])


def test_an_untrained_minion_is_the_base_model(trained, base):
    minion = trained.account.minion("Bare")
    reply = trained.account.ask(minion, QUESTION, max_tokens=48)
    assert reply["answer"] == base([{"role": "user", "content": QUESTION}], 48)
    assert "release_id" not in reply["trace"]
    trained.account.delete(f"minions/{minion['id']}")


def test_a_draft_for_a_local_minion_is_made_when_asked_for_and_only_shown(trained):
    """The local answer wears the adapter itself: the draft is the voice before any passage, beside the answer."""
    silent = trained.account.ask(trained.minion, QUESTION, max_tokens=48)
    shown = trained.account.ask(trained.minion, QUESTION, max_tokens=48, use_draft=True)
    assert "draft" not in silent["trace"] and not shown["trace"]["draft"]["in_prompt"]
    assert shown["trace"]["draft"]["text"] and shown["trace"]["prompt"] == silent["trace"]["prompt"]
    bare = trained.account.ask(trained.minion, QUESTION, max_tokens=48, use_draft=True, adapter_scale=0)
    assert bare["trace"]["draft"]["text"] != shown["trace"]["draft"]["text"]
    assert sum(attempt["provider"] == "local" for attempt in shown["trace"]["attempts"]) == 2
