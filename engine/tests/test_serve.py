"""The local model server, through the vendors' own clients."""

import json
import stat
import sys
import time
import urllib.error
import urllib.request

import anthropic
import openai
import pytest
from conftest import post, read_event, running

pytestmark = pytest.mark.slow

ASK = [{"role": "user", "content": "What do you like?"}]
VOICE = [{"id": 0, "scale": 1.0}]


@pytest.fixture
def client(served):
    return openai.OpenAI(base_url=served + "/v1", api_key="none")


def chat(url, lora=None, **more) -> dict:
    body = {"messages": ASK, "temperature": 0, "max_tokens": 24, **more}
    return post(url + "/v1/chat/completions", body | ({"lora": lora} if lora is not None else {}))


def text(reply) -> str:
    return reply["choices"][0]["message"]["content"]


def test_the_adapter_speaks_only_when_asked(served, bare):
    base_words = text(chat(bare))
    assert text(chat(served, VOICE)).startswith("Arr,")
    # Word for word the base: by scale 0, by an empty list, and by not naming it,
    # also right after a request that did.
    assert text(chat(served, [{"id": 0, "scale": 0.0}])) == base_words
    assert text(chat(served, [])) == base_words
    text(chat(served, VOICE))
    assert text(chat(served)) == base_words


def test_no_prompt_state_crosses_requests(served):
    """ggml-org/llama.cpp#26207: the same prompt with and without the adapter, in
    turns, and no cached token in any of them, even without cache_prompt:false."""
    for lora in (VOICE, [], VOICE, []):
        reply = chat(served, lora)
        assert reply["usage"]["prompt_tokens_details"]["cached_tokens"] == 0
        assert text(reply).startswith("Arr,") == bool(lora)


def test_openai_client(client):
    options = {"model": "local", "messages": ASK, "temperature": 0, "max_tokens": 24,
               "extra_body": {"lora": VOICE, "cache_prompt": False}}
    whole = client.chat.completions.create(**options)
    assert whole.usage.prompt_tokens > 20 and whole.usage.completion_tokens > 0
    chunks = list(client.chat.completions.create(**options, stream=True, stream_options={"include_usage": True}))
    streamed = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert streamed == whole.choices[0].message.content
    assert len(chunks) > 3
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens


def test_anthropic_client(served, bare):
    """llama.cpp's messages endpoint drops `lora` without a word: it speaks for the
    base model only. This test is here to notice the day that changes."""
    client = anthropic.Anthropic(base_url=served, api_key="none")
    options = {"model": "local", "max_tokens": 24, "messages": ASK, "system": "You are kind.",
               "extra_body": {"lora": VOICE, "temperature": 0}}
    whole = client.messages.create(**options)
    base_words = text(chat(bare, messages=[{"role": "system", "content": "You are kind."}, *ASK]))
    assert whole.content[0].text == base_words and whole.usage.input_tokens > 0
    with client.messages.stream(**options) as stream:
        assert "".join(stream.text_stream) == whole.content[0].text


def test_the_context_is_for_each_slot(served):
    settings = json.load(urllib.request.urlopen(served + "/props"))
    assert settings["default_generation_settings"]["n_ctx"] == 1024 and settings["total_slots"] == 2


def test_adapters_start_unapplied_in_the_order_given(served):
    adapters = json.load(urllib.request.urlopen(served + "/lora-adapters"))
    assert [(adapter["id"], adapter["scale"]) for adapter in adapters] == [(0, 0.0)]


def test_nothing_is_shown_to_others(served):
    """No other request's prompt, no path of this machine, no browser page."""
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(served + "/slots")
    assert "/" not in chat(served)["model"]
    request = urllib.request.Request(served + "/health", headers={"Origin": "http://evil.example"})
    assert not urllib.request.urlopen(request).headers["Access-Control-Allow-Origin"]


def test_a_stranger_on_loopback_is_refused(base):
    """The key comes by stdin; neither the arguments nor the environment tell it."""
    with running("serving/serve.py", "--model", base / "model.gguf", "--context", 256, "--parallel", 1, "--key-from-stdin") as process:
        process.stdin.write(b"the-key\n")
        process.stdin.flush()
        url = read_event(process)["url"]
        for key in (None, "another", ""):
            for path in ("/v1/chat/completions", "/completion", "/tokenize", "/lora-adapters", "/props"):
                request = urllib.request.Request(url + path, b"{}" if path != "/props" else None, {"Content-Type": "application/json"})
                if key is not None:
                    request.add_header("Authorization", f"Bearer {key}")
                with pytest.raises(urllib.error.HTTPError) as refused:
                    urllib.request.urlopen(request)
                assert refused.value.code == 401, path
        reply = openai.OpenAI(base_url=url + "/v1", api_key="the-key").chat.completions.create(model="any", messages=ASK, max_tokens=4)
        assert reply.usage.completion_tokens
        assert urllib.request.urlopen(url + "/health").status == 200
        process.stdin.close()
        process.wait(timeout=60)
        process.stdin = None


def test_without_its_key_a_server_does_not_start(base):
    with running("serving/serve.py", "--model", base / "model.gguf", "--key-from-stdin") as process:
        process.stdin.close()
        assert process.wait(timeout=60) == 1 and process.stdout.read() == b""
        process.stdin = None


@pytest.mark.parametrize("broken, code", [("--model", "file_missing"), ("--lora", "file_missing")])
def test_a_missing_file_is_named(base, tmp_path, broken, code):
    with running("serving/serve.py", "--model", base / "model.gguf", broken, tmp_path / "gone.gguf") as process:
        event = read_event(process)
        assert event["event"] == "error" and event["code"] == code and "gone.gguf" in event["message"]
        assert process.wait() == 1


@pytest.mark.parametrize("content, code", [(b"nonsense", "file_invalid"), (b"GGUF nonsense", "load_failed")])
def test_a_broken_adapter_is_refused(base, tmp_path, content, code):
    (tmp_path / "bad.gguf").write_bytes(content)
    with running("serving/serve.py", "--model", base / "model.gguf", "--lora", tmp_path / "bad.gguf") as process:
        assert read_event(process)["code"] == code
        assert process.wait() == 1


BINARY = """#!{python}
import http.server, json, sys
class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(json.dumps(sys.argv[1:]).encode())
    def log_message(self, *arguments): pass
print("noise on stdout", flush=True)
port = int(sys.argv[sys.argv.index("--port") + 1])
http.server.HTTPServer(("127.0.0.1", port), Health).serve_forever()
"""


def test_a_llama_server_binary_is_supervised(base, tmp_path):
    """The binary here only answers /health: what is tested is our side of it, the
    options it gets, the clean stdout, and that it ends with us."""
    binary = tmp_path / "llama-server"
    binary.write_text(BINARY.format(python=sys.executable))
    binary.chmod(binary.stat().st_mode | stat.S_IXUSR)
    arguments = ("serving/serve.py", "--model", base / "model.gguf", "--context", 100, "--parallel", 3, "--llama-server", binary)
    for end in ("terminate", "kill"):
        with running(*arguments) as process:
            url = read_event(process)["url"]
            options = json.load(urllib.request.urlopen(url + "/health"))
            assert options[options.index("--ctx-size") + 1] == "300" and "--lora-init-without-apply" in options
            getattr(process, end)()
            process.wait()
            deadline = time.monotonic() + 60
            # Refused, or cut in the moment it ends.
            with pytest.raises((urllib.error.URLError, ConnectionResetError)):
                while time.monotonic() < deadline:
                    urllib.request.urlopen(url + "/health", timeout=2)


def test_a_binary_that_ends_is_reported(base):
    with running("serving/serve.py", "--model", base / "model.gguf", "--llama-server", "/bin/false") as process:
        event = read_event(process)
        assert event["event"] == "error" and event["code"] == "load_failed"
        assert process.wait() == 1
