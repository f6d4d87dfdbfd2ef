"""What the first view costs, and what the page's files are served with."""

import gzip
import re
from pathlib import Path

import httpx2 as httpx
import page_lint
import pytest
from browser import Visitor, visitor
from harness import ROOT, figure
from playwright.sync_api import expect

WEB = ROOT / "web"
BUDGET = 400_000


def transferred(window: Visitor) -> dict[str, int]:
    """Bytes over the wire by URL, heads included, from here on."""
    sizes: dict[str, int] = {}

    def finished(request):
        found = request.sizes()
        sizes[request.url] = found["responseHeadersSize"] + found["responseBodySize"]

    window.page.on("requestfinished", finished)
    return sizes


def test_the_first_view_is_light_and_stays_at_home(chromium, server, resident):
    resident.minion("Somebody to see")
    with visitor(chromium, server.url) as window:
        sizes = transferred(window)
        page = window.open()
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        outside = sum(sizes.values())
        window.sign_in(resident.email)
        expect(page.get_by_role("heading", name="Somebody to see")).to_be_visible()
        window.settled()
        inside = sum(sizes.values())
        # Again with everything kept, to see how long the first view takes.
        page.reload()
        expect(page.get_by_role("heading", name="Somebody to see")).to_be_visible()
        paint = page.wait_for_function("() => performance.getEntriesByType('paint').find((one) => one.name === 'first-contentful-paint')?.startTime")
        milliseconds = paint.json_value()
        assert not any("echarts" in url for url in sizes), "charts are loaded only where there are some"
        figure(f"first view: {outside / 1000:.0f} kB to the sign-in screen, {inside / 1000:.0f} kB with the minions, {len(sizes)} requests;"
               f" first paint of a reload after {milliseconds:.0f} ms")
        assert outside < inside < BUDGET


def imports(file: Path) -> set[Path]:
    """What a module imports at its start, and what that imports."""
    found: set[Path] = set()
    todo = [file]
    while todo:
        module = todo.pop()
        for path in re.findall(r"^(?:import|export) (?:[^'\n]* from )?'(\.[^']+)'", module.read_text(), re.M):
            one = (module.parent / path).resolve()
            if one not in found:
                found.add(one)
                todo.append(one)
    return found


def test_what_the_first_view_needs_is_asked_for_at_once():
    """Without a bundler one module would wait for the next; the page names them all in its head."""
    named = re.findall(r'rel="modulepreload" href="/web/([^"]+)"', (WEB / "index.html").read_text())
    needed = imports(WEB / "app.js") | imports(WEB / "minions/Minions.js") | {WEB / "minions/Minions.js"}
    assert set(named) == {str(file.relative_to(WEB)) for file in needed}


def test_the_page_asks_for_no_eval_and_no_inline_script(server):
    policy = server.http.get("/", headers={"Accept": "text/html"}).headers["content-security-policy"]
    assert "default-src 'none'" in policy and "script-src 'self';" in policy and "style-src 'self';" in policy and "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy and "http" not in policy
    html = (WEB / "index.html").read_text()
    assert not re.search(r"<script(?![^>]*src=)|\son\w+=|style=", html)


def test_the_policy_holds(window):
    """An inline script and an eval are refused by the browser, so a text that got into the page could run nothing."""
    page = window.open()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert page.evaluate("""() => {
        const script = document.createElement('script')
        script.textContent = 'window.wasRun = true'
        document.head.append(script)
        return window.wasRun === undefined
    }""")
    assert page.evaluate("() => { const button = document.createElement('button'); button.setAttribute('onclick', 'window.wasRun = 1'); button.click(); return window.wasRun === undefined }")
    blocked = [trouble for trouble in window.troubles if "Content Security Policy" in trouble]
    assert len(blocked) >= 1
    window.troubles.clear()


@pytest.mark.parametrize("name, kind", [("app.js", "text/javascript"), ("styles/base.css", "text/css"), ("icon.svg", "image/svg+xml")])
def test_files_have_their_type_and_are_compressed_and_revalidated(server, name, kind):
    plain = server.http.get(f"/web/{name}", headers={"Accept-Encoding": "identity"})
    packed = server.http.get(f"/web/{name}", headers={"Accept-Encoding": "gzip"})
    assert plain.headers["content-type"].split(";")[0] == kind and "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip" and packed.content == plain.content == (WEB / name).read_bytes()
    assert plain.headers["cache-control"] == "no-cache" and plain.headers["x-content-type-options"] == "nosniff"
    assert plain.headers["etag"] != packed.headers["etag"] and "accept-encoding" in plain.headers["vary"]
    again = server.http.get(f"/web/{name}", headers={"If-None-Match": plain.headers["etag"], "Accept-Encoding": "identity"})
    assert (again.status_code, again.content) == (304, b"")
    assert server.http.get(f"/web/{name}", headers={"If-None-Match": '"another"'}).status_code == 200


def test_names_that_carry_a_hash_are_kept_for_ever(server):
    for file in (WEB / "vendor").glob("*.js"):
        assert "immutable" in server.http.get(f"/web/vendor/{file.name}").headers["cache-control"], file.name


@pytest.mark.parametrize("path", [
    "", "vendor", "vendor/", "../README.md", "..%2fREADME.md", "%2e%2e/README.md", "lib/../../README.md", "lib/%2e%2e/%2e%2e/Makefile", "/etc/passwd", ".gitignore",
    "app.js.gz", "nothing.js", "app.js%00.css", "styles\\base.css"])
def test_nothing_else_is_served(server, path):
    # Past the client's own tidying of paths.
    url = httpx.URL(server.url).copy_with(raw_path=f"/web/{path}".encode())
    reply = server.http.get(url)
    assert reply.status_code in (400, 404), f"{path}: {reply.status_code} {reply.text[:100]}"
    assert "Atelier" not in reply.text and "root:" not in reply.text


def test_compressed_files_are_those_of_now(server):
    """A file that was edited after set-up is sent as it is, not as it was."""
    file = WEB / "lib" / "forms.js"
    packed = file.with_name(file.name + ".gz")
    assert gzip.decompress(packed.read_bytes()) == file.read_bytes(), "run scripts/page_files.py"


def test_programs_get_plain_text_at_the_root(server):
    reply = server.http.get("/", headers={"Accept": "*/*"})
    assert reply.headers["content-type"].startswith("text/plain") and "/openapi.json" in reply.text
    assert server.http.get("/", headers={"Accept": "text/html"}).headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("release, said", [
    ({"adapter_id": "a", "evaluation": {"base_validation_loss": 3.2, "validation_loss": 2.1}},
     "Release 1 has a trained voice. Loss on held-out replies: 2.10 with the voice, 3.20 without."),
    # No better than without: the figures say it, and no word claims more.
    ({"adapter_id": "a", "collection_id": "c", "evaluation": {"base_validation_loss": 3.2, "validation_loss": 3.3}},
     "Release 1 has a trained voice and an index of your documents. Loss on held-out replies: 3.30 with the voice, 3.20 without."),
    ({"adapter_id": "a", "evaluation": {"validation_loss": 2.1}}, "Release 1 has a trained voice. The voice was not measured."),
    ({"adapter_id": "a"}, "Release 1 has a trained voice. The voice was not measured."),
    ({"collection_id": "c", "evaluation": {"metrics": []}}, "Release 1 has an index of your documents."),
    ({}, "Release 1 has neither a voice nor documents."),
])
def test_a_voice_is_said_to_be_trained_and_what_it_measured(window, release, said):
    page = window.open()
    described = page.evaluate("async (release) => (await import('/web/lib/evaluation.js')).described(release)", {"number": 1, **release})
    assert described == said


@pytest.mark.parametrize("template, said", [
    ("html`<p>\n  A text\n  over two lines\n</p>`", "A text over two lines"),
    ("html`<p>${'a'}\n  ${'b'}</p>`", "ab"),
    ("html`<p>${'a'} and\n    ${'b'}</p>`", "a andb"),
    ("html`<p title=\"One\n  line\">${'a'} b</p>`", "a b"),
])
def test_a_line_break_in_a_template_is_layout(window, template, said):
    """Beside a tag or a hole it is nothing, inside a text one space; so a long line can be broken without a change on the screen."""
    page = window.open()
    node = page.evaluate(f"""async () => {{
        const {{ html }} = await import('/web/lib/html.js')
        const node = {template}
        const text = (one) => (Array.isArray(one) ? one.map(text).join('') : typeof one === 'object' ? text(one.children) : one)
        return {{ text: text(node), title: node.props.title ?? null }}
    }}""")
    assert node["text"] == said and node["title"] in (None, "One line")


def test_no_component_is_long_and_the_missions_names_are_there():
    files = [file for file in WEB.rglob("*.js") if "vendor" not in file.parts]
    assert [file.name for file in files if len(file.read_text().splitlines()) > 300] == []
    for name in ("training/ExternalTraining.js", "training/ExternalTrainingModal.js", "shared/ProviderSelector.js", "training/TrainingProgress.js"):
        assert (WEB / name).exists()


def test_a_screens_parts_lie_in_its_folder():
    """What one screen uses lies with it; what two use lies in shared/; a screen takes nothing out of another's folder."""
    screens = {folder for folder in WEB.iterdir() if folder.is_dir() and folder.name not in ("lib", "shared", "styles", "vendor")}
    for file in WEB.rglob("*.js"):
        if "vendor" in file.parts:
            continue
        home = WEB / file.relative_to(WEB).parts[0]
        for path in re.findall(r"(?:from |import\()'(\.[^']+)'", file.read_text()):
            target = WEB / (file.parent / path).resolve().relative_to(WEB.resolve()).parts[0]
            if home in screens:
                assert target == home or target not in screens, f"{file.relative_to(WEB)} takes {path} out of another screen"
            elif file != WEB / "app.js":
                assert target not in screens, f"{file.relative_to(WEB)} takes {path} out of a screen"
                assert home.name != "lib" or target.name in ("lib", "vendor"), f"{file.relative_to(WEB)} takes {path}"


@pytest.mark.parametrize("name, text, said", [
    ("lib/long.js", "// " + "x" * 138 + "\n", "lib/long.js:1: 141 characters"),
    ("styles/long.css", "a { color: " + "r" * 140 + " }\n", "styles/long.css:1:"),
    ("lib/dead.js", "export const dead = 1\n", "lib/dead.js: nobody imports dead"),
    ("lib/dead.js", "export async function lonely() {}\n", "lib/dead.js: nobody imports lonely"),
    ("styles/dead.css", ".nobody, .used:hover > .gone { top: 1.5rem; }\n", "styles/dead.css: nothing has the class nobody"),
    ("styles/dead.css", ".nobody, .used:hover > .gone { top: 1.5rem; }\n", "styles/dead.css: nothing has the class gone"),
])
def test_what_nobody_uses_and_long_lines_are_found(tmp_path, name, text, said):
    for folder in ("lib", "styles", "vendor"):
        (tmp_path / folder).mkdir()
    # In order: names that are imported at once, under another name, and later; a library is not ours to judge.
    (tmp_path / "lib/fine.js").write_text("export const one = 1\nexport const two = 'used'\nexport function three() {}\nexport const four = 4\n")
    (tmp_path / "app.js").write_text(
        "import { one, two as other } from './lib/fine.js'\n"
        "const load = async () => (await import('./lib/fine.js')).three\nconst { four } = await import('./lib/fine.js')\n")
    (tmp_path / "vendor/library.js").write_text("export const unused = 1 //" + "x" * 200)
    assert page_lint.problems(tmp_path) == []
    (tmp_path / name).write_text(text)
    assert any(problem.startswith(said) for problem in page_lint.problems(tmp_path)), page_lint.problems(tmp_path)


def test_the_page_is_in_order():
    assert page_lint.problems(WEB) == []
