"""What test_schema.py calls the server with: rows of every kind, and for every operation what makes it succeed.

A call that spends its row (a minion that is deleted, a session that ends) gets a fresh one; a call that sets limits or changes a
password is about people and keys that no other call depends on.
"""

import json
import random
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from fuzz import peft, zipped
from harness import PASSWORD, Account, Server, eventually, ok, voice
from upstream import chunks, delta, message, usage

DOCUMENT = b"# Kiln\n\nThe kiln is fired on Fridays at 1220 degrees.\n\n# Glaze\n\nGlazes are mixed by weight.\n"
# Hundreds of rows are made.
UNLIMITED = ["minions", "datasets", "provider_keys", "provider_definitions", "webhooks", "training_jobs", "concurrent_requests", "event_streams"]


class Vendor:
    """An OpenAI-compatible vendor that answers whatever it is asked, and a receiver of webhooks."""

    def __init__(self):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                self.reply({"object": "list", "data": [{"id": "big-model", "object": "model", "created": 1, "owned_by": "us"}]})

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
                if self.path.endswith("/embeddings"):
                    vectors = [{"object": "embedding", "index": index, "embedding": [0.6, 0.8]} for index in range(len(body["input"]))]
                    self.reply({"object": "list", "model": "vectors", "data": vectors, "usage": {"prompt_tokens": 1, "total_tokens": 1}})
                elif body.get("stream"):
                    counts = usage(prompt_tokens=11, completion_tokens=7, total_tokens=18)
                    self.send(b"".join(chunks(delta(content="Hello."), delta(finish="stop"), counts).parts), "text/event-stream")
                else:
                    self.reply(message("Hello."))

            def reply(self, body: dict) -> None:
                self.send(json.dumps(body).encode(), "application/json")

            def send(self, body: bytes, kind: str) -> None:
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.address = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()


@dataclass
class Request:
    """What makes an operation succeed, where the description alone does not say it."""

    body: dict | None = None
    #: a file as the body
    upload: bytes | None = None
    query: dict = field(default_factory=dict)
    #: ids for the path, of rows that may be made for the call
    path: Callable[[], dict[str, str]] = dict
    #: brings the rows into the state the call needs
    before: Callable[[], object] = lambda: None
    #: who calls; else the owner, below /api/admin a superuser
    caller: Callable[[], Account] | None = None
    #: how many calls meet a row; later ones meet none, since each takes seconds
    most: float = float("inf")
    #: whether what it makes is deleted again
    is_undone: bool = False


class World:
    """A server with rows, and the people who may see them."""

    def __init__(self, server: Server, vendor: Vendor):
        self.server, self.vendor = server, vendor
        self.base_url = f"{vendor.address}/v1"
        self.number = 0
        #: by operation: calls that are meant to succeed
        self.calls: Counter[str] = Counter()
        self.root = server.account("root", "--superuser")
        self.owner, self.leaver, self.changer, self.closed, self.limited, self.frugal = map(
            self.person, ["owner", "leaver", "changer", "closed", "limited", "frugal"])
        self.password_hash = server.sql("SELECT password_hash FROM users WHERE id = ?", self.changer.id)[0][0]
        self.rows()
        self.requests = self.known()
        self.ids = {
            "user_id": self.owner.id, "minion_id": self.minion["id"], "job_id": self.job["id"], "adapter_id": self.adapter["id"],
            "collection_id": self.collection["id"], "release_id": self.releases[0], "webhook_id": self.hook["id"], "provider": self.key["id"],
            "definition_id": self.definition["id"], "dataset_id": self.voice["id"], "answer_id": self.answer["id"], "key_id": self.key["id"],
            "model": self.asked["name"],
        }

    def person(self, name: str) -> Account:
        account = self.server.account(name)
        ok(self.root.request("PUT", f"/api/admin/users/{account.id}/limits", json={"unlimited": UNLIMITED}))
        return account

    def rows(self) -> None:
        owner = self.owner
        self.key = owner.post("providers", {"provider": "custom", "api_key": "sk-1234567890123456", "base_url": self.base_url})["key"]
        self.idle_key = self.provider_key()
        self.voice = owner.dataset(voice(20), "jsonl", "voice.jsonl")
        self.documents = owner.dataset(zipped({"kiln.md": DOCUMENT}), "rag", "kiln.zip")
        # One with a collection and two releases, the second with an adapter; one straight to the vendor; one to be changed.
        self.minion = owner.minion("Wick")
        self.asked = owner.minion("Asked", provider="custom", model_id="big-model", pipeline={"mode": "direct", "embedding_model": "vectors"})
        self.spare = owner.minion("Spare")
        self.token = owner.token_of(self.asked)
        worker = self.server.worker(ATELIER_WORKER_JOBS="1")
        self.job, _ = owner.finish(owner.job(self.minion, "rag_only", [self.documents]))
        worker.end(15)
        self.adapter_file = zipped(peft(random.Random(1)))
        imported = ok(owner.request("POST", "adapters", params={"minion_id": self.minion["id"]}, content=self.adapter_file))
        self.adapter = imported["adapter"]
        self.releases = [release["id"] for release in owner.get(f"minions/{self.minion['id']}/releases")["items"]]
        self.collection, = owner.get("collections")["items"]
        archive = owner.request("GET", f"minions/{self.minion['id']}/releases/{imported['release']['id']}/archive")
        assert archive.status_code == 200, archive.text
        self.archive = archive.content
        self.answer = owner.ask(self.minion, "When is the kiln fired?", max_tokens=4)
        self.hook = owner.post("webhooks", {"url": f"{self.vendor.address}/hook"})
        self.definition = owner.post("provider-definitions", self.definition_body())
        self.shared_definition = self.new_shared_definition()

    # Fresh rows

    def name(self, kind: str) -> str:
        self.number += 1
        return f"{kind}-{self.number}"

    def definition_body(self) -> dict:
        return {"id": self.name("vendor"), "name": "Vendor", "base_url": self.base_url}

    def new_shared_definition(self) -> dict:
        return ok(self.root.request("POST", "/api/admin/provider-definitions", json=self.definition_body()))

    def provider_key(self) -> dict:
        body = {"provider": "custom", "api_key": "sk-1234567890123458", "base_url": self.base_url, "label": self.name("key"), "is_active": False}
        return self.owner.post("providers", body)["key"]

    def dataset(self) -> dict[str, str]:
        return {"dataset_id": self.owner.dataset(voice(2), "jsonl", "voice.jsonl", self.name("dataset"))["id"]}

    def job_body(self) -> dict:
        return {"minion_id": self.spare["id"], "training_type": "rag_only", "dataset_ids": [self.documents["id"]], "allow_duplicate": True}

    def new_job(self, **fields) -> dict[str, str]:
        return {"job_id": self.owner.post("external-training/jobs", self.job_body() | fields)["id"]}

    def session(self, account: Account) -> Callable[[], Account]:
        """Signed in anew for each call."""
        return lambda: self.server.sign_in(account.email)

    def ending_session(self) -> dict[str, str]:
        """A session of the owner's that nobody uses."""
        self.server.sign_in(self.owner.email)
        return {"session_id": next(session["id"] for session in self.owner.get("/api/me/sessions")["items"] if not session["is_current"])}

    def copied_collection(self) -> dict[str, str]:
        """A collection whose row is there, and no files: to build one takes seconds."""
        columns = [row[1] for row in self.server.sql("PRAGMA table_info(collections)")]
        copy = self.name("col_copy")
        values = ", ".join("?" if column in ("id", "name") else column for column in columns)
        self.server.sql(
            f"INSERT INTO collections ({', '.join(columns)}) SELECT {values} FROM collections WHERE id = ?", copy, copy, self.collection["id"])
        return {"collection_id": copy}

    # States

    def other_release(self) -> dict[str, str]:
        """A release that does not answer now, with no trial under way."""
        minion = self.owner.get(f"minions/{self.minion['id']}")
        if "canary" in minion:
            self.owner.delete(f"minions/{self.minion['id']}/canary")
        return {"release_id": next(release for release in self.releases if release != minion["release_id"])}

    def promote(self) -> None:
        """Another release answers than before, so that there is one to go back to."""
        self.owner.post(f"minions/{self.minion['id']}/releases/{self.other_release()['release_id']}/promote")

    def try_out(self) -> None:
        self.owner.post(f"minions/{self.minion['id']}/releases/{self.other_release()['release_id']}/canary", {"percent": 1})

    def delivered(self) -> dict[str, str]:
        """A webhook's delivery that has ended."""
        path = f"webhooks/{self.hook['id']}"
        self.owner.post(f"{path}/test")

        def ended() -> str | None:
            return next((delivery["id"] for delivery in self.owner.get(f"{path}/deliveries")["items"] if delivery["state"] != "pending"), None)

        return {"delivery_id": eventually(ended, 30, "a delivery has ended")}

    def asked_minion(self) -> dict[str, str]:
        """The first question goes through every stage, the others straight to the vendor."""
        return {"minion_id": (self.minion if self.calls["ask"] == 1 else self.asked)["id"]}

    # Requests

    def known(self) -> dict[str, Request]:
        """By operation."""
        owner, address = self.owner, self.vendor.address
        spare = lambda: {"minion_id": self.spare["id"]}  # noqa: E731
        chat = {"model": "Asked", "messages": [{"role": "user", "content": "Hello."}], "max_tokens": 8}
        definition = {"id": "acme", "name": "Acme", "base_url": self.base_url}
        limits = {"requests_per_day": 1000}
        return {
            "register": Request({"email": "new@example.org", "password": PASSWORD}),
            "login": Request({"email": owner.email, "password": PASSWORD}),
            "logout": Request(caller=self.session(owner)),
            "endSessions": Request(caller=self.session(self.leaver)),
            "endSession": Request(path=self.ending_session),
            "changePassword": Request({"current_password": PASSWORD, "new_password": f"{PASSWORD}-2"}, caller=self.session(self.changer)),
            "pageFile": Request(path=lambda: {"path": "index.html"}),
            "updateUser": Request({"is_active": True}, path=lambda: {"user_id": self.closed.id}),
            "setDefaultLimits": Request(limits),
            "setUserLimits": Request(limits, path=lambda: {"user_id": self.limited.id}),
            "setOwnLimits": Request(limits, path=lambda: {"user_id": self.frugal.id}, caller=lambda: self.frugal),
            "setMinionLimits": Request(limits, path=spare),
            "setKeyLimits": Request(limits, path=lambda: {"key_id": self.idle_key["id"]}),
            "createSharedProviderDefinitions": Request(definition, is_undone=True),
            "getSharedProviderDefinition": Request(path=lambda: {"definition_id": self.shared_definition["id"]}),
            "updateSharedProviderDefinition": Request(
                self.shared_definition["definition"], path=lambda: {"definition_id": self.shared_definition["id"]}),
            "deleteSharedProviderDefinition": Request(path=lambda: {"definition_id": self.new_shared_definition()["id"]}),
            "createProviderDefinitions": Request(definition, is_undone=True),
            "updateProviderDefinition": Request(self.definition["definition"]),
            "deleteProviderDefinition": Request(
                path=lambda: {"definition_id": owner.post("provider-definitions", self.definition_body())["id"]}),
            "createProviderKey": Request(
                {"provider": "custom", "api_key": "sk-1234567890123459", "base_url": self.base_url, "label": "new"}, is_undone=True),
            "updateProviderKey": Request({"label": "idle", "test": False}, path=lambda: {"provider": self.idle_key["id"]}),
            "deleteProviderKey": Request(path=lambda: {"provider": self.provider_key()["id"]}),
            "createMinion": Request({"name": "New", "provider": "custom", "model_id": "big-model", "base_url": self.base_url}, is_undone=True),
            "updateMinion": Request({"system_prompt": "Be brief."}, path=spare),
            "deleteMinion": Request(path=lambda: {"minion_id": owner.minion(self.name("minion"))["id"]}),
            "createMinionToken": Request(path=spare),
            "importRelease": Request(upload=self.archive, path=spare),
            "promoteRelease": Request({"reason": "better"}, path=self.other_release),
            "rollback": Request({"reason": "worse"}, before=self.promote),
            "startCanary": Request({"percent": 1}, path=self.other_release),
            "getCanary": Request(before=self.try_out),
            "endCanary": Request(before=self.try_out),
            "ask": Request({"question": "Hello?", "max_tokens": 8}, path=self.asked_minion),
            "createDataset": Request(
                upload=voice(3), query={"dataset_type": "jsonl", "dataset_name": "new", "file_name": "voice.jsonl"}, is_undone=True),
            "updateDataset": Request({"description": "Letters"}, path=self.dataset),
            "deleteDataset": Request(path=self.dataset),
            "changeDataset": Request(upload=voice(3), query={"mode": "replace"}, path=self.dataset),
            "previewDataset": Request(query={"limit": 2}, most=1),
            "createJob": Request(self.job_body(), is_undone=True),
            "estimateJob": Request(self.job_body()),
            "updateJob": Request({"job_name": "Later"}, path=self.new_job),
            "deleteJob": Request(path=self.new_job),
            "startJob": Request({}, path=self.new_job),
            "restartJob": Request({}, path=self.new_job),
            "stopJob": Request(path=lambda: self.new_job(start=True)),
            "importAdapter": Request(upload=self.adapter_file, query={"minion_id": self.spare["id"], "promote": False}),
            # A quarter of a gigabyte.
            "exportMerged": Request(most=0),
            "createWebhook": Request({"url": f"{address}/hook", "events": []}, is_undone=True),
            "updateWebhook": Request({"is_active": True}),
            "deleteWebhook": Request(path=lambda: {"webhook_id": owner.post("webhooks", {"url": f"{address}/other"})["id"]}),
            "redeliver": Request(path=self.delivered),
            "deleteCollection": Request(path=self.copied_collection),
            "getCollectionDocument": Request(query={"name": "kiln.md"}),
            "searchCollection": Request({"query": "When is the kiln fired?"}),
            "openaiChat": Request(chat),
            "openaiEmbeddings": Request({"model": "vectors", "input": "Hello."}),
            "anthropicMessages": Request(chat),
        }

    def token_for(self, path: str) -> str:
        if path.startswith("/v1"):
            return self.token
        return (self.root if path.startswith("/api/admin") else self.owner).token

    def prepare(self, case, options: dict) -> None:
        """Before a call: real ids in the path, and a file as the body of an upload.

        `options` are those of the HTTP client.
        """
        operation = case.operation.definition.raw["operationId"]
        request = self.requests.get(operation, Request())
        is_meant = case.method == case.operation.method.upper() and case.meta.generation.mode.is_positive
        self.calls[operation] += is_meant
        number = self.calls[operation]
        if not any(where.value == "path" and part.mode.is_negative for where, part in case.meta.components.items()):
            # One that names nothing, now and then.
            is_real = number % 9 != 8 and (number <= request.most if is_meant else request.most == float("inf"))
            if is_real:
                request.before()
            found = request.path() if is_real else {}
            for name in case.path_parameters or {}:
                case.path_parameters[name] = found.get(name) or self.ids[name] if is_real else "nothing"
        if request.upload is not None and is_meant and number % 2:
            # Not into the case, where it would be held against the description of texts.
            options["data"] = request.upload
        if request.caller:
            case.headers["Authorization"] = f"Bearer {request.caller().token}"

    def settle(self, case, response) -> None:
        """After a call: what it has made goes again, and what everybody depends on is as before."""
        operation = case.operation.definition.raw["operationId"]
        if response.status_code == 201 and self.requests.get(operation, Request()).is_undone:
            made = response.json()
            account = self.root if case.path.startswith("/api/admin") else self.owner
            undone = account.request("DELETE", f"{case.formatted_path}/{made.get('key', made)['id']}")
            # An `Idempotency-Key` that is used twice gets the first one's reply again.
            assert undone.is_success or undone.status_code == 404, undone.text
        if operation == "setDefaultLimits":
            ok(self.root.request("PUT", "/api/admin/limits", json={}))
        if operation == "changePassword" and response.status_code == 204:
            self.server.sql("UPDATE users SET password_hash = ? WHERE id = ?", self.password_hash, self.changer.id)
