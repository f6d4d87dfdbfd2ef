"""Money and limits: what is recorded, what a budget stops, and what a killed server still knows."""

import json
import random
import signal
import threading
import time
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest
from harness import Account, Server, eventually, figure, handbook, refused, running

# Priced: 0.15 and 0.60 US dollars per million tokens.
MODEL = "gpt-4o-mini"
OUTPUT_PRICE = 0.60e-6
INPUT_PRICE = 0.15e-6


class Upstream:
    """An OpenAI-compatible vendor that answers at once: `words` words, and `usage` where it tells it.

    As a stream it holds the connection after the words while `hold` is set, until it is cut."""

    def __init__(self, words: int = 3, usage: dict | None = None, usage_with_text: bool = False, hold: bool = False):
        upstream = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with upstream.lock:
                    upstream.requests += 1
                if body.get("stream"):
                    return self.stream()
                reply = {
                    "id": "x", "object": "chat.completion", "model": MODEL,
                    "choices": [{"index": 0, "message": {"role": "assistant", "content": "word " * words}, "finish_reason": "stop"}],
                }
                data = json.dumps(reply | ({"usage": upstream.usage} if upstream.usage else {})).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def stream(self):
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.send_header("Connection", "close")
                self.end_headers()
                try:
                    for _ in range(words):
                        self.chunk({"content": "word "}, usage=upstream.usage if usage_with_text else None)
                    if hold:
                        # Until the other side is gone.
                        while True:
                            self.wfile.write(b": \n\n")
                            self.wfile.flush()
                            time.sleep(0.02)
                    self.chunk({}, finish="stop", usage=upstream.usage)
                    self.wfile.write(b"data: [DONE]\n\n")
                except OSError:
                    upstream.cut.set()
                self.close_connection = True

            def chunk(self, delta: dict, finish: str | None = None, usage: dict | None = None):
                event = {"id": "x", "model": MODEL, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
                self.wfile.write(f"data: {json.dumps(event | ({'usage': usage} if usage else {}))}\n\n".encode())
                self.wfile.flush()

            def log_message(self, *arguments):
                pass

        self.usage = usage
        self.requests = 0
        self.cut = threading.Event()
        self.lock = threading.Lock()
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}/v1"
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()


@contextmanager
def upstream(**options):
    vendor = Upstream(**options)
    try:
        yield vendor
    finally:
        vendor.close()


def usage(input: int, output: int) -> dict:
    return {"prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output}


def minion_at(account: Account, vendor: Upstream, provider: str = "openai", model: str = MODEL) -> dict:
    account.post("providers", {"provider": provider, "api_key": "sk-0123456789abcdef", "base_url": vendor.url})
    return account.minion("Metered", provider=provider, model_id=model)


def records(account: Account) -> list[dict]:
    return account.get("usage?limit=100")["items"]


def used(account: Account, name: str) -> float:
    return next(limit["used"] for limit in account.get("limits")["limits"] if limit["name"] == name)


def stream(account: Account, minion: dict, **settings) -> str:
    body = {"question": "Hello?", "stream": True, "max_tokens": 50} | settings
    with account.server.http.stream("POST", f"{account.base}/minions/{minion['id']}/ask", headers=account.headers, json=body) as response:
        if response.status_code != 200:
            response.read()
            refused(response, 429, "limit_exceeded")
            return ""
        return response.read().decode()


@pytest.mark.parametrize("usage_with_text", [False, True])
def test_trap_1_streamed_spend_is_recorded_and_trips_a_budget(somebody, superuser, usage_with_text):
    """€830 invoiced and $1.47 recorded; a usage chunk with choices dropped."""
    with upstream(usage=usage(1000, 100), usage_with_text=usage_with_text) as vendor:
        minion = minion_at(somebody, vendor)
        assert "event: done" in stream(somebody, minion)
        record, = records(somebody)
        cost = 1000 * INPUT_PRICE + 100 * OUTPUT_PRICE
        assert (record["input_tokens"], record["output_tokens"], record["is_estimate"]) == (1000, 100, False)
        assert record["cost"] == pytest.approx(cost) and record["key_id"].startswith("key_")
        assert used(somebody, "cost_per_day") == used(somebody, "cost_per_month") == pytest.approx(cost)
        superuser.put(f"/api/admin/users/{somebody.id}/limits", {"cost_per_month": 1.5 * cost})
        assert "event: done" in stream(somebody, minion)
        assert stream(somebody, minion) == "", "the budget is spent"
        assert vendor.requests == 2


def test_trap_2_an_unknown_price_is_unknown(somebody):
    """Not 0: null, told beside the sums, and refused where the budget says so."""
    with upstream(usage=usage(10, 20)) as vendor:
        minion = minion_at(somebody, vendor, provider="custom", model="nobody-knows")
        reply = somebody.ask(minion, "Hello?")
        assert reply["usage"]["cost"] is None
        record, = records(somebody)
        assert "cost" not in record and record["output_tokens"] == 20
        summary, = somebody.get("usage")["summary"]
        assert summary["unpriced_requests"] == 1 and summary["cost"] == 0
        overview = somebody.get("limits")
        assert overview["unpriced_requests"] == 1
        somebody.put("limits", {"cost_per_day": 1})
        somebody.ask(minion, "Hello?")
        somebody.put("limits", {"cost_per_day": 1, "unpriced": "refuse"})
        error = refused(somebody.request("POST", f"minions/{minion['id']}/ask", json={"question": "Hello?"}), 429, "limit_exceeded")
        assert error["details"][0]["code"] == "price_unknown" and vendor.requests == 2


def test_trap_4_another_token_or_key_or_minion_is_the_same_budget(somebody, superuser):
    with upstream(usage=usage(1000, 100)) as vendor:
        minion = minion_at(somebody, vendor)
        superuser.put(f"/api/admin/users/{somebody.id}/limits", {"requests_per_day": 1})
        somebody.ask(minion, "Hello?")
        somebody.token_of(minion)
        somebody.put("providers/openai", {"api_key": "sk-another-0123456789"})
        somebody.delete("providers/openai")
        somebody.post("providers", {"provider": "openai", "api_key": "sk-third-0123456789", "base_url": vendor.url})
        other = somebody.minion("Other", provider="openai", model_id=MODEL)
        for one in (minion, other):
            refused(somebody.request("POST", f"minions/{one['id']}/ask", json={"question": "Hello?"}), 429, "limit_exceeded")
            token = somebody.token_of(one)
            for streamed in (False, True):
                reply = somebody.server.http.post(
                    "/v1/chat/completions", headers={"Authorization": f"Bearer {token}"},
                    json={"model": one["name"], "messages": [{"role": "user", "content": "Hello?"}], "stream": streamed})
                assert refused(reply, 429, "insufficient_quota")["type"] == "insufficient_quota"
                assert int(reply.headers["retry-after"]) >= 1
                assert reply.headers["x-ratelimit-limit-requests"] == "1" and reply.headers["x-ratelimit-remaining-requests"] == "0"
        assert vendor.requests == 1


@pytest.mark.parametrize("told", [False, True])
def test_trap_5_a_client_that_leaves_pays_for_what_it_took(somebody, told):
    """The provider's count where it was seen, else an estimate that is marked as one; and upstream is cut."""
    with upstream(words=40, hold=True, usage=usage(70, 60), usage_with_text=told) as vendor:
        minion = minion_at(somebody, vendor)
        body = {"question": "Hello?", "stream": True}
        with somebody.server.http.stream("POST", f"{somebody.base}/minions/{minion['id']}/ask", headers=somebody.headers, json=body) as response:
            for text in response.iter_text():
                if "event: text" in text:
                    break
        assert vendor.cut.wait(20), "the call upstream goes on"
        record, = eventually(lambda: records(somebody), 20, "the attempt is recorded")
        assert record["outcome"] == "cancelled" and record["cost"] > 0
        assert record["is_estimate"] is not told
        if told:
            assert (record["input_tokens"], record["output_tokens"]) == (70, 60)
        else:
            assert record["input_tokens"] > 0 and record["output_tokens"] > 0
        assert used(somebody, "cost_per_day") == pytest.approx(record["cost"])
        assert used(somebody, "concurrent_requests") == 0


class Clients:
    """Connections that ask one after the other, each on its own, and count what they received whole."""

    def __init__(self, server: Server, token: str, model: str, connections: int, most: int = 1_000_000, max_tokens: int = 50):
        self.received = [0] * connections
        self.refused = [0] * connections
        address = urlsplit(server.url).netloc
        body = json.dumps({"model": model, "messages": [{"role": "user", "content": "Hello?"}], "max_tokens": max_tokens})
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

        def ask(number: int) -> None:
            try:
                with closing(HTTPConnection(address, timeout=30)) as connection:
                    for _ in range(most):
                        connection.request("POST", "/v1/chat/completions", body, headers)
                        reply = connection.getresponse()
                        text = reply.read()
                        if reply.status == 429:
                            self.refused[number] += 1
                        elif reply.status == 200 and json.loads(text)["choices"]:
                            self.received[number] += 1
                        else:
                            return
            except (OSError, HTTPException, ValueError):
                pass  # The server is gone.

        self.threads = [threading.Thread(target=ask, args=(number,)) for number in range(connections)]
        for thread in self.threads:
            thread.start()

    def join(self) -> None:
        for thread in self.threads:
            thread.join()


def test_a_killed_server_has_lost_no_record_of_what_it_answered(tmp_path):
    connections = 8
    with upstream(usage=usage(10, 20)) as vendor, running(tmp_path) as server:
        account = server.account("counted")
        minion = minion_at(account, vendor)
        token = account.token_of(minion)
        total = 0
        for turn in range(3):
            clients = Clients(server, token, "Metered", connections)
            eventually(lambda: sum(clients.received) > 20, 60, "some replies")
            time.sleep(random.uniform(0, 0.7))
            server.end(signal.SIGKILL, within=10)
            clients.join()
            total += sum(clients.received)
            left = server.files("usage/*")
            server.start()
            account.server = server
            recorded = sum(line["requests"] for line in account.get("usage")["summary"])
            figure(f"kill -9, turn {turn + 1}: {total} replies received, {recorded} recorded, {len(left)} journal files left")
            assert total <= recorded <= total + connections, "short by no reply, and beyond by no more than was under way"
            assert used(account, "requests_per_day") == recorded
            total = recorded
        server.end(signal.SIGTERM, within=30)
        assert server.files("usage/*") == set(), "a server that ends in order leaves no journal"
        (rows,), = server.sql("SELECT COUNT(*) FROM usage_records")
        assert rows == total


def test_connections_at_the_same_time_do_not_overspend_a_budget(somebody, superuser):
    connections, max_tokens = 8, 1000
    with upstream(usage=usage(5, max_tokens)) as vendor:
        minion = minion_at(somebody, vendor)
        each = 5 * INPUT_PRICE + max_tokens * OUTPUT_PRICE
        budget = 20.5 * each
        superuser.put(f"/api/admin/users/{somebody.id}/limits", {"cost_per_day": budget})
        clients = Clients(somebody.server, somebody.token_of(minion), "Metered", connections, most=12, max_tokens=max_tokens)
        clients.join()
        spent = sum(record["cost"] for record in records(somebody))
        figure(f"budget of {budget:.6f}: {spent:.6f} spent over {connections} connections, {sum(clients.refused)} requests refused")
        assert sum(clients.received) == vendor.requests and sum(clients.refused) > 0
        assert sum(clients.received) + sum(clients.refused) == 12 * connections
        # A reservation is an estimate; this vendor uses no more than it was allowed.
        assert spent <= budget
        assert used(somebody, "cost_per_day") == pytest.approx(spent)


def test_users_set_limits_on_their_minions_and_keys(somebody):
    with upstream(usage=usage(5, 5)) as vendor:
        minion = minion_at(somebody, vendor)
        key = somebody.get("providers/openai")["key"]["id"]
        somebody.put(f"limits/keys/{key}", {"requests_per_minute": 1})
        somebody.ask(minion, "Hello?")
        reply = somebody.request("POST", f"minions/{minion['id']}/ask", json={"question": "Hello?"})
        refused(reply, 429, "provider_budget_exceeded")
        assert 1 <= int(reply.headers["retry-after"]) <= 60
        assert vendor.requests == 1 and len(records(somebody)) == 1, "a call that was not made is no usage"
        somebody.put(f"limits/keys/{key}", {})
        somebody.put(f"limits/minions/{minion['id']}", {"concurrent_requests": 0})
        error = refused(somebody.request("POST", f"minions/{minion['id']}/ask", json={"question": "Hello?"}), 429, "limit_exceeded")
        assert (error["details"][0]["scope"], error["details"][0]["field"]) == ("minion", "concurrent_requests")
        somebody.put(f"limits/minions/{minion['id']}", {})
        reply = somebody.request("POST", f"minions/{minion['id']}/ask", json={"question": "Hello?"})
        assert reply.status_code == 200


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_a_request_of_many_calls_counts_once_after_a_restart_too(tmp_path, database, request):
    """A retry, a fallback, a paraphrase and the vector of a question are calls of one request."""
    from test_embedders import MODEL as EMBEDDER, embeddings
    from upstream import message, upstream as recorded, whole

    cluster = request.getfixturevalue("cluster") if database == "postgres" else None
    busy = whole({"error": {"message": "overloaded"}}, status=503)
    with recorded(busy, whole(message()), busy, whole(message())) as vendor, running(tmp_path, cluster) as server:
        account = server.account("counted")
        with embeddings(account, provider="nvidia") as proxy:
            minion = account.minion(
                "Wick", provider="custom", model_id="big-model", base_url=vendor.url, pipeline={"expand": 1, "top_k": 1})
            documents = account.dataset(handbook("kitchen.md"), "rag", "page.zip")
            account.finish(account.job(minion, "rag_only", [documents], embedder={"provider": "nvidia", "model": EMBEDDER}))
            before = used(account, "requests_per_day")
            calls = len(proxy.requests)
            asked = account.ask(minion, "How is tea made?")
            assert asked["trace"]["passages"] and len(vendor.requests) == 2 and len(proxy.requests) > calls
            direct = account.minion("Direct", provider="custom", model_id="big-model", base_url=vendor.url, pipeline={"mode": "direct"})
            token = account.token_of(direct)
            reply = server.http.post(
                "/v1/chat/completions", headers={"Authorization": f"Bearer {token}"},
                json={"model": direct["display_name"], "messages": [{"role": "user", "content": "Hello?"}]})
            assert reply.status_code == 200 and len(vendor.requests) == 4
            # The proxy asks this very server, whose requests are counted beside: one for each of its own calls.
            served = len(proxy.requests) - calls
            counted = used(account, "requests_per_day")
            assert counted == before + 2 + served
            per_request: dict[str, list] = {}
            for record in account.get("usage?limit=100")["items"]:
                per_request.setdefault(record["request_id"], []).append(record["purpose"])
            assert {"answer", "embedding"} <= set(max(per_request.values(), key=len)) and len(max(per_request.values(), key=len)) >= 4
            if cluster:
                account.get("usage")  # What the journal still holds is in the rows after it.
                (tmp_path / "second").mkdir()
                other = Server(tmp_path / "second", cluster)
                other.environment["ATELIER_DATABASE_URL"] = server.environment["ATELIER_DATABASE_URL"]
                try:
                    other.start()
                    elsewhere = Account(other, account.id, account.email, account.token)
                    assert used(elsewhere, "requests_per_day") == counted
                finally:
                    other.close()
            server.end(signal.SIGKILL, within=10)
            server.start()
            assert used(account, "requests_per_day") == counted
