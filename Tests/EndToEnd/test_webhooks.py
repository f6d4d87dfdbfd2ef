"""Webhooks: signed, in order, again until they are taken, and never lost."""

import base64
import hashlib
import hmac
import json
import signal
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from harness import Account, eventually, handbook, refused, running, voice
from upstream import Raw


class Receiver:
    """Takes POSTs and answers as it is told: each status once, the last for ever."""

    def __init__(self, *statuses: int):
        receiver = self
        self.statuses = list(statuses) or [204]
        self.requests: list[tuple[dict, bytes]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                receiver.requests.append(({name.lower(): value for name, value in self.headers.items()}, body))
                status = receiver.statuses.pop(0) if len(receiver.statuses) > 1 else receiver.statuses[0]
                self.send_response(status)
                if status in (301, 302):
                    self.send_header("Location", receiver.url + "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *arguments):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/hook"
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()

    def types(self) -> list[str]:
        return [json.loads(body)["type"] for _, body in self.requests]

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """A server that tries again soon, and twelve times."""
    with running(tmp_path_factory.mktemp("webhooks"), ATELIER_WEBHOOK_RETRY_SECONDS=",".join(["0.2"] * 12)) as server:
        yield server


@pytest.fixture
def person(house) -> Account:
    return house.account(f"hook-{time.monotonic_ns()}")


# A job that is stopped at once is begun before, or not: what a test counts on are these.
STOPPED = ("job.queued", "job.stopped")


def hook(account: Account, receiver: Receiver, *events: str) -> dict:
    return account.post("webhooks", {"url": receiver.url, "events": list(events)})


def deliveries(account: Account, webhook: dict) -> list[dict]:
    return account.get(f"webhooks/{webhook['id']}/deliveries")["items"][::-1]


def ended(account: Account, webhook: dict, count: int) -> list[dict]:
    """The deliveries, once so many of them have ended."""
    eventually(lambda: sum(entry["state"] != "pending" for entry in deliveries(account, webhook)) >= count, 60, f"{count} deliveries have ended")
    return deliveries(account, webhook)


def job_stopped(account: Account, minion: dict | None = None) -> dict:
    """Two events without any training."""
    minion = minion or account.minion(f"Told {time.monotonic_ns()}")
    data = account.dataset(voice(4), "jsonl", "voice.jsonl", f"voice {time.monotonic_ns()}")
    job = account.job(minion, "lora_only", [data])
    account.post(f"external-training/jobs/{job['id']}/stop")
    return job


def signature(secret: str, headers: dict, body: bytes) -> str:
    """As a receiver reckons it, after the Standard Webhooks specification."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def test_a_job_is_told_signed_and_in_order(person, receiver):
    webhook = hook(person, receiver, *STOPPED)
    assert "secret" not in person.get(f"webhooks/{webhook['id']}")
    job = job_stopped(person)
    told = ended(person, webhook, 2)
    assert receiver.types() == ["job.queued", "job.stopped"] == [entry["event_type"] for entry in told]
    for (headers, body), entry in zip(receiver.requests, told):
        assert headers["webhook-signature"] == signature(webhook["secret"], headers, body)
        assert headers["webhook-id"] == entry["id"] and abs(int(headers["webhook-timestamp"]) - time.time()) < 60
        assert json.loads(body) == json.loads(entry["body"]) and json.loads(body)["data"]["job"]["id"] == job["id"]
        assert headers["content-type"] == "application/json"
        assert (entry["state"], entry["status"], entry["attempts"]) == ("delivered", 204, 1) and entry["milliseconds"] > 0
    # Another key signs otherwise.
    headers, body = receiver.requests[0]
    assert headers["webhook-signature"] != signature("whsec_" + base64.b64encode(b"0" * 32).decode(), headers, body)


def test_a_job_is_told_from_its_beginning_to_its_release(person, receiver):
    webhook = hook(person, receiver)
    minion = person.minion("Told")
    data = person.dataset(handbook(), "rag", "handbook.zip")
    job, _ = person.finish(person.job(minion, "rag_only", [data]))
    told = ended(person, webhook, 5)
    assert [entry["event_type"] for entry in told] == ["job.queued", "job.started", "release.created", "release.promoted", "job.completed"]
    begun = json.loads(told[1]["body"])["data"]
    assert begun["detail"] == {"attempt": 1} and begun["job"]["id"] == job["id"] and begun["job"]["status"] == "RUNNING"


def test_only_what_is_wanted_is_told(person, receiver):
    webhook = hook(person, receiver, "job.stopped")
    job_stopped(person)
    ended(person, webhook, 1)
    assert receiver.types() == ["job.stopped"]
    error = refused(person.request("POST", "webhooks", json={"url": receiver.url, "events": ["job.danced"]}), 422, "invalid_request")
    assert "job.danced" in error["message"]


def test_what_is_not_taken_comes_again_and_the_rest_waits(person):
    receiver = Receiver(500, 503, 302, 204)
    try:
        webhook = hook(person, receiver, *STOPPED)
        job_stopped(person)
        told = ended(person, webhook, 2)
        assert receiver.types() == ["job.queued"] * 4 + ["job.stopped"], "a redirect is not followed, and the second waits for the first"
        assert len({headers["webhook-id"] for headers, _ in receiver.requests[:4]}) == 1
        assert [entry["attempts"] for entry in told] == [4, 1]
    finally:
        receiver.close()


def test_who_never_answers_is_given_up_and_can_be_told_again(house, person, receiver):
    receiver.statuses = [500]
    webhook = hook(person, receiver, "job.queued")
    job_stopped(person)
    [entry] = ended(person, webhook, 1)
    assert (entry["state"], entry["status"], entry["attempts"]) == ("failed", 500, 13)
    assert entry["error"] == "the receiver answered 500"
    receiver.statuses = [200]
    again = person.post(f"webhooks/{webhook['id']}/deliveries/{entry['id']}/redeliver")
    assert again["id"] == entry["id"]
    eventually(lambda: deliveries(person, webhook)[0]["state"] == "delivered", 60, "it is delivered")
    assert receiver.requests[-1][0]["webhook-id"] == entry["id"] and receiver.requests[-1][1] == receiver.requests[0][1]


def test_a_receiver_that_is_gone_is_switched_off(person, receiver):
    receiver.statuses = [410]
    webhook = hook(person, receiver)
    person.post(f"webhooks/{webhook['id']}/test")
    [entry] = ended(person, webhook, 1)
    assert entry["state"] == "failed" and entry["attempts"] == 1
    eventually(lambda: not person.get(f"webhooks/{webhook['id']}")["is_active"], 60, "it is switched off")
    assert "410" in person.get(f"webhooks/{webhook['id']}")["disabled_reason"]
    refused(person.request("POST", f"webhooks/{webhook['id']}/test"), 409, "invalid_state")
    assert "disabled_reason" not in person.put(f"webhooks/{webhook['id']}", {"is_active": True})


def test_a_killed_server_tells_what_it_had_to_tell(house, person):
    """Nothing is lost and nothing changes its place, whenever the server dies."""
    receiver = Receiver(500)
    try:
        webhook = hook(person, receiver, *STOPPED)
        minion = person.minion("Survivor")
        job_stopped(person, minion)
        eventually(lambda: receiver.requests, 60, "the first attempt was made")
        house.end(signal.SIGKILL, within=60)
        before = receiver.requests[0][0]["webhook-id"]
        receiver.statuses = [204]
        house.start()
        told = ended(person, webhook, 2)
        assert receiver.types()[-2:] == ["job.queued", "job.stopped"] and {entry["state"] for entry in told} == {"delivered"}
        assert receiver.requests[-2][0]["webhook-id"] == before == told[0]["id"], "a receiver can tell that it has had it"
        headers, body = receiver.requests[-1]
        assert headers["webhook-signature"] == signature(webhook["secret"], headers, body), "the secret is still the same"
    finally:
        receiver.close()


def test_a_ping_comes_whatever_is_wanted_and_a_new_secret_signs(person, receiver):
    webhook = hook(person, receiver, "job.failed")
    secret = person.post(f"webhooks/{webhook['id']}/secret")["secret"]
    assert secret != webhook["secret"]
    person.post(f"webhooks/{webhook['id']}/test")
    ended(person, webhook, 1)
    [(headers, body)] = receiver.requests
    assert json.loads(body)["type"] == "ping" and json.loads(body)["data"] == {"webhook_id": webhook["id"]}
    assert headers["webhook-signature"] == signature(secret, headers, body)
    person.delete(f"webhooks/{webhook['id']}")
    assert person.get("webhooks")["items"] == []


def test_an_address_in_the_operators_network_is_refused_at_saving_and_at_sending(house, person, receiver, tmp_path):
    error = refused(person.request("POST", "webhooks", json={"url": "http://169.254.169.254/latest"}), 422, "invalid_request")
    assert [detail["field"] for detail in error["details"]] == ["url"]
    refused(person.request("POST", "webhooks", json={"url": "ftp://example.org"}), 422, "invalid_request")
    webhook = hook(person, receiver)
    # A name may stand for another address by the time it is called.
    house.sql("UPDATE webhooks SET url = 'http://169.254.169.254/hook' WHERE id = ?", webhook["id"])
    person.post(f"webhooks/{webhook['id']}/test")
    [entry] = ended(person, webhook, 1)
    assert entry["state"] == "failed" and "169.254.169.254" in entry["error"] and "status" not in entry


def test_the_secret_is_nowhere_but_in_the_reply(house, person, receiver):
    webhook = hook(person, receiver)
    person.post(f"webhooks/{webhook['id']}/test")
    ended(person, webhook, 1)
    secret = webhook["secret"].removeprefix("whsec_")
    assert secret not in house.log() and secret not in json.dumps(deliveries(person, webhook))
    for path in house.data.glob("atelier.sqlite*"):
        assert secret.encode() not in path.read_bytes(), path.name


def test_a_status_that_is_none_costs_an_attempt_and_nothing_else(house, person):
    """A status line below 100 ended the server, at every start again."""
    receivers = [
        Raw(f"HTTP/1.1 {status} X\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}".encode()) for status in ("000", "099", "101")]
    try:
        before = house.process.pid
        webhooks = [hook(person, receiver, "job.queued") for receiver in receivers]
        job_stopped(person)
        for webhook in webhooks:
            [entry] = ended(person, webhook, 1)
            assert (entry["state"], entry["attempts"]) == ("failed", 13) and "status" not in entry
            assert "not HTTP as it should be" in entry["error"]
        assert house.process.poll() is None and house.process.pid == before
    finally:
        for receiver in receivers:
            receiver.close()


def test_an_attempt_counts_from_its_beginning(house, person):
    """One under which the server dies is not made for ever."""
    receiver = Raw()
    try:
        webhook = hook(person, receiver)
        person.post(f"webhooks/{webhook['id']}/test")
        eventually(lambda: receiver.asked, 60, "the attempt is under way")
        assert [entry["attempts"] for entry in deliveries(person, webhook)] == [1]
        house.end(signal.SIGKILL, within=60)
        house.start()
        [entry] = deliveries(person, webhook)
        assert (entry["state"], entry["attempts"]) == ("pending", 1)
        # A server that ends in order takes back what it did not finish.
        house.sql("UPDATE webhook_deliveries SET next_at = created_at WHERE id = ?", entry["id"])
        eventually(lambda: receiver.asked == 2, 60, "the next attempt is under way")
        house.end(signal.SIGTERM, within=60)
        house.start()
        eventually(lambda: receiver.asked == 3, 60, "it is made again")
        assert deliveries(person, webhook)[0]["attempts"] == 2
        # All are used up: it is not begun again.
        house.sql("UPDATE webhook_deliveries SET next_at = created_at, attempts = 13 WHERE id = ?", entry["id"])
        [entry] = ended(person, webhook, 1)
        assert entry["state"] == "failed" and "the last attempt" in entry["error"]
    finally:
        receiver.close()
        person.delete(f"webhooks/{webhook['id']}")


def test_a_body_that_never_ends_does_not_hold_up_the_others(person, receiver):
    endless = Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 4096)
    try:
        webhook = hook(person, endless)
        person.post(f"webhooks/{webhook['id']}/test")
        [entry] = ended(person, webhook, 1)
        assert (entry["state"], entry["status"], entry["attempts"]) == ("delivered", 200, 1)
    finally:
        endless.close()
