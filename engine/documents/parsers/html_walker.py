"""A walk through an HTML tree, without recursion: a document may be nested as deep as it likes."""

import re
from collections import Counter
from dataclasses import dataclass, field

from selectolax.lexbor import LexborNode

from .blocks import Blocks, Grid, says

# Not shown, or not part of what the page says.
DROPPED = {"script", "style", "template", "noscript", "head", "svg", "canvas", "iframe", "object", "embed", "audio", "video",
           "map", "img", "picture", "button", "select", "textarea", "input", "datalist", "nav", "rt", "rtc", "rp", "frameset",
           "-comment", "!doctype", "-doctype"}
# What is left out of a page that says something, by its element.
LEFT_OUT = {"script": "scripts", "template": "templates", "noscript": "text for browsers without scripts", "-comment": "comments",
            "nav": "parts of the page's frame", **dict.fromkeys(["rt", "rtc"], "readings of characters (ruby)"), "svg": "pictures",
            "canvas": "pictures", "img": "pictures", "picture": "pictures", "map": "pictures", "iframe": "embedded pages", "object": "embedded pages",
            "embed": "embedded pages", "audio": "embedded media", "video": "embedded media", "frameset": "embedded pages",
            "button": "form fields", "select": "form fields", "textarea": "form fields", "input": "form fields", "datalist": "form fields"}
FRAME, HIDDEN, ADDRESSES = "parts of the page's frame", "hidden elements", "addresses of links"
BLOCK = {"address", "article", "aside", "body", "center", "dd", "details", "dialog", "div", "dl", "dt", "fieldset", "figcaption",
         "figure", "footer", "form", "header", "hgroup", "hr", "html", "legend", "main", "p", "search", "section", "summary",
         "caption", "tbody", "thead", "tfoot", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "ul", "ol", "menu", "li",
         "table", "tr", "td", "th", "pre"}
SIDE_ROLES = {"navigation", "banner", "contentinfo", "search", "complementary", "menu", "menubar", "dialog", "alertdialog"}
HIDING = re.compile(r"(?:^|[;\s])(?:display\s*:\s*none|visibility\s*:\s*hidden)", re.IGNORECASE)
LANGUAGE = re.compile(r"(?:^|\s)(?:language-|lang-|highlight-source-|brush:\s*)([A-Za-z0-9+#_-]+)")
BULLET = re.compile(r"^[-–•·»]\s+")
SPACES = re.compile(r"[ \t\r\n\f]+")
LONGEST_URL = 200
MOST_COLUMNS, MOST_ROWS = 1000, 65_534  # that a cell can span: https://html.spec.whatwg.org/multipage/tables.html
DEEPEST_PREFIX = 8  # levels of lists and quotes that are shown; deeper ones stay at that level


@dataclass
class Table:
    """A table being read; its cells collect the text that would else be blocks."""

    grid: Grid = field(default_factory=Grid)
    cell: list[str] | None = None
    columns: int = 1  # that the cell spans
    rows: int = 1


class Walker:
    """Turns one tree into blocks."""

    def __init__(self, blocks: Blocks, root: LexborNode, hidden: set[int], whole: bool, left_out: Counter[str]):
        self.blocks, self.root, self.hidden = blocks, root, hidden
        self.left_out = left_out  # what, and how many
        self.outer = outer_tables(root)
        self.whole = whole  # whether the root is all of the page, with its header and footer
        self.inline: list[str] = []
        self.lists: list[list] = []  # [tag, next number]
        self.markers: list[str] = []  # of list items whose first text is still to come
        self.tables: list[Table] = []
        self.plain_tables: list[LexborNode] = []  # tables that only lay the page out
        self.nested = 0  # quotes and list items around here
        self.pre = 0
        self.articles = 0
        self.marks: list[int] = []  # where in `inline` an open link or code began

    def walk(self) -> None:
        node: LexborNode | None = self.root
        while node is not None:
            child = node.child if self.enter(node) else None
            if child is not None:
                node = child
                continue
            while node is not None and node.mem_id != self.root.mem_id and node.next is None:
                self.leave(node)
                node = node.parent
            if node is None or node.mem_id == self.root.mem_id:
                break
            self.leave(node)
            node = node.next
        self.leave(self.root)
        self.flush()

    def is_hidden(self, node: LexborNode, tag: str) -> bool:
        """Whether it is left out; counted where it says something."""
        what = self.why_hidden(node, tag)
        if what:
            self.left_out[what] += 1
        return what is not None

    def why_hidden(self, node: LexborNode, tag: str) -> str | None:
        """What the element is, if it is left out; empty where nothing is lost with it."""
        attributes = node.attributes or {}
        if tag in DROPPED:
            what = LEFT_OUT.get(tag, "")
            if tag == "input":
                return what if attributes.get("value") and attributes.get("type") != "hidden" else ""
            if tag == "-comment":
                return what if (node.comment_content or "").strip() else ""
            if tag == "template":  # its content is no part of the tree
                return what if len(node.html or "") > len("<template></template>") else ""
            if tag in ("script", "noscript", "nav", "rt", "rtc"):
                return what if node.text() else ""
            return what
        if "hidden" in attributes and attributes["hidden"] != "until-found" or HIDING.search(attributes.get("style") or ""):
            return HIDDEN if node.text() else ""
        if attributes.get("role") in SIDE_ROLES or (tag == "dialog" and "open" not in attributes):
            return FRAME if node.text() else ""
        if node.mem_id in self.hidden:
            return HIDDEN if node.text() else ""
        if self.whole and not self.articles and tag in ("footer", "aside"):
            return FRAME if node.text() else ""
        return None

    def enter(self, node: LexborNode) -> bool:
        """Whether to go into it; what is not entered is left by `leave` all the same."""
        tag = node.tag
        if tag == "-text":
            text = node.text_content or ""
            self.inline.append(text if self.pre else SPACES.sub(" ", text))
            return False
        self.skipped = self.is_hidden(node, tag)
        if self.skipped:
            return False
        if tag in BLOCK and not (self.pre and tag in ("div", "p")):
            self.flush()
        match tag:
            case "br":
                self.inline.append("\n")
            case "pre":
                self.pre += 1
            case "a" | "code" | "kbd" | "samp" | "tt" | "sup":
                self.marks.append(len(self.inline))
            case "article" | "main":
                self.articles += 1
            case "blockquote":
                self.nest("> ")
            case "ul" | "ol" | "menu":
                start = node.attributes.get("start") or "1"
                self.lists.append([tag, int(start) if re.fullmatch(r"-?\d{1,8}", start) else 1])
            case "li":
                self.start_item()
            case "table":
                self.start_table(node)
            case "tr" if self.tables:
                self.tables[-1].grid.start_row()
            case "thead" | "tbody" | "tfoot" if self.tables:
                self.tables[-1].grid.end_group()
            case "td" | "th" if self.tables:
                table = self.tables[-1]
                table.cell = []
                table.columns = min(max(span(node, "colspan"), 1), MOST_COLUMNS)
                table.rows = min(span(node, "rowspan") or MOST_ROWS, MOST_ROWS)  # 0: to the end of the group
        return True

    def leave(self, node: LexborNode) -> None:
        tag = node.tag
        if tag == "-text":
            return
        if self.skipped:  # the one just refused: nothing was opened
            self.skipped = False
            return
        match tag:
            case "h1" | "h2" | "h3" | "h4" | "h5" | "h6":
                self.flush(heading=int(tag[1]))
            case "pre":
                self.leave_pre(node)
            case "a":
                self.leave_link(node, self.marks.pop())
            case "code" | "kbd" | "samp" | "tt":
                start = self.marks.pop()
                text = "".join(self.inline[start:])
                if not self.pre and text.strip() and "`" not in text:
                    self.inline[start:] = [f"`{text.strip()}`"]
            case "sup":
                start = self.marks.pop()
                text = "".join(self.inline[start:]).strip()
                before = self.inline[start - 1][-1:] if start else ""
                if re.fullmatch(r"[-+−]?[0-9n]{1,3}", text) and before.isalnum():
                    self.inline[start:] = ["^" + text]  # 10² is not 102
            case "article" | "main":
                self.flush()
                self.articles -= 1
            case "blockquote":
                self.flush()
                self.unnest()
            case "ul" | "ol" | "menu":
                self.flush()
                self.lists.pop()
                if not self.lists:
                    self.blocks.end_list()
            case "li":
                self.flush()
                self.end_item()
            case "table":
                self.flush()
                self.end_table(node)
            case "td" | "th" if self.tables and self.tables[-1].cell is not None:
                self.flush()
                table = self.tables[-1]
                table.grid.put(" ".join(table.cell or []), table.columns, table.rows)
                table.cell = None
            case "dt" | "dd" if not self.in_cell:
                self.flush(definition=tag == "dd")
            case _ if tag in BLOCK and not (self.pre and tag in ("div", "p")):
                self.flush()
            case "div" | "p":  # lines of code, one element each
                if self.inline and not self.inline[-1].endswith("\n"):
                    self.inline.append("\n")

    skipped = False

    @property
    def in_cell(self) -> bool:
        return bool(self.tables) and self.tables[-1].cell is not None

    # --- what ends a run of text

    def flush(self, heading: int = 0, definition: bool = False) -> None:
        """Write the text gathered since the last block as a block of its own."""
        if self.pre or not self.inline:
            return
        text = "".join(self.inline).strip(" \n")
        self.inline.clear()
        self.marks = [0] * len(self.marks)  # an open link goes on in the next block
        if not text:
            return
        if self.tables:
            if self.tables[-1].cell is not None:
                self.tables[-1].cell.append(text)
                return
            # Text between a table's rows: browsers move it out, so it is rare.
        if heading:
            self.take_marker()
            self.blocks.heading(heading, text)
        elif self.markers and self.markers[-1]:
            # The item's own line stands where its list does, what follows in it is indented.
            indent = self.blocks.prefixes.pop() if self.nested <= DEEPEST_PREFIX else None
            self.blocks.item(0, self.markers[-1], BULLET.sub("", text))
            self.blocks.prefixes.extend([indent] if indent else [])
            self.markers[-1] = ""
        elif definition:
            self.blocks.item(0, "-", text)
        else:
            self.blocks.paragraph(text)

    def take_marker(self) -> None:
        if self.markers:
            self.markers[-1] = ""

    def start_item(self) -> None:
        if self.in_cell:
            return
        if self.lists and self.lists[-1][0] == "ol":
            marker = f"{self.lists[-1][1]}."
            self.lists[-1][1] += 1
        else:
            marker = "-"
        # An item without text of its own before the next list: its marker is not written.
        self.take_marker()
        self.markers.append(marker)
        self.nest("    ")

    def end_item(self) -> None:
        if self.in_cell or not self.markers:
            return
        self.markers.pop()
        self.unnest()

    def nest(self, prefix: str) -> None:
        self.nested += 1
        if self.nested <= DEEPEST_PREFIX:
            self.blocks.prefixes.append(prefix)

    def unnest(self) -> None:
        if self.nested <= DEEPEST_PREFIX:
            self.blocks.prefixes.pop()
        self.nested -= 1

    def start_table(self, node: LexborNode) -> None:
        layout = (node.attributes.get("role") in ("presentation", "none") or node.mem_id in self.outer
                  or node.css_first("pre") is not None
                  or node.css_first("td + td, td + th, th + td, th + th") is None)
        if layout and not self.in_cell:
            self.plain_tables.append(node)
        else:
            self.tables.append(Table())

    def end_table(self, node: LexborNode) -> None:
        if self.plain_tables and self.plain_tables[-1].mem_id == node.mem_id:
            self.plain_tables.pop()
            return
        if not self.tables:
            return
        rows = self.tables.pop().grid.rows
        if self.in_cell:  # a table in a cell of another
            self.tables[-1].cell.append("; ".join(", ".join(filter(None, row)) for row in rows))
        else:
            self.take_marker()
            self.blocks.table(rows)

    def leave_pre(self, node: LexborNode) -> None:
        self.pre -= 1
        text = "".join(self.inline)
        if self.pre:
            return
        self.inline.clear()
        if self.in_cell:
            self.tables[-1].cell.append(" ".join(text.split()))
            return
        names = [node.attributes.get("class") or ""]
        if (code := node.css_first("code")) is not None:
            names.append(code.attributes.get("class") or "")
        language = next((match.group(1) for name in names if (match := LANGUAGE.search(name))), "")
        self.take_marker()
        self.blocks.code(text, language)

    def leave_link(self, node: LexborNode, start: int) -> None:
        address = (node.attributes.get("href") or "").strip()
        text = "".join(self.inline[start:])
        label = text.strip()
        if label in ("¶", "#", "§", "🔗"):  # a heading's link to itself
            self.inline[start:] = []
            return
        shown = label.removeprefix("https://").removeprefix("http://")
        if (self.pre or not label or "\n" in label or len(address) > LONGEST_URL or re.search(r"[\s()<>]", address)
                or not address.startswith(("http://", "https://")) or shown in address):
            # Within the page and the site, addresses say nothing; what is shown is not lost.
            self.left_out[ADDRESSES] += ":" in address and not says(label, address)
            return
        space = " " if text[:1].isspace() else ""
        after = " " if text[-1:].isspace() else ""
        self.inline[start:] = [f"{space}[{label}]({address}){after}"]


def span(node: LexborNode, name: str) -> int:
    """How many columns or rows a cell says that it spans; 1 where that is no number."""
    value = (node.attributes.get(name) or "").strip()
    return int(value) if value.isdecimal() and len(value) < 10 else 1


def outer_tables(root: LexborNode) -> set[int]:
    """Tables that hold other tables: these only lay the page out."""
    found: set[int] = set()
    for table in root.css("table"):
        above = table.parent
        while above is not None and above.tag != "table":
            above = above.parent
        if above is not None:
            found.add(above.mem_id)
    return found
