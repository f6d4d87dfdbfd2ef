"""Marks in an answer lead to their passage and say whose they are."""

import pytest
from harness import handbook
from playwright.sync_api import expect
from upstream import Upstream, speaking

# The first is about code; the server adds a mark behind the second, where the model sets none.
ANSWERS = {
    "What does soup cost?": "It is `menu[1]`, friend. A bowl with bread costs £2.60, and there is always a vegan pot. Enjoy it.",
    "Who cooks it?": "Gwendolyn Pike cooks the soup [2].",
}


@pytest.fixture
def reader(server, person):
    vendor = Upstream([speaking(lambda body: next(answer for question, answer in ANSWERS.items() if question in body["messages"][-1]["content"]))])
    person.post("providers", {"provider": "custom", "api_key": "sk-none", "base_url": vendor.url})
    minion = person.minion("Reader", provider="custom", model_id="big-model", base_url=vendor.url, pipeline={"use_draft": False, "top_k": 3})
    person.finish(person.job(minion, "rag_only", [person.dataset(handbook("kitchen.md"), "rag", "kitchen.zip")]))
    yield minion
    vendor.close()


def test_a_mark_says_whose_it_is_and_leads_to_its_passage(window, person, reader):
    page = window.sign_in(person.email)
    window.open("playground")
    conversation = page.get_by_role("region", name="Conversation")

    def ask(question: str):
        page.get_by_label("Your question").fill(question)
        page.get_by_label("Your question").press("Enter")

    ask("What does soup cost?")
    added = conversation.get_by_role("button", name="Added by the server")
    expect(added).to_have_count(1)
    assert added.get_attribute("title").startswith("Source ") and "in the same words" in added.get_attribute("title")
    expect(conversation).to_contain_text("menu[1]")
    number = added.inner_text()

    ask("Who cooks it?")
    own = conversation.get_by_role("button", name="Cited by the model")
    expect(own).to_have_count(1)
    styles = [mark.evaluate("one => { const s = getComputedStyle(one); return [s.backgroundColor, s.outlineStyle] }") for mark in (added, own)]
    assert styles[0] != styles[1], "they look different"

    for mark, shown in ((added, number), (own, "2")):
        mark.click()
        trace = page.get_by_role("dialog", name="How this answer came about")
        passage = trace.locator("li.is-cited")
        expect(passage).to_have_count(1)
        expect(passage).to_contain_text(f"[{shown}]")
        expect(passage).to_be_in_viewport()
        expect(passage).to_be_focused()
        page.keyboard.press("Escape")
        expect(trace).to_have_count(0)
    conversation.get_by_role("button", name="Trace").first.click()
    expect(page.get_by_role("dialog").locator("li.is-cited")).to_have_count(0)
