"""Several keys for a provider, trying them as they are saved, providers as data, and what they cost."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from harness import ok, refused, running

KEY = "sk-live-77d0a1b2c3d4e5f60718"


class Shop:
    """An OpenAI-compatible vendor that takes some keys and says what it was asked."""

    def __init__(self, *keys: str):
        shop = self

        class Handler(BaseHTTPRequestHandler):
            def reply(self, status: int, body: dict):
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def key(self) -> str:
                return self.headers.get("Authorization", "").removeprefix("Bearer ")

            def allowed(self) -> bool:
                if self.key() in shop.keys:
                    return True
                self.reply(401, {"error": {"message": f"Incorrect API key provided: {self.key()}", "code": "invalid_api_key"}})
                return False

            def do_GET(self):
                shop.asked.append(("GET", self.path, self.key()))
                if self.allowed():
                    self.reply(200, {"object": "list", "data": [{"id": "big-model", "object": "model"}]})

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
                shop.asked.append(("POST", self.path, self.key()))
                if body["model"] in shop.unknown:
                    self.reply(404, {"error": {"message": f"The model {body['model']} does not exist", "code": "model_not_found"}})
                elif self.allowed():
                    text = shop.words.format(number=len(shop.chats))
                    self.reply(200, {
                        "id": "c", "object": "chat.completion", "created": 0, "model": body["model"],
                        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
                        "usage": {"prompt_tokens": 1000, "completion_tokens": 500, "total_tokens": 1500}})

            def log_message(self, *arguments):
                pass

        self.keys = set(keys)
        self.unknown: set[str] = set()  # models
        self.words = "Answer number {number}."
        self.asked: list[tuple[str, str, str]] = []
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/v1"
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def chats(self) -> list[tuple[str, str, str]]:
        return [call for call in self.asked if call[0] == "POST"]

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()


@pytest.fixture
def shop():
    shop = Shop(KEY)
    yield shop
    shop.close()


def save(account, shop, key: str = KEY, **fields):
    return account.request("POST", "providers", json={"provider": "custom", "api_key": key, "base_url": shop.url} | fields)


# --- trying ----------------------------------------------------------------------


def test_a_key_is_tried_as_it_is_saved_and_what_was_found_is_kept(somebody, shop):
    body = ok(save(somebody, shop, test_model="big-model"))
    assert shop.asked == [("GET", "/v1/models", KEY), ("POST", "/v1/chat/completions", KEY)]
    assert body["test"]["ok"] and body["test"]["key_checked"] and [model["id"] for model in body["test"]["models"]] == ["big-model"]
    key, = somebody.get("providers/custom")["keys"]
    assert key["test_outcome"] == "ok" and key["tested_at"] and key["label"] == "default" and "test" not in somebody.get("providers/custom")
    # What asking the model took is on record, at the price the key was given.
    record, = somebody.get("usage")["items"]
    assert (record["purpose"], record["model"], record["input_tokens"]) == ("test", "big-model", 1000)
    # A list that anybody may read proves nothing of the key.
    assert ok(save(somebody, shop, label="second"))["key"]["test_outcome"] == "unchecked"


def test_a_key_the_vendor_refuses_is_not_saved_unless_asked_for(somebody, shop):
    reply = save(somebody, shop, key="sk-mistyped-0123456789")
    error = refused(reply, 422, "key_refused")
    detail, = error["details"]
    assert detail["field"] == "api_key" and "save_anyway" in detail["hint"] and "sk-mistyped-0123456789" not in reply.text
    assert somebody.get("providers/custom")["keys"] == []
    body = ok(save(somebody, shop, key="sk-mistyped-0123456789", save_anyway=True))
    assert not body["test"]["ok"] and body["key"]["test_outcome"] == "authentication"
    # The same holds where a stored key is replaced: the good one stays.
    ok(somebody.request("PUT", "providers/custom", json={"api_key": KEY}))
    refused(somebody.request("PUT", "providers/custom", json={"api_key": "sk-mistyped-0123456789"}), 422, "key_refused")
    key, = somebody.get("providers/custom")["keys"]
    assert key["key_hint"] == "…" + KEY[-4:] and key["test_outcome"] == "unchecked"
    assert "sk-mistyped-0123456789" not in somebody.server.log()


def test_a_vendor_that_cannot_be_reached_does_not_keep_a_key_from_being_saved(somebody, shop):
    shop.close()
    body = ok(save(somebody, shop))
    assert not body["test"]["ok"] and body["key"]["test_outcome"] == "connection"


def test_a_key_is_not_tried_where_that_is_not_wanted(somebody, shop):
    body = ok(save(somebody, shop, test=False))
    assert shop.asked == [] and "test" not in body and "test_outcome" not in body["key"]
    # A new label says nothing new of the key; a new address does.
    somebody.put("providers/custom", {"label": "work", "weight": 2})
    assert shop.asked == []
    somebody.put("providers/custom", {"base_url": shop.url + "/"})
    assert len(shop.asked) == 1


# --- several ---------------------------------------------------------------------


def test_a_second_key_needs_a_label_and_is_then_named_by_its_id(somebody, shop):
    first = ok(save(somebody, shop))["key"]
    before = len(shop.asked)
    error = refused(save(somebody, shop), 409, "conflict")
    assert error["details"][0]["field"] == "label" and "label" in error["message"] and "PUT" in error["message"]
    assert len(shop.asked) == before, "what cannot be saved is not tried"
    second = ok(save(somebody, shop, label="second", weight=3, max_concurrent=2))["key"]
    assert (second["label"], second["weight"], second["max_concurrent"]) == ("second", 3, 2)
    listed = next(entry for entry in somebody.get("providers")["items"] if entry["provider"] == "custom")
    assert [key["id"] for key in listed["keys"]] == [first["id"], second["id"]] and listed["key"]["id"] == first["id"]
    for method, path, body in (("PUT", "providers/custom", {"weight": 1}), ("DELETE", "providers/custom", None), ("POST", "providers/custom/test", {})):
        error = refused(somebody.request(method, path, json=body), 409, "conflict")
        assert first["id"] in error["message"] and second["id"] in error["message"]
    assert somebody.get(f"providers/{second['id']}")["key"]["id"] == second["id"]
    assert somebody.put(f"providers/{second['id']}", {"max_concurrent": None, "is_active": False})["key"].get("max_concurrent") is None
    assert somebody.post(f"providers/{second['id']}/test")["ok"], "one that is not active is tried too"
    somebody.delete(f"providers/{first['id']}")
    assert somebody.get("providers/custom")["key"]["id"] == second["id"]


def test_when_one_key_is_refused_the_other_answers(somebody):
    shop = Shop(KEY)
    try:
        ok(save(somebody, shop, key="sk-revoked-0123456789", save_anyway=True))
        ok(save(somebody, shop, label="good"))
        minion = somebody.minion("Two keys", provider="custom", model_id="big-model")
        for _ in range(6):
            assert somebody.ask(minion, "Hello?")["answer"].startswith("Answer")
        assert KEY in {key for _, _, key in shop.chats}
        somebody.put(f"providers/{somebody.get('providers/custom')['keys'][0]['id']}", {"is_active": False})
        shop.asked.clear()
        somebody.ask(minion, "Hello?")
        assert [key for _, _, key in shop.chats] == [KEY], "a key that is not active is not used"
    finally:
        shop.close()


def test_what_a_key_pays_goes_before_the_price_table_and_is_told_by_key(somebody, shop):
    first = ok(save(somebody, shop, weight=1000, prices=[{"input": 9, "output": 9}, {"model": "big-model", "input": 2, "output": 6}]))["key"]
    second = ok(save(somebody, shop, label="free", weight=0.001, prices=[{"input": 0, "output": 0}]))["key"]
    assert first["prices"] == [{"input": 9, "output": 9}, {"model": "big-model", "input": 2, "output": 6}]
    minion = somebody.minion("Priced", provider="custom", model_id="big-model")
    assert somebody.ask(minion, "Hello?")["usage"]["cost"] == pytest.approx((1000 * 2 + 500 * 6) / 1e6)
    assert somebody.get("usage")["items"][0]["key_id"] == first["id"]
    somebody.put(f"providers/{first['id']}", {"is_active": False})
    assert somebody.ask(minion, "Hello?")["usage"]["cost"] == 0
    somebody.put(f"providers/{second['id']}", {"prices": None})
    assert somebody.ask(minion, "Hello?")["usage"]["cost"] is None, "unknown is not 0"
    rows = {row["key_id"]: row for row in somebody.get("usage?group_by=key")["report"]["rows"]}
    assert rows[first["id"]]["cost"] == pytest.approx(0.005) and rows[first["id"]]["unpriced_requests"] == 0
    assert (rows[second["id"]]["requests"], rows[second["id"]]["cost"], rows[second["id"]]["unpriced_requests"]) == (2, 0, 1)


@pytest.mark.parametrize("change, field", [
    ({"weight": 0}, "weight"), ({"max_concurrent": 0}, "max_concurrent"), ({"label": ""}, "label"), ({"label": "key_x"}, "label"),
    ({"prices": [{"model": "m", "input": 1}]}, "prices[0].output"), ({"prices": [{"input": -1, "output": 1}]}, "prices[0].input"),
    ({"prices": [{"input": 1, "output": 1}, {"input": 2, "output": 2}]}, "prices"), ({"prices": [{"input": 1, "output": 1, "per": 1}]}, "prices[0].per"),
])
def test_a_setting_of_a_key_that_is_wrong_is_named(somebody, shop, change, field):
    error = refused(save(somebody, shop, **change), 422, "invalid_request")
    assert [detail["field"] for detail in error["details"]] == [field]
    assert shop.asked == [] and somebody.get("providers/custom")["keys"] == []


# --- providers as data -------------------------------------------------------------


def definition(shop, **fields) -> dict:
    return {"id": "acme", "name": "Acme", "dialect": "openai", "base_url": shop.url} | fields


def test_a_defined_provider_answers_for_its_user_and_for_nobody_else(server, somebody, shop):
    stranger = server.account(f"stranger-{somebody.id}")
    made = somebody.post("provider-definitions", definition(shop, prices=[{"model": "big-model", "input": 2, "output": 6}]))
    assert made["provider"] == "acme" and made["definition"]["base_url"] == shop.url
    assert somebody.get(f"provider-definitions/{made['id']}") == made and somebody.get("provider-definitions")["items"] == [made]
    somebody.post("providers", {"provider": "acme", "api_key": KEY, "test": True})
    minion = somebody.minion("Data", provider="acme", model_id="big-model")
    reply = somebody.ask(minion, "Hello?")
    assert reply["provider"] == "acme" and shop.chats[-1] == ("POST", "/v1/chat/completions", KEY)
    assert reply["usage"]["cost"] == pytest.approx((1000 * 2 + 500 * 6) / 1e6), "priced by the definition"
    for path, body in (("minions", {"name": "x", "provider": "acme", "model_id": "m"}), ("providers", {"provider": "acme", "api_key": KEY})):
        detail, = refused(stranger.request("POST", path, json=body), 422, "invalid_request")["details"]
        assert detail["field"] == "provider" and "acme" not in detail["hint"]
    assert "acme" not in stranger.request("GET", "providers").text and stranger.get("provider-definitions")["items"] == []
    fallback = [{"provider": "acme", "model": "m"}]
    refused(stranger.request("POST", "minions", json={"name": "x", "provider": "local", "model_id": "m", "fallbacks": fallback}), 422, "invalid_request")
    for method in ("GET", "PUT", "DELETE"):
        for base in (somebody.base, stranger.base):
            refused(stranger.request(method, f"{base}/provider-definitions/{made['id']}", json=definition(shop)), 404, "not_found")


def test_a_defined_provider_answers_directly_and_a_change_of_it_is_seen_by_the_next_request(somebody, shop):
    made = somebody.post("provider-definitions", definition(shop, prices=[{"input": 2, "output": 6}]))
    somebody.post("providers", {"provider": "acme", "api_key": KEY})
    token = somebody.token_of(somebody.minion("Straight", provider="acme", model_id="big-model", pipeline={"mode": "direct"}))
    body = {"model": "Straight", "messages": [{"role": "user", "content": "Hello?"}]}

    def ask() -> str:
        reply = somebody.server.http.post("/v1/chat/completions", json=body, headers={"Authorization": f"Bearer {token}"})
        return ok(reply)["choices"][0]["message"]["content"]

    assert ask() == "Answer number 1." == shop.words.format(number=1)
    assert somebody.get("usage")["items"][0]["cost"] == pytest.approx((1000 * 2 + 500 * 6) / 1e6)
    other = Shop(KEY)
    try:
        other.words = "The other shop."
        somebody.put(f"provider-definitions/{made['id']}", definition(other))
        assert ask() == "The other shop." and len(shop.chats) == 1
        assert somebody.get("usage")["items"][0].get("cost") is None, "its prices went with it"
    finally:
        other.close()


def test_a_definition_is_changed_but_not_renamed_and_goes_only_without_keys(somebody, shop):
    made = somebody.post("provider-definitions", definition(shop))
    path = f"provider-definitions/{made['id']}"
    refused(somebody.request("PUT", path, json=definition(shop, id="other")), 422, "invalid_request")
    assert somebody.put(path, definition(shop, name="Acme Two"))["definition"]["name"] == "Acme Two"
    assert next(entry for entry in somebody.get("providers")["items"] if entry["provider"] == "acme")["name"] == "Acme Two"
    refused(somebody.request("POST", "provider-definitions", json=definition(shop)), 409, "conflict")
    somebody.post("providers", {"provider": "acme", "api_key": KEY})
    refused(somebody.request("DELETE", path), 409, "invalid_state")
    somebody.delete("providers/acme")
    minion = somebody.minion("Left", provider="acme", model_id="m")
    somebody.delete(path)
    error = refused(somebody.request("POST", f"minions/{minion['id']}/ask", json={"question": "Hello?"}), 409, "provider_unsupported")
    assert "acme" in error["message"]


@pytest.mark.parametrize("change", [
    {"id": "openai"}, {"id": "key_x"}, {"id": "Not an id"}, {"base_url": "http://169.254.169.254/latest"}, {"base_url": "file:///etc/passwd"},
    {"name": 5}, {"flavour": "salt"}, {"prices": [{"model": "m", "input": "free"}]},
])
def test_a_definition_that_cannot_work_is_refused_with_its_field(somebody, shop, change):
    error = refused(somebody.request("POST", "provider-definitions", json=definition(shop, **change)), 422, "invalid_request")
    assert any((detail.get("field") or "").startswith(next(iter(change))) for detail in error["details"]), error
    assert somebody.get("provider-definitions")["items"] == []


def test_a_superuser_defines_for_everybody_and_nobody_else_does(server, superuser, shop):
    person = server.account("user-of-the-house")
    body = definition(shop, id="house", name="House")
    refused(person.request("POST", "/api/admin/provider-definitions", json=body), 404, "not_found")
    refused(person.request("GET", "/api/admin/provider-definitions"), 404, "not_found")
    made = superuser.post("/api/admin/provider-definitions", body)
    path = f"/api/admin/provider-definitions/{made['id']}"
    try:
        person.post("providers", {"provider": "house", "api_key": KEY})
        assert person.ask(person.minion("Housed", provider="house", model_id="big-model"), "Hello?")["provider"] == "house"
        assert person.get("provider-definitions")["items"] == []
        refused(person.request("GET", f"provider-definitions/{made['id']}"), 404, "not_found")
        refused(person.request("DELETE", path), 404, "not_found")
        assert superuser.put(path, body | {"name": "House Two"})["definition"]["name"] == "House Two"
    finally:
        superuser.delete(path)
    assert "house" not in [entry["provider"] for entry in person.get("providers")["items"]]


def test_a_definition_cannot_lead_into_the_operators_network(tmp_path, shop):
    with running(tmp_path, ATELIER_ALLOW_PRIVATE_UPSTREAMS="false") as server:
        account = server.account("climber")
        error = refused(account.request("POST", "provider-definitions", json=definition(shop)), 422, "invalid_request")
        assert error["details"][0]["field"] == "base_url" and error["details"][0]["code"] == "permission"
