"""Releases: archives that answer the same elsewhere, promotion and rollback that hold at once, trials that end themselves."""

import hashlib
import io
import json
import signal
import socket
import sqlite3
import struct
import tarfile
import zlib

import pytest
from archives import consistent, earlier, pack, sealed, unpack, without_adapter, without_collection
from harness import BASE_MODEL, PASSWORD, Account, eventually, figure, ok, questions, refused, running
from upstream import message, minion_at, upstream, whole


@pytest.fixture(scope="module")
def archive(trained) -> bytes:
    """The trained minion's release, as another server would get it."""
    reply = trained.account.request("GET", f"minions/{trained.minion['id']}/releases/{trained.release['id']}/archive")
    ok_headers = reply.headers
    assert reply.status_code == 200 and ok_headers["content-type"] == "application/x-tar"
    assert int(ok_headers["content-length"]) == len(reply.content)
    figure(f"archive of a release: {len(reply.content) / 1e6:.1f} MB")
    return reply.content


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """Another server, with a data directory of its own and room for small archives only."""
    with running(tmp_path_factory.mktemp("elsewhere"), ATELIER_MAX_UPLOAD_MB="64") as server:
        yield server


@pytest.fixture(scope="module")
def stranger(elsewhere) -> Account:
    return elsewhere.account("stranger")


def bring(account: Account, minion: dict, archive: bytes, **query) -> dict:
    query = {name: str(value).lower() for name, value in query.items()}
    return ok(account.request("POST", f"minions/{minion['id']}/releases/import", params=query, content=archive))


def refuse(account: Account, minion: dict, archive: bytes, code: str, status: int = 422) -> dict:
    before = account.server.files(f"users/{account.id}/**/*")
    error = refused(account.request("POST", f"minions/{minion['id']}/releases/import", content=archive), status, code)
    assert account.server.files(f"users/{account.id}/**/*") == before, "nothing is left behind"
    assert account.get(f"minions/{minion['id']}/releases")["items"] == []
    return error


def states(account: Account, minion: dict) -> dict[int, str]:
    return {release["number"]: release["state"] for release in account.get(f"minions/{minion['id']}/releases")["items"]}


# --- archives ------------------------------------------------------------------


def test_a_release_has_the_address_of_its_content(trained, archive):
    files = unpack(archive)
    assert next(iter(files)) == "manifest.json"
    shown = trained.account.get(f"minions/{trained.minion['id']}/releases/{trained.release['id']}")
    address = hashlib.sha256(files["content.json"]).hexdigest()
    assert address == trained.release["content_sha256"] == shown["content_sha256"] == json.loads(files["manifest.json"])["content_sha256"]
    assert json.loads(files["content.json"]) == shown["content"]
    assert shown["content"]["adapter"]["sha256"] == hashlib.sha256(files["adapter/adapter.gguf"]).hexdigest()
    assert shown["content"]["base"]["name"] == BASE_MODEL and len(shown["content"]["base"]["sha256"]) == 64
    assert [event["type"] for event in shown["events"]] == ["created", "promoted"]


def test_the_manifest_has_the_hash_of_every_file(archive):
    files = unpack(archive)
    manifest = json.loads(files.pop("manifest.json"))
    assert {entry["path"]: (entry["bytes"], entry["sha256"]) for entry in manifest["files"]} == {
        name: (len(data), hashlib.sha256(data).hexdigest()) for name, data in files.items()}
    assert {"adapter/adapter.gguf", "adapter/peft/adapter_model.safetensors", "collection/documents.jsonl", "collection/texts.utf8",
            "collection/vectors.f32"} <= files.keys()


def test_no_secret_and_nobody_is_in_an_archive(trained, archive):
    account = trained.account
    account.post("providers", {"provider": "openai", "api_key": "sk-never-in-an-archive-0123456789"})
    token = account.token_of(trained.minion)
    again = account.request("GET", f"minions/{trained.minion['id']}/releases/{trained.release['id']}/archive").content
    assert again == archive, "the same release is the same archive"
    key = (account.server.data / "encryption.key").read_text().strip()
    everything = b"\0".join(unpack(again).values())
    for secret in ["sk-never-in-an-archive", token, account.token, key, PASSWORD, account.email, account.id, trained.minion["id"], trained.job["id"]]:
        assert secret.encode() not in again and secret.encode() not in everything, secret[:12]


def test_an_imported_release_answers_the_same_on_another_server(trained, archive, stranger):
    minion = stranger.minion("Wick the Keeper")
    release = bring(stranger, minion, archive, promote=True, apply_settings=True)
    assert release["content_sha256"] == trained.release["content_sha256"] and release["state"] == "active"
    assert release["evaluation"] == trained.release["evaluation"] and "job_id" not in release
    assert stranger.get(f"minions/{minion['id']}")["pipeline"] == trained.minion["pipeline"]
    for question in questions()[:2]:
        here = trained.account.ask(trained.minion, question["question"])
        there = stranger.ask(minion, question["question"])
        assert there["answer"] == here["answer"] and there["answer"]
        assert [p["text"] for p in there["trace"]["passages"]] == [p["text"] for p in here["trace"]["passages"]] != []
    # The local model wears the adapter: without it the answer is another one.
    assert stranger.ask(minion, question["question"], adapter_scale=0)["answer"] != there["answer"]
    # Its archive is its own again, and the address still says so.
    again = unpack(stranger.request("GET", f"minions/{minion['id']}/releases/{release['id']}/archive").content)
    assert again["content.json"] == unpack(archive)["content.json"]


def test_an_archive_that_was_touched_is_refused(stranger, archive):
    minion = stranger.minion("Doubtful")
    files = unpack(archive)
    flipped = bytearray(files["adapter/adapter.gguf"])
    flipped[-1] ^= 1
    error = refuse(stranger, minion, pack(files | {"adapter/adapter.gguf": bytes(flipped)}), "archive_invalid")
    assert "adapter/adapter.gguf" in error["message"] and "hash" in error["message"]
    assert "extra.txt" in refuse(stranger, minion, pack(files | {"extra.txt": b"x"}), "archive_invalid")["message"]
    missing = {name: data for name, data in files.items() if name != "collection/vectors.f32"}
    assert "vectors.f32 is missing" in refuse(stranger, minion, pack(missing), "archive_invalid")["message"]
    # Hashes that fit, of files that do not belong to the release.
    refuse(stranger, minion, sealed(files | {"adapter/adapter.gguf": bytes(flipped)}), "archive_invalid")
    refuse(stranger, minion, sealed(files | {"extra.txt": b"x"}), "archive_invalid")
    refuse(stranger, minion, pack({"readme.txt": b"hello"}), "archive_invalid")
    refuse(stranger, minion, b"", "archive_invalid")
    refuse(stranger, minion, b"this is no archive", "archive_unsupported")
    manifest = json.loads(files["manifest.json"]) | {"version": 3}
    refuse(stranger, minion, pack(files | {"manifest.json": json.dumps(manifest).encode()}), "archive_version")


def test_names_that_climb_links_and_bombs_are_refused(stranger, archive, elsewhere):
    minion = stranger.minion("Careful")
    files = unpack(archive)
    error = refuse(stranger, minion, pack(files | {"../outside.txt": b"x"}), "unsafe_path")
    assert "../outside.txt" in error["message"] and not elsewhere.files("**/outside.txt")
    refuse(stranger, minion, pack(files | {"/etc/outside": b"x"}), "unsafe_path")
    buffer = io.BytesIO(pack(files))
    with tarfile.open(fileobj=buffer, mode="a") as contents:
        link = tarfile.TarInfo("adapter/link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        contents.addfile(link)
    refuse(stranger, minion, buffer.getvalue(), "unsafe_entry")
    # 100 MiB of nothing in a hundred kilobytes.
    bomb = pack(files | {"zeros": bytes(100 << 20)}, mode="w:gz")
    assert len(bomb) < 48 << 20
    refuse(stranger, minion, bomb, "too_large")
    refuse(stranger, minion, bytes(65 << 20), "upload_too_large", 413)
    refuse(stranger, minion, pack({f"{index}": b"" for index in range(1100)}), "too_many_entries")


def test_another_model_is_refused_by_its_name(stranger, archive):
    minion = stranger.minion("Particular")
    files = unpack(archive)
    for part in ["base", "embedder"]:
        content = json.loads(files["content.json"])
        content[part]["sha256"] = "0" * 64
        error = refuse(stranger, minion, sealed(files, content), "model_mismatch")
        assert content[part]["name"] in error["message"] and "000000000000" in error["message"]
    content = json.loads(files["content.json"])
    content["adapter"]["base_model"] = content["base"]["name"] = "llama-of-elsewhere"
    assert "llama-of-elsewhere" in refuse(stranger, minion, sealed(files, content), "model_missing")["message"]
    content["adapter"]["base_model"] = "../../secrets"
    refuse(stranger, minion, sealed(files, content), "model_missing")


# --- what is in an archive is trusted in nothing ---------------------------------


@pytest.fixture(scope="module")
def before(trained, archive) -> dict[str, bytes]:
    """The release's archive as an earlier version of the server wrote it."""
    release = trained.release
    folder = trained.account.server.data / "users" / trained.account.id / "collections" / release["collection_id"] / f"v{release['collection_version']}"
    return earlier(archive, {path.name: path.read_bytes() for path in folder.iterdir()})


def kept(account: Account, release: dict) -> dict[str, bytes]:
    """The files of an imported release's collection and adapter."""
    user = account.server.data / "users" / account.id
    return {str(path.relative_to(user)): path.read_bytes() for folder in (f"collections/{release['collection_id']}/v1", f"adapters/{release['adapter_id']}")
            for path in (user / folder).rglob("*") if path.is_file()}


def test_an_archive_of_an_earlier_version_is_made_anew(trained, before, stranger):
    minion = stranger.minion("From before")
    release = bring(stranger, minion, consistent(before), promote=True, apply_settings=True)
    question = questions()[0]["question"]
    here, there = trained.account.ask(trained.minion, question), stranger.ask(minion, question)
    assert [p["text"] for p in there["trace"]["passages"]] == [p["text"] for p in here["trace"]["passages"]] != []
    files = kept(stranger, release)
    foreign = {data for name, data in before.items() if name.startswith("collection/") and not name.endswith(("f32", "i8"))}
    assert not foreign & set(files.values()), "no file of the archive is a file of the server"
    # From now on it has the address of what it is, here and wherever it goes.
    again = stranger.request("GET", f"minions/{minion['id']}/releases/{release['id']}/archive").content
    assert unpack(again)["content.json"] != before["content.json"]
    other = stranger.minion("From here")
    assert bring(stranger, other, again)["content_sha256"] == release["content_sha256"] == trained.release["content_sha256"]


def changed(data: bytes, folder, *statements: str) -> bytes:
    """A database after statements that no constraint keeps from it."""
    file = folder / "chunks.sqlite"
    file.write_bytes(data)
    for step in (["UPDATE sqlite_schema SET sql = replace(sql, ' NOT NULL', '') WHERE type = 'table'"], statements):
        connection = sqlite3.connect(file, isolation_level=None)
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("PRAGMA ignore_check_constraints = ON")
        for statement in step:
            connection.execute(statement)
        connection.close()
    return file.read_bytes()


@pytest.mark.parametrize("statements, word", [
    (["UPDATE documents SET title = NULL"], "title is NULL"),
    (["UPDATE documents SET tags = NULL"], "not JSON"),
    (["UPDATE documents SET chunks = 9223372036854775807 WHERE id = 1"], "chunks"),
    (["UPDATE chunks SET number = 9223372036854775807 WHERE number = 2"], "number of a chunk"),
    (["UPDATE chunks SET end_byte = 9223372036854775807 WHERE number = 1"], "place of a chunk"),
    (["CREATE VIEW v AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"], "the view 'v'"),
    (["DROP TABLE meta", "CREATE VIEW meta AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS key, i AS value FROM n"],
     "the view 'meta'"),
    (["CREATE TRIGGER t AFTER INSERT ON chunks BEGIN SELECT 1; END"], "the trigger 't'"),
], ids=["title", "tags", "count", "number", "offset", "view", "view for a table", "trigger"])
def test_a_database_that_no_server_wrote_is_refused(before, stranger, tmp_path, statements, word):
    minion = stranger.minion(f"Hostile {zlib.crc32(word.encode())}")
    data = changed(before["collection/chunks.sqlite"], tmp_path, *statements)
    assert word in refuse(stranger, minion, consistent(before, **{"collection/chunks.sqlite": data}), "archive_invalid")["message"]


def test_files_of_an_index_that_do_not_fit_are_refused_or_left(before, stranger):
    minion = stranger.minion("Hostile files")
    vectors, chunks = before["collection/vectors.f32"], before["collection/chunks.sqlite"]
    nan = struct.pack("<f", float("nan"))
    for name, data in [
        ("vectors.f32", vectors[:-4]), ("vectors.f32", vectors[:-1536]), ("vectors.f32", vectors[:64] + nan + vectors[68:]),
        ("vectors.f32", vectors[:16] + struct.pack("<Q", 1 << 62) + vectors[24:]), ("vectors.f32", b""),
        ("chunks.sqlite", b""), ("chunks.sqlite", chunks[:100]), ("chunks.sqlite", chunks[:16] + b"\x02\x00" + chunks[18:]),
        ("chunks.sqlite", chunks[:4096] + bytes(len(chunks) - 4096)),
    ]:
        refuse(stranger, minion, consistent(before, **{f"collection/{name}": data}), "archive_invalid")
    # Sketches, bytes and a write-ahead log of the archive's own are not read: the server makes its own.
    strange = consistent(before, **{"collection/vectors.b1": b"ATLSKT11" + b"\xff" * 4000, "collection/vectors.i8": b"", "collection/chunks.sqlite-wal": b"\xff" * 5000})
    release = bring(stranger, minion, strange, promote=True)
    assert stranger.ask(minion, questions()[0]["question"])["trace"]["passages"]
    files = kept(stranger, release)
    assert not any(name.endswith("-wal") for name in files)
    assert next(data for name, data in files.items() if name.endswith("vectors.i8")) == before["collection/vectors.i8"]
    assert stranger.get(f"collections/{release['collection_id']}/documents")["items"]


def test_plain_data_that_no_server_wrote_is_refused(archive, stranger):
    minion = stranger.minion("Hostile data")
    files = unpack(archive)
    first, rest = files["collection/documents.jsonl"].split(b"\n", 1)

    def line(**values) -> bytes:
        return json.dumps(json.loads(first) | values).encode() + b"\n" + rest

    for name, data, word in [
        ("documents.jsonl", line(title=None), "title is NULL"), ("documents.jsonl", line(chunks=[]), "chunks"),
        ("documents.jsonl", line(chunks=[{"start": 0, "end": 1 << 63, "tokens": 1, "headings": []}]), "place of a chunk"),
        ("documents.jsonl", b"[" * 200_000, "not JSON"), ("texts.utf8", files["collection/texts.utf8"][:-1], "text"),
        ("collection.json", b"{}", "embedder"), ("vectors.f32", files["collection/vectors.f32"][:-4], "size"),
    ]:
        assert word in refuse(stranger, minion, consistent(files, **{f"collection/{name}": data}), "archive_invalid")["message"]


def test_an_adapter_that_no_trainer_wrote_is_refused(archive, stranger):
    minion = stranger.minion("Hostile voice")
    files = unpack(without_collection(archive))
    served = files["adapter/adapter.gguf"]
    for data, word in [
        (b"", "neither"), (served[:4], "header"), (served[:8] + struct.pack("<Q", 1 << 63) + served[16:], "claims 9223372036854775808 tensors"),
        (served[:16] + struct.pack("<Q", 1 << 63) + served[24:], "fields"), (served[:-4], "beyond the end"),
        (served[:-4] + struct.pack("<f", float("nan")), "no numbers"), (served[:2000] + bytes(len(served) - 2000), ""),
    ]:
        assert word in refuse(stranger, minion, consistent(files, **{"adapter/adapter.gguf": data}), "archive_invalid")["message"]
    for name, data in [("voice.json", b'{"dimension":4611686018427387904,"embedder":"e"}'), ("voice.json", b"[" * 100_000),
                       ("restyle.json", b'{"floor":1e300}'), ("restyle.json", b" " * (2 << 20)), ("held_out_losses.json", b"[]")]:
        refuse(stranger, minion, consistent(files, **{f"adapter/{name}": data}), "archive_invalid")
    # PEFT's files are made from the served one, and what answers do not read stays behind.
    release = bring(stranger, minion, consistent(files, **{"adapter/peft/adapter_model.safetensors": b"\x80\x04pickle", "adapter/evil.py": b"x"}))
    user = stranger.server.data / "users" / stranger.id / "adapters" / release["adapter_id"]
    assert (user / "adapter.gguf").read_bytes() == served
    assert not (user / "evil.py").exists() and b"pickle" not in (user / "peft" / "adapter_model.safetensors").read_bytes()


def test_a_small_archive_does_not_make_a_large_server(archive, stranger, elsewhere):
    minion = stranger.minion("Small and large")
    files = unpack(archive)
    memory = elsewhere.peak_memory()
    manifest = json.loads(files["manifest.json"])
    many = json.dumps(manifest | {"files": [{"path": "x", "bytes": 0, "sha256": ""}] * 400_000}).encode()
    notes = json.dumps(manifest | {"evaluation": manifest["evaluation"] | {"notes": [""] * 500_000}}).encode()
    for changed_manifest, word in [(many, "more than 4 MiB"), (notes, "cannot be read"), (b"[" * 3_000_000, "cannot be read")]:
        packed = pack(files | {"manifest.json": changed_manifest}, mode="w:gz")
        assert word in refuse(stranger, minion, packed, "archive_invalid")["message"]
    refuse(stranger, minion, consistent(files | {"content.json": json.dumps(json.loads(files["content.json"]) | {"more": "x" * (2 << 20)}).encode()}),
           "archive_invalid")
    grown = elsewhere.peak_memory() - memory
    figure(f"the server grew by {grown / 1e6:.0f} MB while it refused manifests of many entries")
    assert grown < 400 << 20


def test_an_import_that_is_killed_leaves_nothing(stranger, elsewhere, archive):
    minion = stranger.minion("Killed")
    files = elsewhere.files(f"users/{stranger.id}/**/*")
    with socket.create_connection(("127.0.0.1", elsewhere.port)) as connection:
        head = (f"POST /api/users/{stranger.id}/minions/{minion['id']}/releases/import HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                f"Authorization: Bearer {stranger.token}\r\nContent-Length: {len(archive)}\r\n\r\n")
        connection.sendall(head.encode() + archive[: len(archive) // 2])
        eventually(lambda: any(name.endswith("archive") for name in elsewhere.files(f"users/{stranger.id}/uploads/*/*")), 30, "the import has begun")
        elsewhere.end(signal.SIGKILL, within=10)
    elsewhere.start()
    assert elsewhere.files(f"users/{stranger.id}/**/*") == files


# --- promotion and rollback ----------------------------------------------------


def test_promotion_and_rollback_hold_for_the_next_request(stranger, archive, elsewhere):
    """Also through what is remembered of a token, and through the cache of answers."""
    minion = stranger.minion("Rolling", pipeline={"use_draft": False, "cache": "deterministic"}, sampling={"temperature": 0, "max_tokens": 8})
    token = stranger.token_of(minion)
    question = questions()[0]["question"]

    def numbers() -> tuple[int | None, int, str]:
        trace = stranger.ask(minion, question, max_tokens=8)["trace"]
        body = {"model": "Rolling", "messages": [{"role": "user", "content": question}]}
        said = ok(elsewhere.http.post("/v1/chat/completions", json=body, headers={"Authorization": f"Bearer {token}"}))
        return trace.get("release_number"), len(trace["passages"]), said["choices"][0]["message"]["content"]

    knowing = bring(stranger, minion, archive, promote=True)
    number, passages, with_passages = numbers()
    assert (number, passages > 0) == (1, True)
    voice = bring(stranger, minion, without_collection(archive))
    assert numbers() == (1, passages, with_passages), "a candidate answers nobody"
    promoted = stranger.post(f"minions/{minion['id']}/releases/{voice['id']}/promote", {"reason": "quieter"})
    assert promoted["state"] == "active" and promoted["reason"] == "quieter"
    number, none, without = numbers()
    assert (number, none) == (2, 0) and without != with_passages
    back = stranger.post(f"minions/{minion['id']}/rollback", {"reason": "it knows nothing"})
    assert back["id"] == knowing["id"] and states(stranger, minion) == {1: "active", 2: "rejected"}
    assert numbers() == (1, passages, with_passages)
    refused(stranger.request("POST", f"minions/{minion['id']}/rollback"), 409, "invalid_state")
    refused(stranger.request("POST", f"minions/{minion['id']}/releases/{knowing['id']}/promote"), 409, "invalid_state")
    root = elsewhere.account("root", "--superuser")
    audit = root.get("/api/admin/audit-log")["items"]
    assert {"release.import", "release.promote", "release.rollback"} <= {entry["action"] for entry in audit}
    assert next(entry for entry in audit if entry["action"] == "release.rollback")["detail"]["reason"] == "it knows nothing"


@pytest.mark.parametrize("policy, field", [
    ({"mode": "automatic"}, "release_policy.metric"), ({"mode": "sometimes"}, "release_policy.mode"), ({}, "release_policy.mode"),
    ({"mode": "manual", "margin": 1}, "release_policy.mode"), ({"mode": "always", "colour": "red"}, "release_policy.colour"),
])
def test_a_policy_that_means_nothing_is_refused(somebody, policy, field):
    error = refused(somebody.request("POST", "minions", json={"name": "P", "provider": "local", "model_id": "m", "release_policy": policy}),
                    422, "invalid_request")
    assert field in [detail["field"] for detail in error["details"]]


# --- trials --------------------------------------------------------------------


def arm(canary: dict, conversation: str) -> str:
    """Which release answers a conversation, reckoned here."""
    digest = hashlib.sha256(f"{canary['id']}:{conversation}".encode()).digest()
    place = (int.from_bytes(digest[:8], "big") >> 11) / 2**53
    return "canary" if place < canary["settings"]["percent"] / 100 else "active"


@pytest.fixture
def trial(stranger, archive):
    """A minion at a vendor that always answers, and two releases of its that know the same; the second on trial."""
    with upstream(whole(message())) as vendor:
        minion, token = minion_at(stranger, vendor, f"Trial {zlib.crc32(vendor.url.encode())}", pipeline={"use_draft": False})
        knowledge = without_adapter(archive)
        first, second = bring(stranger, minion, knowledge, promote=True), bring(stranger, minion, knowledge)
        yield minion, token, first, second


def start(account: Account, minion: dict, release: dict, **settings) -> dict:
    return account.post(f"minions/{minion['id']}/releases/{release['id']}/canary", settings)


def ask(account: Account, minion: dict, conversation: str) -> dict:
    return account.post(f"minions/{minion['id']}/ask", {"question": "When?", "trace": True}, headers={"X-Conversation-Id": conversation})["trace"]


def test_a_trial_answers_its_share_and_is_promoted(trial, stranger, elsewhere):
    minion, token, first, second = trial
    canary = start(stranger, minion, second, percent=40, min_requests=4, promote_after=6, max_latency_ratio=1000)
    assert states(stranger, minion) == {1: "active", 2: "canary"}
    refused(stranger.request("POST", f"minions/{minion['id']}/releases/{second['id']}/canary", json={"percent": 5}), 409, "invalid_state")
    expected = {"active": 0, "canary": 0}
    for index in range(100):
        if expected["canary"] == 5 and expected["active"] >= 4:
            break
        chosen = arm(canary, f"c{index}")
        if chosen == "canary" and expected["canary"] == 5:
            continue  # The sixth would end the trial.
        trace = ask(stranger, minion, f"c{index}")
        assert trace["canary_arm"] == chosen and trace["release_id"] == {"active": first, "canary": second}[chosen]["id"]
        expected[chosen] += 1
    seen = stranger.get(f"minions/{minion['id']}/canary")
    assert {"active": seen["active"]["requests"], "canary": seen["trial"]["requests"]} == expected
    assert seen["trial"]["failures"] == 0 and seen["trial"]["typical_milliseconds"] > 0
    # The figures outlive the server.
    elsewhere.end(signal.SIGKILL, within=10)
    elsewhere.start()
    assert stranger.get(f"minions/{minion['id']}/canary")["trial"] == seen["trial"]
    # The sixth good request, through /v1: from the next one on it answers everybody.
    last = next(f"c{index}" for index in range(1000) if arm(canary, f"c{index}") == "canary")
    body = {"model": minion["display_name"], "messages": [{"role": "user", "content": "When?"}]}
    ok(elsewhere.http.post("/v1/chat/completions", json=body, headers={"Authorization": f"Bearer {token}", "X-Conversation-Id": last}))
    assert states(stranger, minion) == {1: "retired", 2: "active"}
    trace = ask(stranger, minion, "anything")
    assert trace["release_number"] == 2 and "canary_arm" not in trace
    refused(stranger.request("GET", f"minions/{minion['id']}/canary"), 404, "not_found")


def test_a_release_that_fails_on_trial_is_taken_back_by_itself(trial, stranger, elsewhere):
    minion, _, first, second = trial
    for path in elsewhere.data.glob(f"users/{stranger.id}/collections/{second['collection_id']}/v1/*"):
        path.unlink()
    canary = start(stranger, minion, second, percent=50, min_requests=3)
    answered = []
    for index in range(200):
        trace = ask(stranger, minion, f"c{index}")
        answered.append(trace.get("canary_arm"))
        if states(stranger, minion)[2] != "canary":
            break
    assert answered == [arm(canary, f"c{index}") for index in range(len(answered))]
    assert states(stranger, minion) == {1: "active", 2: "rejected"}
    release = stranger.get(f"minions/{minion['id']}/releases/{second['id']}")
    assert "requests failed" in release["reason"] and [event["type"] for event in release["events"]] == ["imported", "canary_started", "rejected"]
    assert ask(stranger, minion, "anything")["release_id"] == first["id"]
    figure(f"a release without its collection was taken back after {len(answered)} requests, {answered.count('canary')} of them its own")


def test_a_trial_is_ended_by_hand_and_its_settings_are_checked(trial, stranger):
    minion, _, _, second = trial
    url = f"minions/{minion['id']}/releases/{second['id']}/canary"
    for body, field in [({}, "percent"), ({"percent": 100}, "percent"), ({"percent": 5, "max_latency_ratio": 0.5}, "max_latency_ratio"),
                        ({"percent": 5, "min_requests": 9, "promote_after": 3}, "promote_after")]:
        error = refused(stranger.request("POST", url, json=body), 422, "invalid_request")
        assert [detail["field"] for detail in error["details"]] == [field]
    refused(stranger.request("DELETE", f"minions/{minion['id']}/canary"), 409, "invalid_state")
    start(stranger, minion, second, percent=5)
    stranger.delete(f"minions/{minion['id']}/canary")
    assert states(stranger, minion) == {1: "active", 2: "candidate"}
