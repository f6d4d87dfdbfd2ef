"""Every screen by axe-core, in light and dark; every flow by keyboard alone; every screen as a picture, wide and narrow."""

import json
import re
import shutil
import subprocess
import sys
import time
from contextlib import closing

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser import PASSWORD, SIZES, TRAINING, Visitor, drop, measuring, screenshot, visitor
from harness import ROOT, SAMPLES, Account, eventually, handbook, ok, voice
from playwright.sync_api import Page, expect
from test_webhooks import Receiver
from vendor import KEY, MODELS

# Address, name of the picture, and a heading that is there when it is.
SCREENS = {
    "minions": ("minions", "Minions"), "minion": ("minions/{minion}", "Porter"), "connect": ("minions/{minion}/connect", "Porter"),
    "settings": ("minions/{minion}/settings", "Porter"), "data": ("datasets", "Data"), "dataset": ("datasets/{examples}", "voice.jsonl"),
    "collections": ("datasets?show=collections", "Data"), "collection": ("collections/{collection}", "Porter"), "training": ("training", "Training"),
    "new-training": ("training?new={minion}", "New training"), "job": ("training/{job}", "First lessons"), "playground": ("playground/{minion}", "Playground"),
    "trial": ("minions/{trial}", "Usher"), "planned": ("training/{planned}", "Every night"), "webhooks": ("webhooks", "Webhooks"),
    "providers": ("providers", "Providers"), "usage": ("usage", "Usage"), "admin-users": ("admin", "Administration"), "admin-limits": ("admin/limits", "Administration"),
    "admin-health": ("admin/health", "Administration"), "admin-audit": ("admin/audit", "Administration"),
}
# What opens on a screen: its screen, and the buttons and folds that lead there.
OPENED = {
    "policy": ("minion", ["Change"]), "bring-in": ("minion", ["Import"]), "try": ("minion", ["Release 2", "Try it"]), "plan": ("planned", ["Change"]),
    "start-later": ("planned", ["At a time …"]), "deliveries": ("webhooks", ["Deliveries"]), "new-webhook": ("webhooks", ["New webhook"]),
    "new-secret": ("webhooks", ["New secret", "Make a new one"]), "when": ("new-training", ["When it runs"]),
    "elsewhere": ("minion", ["What has happened to it", "Export"]),
}
# Those of them that docs/page.md shows.
PICTURED = ["policy", "bring-in", "try", "plan", "deliveries"]
OPTIONAL = {"admin-jobs": ("admin/jobs", "/api/admin/jobs"), "admin-workers": ("admin/workers", "/api/admin/workers")}


@pytest.fixture(scope="module")
def furnished(server, answering):
    """A superuser with everything that a screen can show, a finished hybrid job among it; and the ids of its addresses."""
    with closing(Receiver()) as receiver:
        yield furnish(server, answering, receiver)


def furnish(server, answering, receiver: Receiver) -> tuple[Account, dict[str, str]]:
    account = server.account("porter", "--superuser")
    account.post("providers", {"provider": "custom", "api_key": KEY, "base_url": answering.url, "prices": [{"input": 2, "output": 8}]})
    minion = account.minion("Porter", provider="custom", model_id=MODELS[0], pipeline={"top_k": 3})
    account.minion("Ledger", system_prompt="Answer in one sentence.")
    examples = account.dataset(voice(16), "jsonl", "voice.jsonl")
    documents = account.dataset(handbook("opening-hours.md", "kitchen.md", "darkroom.md", "wood-shop.md"), "rag", "handbook.zip")
    job = account.post("external-training/jobs", {
        "job_name": "First lessons", "minion_id": minion["id"], "training_type": "hybrid", "dataset_ids": [examples["id"], documents["id"]],
        "config": {"epochs": 1, "batch_size": 4} | measuring(server, examples=1), "start": True})
    job, _ = account.finish(job)
    account.job(account.minion("Wick"), "rag_only", [documents])
    account.put("limits", {"cost_per_month": 5, "requests_per_day": 200})
    for question in ("When is the workshop open on Saturdays?", "Who cleans the kitchen?"):
        account.ask(minion, question)
    collection = next(one for one in account.get("collections")["items"] if one.get("minion_id") == minion["id"])
    planned = account.post("external-training/jobs", {
        "job_name": "Every night", "minion_id": minion["id"], "training_type": "lora_only", "dataset_ids": [examples["id"]],
        "schedule": {"cron": "0 3 * * *", "time_zone": "Europe/Paris"}, "retrain_on_change": True})
    webhook = account.post("webhooks", {"url": receiver.url, "events": ["job.failed", "release.promoted", "release.rejected"]})
    trial = on_trial(account, minion)
    account.put(f"minions/{minion['id']}", {"release_policy": {"mode": "automatic", "metric": "validation_loss", "arm": "voice", "margin": 0.05}})
    account.post(f"webhooks/{webhook['id']}/test")
    eventually(lambda: {"release.promoted", "ping"} <= set(receiver.types()), 30, "the webhook is told")
    return account, {"minion": minion["id"], "examples": examples["id"], "job": job["id"], "collection": collection["id"], "trial": trial["id"], "planned": planned["id"]}


def on_trial(account: Account, source: dict) -> dict:
    """A minion with two releases of another's content, the second on trial; and a second release of the other's."""
    release = account.get(f"minions/{source['id']}/releases")["items"][0]
    archive = account.request("GET", f"minions/{source['id']}/releases/{release['id']}/archive").content
    minion = account.minion("Usher", provider="custom", model_id=MODELS[0], pipeline={"use_draft": False})
    for one, promote in ((minion, "true"), (minion, "false"), (source, "false")):
        ok(account.request("POST", f"minions/{one['id']}/releases/import", params={"promote": promote}, content=archive))
    second = next(one for one in account.get(f"minions/{minion['id']}/releases")["items"] if one["state"] == "candidate")
    account.post(f"minions/{minion['id']}/releases/{second['id']}/canary", {"percent": 40, "min_requests": 5, "promote_after": 40})
    for conversation in range(24):
        account.post(f"minions/{minion['id']}/ask", {"question": "Who cleans the kitchen?"}, headers={"X-Conversation-Id": f"c{conversation}"})
    return minion


def screens(server) -> dict[str, tuple[str, str]]:
    paths = ok(server.http.get("/openapi.json"))["paths"]
    return SCREENS | {name: (address, "Administration") for name, (address, path) in OPTIONAL.items() if path in paths}


def show(window: Visitor, address: str, heading: str) -> Page:
    page = window.page
    page.goto(f"{window.url}/#/{address}")
    expect(page.get_by_role("heading", name=heading).first).to_be_visible()
    window.settled()
    return page


def violations(page: Page) -> list[str]:
    """What axe-core calls serious or critical, with where it is."""
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [f"{one['id']}: {one['help']}: {node['html'][:160]} {(node.get('any') or [{}])[0].get('message', '')}"
            for one in found if one["impact"] in ("serious", "critical") for node in one["nodes"][:4]]


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_screen_is_accessible_and_pictured(chromium, server, furnished, scheme, size):
    account, ids = furnished
    wrong: dict[str, list[str]] = {}
    with visitor(chromium, server.url, scheme=scheme, size=size) as window:
        page = window.open("sign-in")
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        wrong["sign-in"] = violations(page)
        screenshot(page, f"sign-in-{size}-{scheme}")
        window.sign_in(account.email)
        for name, (address, heading) in screens(server).items():
            show(window, address.format(**ids), heading)
            if page.locator("canvas").count() or page.locator(".chart").count():
                expect(page.locator(".chart canvas").first).to_be_visible()
            if name == "collection":
                page.get_by_role("searchbox").fill("When is it open on Saturdays?")
                page.get_by_role("button", name="Search").click()
                expect(page.locator(".passage").first).to_be_visible()
            if name == "playground":
                page.get_by_label("Your question").fill("When is the workshop open on Saturdays?")
                page.get_by_role("button", name="Ask", exact=True).click()
                expect(page.get_by_role("button", name="Trace")).to_be_visible(timeout=120_000)
            overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            wrong[name] = violations(page) + ([f"{overflow} px wider than the window"] if overflow > 0 else [])
            screenshot(page, f"{name}-{size}-{scheme}")
            if name == "playground":
                page.get_by_role("button", name="Trace").click()
                expect(page.get_by_role("list", name="Timeline")).to_be_visible()
                wrong["trace"] = violations(page)
                screenshot(page, f"trace-{size}-{scheme}")
        for name, (screen, buttons) in OPENED.items():
            address, heading = SCREENS[screen]
            # From elsewhere, so that nothing of the dialog before is left.
            show(window, *SCREENS["providers"])
            show(window, address.format(**ids), heading)
            for button in buttons:
                page.get_by_role("button", name=re.compile(f"^{button}")).or_(page.locator("summary", has_text=button)).first.click()
            expect(page.locator("dialog[open], details[open]").first).to_be_visible()
            window.settled()
            wrong[name] = violations(page)
            if name in PICTURED:
                screenshot(page, f"{name}-{size}-{scheme}")
    assert {name: found for name, found in wrong.items() if found} == {}


def test_the_docs_show_every_screen():
    """docs/page.md shows each in light and wide, its dark and its narrow pictures lie beside it, and all of them are small."""
    text = (ROOT / "docs/page.md").read_text()
    for name in ["sign-in", "trace", *SCREENS, *PICTURED, *OPTIONAL]:
        assert f"page/{name}-wide-light.webp" in text, name
        for look in ("wide-dark", "narrow-light", "narrow-dark"):
            assert (ROOT / f"docs/page/{name}-{look}.webp").exists(), f"{name}: run make screenshots"
    for file in re.findall(r"\]\((page/[^)]+\.webp)\)", text):
        assert (ROOT / "docs" / file).exists(), f"{file}: run make screenshots"
    assert sum(file.stat().st_size for file in (ROOT / "docs/page").iterdir()) < 3_500_000


# --- by keyboard alone -----------------------------------------------------------


def focused(page: Page) -> str:
    """Name of what has the focus."""
    return page.evaluate("""() => {
        const one = document.activeElement
        const label = one.labels?.[0]?.innerText ?? one.getAttribute('aria-label') ?? one.innerText
        return (label ?? '').trim()
    }""")


def tab_to(page: Page, name: str, within: float = 60) -> None:
    """Presses Tab until what is called so has the focus, going round while the screen is being loaded."""
    passed = []
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        page.keyboard.press("Tab")
        passed.append(focused(page))
        if passed[-1].startswith(name):
            outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle + getComputedStyle(document.activeElement.closest('label') ?? document.activeElement).outlineStyle")
            assert outline != "nonenone", f"{name}: the focus can be seen"
            return
    raise AssertionError(f"Tab never came to {name!r}; it passed {passed[-100:]}")


def press(page: Page, name: str) -> None:
    tab_to(page, name)
    page.keyboard.press("Enter")


def test_register_make_ask_and_leave_by_keyboard(window, server):
    page = window.open("sign-in")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    press(page, "Make an account")
    expect(page.get_by_role("heading", name="Make an account")).to_be_visible()
    tab_to(page, "E-mail address")
    page.keyboard.type("keys@example.org")
    tab_to(page, "Password")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="No minion yet")).to_be_visible()
    press(page, "New minion")
    expect(page.get_by_role("dialog", name="New minion")).to_be_visible()
    expect(page.get_by_label("Model", exact=True)).to_be_visible()
    page.get_by_label("Name", exact=True).focus()
    page.keyboard.type("Typed")
    press(page, "Make the minion")
    expect(page.get_by_role("heading", name="Typed", level=1)).to_be_visible()
    press(page, "Connect")
    press(page, "Make a token")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    assert focused(page).startswith("Make a token"), "the focus is back where it was"
    press(page, "Playground")
    expect(page.get_by_label("Your question")).to_be_visible()
    tab_to(page, "Your question")
    page.keyboard.type("Say one word.")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Trace")).to_be_visible(timeout=120_000)
    press(page, "Trace")
    expect(page.get_by_role("dialog", name="How this answer came about")).to_be_visible()
    page.keyboard.press("Escape")
    press(page, "Sign out")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


@pytest.mark.slow
def test_provider_data_training_and_removal_by_keyboard(window, server, answering):
    account = server.account("typist")
    account.minion("Typed")
    account.dataset(handbook("kitchen.md"), "rag", "kitchen.zip")
    page = window.sign_in(account.email)
    press(page, "Providers")
    expect(page.get_by_role("heading", name="Not set up")).to_be_visible()
    press(page, "Set up")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    assert focused(page).startswith("API key")
    page.keyboard.type(KEY)
    tab_to(page, "Address")
    page.keyboard.type(answering.url)
    page.keyboard.press("Enter")
    expect(dialog).to_have_count(0)
    expect(page.get_by_role("list").first).to_be_visible()
    press(page, "Training")
    expect(page.get_by_role("heading", name="No training yet")).to_be_visible()
    press(page, "New training")
    expect(page.get_by_role("radio", name="Voice and knowledge")).to_be_visible()
    tab_to(page, "Voice and knowledge")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("radio", name="Knowledge", exact=False).last).to_be_checked()
    tab_to(page, "kitchen.zip")
    page.keyboard.press("Space")
    press(page, "Start training")
    expect(page.get_by_text("Finished", exact=True).first).to_be_visible(timeout=TRAINING)
    press(page, "Data")
    press(page, "kitchen.zip")
    expect(page.get_by_role("heading", name="kitchen.zip")).to_be_visible()
    press(page, "Delete")
    question = page.get_by_role("dialog")
    expect(question).to_contain_text("Delete kitchen.zip?")
    assert focused(page) == "Keep", "what cannot be undone is not the first answer"
    press(page, "Delete")
    expect(page.get_by_role("heading", name="No data yet")).to_be_visible()


def test_a_webhook_and_a_schedule_by_keyboard(window, server):
    account = server.account("night-typist")
    account.minion("Typed")
    account.dataset(voice(4), "jsonl", "voice.jsonl")
    with closing(Receiver()) as receiver:
        page = window.sign_in(account.email)
        press(page, "Webhooks")
        expect(page.get_by_role("heading", name="No webhooks yet")).to_be_visible()
        press(page, "New webhook")
        dialog = page.get_by_role("dialog")
        expect(dialog).to_be_visible()
        assert focused(page).startswith("Address")
        page.keyboard.type(receiver.url)
        tab_to(page, "A job failed")
        page.keyboard.press("Space")
        press(page, "Add it")
        expect(dialog.locator(".secret")).to_be_visible()
        press(page, "I have it")
        expect(dialog).to_have_count(0)
        press(page, "Test")
        expect(dialog).to_contain_text("Delivered")
        page.keyboard.press("Escape")
        press(page, "Delete")
        assert focused(page) == "Keep", "what cannot be undone is not the first answer"
        press(page, "Delete")
        expect(page.get_by_role("heading", name="No webhooks yet")).to_be_visible()
    press(page, "Training")
    press(page, "New training")
    expect(page.get_by_role("radio", name="Voice and knowledge")).to_be_visible()
    tab_to(page, "Voice and knowledge")
    page.keyboard.press("ArrowDown")
    tab_to(page, "voice.jsonl")
    page.keyboard.press("Space")
    press(page, "When it runs")
    tab_to(page, "Begins")
    page.keyboard.type("Not yet")
    tab_to(page, "Repeats")
    page.keyboard.type("Every Monday")
    press(page, "Make the job")
    card = page.get_by_role("region", name="When it runs")
    expect(card).to_contain_text("Every Monday at 3:00")
    press(page, "End the repeats")
    expect(card).to_contain_text("Repeatsnever")


# --- what the page gives to programs ------------------------------------------------


def test_a_token_is_shown_once_and_its_programs_work(window, server, answering):
    """The snippets, as they are copied."""
    account = server.account("maker")
    account.post("providers", {"provider": "custom", "api_key": KEY, "base_url": answering.url})
    # A name that every quoting has to get right.
    minion = account.minion("Ann's \"best\" minion", provider="custom", model_id=MODELS[0])
    page = window.sign_in(account.email)
    page.goto(f"{server.url}/#/minions/{minion['id']}/connect")
    page.get_by_role("button", name="Make a token").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Make the token").click()
    token = dialog.locator(".secret").inner_text()
    dialog.get_by_role("button", name="Copy the token").click()
    assert page.evaluate("navigator.clipboard.readText()") == token
    programs = {}
    for language in ("curl", "Python", "JavaScript"):
        dialog.get_by_role("button", name=language, exact=True).click()
        dialog.get_by_role("button", name="Copy", exact=True).click()
        programs[language] = page.evaluate("navigator.clipboard.readText()")
    dialog.get_by_role("button", name="I have it").click()
    expect(dialog).to_have_count(0)
    assert token not in page.content() and token not in page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")
    page.reload()
    expect(page.get_by_text(f"ends in {token[-4:]}")).to_be_visible()
    assert token not in page.content()
    commands = {"curl": ["bash", "-c"], "Python": [sys.executable, "-c"], "JavaScript": ["node", "--input-type=module", "-e"]}
    for language, program in programs.items():
        if not shutil.which(commands[language][0]):
            continue
        done = subprocess.run([*commands[language], program], capture_output=True, text=True, timeout=60)
        said = json.loads(done.stdout)["choices"][0]["message"]["content"] if language == "curl" else done.stdout
        assert "open from ten" in said, f"{language}: {done.stdout} {done.stderr}"


def test_what_is_dropped_in_a_training_is_picked(window, server):
    account = server.account("dropper")
    account.minion("Eager")
    page = window.sign_in(account.email)
    page.goto(f"{server.url}/#/training?new")
    dialog = page.get_by_role("dialog", name="New training")
    expect(dialog.get_by_label("Minion")).to_have_value(account.get("minions")["items"][0]["id"])
    drop(page, {"kitchen.md": (SAMPLES / "handbook/kitchen.md").read_bytes(), "voice.jsonl": voice(3)}, target="dialog .drop")
    expect(dialog.get_by_role("checkbox", name="kitchen.md")).to_be_checked()
    expect(dialog.get_by_role("checkbox", name="voice.jsonl")).to_be_checked()
    expect(dialog.get_by_role("list", name="Still missing")).to_have_count(0)
