"""Embed and rerank texts with ONNX Runtime, over stdin and stdout.

    python engine/embedding/embed.py --model data/models/bge-small-en-v1.5 --reranker data/models/ms-marco-minilm

One JSON line in, one JSON line out with the same id, in order. First of all it
prints {"event":"ready","model":…,"dimension":384,"max_tokens":512}. Then:

    {"id":1,"op":"info"}                                  → {"id","model","dimension","max_tokens"}
    {"id":2,"op":"embed","kind":"query","texts":[…]}      → {"id","count","dimension","bytes"} and then exactly
                                                            `bytes` raw bytes: float32, little-endian, row-major,
                                                            each row of length 1 (so a dot product is the cosine)
    {"id":3,"op":"count_tokens","texts":[…]}              → {"id","counts"}: without special tokens, not truncated
    {"id":4,"op":"rerank","query":"…","texts":[…]}        → {"id","scores"}: logits; higher is better, no fixed range

A request that cannot be served is answered {"id":…,"error":{"code","message"}},
and the next one is read. Texts beyond 512 tokens are cut there.
"""

import os
import sys

if not __package__:  # a script: modules are found from the engine's folder
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

import child  # first: sets the environment that OpenMP reads

import argparse
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    child.hold_signals()  # numpy starts threads when it is imported

import numpy as np
import onnxruntime
from tokenizers import Encoding, Tokenizer

# The instruction the model's authors give for queries; passages go without.
# On Cranfield (1,400 documents, 225 queries) dense nDCG@10 is 0.539 with it and
# 0.535 without, with CLS pooling in both.
QUERY_PREFIX = "Represent this sentence for searching relevant passages: "
MAX_TOKENS = 512
MAX_LINE = 64 << 20  # bytes of one request; a bound on memory, far above any real one
MAX_WAITING = 64  # requests read ahead


@dataclass
class Arguments:
    model: Path
    reranker: Path | None
    threads: int


class Encoder:
    """An ONNX model and its tokenizer, run on several texts at a time.

    Every text is a run of its own. These models are quantised to 8 bits with
    scales taken from the whole batch, so in a batch a text's vector depends on its
    neighbours (cosine down to 0.997); alone it is the same whenever it is
    computed. It is also the fastest on a CPU: one thread a text, and no padding
    (7.7 texts/s against 6.8 with batches of 2048 tokens, same two busy cores).
    """

    def __init__(self, folder: Path, threads: int):
        for name in ("model.onnx", "tokenizer.json"):
            if not (folder / name).is_file():
                raise FileNotFoundError(f"{folder / name} is missing")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(
            folder / "model.onnx", options, providers=["CPUExecutionProvider"])
        self.output = self.session.get_outputs()[0]
        self.tokenizer = load_tokenizer(folder)
        self.tokenizer.enable_truncation(MAX_TOKENS)
        self.pool = ThreadPoolExecutor(threads)

    def run(self, encodings: list[Encoding]) -> list[np.ndarray]:
        """The model's first output for each text, in input order."""
        results: list[np.ndarray] = [np.empty(0)] * len(encodings)

        def one(index: int) -> None:
            encoding = encodings[index]
            results[index] = self.session.run(None, {
                "input_ids": np.array([encoding.ids], np.int64),
                "attention_mask": np.array([encoding.attention_mask], np.int64),
                "token_type_ids": np.array([encoding.type_ids], np.int64),
            })[0]

        # Longest first: no thread is left alone with the longest text at the end.
        longest_first = sorted(range(len(encodings)), key=lambda index: -len(encodings[index].ids))
        list(self.pool.map(one, longest_first))
        return results


def load_tokenizer(folder: Path) -> Tokenizer:
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()  # some files ask for padding to 512
    tokenizer.no_truncation()
    return tokenizer


class Service:
    def __init__(self, arguments: Arguments):
        self.arguments = arguments
        self.name = arguments.model.resolve().name
        self.embedder = Encoder(arguments.model, arguments.threads)
        self.dimension = int(self.embedder.output.shape[-1])
        self.counter = load_tokenizer(arguments.model)
        self.reranker: Encoder | None = None

    def describe(self) -> dict[str, Any]:
        return {"model": self.name, "dimension": self.dimension, "max_tokens": MAX_TOKENS}

    def answer(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        match request.get("op"):
            case "info":
                return self.describe(), b""
            case "embed":
                return self.embed(request)
            case "count_tokens":
                encodings = self.counter.encode_batch_fast(texts(request), add_special_tokens=False)
                return {"counts": [len(encoding.ids) for encoding in encodings]}, b""
            case "rerank":
                return self.rerank(request)
            case other:
                raise child.BadRequest("unknown_op", f"op is {other!r}; it must be info, embed, count_tokens or rerank")

    def embed(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        kind = request.get("kind")
        if kind not in ("query", "passage"):
            raise child.BadRequest("invalid_request", f"kind is {kind!r}; it must be \"query\" or \"passage\"")
        prefix = QUERY_PREFIX if kind == "query" else ""
        encodings = self.embedder.tokenizer.encode_batch_fast([prefix + text for text in texts(request)])
        # CLS pooling: the vector of the first token.
        rows = [hidden[0, 0] for hidden in self.embedder.run(encodings)]
        vectors = np.array(rows, np.float32).reshape(len(rows), self.dimension)
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        payload = vectors.astype("<f4").tobytes()
        return {"count": len(rows), "dimension": self.dimension, "bytes": len(payload)}, payload

    def rerank(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        query = request.get("query")
        if not isinstance(query, str):
            raise child.BadRequest("invalid_request", "query must be a string")
        if self.arguments.reranker is None:
            raise child.BadRequest("no_reranker", "started without --reranker")
        pairs = [(query, text) for text in texts(request)]
        if self.reranker is None:  # only now: 90 MB that many installations never use
            self.reranker = Encoder(self.arguments.reranker, self.arguments.threads)
        encodings = self.reranker.tokenizer.encode_batch_fast(pairs)
        return {"scores": [float(logits[0, 0]) for logits in self.reranker.run(encodings)]}, b""


def texts(request: dict[str, Any]) -> list[str]:
    value = request.get("texts")
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise child.BadRequest("invalid_request", "texts must be a list of strings")
    return value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="folder of the embedder")
    parser.add_argument("--reranker", type=Path, help="folder of the cross-encoder; loaded when first used")
    parser.add_argument("--threads", type=int, default=2, help="texts computed at the same time")
    arguments = Arguments(**vars(parser.parse_args()))
    child.start(watch_stdin=False)
    requests = child.Requests(MAX_LINE, MAX_WAITING, "Send {id, op, texts} as one line.")
    try:
        service = Service(arguments)
    except Exception as error:
        child.fail("load_failed", str(error), "Run scripts/setup.sh, which fetches the models.")
    child.emit({"event": "ready", **service.describe()})
    requests.serve(service.answer)


if __name__ == "__main__":
    main()
