"""JSON and JSON Lines as `field: value` lines, one record a paragraph."""

import json
from typing import Any, Iterator

from .document import INVISIBLE, Output, Parsed, ParseError, Source, clean, too_much_text
from .encoding import decoded, detect, read_text

DEEPEST = 200  # levels; the fields of anything deeper have no readable name
WHITE = " \t\r\n"


class Number(str):
    """A number as it is written: no machine's numbers hold `1e400`, `1.10` or an id of 30 digits."""


class Values(json.JSONDecoder):
    """Of a name that stands twice in an object the last value counts, as everywhere; the others are counted. Numbers stay
    as they are written, `NaN` and `Infinity` too, which are no JSON but are in use."""

    def __init__(self) -> None:
        super().__init__(object_pairs_hook=self.collect, parse_float=Number, parse_int=Number, parse_constant=Number)
        self.repeated = 0
        self.first = ""

    def collect(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        value = dict(pairs)
        if len(value) < len(pairs):
            seen: set[str] = set()
            self.first = self.first or next(name for name, _ in pairs if name in seen or seen.add(name))
            self.repeated += len(pairs) - len(value)
        return value

    def warn(self, out: Output) -> None:
        if self.repeated:
            out.warn("duplicate_names", f"{self.repeated} values were left out: their name stands again in the same object, the first is {clean(self.first)[:80]!r}")


def read(source: Source, out: Output) -> Parsed:
    text = read_text(source, out)
    values = Values()
    try:
        for value in top(text, values):
            write(value, out)
    except RecursionError:
        raise too_deep("the JSON") from None
    except json.JSONDecodeError as error:
        raise ParseError("json_invalid", f"line {error.lineno}, column {error.colno}: {error.msg}",
                         "Correct it there; to upload it as it is, give it a name that ends in .txt.") from error
    values.warn(out)
    return Parsed("json", "plain")


def read_lines(source: Source, out: Output) -> Parsed:
    encoding = detect(source, out)
    values = Values()
    for number, line in enumerate(lines(decoded(source.path, encoding), out.limit), 1):
        if not line.strip():
            continue
        try:
            write_record(values.decode(line), out)
        except RecursionError:
            raise too_deep(f"line {number}") from None
        except json.JSONDecodeError as error:
            raise ParseError("jsonl_invalid", f"line {number}, column {error.colno}: {error.msg}; each line must be one JSON value",
                             "Correct that line, or name the file .json if it is one value.") from error
    values.warn(out)
    return Parsed("jsonl", "plain")


def lines(text: Iterator[str], limit: int) -> Iterator[str]:
    rest = ""
    for block in text:
        rest += block
        if len(rest) > limit:
            raise too_much_text(limit)
        *whole, rest = rest.split("\n")
        yield from whole
    yield rest


def too_deep(what: str) -> ParseError:
    return ParseError("too_deep", f"{what} is nested more than {DEEPEST} levels deep",
                      "Flatten it, or upload the part that holds the text.")


def top(text: str, decoder: json.JSONDecoder) -> Iterator[Any]:
    """The records: the elements of a top-level list one by one, else the one value."""
    at = skip(text, 0)
    if text[at : at + 1] != "[":
        value, end = decoder.raw_decode(text, at)
        expect_end(text, end)
        yield value
        return
    at = skip(text, at + 1)
    if text[at : at + 1] == "]":
        expect_end(text, at + 1)
        return
    while True:
        value, at = decoder.raw_decode(text, at)
        yield value
        at = skip(text, at)
        if text[at : at + 1] == "]":
            break
        if text[at : at + 1] != ",":
            raise json.JSONDecodeError("Expecting ',' delimiter", text, at)
        at = skip(text, at + 1)
    expect_end(text, at + 1)


def skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in WHITE:
        at += 1
    return at


def expect_end(text: str, at: int) -> None:
    if (at := skip(text, at)) < len(text):
        raise json.JSONDecodeError("Extra data", text, at)


def write(value: Any, out: Output) -> None:
    """A record; the elements of lists directly in it, where they are records themselves, stand on their own."""
    if not isinstance(value, dict):
        write_record(value, out)
        return
    plain: dict[str, Any] = {}
    for key, inner in value.items():
        if isinstance(inner, list) and any(isinstance(element, (dict, list)) for element in inner):
            write_record(plain, out)
            plain = {}
            for index, element in enumerate(inner):
                write_record(element, out, f"{show(key)}[{index}]")
        else:
            plain[key] = inner
    write_record(plain, out)


def write_record(value: Any, out: Output, path: str = "") -> None:
    """One paragraph: the record's fields by their path, `address.city: Bonn`."""
    found = list(fields(value, path, 0))
    if found and out.bytes:
        out.write("\n")
    for name, text in found:
        out.write(f"{name}: {text}\n" if name else f"{text}\n")


def fields(value: Any, path: str, depth: int) -> Iterator[tuple[str, str]]:
    """Every leaf that says something with its path; a list of plain values is one leaf."""
    if depth > DEEPEST:
        raise too_deep(f"the value at {path[:80]}…")
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from fields(inner, f"{path}.{show(key)}" if path else show(key), depth + 1)
    elif isinstance(value, list):
        if not any(isinstance(inner, (dict, list)) for inner in value):
            yield from [(path, ", ".join(show(inner) for inner in value))] if value else []
        else:
            for index, inner in enumerate(value):
                yield from fields(inner, f"{path}[{index}]", depth + 1)
    elif value is not None and value != "":
        yield path, show(value)


def show(value: Any) -> str:
    if isinstance(value, Number):
        return value
    if isinstance(value, str):
        return INVISIBLE.sub("", value).strip()
    return json.dumps(value)
