"""People, their sessions, and whose things are whose."""

import time
import uuid

import pytest
from harness import PASSWORD, Account, Server, ok, refused, running, voice


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """A server of its own, because failed log-ins slow down everybody at this address; it logs all it can."""
    with running(tmp_path_factory.mktemp("accounts"), ATELIER_LOG_LEVEL="trace") as server:
        yield server


@pytest.fixture(scope="module")
def warden(house) -> Account:
    return house.account("warden", "--superuser")


def address() -> str:
    return f"{uuid.uuid4().hex[:12]}@example.org"


def register(house: Server, email: str, password: str = PASSWORD):
    return house.http.post("/api/auth/register", json={"email": email, "password": password, "name": "Ada"})


def login(house: Server, email: str, password: str):
    return house.http.post("/api/auth/login", json={"email": email, "password": password})


def me(house: Server, token: str):
    return house.http.get("/api/me", headers={"Authorization": f"Bearer {token}"})


def test_who_registers_is_signed_in(house):
    email = address()
    reply = register(house, email.upper())
    assert reply.status_code == 201
    body = reply.json()
    assert body["user"]["email"] == email and body["user"]["role"] == "user" and body["user"]["is_active"]
    assert ok(me(house, body["token"])) == body["user"]
    assert "password" not in reply.text
    refused(register(house, email), 409, "conflict")


@pytest.mark.parametrize("change, field", [({"password": "short"}, "password"), ({"email": "nobody"}, "email"), ({"role": "superuser"}, "role")])
def test_a_registration_that_is_not_right_is_refused(house, change, field):
    body = {"email": address(), "password": PASSWORD} | change
    error = refused(house.http.post("/api/auth/register", json=body), 422, "invalid_request")
    assert [detail["field"] for detail in error["details"]] == [field]


def test_logging_out_ends_that_session_and_no_other(house):
    person = house.account("leaver")
    elsewhere = house.sign_in(person.email)
    ok(person.request("POST", "/api/auth/logout"))
    reply = me(house, person.token)
    refused(reply, 401, "unauthenticated")
    assert reply.headers["www-authenticate"] == "Bearer"
    assert ok(me(house, elsewhere.token))["id"] == person.id


def test_without_a_token_there_is_nothing(house, warden):
    for path in ("/api/me", warden.base + "/minions", "/api/admin/users"):
        refused(house.http.get(path), 401, "unauthenticated")
        refused(house.http.get(path, headers={"Authorization": "Bearer session_" + "0" * 64}), 401, "unauthenticated")


def test_a_wrong_password_and_an_unknown_address_look_the_same(house):
    person = house.account("careful")
    wrong, unknown = login(house, person.email, "wrong-" + PASSWORD), login(house, address(), PASSWORD)
    refused(wrong, 401, "login_failed")
    assert wrong.json() == unknown.json() and unknown.status_code == 401


def test_the_sixth_try_has_to_wait(house):
    person = house.account("target")
    for _ in range(5):
        refused(login(house, person.email, "wrong-" + PASSWORD), 401, "login_failed")
    for password in ("wrong-" + PASSWORD, PASSWORD):
        reply = login(house, person.email, password)
        refused(reply, 429, "too_many_attempts")
        assert 1 <= int(reply.headers["retry-after"]) <= 15


def belongings(owner: Account) -> list[str]:
    """Paths of one thing of each kind, below the owner's part of the API."""
    minion = owner.minion("Mine")
    dataset = owner.dataset(voice(4), "jsonl", "voice.jsonl")
    job = owner.post("external-training/jobs", {"minion_id": minion["id"], "training_type": "lora_only", "dataset_ids": [dataset["id"]]})
    key = owner.post("providers", {"provider": "openai", "api_key": "sk-" + "a" * 20})["key"]
    definition = owner.post("provider-definitions", {"id": "acme", "name": "Acme", "dialect": "openai", "base_url": "http://127.0.0.1:9/v1"})
    return [
        f"minions/{minion['id']}", f"training-datasets/{dataset['id']}", f"external-training/jobs/{job['id']}", f"providers/{key['id']}",
        f"provider-definitions/{definition['id']}",
    ]


def test_nobody_learns_of_anothers_things(house):
    owner, other = house.account("owner"), house.account("other")
    things = belongings(owner)
    lists = ["minions", "training-datasets", "external-training/jobs", "collections", "provider-definitions", "providers", "usage"]
    for path in things + lists:
        refused(other.request("GET", f"{owner.base}/{path}"), 404, "not_found")
    for path in things:  # an id is not enough either
        refused(other.request("GET", path), 404, "not_found")
        refused(other.request("DELETE", path), 404, "not_found")
        refused(other.request("PUT", path, json={}), 404, "not_found")
    minion, _, job, key, _ = things
    for method, path in (("POST", f"{minion}/token"), ("POST", f"{job}/start"), ("POST", f"{job}/stop"), ("GET", f"{job}/events"),
                         ("GET", f"{minion}/releases"), ("GET", f"{minion}/training-history"), ("POST", f"{key}/test")):
        refused(other.request(method, path), 404, "not_found")
    refused(other.request("POST", f"{minion}/ask", json={"question": "Who are you?"}), 404, "not_found")
    refused(other.request("POST", f"{owner.base}/{minion}/ask", json={"question": "Who are you?"}), 404, "not_found")
    for path in lists[:5]:
        assert other.get(path)["items"] == []
    # A job that names what is another's
    error = refused(other.request("POST", "external-training/jobs", json={
        "minion_id": minion.split("/")[1], "training_type": "lora_only", "dataset_ids": [things[1].split("/")[1]]}), 422, "invalid_request")
    assert {detail["field"] for detail in error["details"]} == {"minion_id", "dataset_ids[0]"}
    for path in things:
        owner.get(path)


def test_a_superuser_sees_everybodys_things_but_no_key(house, warden):
    owner = house.account("seen")
    things = belongings(owner)
    for path in things:
        assert warden.get(f"{owner.base}/{path}") == owner.get(path)
    assert "sk-aaa" not in warden.request("GET", f"{owner.base}/providers").text
    refused(warden.request("GET", "/api/users/usr_nobody/minions/min_0"), 404, "not_found")


def test_administration_is_for_superusers(house, warden):
    person = house.account("curious")
    for path in ("/api/admin/users", "/api/admin/audit-log"):
        refused(person.request("GET", path), 404, "not_found")
    refused(person.request("PUT", f"/api/admin/users/{person.id}", json={"is_active": True}), 404, "not_found")
    assert person.email in [user["email"] for user in warden.get("/api/admin/users")["items"]]
    refused(warden.request("PUT", f"/api/admin/users/{warden.id}", json={"is_active": False}), 422, "invalid_request")


def test_a_closed_account_loses_its_sessions_and_tokens_at_once(house, warden):
    person = house.account("closing")
    token = person.token_of(person.minion("Orphan"))
    headers = {"Authorization": f"Bearer {token}"}
    assert house.http.get("/v1/models", headers=headers).status_code == 200
    warden.put(f"/api/admin/users/{person.id}", {"is_active": False})
    refused(me(house, person.token), 401, "unauthenticated")
    refused(login(house, person.email, PASSWORD), 401, "login_failed")
    assert house.http.get("/v1/models", headers=headers).status_code == 401
    warden.put(f"/api/admin/users/{person.id}", {"is_active": True})
    refused(me(house, person.token), 401, "unauthenticated")
    house.sign_in(person.email)
    actions = [entry["action"] for entry in warden.get("/api/admin/audit-log")["items"] if entry.get("target") == person.id]
    assert [action for action in actions if action in ("user.open", "user.close")] == ["user.open", "user.close"]
    failed = next(entry for entry in warden.get(f"/api/admin/audit-log?user={person.id}&action=user.login_failed")["items"])
    assert failed["address"] == "127.0.0.1" and failed["times"] == 1 and "actor_id" not in failed


@pytest.mark.parametrize("way", ["log-out", "sign out everywhere", "closing"])
def test_events_end_within_two_seconds_of_the_session(house, warden, way):
    person = house.account(f"watcher-{uuid.uuid4().hex[:6]}")
    dataset = person.dataset(voice(4), "jsonl", "voice.jsonl")
    job = person.post("external-training/jobs", {
        "minion_id": person.minion("Watched")["id"], "training_type": "lora_only", "dataset_ids": [dataset["id"]], "run_at": "2100-01-01T00:00:00Z"})
    url = f"{person.base}/external-training/jobs/{job['id']}/events"
    with house.http.stream("GET", url, headers=person.headers, timeout=30) as response:
        lines = response.iter_lines()
        assert next(lines) == "id: 1"
        if way == "closing":
            warden.put(f"/api/admin/users/{person.id}", {"is_active": False})
        elif way == "log-out":
            ok(person.request("POST", "/api/auth/logout"))
        else:
            ok(person.request("DELETE", "/api/me/sessions"))
        began = time.monotonic()
        text = "\n".join(lines)
        assert time.monotonic() - began < 2
    assert "event: error" in text and "session_ended" in text


def test_a_password_is_changed_and_the_other_sessions_end(house):
    person = house.account("changing")
    elsewhere = house.sign_in(person.email)
    refused(person.request("PUT", "/api/me/password", json={"current_password": "wrong-" + PASSWORD, "new_password": PASSWORD + "2"}), 422, "invalid_request")
    ok(person.request("PUT", "/api/me/password", json={"current_password": PASSWORD, "new_password": PASSWORD + "2"}))
    refused(me(house, elsewhere.token), 401, "unauthenticated")
    session, = person.get("/api/me/sessions")["items"]
    assert session["is_current"] and session["address"] == "127.0.0.1" and session["agent"].startswith("python-httpx")
    house.sign_in(person.email, PASSWORD + "2")
    refused(login(house, person.email, PASSWORD), 401, "login_failed")


def test_no_password_and_no_token_is_ever_logged_or_kept(house):
    password, wrong = "hidden-" + uuid.uuid4().hex, "guess-" + uuid.uuid4().hex
    body = ok(register(house, email := address(), password))
    ok(login(house, email, password))
    login(house, email, wrong)
    house.http.post("/api/auth/login", json={"email": email, "password": password, "colour": "red"})
    house.http.post("/api/auth/login", content=f'{{"password": "{password}"')
    kept = b"".join(path.read_bytes() for path in house.data.glob("atelier.sqlite*"))
    log = house.log()
    assert log, "something is logged"
    for secret in (password, wrong, body["token"]):
        assert secret not in log and secret.encode() not in kept
    assert (house.data / "atelier.sqlite").stat().st_mode & 0o077 == 0
