"""A budget holds, wherever the price comes from and whichever door the requests come through."""

import json
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest
from harness import Account, Server, refused, running

BUDGET = 0.01
REQUESTS = 64
INPUT, OUTPUT = 10, 100
#: Dollars per million tokens: a call costs a tenth of the budget, and a little more.
PRICE = {"input": 10, "output": 10}
COST = (INPUT + OUTPUT) * 10 / 1e6
DOORS = ["ask", "ask streamed", "v1", "v1 streamed"]


class Vendor:
    """OpenAI-compatible: answers chats and embeddings at once, each with the same usage; under `/broken` it is out of order."""

    def __init__(self):
        vendor = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if self.path.startswith("/broken"):
                    return self.send(503, b'{"error":{"message":"out of order"}}')
                with vendor.lock:
                    vendor.requests += 1
                vendor.bounds.append(body.get("max_tokens") or body.get("max_completion_tokens"))
                output = min(vendor.bounds[-1] or vendor.longest, vendor.longest)
                usage = {"prompt_tokens": INPUT, "completion_tokens": output, "total_tokens": INPUT + output}
                if "input" in body:
                    rows = [{"object": "embedding", "index": n, "embedding": [0.6, 0.8]} for n in range(len(body["input"]))]
                    usage = {"prompt_tokens": INPUT * len(rows), "total_tokens": INPUT * len(rows)}
                    return self.send(200, json.dumps({"object": "list", "data": rows, "model": "m", "usage": usage}).encode())
                if body.get("stream"):
                    chunks = [
                        {"choices": [{"index": 0, "delta": {"content": "Hello."}, "finish_reason": None}]},
                        {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
                        {"choices": [], "usage": usage},
                    ]
                    text = "".join(f"data: {json.dumps({'id': 'x', 'model': 'm'} | chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"
                    return self.send(200, text.encode(), "text/event-stream")
                choice = {"index": 0, "message": {"role": "assistant", "content": "Hello."}, "finish_reason": "stop"}
                self.send(200, json.dumps({"id": "x", "object": "chat.completion", "model": "m", "choices": [choice], "usage": usage}).encode())

            def do_GET(self):
                self.send(404, b'{"error":{"message":"no list of models"}}')

            def send(self, status: int, body: bytes, kind: str = "application/json"):
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments):
                pass

        class Listener(ThreadingHTTPServer):
            request_queue_size = 256
            daemon_threads = True

        self.requests = 0
        #: What each request set as the most tokens, and what the longest reply has of them.
        self.bounds = []
        self.longest = OUTPUT
        self.lock = threading.Lock()
        self.http = Listener(("127.0.0.1", 0), Handler)
        self.root = f"http://127.0.0.1:{self.http.server_port}"
        self.url = self.root + "/v1"
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()


@pytest.fixture
def vendor():
    vendor = Vendor()
    yield vendor
    vendor.http.shutdown()
    vendor.http.server_close()


@dataclass
class Door:
    """A way to ask one minion: through the session's route or the token's, whole or streamed."""

    account: Account
    minion: dict
    name: str
    max_tokens: int | None = OUTPUT
    token: str = field(init=False)

    def __post_init__(self):
        self.token = self.account.token_of(self.minion) if self.name.startswith("v1") else self.account.token

    def ask(self, _=None) -> int:
        """The reply's status."""
        streamed = self.name.endswith("streamed")
        if self.name.startswith("v1"):
            path = "/v1/chat/completions"
            body = {"model": self.minion["name"], "messages": [{"role": "user", "content": "Hello?"}]}
        else:
            path, body = f"{self.account.base}/minions/{self.minion['id']}/ask", {"question": "Hello?"}
        return post(self.account.server, path, self.token, body | {"stream": streamed, "max_tokens": self.max_tokens})


def post(server: Server, path: str, token: str, body: dict) -> int:
    with closing(HTTPConnection(urlsplit(server.url).netloc, timeout=60)) as connection:
        connection.request(
            "POST", path, json.dumps(body), {"Authorization": f"Bearer {token}", "Content-Type": "application/json"})
        reply = connection.getresponse()
        text = reply.read()
        assert reply.status in (200, 429), text
        return reply.status


def burst(ask, count: int = REQUESTS) -> list[int]:
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(ask, range(count)))


def spent(account: Account) -> float:
    # A rounding error of a sum is no cent too much.
    return round(sum(line["cost"] for line in account.get("usage")["summary"]), 12)


# Each makes a minion whose calls cost COST, by a price from another place.


def by_key(account, vendor, superuser):
    account.post("providers", {"provider": "custom", "api_key": "sk-1", "base_url": vendor.url, "prices": [PRICE | {"model": "big"}]})
    return account.minion("M", provider="custom", model_id="big")


def by_key_for_every_model(account, vendor, superuser):
    account.post("providers", {"provider": "custom", "api_key": "sk-1", "base_url": vendor.url, "prices": [PRICE]})
    return account.minion("M", provider="custom", model_id="big")


def by_one_key_of_three(account, vendor, superuser):
    """The dearest is the least likely: it is what counts all the same."""
    for label, price, weight in [("one", 0.1, 1), ("two", 0.2, 1), ("three", 10, 0.5)]:
        account.post("providers", {
            "provider": "custom", "api_key": f"sk-{label}", "label": label, "base_url": vendor.url, "weight": weight,
            "prices": [{"model": "big", "input": price, "output": price}]})
    return account.minion("M", provider="custom", model_id="big")


def by_own_definition(account, vendor, superuser):
    account.post("provider-definitions", {
        "id": "mine", "name": "Mine", "dialect": "openai", "base_url": vendor.url, "needs_key": False, "prices": [PRICE | {"model": "big"}]})
    return account.minion("M", provider="mine", model_id="big")


def by_shared_definition(account, vendor, superuser):
    name = f"ours-{uuid.uuid4().hex[:8]}"
    superuser.post("/api/admin/provider-definitions", {
        "id": name, "name": "Ours", "dialect": "openai", "base_url": vendor.url, "needs_key": False, "prices": [PRICE | {"model": "big"}]})
    return account.minion("M", provider=name, model_id="big")


def by_table(account, vendor, superuser):
    account.post("providers", {"provider": "openai", "api_key": "sk-1", "base_url": vendor.url})
    return account.minion("M", provider="openai", model_id="gpt-5")


def by_fallback(account, vendor, superuser):
    """The first provider costs nothing, and is out of order."""
    account.post("providers", {"provider": "custom", "api_key": "sk-1", "base_url": vendor.url, "prices": [PRICE]})
    return account.minion(
        "M", provider="ollama", model_id="free", base_url=vendor.root + "/broken", fallbacks=[{"provider": "custom", "model": "big"}])


SOURCES = [by_key, by_key_for_every_model, by_one_key_of_three, by_own_definition, by_shared_definition, by_table, by_fallback]


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.__name__)
def test_requests_at_the_same_time_overspend_no_budget(server, superuser, vendor, source):
    for mode in ("full", "direct"):
        for name in DOORS if mode == "direct" else ["ask", "v1 streamed"]:
            account = server.account(f"budget-{uuid.uuid4().hex[:12]}")
            minion = source(account, vendor, superuser)
            account.put(f"minions/{minion['id']}", {"pipeline": {"mode": mode}})
            superuser.put(f"/api/admin/users/{account.id}/limits", {"cost_per_day": BUDGET})
            statuses = burst(Door(account, minion, name).ask)
            # Most calls along the three keys are cheap, and what is reserved too much is given back.
            assert 0 < statuses.count(200) < REQUESTS or source is by_one_key_of_three, (mode, name, statuses)
            assert 0 < spent(account) <= BUDGET, (mode, name)


@pytest.mark.parametrize("whose", ["own", "minion", "default"])
def test_a_budget_of_any_scope_counts_a_price_on_a_key(superuser, somebody, vendor, whose):
    minion = by_key(somebody, vendor, superuser)
    limits = {"cost_per_month": BUDGET}
    match whose:
        case "own":
            somebody.put("limits", limits)
        case "minion":
            somebody.put(f"limits/minions/{minion['id']}", limits)
        case "default":
            superuser.put("/api/admin/limits", limits)
    try:
        assert burst(Door(somebody, minion, "v1").ask).count(200) in range(1, REQUESTS)
        assert 0 < spent(somebody) <= BUDGET
    finally:
        if whose == "default":
            superuser.put("/api/admin/limits", {})


@pytest.mark.parametrize("whose", ["own", "superuser", "minion", "key"])
@pytest.mark.parametrize("name", DOORS)
def test_a_direct_request_that_bounds_no_reply_overspends_no_budget(superuser, somebody, vendor, name, whose):
    """The vendor replies with as many tokens as it is let."""
    vendor.longest = 5000
    budget = 0.05
    key = somebody.post("providers", {"provider": "custom", "api_key": "sk-1", "base_url": vendor.url, "prices": [PRICE]})
    minion = somebody.minion("direct", provider="custom", model_id="big", pipeline={"mode": "direct"})
    match whose:
        case "own":
            somebody.put("limits", {"cost_per_day": budget})
        case "superuser":
            superuser.put(f"/api/admin/users/{somebody.id}/limits", {"cost_per_day": budget})
        case "minion":
            somebody.put(f"limits/minions/{minion['id']}", {"cost_per_month": budget})
        case "key":
            somebody.put(f"limits/keys/{key['key']['id']}", {"cost_per_day": budget})
    statuses = burst(Door(somebody, minion, name, max_tokens=None).ask)
    assert 0 < statuses.count(200) < REQUESTS and 0 < spent(somebody) <= budget
    # The first may have 4,096 tokens; what is left buys shorter ones.
    assert 4096 in vendor.bounds and set(vendor.bounds) <= {4096, 2048, 1024, 512} and min(vendor.bounds) < 4096


def test_without_a_budget_the_vendor_says_how_long_a_direct_reply_is(superuser, somebody, vendor):
    by_key(somebody, vendor, superuser)
    minion = somebody.minion("direct", provider="custom", model_id="big", pipeline={"mode": "direct"})
    somebody.put("limits", {"requests_per_day": 1000})
    assert Door(somebody, minion, "v1", max_tokens=None).ask() == 200
    assert vendor.bounds == [None]


def test_embeddings_overspend_no_budget(superuser, somebody, vendor):
    somebody.post("providers", {
        "provider": "custom", "api_key": "sk-1", "base_url": vendor.url, "prices": [{"model": "vectors", "input": 100, "output": 0}]})
    minion = somebody.minion("M", provider="custom", model_id="big", pipeline={"embedding_model": "vectors"})
    token = somebody.token_of(minion)
    superuser.put(f"/api/admin/users/{somebody.id}/limits", {"cost_per_day": BUDGET})
    # As many tokens as the vendor says it was.
    body = {"model": "vectors", "input": ["x" * INPUT * 4]}
    statuses = burst(lambda _: post(somebody.server, "/v1/embeddings", token, body))
    assert 0 < statuses.count(200) < REQUESTS and 0 < spent(somebody) <= BUDGET


def test_tests_of_a_key_overspend_no_budget(superuser, somebody, vendor):
    by_key(somebody, vendor, superuser)
    superuser.put(f"/api/admin/users/{somebody.id}/limits", {"cost_per_day": BUDGET / 5})
    statuses = burst(lambda _: post(somebody.server, f"{somebody.base}/providers/custom/test?model=big", somebody.token, {}))
    assert 0 < statuses.count(200) < REQUESTS and 0 < spent(somebody) <= BUDGET / 5


@pytest.mark.parametrize("name", DOORS)
def test_a_budget_that_refuses_unknown_prices_knows_those_on_a_key(superuser, somebody, vendor, name):
    minion = by_key(somebody, vendor, superuser)
    superuser.put(f"/api/admin/users/{somebody.id}/limits", {"cost_per_day": 1, "unpriced": "refuse"})
    assert Door(somebody, minion, name).ask() == 200
    somebody.put("providers/custom", {"prices": None})
    assert Door(somebody, minion, name).ask() == 429


@pytest.mark.parametrize("name", DOORS)
def test_a_price_of_zero_lifts_no_budget_that_a_superuser_set(superuser, somebody, vendor, name):
    """Where the price is known it counts, whatever the user wrote."""
    somebody.post("providers", {"provider": "openai", "api_key": "sk-1", "base_url": vendor.url, "prices": [{"input": 0, "output": 0}]})
    minion = somebody.minion("M", provider="openai", model_id="gpt-5")
    listed = (INPUT * 1.25 + OUTPUT * 10) / 1e6
    superuser.put(f"/api/admin/users/{somebody.id}/limits", {"cost_per_day": BUDGET})
    passed = burst(Door(somebody, minion, name).ask).count(200)
    assert 0 < passed and passed * listed <= BUDGET
    # What the user pays is still what the user says.
    assert spent(somebody) == 0
    limit = next(limit for limit in somebody.get("limits")["limits"] if limit["name"] == "cost_per_day")
    assert limit["used"] == pytest.approx(passed * listed)
    assert all(record["counted_cost"] == pytest.approx(listed) for record in somebody.get("usage")["items"])


def test_a_price_of_zero_that_nobody_else_knows_is_an_unknown_price(superuser, somebody, vendor):
    somebody.post("providers", {"provider": "custom", "api_key": "sk-1", "base_url": vendor.url, "prices": [{"input": 0, "output": 0}]})
    minion = somebody.minion("M", provider="custom", model_id="big")
    # A budget of the user's own believes it.
    somebody.put("limits", {"cost_per_day": 1, "unpriced": "refuse"})
    assert Door(somebody, minion, "v1").ask() == 200
    somebody.put("limits", {})
    superuser.put(f"/api/admin/users/{somebody.id}/limits", {"cost_per_day": 1, "unpriced": "refuse"})
    error = refused(somebody.request("POST", f"minions/{minion['id']}/ask", json={"question": "Hello?"}), 429, "limit_exceeded")
    assert error["details"][0]["code"] == "price_unknown"


def test_a_definition_of_ones_own_hides_no_price_of_everybodys(superuser, somebody, vendor):
    minion = by_shared_definition(somebody, vendor, superuser)
    somebody.post("provider-definitions", {
        "id": minion["provider"], "name": "Cheaper", "dialect": "openai", "base_url": vendor.url, "needs_key": False,
        "prices": [{"model": "big", "input": 0, "output": 0}]})
    superuser.put(f"/api/admin/users/{somebody.id}/limits", {"cost_per_day": BUDGET})
    passed = burst(Door(somebody, minion, "v1").ask).count(200)
    assert 0 < passed and passed * COST <= BUDGET


def test_what_a_budget_has_counted_survives_a_restart(tmp_path, vendor):
    with running(tmp_path) as server:
        account, root = server.account("one"), server.account("root", "--superuser")
        account.post("providers", {"provider": "openai", "api_key": "sk-1", "base_url": vendor.url, "prices": [{"input": 0, "output": 0}]})
        minion = account.minion("M", provider="openai", model_id="gpt-5")
        root.put(f"/api/admin/users/{account.id}/limits", {"cost_per_day": BUDGET})
        burst(Door(account, minion, "ask").ask)
        before = vendor.requests
        server.end(15, within=30)
        server.start()
        again = burst(Door(account, minion, "ask").ask)
        # What was reserved too much for the last ones before may let another pass.
        assert (before + again.count(200)) * (INPUT * 1.25 + OUTPUT * 10) / 1e6 <= BUDGET
