"""Input that is wrong is refused with where and why, and leaves nothing behind."""

import io
import json
import socket
import zipfile
from urllib.parse import urlsplit

import pytest
from harness import BASE_MODEL, eventually, figure, refused, running, voice

MIB = 1 << 20


# --- requests ------------------------------------------------------------------

GOOD = {"name": "Wick", "provider": "local", "model_id": BASE_MODEL}


@pytest.mark.parametrize("body", [b'{"name":', b"hello", b"", b"[]", b'"text"', b"\xff\xfe{}"], ids=["cut", "words", "nothing", "list", "text", "bytes"])
def test_a_body_that_is_no_json_object_is_refused(somebody, body):
    reply = somebody.request("POST", "minions", content=body, headers={"Content-Type": "application/json"})
    assert "JSON" in refused(reply, 400, "invalid_json")["message"]
    assert somebody.get("minions")["items"] == []


@pytest.mark.parametrize("change, field, code", [
    ({"flavour": "salt"}, "flavour", "unknown_field"),
    ({"sampling": {"tempreature": 1}}, "sampling.tempreature", "unknown_field"),
    ({"name": 7}, "name", "invalid"),
    ({"name": None}, "name", "invalid"),
    ({"name": ""}, "name", "invalid"),
    ({"name": "x" * 101}, "name", "invalid"),
    ({"system_prompt": ["be kind"]}, "system_prompt", "invalid"),
    ({"sampling": "hot"}, "sampling", "invalid"),
    ({"sampling": {"temperature": "hot"}}, "sampling.temperature", "invalid"),
    ({"sampling": {"temperature": 3}}, "sampling.temperature", "invalid"),
    ({"pipeline": {"top_k": 1.5}}, "pipeline.top_k", "invalid"),
    ({"pipeline": {"use_draft": "yes"}}, "pipeline.use_draft", "invalid"),
    ({"fallbacks": [{"provider": "local", "model": "m"}, {"provider": "acme", "model": "m"}]}, "fallbacks[1].provider", "invalid"),
    ({"fallbacks": {}}, "fallbacks", "invalid"),
    ({"provider": "acme"}, "provider", "invalid"),
    ({"base_url": "ftp://example.org"}, "base_url", None),
], ids=lambda value: value if isinstance(value, str) else "")
def test_a_wrong_field_is_named(somebody, change, field, code):
    error = refused(somebody.request("POST", "minions", json=GOOD | change), 422, "invalid_request")
    detail, = error["details"]
    assert detail["field"] == field and detail["message"] and (code is None or detail["code"] == code)
    assert somebody.get("minions")["items"] == []


def test_every_wrong_field_is_named_at_once(somebody):
    error = refused(somebody.request("POST", "minions", json={"name": 7, "provider": "acme", "colour": "red"}), 422, "invalid_request")
    assert {detail["field"] for detail in error["details"]} == {"name", "provider", "model_id", "colour"}


def test_an_unknown_provider_is_answered_with_the_known_ones(somebody):
    for path, body in (("minions", GOOD | {"provider": "acme"}), ("providers", {"provider": "acme", "api_key": "k" * 20})):
        detail, = refused(somebody.request("POST", path, json=body), 422, "invalid_request")["details"]
        assert detail["field"] == "provider" and '"acme"' in detail["message"] and "openai" in detail["hint"] and "local" in detail["hint"]
    refused(somebody.request("POST", "providers/acme/test", json={}), 404, "not_found")


def test_a_job_without_what_it_needs_is_refused(somebody):
    minion = somebody.minion("Wick")
    examples = somebody.dataset(voice(4), "jsonl", "voice.jsonl")
    body = {"minion_id": minion["id"], "training_type": "hybrid", "dataset_ids": [examples["id"]]}
    for change, field in (
            ({}, "dataset_ids"), ({"training_type": "magic"}, "training_type"), ({"dataset_ids": ["dat_0"]}, "dataset_ids[0]"),
            ({"minion_id": "min_0"}, "minion_id"), ({"training_type": "lora_only", "config": {"epochs": 0}}, "config.epochs"),
            ({"training_type": "lora_only", "config": {"epoch": 1}}, "config.epoch")):
        error = refused(somebody.request("POST", "external-training/jobs", json=body | change), 422, "invalid_request")
        assert field in [detail["field"] for detail in error["details"]], error
    assert somebody.get("external-training/jobs")["items"] == []


# --- files ---------------------------------------------------------------------


def climbing_zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("page.md", "# A page\n\nHarmless.\n")
        archive.writestr("../climbed.md", "# Out\n\nThis stands outside.\n")
    return buffer.getvalue()


def rows(*rows: object) -> bytes:
    return "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows).encode()


def example(*roles: str) -> dict:
    return {"messages": [{"role": role, "content": f"as {role}"} for role in roles]}


# name: (kind, file name, content, problems as (line, field, code))
FILES = {
    "empty jsonl": ("jsonl", "a.jsonl", b"", [(None, None, "empty_file")]),
    "empty rag": ("rag", "a.md", b"", [(None, None, "empty_file")]),
    "blank jsonl": ("jsonl", "a.jsonl", b"\n  \n", [(None, None, "empty_file")]),
    "blank rag": ("rag", "a.md", b"\n  \n", [(None, "a.md", "empty_document")]),
    "binary jsonl": ("jsonl", "a.jsonl", b"\x89PNG\r\n\x1a\n\x00\xff", [(1, None, "invalid_utf8"), (2, None, "invalid_json"), (3, None, "invalid_utf8")]),
    "binary rag": ("rag", "a.md", b"\x89PNG\r\n\x1a\n\x00\xff", [(None, "a.md", "binary_file")]),
    "a pdf that is damaged": ("rag", "a.pdf", b"%PDF-1.7\n\xff", [(None, "a.pdf", "damaged")]),
    "a zip that climbs out": ("rag", "a.zip", climbing_zip(), [(None, "a.zip", "archive_unreadable")]),
    "a zip that is cut": ("rag", "a.zip", climbing_zip()[:60], [(None, "a.zip", "archive_unreadable")]),
    "chat examples as documents": ("rag", "a.jsonl", rows(example("user", "assistant")), [(None, "a.jsonl:1", "missing_id")]),
    "broken examples": (
        "jsonl", "a.jsonl",
        rows(example("user", "assistant"), {"prompt": "Hi"}, example("user", "wizard"), "", example("user"), '{"messages": [', {"messages": []},
             {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": 5}]},
             {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": " "}]}),
        [(2, "messages", "missing_messages_list"), (3, "messages[1].role", "unrecognized_role"), (5, "messages", "example_missing_assistant_message"),
         (6, None, "invalid_json"), (7, "messages", "missing_messages_list"), (8, "messages[1].content", "missing_content"),
         (9, "messages[1].content", "empty_reply")]),
}


@pytest.fixture
def owner(somebody):
    """Has one good dataset, and must have exactly that afterwards."""
    somebody.dataset(voice(4), "jsonl", "good.jsonl")
    before = state(somebody)
    yield somebody
    assert state(somebody) == before


def state(account) -> tuple:
    files = {kind: account.server.files(f"users/{account.id}/{kind}/**/*") for kind in ("datasets", "uploads")}
    assert len(files["datasets"]) == 1 and not files["uploads"]
    return account.get("training-datasets"), files


@pytest.mark.parametrize("kind, name, content, problems", FILES.values(), ids=FILES.keys())
def test_a_file_that_cannot_be_used_is_refused_with_its_lines(owner, kind, name, content, problems):
    error = refused(owner.upload(content, kind, name), 422, "dataset_invalid")
    assert [(detail.get("line"), detail.get("field"), detail["code"]) for detail in error["details"]] == problems
    assert all(detail["message"] and detail["hint"] for detail in error["details"])
    assert not list(owner.server.data.parent.rglob("climbed.md"))


def test_an_archive_that_climbs_out_is_named_by_its_entry(owner):
    error = refused(owner.upload(climbing_zip(), "rag", "a.zip"), 422, "dataset_invalid")
    assert "../climbed.md" in error["details"][0]["message"]
    assert str(owner.server.data) not in json.dumps(error)


@pytest.mark.parametrize("query, field", [
    ({"file_name": "a.jsonl"}, "dataset_type"),
    ({"file_name": "a.jsonl", "dataset_type": "csv"}, "dataset_type"),
    ({"dataset_type": "jsonl"}, "dataset_name"),
    ({"file_name": "../../a.jsonl", "dataset_type": "jsonl"}, "file_name"),
    ({"file_name": "a.jsonl", "dataset_type": "jsonl", "colour": "red"}, "colour"),
])
def test_an_upload_that_does_not_say_what_it_is_is_refused(owner, query, field):
    error = refused(owner.request("POST", "training-datasets", params=query, content=voice(4)), 422, "invalid_request")
    assert [detail["field"] for detail in error["details"]] == [field]


def test_a_name_can_be_used_once(owner):
    error = refused(owner.upload(voice(5), "jsonl", "other.jsonl", name="good.jsonl"), 409, "conflict")
    assert error["details"][0]["field"] == "dataset_name"


def test_the_same_file_twice_is_stored_once_and_deleted_last(somebody):
    first = somebody.dataset(voice(4), "jsonl", "a.jsonl")
    second = somebody.dataset(voice(4), "jsonl", "b.jsonl")
    assert first["sha256"] == second["sha256"] and len(somebody.server.files(f"users/{somebody.id}/datasets/*")) == 1
    somebody.delete(f"training-datasets/{first['id']}")
    assert len(somebody.server.files(f"users/{somebody.id}/datasets/*")) == 1
    somebody.delete(f"training-datasets/{second['id']}")
    assert not somebody.server.files(f"users/{somebody.id}/datasets/*")


@pytest.mark.parametrize("kind, problem", [("jsonl", (1, "line_too_long")), ("rag", (None, "document_too_large"))])
def test_a_line_of_200_megabytes_does_not_fill_the_memory(owner, kind, problem):
    def content():
        yield b'{"messages": [{"role": "user", "content": "'
        for _ in range(200):
            yield b"x" * MIB
        yield b'"}]}\n'

    error = refused(owner.upload(content(), kind, {"jsonl": "a.jsonl", "rag": "a.txt"}[kind]), 422, "dataset_invalid")
    assert [(detail.get("line"), detail["code"]) for detail in error["details"]] == [problem]
    peak = owner.server.peak_memory()
    figure(f"peak memory of the server after a {kind} line of 200 MB: {peak / MIB:.0f} MiB")
    assert peak < 400 * MIB


@pytest.fixture(scope="module")
def strict(tmp_path_factory):
    """A server that takes 1 MiB."""
    with running(tmp_path_factory.mktemp("strict"), ATELIER_MAX_UPLOAD_MB="1") as server:
        yield server


@pytest.mark.parametrize("size", [MIB + 1, 64 * MIB], ids=["one byte more", "64 times as much"])
@pytest.mark.parametrize("announced", [True, False], ids=["announced", "chunked"])
def test_a_file_over_the_limit_is_refused(strict, request, size, announced):
    account = strict.account(f"uploader-{size}-{announced}")
    account.dataset(voice(4), "jsonl", "good.jsonl")
    before = state(account)
    blocks = (b"x" * min(MIB, size - start) for start in range(0, size, MIB))
    content = b"x" * size if announced else blocks
    error = refused(account.upload(content, "jsonl", "big.jsonl"), 413, "upload_too_large")
    assert "1 MiB" in error["message"] and "ATELIER_MAX_UPLOAD_MB" in error["details"][0]["hint"]
    assert state(account) == before


def test_a_client_that_leaves_in_the_middle_of_an_upload_leaves_no_file(owner):
    address = urlsplit(owner.server.url)
    with socket.create_connection((address.hostname, address.port)) as connection:
        connection.sendall(
            f"POST {owner.base}/training-datasets?dataset_type=jsonl&file_name=cut.jsonl HTTP/1.1\r\nHost: localhost\r\n"
            f"Authorization: Bearer {owner.token}\r\nContent-Length: {4 * MIB}\r\n\r\n".encode() + b"x" * MIB)
        eventually(lambda: owner.server.files(f"users/{owner.id}/uploads/*/incoming"), 60, "the upload has begun")
    eventually(lambda: not owner.server.files(f"users/{owner.id}/uploads/**/*"), 60, "the cut upload is gone")
