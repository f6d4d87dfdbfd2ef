"""Show conversations exactly as training sees them, over stdin and stdout.

    python engine/training/preview.py --model data/models/smollm2-135m-instruct/hf --max-tokens 1024

Takes lines of {"messages":[…]} up to an empty one and prints one line:

    {"event":"done","items":[{"pieces":[{"text","learned"}],"tokens","learned_tokens","cut","dropped"}]}

`pieces` are the text with the model's template applied, in order; a piece is learned or only
read. `cut` says that the beginning of the prompt was left out, `dropped` why an example is not
trained from ("no_reply", "reply_too_long", …), else null. The tokens come from the same functions
that training uses. Or, with exit status 1, {"event":"error","code","message","hint"}.
"""

import os
import sys

if not __package__:  # a script: modules are found from the engine's folder
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

import child  # first: it owns stdout

import argparse
import json
from itertools import groupby
from pathlib import Path
from typing import Any

from training import conversations

MAX_LINES = 100


def show(tokenizer, messages: list[dict], max_tokens: int) -> dict[str, Any]:
    example, note = conversations.tokenize(tokenizer, messages, max_tokens)
    if example is None:
        try:
            rendered = [text for text, _ in conversations.segments(tokenizer, messages) if text]
            pieces = [{"text": conversations.put_back(tokenizer, text), "learned": False} for text in rendered]
            tokens = sum(len(conversations.encode(tokenizer, text)) for text in rendered)
        except conversations.Refused:  # there is no text of the template's
            pieces = [{"text": f"{message['role']}: {message['content'] or ''}\n", "learned": False} for message in messages]
            tokens = sum(len(conversations.encode(tokenizer, piece["text"])) for piece in pieces)
        return {"pieces": pieces, "tokens": tokens, "learned_tokens": 0, "cut": False, "dropped": note}
    learned = set(example.replies)
    groups = groupby(range(len(example.ids)), key=lambda position: position in learned)
    pieces = [
        {"text": tokenizer.decode([example.ids[position] for position in positions]), "learned": is_learned}
        for is_learned, positions in groups
    ]
    return {
        "pieces": pieces, "tokens": len(example.ids), "learned_tokens": len(example.replies), "cut": note == "cut", "dropped": None,
    }


def read() -> list[list[dict]]:
    found = []
    for line in sys.stdin.buffer:
        if not line.strip() or len(found) == MAX_LINES:
            break
        value = json.loads(line)
        if problem := conversations.problem_in(value):
            raise ValueError(problem[1])
        found.append([conversations.plain(message) for message in value["messages"]])
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True, help="folder of the base model, with its tokenizer")
    parser.add_argument("--max-tokens", type=int, default=1024)
    arguments = parser.parse_args()
    child.start(watch_stdin=False)
    try:
        asked = read()
        from transformers import AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(arguments.model)
        conversations.check_tokenizer(tokenizer)
        items = [show(tokenizer, messages, arguments.max_tokens) for messages in asked]
    except ValueError as error:
        child.fail("invalid_example", str(error), "Send lines of {\"messages\":[…]}.")
    except (OSError, conversations.TemplateError) as error:
        child.fail("preview_failed", str(error), "Check the base model's folder: make setup.")
    child.emit({"event": "done", "items": items})
    return 0


if __name__ == "__main__":
    sys.exit(main())
