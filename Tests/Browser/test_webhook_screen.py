"""Webhooks on the page, against a receiver on loopback; and usage by the key that paid."""

import json

import pytest
from browser import Visitor
from harness import eventually, voice
from playwright.sync_api import Page, expect
from test_webhooks import Receiver, signature
from vendor import KEY, MODELS


@pytest.fixture
def receiver():
    one = Receiver()
    yield one
    one.close()


def open_webhooks(window: Visitor, email: str) -> Page:
    page = window.sign_in(email)
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Webhooks").click()
    expect(page.get_by_role("heading", name="Webhooks", level=1)).to_be_visible()
    return page


def kept(page: Page) -> str:
    return page.content() + page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")


def test_a_webhook_is_made_tested_watched_and_deleted(window, server, person, receiver):
    page = open_webhooks(window, person.email)
    page.get_by_role("button", name="New webhook").first.click()
    dialog = page.get_by_role("dialog", name="New webhook")
    dialog.get_by_label("Address").fill("ftp://example.org")
    dialog.get_by_role("button", name="Add it").click()
    expect(dialog.get_by_label("Address")).to_have_attribute("aria-invalid", "true")
    dialog.get_by_label("Address").fill(receiver.url)
    dialog.get_by_label("A job was stopped").check()
    dialog.get_by_role("button", name="Add it").click()
    dialog = page.get_by_role("dialog", name="Its secret")
    secret = dialog.locator(".secret").inner_text()
    dialog.get_by_role("button", name="Copy the secret").click()
    assert page.evaluate("navigator.clipboard.readText()") == secret and secret.startswith("whsec_")
    dialog.get_by_role("button", name="I have it").click()
    expect(dialog).to_have_count(0)
    assert secret not in kept(page)
    webhook, = person.get("webhooks")["items"]
    assert (webhook["url"], webhook["events"], webhook["is_active"]) == (receiver.url, ["job.stopped"], True)

    card = page.get_by_role("listitem").filter(has=page.get_by_role("heading", name=receiver.url))
    expect(card).to_contain_text("A job was stopped")
    card.get_by_role("button", name="Test").click()
    log = page.get_by_role("dialog", name="Deliveries")
    expect(log.get_by_role("listitem")).to_have_count(1)
    expect(log.get_by_role("listitem")).to_contain_text("Delivered")
    assert receiver.types() == ["ping"]
    headers, body = receiver.requests[0]
    assert headers["webhook-signature"] == signature(secret, headers, body), "the secret that was shown is the one that signs"
    # What happens meanwhile appears by itself.
    job = person.job(person.minion("Told"), "lora_only", [person.dataset(voice(4), "jsonl", "voice.jsonl")])
    person.post(f"external-training/jobs/{job['id']}/stop")
    stopped = log.get_by_role("listitem").filter(has_text="A job was stopped")
    expect(stopped).to_contain_text("Delivered")
    stopped.get_by_text("What it says").click()
    expect(stopped).to_contain_text(job["id"])
    stopped.get_by_role("button", name="Send again").click()
    eventually(lambda: receiver.types() == ["ping", "job.stopped", "job.stopped"], 20, "it is sent again")
    page.keyboard.press("Escape")

    card.get_by_role("button", name="Change").click()
    dialog = page.get_by_role("dialog", name="Change the webhook")
    dialog.get_by_label("A job was stopped").uncheck()
    dialog.get_by_role("button", name="Save").click()
    expect(card).to_contain_text("All events")
    assert person.get(f"webhooks/{webhook['id']}")["events"] == []
    card.get_by_role("button", name="New secret").click()
    dialog = page.get_by_role("dialog", name="Make a new secret?")
    dialog.get_by_role("button", name="Make a new one").click()
    dialog = page.get_by_role("dialog", name="The new secret")
    renewed = dialog.locator(".secret").inner_text()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    assert renewed != secret and renewed not in kept(page)

    card.get_by_role("button", name="Delete").click()
    question = page.get_by_role("dialog", name="Delete this webhook?")
    question.get_by_role("button", name="Keep").click()
    assert len(person.get("webhooks")["items"]) == 1
    card.get_by_role("button", name="Delete").click()
    question.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", name="No webhooks yet")).to_be_visible()
    assert person.get("webhooks")["items"] == []


def test_a_webhook_is_switched_off_by_hand_and_by_its_receiver(window, server, person, receiver):
    webhook = person.post("webhooks", {"url": receiver.url})
    page = open_webhooks(window, person.email)
    card = page.get_by_role("listitem").filter(has=page.get_by_role("heading", name=receiver.url))
    card.get_by_role("button", name="Switch off").click()
    expect(card.get_by_role("button", name="Switch on")).to_be_visible()
    expect(card.get_by_role("button", name="Test")).to_be_disabled()
    assert not person.get(f"webhooks/{webhook['id']}")["is_active"]
    card.get_by_role("button", name="Switch on").click()
    expect(card.get_by_role("button", name="Switch off")).to_be_visible()
    # 410 Gone: the receiver wants no more.
    receiver.statuses = [410]
    card.get_by_role("button", name="Test").click()
    expect(page.get_by_role("dialog", name="Deliveries").get_by_role("listitem")).to_contain_text("Given up")
    page.reload()
    expect(card).to_contain_text("Switched off:")
    assert person.get(f"webhooks/{webhook['id']}")["disabled_reason"] in card.inner_text()


def test_usage_is_told_by_key(window, server, person, answering):
    """Two keys of one provider, and each pays for its own."""
    for label in ("house", "guest"):
        person.post("providers", {"provider": "custom", "api_key": KEY, "base_url": answering.url, "label": label, "prices": [{"input": 2, "output": 8}]})
    minion = person.minion("Paid", provider="custom", model_id=MODELS[0], pipeline={"use_draft": False})
    for _ in range(4):
        person.ask(minion, "When?")
    rows = {row.get("key_id"): row for row in person.get("usage", params={"group_by": "key"})["report"]["rows"]}
    stored = {key["id"]: key["label"] for entry in person.get("providers")["items"] for key in entry["keys"]}
    page = window.sign_in(person.email)
    page.goto(f"{server.url}/#/usage")
    page.get_by_role("group", name="By").get_by_role("button", name="Key").click()
    table = page.get_by_role("region", name="Usage")
    expect(table.get_by_role("columnheader", name="Key")).to_be_visible()
    assert rows.keys() <= stored.keys() and rows
    for key, row in rows.items():
        line = table.get_by_role("row").filter(has_text=f", {stored[key]} (")
        expect(line.get_by_role("cell").first).to_have_text(str(row["requests"]))
    with page.expect_download() as coming:
        page.get_by_role("link", name="CSV").click()
    assert "key" in coming.value.path().read_text().splitlines()[0]
    # A key that is gone leaves what it spent.
    spent = next(iter(rows))
    person.delete(f"providers/{spent}")
    page.reload()
    page.get_by_role("group", name="By").get_by_role("button", name="Key").click()
    expect(table).to_contain_text("a removed key")
    assert json.dumps(KEY) not in page.content()
