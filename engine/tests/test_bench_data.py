"""The benches of knowledge have data of the project's own, and take Cranfield and Shakespeare too where they are at hand."""

import importlib
import json
import pathlib
import sys

import pytest

BENCH = pathlib.Path(__file__).resolve().parents[2] / "bench"


@pytest.fixture
def bench(monkeypatch, tmp_path):
    """A function that loads a bench as it is with this folder of shared data."""
    monkeypatch.syspath_prepend(str(BENCH))
    monkeypatch.delenv("ATELIER_BENCH_BEIR", raising=False)

    def load(name: str, shared: pathlib.Path):
        monkeypatch.setenv("ATELIER_BENCH_DATA", str(shared))
        for module in ("knowledge", "derived", name):
            sys.modules.pop(module, None)
        knowledge = importlib.import_module("knowledge")
        monkeypatch.setattr(knowledge, "DERIVED", tmp_path / "derived")
        return importlib.import_module(name)

    yield load
    for module in ("knowledge", "derived", "ablation", "search"):
        sys.modules.pop(module, None)


@pytest.fixture
def shared(tmp_path):
    """A little of what the shared data would be."""
    cranfield = tmp_path / "shared/cranfield"
    cranfield.mkdir(parents=True)
    (cranfield / "corpus.jsonl").write_text(json.dumps({"_id": "7", "title": "Wings", "text": "A wing lifts. It drags as well."}) + "\n")
    (cranfield / "queries.jsonl").write_text(json.dumps({"_id": "1", "text": "What lifts?"}) + "\n")
    (cranfield / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\n1\t7\t3\n1\t8\t-1\n")
    (tmp_path / "shared/shakespeare").mkdir()
    (tmp_path / "shared/shakespeare/train.jsonl").write_text("{}\n")
    return tmp_path / "shared"


def test_without_the_shared_data_the_projects_own_is_measured(bench, tmp_path, capsys):
    knowledge = bench("knowledge", tmp_path / "nowhere")
    folders = knowledge.collections("handbook", "docstrings")
    assert [folder.name for folder in folders] == ["handbook", "docstrings"] and "own data alone" in capsys.readouterr().out
    for folder in folders:
        documents = {line["_id"] for line in knowledge.lines(folder / "corpus.jsonl")}
        judged = knowledge.judgements(folder)
        assert len(documents) > 50 and len(judged) >= 40 and all(set(found) <= documents for found in judged.values())
    assert len(bench("search", tmp_path / "nowhere").texts(folders[1], 10_000)) == 10_000


def test_with_it_both_are(bench, shared):
    knowledge = bench("knowledge", shared)
    *_, cranfield = folders = knowledge.collections("handbook")
    assert [folder.name for folder in folders] == ["handbook", "cranfield"]
    assert knowledge.judgements(cranfield) == {"1": {"7": 3, "8": -1}}
    assert knowledge.sentences(cranfield, 10) == ["A wing lifts.", "It drags as well."]


def test_a_folder_that_is_named_is_measured_alone(bench, shared, monkeypatch, tmp_path):
    knowledge = bench("knowledge", shared)
    monkeypatch.setenv("ATELIER_BENCH_BEIR", str(shared / "cranfield"))
    assert knowledge.collections("handbook") == [shared / "cranfield"]
    monkeypatch.setenv("ATELIER_BENCH_BEIR", str(tmp_path / "nowhere"))
    with pytest.raises(SystemExit, match="corpus.jsonl"):
        knowledge.collections("handbook")


def test_the_ablation_has_a_voice_and_questions_of_its_own(bench, shared, tmp_path):
    ablation = bench("ablation", tmp_path / "nowhere")
    [(name, voice, folder)] = ablation.subjects()
    assert name == "sample voice, handbook" and len(voice.read_bytes().splitlines()) == 120
    rows = [json.loads(row) for row in ablation.questions(folder).splitlines()]
    assert len(rows) == 40 and all(row["question"] and row["sources"] for row in rows)
    assert [name for name, _, _ in bench("ablation", shared).subjects()] == ["sample voice, handbook", "Shakespeare, Cranfield"]
