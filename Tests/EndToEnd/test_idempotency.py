"""Creating once, and walking lists."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from harness import BASE_MODEL, refused, voice

MINION = {"name": "Once", "provider": "local", "model_id": BASE_MODEL}


def create(account, key: str, **changes):
    return account.request("POST", "minions", json=MINION | changes, headers={"Idempotency-Key": key})


def test_the_same_request_twice_creates_one_minion(somebody):
    first, second = create(somebody, "k1"), create(somebody, "k1")
    assert (first.status_code, second.status_code) == (201, 201) and first.content == second.content
    assert "idempotent-replayed" not in first.headers and second.headers["idempotent-replayed"] == "true"
    assert [minion["id"] for minion in somebody.get("minions")["items"]] == [first.json()["id"]]


def test_the_same_key_for_another_request_is_refused(somebody):
    create(somebody, "k1")
    refused(create(somebody, "k1", name="Twice"), 422, "idempotency_key_reused")
    assert len(somebody.get("minions")["items"]) == 1


def test_another_key_or_another_user_is_another_request(server, somebody):
    other = server.account("another")
    assert create(somebody, "k1").json()["id"] != create(somebody, "k2", name="Second").json()["id"]
    assert create(other, "k1").json()["user_id"] == other.id


def test_a_request_that_failed_may_be_sent_again(somebody):
    somebody.minion("Taken", display_name="Once")
    refused(create(somebody, "k1"), 409, "conflict")
    somebody.delete(f"minions/{somebody.get('minions')['items'][0]['id']}")
    assert create(somebody, "k1").status_code == 201


def test_the_same_request_eight_times_at_once_creates_one_minion(somebody):
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda _: create(somebody, "k1"), range(8)))
    assert {reply.status_code for reply in replies} <= {201, 409} and 201 in {reply.status_code for reply in replies}
    assert len({reply.json()["id"] for reply in replies if reply.status_code == 201}) == 1
    assert len(somebody.get("minions")["items"]) == 1


def test_an_upload_sent_twice_is_one_dataset(somebody):
    replies = [somebody.request("POST", "training-datasets", params={"dataset_type": "jsonl", "file_name": "a.jsonl"}, content=voice(4),
                                headers={"Idempotency-Key": "k1"}) for _ in range(2)]
    assert [reply.status_code for reply in replies] == [201, 201] and replies[0].content == replies[1].content
    assert len(somebody.get("training-datasets")["items"]) == 1


@pytest.mark.parametrize("limit", [1, 3, 7, 100])
def test_a_cursor_walks_everything_exactly_once(somebody, limit):
    made = [somebody.minion(f"Number {number}")["id"] for number in range(7)]
    seen, pages, query = [], 0, {"limit": limit}
    while True:
        page = somebody.get("minions", params=query)
        assert 0 < len(page["items"]) <= limit
        seen += [minion["id"] for minion in page["items"]]
        pages += 1
        if not page.get("next_cursor"):
            break
        query = {"limit": limit, "cursor": page["next_cursor"]}
    assert sorted(seen) == sorted(made) and pages == -(-7 // limit)
    assert seen == sorted(made, reverse=True), "newest first"


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 101}, {"limit": "many"}, {"cursor": "%%%"}])
def test_a_page_that_does_not_exist_is_refused(somebody, query):
    error = refused(somebody.request("GET", "minions", params=query), 422, "invalid_request")
    assert error["details"][0]["field"] in query
