"""A collection whose vectors a provider makes: a real OpenAI-compatible server, which is this one's own /v1/embeddings
behind a proxy that counts, refuses and holds as a test wants it."""

import json
import os
import signal
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx2 as httpx
import pytest
from harness import eventually, handbook, refused, running
from upstream import message, upstream, whole

MODEL = "bge-small-en-v1.5"
PAGES = ("kitchen.md", "darkroom.md", "governance.md", "membership.md")


class Embeddings:
    """Hands requests on to a minion's /v1/embeddings and remembers them."""

    def __init__(self):
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
                if proxy.calls_left is not None and proxy.calls_left <= 0:
                    proxy.waiting.set()
                    if proxy.holds:
                        proxy.go_on.wait(60)
                    return self.answer(503, b'{"error":{"message":"out of order","type":"server_error"}}')
                if proxy.calls_left is not None:
                    proxy.calls_left -= 1
                proxy.requests.append(body)
                asked = {key: value for key, value in body.items() if key in ("model", "input")}
                reply = httpx.post(f"{proxy.target}/v1/embeddings", json=asked, headers={"Authorization": self.headers["Authorization"]},
                                   timeout=120, trust_env=False)
                self.answer(reply.status_code, reply.content)

            def answer(self, status: int, content: bytes):
                try:
                    self.send_response(status)
                    self.send_header("Content-Type", "application/json")
                    self.send_header("Content-Length", str(len(content)))
                    self.end_headers()
                    self.wfile.write(content)
                except OSError:
                    pass

            def log_message(self, *arguments):
                pass

        self.target = ""
        # Bodies handed on, oldest first.
        self.requests: list[dict] = []
        # None: no end. Beyond them calls are refused, or held until `go_on`.
        self.calls_left: int | None = None
        self.holds = False
        self.waiting = threading.Event()
        self.go_on = threading.Event()
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}/v1"
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def texts(self) -> list[str]:
        """Without the one that only asks how long a vector is."""
        return [text for body in self.requests for text in body["input"] if text != "dimension"]


@contextmanager
def embeddings(account, provider: str = "custom"):
    """A provider of the account whose model is this server's own, through the proxy."""
    proxy = Embeddings()
    proxy.target = account.server.url
    try:
        token = account.token_of(account.minion("Embedding"))
        account.post("providers", {"provider": provider, "api_key": token, "base_url": proxy.url})
        yield proxy
    finally:
        proxy.go_on.set()
        proxy.http.shutdown()
        proxy.http.server_close()


def search(account, collection: dict, query: str = "What is the charge for one go in the darkroom?", **options) -> dict:
    return account.post(f"collections/{collection['id']}/search", {"query": query, "top_k": 5} | options)


def test_a_collection_of_a_providers_embedder_is_that_of_the_model(somebody):
    """The same model, once here and once behind a provider: the same passages with the same scores."""
    documents = somebody.dataset(handbook(*PAGES), "rag", "pages.zip")
    somebody.post("providers", {"provider": "openai", "api_key": "sk-anything-0123456789"})
    with embeddings(somebody) as proxy, upstream(whole(message())) as vendor:
        here = somebody.minion("Here")
        there = somebody.minion("There", provider="openai", model_id="recorded-1", base_url=vendor.url, pipeline={"top_k": 3})
        somebody.finish(somebody.job(here, "rag_only", [documents]))
        estimate, = somebody.post("external-training/jobs/estimate", {
            "minion_id": there["id"], "training_type": "rag_only", "dataset_ids": [documents["id"]],
            "config": {"embedder": {"provider": "custom", "model": MODEL}, "evaluation": {"enabled": False}}})["costs"]
        job, _ = somebody.finish(somebody.job(there, "rag_only", [documents], embedder={"provider": "custom", "model": MODEL}))
        assert (estimate["purpose"], estimate["model"]) == ("embedding", f"custom/{MODEL}")
        assert abs(estimate["calls"] - len(proxy.requests)) <= 2, "about as many calls as were made"
        assert job["config"]["embedder"] == {"provider": "custom", "model": MODEL}
        mine, theirs = (next(c for c in somebody.get("collections")["items"] if c["minion_id"] == minion["id"]) for minion in (here, there))
        assert (theirs["embedder"], theirs["dimension"], mine["embedder"]) == (f"custom/{MODEL}", 384, MODEL)
        assert len(proxy.texts) == theirs["chunk_count"] == mine["chunk_count"] and max(len(r["input"]) for r in proxy.requests) <= 32

        # This server's endpoint takes a text for a passage unless it is told otherwise, and our own search says "query".
        before = len(proxy.requests)
        found, expected = search(somebody, theirs, strategy="lexical"), search(somebody, mine, strategy="lexical")
        assert len(proxy.requests) == before and "embedder" not in found
        assert [p["chunk_id"] for p in found["passages"]] == [p["chunk_id"] for p in expected["passages"]]
        found = search(somebody, theirs)
        assert found["strategy"] == "hybrid" and found["embedder"] == f"custom/{MODEL}" and "degraded" not in found
        assert search(somebody, mine)["embedder"] == MODEL
        assert len(proxy.requests) == before + 1 and "darkroom.md" in {p["document"] for p in found["passages"]}
        asked = somebody.ask(there, "What is the charge for one go in the darkroom?", max_tokens=8)
        assert asked["trace"]["passages"] and not [d for d in asked["trace"].get("degraded", []) if d["stage"] == "retrieve"]

        # Every call upstream is on record for the minion, at a price that is unknown and not nothing.
        rows = eventually(lambda: used(somebody, there), 30, "the usage of the embedder")
        assert len(rows) == len(proxy.requests)
        assert all(cost is None and tokens > 0 and outcome == "ok" for tokens, cost, outcome in rows)

        # Without the provider words are searched, and the reply says so.
        proxy.calls_left = 0
        lost = search(somebody, theirs)
        assert lost["strategy"] == "lexical" and "out of order" in lost["degraded"] and lost["passages"] and "embedder" not in lost


def used(account, minion: dict) -> list[tuple]:
    account.get("usage")  # What the journal still holds is in the rows after it.
    return account.server.sql(
        "SELECT input_tokens, cost, outcome FROM usage_records WHERE minion_id = ? AND purpose = 'embedding' AND provider = 'custom'", minion["id"])


def test_another_embedder_builds_a_new_version_and_then_answers(somebody):
    documents = somebody.dataset(handbook(*PAGES), "rag", "pages.zip")
    minion = somebody.minion("Changing")
    somebody.finish(somebody.job(minion, "rag_only", [documents]))
    with embeddings(somebody) as proxy:
        embedder = {"provider": "custom", "model": MODEL}
        proxy.calls_left, proxy.holds = 2, True
        job = somebody.job(minion, "rag_only", [documents], embedder=embedder, collection_update="merge")
        assert proxy.waiting.wait(120)
        collection, = somebody.get("collections")["items"]
        # Until the new version is whole the old one answers, with its own model.
        assert (collection["version"], collection["building_version"], collection["embedder"]) == (1, 2, MODEL)
        assert search(somebody, collection)["embedder"] == MODEL
        proxy.calls_left = None
        proxy.go_on.set()
        somebody.finish(job)
        collection, = somebody.get("collections")["items"]
        assert (collection["version"], collection["embedder"]) == (2, f"custom/{MODEL}")
        assert search(somebody, collection)["embedder"] == f"custom/{MODEL}"
        # The same embedder again: nothing is embedded twice.
        before = len(proxy.texts)
        more = somebody.dataset(handbook("laser-cutter.md"), "rag", "more.zip")
        somebody.finish(somebody.job(minion, "rag_only", [more], embedder=embedder, collection_update="append"))
        collection, = somebody.get("collections")["items"]
        assert len(proxy.texts) - before < collection["chunk_count"] - before + 5 and collection["version"] == 3
        # And back: `local` is this server's own.
        somebody.finish(somebody.job(minion, "rag_only", [more], embedder={"provider": "local"}))
        collection, = somebody.get("collections")["items"]
        assert (collection["version"], collection["embedder"]) == (4, MODEL)


def test_a_provider_that_fails_names_itself_and_what_was_embedded_stays(somebody):
    documents = somebody.dataset(handbook(), "rag", "pages.zip")
    minion = somebody.minion("Interrupted")
    with embeddings(somebody) as proxy:
        proxy.calls_left = 4
        job = somebody.post("external-training/jobs", {
            "minion_id": minion["id"], "training_type": "rag_only", "dataset_ids": [documents["id"]], "start": True, "retry": {"max_attempts": 1},
            "config": {"embedder": {"provider": "custom", "model": MODEL}, "evaluation": {"enabled": False}}})
        list(somebody.follow(job))
        failed = somebody.show_job(job)
        assert failed["status"] == "FAILED" and failed["error"]["code"] == "provider_unavailable"
        assert "out of order" in failed["error"]["message"] and "providers/custom/test" in failed["error"]["hint"]
        # Those in the batch that failed are asked for again, the others are not.
        done = len(proxy.texts)
        proxy.calls_left = None
        somebody.post(f"external-training/jobs/{job['id']}/start")
        somebody.finish(job)
        collection, = somebody.get("collections")["items"]
        assert done >= 64 and len(proxy.texts) <= collection["chunk_count"] + 64 and len(proxy.texts) < done + collection["chunk_count"]


def test_a_killed_server_embeds_nothing_twice(tmp_path):
    with running(tmp_path) as server:
        account = server.account("killed")
        documents = account.dataset(handbook(), "rag", "pages.zip")
        minion = account.minion("Killed")
        with embeddings(account) as proxy:
            # Two for the length of a vector, two for the first batch.
            proxy.calls_left, proxy.holds = 4, True
            job = account.job(minion, "rag_only", [documents], embedder={"provider": "custom", "model": MODEL})
            assert proxy.waiting.wait(120)
            server.end(signal.SIGKILL, within=10)
            proxy.go_on.set()
            server.no_process_left(within=60)
            first = proxy.texts
            proxy.calls_left = None
            server.start()
            proxy.target = server.url
            account = server.sign_in(account.email)
            account.finish(job)  # By itself, as a second attempt.
            collection, = account.get("collections")["items"]
            # What was on its way when the server died, a batch at most, is all that comes again.
            assert len(first) >= 64 and len(proxy.texts) <= collection["chunk_count"] + 64


def test_limits_hold_for_the_embedder(somebody):
    documents = somebody.dataset(handbook(*PAGES), "rag", "pages.zip")
    minion = somebody.minion("Bounded")
    with embeddings(somebody) as proxy:
        somebody.put("limits", {"tokens_per_day": 50})
        job = somebody.job(minion, "rag_only", [documents], embedder={"provider": "custom", "model": MODEL})
        list(somebody.follow(job))
        failed = somebody.show_job(job)
        assert failed["status"] == "FAILED" and failed["error"]["code"] == "limit_exceeded" and proxy.texts == []


def test_nvidia_is_told_which_text_is_a_question(somebody):
    documents = somebody.dataset(handbook("kitchen.md"), "rag", "page.zip")
    minion = somebody.minion("Asymmetric")
    with embeddings(somebody, provider="nvidia") as proxy:
        somebody.finish(somebody.job(minion, "rag_only", [documents], embedder={"provider": "nvidia", "model": MODEL}))
        assert {body["input_type"] for body in proxy.requests} == {"passage"}
        collection, = somebody.get("collections")["items"]
        search(somebody, collection, "tea")
        assert proxy.requests[-1]["input_type"] == "query" and proxy.requests[-1]["input"] == ["tea"]


@pytest.mark.parametrize("embedder, field", [
    ({"provider": "nobody", "model": "m"}, "config.embedder.provider"), ({"provider": "openai"}, "config.embedder.model"),
    ({"model": "m"}, "config.embedder.provider"), ("openai", "config.embedder"),
])
def test_an_embedder_that_cannot_be_is_refused(somebody, embedder, field):
    minion = somebody.minion("Refused")
    documents = somebody.dataset(handbook("kitchen.md"), "rag", "page.zip")
    body = {"minion_id": minion["id"], "training_type": "rag_only", "dataset_ids": [documents["id"]], "config": {"embedder": embedder}}
    error = refused(somebody.request("POST", "external-training/jobs", json=body), 422, "invalid_request")
    assert field in {detail["field"] for detail in error["details"]}


def test_a_missing_key_is_found_before_anything_is_trained(somebody):
    minion = somebody.minion("Keyless")
    documents = somebody.dataset(handbook("kitchen.md"), "rag", "page.zip")
    job = somebody.job(minion, "rag_only", [documents], embedder={"provider": "openai", "model": "text-embedding-3-small"})
    list(somebody.follow(job))
    failed = somebody.show_job(job)
    assert failed["error"]["code"] == "provider_refused" and failed["error"]["step"] == "prepare" and "no active key" in failed["error"]["message"]


def test_other_forms_of_a_query_are_searched_and_shown(trained):
    """By the local model; off unless a search or a minion asks for it."""
    account, collection = trained.account, {"id": trained.release["collection_id"]}
    plain = search(account, collection)
    assert plain["variants"] == []

    def widened() -> dict | None:
        """Forms that come too late are left out, and said to be."""
        reply = search(account, collection, expand=2, top_k=20)
        assert len(reply["variants"]) <= 2
        return reply if reply["variants"] and "degraded" not in reply else None

    wide = eventually(widened, 120, "the model is quick enough")
    named = {signal.get("variant") for passage in wide["passages"] for signal in passage["signals"]}
    assert named <= {None, *wide["variants"]} and len(named) > 1
    asked = account.minion("Wide", pipeline={"expand": 1})
    assert asked["pipeline"]["expand"] == 1
    refused(account.request("POST", f"collections/{collection['id']}/search", json={"query": "x", "expand": 9}), 422, "invalid_request")
