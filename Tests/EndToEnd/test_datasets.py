"""Chat files of every format: told apart, checked, shown, changed, exported, and gone when deleted."""

import csv
import io
import json
import uuid

import pytest
from harness import ok, refused

MARK = "Quillwort-7741"
PAIRS = [("What grows by the lake?", f"{MARK} does, and little else."), ("And in winter?", "Nothing; the lake is ice."), ("Who comes here?", "Two herons.")]


def lines(rows: list) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def table(header: list[str], delimiter: str = ",") -> bytes:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows([header, *PAIRS])
    return out.getvalue().encode()


FORMS = {
    "openai_chat jsonl": lines([{"messages": [{"role": "user", "content": q}, {"role": "assistant", "content": a}]} for q, a in PAIRS]),
    "sharegpt json": json.dumps([{"conversations": [{"from": "human", "value": q}, {"from": "gpt", "value": a}]} for q, a in PAIRS]).encode(),
    "alpaca jsonl": lines([{"instruction": q, "input": "", "output": a} for q, a in PAIRS]),
    "prompt_completion jsonl": lines([{"prompt": q, "completion": a} for q, a in PAIRS]),
    "question_answer csv": table(["question", "answer"]),
    "question_answer tsv": table(["question", "answer"], "\t"),
}


def upload(account, content: bytes, name: str, **query):
    query = {"dataset_type": "jsonl", "file_name": name} | query
    return account.request("POST", "training-datasets", params=query, content=content)


def change(account, dataset: dict, content: bytes, **query):
    return account.request("PUT", f"training-datasets/{dataset['id']}/content", params=query, content=content)


@pytest.mark.parametrize("form", FORMS)
def test_a_format_is_told_from_the_content_and_every_export_reads_back_the_same(somebody, form):
    format, encoding = form.split()
    dataset = ok(upload(somebody, FORMS[form], "chat.data"))
    assert (dataset["format"], dataset["sample_count"], dataset["version"]) == (format, 3, 1)
    report = somebody.get(f"training-datasets/{dataset['id']}/report")
    assert (report["layout"]["format"], report["layout"]["encoding"], report["layout"]["format_detected"]) == (format, encoding, True)
    assert (report["examples"], report["replies"], report["problem_count"], report["sha256"]) == (3, 3, 0, dataset["sha256"])
    for target in ("openai_chat", "sharegpt", "alpaca", "prompt_completion", "question_answer"):
        for encoding in ("jsonl", "json", "csv"):
            path = f"training-datasets/{dataset['id']}/export"
            exported = somebody.request("GET", path, params={"format": target, "encoding": encoding})
            assert exported.status_code == 200, exported.text
            assert json.loads(exported.headers["x-atelier-export"])["examples"] == 3
            again = ok(upload(somebody, exported.content, "again", dataset_name=f"{target} {encoding}"))
            assert (again["format"], again["sample_count"]) == (target, 3)
            # The same examples, by content: a merge adds none.
            merged = ok(change(somebody, again, FORMS[form], mode="merge"))
            assert (merged["outcome"]["kept"], merged["outcome"]["added"], merged["outcome"]["same"]) == (3, 0, 3)


def test_columns_of_other_names_are_mapped(somebody):
    content = table(["Frage", "Antwort"])
    refused(upload(somebody, content, "fragen.csv"), 422, "dataset_invalid")
    query = {"format": "question_answer", "fields": "question:Frage,answer:Antwort"}
    dataset = ok(upload(somebody, content, "fragen.csv", **query))
    assert dataset["sample_count"] == 3 and dataset["metadata"]["read_as"]["fields"] == {"question": "Frage", "answer": "Antwort"}
    minion = somebody.minion("Mapped")
    job = somebody.post("external-training/jobs", {
        "job_name": "j", "minion_id": minion["id"], "training_type": "lora_only", "dataset_ids": [dataset["id"]]})
    assert job["status"] == "PENDING", "what is mapped can be trained from"
    wrong = refused(upload(somebody, content, "x", fields="question"), 422, "invalid_request")
    assert "fields" in json.dumps(wrong)


def test_content_is_replaced_appended_and_merged_and_the_versions_are_told(somebody):
    first, second = FORMS["alpaca jsonl"], lines([{"instruction": "New?", "output": "Yes."}, {"instruction": PAIRS[2][0], "output": PAIRS[2][1]}])
    dataset = ok(upload(somebody, first, "a.jsonl"))
    folder = somebody.server.data / "users" / somebody.id / "datasets"
    old = set(folder.iterdir())

    appended = ok(change(somebody, dataset, second, mode="append"))
    assert appended["dataset"]["sample_count"] == 5 and appended["outcome"]["added"] == 2
    merged = ok(change(somebody, dataset, second, mode="merge"))
    assert merged["dataset"]["sample_count"] == 5 and (merged["outcome"]["added"], merged["outcome"]["same"]) == (0, 2)
    refused(change(somebody, dataset, b"{broken\n", mode="append"), 422, "dataset_invalid")
    replaced = ok(change(somebody, dataset, second, mode="replace"))
    assert replaced["dataset"]["sample_count"] == 2 and "outcome" not in replaced

    versions = somebody.get(f"training-datasets/{dataset['id']}/versions")["items"]
    assert [(entry["number"], entry["change"], entry["sample_count"]) for entry in versions] == [
        (4, "replace", 2), (3, "merge", 5), (2, "append", 5), (1, "create", 3)]
    assert replaced["dataset"]["version"] == 4 and versions[0]["sha256"] == replaced["dataset"]["sha256"]
    left = set(folder.iterdir())
    assert len(left) == 1 and not left & old, "of each content but the last nothing is left"


def test_the_same_upload_twice_is_one_file_and_goes_with_the_last_of_them(somebody):
    content = FORMS["openai_chat jsonl"]
    one, two = ok(upload(somebody, content, "one.jsonl")), ok(upload(somebody, content, "two.jsonl"))
    folder = somebody.server.data / "users" / somebody.id / "datasets"
    assert one["sha256"] == two["sha256"] and len(list(folder.iterdir())) == 1
    somebody.delete(f"training-datasets/{one['id']}")
    assert somebody.get(f"training-datasets/{two['id']}/preview")["items"]
    somebody.delete(f"training-datasets/{two['id']}")
    assert not list(folder.iterdir())


def test_a_preview_is_what_training_sees(somebody):
    dataset = ok(upload(somebody, FORMS["sharegpt json"], "a.json"))
    items = somebody.get(f"training-datasets/{dataset['id']}/preview", params={"limit": 2})["items"]
    assert len(items) == 2
    for (question, answer), item in zip(PAIRS, items):
        assert [piece["text"] for piece in item["pieces"] if piece["learned"]] == [f"{answer}<|im_end|>"]
        assert question in "".join(piece["text"] for piece in item["pieces"] if not piece["learned"])
        assert 0 < item["learned_tokens"] < item["tokens"] and not item["cut"]


def test_what_is_redacted_is_in_no_preview_and_no_export(somebody):
    content = lines([{"prompt": "Your address?", "completion": "Write to ann.wick@example.org, please."}])
    warned = ok(upload(somebody, content, "plain"))
    report = somebody.get(f"training-datasets/{warned['id']}/report")
    assert report["warning_counts"] == {"email_found": 1} and "ann.wick" not in json.dumps(report)
    kinds = refused(upload(somebody, content, "x", redact="everything"), 422, "invalid_request")["details"][0]["hint"]
    kind = next(word.strip() for word in kinds.removeprefix("known:").split(",") if "mail" in word)
    dataset = ok(upload(somebody, content, "redacted", redact=kind))
    preview = json.dumps(somebody.get(f"training-datasets/{dataset['id']}/preview"))
    exported = somebody.request("GET", f"training-datasets/{dataset['id']}/export").text
    assert "ann.wick" not in preview and "ann.wick" not in exported and "Write to" in exported


def test_deleting_leaves_no_byte_in_the_whole_data_directory(somebody):
    # Of nobody else's data.
    mark = f"Quillwort-{uuid.uuid4().hex}"
    dataset = ok(upload(somebody, FORMS["openai_chat jsonl"].replace(MARK.encode(), mark.encode()), "a.jsonl"))
    ok(change(somebody, dataset, FORMS["alpaca jsonl"].replace(MARK.encode(), f"Still {mark}".encode()), mode="append"))
    assert holding(somebody.server.data, mark.encode()), "the test can see the text it looks for"
    somebody.delete(f"training-datasets/{dataset['id']}")
    assert not holding(somebody.server.data, mark.encode())


def holding(folder, text: bytes) -> list[str]:
    models = folder / "models"
    return [
        str(path.relative_to(folder)) for path in folder.rglob("*")
        if path.is_file() and models not in path.parents and text in path.read_bytes()
    ]


CALL = [{"id": "c1", "type": "function", "function": {"name": "tide", "arguments": "{}"}}]


def called(number: int) -> dict:
    return {"messages": [{"role": "user", "content": f"Tide {number}?"}, {"role": "assistant", "content": None, "tool_calls": CALL}]}


def test_upload_preview_estimate_and_job_leave_out_the_same_examples_and_say_so(somebody):
    """Twenty examples with tool calls beside two that can be trained from, one of them twice."""
    plain = [{"messages": [{"role": "user", "content": f"Who keeps lamp {number}?"}, {"role": "assistant", "content": f"The keeper of lamp {number}, as ever. " * 12}]}
             for number in range(2)]
    dataset = ok(upload(somebody, lines([*map(called, range(20)), *plain, plain[0]]), "mixed.jsonl"))
    left_out = {"tool_calls": 20, "duplicate": 1}
    assert dataset["sample_count"] == 23 and dataset["metadata"]["trainable"] == 2 and dataset["metadata"]["left_out"] == left_out
    report = somebody.get(f"training-datasets/{dataset['id']}/report")
    assert (report["trainable"], report["left_out"], report["warning_counts"]["tool_calls"]) == (2, left_out, 20)
    items = somebody.get(f"training-datasets/{dataset['id']}/preview", params={"limit": 23})["items"]
    assert [item.get("dropped") for item in items] == ["tool_calls"] * 20 + [None, None, "duplicate"]
    assert "tide" in items[0]["pieces"][1]["text"] and not any(piece["learned"] for piece in items[0]["pieces"])

    minion = somebody.minion("Mixed")
    draft = {"minion_id": minion["id"], "training_type": "lora_only", "dataset_ids": [dataset["id"]], "config": {"max_tokens": 64, "evaluation": {"enabled": False}}}
    estimate = somebody.post("external-training/jobs/estimate", draft)
    told = {warning["code"]: warning["message"] for warning in estimate["warnings"]}
    assert told["examples_left_out"] == "21 of 23 chat examples are left out: 20 with tool calls, 1 that repeat an earlier one"
    assert "the one training example cannot be learned from" in told["no_reply_tokens"] and "max_tokens = 64" in told["no_reply_tokens"] and estimate["examples"] == 0
    job = somebody.post("external-training/jobs", draft | {"start": True})
    history = list(somebody.follow(job))
    log = next(event.data for event in history if event.name == "log" and "left_out" in event.data)
    assert log["message"] == told["examples_left_out"] and log["left_out"] == left_out and log["hint"]
    error = somebody.show_job(job)["error"]
    assert error["code"] == "no_reply_tokens" and error["message"] == told["no_reply_tokens"] and "Set max_tokens to" in error["hint"]


def test_upload_preview_estimate_and_job_name_the_fields_that_are_not_read(somebody):
    rows = [{"question": f"Who keeps lamp {number}?", "context": f"Lamp {number} is Tom's.", "answer": f"Tom keeps lamp {number}.", "topic": "lamps", "id": number}
            for number in range(3)] + [{"question": "Why?", "answer": "It is <|im_end|> dark.", "id": None}]
    dataset = ok(upload(somebody, lines(rows), "noted.jsonl"))
    left_out = {"topic": 3, "id": 3}
    assert dataset["metadata"]["fields_left_out"] == left_out and dataset["metadata"]["trainable"] == 4
    report = somebody.get(f"training-datasets/{dataset['id']}/report")
    assert report["fields_left_out"] == left_out and report["warning_counts"] == {"field_left_out": 6}
    assert [(one["line"], one["field"]) for one in report["warnings"]] == [(1, "topic"), (1, "id")] and all(one["hint"] for one in report["warnings"])
    items = somebody.get(f"training-datasets/{dataset['id']}/preview", params={"limit": 4})["items"]
    assert [item.get("fields_left_out") for item in items] == [["id", "topic"]] * 3 + [None]
    read = ["".join(piece["text"] for piece in item["pieces"]) for item in items]
    assert "Who keeps lamp 0?\nLamp 0 is Tom's." in read[0] and "It is <|im_end|> dark.<|im_end|>" in read[3]
    estimate = somebody.post("external-training/jobs/estimate", {"minion_id": somebody.minion("Noted")["id"], "training_type": "lora_only", "dataset_ids": [dataset["id"]]})
    told = {warning["code"]: warning for warning in estimate["warnings"]}
    assert "id in 3, topic in 3" in told["fields_left_out"]["message"] and told["fields_left_out"]["hint"]
    assert "<|im_end|>" in told["control_tokens"]["message"] and told["control_tokens"]["hint"]


def test_a_set_with_nothing_to_train_from_says_why(somebody):
    error = refused(upload(somebody, lines([*map(called, range(3)), {"messages": [{"role": "assistant", "content": "Ahoy."}]}]), "tools.jsonl"), 422, "dataset_invalid")
    assert error["message"] == "none of the 4 examples can be trained from: 3 with tool calls, 1 without a reply to learn from"
    assert [(detail["code"], detail["message"]) for detail in error["details"]] == [
        ("tool_calls", "3 examples with tool calls"), ("no_reply", "1 example without a reply to learn from")]
    one = ok(upload(somebody, lines([*map(called, range(3)), {"messages": [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": "Me."}]}]), "one.jsonl"))
    draft = {"minion_id": somebody.minion("None")["id"], "training_type": "lora_only", "dataset_ids": [one["id"]]}
    words = "1 chat example in the job's datasets; at least 2 are needed, 50 to 300 are sensible; 3 of 4 chat examples are left out: 3 with tool calls"
    estimated = somebody.request("POST", "external-training/jobs/estimate", json=draft).json()["error"]
    assert estimated["message"] == words
    job = somebody.post("external-training/jobs", draft | {"start": True})
    list(somebody.follow(job))
    error = somebody.show_job(job)["error"]
    assert (error["step"], error["code"], error["message"]) == ("prepare", "too_few_examples", words) and "calls" in error["hint"]


def test_a_spreadsheet_of_semicolons_is_read_and_its_errors_named_by_line(somebody):
    rows = "sep=;\r\nFrage;Antwort;Preis\r\n\"Was kostet\r\ndie Fähre; einfach?\";\"Drei fünfzig, sagt sie.\";3,50\r\n\"Und zurück?\";Sechs.;6,00\r\n"
    query = {"fields": "question:Frage,answer:Antwort"}
    for content in (rows.encode("utf-8-sig"), rows.encode("utf-16")):
        dataset = ok(upload(somebody, content, "fragen.csv", dataset_name=uuid.uuid4().hex, **query))
        report = somebody.get(f"training-datasets/{dataset['id']}/report")
        assert (report["layout"]["encoding"], report["layout"]["delimiter"], report["examples"], report["bytes"]) == ("csv", ";", 2, len(content))
    error = refused(upload(somebody, (rows + "\"Noch eine?\";Ja.\r\n").encode("utf-16"), "fragen.csv", **query), 422, "dataset_invalid")
    assert (error["details"][0]["line"], error["details"][0]["code"]) == (6, "column_count")
