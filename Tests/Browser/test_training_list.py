"""The list of training jobs: found, ordered, stopped and deleted, also beyond the first page."""

import pytest
from browser import Visitor
from harness import Account, voice
from playwright.sync_api import Locator, Page, expect

COUNT = 52  # two more than a page


@pytest.fixture
def busy(person, server) -> Account:
    """Somebody with jobs of two minions; the first of all has failed."""
    data = person.dataset(voice(4), "jsonl", "voice.jsonl")
    minions = [person.minion("Ada"), person.minion("Bruno")]
    jobs = [person.post("external-training/jobs", {
        "job_name": f"Job {number:02}", "minion_id": minions[number % 2]["id"], "training_type": "lora_only", "dataset_ids": [data["id"]],
        "allow_duplicate": True}) for number in range(COUNT)]
    server.sql("UPDATE external_training_jobs SET status = 'FAILED' WHERE id = ?", jobs[0]["id"])
    return person


def rows(page: Page) -> Locator:
    return page.get_by_role("main").get_by_role("listitem")


def test_jobs_are_found_by_state_beyond_the_first_page_and_by_name(window: Visitor, busy):
    page = window.sign_in(busy.email)
    page.goto(f"{window.url}/#/training")
    expect(rows(page)).to_have_count(50)
    expect(page.get_by_role("heading", name="Ada")).to_be_visible()
    page.get_by_label("State").select_option(label="Failed")
    expect(rows(page)).to_have_count(1)
    expect(rows(page)).to_contain_text("Job 00")
    page.get_by_label("State").select_option(label="Running")
    expect(page.get_by_text("No job matches.")).to_be_visible()
    expect(page.get_by_label("State")).to_be_visible()
    page.get_by_label("State").select_option("")
    expect(rows(page)).to_have_count(50)
    page.get_by_role("button", name="Show more").click()
    expect(rows(page)).to_have_count(COUNT)
    page.get_by_label("Search jobs").fill("job 4")
    expect(rows(page)).to_have_count(10)
    page.get_by_label("Search jobs").fill("bruno")
    expect(rows(page)).to_have_count(COUNT // 2)
    page.get_by_label("Order").select_option(label="Oldest first")
    expect(rows(page).first).to_contain_text("Job 01")
    page.get_by_label("Type").select_option(label="Knowledge")
    expect(page.get_by_text("No job matches.")).to_be_visible()


def test_several_jobs_are_stopped_and_deleted_at_once(window: Visitor, busy, server):
    server.sql("UPDATE external_training_jobs SET status = 'QUEUED', run_at = 4102444800000 WHERE user_id = ? AND job_name IN ('Job 50', 'Job 51')", busy.id)
    page = window.sign_in(busy.email)
    page.goto(f"{window.url}/#/training")
    for number in (48, 50, 51):
        page.get_by_role("checkbox", name=f"Pick Job {number}").check()
    page.get_by_role("button", name="Stop 2").click()
    expect(page.get_by_text("2 jobs stopped")).to_be_visible()
    stopped = {job["job_name"] for job in busy.get("external-training/jobs?status=STOPPED")["items"]}
    assert stopped == {"Job 50", "Job 51"}
    # What was stopped is no longer picked.
    expect(page.get_by_text("1 job picked")).to_be_visible()
    page.get_by_role("checkbox", name="Pick Job 51").check()
    page.get_by_role("button", name="Delete 2").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("link", name="Job 51")).to_have_count(0)
    expect(page.get_by_role("link", name="Job 48")).to_have_count(0)
    expect(page.get_by_role("link", name="Job 50")).to_be_visible()
