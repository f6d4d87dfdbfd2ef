"""What a DOCX document's paragraphs refer to: styles, list numbering, link targets."""

import re
from dataclasses import dataclass, field

from .container import Container, Handler

HEADING = re.compile(r"^heading (\d)$", re.IGNORECASE)


def on(value: str) -> bool:
    """An on/off property's value; the bare element is on."""
    return value not in ("0", "false", "off")


@dataclass
class Style:
    name: str = ""
    based_on: str = ""
    outline: int | None = None
    place: tuple[str, int] | None = None
    hidden: bool = False


class Styles(Handler):
    """Styles by id, with what they inherit."""

    def __init__(self) -> None:
        self.styles: dict[str, Style] = {}
        self.current: Style | None = None
        self.resolved: dict[str, Style] = {}

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        value = attributes.get("w:val", "")
        if tag == "w:style":
            self.current = self.styles[attributes.get("w:styleId", "")] = Style()
            return
        style = self.current
        if style is None:
            return
        match tag:
            case "w:name":
                style.name = value
                if heading := HEADING.match(value):
                    style.outline = int(heading.group(1)) - 1
            case "w:basedOn":
                style.based_on = value
            case "w:outlineLvl" if value.isdecimal():
                style.outline = int(value)
            case "w:numId":
                style.place = (value, style.place[1] if style.place else 0)
            case "w:ilvl" if value.isdecimal():
                style.place = (style.place[0] if style.place else "", min(int(value), 8))
            case "w:vanish":
                style.hidden = on(value)

    def end(self, tag: str) -> None:
        if tag == "w:style":
            self.current = None

    def get(self, identifier: str) -> Style:
        if identifier in self.resolved:
            return self.resolved[identifier]
        result = Style()
        seen: set[str] = set()
        current = identifier
        while current in self.styles and current not in seen:  # styles can be based on each other
            seen.add(current)
            style = self.styles[current]
            result.name = result.name or style.name
            result.outline = style.outline if result.outline is None else result.outline
            result.place = result.place or style.place
            result.hidden = result.hidden or style.hidden
            current = style.based_on
        self.resolved[identifier] = result
        return result


@dataclass
class Level:
    format: str = "decimal"
    text: str = "%1."
    start: int = 1


@dataclass
class Numbering(Handler):
    """List markers as Word would show them: counters for each list, in each level's format."""

    abstract: dict[str, dict[int, Level]] = field(default_factory=dict)
    lists: dict[str, str] = field(default_factory=dict)  # numbering id → abstract id
    counters: dict[str, dict[int, int]] = field(default_factory=dict)
    levels: dict[int, Level] | None = None
    level: Level = field(default_factory=Level)
    number: str = ""

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        value = attributes.get("w:val", "")
        match tag:
            case "w:abstractNum":
                self.levels = self.abstract[attributes.get("w:abstractNumId", "")] = {}
            case "w:lvl" if self.levels is not None and attributes.get("w:ilvl", "").isdecimal():
                self.level = self.levels[int(attributes["w:ilvl"])] = Level()
            case "w:numFmt":
                self.level.format = value
            case "w:lvlText":
                self.level.text = value
            case "w:start" if value.isdecimal():
                self.level.start = int(value)
            case "w:num":
                self.levels = None
                self.level = Level()  # overrides of a single list are not followed
                self.number = attributes.get("w:numId", "")
            case "w:abstractNumId":
                self.lists[self.number] = value

    def marker(self, number: str, depth: int) -> str:
        """The next item's marker: `-` for bullets, else its number; empty where it has none."""
        abstract = self.lists.get(number, "")
        levels = self.abstract.get(abstract, {})
        level = levels.get(depth, Level("bullet"))
        counters = self.counters.setdefault(abstract, {})
        counters[depth] = counters.get(depth, level.start - 1) + 1
        for deeper in [other for other in counters if other > depth]:
            del counters[deeper]
        if level.format == "bullet":
            return "-"
        if level.format == "none":
            return ""

        def shown(match: re.Match[str]) -> str:
            at = int(match.group(1)) - 1
            other = levels.get(at, Level())
            return spell(counters.get(at, other.start), other.format)

        return re.sub(r"%(\d)", shown, level.text)


def spell(number: int, form: str) -> str:
    if form in ("lowerLetter", "upperLetter") and number > 0:
        letters = chr(ord("a") + (number - 1) % 26) * min((number - 1) // 26 + 1, 10)
        return letters if form == "lowerLetter" else letters.upper()
    if form in ("lowerRoman", "upperRoman") and 0 < number < 4000:
        result = ""
        for value, sign in ((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"),
                            (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i")):
            result += sign * (number // value)
            number %= value
        return result if form == "lowerRoman" else result.upper()
    return str(number)


class Relations(Handler):
    """Targets of a part's relationships, by id."""

    def __init__(self) -> None:
        self.found: dict[str, tuple[str, str]] = {}

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == "rel:Relationship":
            self.found[attributes.get("Id", "")] = (attributes.get("Target", ""), attributes.get("Type", ""))

    @classmethod
    def all(cls, container: Container, part: str) -> list[tuple[str, str]]:
        reader = cls()
        if part in container:
            container.parse(part, reader)
        return list(reader.found.values())

    @classmethod
    def read(cls, container: Container, part: str) -> dict[str, str]:
        reader = cls()
        if part in container:
            container.parse(part, reader)
        return {key: target for key, (target, _) in reader.found.items()}
