"""Fetch the page's libraries into web/vendor and compress the page's files.

    .venv/bin/python scripts/page_files.py

Vue and ECharts come out of one pinned wheel of the Python package registry; what is in it is checked against SHA-256,
and each file's name carries the start of its own. The libraries are never committed. Beside every file of the page a
.gz is written, which the server sends where a client accepts it. Safe to run again: what is there is left.
"""

import gzip
import hashlib
import pathlib
import subprocess
import sys
import tempfile
import zipfile

WEB = pathlib.Path(__file__).resolve().parent.parent / "web"
VENDOR = WEB / "vendor"
WHEEL = "nicegui==3.18.0"
# Path in the wheel, name here, SHA-256.
FILES = [
    ("nicegui/static/vue.esm-browser.prod.js", "vue-3.5.22-f1dfbe4c.js", "f1dfbe4ca6bdc0f8eac639eea8652654a073433018be9bfd1cc55e75574b78f0"),
    ("nicegui/elements/echart/dist/index-DlVyZyb_.js", "echarts-6-a67fedec.js", "a67fedec464a22765df705cc09ee7fe16268e32535fbc74dcb5c74c52a02b01d"),
]
SERVED = {".html", ".js", ".css", ".svg"}


def is_there(name: str, digest: str) -> bool:
    file = VENDOR / name
    return file.exists() and hashlib.sha256(file.read_bytes()).hexdigest() == digest


def fetch() -> None:
    """Download the wheel, without what it depends on, and unpack what is needed."""
    with tempfile.TemporaryDirectory(prefix="atelier-page-") as folder:
        command = [sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--progress-bar", "off", "--no-deps", "--only-binary", ":all:"]
        subprocess.run([*command, "--dest", folder, WHEEL], check=True)
        (wheel,) = pathlib.Path(folder).glob("*.whl")
        VENDOR.mkdir(exist_ok=True)
        for old in VENDOR.glob("*"):
            old.unlink()
        with zipfile.ZipFile(wheel) as archive:
            for path, name, digest in FILES:
                content = archive.read(path)
                found = hashlib.sha256(content).hexdigest()
                if found != digest:
                    sys.exit(f"{path} of {WHEEL} has the SHA-256 {found} and not {digest}: it is not what was looked at; nothing of it is used")
                temporary = VENDOR / (name + ".new")
                temporary.write_bytes(content)
                temporary.rename(VENDOR / name)


def compress() -> int:
    """A .gz beside each file that has none, or an older one; those whose file is gone are removed."""
    written = 0
    for file in sorted(WEB.rglob("*")):
        if file.suffix == ".gz" and not file.with_suffix("").exists():
            file.unlink()
        if file.suffix not in SERVED:
            continue
        packed = file.with_name(file.name + ".gz")
        if packed.exists() and packed.stat().st_mtime >= file.stat().st_mtime:
            continue
        packed.write_bytes(gzip.compress(file.read_bytes(), 9, mtime=0))
        written += 1
    return written


def main() -> None:
    if not all(is_there(name, digest) for _, name, digest in FILES):
        fetch()
    written = compress()
    print(f"{len(FILES)} libraries are there, {written} files compressed")


if __name__ == "__main__":
    main()
