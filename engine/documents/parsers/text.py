"""Plain text, Markdown and source code: passed through byte for byte where they are UTF-8."""

import re
from typing import Iterator

from .document import Output, Parsed, Source, metadata, title_of, too_much_text
from .encoding import BLOCK, decoded, detect

FRONT_MATTER = re.compile(r"\A---\r?\n(.*?)\r?\n---\r?\n", re.DOTALL)
FIELD = re.compile(r"^(title|author|date|lang|description)\s*:\s*(.+?)\s*$", re.MULTILINE | re.IGNORECASE)
HEADING = re.compile(r"^ {0,3}# +(.+?)(?: +#+)? *$|^(?! {0,3}[#>\-*`|]|\s*$)(.+)\r?\n=+ *\r?$", re.MULTILINE)
FENCED = re.compile(r"^ {0,3}(```|~~~).*?^ {0,3}\1", re.MULTILINE | re.DOTALL)


def read_plain(source: Source, out: Output) -> Parsed:
    copy(source, out)
    return Parsed("text", "plain")


def read_code(source: Source, out: Output, language: str) -> Parsed:
    copy(source, out)
    return Parsed("source", "code", language)


def read_markdown(source: Source, out: Output) -> Parsed:
    start = copy(source, out)
    matter = FRONT_MATTER.match(start)
    fields = {key.lower(): value.strip("\"'") for key, value in FIELD.findall(matter.group(1))} if matter else {}
    body = FENCED.sub("", start[matter.end() if matter else 0 :])
    heading = HEADING.search(body)
    title = title_of(fields.pop("title", None), heading and (heading.group(1) or heading.group(2)))
    return Parsed("markdown", title=title, metadata=metadata(**fields))


def copy(source: Source, out: Output) -> str:
    """Write the text through; its first block as it was written."""
    if source.size > 4 * out.limit:  # no encoding shrinks by more
        raise too_much_text(out.limit)
    encoding = detect(source, out)
    start = ""
    if encoding.is_exact:
        if source.size > out.limit:
            raise too_much_text(out.limit)
        for block in blocks(source):
            start = start or block.decode("utf-8", "ignore")
            out.write_bytes(block)
    else:
        for text in decoded(source.path, encoding):
            start = start or text
            out.write(text)
    return start


def blocks(source: Source) -> Iterator[bytes]:
    with source.path.open("rb") as file:
        while block := file.read(BLOCK):
            yield block
