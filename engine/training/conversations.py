"""Conversations → token ids, with the positions of what the assistant says.

The same text must reach the model in training and in serving, so it is rendered
by the model's own chat template, as llama.cpp renders it (engine/tests compare
the two). A template may add a system prompt of its own where none is given.

Only the template writes control tokens. Where a message says "<|im_end|>", that
is the text it is, letter by letter: it is set aside before the template is
applied and tokenized as plain text afterwards.
"""

import json
import re
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

ROLES = ("system", "developer", "user", "assistant", "tool", "function")
MAX_PROBLEMS = 20  # of one file, reported together


class DatasetError(Exception):
    """Lines that cannot be used; each problem is {"line","code","hint"}."""

    def __init__(self, path: Path, problems: list[dict]):
        first = problems[0]
        super().__init__(f"{path.name}, line {first['line']}: {first['hint']}")
        self.problems = problems


class TemplateError(Exception):
    """The model's chat template or tokenizer cannot be trained with."""


class Refused(Exception):
    """The model's chat template takes no such conversation."""


@dataclass
class Example:
    """Token ids, and the positions among them that the assistant wrote (position
    0 never counts: nothing comes before it that could predict it)."""

    ids: list[int]
    replies: list[int]
    lost: int = 0  # earlier replies that are not learned, for their beginning was cut
    controls: frozenset[str] = frozenset()  # control tokens that its messages spell out


@dataclass
class Dataset:
    examples: list[Example] = field(default_factory=list)
    read: int = 0  # examples in the file
    cut: int = 0  # prompts shortened from the left to fit
    lost: int = 0  # replies that are not learned for that
    dropped: dict[str, int] = field(default_factory=dict)  # reason → how many
    needed: list[int] = field(default_factory=list)  # max_tokens that each reply_too_long would need, the smallest first
    refusal: str = ""  # the template's own words, of the first template_refused
    spelled: int = 0  # examples whose messages spell out control tokens
    controls: set[str] = field(default_factory=set)  # which ones

    @property
    def tokens(self) -> int:
        return sum(len(example.ids) for example in self.examples)

    @property
    def reply_tokens(self) -> int:
        return sum(len(example.replies) for example in self.examples)


def read(path: Path) -> list[list[dict]]:
    """The conversations of a JSONL file of {"messages":[{"role","content"},…]}."""
    conversations: list[list[dict]] = []
    problems: list[dict] = []
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            problem = None
            try:
                value = json.loads(line)
                problem = problem_in(value)
            except ValueError as error:
                problem = ("invalid_json", f"not JSON ({error}); each line must be one JSON object")
            if problem:
                problems.append({"line": number, "code": problem[0], "hint": problem[1]})
                if len(problems) == MAX_PROBLEMS:
                    break
            else:
                conversations.append([plain(message) for message in value["messages"]])
    if problems:
        raise DatasetError(path, problems)
    return conversations


def problem_in(value: object) -> tuple[str, str] | None:
    """The first thing wrong with a line, as (code, hint); None when it is right."""
    messages = value.get("messages") if isinstance(value, dict) else None
    if not isinstance(messages, list) or not messages:
        return "missing_messages_list", 'expected {"messages":[{"role":"user","content":"…"},…]}'
    for index, message in enumerate(messages):
        if not isinstance(message, dict):
            return "invalid_message", f"messages[{index}] is not an object with role and content"
        if message.get("role") not in ROLES:
            return "invalid_role", f"messages[{index}].role is {message.get('role')!r}; use {', '.join(ROLES)}"
        # An assistant's message may be calls of tools alone.
        has_calls = message["role"] == "assistant" and (message.get("tool_calls") is not None or message.get("function_call") is not None)
        if not isinstance(message.get("content"), str) and not (message.get("content") is None and has_calls):
            return "invalid_content", f"messages[{index}].content must be a string"
    return None


def plain(message: dict) -> dict:
    """What of a message decides the training."""
    kept = {"role": "system" if message["role"] == "developer" else message["role"], "content": message.get("content")}
    if message.get("weight") == 0:
        kept["weight"] = 0
    if calls(message):
        kept["tool_calls"] = calls(message)
    return kept


def calls(message: dict) -> object:
    """A message's calls of tools; exporters write null or an empty list into every message without."""
    return message.get("tool_calls") or message.get("function_call")


def exclusion(messages: list[dict]) -> str | None:
    """Why training leaves a conversation out, before any length counts; None where it does not.

    The server decides by the same rule when it reads a dataset (TrainingExclusion in Sources/Datasets);
    Tests/DatasetsTests/Fixtures/trainable.jsonl holds both to the same answers.
    """
    for message in messages:
        if calls(message):
            return "tool_calls"
        if message["role"] in ("tool", "function"):
            return "tool_results"
        if message["content"] is None:
            return "empty_message"
    # An assistant's message that opens the conversation is context: it answers nothing.
    learned = any(message["role"] == "assistant" and message.get("weight") != 0 and message["content"].strip() for message in messages[1:])
    return None if learned else "no_reply"


# Around the number of a text that is set aside. Unicode keeps both for programs' own use; where a message has one, it is set aside too.
OPEN, CLOSE = "\ufdd0", "\ufdd1"
ASIDE = re.compile(f"{OPEN}([0-9]+){CLOSE}")


# Left in messages by programs that had applied a template already. Not <s> and </s>, which are HTML.
FOREIGN_CONTROLS = ("[INST]", "[/INST]", "<<SYS>>", "<start_of_turn>", "<end_of_turn>", "<|im_start|>", "<|im_end|>", "<|eot_id|>",
                    "<|start_header_id|>", "<|end|>", "<|user|>", "<|assistant|>", "<|system|>", "<|endoftext|>")


@lru_cache(maxsize=4)
def control_texts(tokenizer) -> tuple[list[str], re.Pattern]:
    """The texts that the tokenizer takes for control tokens wherever they stand, and a pattern that finds them in a message."""
    controls = {token.content for token in tokenizer.added_tokens_decoder.values() if token.special and token.content}
    texts = [OPEN, CLOSE, *sorted(controls, key=lambda text: (-len(text), text))]
    return texts, re.compile("|".join(map(re.escape, texts)))


def set_aside(tokenizer, messages: list[dict]) -> list[dict]:
    """The messages with a mark in the place of each control token that one of them spells out."""
    texts, pattern = control_texts(tokenizer)
    return [message | {"content": pattern.sub(lambda found: f"{OPEN}{texts.index(found[0])}{CLOSE}", message["content"])}
            if message["content"] and pattern.search(message["content"]) else message for message in messages]


@lru_cache(maxsize=4)
def any_control(tokenizer) -> re.Pattern:
    return re.compile("|".join(map(re.escape, [*control_texts(tokenizer)[0][2:], *FOREIGN_CONTROLS])))


def controls_in(tokenizer, messages: list[dict]) -> frozenset[str]:
    """The control tokens that the messages spell out, of this model and of others."""
    return frozenset(text for message in messages if message["content"] for text in any_control(tokenizer).findall(message["content"]))


def put_back(tokenizer, text: str) -> str:
    """A rendered text as it reads."""
    return ASIDE.sub(lambda mark: control_texts(tokenizer)[0][int(mark[1])], text)


def segments(tokenizer, messages: list[dict]) -> list[tuple[str, bool]]:
    """The rendered conversation in pieces: (text, whether it is learned, which is what
    the assistant wrote, but for messages of weight 0). Control tokens that messages
    spell out are set aside in them: encode() reads such text, put_back() shows it.

    A reply is what follows the generation prompt, up to and including the token
    that ends the turn: exactly what the model must write when it is served.
    """
    from jinja2.exceptions import TemplateError as TemplateRaised

    messages = set_aside(tokenizer, messages)

    def render(until: int, prompt: bool) -> str:
        try:
            return tokenizer.apply_chat_template(messages[:until], tokenize=False, add_generation_prompt=prompt)
        except TemplateRaised as error:
            raise Refused(str(error)) from error

    whole = render(len(messages), False)
    pieces: list[tuple[str, bool]] = []
    position = 0
    for index, message in enumerate(messages):
        if message["role"] != "assistant":
            continue
        before = render(index, True) if index else ""
        after = render(index + 1, False)
        if not (whole.startswith(before) and whole.startswith(after) and before):
            if index == 0:
                continue  # an opening line of the assistant's is context, not an answer
            raise TemplateError("the model's chat template rewrites earlier turns, so replies cannot be told apart")
        end = after.rfind(tokenizer.eos_token, len(before))
        end = len(after) if end < 0 else end + len(tokenizer.eos_token)
        pieces += [(whole[position : len(before)], False), (whole[len(before) : end], message.get("weight") != 0)]
        position = end
    return pieces + [(whole[position:], False)]


def check_tokenizer(tokenizer) -> None:
    """Pieces are tokenized apart, as in serving, where the reply starts afresh
    after the prompt; that needs a tokenizer that adds nothing between pieces."""
    if not tokenizer.chat_template:
        raise TemplateError("the base model has no chat template; an instruct model is needed")
    if tokenizer.decode(encode(tokenizer, "x") + encode(tokenizer, "y")) != "xy":
        raise TemplateError("the base model's tokenizer marks the start of every text; a byte-level one is needed")


def encode(tokenizer, text: str) -> list[int]:
    """Token ids of a rendered text; what was set aside becomes the tokens of its letters.

    Raises Refused where a tokenizer cannot read a control token's text as text.
    """
    if OPEN not in text:
        return tokenizer.encode(text, add_special_tokens=False)
    ids: list[int] = []
    for index, part in enumerate(ASIDE.split(text)):  # text, number, text, number, …
        if index % 2:
            said = control_texts(tokenizer)[0][int(part)]
            letters = tokenizer.encode(said, add_special_tokens=False, split_special_tokens=True)
            if said in tokenizer.all_special_tokens and tokenizer.convert_tokens_to_ids(said) in letters:
                raise Refused(f"its tokenizer takes the text {said} for the control token")
            ids += letters
        elif part:
            ids += tokenizer.encode(part, add_special_tokens=False)
    return ids


def tokens(tokenizer, messages: list[dict]) -> tuple[list[int], list[range]]:
    """A whole conversation up to the end of its last reply, and where its replies are.

    Raises Refused.
    """
    ids: list[int] = []
    reply_ranges: list[range] = []
    for text, is_reply in segments(tokenizer, messages):
        piece = encode(tokenizer, text)
        if is_reply:
            reply_ranges.append(range(len(ids), len(ids) + len(piece)))
        ids += piece
    del ids[reply_ranges[-1].stop :]  # what follows the last reply teaches nothing
    return ids, reply_ranges


def needed_tokens(reply_ranges: list[range]) -> int:
    """The least max_tokens that keeps the last reply whole, and one token before it."""
    return len(reply_ranges[-1]) + 1


def tokenize(tokenizer, messages: list[dict], max_tokens: int) -> tuple[Example | None, str]:
    """One example, and "" or "cut"; or None, and the reason it was dropped."""
    if reason := exclusion(messages):
        return None, reason
    try:
        ids, reply_ranges = tokens(tokenizer, messages)
    except Refused:
        return None, "template_refused"
    # Too long: cut from the left, where the prompt is. A reply that would lose its
    # beginning is no longer learned, and the last one is never touched.
    cut = max(0, len(ids) - max_tokens)
    if max_tokens < needed_tokens(reply_ranges):
        return None, "reply_too_long"
    kept = [span for span in reply_ranges if span.start > cut]
    positions = [position - cut for span in kept for position in span]
    return Example(ids[cut:], positions, len(reply_ranges) - len(kept), controls_in(tokenizer, messages)), "cut" if cut else ""


def load(tokenizer, path: Path, max_tokens: int) -> Dataset:
    check_tokenizer(tokenizer)
    dataset = Dataset()
    for messages in read(path):
        dataset.read += 1
        example, note = tokenize(tokenizer, messages, max_tokens)
        if example is None:
            drop(dataset, tokenizer, messages, note)
            continue
        dataset.cut += note == "cut"
        dataset.lost += example.lost
        dataset.spelled += bool(example.controls)
        dataset.controls |= example.controls
        dataset.examples.append(example)
    dataset.needed.sort()
    return dataset


def drop(dataset: Dataset, tokenizer, messages: list[dict], reason: str) -> None:
    dataset.dropped[reason] = dataset.dropped.get(reason, 0) + 1
    if reason == "reply_too_long":
        dataset.needed.append(needed_tokens(tokens(tokenizer, messages)[1]))
    if reason == "template_refused" and not dataset.refusal:
        try:
            tokens(tokenizer, messages)
        except Refused as error:
            dataset.refusal = str(error)
