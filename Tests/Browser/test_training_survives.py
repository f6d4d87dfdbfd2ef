"""Training that is watched survives a reload, a lost connection and a restart of the server: no gap, no repetition."""

import signal

import pytest
from browser import TRAINING, measuring, visitor
from harness import eventually, figure, running, voice
from playwright.sync_api import Page, expect

def into_training(page: Page, steps: int) -> None:
    page.wait_for_function(
        "(steps) => Number(document.querySelector('[data-train-points]')?.dataset.trainPoints ?? 0) >= steps", arg=steps, timeout=TRAINING)


def shown(page: Page) -> tuple[list[int], list[int]]:
    """Numbers of the events in the log, and steps of the curve."""
    log = page.locator("[data-event]").evaluate_all("(all) => all.map((one) => Number(one.dataset.event))")
    steps = page.locator("[data-steps]").get_attribute("data-steps") if page.locator("[data-steps]").count() else ""
    return log, [int(step) for step in steps.split()]


def is_whole(page: Page, account, job: dict) -> None:
    """What is on the screen is the job's history, each event once."""
    history = list(account.follow(job))
    page.wait_for_function("(last) => Number(document.querySelector('[data-last-event]')?.dataset.lastEvent) === last", arg=history[-1].id, timeout=60_000)
    wanted = max(event.data["step"] for event in history if event.data.get("step"))
    whole = ([event.id for event in history if event.name != "progress"], list(range(1, wanted + 1)))
    eventually(lambda: shown(page) == whole, 60, f"the log has every event but the bar's, the curve every step, each once: {whole}")


@pytest.mark.slow
def test_reload_and_restart_in_the_middle(chromium, tmp_path):
    with running(tmp_path) as server:
        account = server.account("watcher")
        minion = account.minion("Watched")
        examples = account.dataset(voice(32), "jsonl", "voice.jsonl")
        job = account.job(minion, "lora_only", [examples], epochs=1, batch_size=2, **measuring(server, enabled=False))
        with visitor(chromium, server.url) as window:
            page = window.sign_in(account.email)
            page.goto(f"{server.url}/#/training/{job['id']}")
            into_training(page, 2)
            before = shown(page)
            page.reload()
            into_training(page, len(before[1]))
            after = shown(page)
            assert after[0][: len(before[0])] == before[0] and after[1][: len(before[1])] == before[1]

            # Gone without a word, as a machine that lost its power.
            server.end(signal.SIGKILL, within=30)
            expect(page.get_by_text("The connection is lost; trying again.")).to_be_visible()
            seen = shown(page)
            server.start()
            expect(page.get_by_text("The connection is lost; trying again.")).to_have_count(0, timeout=60_000)
            again = page.get_by_role("button", name="Try again")
            running_badge = page.get_by_text("Finished", exact=True).first
            expect(again.or_(running_badge)).to_be_visible(timeout=TRAINING)
            if again.count():
                again.click()
            expect(running_badge).to_be_visible(timeout=TRAINING)
            # The log is read anew when the job is over.
            expect(page.get_by_role("heading", name="Result")).to_be_visible()
            is_whole(page, account, job)
            assert shown(page)[0][: len(seen[0])] == seen[0], "nothing that was seen before the restart has changed"
            page.reload()
            is_whole(page, account, job)
        figure(f"training survived a reload and a restart: {len(list(account.follow(job)))} events, each shown once")
