"""What a preview shows is what training learns, piece by piece."""

import json
import subprocess

import pytest
from conftest import command
from training.conversations import tokenize

CHAT = [{"role": "user", "content": "One?"}, {"role": "assistant", "content": "Two."}]


def preview(base, *lines: str, max_tokens: int = 1024):
    result = subprocess.run(
        command("training/preview.py", "--model", base / "hf", "--max-tokens", max_tokens),
        input="\n".join([*lines, "", ""]), capture_output=True, text=True, timeout=120)
    return result.returncode, json.loads(result.stdout.splitlines()[-1])


def test_pieces_are_the_tokens_of_training(base, tokenizer):
    long = [{"role": "user", "content": "word " * 300}, CHAT[1]]
    silent = [CHAT[0], {"role": "assistant", "content": "Two.", "weight": 0}]
    status, reply = preview(base, *(json.dumps({"messages": messages}) for messages in (CHAT, long, silent)), max_tokens=100)
    assert status == 0
    plain, cut, dropped = reply["items"]
    example, _ = tokenize(tokenizer, CHAT, 100)
    assert "".join(piece["text"] for piece in plain["pieces"]) == tokenizer.decode(example.ids)
    assert [piece["text"] for piece in plain["pieces"] if piece["learned"]] == ["Two.<|im_end|>"]
    assert (plain["tokens"], plain["learned_tokens"], plain["cut"], plain["dropped"]) == (len(example.ids), len(example.replies), False, None)
    assert cut["cut"] and cut["tokens"] == 100 and cut["pieces"][-1] == {"text": "Two.<|im_end|>", "learned": True}
    assert dropped["dropped"] == "no_reply" and not any(piece["learned"] for piece in dropped["pieces"])


@pytest.mark.parametrize("line, words", [("nonsense", "Expecting value"), (json.dumps({"messages": []}), "messages")])
def test_what_is_no_conversation_is_said_to_be_none(base, line, words):
    status, reply = preview(base, line)
    assert status == 1 and reply["code"] == "invalid_example" and words in reply["message"]
