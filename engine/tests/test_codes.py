"""What the scripts say when they fail, held against the list the server knows: `LocalModelError.Code`."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ENGINE = ROOT / "engine"
#: Remarks beside a result, which are no failures, and do not look like remarks.
REMARKS = {"nothing_held_out"}
LIST = ROOT / "Sources" / "LocalModels" / "LocalModelError.swift"


def scripts() -> dict[str, ast.Module]:
    files = [path for path in sorted(ENGINE.rglob("*.py")) if "tests" not in path.parts]
    return {str(path.relative_to(ENGINE)): ast.parse(path.read_text()) for path in files}


def failures(trees: dict[str, ast.Module]) -> set[str]:
    """Names of the exceptions that are made with a code."""
    found = set()
    for tree in trees.values():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                for method in node.body:
                    if isinstance(method, ast.FunctionDef) and method.name == "__init__" and [a.arg for a in method.args.args][1:2] == ["code"]:
                        found.add(node.name)
    return found


def warnings(tree: ast.Module) -> set[int]:
    """Dictionaries that are no failures: what is only remarked, beside a result."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("warnings.append", "notes.append")):
            found |= {id(argument) for argument in node.args}
        if isinstance(node, ast.Dict):
            said = {key.value: value for key, value in zip(node.keys, node.values) if isinstance(key, ast.Constant)}
            if ast.unparse(said.get("event", ast.Constant(None))) == "'warning'" or said.keys() & {"line", "count"} or getattr(said.get("code"), "value", None) in REMARKS:
                found.add(id(node))
    return found


def literal(node: ast.expr, where: str) -> set[str]:
    """A code is written out where it is said; a variable hands on one that was written out elsewhere."""
    if isinstance(node, ast.Constant):
        assert isinstance(node.value, str) and re.fullmatch(r"[a-z][a-z0-9_]*", node.value), f"{where}: {node.value!r} is no code"
        return {node.value}
    assert isinstance(node, ast.Name | ast.Attribute | ast.Subscript | ast.Starred), f"{where}: a code must be written out: {ast.unparse(node)}"
    return set()


def said() -> dict[str, str]:
    """Every code with a place where it is said."""
    trees = scripts()
    kinds = failures(trees)
    assert {"TrainError", "ParseError", "ArchiveError", "ServeError", "ParquetError", "BadRequest"} <= kinds
    found: dict[str, str] = {}
    for name, tree in trees.items():
        beside = warnings(tree)
        for node in ast.walk(tree):
            where = f"{name}:{getattr(node, 'lineno', 0)}"
            codes: set[str] = set()
            if isinstance(node, ast.Call) and (ast.unparse(node.func).split(".")[-1] in kinds or ast.unparse(node.func) in ("child.fail", "fail")):
                codes = literal(node.args[0], where) if node.args else set()
            elif isinstance(node, ast.Dict) and id(node) not in beside:
                for key, value in zip(node.keys, node.values):
                    if isinstance(key, ast.Constant) and key.value == "code":
                        codes |= literal(value, where)
            elif isinstance(node, ast.FunctionDef) and node.name == "explain":
                for inner in ast.walk(node):
                    if isinstance(inner, ast.Return) and isinstance(inner.value, ast.Tuple):
                        codes |= literal(inner.value.elts[0], where)
            found |= {code: where for code in codes if code not in found}
    return found


def known() -> dict[str, str]:
    """The cases of the list: code and name."""
    text = LIST.read_text()
    cases = text[text.index("enum Code"):text.index("var isTransient")]
    return {code or name: name for name, code in re.findall(r"case `?(\w+)`?(?: = \"(\w+)\")?$", cases, re.M)}


def test_every_code_that_a_script_says_is_known():
    unknown = {code: where for code, where in said().items() if code not in known()}
    assert not unknown, f"add them to {LIST.name}, and say whether they may pass by themselves"


def test_no_code_is_known_that_nobody_says():
    scripts = said()
    ours = "".join(path.read_text() for path in (ROOT / "Sources").rglob("*.swift") if path != LIST)
    unused = [code for code, name in known().items() if code not in scripts and not re.search(rf"(?:code|failed|died): \.{name}\b|\(\.{name}, |, \.{name}[,)]", ours)]
    assert not unused, f"nobody says them: remove them from {LIST.name}"


def test_the_list_is_found():
    """The two tests above compare something."""
    assert len(said()) > 50 and len(known()) > 80
    assert known()["trainer_died"] == "trainerDied" and "disk_full" in said() and "collection_invalid" in said()
