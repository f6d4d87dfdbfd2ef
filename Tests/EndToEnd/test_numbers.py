"""Numbers from outside: a vendor's counts, an archive's settings, rows and journals of before, bodies of many fields."""

import hashlib
import json
import signal
import time

import pytest
from archives import pack
from harness import BASE_MODEL, Account, Server, figure, ok, refused, running
from upstream import chunks, delta, message, minion_at, upstream, usage, whole

LARGEST = 2**63 - 1
COUNTS = {
    "the largest integer": {"prompt_tokens": LARGEST, "completion_tokens": 1},
    "five quintillions": {"prompt_tokens": 5 * 10**18, "completion_tokens": 5 * 10**18},
    "less than none": {"prompt_tokens": -1_000_000, "completion_tokens": -1_000_000},
    "no integer at all": {"prompt_tokens": 1e300, "completion_tokens": 0.5},
}


def chat(account: Account, token: str, stream: bool):
    return account.server.http.post(
        "/v1/chat/completions", headers={"Authorization": f"Bearer {token}"},
        json={"model": "Recorded", "messages": [{"role": "user", "content": "Hello?"}], "stream": stream})


def answers(account: Account, root: Account, minion: dict, token: str) -> dict:
    """Every route that adds usage up answers; the user's day."""
    for path in ("usage", "limits", "usage?group_by=day,model,key"):
        account.get(path)
    ok(root.request("GET", "/api/admin/usage?group_by=user"))
    assert account.ask(minion, "Hello?")["answer"]
    assert chat(account, token, stream=True).status_code == 200
    summary, = account.get("usage")["summary"]
    used = {limit["name"]: limit["used"] for limit in account.get("limits")["limits"]}
    return summary | {"used": used["tokens_per_day"]}


@pytest.mark.parametrize("counts", COUNTS.values(), ids=COUNTS.keys())
def test_impossible_counts_are_estimated_and_nothing_stops(tmp_path, counts):
    replies = [
        whole(message("Hello there.", usage=counts)), chunks(delta(content="Hello "), delta(content="there."), delta(finish="stop"), usage(**counts)),
    ]

    def reply(body: dict):
        return replies[1 if body.get("stream") else 0]

    with upstream(reply) as vendor, running(tmp_path) as server:
        account, root = server.account("counted"), server.account("root", "--superuser")
        minion, token = minion_at(account, vendor)
        ok(root.request("PUT", f"/api/admin/users/{account.id}/limits", json={"tokens_per_day": 10_000, "tokens_per_minute": 10_000}))
        for stream in (False, True):
            assert chat(account, token, stream).status_code == 200
        before = answers(account, root, minion, token)
        records = account.get("usage")["items"]
        assert len(records) == 4 and all(record["is_estimate"] and 0 < record["input_tokens"] < 100 for record in records)
        assert before["used"] == sum(record["input_tokens"] + record["output_tokens"] for record in records) > 0, "nothing is refunded"
        server.end(signal.SIGTERM, within=30)
        server.start()
        after = answers(account, root, minion, token)
        assert after["used"] > before["used"] and after["input_tokens"] > before["input_tokens"]
        assert len(vendor.requests) == 6


def poison(server: Server, account: Account, minion: dict) -> None:
    """What an older program has written: rows, a journal, and the settings of an archive that it took."""
    for number, count in enumerate((LARGEST, LARGEST, -LARGEST)):
        server.sql(
            "INSERT INTO usage_records (id, user_id, minion_id, purpose, provider, model, at, input_tokens, output_tokens, is_estimate, cost,"
            f" latency_ms, outcome) VALUES ('use_row{number}', '{account.id}', '{minion['id']}', 'answer', 'custom', 'big-model',"
            f" {int(time.time() * 1000)}, {count}, {count}, 0, 1e14, 1, 'ok')")
    fields = [account.id, minion["id"], "", "", "answer", "custom", "big-model", int(time.time() * 1000), LARGEST, 1, -5, 0, 0, 0, 1e300, 1, "", "ok"]
    folder = server.data / "usage"
    folder.mkdir(exist_ok=True)
    (folder / "000000000001.usage").write_text(
        "".join("\t".join([f"use_line{number}", *map(str, fields)]) + "\n" for number in range(3))
        + "\t".join(["use_late", *map(str, fields[:7]), str(LARGEST), *map(str, fields[8:])]) + "\n")
    pipeline = {"mode": "full", "top_k": 10**6, "draft_timeout": 1e300, "voice_examples": -5, "draft_max_tokens": LARGEST + 1}
    sampling = {"max_tokens": LARGEST, "temperature": -7}
    server.sql(
        f"UPDATE external_api_models SET pipeline = '{json.dumps(pipeline)}', sampling = '{json.dumps(sampling)}' WHERE id = '{minion['id']}'")


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_a_poisoned_database_answers_again(tmp_path, database, request):
    cluster = request.getfixturevalue("cluster") if database == "postgres" else None
    with upstream(whole(message("Hello there."))) as vendor, running(tmp_path, cluster) as server:
        account, root = server.account("counted"), server.account("root", "--superuser")
        minion, _ = minion_at(account, vendor)
        account.ask(minion, "Hello?")
        server.end(signal.SIGTERM, within=30)
        poison(server, account, minion)
        for _ in range(2):
            server.start()
            ok(root.request("GET", "/api/admin/usage?group_by=user"))
            summary, = account.get("usage")["summary"]
            assert 0 < summary["input_tokens"] < 1000 and summary["cost"] < 1
            shown = account.get(f"minions/{minion['id']}")
            assert shown["pipeline"]["top_k"] == 20 and shown["pipeline"]["draft_timeout"] == 600 and shown["pipeline"]["voice_examples"] == 1
            assert shown["sampling"] == {"max_tokens": 200_000, "temperature": 0}
            # A budget is neither passed by a negative count nor filled by an impossible one.
            account.put("limits", {"tokens_per_day": 1_000_000, "cost_per_month": 1000})
            assert account.ask(minion, "Hello?")["answer"] == "Hello there."
            used = {limit["name"]: limit["used"] for limit in account.get("limits")["limits"]}
            assert 0 < used["tokens_per_day"] < 10_000 and 0 <= used["cost_per_month"] < 1
            assert "use_late" not in json.dumps(account.get("usage?limit=100")), "a line of a year that there is not is left out"
            server.end(signal.SIGTERM, within=30)
        server.start()


def archive(**changes) -> bytes:
    """A release of settings alone."""
    settings = {"model_id": BASE_MODEL, "pipeline": {}, "provider": "local", "sampling": {}, "system_prompt": ""} | changes
    content = json.dumps({"format": 1, "settings": settings}, sort_keys=True, separators=(",", ":")).encode()
    address = hashlib.sha256(content).hexdigest()
    manifest = {
        "format": "atelier-release", "version": 1, "content_sha256": address, "number": 1, "created_at": "2026-11-01T00:00:00Z",
        "evaluation": {}, "parts": {}, "files": [{"path": "content.json", "bytes": len(content), "sha256": address}],
    }
    return pack({"manifest.json": json.dumps(manifest).encode(), "content.json": content})


@pytest.mark.parametrize("changes, field", [
    ({"sampling": {"max_tokens": LARGEST}}, "settings.sampling.max_tokens"),
    ({"sampling": {"max_tokens": -1}}, "settings.sampling.max_tokens"),
    ({"sampling": {"max_tokens": LARGEST + 1}}, "settings.sampling.max_tokens"),
    ({"pipeline": {"top_k": 1_000_000}}, "settings.pipeline.top_k"),
    ({"pipeline": {"top_k": -1_000_000}}, "settings.pipeline.top_k"),
    ({"pipeline": {"draft_timeout": 1e300}}, "settings.pipeline.draft_timeout"),
    ({"pipeline": {"voice_examples": 0}}, "settings.pipeline.voice_examples"),
    ({"system_prompt": "x" * 20_001}, "settings.system_prompt"),
])
def test_an_archive_is_held_against_what_a_request_may_set(somebody, changes, field):
    minion = somebody.minion("Wick")
    for query in ({}, {"promote": "true", "apply_settings": "true"}):
        reply = somebody.request("POST", f"minions/{minion['id']}/releases/import", params=query, content=archive(**changes))
        assert field in refused(reply, 422, "archive_invalid")["message"]
    assert somebody.get(f"minions/{minion['id']}") == minion
    # The same by hand is refused too.
    body = {name: value for name, value in changes.items()}
    assert somebody.request("PUT", f"minions/{minion['id']}", json=body).status_code == 422


def test_many_unknown_fields_are_a_short_reply(somebody):
    """908 kB came back as 23.8 MB."""
    body = {f"field_{number:06d}": 0 for number in range(50_000)}
    for path, body in (("minions", body), ("minions", {"pipeline": body}), ("provider-definitions", dict(list(body.items())[:13_000]))):
        reply = somebody.request("POST", path, json=body)
        error = refused(reply, 422, "invalid_request")
        assert len(reply.content) < 20_000 and len(error["details"]) <= 51
        assert error["details"][-1]["code"] == "more" and "not listed" in error["details"][-1]["message"]
        told = [detail for detail in error["details"] if "known: " in detail["message"] or "known here: " in detail.get("hint", "")]
        assert len(told) == 1, "what is known is said once"
        unknown = [detail["field"] for detail in error["details"] if "field_" in detail.get("field", "")]
        assert unknown and unknown == sorted(unknown)


def test_a_name_or_text_of_a_megabyte_is_not_said_again(somebody):
    name = "n" * 900_000
    for body in ({name: 1}, {"name": "Wick", "provider": name, "model_id": "m"}, {"pipeline": {name: 1}}, {"name": "e" + "\u0301" * 100_000}):
        reply = somebody.request("POST", "minions", json=body)
        assert reply.status_code == 422 and len(reply.content) < 5_000
    assert somebody.get("minions")["items"] == []


def test_half_a_million_keys_are_refused_soon(somebody):
    """They took 40 s."""
    body = json.dumps({f"k{number}": 0 for number in range(500_000)})
    minion = somebody.minion("Wick")
    began = time.monotonic()
    reply = somebody.request("POST", f"minions/{minion['id']}/ask", content=body)
    assert "250000" in refused(reply, 400, "invalid_json")["message"] and len(reply.content) < 2_000
    token = somebody.token_of(minion)
    reply = somebody.server.http.post("/v1/chat/completions", headers={"Authorization": f"Bearer {token}"}, content=body)
    assert reply.status_code == 400 and len(reply.content) < 2_000
    figure(f"two requests of 500,000 keys: refused in {time.monotonic() - began:.2f} s together")
    # Just within the bound there are as many problems, told as shortly.
    body = {f"k{number}": 0 for number in range(200_000)}
    reply = somebody.request("POST", f"minions/{minion['id']}/ask", json=body)
    assert refused(reply, 422, "invalid_request")["message"] == "200001 fields are not valid" and len(reply.content) < 20_000
    reply = somebody.server.http.post("/v1/chat/completions", headers={"Authorization": f"Bearer {token}"}, json=body)
    assert reply.status_code == 400 and len(reply.content) < 2_000


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_a_row_that_cannot_be_read_spoils_no_list(tmp_path, database, request):
    """One such minion made the whole list 500, and PUT could not overwrite it."""
    cluster = request.getfixturevalue("cluster") if database == "postgres" else None
    with upstream(whole(message("Hello there."))) as vendor, running(tmp_path, cluster) as server:
        account, root = server.account("keeper"), server.account("root", "--superuser")
        minion, token = minion_at(account, vendor)
        good = account.minion("Good")
        spoilt = [("external_api_models", minion, "minions", "pipeline", '{"cache":"evil"}', "pipeline.cache")]
        dataset = account.dataset(b'{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}\n', "jsonl", "voice.jsonl")
        spoilt.append(("user_training_datasets", dataset, "training-datasets", "metadata", "[]", "metadata"))
        job = account.post("external-training/jobs", {"minion_id": good["id"], "training_type": "lora_only", "dataset_ids": [dataset["id"]]})
        spoilt.append(("external_training_jobs", job, "external-training/jobs", "config", '{"rank":"high"}', "config.rank"))
        hook = account.post("webhooks", {"url": f"{vendor.url}/hook"})
        spoilt.append(("webhooks", hook, "webhooks", "events", "7", "events"))
        server.end(signal.SIGTERM, within=30)
        for table, row, _, column, value, _ in spoilt:
            server.sql(f"UPDATE {table} SET {column} = '{value}' WHERE id = '{row['id']}'")
        server.start()
        for _, row, path, _, value, place in spoilt:
            for _ in range(2):
                page = account.get(path)
                assert row["id"] not in {item["id"] for item in page["items"]}
                assert [(bad["id"], bad["column"]) for bad in page["unreadable"]] == [(row["id"], place)]
                error = refused(account.request("GET", f"{path}/{row['id']}"), 500, "row_unreadable")
                assert row["id"] in error["message"] and place in error["message"] and "evil" not in json.dumps(error)
            assert server.log().count(row["id"]) == 1, "the operator is told once"
        assert [item["id"] for item in account.get("minions")["items"]] == [good["id"]]
        assert len(ok(root.request("GET", "/api/admin/jobs"))["unreadable"]) == 1
        reply = chat(account, token, stream=False)
        assert reply.status_code == 500 and minion["id"] in reply.text
        # Written anew each is whole again, with what could be read of it.
        changed = account.put(f"minions/{minion['id']}", {"pipeline": {"mode": "direct"}})
        assert changed["pipeline"]["cache"] == "off" and changed["base_url"] == vendor.url
        assert account.put(f"training-datasets/{dataset['id']}", {"description": "mine"})["metadata"]["description"] == "mine"
        assert account.put(f"external-training/jobs/{job['id']}", {"config": {"rank": 8}})["config"]["rank"] == 8
        assert account.put(f"webhooks/{hook['id']}", {"events": ["job.failed"]})["events"] == ["job.failed"]
        for _, row, path, _, _, _ in spoilt:
            page = account.get(path)
            assert "unreadable" not in page and row["id"] in {item["id"] for item in page["items"]}
        assert chat(account, token, stream=False).status_code == 200
        # Or it is deleted, unreadable as it is.
        for table, row, path, column, value, _ in reversed(spoilt):
            server.sql(f"UPDATE {table} SET {column} = '{value}' WHERE id = '{row['id']}'")
            account.delete(f"{path}/{row['id']}")
            assert "unreadable" not in account.get(path)
