"""When a job runs: asked in the new-training dialog, shown on the job, changed and ended there. No job comes to its turn."""

from datetime import datetime, timedelta

import pytest
from browser import Visitor
from harness import Account, voice
from playwright.sync_api import Locator, Page, expect
from vendor import KEY, MODELS

SOON = (datetime.now() + timedelta(days=2)).replace(second=0, microsecond=0)
LOCAL = SOON.strftime("%Y-%m-%dT%H:%M")


@pytest.fixture
def planner(person) -> Account:
    person.minion("Early")
    person.dataset(voice(4), "jsonl", "voice.jsonl")
    return person


def dialog_of(page: Page, url: str, name: str, minion: str | None = None) -> Locator:
    """The dialog with all it needs but when the job runs."""
    page.goto(f"{url}/#/training?new")
    dialog = page.get_by_role("dialog", name="New training")
    dialog.get_by_label("Name of the job").fill(name)
    if minion:
        dialog.get_by_label("Minion", exact=True).select_option(label=minion)
    dialog.get_by_role("radio", name="Voice", exact=False).last.check()
    dialog.get_by_role("checkbox", name="voice.jsonl").check()
    expect(dialog.get_by_role("list", name="Still missing")).to_have_count(0)
    dialog.get_by_text("When it runs").click()
    return dialog


def job_of(account: Account, name: str) -> dict:
    found, = [one for one in account.get("external-training/jobs")["items"] if one["job_name"] == name]
    return found


def test_what_it_will_cost_is_told_before(window: Visitor, planner, answering):
    large, small = MODELS
    planner.post("providers", {"provider": "custom", "api_key": KEY, "base_url": answering.url, "prices": [{"model": large, "input": 500, "output": 500}]})
    for name, model in (("Priced", large), ("Unpriced", small)):
        planner.minion(name, provider="custom", model_id=model, base_url=answering.url)
    page = window.sign_in(planner.email)
    dialog = dialog_of(page, window.url, "Costly", minion="Early")
    estimate = dialog.get_by_role("region", name="Estimate")
    expect(estimate).to_contain_text("none: all is done on this server")
    expect(estimate).to_contain_text("Steps")
    dialog.get_by_label("Minion", exact=True).select_option(label="Priced")
    expect(estimate).to_contain_text("about $")
    expect(estimate).to_contain_text(f"of custom/{large}")
    dialog.get_by_label("Minion", exact=True).select_option(label="Unpriced")
    expect(estimate).to_contain_text("at a price that is not known")


def test_a_schedule_is_made_changed_ended_and_taken_back(window: Visitor, planner):
    page = window.sign_in(planner.email)
    dialog = dialog_of(page, window.url, "Nightly")
    dialog.get_by_label("Begins").select_option("later")
    dialog.get_by_label("Repeats").select_option(label="At other times …")
    dialog.get_by_label("Times", exact=True).fill("61 3 * * *")
    dialog.get_by_label("Time zone").fill("Europe/Paris")
    dialog.get_by_label("Run again when its data changes").check()
    dialog.get_by_label("Hold its release").check()
    dialog.get_by_label("Priority").fill("3")
    dialog.get_by_label("Tries", exact=True).fill("5")
    # Also where the fold was closed again: what is wrong there opens it.
    dialog.get_by_text("When it runs").click()
    dialog.get_by_role("button", name="Make the job").click()
    expect(dialog.get_by_label("Times", exact=True)).to_be_visible()
    expect(dialog.get_by_label("Times", exact=True)).to_have_attribute("aria-invalid", "true")
    expect(dialog.get_by_role("alert").first).to_contain_text("61")
    dialog.get_by_label("Times", exact=True).fill("30 3 * * mon")
    dialog.get_by_role("button", name="Make the job").click()
    expect(page.get_by_role("heading", name="Nightly", level=1)).to_be_visible()
    job = job_of(planner, "Nightly")
    assert (job["status"], job["schedule"], job["retrain_on_change"], job["priority"]) == ("PENDING", {"cron": "30 3 * * mon", "time_zone": "Europe/Paris"}, True, 3)
    assert (job["retry"]["max_attempts"], job["retry"]["backoff_seconds"]) == (5, 30)

    card = page.get_by_role("region", name="When it runs")
    expect(card).to_contain_text("30 3 * * mon, Europe/Paris")
    expect(card).to_contain_text("Next run")
    card.get_by_role("button", name="Change").click()
    change = page.get_by_role("dialog", name="When it runs")
    expect(change.get_by_label("Times", exact=True)).to_have_value("30 3 * * mon")
    change.get_by_label("Repeats").select_option(label="Every night at 3:00")
    change.get_by_label("Priority").fill("")
    change.get_by_role("button", name="Save").click()
    expect(change).to_have_count(0)
    page.reload()
    expect(card).to_contain_text("Every night at 3:00, Europe/Paris")
    job = job_of(planner, "Nightly")
    assert (job["schedule"]["cron"], job["priority"], job["retry"]["max_attempts"]) == ("0 3 * * *", 0, 5)

    card.get_by_role("button", name="End the repeats").click()
    expect(card).to_contain_text("Repeatsnever")
    job = job_of(planner, "Nightly")
    assert "schedule" not in job and "next_run_at" not in job and not job["retrain_on_change"]
    page.get_by_role("button", name="Undo").click()
    expect(card).to_contain_text("Every night at 3:00, Europe/Paris")
    job = job_of(planner, "Nightly")
    assert job["schedule"]["time_zone"] == "Europe/Paris" and job["retrain_on_change"]
    page.goto(f"{window.url}/#/training")
    expect(page.get_by_role("listitem").filter(has_text="Nightly")).to_contain_text("Runs again")


def test_the_runs_of_a_job_are_listed_with_it(window: Visitor, planner, server):
    minion, = planner.get("minions")["items"]
    data, = planner.get("training-datasets")["items"]
    nightly, other = (planner.post("external-training/jobs", {
        "job_name": name, "minion_id": minion["id"], "training_type": "lora_only", "dataset_ids": [data["id"]], "schedule": {"cron": "0 3 * * *"},
        "allow_duplicate": True}) for name in ("Nightly", "Weekly"))
    runs = [planner.post("external-training/jobs", {
        "job_name": "Nightly", "minion_id": minion["id"], "training_type": "lora_only", "dataset_ids": [data["id"]], "allow_duplicate": True})
        for _ in range(6)]
    # As nights that have passed would have left them.
    for run in runs:
        server.sql("UPDATE external_training_jobs SET origin_id = ?, origin_cause = 'schedule', status = 'COMPLETED' WHERE id = ?", nightly["id"], run["id"])
    page = window.sign_in(planner.email)
    page.goto(f"{window.url}/#/training/{nightly['id']}")
    card = page.get_by_role("region", name="When it runs")
    expect(card.get_by_role("heading", name="Its runs")).to_be_visible()
    expect(card.get_by_role("listitem")).to_have_count(5)
    card.get_by_role("button", name="Show more").click()
    expect(card.get_by_role("listitem")).to_have_count(6)
    card.get_by_role("listitem").last.get_by_role("link").click()
    expect(card).to_contain_text("A run of")
    assert page.url.endswith(runs[0]["id"])
    expect(card.get_by_role("heading", name="Its runs")).to_have_count(0)
    page.goto(f"{window.url}/#/training/{other['id']}")
    expect(card).to_contain_text("Repeats")
    expect(card.get_by_role("heading", name="Its runs")).to_have_count(0)


def test_a_job_waits_for_its_time_and_can_be_called_off(window: Visitor, planner):
    page = window.sign_in(planner.email)
    dialog = dialog_of(page, window.url, "Waiting")
    dialog.get_by_label("Begins").select_option("at")
    expect(dialog.get_by_role("list", name="Still missing")).to_contain_text("Say when it begins.")
    dialog.get_by_label("Not before").fill(LOCAL)
    dialog.get_by_role("button", name="Start training").click()
    card = page.get_by_role("region", name="When it runs")
    expect(card).to_contain_text("Not before")
    expect(page.get_by_text("Waits until").first).to_be_visible()
    job = job_of(planner, "Waiting")
    assert job["status"] == "QUEUED" and datetime.fromisoformat(job["run_at"]).timestamp() == SOON.timestamp()
    # While it waits in line the server refuses changes: the page offers none.
    expect(card.get_by_role("button", name="Change")).to_have_count(0)
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("button", name="Go on")).to_be_visible()
    assert job_of(planner, "Waiting")["status"] == "STOPPED"
    page.get_by_role("button", name="At a time …").click()
    later = page.get_by_role("dialog", name="Start it at a time")
    later.get_by_label("Not before").fill(LOCAL)
    later.get_by_role("button", name="Start it then").click()
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    assert job_of(planner, "Waiting")["status"] == "QUEUED"
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("button", name="Go on")).to_be_visible()


def test_the_same_job_twice_is_asked_about(window: Visitor, planner):
    page = window.sign_in(planner.email)
    for name in ("First", "Second"):
        dialog = dialog_of(page, window.url, name)
        dialog.get_by_label("Begins").select_option("later")
        dialog.get_by_role("button", name="Make the job").click()
        if name == "First":
            expect(page.get_by_role("heading", name="First", level=1)).to_be_visible()
    expect(dialog.get_by_role("alert").first).to_be_visible()
    dialog.get_by_label("Make it anyway").check()
    dialog.get_by_role("button", name="Make the job").click()
    expect(page.get_by_role("heading", name="Second", level=1)).to_be_visible()
    assert job_of(planner, "Second")["status"] == "PENDING"
