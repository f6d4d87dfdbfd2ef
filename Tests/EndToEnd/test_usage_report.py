"""Usage reports: JSON, CSV, and whose they are."""

import csv
import io
import uuid

import pytest
from harness import ok, refused

NOON = 1_790_164_800_000  # 2026-09-23T12:00:00Z


@pytest.fixture
def spender(somebody):
    """Three days of calls: two models, one of them named to be a formula; one failed, one of unknown price."""
    def add(day: int, model: str, latency: float, cost, outcome: str = "ok", tokens=10):
        somebody.server.sql(
            "INSERT INTO usage_records (id, user_id, minion_id, purpose, provider, model, at, input_tokens, output_tokens, is_estimate, cost, "
            "latency_ms, outcome) VALUES (?, ?, 'min_1', 'answer', 'custom', ?, ?, ?, ?, 0, ?, ?, ?)",
            f"use_{uuid.uuid4().hex}", somebody.id, model, NOON + day * 86_400_000, tokens, tokens, cost, latency, outcome)

    for latency in range(1, 101):
        add(0, "plain", latency, 0.01)
    add(1, "=HYPERLINK(\"http://evil\",\"x\")", 5, None)
    add(2, "@cf/model, with \"quotes\"", 7, None, "timeout", None)
    return somebody


def test_sums_and_percentiles_by_day_and_model(spender):
    report = spender.get("usage", params={"group_by": "day,model", "from": "2026-09-23", "to": "2026-09-24"})["report"]
    assert report["group_by"] == ["day", "model"] and not report["is_truncated"]
    first, second = report["rows"]
    assert (first["day"], first["model"], first["requests"], first["error_rate"]) == ("2026-09-23", "plain", 100, 0)
    assert first["latency_milliseconds"] == {"p50": 50, "p95": 95, "p99": 99} and first["cost"] == pytest.approx(1)
    assert (second["day"], second["cost"], second["unpriced_requests"]) == ("2026-09-24", 0, 1)
    whole, = spender.get("usage", params={"format": "json"})["report"]["rows"]
    assert (whole["requests"], whole["failures"], whole["unpriced_requests"]) == (102, 1, 1) and "day" not in whole


def test_the_fields_of_before_are_there_with_and_without_a_report(spender):
    before = spender.get("usage", params={"limit": 5})
    assert set(before) == {"summary", "items", "next_cursor"} and len(before["items"]) == 5
    bounded = spender.get("usage", params={"from": "2026-09-24"})
    assert len(bounded["items"]) == 2 and sum(row["requests"] for row in bounded["summary"]) == 2


def test_csv_reads_back_and_holds_no_formula(spender):
    reply = spender.request("GET", "usage", params={"group_by": "model", "format": "csv"})
    assert reply.headers["content-type"].startswith("text/csv") and "attachment" in reply.headers["content-disposition"]
    assert reply.text.count("\r\n") == 4 and all(line.endswith("\r\n") for line in reply.text.splitlines(keepends=True))
    rows = {row["model"]: row for row in csv.DictReader(io.StringIO(reply.text, newline=""))}
    assert set(rows) == {"plain", "'=HYPERLINK(\"http://evil\",\"x\")", "'@cf/model, with \"quotes\""}
    assert all(cell[:1] not in ("=", "+", "-", "@", "\t", "\r") for row in rows.values() for cell in row.values())
    assert (rows["plain"]["requests"], rows["plain"]["latency_ms_p95"], rows["plain"]["first_token_ms_p50"]) == ("100", "95.0", "")
    assert float(rows["plain"]["cost"]) == pytest.approx(1)


def test_days_follow_the_time_zone(spender):
    def days(**query) -> list[str]:
        return [row["day"] for row in spender.get("usage", params={"group_by": "day"} | query)["report"]["rows"]]

    assert days() == ["2026-09-23", "2026-09-24", "2026-09-25"]
    assert days(tz="+12:30") == ["2026-09-24", "2026-09-25", "2026-09-26"]
    assert days(tz="-12:30", **{"from": "2026-09-23"}) == ["2026-09-23", "2026-09-24"]
    assert days(to="2026-09-23T12:00:00Z") == [] and days(to="2026-09-23T12:00:01Z") == ["2026-09-23"]


@pytest.mark.parametrize("query, field", [
    ({"from": "yesterday"}, "from"), ({"to": "2026-13-01"}, "to"), ({"from": "2026-09-02", "to": "2026-09-01"}, "to"), ({"group_by": "colour"}, "group_by"),
    ({"group_by": "user"}, "group_by"), ({"format": "xml"}, "format"), ({"tz": "Mars"}, "tz"), ({"tz": "+25:00"}, "tz"),
])
def test_a_report_that_cannot_be_made_names_the_parameter(somebody, query, field):
    error = refused(somebody.request("GET", "usage", params=query), 422, "invalid_request")
    assert [detail["field"] for detail in error["details"]] == [field]


def test_a_report_over_everybody_is_for_superusers(server, superuser, spender):
    refused(spender.request("GET", "/api/admin/usage"), 404, "not_found")
    report = superuser.get("/api/admin/usage", params={"group_by": "user,provider", "from": "2026-09-23", "to": "2026-09-25"})["report"]
    mine, = [row for row in report["rows"] if row["user_id"] == spender.id]
    assert mine["requests"] == 102
    text = ok_text(superuser.request("GET", "/api/admin/usage", params={"group_by": "user", "format": "csv"}))
    assert text.startswith("user_id,requests,") and spender.id in text
    other = server.account(f"other-{spender.id}")
    assert other.get("usage", params={"group_by": "model"})["report"]["rows"] == []


def ok_text(response) -> str:
    assert response.is_success, response.text
    return response.text
