"""Releases on the page: policy, trial, archives and adapters that come and go. Nothing is trained; one collection is indexed."""

import io
import json
import zipfile

import numpy as np
import pytest
from browser import Visitor, drop
from harness import BASE_MODEL, Account, eventually, handbook
from playwright.sync_api import Page, expect
from safetensors.numpy import save
from vendor import KEY, MODELS


@pytest.fixture(scope="module")
def librarian(server, answering) -> Account:
    account = server.account("librarian")
    account.post("providers", {"provider": "custom", "api_key": KEY, "base_url": answering.url})
    return account


@pytest.fixture(scope="module")
def archive(librarian) -> bytes:
    """A release that knows one page of the handbook, as a file."""
    minion = librarian.minion("Source")
    documents = librarian.dataset(handbook("kitchen.md"), "rag", "kitchen.zip")
    librarian.finish(librarian.job(minion, "rag_only", [documents]))
    release = librarian.get(f"minions/{minion['id']}/releases")["items"][0]
    return librarian.request("GET", f"minions/{minion['id']}/releases/{release['id']}/archive").content


def adapter() -> bytes:
    """A PEFT folder of rank 2 on the first layer, in a zip."""
    random = np.random.default_rng(7)
    layer = "base_model.model.model.layers.0.self_attn.q_proj"
    weights = {f"{layer}.lora_A.weight": random.normal(0, 0.01, (2, 576)).astype(np.float32), f"{layer}.lora_B.weight": np.zeros((576, 2), np.float32)}
    config = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": BASE_MODEL, "r": 2, "lora_alpha": 4, "lora_dropout": 0,
              "target_modules": ["q_proj"], "bias": "none", "fan_in_fan_out": False}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as contents:
        contents.writestr("adapter_config.json", json.dumps(config))
        contents.writestr("adapter_model.safetensors", save(weights))
    return buffer.getvalue()


def minion_of(account: Account, name: str) -> dict:
    return account.minion(name, provider="custom", model_id=MODELS[0], pipeline={"use_draft": False})


def bring(account: Account, minion: dict, archive: bytes, promote: bool = False) -> dict:
    reply = account.request("POST", f"minions/{minion['id']}/releases/import", params={"promote": str(promote).lower()}, content=archive)
    assert reply.status_code == 201, reply.text
    return reply.json()


def states(account: Account, minion: dict) -> dict[int, str]:
    return {one["number"]: one["state"] for one in account.get(f"minions/{minion['id']}/releases")["items"]}


def open_minion(window: Visitor, account: Account, minion: dict) -> Page:
    page = window.sign_in(account.email)
    page.goto(f"{window.url}/#/minions/{minion['id']}")
    expect(page.get_by_role("heading", name=minion["display_name"], level=1)).to_be_visible()
    return page


def test_a_policy_is_chosen_and_kept(window, server, person):
    minion = person.minion("Strict")
    page = open_minion(window, person, minion)
    card = page.get_by_role("region", name="New releases")
    expect(card).to_contain_text("Answers at once")
    card.get_by_role("button", name="Change").click()
    dialog = page.get_by_role("dialog", name="What becomes of a new release")
    dialog.get_by_role("radio", name="Answers if it is better").check()
    dialog.get_by_label("Figure that decides").select_option("validation_loss")
    dialog.get_by_label("Measured with").select_option("voice")
    # Refused by the server, in its words and at its field.
    dialog.get_by_label("Margin").fill("5000000000")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_label("Margin")).to_have_attribute("aria-invalid", "true")
    dialog.get_by_label("Margin").fill("0.05")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_have_count(0)
    policy = person.get(f"minions/{minion['id']}")["release_policy"]
    assert (policy["mode"], policy["metric"], policy["arm"], policy["margin"]) == ("automatic", "validation_loss", "voice", 0.05)
    page.reload()
    expect(card).to_contain_text("Validation loss, + Voice: surely better by 0.05.")
    card.get_by_role("button", name="Change").click()
    expect(dialog.get_by_label("Margin")).to_have_value("0.05")
    dialog.get_by_role("radio", name="Waits for you").check()
    dialog.get_by_role("button", name="Save").click()
    expect(card).to_contain_text("Waits for you")
    assert person.get(f"minions/{minion['id']}")["release_policy"]["mode"] == "manual"


def test_a_release_is_brought_in_tried_and_promoted(window, server, librarian, archive):
    minion = minion_of(librarian, "Trying")
    page = open_minion(window, librarian, minion)
    expect(page.get_by_role("heading", name="Not trained yet")).to_be_visible()

    def import_file(name: str, content: bytes):
        page.get_by_role("button", name="Import").click()
        dialog = page.get_by_role("dialog", name="Import a release")
        dialog.get_by_label("Choose a file").set_input_files({"name": name, "mimeType": "application/octet-stream", "buffer": content})
        return dialog

    dialog = import_file("broken.tar", b"this is no archive")
    dialog.get_by_role("button", name="Import it").click()
    expect(dialog.get_by_role("alert")).to_be_visible()
    page.keyboard.press("Escape")
    dialog = import_file("release.tar", archive)
    dialog.get_by_label("It answers at once").check()
    dialog.get_by_role("button", name="Import it").click()
    expect(page.get_by_role("heading", name="Release 1", level=2)).to_be_visible()
    page.get_by_role("button", name="Import").click()
    drop(page, {"release.tar": archive}, target="dialog .drop")
    dialog.get_by_role("button", name="Import it").click()
    expect(page.get_by_role("heading", name="Release 2", level=2)).to_be_visible()
    assert states(librarian, minion) == {1: "active", 2: "candidate"}

    page.get_by_role("button", name="Try it").click()
    form = page.get_by_role("dialog", name="Try release 2")
    form.get_by_label("Share of the requests").fill("100")
    form.get_by_role("button", name="Start the trial").click()
    expect(form.get_by_label("Share of the requests")).to_have_attribute("aria-invalid", "true")
    form.get_by_label("Share of the requests").fill("50")
    form.get_by_label("Judged from").fill("20")
    form.get_by_label("Promoted after").fill("40")
    form.get_by_role("button", name="Start the trial").click()
    trial = page.get_by_role("region", name="Trial", exact=True)
    expect(trial).to_contain_text("Release 2 is on trial")
    settings = librarian.get(f"minions/{minion['id']}/canary")["canary"]["settings"]
    assert (settings["percent"], settings["min_requests"], settings["promote_after"], settings["max_latency_ratio"]) == (50, 20, 40, 1.5)
    # Its figures grow while it is watched.
    for conversation in range(8):
        librarian.post(f"minions/{minion['id']}/ask", {"question": "Who cleans the kitchen?"}, headers={"X-Conversation-Id": f"c{conversation}"})
    seen = librarian.get(f"minions/{minion['id']}/canary")
    row = trial.get_by_role("row").filter(has_text="On trial")
    expect(row.get_by_role("cell").first).to_have_text(str(seen["trial"]["requests"]))
    expect(trial.get_by_role("status").first).to_contain_text("judged from 20 each")
    trial.get_by_role("button", name="End the trial").click()
    page.get_by_role("dialog", name="End the trial?").get_by_role("button", name="End it").click()
    expect(trial).to_have_count(0)
    assert states(librarian, minion) == {1: "active", 2: "candidate"}
    page.get_by_text("What has happened to it").click()
    expect(page.get_by_text("canary stopped")).to_be_visible()

    page.get_by_role("button", name="Try it").click()
    form.get_by_role("button", name="Start the trial").click()
    trial.get_by_role("button", name="Promote it now").click()
    expect(trial).to_have_count(0)
    eventually(lambda: states(librarian, minion) == {1: "retired", 2: "active"}, 10, "the second release answers")


def test_a_trial_that_ends_itself_leaves_the_page(window, server, librarian, archive):
    """Also where a release is promoted with its settings, which asks once."""
    minion = minion_of(librarian, "Ending")
    bring(librarian, minion, archive, promote=True)
    release = bring(librarian, minion, archive)
    librarian.post(f"minions/{minion['id']}/releases/{release['id']}/canary", {"percent": 99, "min_requests": 50})
    page = open_minion(window, librarian, minion)
    trial = page.get_by_role("region", name="Trial", exact=True)
    expect(trial).to_be_visible()
    librarian.delete(f"minions/{minion['id']}/canary")
    expect(trial).to_have_count(0)
    librarian.put(f"minions/{minion['id']}", {"system_prompt": "Written since."})
    page.get_by_role("button", name="Release 2").click()
    page.get_by_role("button", name="With its settings").click()
    page.get_by_role("dialog").get_by_role("button", name="Promote", exact=True).click()
    expect(page.get_by_text("Release 2 answers now, with its settings")).to_be_visible()
    assert librarian.get(f"minions/{minion['id']}")["system_prompt"] == ""
    assert states(librarian, minion)[2] == "active"


def test_an_adapter_comes_and_goes(window, server, person):
    minion = person.minion("Guest")
    page = open_minion(window, person, minion)
    page.get_by_role("button", name="Import").click()
    dialog = page.get_by_role("dialog", name="Import a release")
    choose = dialog.get_by_label("Choose a file")
    choose.set_input_files({"name": "nothing.gguf", "mimeType": "application/octet-stream", "buffer": b"no adapter"})
    expect(dialog.get_by_role("button", name="Adapter")).to_have_attribute("aria-pressed", "true")
    dialog.get_by_role("button", name="Import it").click()
    expect(dialog.get_by_role("alert")).to_be_visible()
    dialog.get_by_role("button", name="Leave out nothing.gguf").click()
    choose.set_input_files({"name": "voice.zip", "mimeType": "application/zip", "buffer": adapter()})
    dialog.get_by_label("Base model").select_option(BASE_MODEL)
    dialog.get_by_label("It answers at once").check()
    dialog.get_by_role("button", name="Import it").click()
    expect(page.get_by_role("heading", name="Release 1", level=2)).to_be_visible()
    release = person.get(f"minions/{minion['id']}/releases")["items"][0]
    assert release["state"] == "active" and person.get(f"adapters/{release['adapter_id']}")["rank"] == 2
    page.locator("summary", has_text="Export").click()
    expect(page.get_by_text(BASE_MODEL).last).to_be_visible()
    for label, name in (("PEFT folder", "release-1-peft.zip"), ("GGUF", "release-1.gguf"), ("Archive", "release-1.tar")):
        with page.expect_download() as coming:
            page.get_by_role("button", name=label, exact=True).click()
        assert coming.value.suggested_filename == name
        assert coming.value.path().stat().st_size > 1000
    # What cannot be given out is said where it was asked for.
    server.sql("UPDATE adapters SET path = 'users/nowhere' WHERE id = ?", release["adapter_id"])
    page.get_by_role("button", name="GGUF", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("gone")
