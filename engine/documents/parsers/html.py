"""HTML as a reader of the page sees it: headings, paragraphs, lists, tables, code and quotes.

Parsed by lexbor, as browsers do, so there is no broken HTML.
"""

import codecs
import re
from collections import Counter

from selectolax.lexbor import LexborHTMLParser, LexborNode

from .blocks import Blocks
from .document import Output, Parsed, ParseError, Source, metadata, title_of
from .encoding import Encoding, converted, decoded, read_text, survey
from .html_walker import FRAME, HIDING, Walker

RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")
CHARSET = re.compile(rb"<meta[^>]{0,200}charset\s*=\s*[\"']?\s*([A-Za-z0-9_:.-]+)", re.IGNORECASE)
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"}
EMPTY_ELEMENT = re.compile(r"<([A-Za-z][\w:-]*)((?:\s[^<>]*)?)/>")
# Elements whose end must be written, so that their tags tell the depth. The parser takes time
# with the square of it: 100,000 levels are 40 s.
NESTING = re.compile(r"<(/?)(?:div|span|section|article|blockquote|table|tbody|ul|ol|dl|main|center|fieldset|form|details|figure)"
                     r"\b", re.IGNORECASE)
DEEPEST = 10_000


def hidden_by_style(tree: LexborHTMLParser) -> set[int]:
    """Elements that the page's own style sheets hide, outside of @media and the like."""
    found: set[int] = set()
    for style in tree.css("style"):
        sheet = re.sub(r"/\*.*?\*/", "", style.text() or "", flags=re.DOTALL)
        sheet = re.sub(r"@[^{};]*\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}|@[^{};]*;", "", sheet)
        for selector, declarations in RULE.findall(sheet):
            if HIDING.search(declarations) and ":" not in selector:
                try:
                    found.update(node.mem_id for node in tree.css(selector.strip()))
                except Exception:  # a selector this parser does not know hides nothing
                    continue
    return found


def length(node: LexborNode | None) -> int:
    return len((node.text() or "").strip()) if node is not None else 0


def main_part(tree: LexborHTMLParser) -> tuple[LexborNode | None, bool]:
    """The element that holds what the page is about, and whether that is the whole page."""
    body = tree.body or tree.root
    total = length(body)
    for candidate in (tree.css_first("main"), tree.css_first("[role=main]"), tree.css_first("article")):
        share = length(candidate)
        if candidate is not None and share >= (0.5 if candidate.tag == "article" else 0.25) * total and share:
            return candidate, False
    return body, True


def meta(tree: LexborHTMLParser, *names: str) -> str | None:
    for node in tree.css("meta"):
        attributes = node.attributes
        if (attributes.get("name") or attributes.get("property") or "").lower() in names and attributes.get("content"):
            return attributes["content"]
    return None


def convert(text: str, blocks: Blocks, left_out: Counter[str], whole: bool = False) -> LexborHTMLParser:
    """Write a page's blocks. `whole` takes the body as it is, as in a book's chapter. Counts what is left out."""
    check_depth(text)
    tree = LexborHTMLParser(text)
    root, is_page = (tree.body or tree.root, False) if whole else main_part(tree)
    if root is not None:
        Walker(blocks, root, hidden_by_style(tree), is_page, left_out).walk()
        if not whole and not is_page:
            left_out[FRAME] += length(tree.body) > length(root)
    return tree


def as_html(page: str) -> str:
    """XHTML as HTML: `<script/>` is closed in the one, and swallows the rest of the page in the other."""
    def close(tag: re.Match[str]) -> str:
        return tag.group() if tag.group(1).lower() in VOID else f"<{tag.group(1)}{tag.group(2)}></{tag.group(1)}>"
    return EMPTY_ELEMENT.sub(close, page)


def check_depth(text: str) -> None:
    depth = 0
    for tag in NESTING.finditer(text):
        depth += -1 if tag.group(1) else 1
        if depth > DEEPEST:
            raise ParseError("too_deep", f"elements are nested more than {DEEPEST} deep",
                             "This is no page that a person wrote; open it in a browser and save what you see as text.")


def page_title(tree: LexborHTMLParser, blocks: Blocks) -> str | None:
    """<title>, or the first heading where the title only adds the site's name to it."""
    node = tree.css_first("head > title") or tree.css_first("title")
    title = node.text() if node is not None else None
    heading = blocks.first_heading
    if title and heading and heading in title:
        return title_of(heading)
    return title_of(title, meta(tree, "og:title"), heading)


def declared(source: Source) -> str | None:
    """The encoding that the page itself names, where it is one that we know."""
    found = CHARSET.search(source.head)
    try:
        return codecs.lookup(found.group(1).decode()).name if found else None
    except LookupError:
        return None


def read(source: Source, out: Output) -> Parsed:
    blocks = Blocks(out)
    page = read_page(source, out)
    left_out: Counter[str] = Counter()
    tree = convert(as_html(page) if page.lstrip().startswith("<?xml") else page, blocks, left_out)
    blocks.end()
    warn(left_out, out)
    html = tree.css_first("html")
    return Parsed("html", title=page_title(tree, blocks), metadata=metadata(
        author=meta(tree, "author", "article:author", "dc.creator"),
        date=meta(tree, "article:published_time", "date", "dc.date", "dcterms.date"),
        description=meta(tree, "description", "og:description"),
        language=html.attributes.get("lang") if html is not None else None))


def read_page(source: Source, out: Output) -> str:
    name = declared(source)
    if name and name not in ("utf-8", "utf-16", "ascii") and not name.startswith("utf"):
        # Browsers read Latin-1 as Windows-1252; a page may also be UTF-8 and say otherwise.
        name = "cp1252" if name in ("iso8859-1", "ascii") else name
        found = survey(source.path)
        if found.bad and found.first_nul is None:
            return "".join(decoded(source.path, converted(source, Encoding(name), out)))
    return read_text(source, out)


def warn(left_out: Counter[str], out: Output) -> None:
    if found := [f"{what} ({count})" for what, count in sorted(left_out.items()) if count]:
        out.warn("left_out", f"left out: {', '.join(found)}")
