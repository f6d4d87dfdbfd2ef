"""The collection finds the right page, and leaves nothing behind when it is deleted."""

from harness import SAMPLES, figure, handbook, questions, refused

PAGES = ("kitchen.md", "darkroom.md", "governance.md", "membership.md")


def test_the_right_page_is_among_the_first_three_passages(trained):
    asked = questions()
    found = answered = 0
    for entry in asked:
        reply = trained.account.post(f"collections/{trained.release['collection_id']}/search", {"query": entry["question"], "top_k": 3})
        assert len(reply["passages"]) == 3 and "degraded" not in reply
        found += any(passage["document"] == entry["page"] for passage in reply["passages"])
        answered += any(entry["answer"] in passage["text"] for passage in reply["passages"])
    figure(f"handbook: right page among 3 passages for {found} of {len(asked)} questions, the answer itself for {answered}")
    assert found >= 0.9 * len(asked)


def test_a_search_says_what_it_searched_and_why_a_passage_was_found(trained):
    path = f"collections/{trained.release['collection_id']}"
    collection = trained.account.get(path)
    reply = trained.account.post(f"{path}/search", {"query": "what does the laser cost?", "top_k": 5})
    assert (reply["documents_searched"], reply["chunks_searched"]) == (18, collection["chunk_count"])
    scores = [passage["score"] for passage in reply["passages"]]
    assert scores == sorted(scores, reverse=True) and scores[-1] > 0
    for passage in reply["passages"]:
        assert passage["signals"]
        assert passage["text"].encode() == (handbook_page(passage["document"]))[passage["start_byte"]:passage["end_byte"]]


def handbook_page(name: str) -> bytes:
    return (SAMPLES / "handbook" / name).read_bytes()


def test_a_deleted_collection_answers_nothing_and_leaves_no_byte(somebody):
    minion = somebody.minion("Librarian", pipeline={"top_k": 1})
    dataset = somebody.dataset(handbook(*PAGES), "rag", "pages.zip")
    somebody.finish(somebody.job(minion, "rag_only", [dataset]))
    release = somebody.get(f"minions/{minion['id']}/releases")["items"][0]
    question = "What is the charge for one go in the darkroom?"
    before = somebody.ask(minion, question, max_tokens=8)
    assert [passage["document"] for passage in before["trace"]["passages"]] == ["darkroom.md"]
    phrases = [entry["answer"].encode() for entry in questions() if entry["page"] in PAGES]
    folder = somebody.server.data / "users" / somebody.id / "collections"
    assert holding(folder, phrases), "the test can see the text it looks for"

    somebody.delete(f"collections/{release['collection_id']}")

    after = somebody.ask(minion, question, max_tokens=8)
    assert after["trace"]["passages"] == [] and after["citations"] == [] and "search" not in after["trace"]
    assert not list(folder.rglob("*")) and not holding(folder, phrases)
    refused(somebody.request("GET", f"collections/{release['collection_id']}"), 404, "not_found")
    refused(somebody.request("POST", f"collections/{release['collection_id']}/search", json={"query": "tea"}), 404, "not_found")
    assert somebody.get("collections")["items"] == []


def test_deleting_a_minion_deletes_its_collection_too(somebody):
    minion = somebody.minion("Short-lived")
    dataset = somebody.dataset(handbook("kitchen.md"), "rag", "pages.zip")
    somebody.finish(somebody.job(minion, "rag_only", [dataset]))
    assert somebody.server.files(f"users/{somebody.id}/collections/**/*")
    somebody.delete(f"minions/{minion['id']}")
    assert not somebody.server.files(f"users/{somebody.id}/collections/**/*")
    assert somebody.get("collections")["items"] == []


def holding(folder, phrases: list[bytes]) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file() and any(phrase in path.read_bytes() for phrase in phrases)]
