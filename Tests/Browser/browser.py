"""The page in a real Chromium, and what a test may not overlook: errors, foreign requests, screenshots."""

import base64
import os
import re
import shutil
from contextlib import contextmanager, suppress
from pathlib import Path

from harness import ROOT, Server, ok
from playwright.sync_api import Browser, Error, Page, expect

CHROMIUM = os.environ.get("ATELIER_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
PASSWORD = "correct-horse-battery"
SIZES = {"wide": {"width": 1280, "height": 860}, "narrow": {"width": 390, "height": 844}}
# `make screenshots` names docs/page here.
SCREENSHOTS = Path(os.environ.get("ATELIER_SCREENSHOTS", ROOT / ".test-data/page"))
# A training on a busy machine takes a while; nothing waits longer than it has to.
TRAINING = 600_000

expect.set_options(timeout=60_000)


class Visitor:
    """One person's browser window, and all that went wrong in it."""

    def __init__(self, browser: Browser, url: str, scheme: str = "light", size: str = "wide"):
        self.url = url
        self.context = browser.new_context(color_scheme=scheme, viewport=SIZES[size], accept_downloads=True, locale="en-GB")
        self.context.grant_permissions(["clipboard-read", "clipboard-write"])
        self.context.set_default_timeout(60_000)
        self.page: Page = self.context.new_page()
        self.troubles: list[str] = []
        self.foreign: list[str] = []
        self.page.on("pageerror", lambda error: self.troubles.append(f"uncaught: {error}"))
        self.page.on("console", self._console)
        self.page.on("request", self._request)

    def _console(self, message) -> None:
        # A refusal is an answer, which Chromium writes down as an error of its own.
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            self.troubles.append(message.text)

    def _request(self, request) -> None:
        if not request.url.startswith((self.url, "data:", "blob:")):
            self.foreign.append(request.url)

    def open(self, path: str = "") -> Page:
        self.page.goto(f"{self.url}/#/{path}" if path else f"{self.url}/")
        return self.page

    def sign_in(self, email: str, password: str = PASSWORD) -> Page:
        self.open("sign-in")
        self.page.get_by_label("E-mail address").fill(email)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Sign in").click()
        expect(self.page.get_by_role("navigation", name="Main")).to_be_visible()
        return self.page

    def settled(self) -> None:
        """Nothing is being loaded any more, and what was loaded is on the screen."""
        self.page.wait_for_load_state("networkidle")
        expect(self.page.get_by_text(re.compile(r"^\s*(Loading|Looking for|Asking for|Adding up|Rendering).* …$")).filter(visible=True)).to_have_count(0)

    def close(self) -> None:
        self.context.close()
        assert self.troubles == [], self.troubles
        assert self.foreign == [], f"requests left the server's own origin: {self.foreign}"


@contextmanager
def visitor(browser: Browser, url: str, **options):
    """A window that must come to its end without any trouble."""
    one = Visitor(browser, url, **options)
    try:
        yield one
    except BaseException:
        # What the window showed, where it can still show something.
        (ROOT / ".test-data").mkdir(exist_ok=True)
        with suppress(Error):
            one.page.screenshot(path=ROOT / ".test-data/page-failed.png", timeout=10_000)
        one.context.close()
        raise
    one.close()


def measuring(server: Server, **settings) -> dict:
    """A job's settings of how much is measured, where the server measures."""
    config = ok(server.http.get("/openapi.json"))["components"]["schemas"]["TrainingConfig"]["properties"]
    return {"evaluation": settings} if "evaluation" in config else {}


def drop(page: Page, files: dict[str, str | bytes], target: str = ".drop") -> None:
    """Drops files onto the page, as from a folder of the desktop."""
    content = {name: base64.b64encode(data.encode() if isinstance(data, str) else data).decode() for name, data in files.items()}
    transfer = page.evaluate_handle(
        """(files) => {
            const transfer = new DataTransfer()
            for (const [name, text] of Object.entries(files)) {
                transfer.items.add(new File([Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))], name))
            }
            return transfer
        }""", content)
    for event in ("dragover", "drop"):
        page.dispatch_event(target, event, {"dataTransfer": transfer})


def screenshot(page: Page, name: str) -> Path:
    """The window as WebP, encoded by Chromium itself."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    png = base64.b64encode(page.screenshot(animations="disabled", caret="hide")).decode()
    # Beside the page: its own policy would not have it.
    blank = page.context.new_page()
    try:
        webp = blank.evaluate(
            """async (png) => {
                const image = new Image()
                image.src = `data:image/png;base64,${png}`
                await image.decode()
                const canvas = document.createElement('canvas')
                canvas.width = image.width
                canvas.height = image.height
                canvas.getContext('2d').drawImage(image, 0, 0)
                return canvas.toDataURL('image/webp', 0.72)
            }""", png)
    finally:
        blank.close()
    file = SCREENSHOTS / f"{name}.webp"
    file.write_bytes(base64.b64decode(webp.split(",", 1)[1]))
    return file
