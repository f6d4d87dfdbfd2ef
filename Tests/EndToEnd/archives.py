"""Archives of releases, taken apart and put together again."""

import hashlib
import io
import json
import tarfile


def unpack(archive: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as contents:
        return {entry.name: contents.extractfile(entry).read() for entry in contents}


def pack(files: dict[str, bytes], mode: str = "w") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as contents:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            contents.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def sealed(files: dict[str, bytes], content: dict | None = None) -> bytes:
    """An archive whose hashes are those of these files: what somebody makes who means harm, or another server."""
    files = dict(files)
    manifest = json.loads(files.pop("manifest.json"))
    if content is not None:
        files["content.json"] = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    manifest["content_sha256"] = hashlib.sha256(files["content.json"]).hexdigest()
    manifest["files"] = [{"path": name, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()} for name, data in files.items()]
    return pack({"manifest.json": json.dumps(manifest).encode()} | files)


def without_collection(archive: bytes) -> bytes:
    """The same release, but for what it knows."""
    files = unpack(archive)
    content = json.loads(files["content.json"])
    del content["collection"], content["embedder"]
    return sealed({name: data for name, data in files.items() if not name.startswith("collection/")}, content)


def without_adapter(archive: bytes) -> bytes:
    """The same release, but for its voice."""
    files = unpack(archive)
    content = json.loads(files["content.json"])
    del content["adapter"], content["base"]
    return sealed({name: data for name, data in files.items() if not name.startswith("adapter/")}, content)


def joint(files: dict[str, bytes]) -> str:
    """One hash over names and hashes, as releases have it of a collection's files."""
    lines = [f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in sorted(files.items())]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def consistent(files: dict[str, bytes], **changes: bytes) -> bytes:
    """An archive all of whose hashes fit, whatever its files are."""
    files = files | changes
    content = json.loads(files["content.json"])
    if "adapter" in content:
        content["adapter"]["sha256"] = hashlib.sha256(files.get("adapter/adapter.gguf", b"")).hexdigest()
        beside = {name: data for name, data in files.items()
                  if name.startswith("adapter/") and name != "adapter/adapter.gguf" and not name.startswith("adapter/peft/")}
        content["adapter"].pop("companions", None)
        if beside:
            content["adapter"]["companions"] = joint(beside)
    if "collection" in content:
        content["collection"]["sha256"] = joint({name.removeprefix("collection/"): data for name, data in files.items() if name.startswith("collection/")})
    return sealed(files, content)


def earlier(archive: bytes, collection: dict[str, bytes]) -> dict[str, bytes]:
    """The files of an archive as servers wrote them before collections had a plain form: with the files that lay on the disk."""
    files = {name: data for name, data in unpack(archive).items() if not name.startswith("collection/")}
    files |= {f"collection/{name}": data for name, data in collection.items()}
    files["manifest.json"] = json.dumps(json.loads(files["manifest.json"]) | {"version": 1}).encode()
    content = json.loads(files["content.json"])
    del content["collection"]["form"]
    files["content.json"] = json.dumps(content).encode()
    return files
