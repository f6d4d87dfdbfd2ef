"""The embedder's protocol, and that its vectors mean something."""

import json
import struct

import numpy as np
import pytest
from conftest import read_event, running

TEXTS = ["The cat sat on the mat.", "Stock markets fell sharply.", "A feline rested on the rug."]


@pytest.fixture(scope="module")
def engine(models):
    with running("embedding/embed.py", "--model", models / "bge-small-en-v1.5", "--reranker", models / "ms-marco-minilm") as process:
        assert read_event(process) == {
            "event": "ready", "model": "bge-small-en-v1.5", "dimension": 384, "max_tokens": 512}
        yield process


def ask(engine, **request) -> dict:
    engine.stdin.write(json.dumps(request).encode() + b"\n")
    engine.stdin.flush()
    return read_event(engine)


def embed(engine, texts, kind="passage") -> np.ndarray:
    reply = ask(engine, id=7, op="embed", kind=kind, texts=texts)
    assert reply == {"id": 7, "count": len(texts), "dimension": 384, "bytes": len(texts) * 384 * 4}
    return np.frombuffer(engine.stdout.read(reply["bytes"]), "<f4").reshape(len(texts), 384)


def test_info(engine):
    assert ask(engine, id=1, op="info") == {"id": 1, "model": "bge-small-en-v1.5", "dimension": 384, "max_tokens": 512}


def test_vectors_are_of_length_one_in_input_order_and_near_what_they_mean(engine):
    vectors = embed(engine, TEXTS)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    cosine = vectors @ vectors.T
    assert cosine[0, 2] > cosine[0, 1] + 0.1


def test_a_vector_does_not_depend_on_its_neighbours(engine):
    alone = np.concatenate([embed(engine, [text]) for text in TEXTS])
    among = embed(engine, ["x " * 700, *TEXTS, "", "short"])[1:4]
    assert np.array_equal(alone, among)


def test_a_query_is_embedded_with_its_instruction(engine):
    from embedding.embed import QUERY_PREFIX

    query = embed(engine, ["feline furniture"], "query")
    assert np.array_equal(query, embed(engine, [QUERY_PREFIX + "feline furniture"]))
    assert not np.array_equal(query, embed(engine, ["feline furniture"]))


def test_counts_are_without_special_tokens_and_not_cut(engine):
    assert ask(engine, id=2, op="count_tokens", texts=["hello world", "", "a " * 1000])["counts"] == [2, 0, 1000]


def test_rerank_puts_the_answer_first(engine):
    reply = ask(engine, id=3, op="rerank", query="What is the capital of France?",
                texts=["Dogs bark at night.", "Paris is France's capital.", "France borders Spain."])
    assert reply["id"] == 3
    assert np.argmax(reply["scores"]) == 1 and np.argmin(reply["scores"]) == 0


def test_bytes_follow_the_line_directly(engine):
    """One read of the pipe, cut by the numbers in the line."""
    engine.stdin.write(b'{"id":8,"op":"embed","kind":"passage","texts":["a"]}\n{"id":9,"op":"info"}\n')
    engine.stdin.flush()
    header = read_event(engine)
    assert len(struct.unpack("<384f", engine.stdout.read(header["bytes"]))) == 384
    assert read_event(engine)["id"] == 9


@pytest.mark.parametrize("line, identifier, code", [
    (b"junk", None, "invalid_json"),
    (b"[1]", None, "invalid_request"),
    (b'{"id":1,"op":"fly"}', 1, "unknown_op"),
    (b'{"id":2,"op":"embed","texts":["a"]}', 2, "invalid_request"),
    (b'{"id":3,"op":"embed","kind":"query","texts":"a"}', 3, "invalid_request"),
    (b'{"id":"x","op":"rerank","texts":["a"]}', "x", "invalid_request"),
    (b'\xff\xfe{"id":5}', None, "invalid_json"),
])
def test_a_bad_request_is_answered_and_the_next_one_served(engine, line, identifier, code):
    engine.stdin.write(line + b"\n")
    engine.stdin.flush()
    reply = read_event(engine)
    assert reply["id"] == identifier and reply["error"]["code"] == code and reply["error"]["message"]
    assert ask(engine, id=6, op="info")["dimension"] == 384


def test_empty_list(engine):
    assert embed(engine, []).shape == (0, 384)


def test_a_missing_model_is_named(tmp_path):
    with running("embedding/embed.py", "--model", tmp_path / "nowhere") as process:
        event = read_event(process)
        assert event["event"] == "error" and event["code"] == "load_failed" and "model.onnx" in event["message"]
        assert process.wait() == 1
