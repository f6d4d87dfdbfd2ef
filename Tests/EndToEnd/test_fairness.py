"""What one user asks for holds up nobody else, and never more than a stated share of the machine."""

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx2 as httpx
import pytest
from harness import eventually, ok, refused, running
from upstream import Raw


def test_one_user_does_not_hold_all_slots_of_the_local_model(server, somebody):
    """Somebody else's one question is answered while more of the first one's are under way and in line than there are slots."""
    greedy = somebody.minion("Greedy")
    other = server.account(f"other-{time.monotonic_ns()}")
    modest = other.minion("Modest")
    other.ask(modest, "Hi", max_tokens=2)  # The model is loaded.
    done = []

    def long(_):
        somebody.ask(greedy, "Count from one to one thousand in words.", max_tokens=40, temperature=1)
        done.append(time.monotonic())

    with ThreadPoolExecutor(24) as pool:
        asked = [pool.submit(long, number) for number in range(24)]
        eventually(lambda: next(one["used"] for one in somebody.get("limits")["limits"] if one["name"] == "concurrent_requests") >= 12, 30, "many ask")
        other.ask(modest, "Hi", max_tokens=2)
        answered = time.monotonic()
        for one in asked:
            one.result()
    assert sum(moment > answered for moment in done) >= 8, "the others were still in line"


def test_many_texts_to_embed_hold_up_no_question_and_end_with_their_caller(server, somebody):
    """2,048 texts are embedded in batches, of each user in turn."""
    minion = somebody.minion("Embeds")
    token = somebody.token_of(minion)
    model = next(one["id"] for one in somebody.server.http.get(
        "/v1/models", headers={"Authorization": f"Bearer {token}"}).json()["data"] if one["id"] != minion["name"])
    other = server.account(f"embeds-{time.monotonic_ns()}")
    others = other.token_of(other.minion("Embeds"))

    def embed(token: str, texts: list[str], timeout: float = 120):
        return server.http.post(
            "/v1/embeddings", headers={"Authorization": f"Bearer {token}"}, json={"model": model, "input": texts}, timeout=timeout)

    ok(embed(others, ["warm"]))
    with ThreadPoolExecutor(1) as pool:
        many = pool.submit(embed, token, [f"text number {number} of very many that are to be embedded" for number in range(2048)])
        eventually(lambda: any(line["used"] == 1 for line in somebody.get("limits")["limits"] if line["name"] == "concurrent_requests"), 30, "begun")
        ok(embed(others, ["one text"]))
        assert not many.done(), "it did not wait for the many"
        assert len(ok(many.result())["data"]) == 2048
    # Given up: what was embedded until then is on record, and no more is.
    before = sum(line["input_tokens"] for line in somebody.get("usage")["summary"])
    with pytest.raises(httpx.TimeoutException):
        embed(token, [f"text number {number} of very many that are to be embedded" for number in range(2048)], timeout=0.3)
    eventually(lambda: all(line["used"] == 0 for line in somebody.get("limits")["limits"] if line["name"] == "concurrent_requests"), 30, "given up")
    given_up = sum(line["input_tokens"] for line in somebody.get("usage")["summary"]) - before
    assert given_up < before / 2, "most of it was not embedded"


def test_addresses_that_do_not_answer_hold_up_no_webhook_of_another_user(server, somebody):
    """Twenty that take the connection and say nothing, and one of somebody else that answers."""
    heard = threading.Event()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            heard.set()
            self.send_response(204)
            self.end_headers()

        def log_message(self, *arguments):
            pass

    receiver = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=receiver.serve_forever, args=(0.02,), daemon=True).start()
    with closing(Raw()) as silent:
        for number in range(20):
            webhook = somebody.post("webhooks", {"url": f"{silent.url}/{number}"})
            somebody.post(f"webhooks/{webhook['id']}/test")
        assert silent.taken.wait(60), "the first is being called"
        other = server.account(f"hooked-{time.monotonic_ns()}")
        webhook = other.post("webhooks", {"url": f"http://127.0.0.1:{receiver.server_port}/"})
        other.post(f"webhooks/{webhook['id']}/test")
        # An attempt is given fifteen seconds: whoever waits for one of them waits longer than this.
        assert heard.wait(10)
        error = refused(somebody.request("POST", "webhooks", json={"url": "http://127.0.0.1:1/"}), 429, "limit_exceeded")
        detail, = error["details"]
        assert (detail["field"], detail["limit"], detail["used"], detail["scope"]) == ("webhooks", 20, 20, "default") and "delete" in detail["hint"]
        for one in somebody.get("webhooks?limit=100")["items"]:
            somebody.delete(f"webhooks/{one['id']}")
    receiver.shutdown()
    receiver.server_close()


@pytest.mark.parametrize("name, path, body", [
    ("minions", "minions", {"name": "N{}", "provider": "local", "model_id": "m"}),
    ("datasets", "training-datasets?dataset_name=n{}&dataset_type=custom", None),
    ("provider_keys", "providers", {"provider": "openai", "api_key": "sk-{}", "label": "l{}", "test": False}),
    ("provider_definitions", "provider-definitions", {"id": "mine{}", "name": "Mine", "dialect": "openai", "base_url": "http://127.0.0.1:1"}),
    ("webhooks", "webhooks", {"url": "http://127.0.0.1:1/{}"}),
])
def test_what_is_kept_is_limited_and_more_at_the_same_time_is_not_made(superuser, somebody, name, path, body):
    superuser.put(f"/api/admin/users/{somebody.id}/limits", {name: 3})

    def make(number: int):
        filled = {key: value.format(number) if isinstance(value, str) else value for key, value in (body or {}).items()}
        return somebody.request("POST", path.format(number), **({"json": filled} if body else {"content": b"content"}))

    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(make, range(8)))
    made = sum(reply.status_code == 201 for reply in replies)
    assert 1 <= made <= 3
    while made < 3:
        made += make(100 + made).status_code == 201
    detail, = refused(make(200), 429, "limit_exceeded")["details"]
    assert (detail["field"], detail["limit"], detail["used"], detail["scope"]) == (name, 3, 3, "user") and detail["hint"]
    shown = next(limit for limit in somebody.get("limits")["limits"] if limit["name"] == name)
    assert (shown["limit"], shown["used"], shown["remaining"]) == (3, 3, 0)
    # Lifted for this user: nothing is in the way any more.
    superuser.put(f"/api/admin/users/{somebody.id}/limits", {"unlimited": [name]})
    assert make(201).status_code == 201


def test_open_streams_of_events_are_limited(superuser, somebody):
    minion = somebody.minion("Streams")
    dataset = somebody.dataset(b'{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}\n', "jsonl", "a.jsonl")
    job = somebody.post("external-training/jobs", {
        "minion_id": minion["id"], "training_type": "lora_only", "dataset_ids": [dataset["id"]], "run_at": "2099-01-01T00:00:00Z"})
    superuser.put(f"/api/admin/users/{somebody.id}/limits", {"event_streams": 2})
    path = f"{somebody.base}/external-training/jobs/{job['id']}/events"

    def opened():
        return somebody.server.http.stream("GET", path, headers=somebody.headers)

    with opened() as one, opened() as two:
        assert one.status_code == two.status_code == 200
        detail, = refused(somebody.request("GET", path), 429, "limit_exceeded")["details"]
        assert (detail["field"], detail["limit"], detail["used"]) == ("event_streams", 2, 2)
    # A stream that nobody reads any more is noticed with its next comment.
    eventually(lambda: next(one["used"] for one in somebody.get("limits")["limits"] if one["name"] == "event_streams") == 0, 20, "both are closed")
    somebody.post(f"external-training/jobs/{job['id']}/stop")


def test_exports_of_one_user_leave_a_place_to_others_and_count_as_storage(server, superuser, trained):
    """Merged models are made one at a time for a user; who asks for too many is refused, and somebody else's export is made meanwhile."""
    keeper = trained.account
    path = f"{keeper.base}/adapters/{trained.release['adapter_id']}/merged"
    other = server.account(f"exports-{time.monotonic_ns()}")
    dataset = other.dataset(b'{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}\n', "jsonl", "a.jsonl")

    def merged(_) -> int:
        return server.http.get(path, headers=keeper.headers).status_code

    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(merged, number) for number in range(8)]
        # One is made, four wait, and the other three are told so.
        eventually(lambda: sum(one.done() and one.result() == 429 for one in asked) == 3, 60, "three are refused")
        assert other.request("GET", f"training-datasets/{dataset['id']}/export").status_code == 200
        assert not all(one.done() for one in asked), "the others are still in line"
        assert [one.result() for one in asked].count(200) == 5
    stored = next(one["used"] for one in keeper.get("limits")["limits"] if one["name"] == "storage_bytes")
    superuser.put(f"/api/admin/users/{keeper.id}/limits", {"storage_bytes": int(stored) + (1 << 20)})
    try:
        error = refused(keeper.request("GET", path), 429, "limit_exceeded")
        assert error["details"][0]["field"] == "storage_bytes"
        # What takes no room is given out all the same.
        assert keeper.request("GET", path.removesuffix("merged") + "gguf").status_code == 200
        assert not server.files(f"users/{keeper.id}/uploads/**/*")
    finally:
        superuser.put(f"/api/admin/users/{keeper.id}/limits", {})


def test_documents_are_not_read_on_for_a_client_that_left(server, somebody):
    """A PDF that takes long ends with its upload, and somebody else's is read at once."""
    slow = pages(8000)

    def arrived() -> bool:
        return any((server.data / path).stat().st_size == len(slow) for path in server.files(f"users/{somebody.id}/uploads/**/*"))

    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(
            f"POST {somebody.base}/training-datasets?dataset_name=slow&dataset_type=rag&file_name=slow.pdf HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Authorization: Bearer {somebody.token}\r\nContent-Length: {len(slow)}\r\n\r\n".encode() + slow)
        eventually(arrived, 30, "it is there to be read")
    # Reading it takes longer than this.
    eventually(lambda: not server.files(f"users/{somebody.id}/uploads/**/*"), 8, "nothing is left of it")
    other = server.account(f"reads-{time.monotonic_ns()}")
    assert other.dataset(pages(1), "rag", "quick.pdf")["sample_count"] == 1
    assert somebody.get("training-datasets")["items"] == []


def pages(count: int) -> bytes:
    """A PDF of so many pages of words."""
    words = " ".join(f"word{number}" for number in range(400))
    text = f"BT /F1 8 Tf 20 800 Td 10 TL {' '.join(f'({words[start:start + 90]}) Tj T*' for start in range(0, len(words), 90))} ET".encode()
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", b"", b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"]
    objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(text), text))
    kids = []
    for _ in range(count):
        objects.append(b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 3 0 R >> >> /Contents 4 0 R >>")
        kids.append(b"%d 0 R" % len(objects))
    objects[1] = b"<< /Type /Pages /Count %d /Kids [%s] >>" % (count, b" ".join(kids))
    out, places = bytearray(b"%PDF-1.4\n"), []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1) + b"".join(b"%010d 00000 n \n" % place for place in places)
    return bytes(out + b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start))


def test_a_job_trains_with_no_more_processes_than_the_operator_allows(tmp_path):
    with running(tmp_path, ATELIER_TRAINING_PROCESSES="1") as server:
        account = server.account("one")
        minion = account.minion("Trains")
        dataset = account.dataset(b'{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}\n', "jsonl", "a.jsonl")
        body = {"minion_id": minion["id"], "training_type": "lora_only", "dataset_ids": [dataset["id"]], "config": {"processes": 2}}
        error = refused(account.request("POST", "external-training/jobs", json=body), 422, "invalid_request")
        detail, = error["details"]
        assert detail["field"] == "config.processes" and "ATELIER_TRAINING_PROCESSES" in detail["hint"]
        assert account.post("external-training/jobs", body | {"config": {"processes": 1}})["status"] == "PENDING"
