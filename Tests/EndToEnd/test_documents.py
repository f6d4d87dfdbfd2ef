"""Documents of many kinds: read when they arrive, found by page, kind and meaning, and gone when deleted."""

import io
import json
import os
import signal
import socket
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from harness import ROOT, eventually, handbook, ok, refused, running
from test_datasets import holding

sys.path.append(str(ROOT / "engine/tests"))
from workbooks import xlsx  # noqa: E402

FIXTURES = ROOT / "engine/tests/fixtures/documents"
KINDS = {"handbook.pdf": "pdf", "handbook.docx": "docx", "handbook.odt": "odt", "page.html": "html", "mill.epub": "epub", "Kiln.swift": "code"}


def packed(*names: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names:
            archive.write(FIXTURES / name, name)
    return out.getvalue()


@pytest.fixture(scope="module")
def shelf(server):
    """A collection of one document of each kind."""
    account = server.account("shelf")
    minion = account.minion("Shelf", pipeline={"top_k": 3, "rerank": 10})
    dataset = account.dataset(packed(*KINDS), "rag", "shelf.zip")
    assert dataset["sample_count"] == len(KINDS) and "problems" not in dataset["metadata"]
    account.finish(account.job(minion, "rag_only", [dataset]))
    collection, = account.get("collections")["items"]
    return account, minion, collection


def search(shelf, query: str, **options) -> dict:
    account, _, collection = shelf
    return account.post(f"collections/{collection['id']}/search", {"query": query} | options)


def test_every_kind_is_found_and_filters_choose_among_them(shelf):
    account, _, collection = shelf
    listed = account.get(f"collections/{collection['id']}/documents")["items"]
    assert {entry["name"]: entry["kind"] for entry in listed} == KINDS
    for name, kind in KINDS.items():
        reply = search(shelf, listed[0]["title"], top_k=50, strategy="lexical" if kind == "code" else "hybrid", filter={"kinds": [kind]})
        assert reply["documents_searched"] == 1 and {passage["document"] for passage in reply["passages"]} <= {name}
    only = search(shelf, "kiln", top_k=50, filter={"documents": ["handbook.pdf", "Kiln.swift"]})
    assert {passage["document"] for passage in only["passages"]} <= {"handbook.pdf", "Kiln.swift"} and only["documents_searched"] == 2
    assert refused(
        account.request("POST", f"collections/{collection['id']}/search", json={"query": "x", "filter": {"from": "soon"}}), 422, "invalid_request")


def test_a_passage_of_a_pdf_says_its_page(shelf):
    reply = search(shelf, "handbook", top_k=20, filter={"kinds": ["pdf"]})
    assert reply["passages"] and all(passage["page"] >= 1 for passage in reply["passages"])
    assert len({passage["page"] for passage in reply["passages"]}) > 1


def test_options_of_a_search_change_what_it_finds(shelf):
    plain = search(shelf, "opening hours", top_k=10)
    assert plain["chunks_embedded"] == plain["chunks_total"] > 0
    reranked = search(shelf, "opening hours", top_k=10, rerank=20)
    assert reranked["reranked"] > 0 and any(signal["name"] == "rerank" for passage in reranked["passages"] for signal in passage["signals"])
    strict = search(shelf, "opening hours", top_k=10, min_cosine=0.99)
    assert strict["passages"] == [] and strict["below_threshold"] > 0
    budget = max(1, plain["passages"][0]["tokens"])
    small = search(shelf, "opening hours", top_k=10, token_budget=budget)
    assert sum(passage["tokens"] for passage in small["passages"]) <= budget and small["over_budget"] > 0
    single = search(shelf, "opening hours", top_k=10, duplicate_threshold=0.5)
    assert single["duplicates"] > 0, "the same handbook came as PDF, DOCX and ODT"
    wide = search(shelf, "opening hours", top_k=1, neighbours=1, filter={"kinds": ["pdf"]})["passages"][0]
    narrow = search(shelf, "opening hours", top_k=1, filter={"kinds": ["pdf"]})["passages"][0]
    assert len(wide["text"]) > len(narrow["text"]) and (wide["found_start_byte"], wide["found_end_byte"]) == (narrow["start_byte"], narrow["end_byte"])
    refused(shelf[0].request("POST", f"collections/{shelf[2]['id']}/search", json={"query": "x", "min_rerank": 0.5}), 422, "invalid_request")


def test_a_minions_own_settings_rerank_its_passages(shelf):
    account, minion, _ = shelf
    reply = account.ask(minion, "What are the opening hours?", max_tokens=8)
    assert reply["trace"]["search"]["reranked"] > 0
    account.put(f"minions/{minion['id']}", {"pipeline": {"rerank": 0, "passage_tokens": 1}})
    after = account.ask(minion, "What are the opening hours?", max_tokens=8)
    assert after["trace"]["search"]["reranked"] == 0 and after["trace"]["passages"] == []


def test_a_bad_file_is_named_and_the_others_are_read(somebody):
    dataset = somebody.dataset(packed("page.html", "encrypted.pdf"), "rag", "mixed.zip")
    assert dataset["sample_count"] == 1
    problem, = dataset["metadata"]["problems"]
    assert problem.startswith("encrypted.pdf: ")
    detail, = dataset["metadata"]["problem_details"]
    assert (detail["field"], detail["code"]) == ("encrypted.pdf", "encrypted") and problem == f"encrypted.pdf: {detail['message']}" and detail["hint"]
    error = refused(somebody.upload((FIXTURES / "encrypted.pdf").read_bytes(), "rag", "secret.pdf"), 422, "dataset_invalid")
    assert (error["details"][0]["field"], error["details"][0]["code"]) == ("secret.pdf", "encrypted") and error["details"][0]["hint"]


def test_a_workbook_is_a_table_and_no_archive(somebody, tmp_path):
    sheets = {"Ferries": [["Pier", "Boats"], ["Skarvik", 3]], "Lists": [["SECRET"]]}
    book = xlsx(tmp_path / "book", sheets, hidden=("Lists",)).read_bytes()
    for name in ("ferries.xlsx", "ferries.zip"):
        dataset = somebody.dataset(book, "rag", name)
        assert dataset["sample_count"] == 1 and "problems" not in dataset["metadata"]
        assert f"{name}: hidden sheets were left out (1): Lists" in dataset["metadata"]["warnings"]
        told = dataset["metadata"]["warning_details"]
        assert [f"{one['field']}: {one['message']}" for one in told] == dataset["metadata"]["warnings"] and all(one["code"] and one["hint"] for one in told)
    minion = somebody.minion("Harbour")
    somebody.finish(somebody.job(minion, "rag_only", [dataset]))
    collection, = somebody.get("collections")["items"]
    document, = somebody.get(f"collections/{collection['id']}/documents")["items"]
    assert (document["name"], document["kind"]) == ("ferries.zip", "xlsx")
    passage, = somebody.post(f"collections/{collection['id']}/search", {"query": "Skarvik boats"})["passages"]
    assert "Skarvik" in passage["text"] and "worksheet" not in passage["text"]
    with zipfile.ZipFile(tmp_path / "talk", "w") as talk:
        talk.writestr("[Content_Types].xml", "<a/>")
        talk.writestr("ppt/slides/slide1.xml", "<a/>")
    error = refused(somebody.upload((tmp_path / "talk").read_bytes(), "rag", "talk.zip"), 422, "dataset_invalid")
    assert error["details"][0]["code"] == "unsupported" and "PowerPoint" in error["details"][0]["message"] and "PDF" in error["details"][0]["hint"]


def test_an_archive_of_windows_loses_no_file_to_a_name(somebody):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("notes\\windows.md", "# Windows\n\nOf Windows.\n")
        archive.writestr("C:notes.md", "# Drive\n\nOf a drive.\n")
        archive.writestr("XXXXX.md", "# Report\n\nA report.\n")
        link = zipfile.ZipInfo("link.md")
        link.create_system, link.external_attr = 3, 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    data = out.getvalue().replace(b"XXXXX.md", "Отчет".encode("cp866") + b".md")
    dataset = somebody.dataset(data, "rag", "notes.zip")
    assert dataset["sample_count"] == 3
    assert [line.split(":")[0] for line in dataset["metadata"]["problems"]] == ["link.md"]
    warning, = dataset["metadata"]["warnings"]
    assert warning.startswith("notes.zip: ") and "CP866" in warning
    assert [(one["field"], one["code"], bool(one["hint"])) for one in dataset["metadata"]["warning_details"]] == [("notes.zip", "names_guessed", True)]
    somebody.finish(somebody.job(somebody.minion("Windows"), "rag_only", [dataset]))
    collection, = somebody.get("collections")["items"]
    assert {document["name"] for document in somebody.get(f"collections/{collection['id']}/documents")["items"]} == {
        "notes/windows.md", "C:notes.md", "Отчет.md"}


def test_documents_are_added_and_changed_without_embedding_the_others_again(somebody):
    minion = somebody.minion("Growing")
    one = somebody.dataset(handbook("kitchen.md", "darkroom.md"), "rag", "one.zip")
    somebody.finish(somebody.job(minion, "rag_only", [one]))
    two = somebody.dataset(handbook("governance.md"), "rag", "two.zip")
    somebody.finish(somebody.job(minion, "rag_only", [two], collection_update="append"))
    collection, = somebody.get("collections")["items"]
    assert (collection["version"], collection["document_count"]) == (2, 3) and "building_version" not in collection
    somebody.finish(somebody.job(minion, "rag_only", [two], collection_update="merge"))
    assert somebody.get("collections")["items"][0]["document_count"] == 3
    somebody.finish(somebody.job(minion, "rag_only", [two]))
    collection, = somebody.get("collections")["items"]
    assert (collection["version"], collection["document_count"]) == (4, 1)
    reply = somebody.post(f"collections/{collection['id']}/search", {"query": "darkroom", "top_k": 20})
    assert {passage["document"] for passage in reply["passages"]} == {"governance.md"}
    # Smaller chunks are more, and overlapping ones more again.
    chunks = []
    for tokens, overlap in ((320, 0), (64, 0), (64, 30)):
        somebody.finish(somebody.job(minion, "rag_only", [two], chunk_strategy="fixed", chunk_tokens=tokens, chunk_overlap=overlap))
        chunks.append(somebody.get("collections")["items"][0]["chunk_count"])
    assert chunks == sorted(set(chunks)), chunks


def test_documents_are_added_to_what_the_minion_answers_from(somebody):
    """Not to a version whose release is held: its documents may have been a mistake."""
    minion = somebody.minion("Wary")
    one, held, two = (somebody.dataset(handbook(name), "rag", name + ".zip") for name in ("kitchen.md", "governance.md", "darkroom.md"))
    somebody.finish(somebody.job(minion, "rag_only", [one]))
    job = somebody.post("external-training/jobs", {
        "minion_id": minion["id"], "training_type": "rag_only", "dataset_ids": [held["id"]], "hold_release": True, "start": True,
        "config": {"collection_update": "append"}})
    somebody.finish(job)
    somebody.finish(somebody.job(minion, "rag_only", [two], collection_update="append"))
    collection, = somebody.get("collections")["items"]
    documents = somebody.get(f"collections/{collection['id']}/documents")["items"]
    assert {document["name"] for document in documents} == {"kitchen.md", "darkroom.md"}, documents


def test_tags_and_days_are_searched_for_and_rows_are_cut_one_by_one(somebody):
    minion = somebody.minion("Tagged")

    def upload(text: str, name: str, **query) -> dict:
        query = {"dataset_type": "rag", "file_name": name} | query
        return ok(somebody.request("POST", "training-datasets", params=query, content=text.encode()))

    refused(somebody.request("POST", "training-datasets", params={"dataset_type": "rag", "file_name": "x.md", "date": "soon"}, content=b"x"), 422, "invalid_request")
    old = upload("# Rates\n\nA berth costs 4 marks.\n", "rates-old.md", tags="harbour,old", date="2024-05-01")
    new = upload("# Rates\n\nA berth costs 6 marks.\n", "rates-new.md", tags="harbour", date="2026-05-01")
    rows = upload("berth,length\n" + "".join(f"B{number},{number} m\n" for number in range(20)), "berths.csv")
    assert (old["metadata"]["tags"], old["metadata"]["date"]) == (["harbour", "old"], "2024-05-01")
    somebody.finish(somebody.job(minion, "rag_only", [old, new, rows], chunk_strategy="rows"))
    collection, = somebody.get("collections")["items"]

    def found(**filter) -> set[str]:
        reply = somebody.post(f"collections/{collection['id']}/search", {"query": "What does a berth cost?", "top_k": 50, "filter": filter})
        return {passage["document"] for passage in reply["passages"]}

    assert found(tags_any=["harbour"]) == {"rates-old.md", "rates-new.md"} and found(tags_all=["harbour", "old"]) == {"rates-old.md"}
    assert found(**{"from": "2025-01-01"}) == {"rates-new.md"} and found(to="2024-12-31") == {"rates-old.md"}
    row, = somebody.post(f"collections/{collection['id']}/search", {"query": "B17", "strategy": "lexical", "top_k": 50})["passages"]
    assert row["text"].strip() == "| B17 | 17 m |", "a row of a table is a chunk of its own"
    # What a filter matches is replaced, the rest stays.
    body = {"minion_id": minion["id"], "training_type": "rag_only", "dataset_ids": [new["id"]]}
    for config, says in (({"collection_update": "replace_matching"}, "needs a condition"),
                         ({"collection_update": "replace_matching", "collection_filter": {"tags_any": []}}, "needs a condition"),
                         ({"collection_filter": {"tags_any": ["old"]}}, "replace_matching alone")):
        error = refused(somebody.request("POST", "external-training/jobs", json=body | {"config": config}), 422, "invalid_request")
        assert [(detail["field"], says in detail["message"]) for detail in error["details"]] == [("config.collection_filter", True)]
    newest = upload("# Rates\n\nA berth costs 7 marks.\n", "rates-newest.md", tags="harbour", date="2026-11-01")
    somebody.finish(somebody.job(minion, "rag_only", [newest], collection_update="replace_matching", collection_filter={"tags_any": ["harbour"], "to": "2025-12-31"}))
    assert found() == {"rates-new.md", "rates-newest.md", "berths.csv"}


def long_text(name: str, count: int) -> bytes:
    """So many different paragraphs that embedding them takes a while, and one that is easy to find."""
    paragraphs = [f"Paragraph {number} tells of lot {number * 7919 % 10007}, shelf {number * 31 % 97} and bin {number * 17 % 53}. " * 12 for number in range(count)]
    return ("The word of the day is Xylotheque.\n\n" + "\n\n".join(paragraphs)).encode()


@pytest.fixture
def builder(tmp_path):
    with running(tmp_path) as server:
        yield server.account("builder")


def test_a_collection_answers_by_words_while_it_is_built_and_goes_on_after_a_crash(builder):
    """The build is killed in the middle; nothing that was embedded is embedded again."""
    account, server = builder, builder.server
    minion = account.minion("Early")
    account.ask(minion, "Are you there?", max_tokens=2)  # The model is loaded before the build, which must not end first.
    dataset = account.dataset(long_text("a", 900), "rag", "long.txt")
    job = account.job(minion, "rag_only", [dataset])

    def partial():
        items = account.get("collections")["items"]
        if not items:
            return None
        response = account.request("POST", f"collections/{items[0]['id']}/search", json={"query": "Xylotheque", "strategy": "lexical"})
        if response.status_code == 409:
            return None
        reply = ok(response)
        return reply if reply["passages"] and reply["chunks_embedded"] >= 192 else None

    reply = eventually(partial, 120, "the first words are found")
    assert "Xylotheque" in reply["passages"][0]["text"] and 0 < reply["chunks_embedded"] < reply["chunks_total"]
    collection, = account.get("collections")["items"]
    assert (collection["version"], collection["building_version"], collection["minion_id"]) == (0, 1, minion["id"])
    early = account.ask(minion, "What is the word of the day?", max_tokens=8)
    assert any("Xylotheque" in passage["text"] for passage in early["trace"]["passages"])
    assert any(entry["stage"] == "retrieve" and "being built" in entry["reason"] for entry in early["degraded"])

    server.end(signal.SIGKILL, 30)
    server.start()
    done, history = account.finish(job)  # By itself, as a second attempt.
    assert done["attempt"] == 2
    begun = max(index for index, event in enumerate(history) if event.name == "requeued")
    counts = [event.data["chunks"] for event in history[begun:] if event.name == "progress" and event.data.get("chunks_total")]
    assert counts[0] >= reply["chunks_embedded"], "what had a vector before the crash is not embedded again"
    finished, = account.get("collections")["items"]
    assert (finished["version"], finished["chunk_count"]) == (1, reply["chunks_total"]) and "building_version" not in finished


def test_deleting_leaves_no_byte_of_documents_in_the_whole_data_directory(somebody):
    mark = "Ratchet-Lantern-93"
    minion = somebody.minion("Forgetful", pipeline={"top_k": 1})
    dataset = somebody.dataset(f"# Notes\n\nThe {mark} hangs in the boathouse.\n".encode(), "rag", "notes.md")
    somebody.finish(somebody.job(minion, "rag_only", [dataset]))
    assert mark in str(somebody.ask(minion, "Where does the lantern hang?", max_tokens=8)["trace"]["passages"])
    assert holding(somebody.server.data, mark.encode())
    somebody.delete(f"minions/{minion['id']}")
    somebody.delete(f"training-datasets/{dataset['id']}")
    assert not holding(somebody.server.data, mark.encode())


@pytest.fixture(scope="module")
def chroma(tmp_path_factory):
    """A real ChromaDB server; its address and its process."""
    folder = tmp_path_factory.mktemp("chroma")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [Path(sys.executable).with_name("chroma"), "run", "--host", "127.0.0.1", "--port", str(port), "--path", folder],
        cwd=folder, env=os.environ | {"ANONYMIZED_TELEMETRY": "FALSE"}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        eventually(lambda: process.poll() is None and beats(url), 120, "the Chroma server answers")
        yield url, process
    finally:
        process.kill()
        process.wait()


def beats(url: str) -> bool:
    try:
        return httpx.get(f"{url}/api/v2/heartbeat").status_code == 200
    except httpx.HTTPError:
        return False


def in_chroma(url: str) -> list[str]:
    found = httpx.get(f"{url}/api/v2/tenants/default_tenant/databases/default_database/collections")
    return [entry["name"] for entry in found.json()]


def test_vectors_are_searched_in_a_chroma_server_and_here_when_it_is_gone(tmp_path, chroma):
    url, process = chroma
    with running(tmp_path, ATELIER_CHROMA_URL=url) as server:
        account, other = server.account("ann"), server.account("bob")
        minion = account.minion("Remote")
        pages = account.dataset(handbook("kitchen.md", "darkroom.md", "governance.md"), "rag", "pages.zip")
        account.finish(account.job(minion, "rag_only", [pages]))
        collection, = account.get("collections")["items"]
        assert in_chroma(url) == [f"{account.id}.{collection['id']}.v1"]
        query = {"query": "What is the charge for one go in the darkroom?", "strategy": "dense", "top_k": 3}
        path = f"collections/{collection['id']}/search"
        remote = account.post(path, query)
        assert "degraded" not in remote and remote["passages"][0]["document"] == "darkroom.md"
        filtered = account.post(path, query | {"filter": {"documents": ["kitchen.md"]}})
        assert {passage["document"] for passage in filtered["passages"]} == {"kitchen.md"}
        refused(other.request("POST", path, json=query), 404, "not_found")

        second = account.minion("Gone")
        account.finish(account.job(second, "rag_only", [account.dataset(handbook("kitchen.md"), "rag", "one.zip")]))
        assert len(in_chroma(url)) == 2
        account.delete(f"minions/{second['id']}")
        assert in_chroma(url) == [f"{account.id}.{collection['id']}.v1"]

        process.kill()
        process.wait()
        local = account.post(path, query)
        assert "files here were searched" in local["degraded"]
        assert [passage["chunk_id"] for passage in local["passages"]] == [passage["chunk_id"] for passage in remote["passages"]]
        account.delete(f"collections/{collection['id']}")
        refused(account.request("POST", path, json=query), 404, "not_found")


def test_the_command_line_searches_beside_the_server(shelf):
    account, _, collection = shelf
    reply = account.server.run("collections", "search", collection["id"], "opening hours", "--user", account.email, "--json")
    found = json.loads(reply)
    asked = search(shelf, "opening hours")
    assert [passage["chunk_id"] for passage in found["passages"]] == [passage["chunk_id"] for passage in asked["passages"]]


def test_ten_users_who_index_and_search_at_once_see_their_own_alone(server):
    """Everybody has a document of the same name and nearly the same words; a passage tells whose it is."""
    users = [server.account(f"crowd-{number}") for number in range(10)]

    def work(number: int) -> list[str]:
        account, mark = users[number], f"Cormorant-{number}"
        minion = account.minion("Crowd")
        text = "\n\n".join(f"# Bay {bay}\n\nThe {mark} nests in bay {bay} above the slipway." for bay in range(12))
        job = account.job(minion, "rag_only", [account.dataset(text.encode(), "rag", "bays.md")])
        seen: list[str] = []
        while True:
            over = account.show_job(job)["status"] not in ("PENDING", "QUEUED", "RUNNING")
            for collection in account.get("collections")["items"]:
                response = account.request("POST", f"collections/{collection['id']}/search", json={"query": "Who nests above the slipway?", "top_k": 20})
                assert response.status_code in (200, 409), response.text
                seen += [passage["text"] for passage in response.json().get("passages", [])]
                for other in users:
                    if other is not account:
                        refused(other.request("GET", f"collections/{collection['id']}"), 404, "not_found")
            if over:
                assert account.show_job(job)["status"] == "COMPLETED"
                return seen

    with ThreadPoolExecutor(len(users)) as pool:
        for number, seen in enumerate(pool.map(work, range(len(users)))):
            assert seen and all(f"Cormorant-{number} " in text for text in seen)
