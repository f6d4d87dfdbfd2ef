"""What the benches of knowledge share: the judged collections, the model in a bare ONNX session, running atelier, the table.

The project's own collections (derived.py) are always measured. Cranfield is measured too where it is at hand: in
ATELIER_BENCH_DATA (a folder with cranfield/ in BEIR's layout), else in ../shared/data. ATELIER_BENCH_BEIR names one folder that
is measured alone.
"""

import json
import os
import pathlib
import re
import subprocess
import sys

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

import derived

ROOT = pathlib.Path(__file__).resolve().parent.parent
DATA = pathlib.Path(os.environ.get("ATELIER_BENCH_DATA", ROOT.parent / "shared/data"))
MODELS = pathlib.Path(os.environ.get("ATELIER_DATA_DIR", ROOT / "data")) / "models"
ATELIER = pathlib.Path(os.environ.get("ATELIER_BINARY", ROOT / ".build/release/atelier")).absolute()
QUERY_PREFIX = "Represent this sentence for searching relevant passages: "
DIMENSION = 384
DERIVED = ROOT / "bench/results/derived"


def lines(path: pathlib.Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines() if line.strip()]


def collections(*own: str) -> list[pathlib.Path]:
    """Folders in BEIR's layout: of the project's own those that are named, and Cranfield where it is at hand."""
    if named := os.environ.get("ATELIER_BENCH_BEIR"):
        if not (pathlib.Path(named) / "corpus.jsonl").is_file():
            sys.exit(f"{named} has no corpus.jsonl: set ATELIER_BENCH_BEIR to a folder with corpus.jsonl, queries.jsonl and qrels.tsv")
        return [pathlib.Path(named)]
    found = derived.make(DERIVED, *own)
    if (DATA / "cranfield/corpus.jsonl").is_file():
        found.append(DATA / "cranfield")
    else:
        print(f"{DATA} has no cranfield/corpus.jsonl: the project's own data alone is measured", flush=True)
    return found


def sentences(folder: pathlib.Path, wanted: int) -> list[str]:
    """Sentences of the collection, cut at full stops; its repeated ones once."""
    found: dict[str, None] = {}
    for document in lines(folder / "corpus.jsonl"):
        for sentence in re.split(r"(?<=[.?!])\s+", document["text"]):
            if len(sentence.split()) > 2:
                found.setdefault(sentence.strip())
    return list(found)[:wanted]


def judgements(folder: pathlib.Path) -> dict[str, dict[str, int]]:
    """By query: how relevant each judged document is."""
    judged: dict[str, dict[str, int]] = {}
    for line in (folder / "qrels.tsv").read_text().splitlines():
        fields = line.split("\t")
        if len(fields) >= 3 and fields[-1].lstrip("-").isdigit():
            judged.setdefault(fields[0], {})[fields[-2]] = int(fields[-1])
    return judged


class Bare:
    """The model as its README says to use it: tokenise, run, take the first token's vector, normalise."""

    def __init__(self, name: str = "bge-small-en-v1.5", threads: int | None = None):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or os.cpu_count()
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(MODELS / name / "model.onnx", options, providers=["CPUExecutionProvider"])
        self.tokenizer = Tokenizer.from_file(str(MODELS / name / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(512)

    def embed(self, texts: list[str]) -> np.ndarray:
        rows = []
        for text in texts:
            encoding = self.tokenizer.encode(text)
            output = self.session.run(None, {
                "input_ids": np.array([encoding.ids], np.int64),
                "attention_mask": np.array([encoding.attention_mask], np.int64),
                "token_type_ids": np.array([encoding.type_ids], np.int64),
            })[0]
            rows.append(output[0, 0])
        vectors = np.array(rows, np.float32)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def atelier(*arguments: object) -> object:
    """Run a command that answers in JSON on its standard output."""
    command = [str(ATELIER), *map(str, arguments)]
    result = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if result.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with status {result.returncode}")
    return json.loads(result.stdout)


def report(name: str, rows: list[dict]) -> None:
    """Print the table and write bench/results/NAME.json."""
    print(f"\n{'metric':44} {'unit':8} {'ours':>12} {'peer':>12}  {'limit':14} peer")
    for row in rows:
        def shown(value):
            return "–" if value is None else f"{value:.4g}"
        print(f"{row['metric']:44} {row['unit']:8} {shown(row['ours']):>12} {shown(row['peer']):>12}  {row['limit'] or '':14} {row['peer_name']}")
    results = ROOT / "bench/results"
    results.mkdir(exist_ok=True)
    (results / f"{name}.json").write_text(json.dumps(rows, indent=1) + "\n")


def row(metric: str, unit: str, ours: float | None, peer: float | None, peer_name: str, limit: str | None = None) -> dict:
    return {"metric": metric, "unit": unit, "ours": ours, "peer": peer, "peer_name": peer_name, "limit": limit}
