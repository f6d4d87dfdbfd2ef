"""Validation of a million chat rows against a Python loop that does the same checks, in one run.

    .venv/bin/python bench/validation.py [--rows 1000000] [--program .build/release/atelier] [--dialogue FILE]

The rows are made from the lines of a dialogue (--dialogue, a JSONL file of chat examples; default the Shakespeare dialogue where it lies
beside this checkout, else samples/voice.jsonl): each joins two exchanges drawn at random from a fixed seed, so rows differ as real ones do;
one in fifty repeats an earlier row, one in a thousand carries an e-mail address or a key.

Ours is `atelier datasets validate FILE --json`, process start included. The peer is what one writes in Python: json.loads on each line, the
same tests by the same rules, compiled regular expressions, a set of hashes, hashlib. Both read the file from the page cache and run on
one core; rates are by processor time, so that neighbours on the machine do not count, and the time by the clock stands beside them. The limit
is reading the file in blocks of a MiB and nothing else, Python's start included. Counts of the two are compared; any difference ends the run.
Prints a table and writes bench/results/validation.json.
"""

import argparse
import hashlib
import json
import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
SHAKESPEARE = ROOT.parent / "shared/data/shakespeare/train.jsonl"
ROLES = {"system", "developer", "user", "assistant", "tool", "function"}
EMAIL = re.compile(r"[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}")
SECRET = re.compile(
    r"\b(?:sk-ant-[\w-]{32,}|sk-[\w-]{32,}|(?:AKIA|ASIA)[A-Z0-9]{16}\b|AIza[\w-]{35}|github_pat_\w{22,}|gh[pousr]_[A-Za-z0-9]{36,}|glpat-[\w-]{20,}"
    r"|xox[bpars]-[\w-]{20,}|xapp-[\w-]{20,}|[sr]k_live_[A-Za-z0-9]{20,}|hf_[A-Za-z0-9]{30,}|nvapi-[\w-]{40,}|npm_[A-Za-z0-9]{36,})"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----")
CARD = re.compile(r"(?<![A-Za-z0-9])\d(?:[ -]?\d){12,18}(?![A-Za-z0-9])")
WORD = re.compile(r"[a-zà-ÿ]+")
STOP = {
    "en": "the and to of a in is it you that he was for on are with as his they at be this have from or had by but not what all were we when your",
    "de": "der die und in den von zu das mit sich des auf für ist im dem nicht ein eine als auch es an werden aus er hat dass sie nach wird bei",
    "fr": "de la le et les des en un du une que est pour qui dans a par plus pas au sur ne se ce il sont avec son ou ses mais aux cette nous vous",
    "es": "de la que el en y a los se del las un por con no una su para es al lo como más o pero sus le ha me si sin sobre este ya entre cuando",
    "it": "di e il la che in un a per è una del con non le si da dei i al come più alla nel della gli ma lo anche sono dal ha delle o se questo",
    "pt": "de a o que e do da em um para com não uma os no se na por mais as dos como mas ao ele das à seu sua ou quando muito nos já eu também",
    "nl": "de van en het een in is dat op te zijn met voor die niet aan er om ook als dan maar bij nog uit door naar heeft hebben ik je we ze",
}
LANGUAGES: dict[str, list[str]] = {}
for _name, _words in STOP.items():
    for _word in _words.split():
        LANGUAGES.setdefault(_word, []).append(_name)


def make(path: pathlib.Path, rows: int, dialogue: pathlib.Path) -> None:
    """Write the rows; the same file for the same arguments."""
    lines = [json.loads(line)["messages"] for line in dialogue.open(encoding="utf-8")]
    draw = random.Random(7)
    recent: list[str] = []
    with path.open("w", encoding="utf-8") as file:
        for number in range(rows):
            if recent and number % 50 == 0:
                file.write(draw.choice(recent))
                continue
            messages = [dict(message) for _ in range(2) for message in draw.choice(lines)]
            messages[0]["content"] += f" ({number})"
            if number % 1000 == 1:
                messages[-1]["content"] += " Write to will@globe.example.org." if number % 2000 == 1 else " AKIAIOSFODNN7EXAMPLE"
            line = json.dumps({"messages": messages}, ensure_ascii=False) + "\n"
            recent = (recent + [line])[-100:]
            file.write(line)


def luhn(digits: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0 and digits[0] in "23456"


def language(text: str) -> str:
    hits: dict[str, int] = {}
    for word in WORD.findall(text[:64].lower()):
        for name in LANGUAGES.get(word, ()):
            hits[name] = hits.get(name, 0) + 1
    return max(hits, key=hits.get) if hits else "unknown"


def check(row: object, found: dict) -> None:
    """One row by the rules that `atelier datasets validate` has; problems are counted by code."""
    problems = found["problems"]

    def problem(code: str) -> None:
        problems[code] = problems.get(code, 0) + 1

    if not isinstance(row, dict):
        return problem("data_type")
    messages = row.get("messages")
    if not isinstance(messages, list) or not messages:
        return problem("missing_messages_list")
    tokens = replies = 0
    before = sum(problems.values())
    parts = []
    told = False
    for message in messages:
        if not isinstance(message, dict):
            problem("data_type")
            continue
        role, content = message.get("role"), message.get("content")
        if not isinstance(role, str):
            problem("message_missing_key")
            continue
        if role not in ROLES:
            problem("unrecognized_role")
            continue
        if not isinstance(content, str):
            problem("missing_content")
            continue
        tokens += 4 + (len(content.encode()) + 3) // 4
        parts.append(role)
        parts.append(content)
        # The cheap test first, as one would: the expression is slow without it.
        if "@" in content and EMAIL.search(content):
            found["emails"] += 1
        if SECRET.search(content):
            found["secrets"] += 1
        for match in CARD.finditer(content):
            if luhn(re.sub("[ -]", "", match.group())):
                found["secrets"] += 1
        if role == "assistant":
            replies += 1
            if not content.strip():
                problem("empty_reply")
            if not told:
                name = language(content)
                found["languages"][name] = found["languages"].get(name, 0) + 1
                told = True
    if sum(problems.values()) > before:
        return None
    if not replies:
        return problem("example_missing_assistant_message")
    found["examples"] += 1
    found["tokens"] += tokens
    bucket = max(5, (tokens - 1).bit_length())
    found["histogram"][bucket] = found["histogram"].get(bucket, 0) + 1
    if tokens > 1024:
        found["over_long"] += 1
    key = hash("\0".join(parts))
    if key in found["seen"]:
        found["duplicates"] += 1
    else:
        # Training learns from an example once, so the replies of a repetition do not count.
        found["seen"].add(key)
        found["replies"] += replies
    return None


def python_loop(path: str) -> dict:
    found = {"examples": 0, "replies": 0, "tokens": 0, "duplicates": 0, "emails": 0, "secrets": 0, "over_long": 0, "problems": {}, "languages": {},
             "histogram": {}, "seen": set()}
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for line in file:
            digest.update(line)
            try:
                row = json.loads(line)
            except ValueError:
                found["problems"]["invalid_json"] = found["problems"].get("invalid_json", 0) + 1
                continue
            check(row, found)
    del found["seen"]
    return found | {"sha256": digest.hexdigest()}


def read_only(path: str) -> dict:
    room = bytearray(1 << 20)
    with open(path, "rb", buffering=0) as file:
        while file.readinto(room):
            pass
    return {}


def timed(command: list[str]) -> tuple[float, float, float, dict]:
    """Seconds by the clock, seconds of processor time, peak MiB and the JSON a command prints."""
    begin = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        output = child.stdout.read()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.monotonic() - begin
    if child.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with status {child.returncode}:\n{output.decode(errors='replace')[:2000]}")
    scale = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / scale, json.loads(output or b"{}")


def compare(ours: dict, peer: dict) -> None:
    pairs = {"examples": ours["examples"], "replies": ours["replies"], "tokens": ours["tokens"]["total"], "duplicates": ours["duplicates"],
             "emails": ours["warning_counts"].get("email_found", 0), "secrets": ours["warning_counts"].get("secret_found", 0),
             "over_long": ours["tokens"]["over_long"], "sha256": ours["sha256"], "problems": ours["problem_counts"]}
    for name, value in pairs.items():
        if value != peer[name]:
            sys.exit(f"the two disagree on {name}: ours {value}, peer {peer[name]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--program", default=str(ROOT / ".build/release/atelier"))
    parser.add_argument("--dialogue", type=pathlib.Path, default=SHAKESPEARE if SHAKESPEARE.exists() else ROOT / "samples/voice.jsonl")
    parser.add_argument("--peer", help=argparse.SUPPRESS)
    parser.add_argument("--limit", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.peer:
        return print(json.dumps(python_loop(arguments.peer)))
    if arguments.limit:
        return print(json.dumps(read_only(arguments.limit)))
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "rows.jsonl"
        print(f"making {arguments.rows:,} rows …", flush=True)
        make(path, arguments.rows, arguments.dialogue)
        megabytes = path.stat().st_size / 1e6
        print(f"{megabytes:.0f} MB", flush=True)
        script = [sys.executable, os.path.abspath(__file__)]
        limit = min((timed([*script, "--limit", str(path)]) for _ in range(3)), key=lambda run: run[1])
        # The best of three: the machine may do something else in between. The peer takes long enough to be told from noise.
        runs = [timed([arguments.program, "datasets", "validate", str(path), "--json"]) for _ in range(3)]
        ours = min(runs, key=lambda run: run[1])
        peer = timed([*script, "--peer", str(path)])
        compare(ours[3], peer[3])
    name = f"Python {sys.version.split()[0]} json loop, same checks"
    results = [
        {"metric": f"validate {arguments.rows:,} chat rows, one core", "unit": "MB/s", "ours": megabytes / ours[1], "peer": megabytes / peer[1],
         "peer_name": name, "limit": megabytes / limit[1]},
        {"metric": "processor time", "unit": "s", "ours": ours[1], "peer": peer[1], "peer_name": name, "limit": limit[1]},
        {"metric": "time by the clock", "unit": "s", "ours": min(run[0] for run in runs), "peer": peer[0], "peer_name": name, "limit": limit[0]},
        {"metric": "peak memory", "unit": "MiB", "ours": max(run[2] for run in runs), "peer": peer[2], "peer_name": name, "limit": None},
    ]
    print(f"{'':<52}{'ours':>10}{'peer':>10}{'reading':>10}")
    for result in results:
        limit_text = f"{result['limit']:10.2f}" if result["limit"] is not None else " " * 10
        print(f"{result['metric'] + ', ' + result['unit']:<52}{result['ours']:10.2f}{result['peer']:10.2f}{limit_text}")
    print(f"{'ours : peer':<52}{peer[1] / ours[1]:10.1f}")
    (ROOT / "bench/results").mkdir(parents=True, exist_ok=True)
    (ROOT / "bench/results/validation.json").write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
