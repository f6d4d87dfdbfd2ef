"""Judged collections that are derived here, so that nothing is tuned to the one everybody knows.

    .venv/bin/python bench/derived.py /tmp/derived
    ATELIER_BENCH_BEIR=/tmp/derived/handbook .venv/bin/python bench/quality.py --rerank 20
    ATELIER_BENCH_BEIR=/tmp/derived/docstrings .venv/bin/python bench/quality.py --rerank 20

handbook    the sections of the sample handbook; its 40 questions, answered by the sections that hold the answer's words
docstrings  documentation of numpy and of Python's own library as installed, without its first sentence; that sentence
            is the question that only this text answers (known-item search)

Each folder is in BEIR's layout: corpus.jsonl, queries.jsonl, qrels.tsv.
"""

import argparse
import ast
import json
import pathlib
import random
import re
import sysconfig

import numpy

SAMPLES = pathlib.Path(__file__).resolve().parent.parent / "samples"


def write(folder: pathlib.Path, corpus: dict[str, tuple[str, str]], queries: list[tuple[str, list[str]]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "corpus.jsonl").open("w") as file:
        for name, (title, text) in corpus.items():
            file.write(json.dumps({"_id": name, "title": title, "text": text}) + "\n")
    with (folder / "queries.jsonl").open("w") as file, (folder / "qrels.tsv").open("w") as judgements:
        judgements.write("query-id\tcorpus-id\tscore\n")
        for number, (text, answers) in enumerate(queries):
            file.write(json.dumps({"_id": str(number), "text": text}) + "\n")
            for name in answers:
                judgements.write(f"{number}\t{name}\t1\n")
    print(f"{folder}: {len(corpus)} documents, {len(queries)} queries")


def handbook() -> tuple[dict, list]:
    corpus = {}
    for page in sorted((SAMPLES / "handbook").glob("*.md")):
        for number, section in enumerate(re.split(r"(?m)^(?=#{1,3} )", page.read_text())):
            if section.strip():
                heading, _, text = section.strip().partition("\n")
                if text.strip():
                    corpus[f"{page.stem}-{number}"] = (heading.lstrip("# "), text.strip())
    asked = [json.loads(line) for line in (SAMPLES / "questions.jsonl").read_text().splitlines() if line.strip()]
    queries = []
    for entry in asked:
        page = pathlib.Path(entry["page"]).stem
        answers = [name for name, (_, text) in corpus.items() if name.startswith(page + "-") and entry["answer"] in text]
        if answers:
            queries.append((entry["question"], answers))
    return corpus, queries


def docstrings(most: int, asked: int) -> tuple[dict, list]:
    found: dict[str, tuple[str, str]] = {}
    library = pathlib.Path(sysconfig.get_path("stdlib"))
    files = [*pathlib.Path(numpy.__file__).parent.rglob("*.py"), *library.glob("*.py"), *library.glob("asyncio/*.py"), *library.glob("email/*.py")]
    for path in sorted(files):
        if "test" in path.name or "tests" in path.parts:
            continue
        try:
            tree = ast.parse(path.read_text())
        except (SyntaxError, UnicodeDecodeError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and (text := ast.get_docstring(node)):
                summary, _, rest = text.partition("\n\n")
                summary = " ".join(summary.split())
                # Without the name, which would be the whole answer.
                if 5 <= len(summary.split()) <= 30 and 40 <= len(rest.split()) <= 900 and node.name.lower() not in summary.lower():
                    found.setdefault(summary, (f"{path.stem}-{node.name}", rest))
    chosen = random.Random(5).sample(sorted(found), min(most, len(found)))
    corpus = {f"{number}": ("", found[summary][1]) for number, summary in enumerate(chosen)}
    return corpus, [(summary, [str(number)]) for number, summary in enumerate(chosen[:asked])]


COLLECTIONS = {"handbook": handbook, "docstrings": lambda: docstrings(1200, 250)}


def make(folder: pathlib.Path, *names: str) -> list[pathlib.Path]:
    """The named collections, in folders of their names."""
    for name in names:
        write(folder / name, *COLLECTIONS[name]())
    return [folder / name for name in names]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    make(parser.parse_args().folder, *COLLECTIONS)


if __name__ == "__main__":
    main()
