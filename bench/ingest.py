"""Ingest against the bare ONNX session on the same chunks: read, cut, count, embed, index, publish in one time.

    .venv/bin/python bench/ingest.py [--documents 400]

On the documentation that derived.py collects, and on Cranfield where it is at hand (knowledge.py says where it is sought).
The peer gets the finished chunks' texts and does nothing but tokenise and run the model, as its README says. Prints a
table and writes bench/results/ingest.json.
"""

import argparse
import json
import pathlib
import sqlite3
import tempfile
import time

import knowledge


def embedding_texts(database: pathlib.Path) -> list[str]:
    """What the embedder read for each chunk: title and heading path, a line each, then the text."""
    texts = []
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        for title, headings, text in connection.execute("SELECT title, headings, text FROM chunks ORDER BY number"):
            path = [heading for heading in headings.split("\n") if heading]
            path = path[1:] if path[:1] == [title] else path
            head = [title[:200]] if title else []
            texts.append("\n".join(head + ([" > ".join(path)[-200:]] if path else []) + [text]))
    return texts


def compared(name: str, documents: list[dict]) -> list[dict]:
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        (folder / "corpus.jsonl").write_text("".join(json.dumps(document) + "\n" for document in documents))
        ours = knowledge.atelier("bench", "ingest", "--documents", folder / "corpus.jsonl", "--folder", folder / "v1")
        texts = embedding_texts(folder / "v1/chunks.sqlite")
        model = knowledge.Bare()
        model.embed(texts[:4])
        begin = time.monotonic()
        model.embed(texts)
        peer = time.monotonic() - begin
    rate, bare = ours["chunks"] / ours["seconds"], len(texts) / peer
    return [
        knowledge.row(f"ingest, whole path, {name}", "chunks/s", rate, bare, "bare ONNX session", ">= 0.9 of peer"),
        knowledge.row(f"ratio, {name}", "", rate / bare, 1, "bare ONNX session", ">= 0.9"),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=400)
    arguments = parser.parse_args()
    knowledge.report("ingest", [
        row for folder in knowledge.collections("docstrings")
        for row in compared(folder.name, knowledge.lines(folder / "corpus.jsonl")[: arguments.documents])])


if __name__ == "__main__":
    main()
