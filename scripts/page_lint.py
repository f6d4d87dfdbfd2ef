"""Check the page's own files: no long line, no export that nobody imports, no style or icon that nobody uses.

    .venv/bin/python scripts/page_lint.py

Prints a line for each problem and exits with 1 if there is one. `scripts/run_tests.py lint` runs it.
"""

import pathlib
import re
import sys

WEB = pathlib.Path(__file__).resolve().parent.parent / "web"
LONGEST = 140
EXPORT = re.compile(r"^export (?:async )?(?:const|let|class|function\*?) (\w+)", re.M)
# import { a, b as c } from './x.js', and (await import('./x.js')).a or { a } = await import('./x.js').
IMPORT = re.compile(r"^import \{([^}]*)\} from '(\.[^']+)'", re.M)
LATER = re.compile(r"\(await import\('(\.[^']+)'\)\)\.(\w+)|\{([^}]*)\} = await import\('(\.[^']+)'\)")


def own_files(web: pathlib.Path) -> dict[pathlib.Path, str]:
    """The text of every file that is ours; `vendor` holds others' libraries."""
    files = (file for file in sorted(web.rglob("*")) if file.suffix in {".js", ".css", ".html"})
    return {file: file.read_text() for file in files if "vendor" not in file.relative_to(web).parts}


def long_lines(web: pathlib.Path, files: dict[pathlib.Path, str]) -> list[str]:
    return [
        f"{file.relative_to(web)}:{number}: {len(line)} characters, {LONGEST} at most"
        for file, text in files.items() for number, line in enumerate(text.splitlines(), 1) if len(line) > LONGEST
    ]


def unused_exports(web: pathlib.Path, files: dict[pathlib.Path, str]) -> list[str]:
    used = set()
    for file, text in files.items():
        found = [(path, names) for names, path in IMPORT.findall(text)]
        for path, name, names, other in LATER.findall(text):
            found.append((path or other, name or names))
        for path, names in found:
            target = (file.parent / path).resolve()
            used |= {(target, name.split(" as ")[0].strip()) for name in names.split(",")}
    return [
        f"{file.relative_to(web)}: nobody imports {name}; drop the export, or the code"
        for file, text in files.items() if file.suffix == ".js"
        for name in EXPORT.findall(text) if (file.resolve(), name) not in used
    ]


def unused_classes(web: pathlib.Path, files: dict[pathlib.Path, str]) -> list[str]:
    """Classes that are styled and that no word of the page's code names."""
    words = {word for file, text in files.items() if file.suffix != ".css" for word in re.findall(r"[\w-]+", text)}
    problems = []
    for file, text in files.items():
        if file.suffix == ".css":
            selectors = re.sub(r"\{[^{}]*\}|/\*.*?\*/", " ", text, flags=re.S)
            names = sorted(set(re.findall(r"\.([A-Za-z][\w-]*)", selectors)))
            # A class may be put together from a state: `is-${status}`.
            problems += [f"{file.relative_to(web)}: nothing has the class {name}" for name in names if name not in words and not name.startswith("is-")]
    return problems


def problems(web: pathlib.Path = WEB) -> list[str]:
    files = own_files(web)
    return [*long_lines(web, files), *unused_exports(web, files), *unused_classes(web, files)]


def main() -> int:
    found = problems()
    print("\n".join(found) or "the page's files are in order")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
