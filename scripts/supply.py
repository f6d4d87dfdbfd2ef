"""What this project is built from: exact versions, their hashes, and what is known against them.

    python3 scripts/supply.py lock [python|litellm|swift]   write the lists anew, after a version has changed
    python3 scripts/supply.py check                    compare the Swift packages of .build with their list
    python3 scripts/supply.py audit                    ask the advisory databases; exit status 1 for a finding, 2 where one could not be asked

| list | of | made from |
|---|---|---|
| engine/requirements.txt | every Python package but PyTorch, with the SHA-256 of each of its files | engine/pyproject.toml |
| engine/requirements-torch.txt | PyTorch as PyPI has it, with the CUDA libraries it needs on Linux | the same |
| engine/requirements-torch-cpu.txt | PyTorch without CUDA, where an index offers it | the same, and TORCH_CPU below |
| bench/requirements-litellm.txt | the proxy that the gateway is compared with | LITELLM in bench/gateway.py |
| Package.pins | every Swift package: version and git tree, which is a hash of its content | Package.swift, as resolved in .build |

pip refuses a file whose hash is not in the list (`--require-hashes`). Of Swift packages the version tag is fetched; `check`
compares what came with its tree, so a tag that was moved is noticed before anything is built.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
PINS = ROOT / "Package.pins"
REQUIREMENTS = ROOT / "engine/requirements.txt"
TORCH = ROOT / "engine/requirements-torch.txt"
CPU = ROOT / "engine/requirements-torch-cpu.txt"
LITELLM = ROOT / "bench/requirements-litellm.txt"
UV, PIP_AUDIT = "uv==0.13.9", "pip-audit==2.10.1"
OSV = os.environ.get("ATELIER_OSV_URL", "https://api.osv.dev")
# torch's CPU builds are not on PyPI but on PyTorch's own index (download.pytorch.org/whl/cpu), under the same version.
TORCH_CPU = {"cp311 Linux x86-64": "6746dbcbeb526eb61330b76b41ff1b4eb848951103a892eeb080dfa2b264667b"}
OF_TORCH = re.compile(r"torch==|triton==|(nvidia|cuda)-")


# --- the lists ------------------------------------------------------------------


def entries(text: str) -> list[str]:
    """The requirements of a list, each with its hashes and the comment of who needs it."""
    return re.findall(r"^\S.*?(?=^[^\s#]|\Z)", re.sub(r"\A(#.*\n)+", "", text), re.M | re.S)


def compiled(arguments: list[str], source: str | None = None) -> list[str]:
    """What `uv pip compile` makes of the arguments, for every platform and Python from 3.11 on."""
    with tempfile.TemporaryDirectory(prefix="atelier-lock-") as folder:
        run([sys.executable, "-m", "venv", folder])
        run([f"{folder}/bin/pip", "install", "-q", "--disable-pip-version-check", UV])
        command = [f"{folder}/bin/uv", "pip", "compile", "--quiet", "--no-config", "--universal", "--python-version", "3.11", "--generate-hashes"]
        done = subprocess.run([*command, "--no-header", *arguments], check=True, cwd=ROOT, text=True, input=source, stdout=subprocess.PIPE)
    return entries(done.stdout)


def lock_python() -> None:
    found = compiled(["--extra", "test", "engine/pyproject.toml"])
    (version,) = [found_version[1] for entry in found if (found_version := re.match(r"torch==(\S+)", entry))]
    header = "# Made by scripts/supply.py lock. Versions are chosen in engine/pyproject.toml.\n"
    REQUIREMENTS.write_text(header + "".join(entry for entry in found if not OF_TORCH.match(entry)))
    TORCH.write_text(header + "".join(entry for entry in found if OF_TORCH.match(entry)))
    hashes = "".join(f" \\\n    --hash=sha256:{digest}" for digest in TORCH_CPU.values())
    CPU.write_text(f"{header}torch=={version}+cpu{hashes}\n")


def lock_litellm() -> None:
    version = re.search(r'^LITELLM = "(.+)"$', (ROOT / "bench/gateway.py").read_text(), re.M)[1]
    found = compiled(["-"], f"litellm[proxy]=={version}\n")
    LITELLM.write_text("# Made by scripts/supply.py lock. The version is chosen in bench/gateway.py.\n" + "".join(found))


def resolved() -> dict[str, dict[str, str]]:
    """The Swift packages as they lie in .build: address → version and tree."""
    state = ROOT / ".build/workspace-state.json"
    if not state.exists():
        sys.exit("there is no .build/workspace-state.json: run `swift package resolve` first")
    found = {}
    for dependency in json.loads(state.read_text())["object"]["dependencies"]:
        folder = ROOT / ".build/checkouts" / dependency["subpath"]
        tree = subprocess.run(["git", "-C", str(folder), "rev-parse", "HEAD^{tree}"], check=True, text=True, stdout=subprocess.PIPE).stdout.strip()
        changed = subprocess.run(["git", "-C", str(folder), "status", "--porcelain", "--untracked-files=no"], check=True, text=True, stdout=subprocess.PIPE).stdout
        version = dependency["state"]["checkoutState"].get("version", "none")
        found[dependency["packageRef"]["location"]] = {"version": version, "tree": tree + (" and changed since" if changed else "")}
    return dict(sorted(found.items()))


def lock_swift() -> None:
    PINS.write_text(json.dumps(resolved(), indent=2) + "\n")


def check() -> int:
    """0 where every Swift package is the listed one."""
    listed, found = json.loads(PINS.read_text()), resolved()
    problems = [f"{name}: {found[name]} is there, and {listed.get(name, 'nothing')} is listed" for name in found if found[name] != listed.get(name)]
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems:
        print(
            "What to do: look at what changed. If you changed a version on purpose: python3 scripts/supply.py lock swift. If not, "
            "somebody changed a package behind its version: do not build it.", file=sys.stderr)
        return 1
    print(f"{len(found)} Swift packages are the listed ones")
    return 0


# --- advisories -------------------------------------------------------------------


def audit_python(file: pathlib.Path) -> int:
    with tempfile.TemporaryDirectory(prefix="atelier-audit-") as folder:
        run([sys.executable, "-m", "venv", folder])
        run([f"{folder}/bin/pip", "install", "-q", "--disable-pip-version-check", PIP_AUDIT])
        done = subprocess.run(
            [f"{folder}/bin/pip-audit", "--require-hashes", "--disable-pip", "--progress-spinner", "off", "-f", "json", "-r", str(file)],
            text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    name = file.relative_to(ROOT)
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        reason = (done.stderr.strip().splitlines() or ["no output"])[-1]
        print(f"{name}: NOT CHECKED, the advisory database did not answer: {reason[:200]}")
        return 2
    findings = [(package["name"], package.get("version"), advisory) for package in packages for advisory in package.get("vulns", [])]
    for package, version, advisory in findings:
        print(f"{name}: {package} {version}: {advisory['id']}, fixed in {', '.join(advisory['fix_versions']) or 'no version yet'}")
    skipped = [package["name"] for package in packages if "skip_reason" in package]
    if skipped:
        print(f"{name}: NOT CHECKED, the advisory database has no answer: {', '.join(skipped[:5])}{f' and {len(skipped) - 5} more' if len(skipped) > 5 else ''}")
    print(f"{name}: {len(packages) - len(skipped)} packages checked, {len(findings)} advisories")
    return 1 if findings else 2 if skipped else 0


def audit_swift() -> int:
    """Asks OSV, which has GitHub's advisories for Swift packages under their addresses without the scheme."""
    listed = json.loads(PINS.read_text())
    queries = [
        {"package": {"ecosystem": "SwiftURL", "name": name.removeprefix("https://").removesuffix(".git")}, "version": pin["version"]}
        for name, pin in listed.items()
    ]
    request = urllib.request.Request(
        f"{OSV}/v1/querybatch", json.dumps({"queries": queries}).encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=30) as reply:
            results = json.load(reply)["results"]
        if len(results) != len(queries):
            raise ValueError(f"{len(results)} results for {len(queries)} packages")
    except (OSError, ValueError, KeyError) as error:
        print(f"{PINS.name}: NOT CHECKED, {OSV} did not answer: {error}")
        return 2
    findings = [(query, advisory["id"]) for query, result in zip(queries, results) for advisory in result.get("vulns", [])]
    for query, advisory in findings:
        print(f"{PINS.name}: {query['package']['name']} {query['version']}: {advisory}")
    print(f"{PINS.name}: {len(queries)} packages checked, {len(findings)} advisories")
    return 1 if findings else 0


def audit() -> int:
    results = [audit_python(file) for file in (REQUIREMENTS, TORCH, LITELLM)] + [audit_swift()]
    # A finding says more than a database that is away.
    return 1 if 1 in results else max(results)


def run(command: list[str]) -> None:
    subprocess.run(command, check=True, cwd=ROOT)


def main() -> int:
    parts = {"python": lock_python, "litellm": lock_litellm, "swift": lock_swift}
    match sys.argv[1:]:
        case ["lock", *names] if set(names) <= set(parts):
            for name in names or parts:
                parts[name]()
            return 0
        case ["check"]:
            return check()
        case ["audit"]:
            return audit()
    sys.exit(__doc__)


if __name__ == "__main__":
    sys.exit(main())
