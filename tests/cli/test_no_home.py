"""A user without a home directory, as in many containers, and one whose home is somebody else's."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from commands import ROOT, refused, runner
from metric_cases import keras_inception, noise_picture, save_safetensors

from petsgan_sdk.cli import app
from petsgan_sdk.imaging import save_image

pytest.importorskip("onnxruntime", reason="sampling needs onnxruntime")

HOMELESS = """
import pwd, sys
def unknown(_):
    raise KeyError("uid not found")
pwd.getpwuid = unknown
sys.path.insert(0, sys.argv.pop(1))
from petsgan_sdk.cli import main
main()
"""
VARIABLES = "HOME", "USER", "LOGNAME", "LNAME", "USERNAME", "XDG_CACHE_HOME", "PETSGAN_CACHE"


def run(folder: Path, *words: object, **variables: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    return subprocess.run(
        [sys.executable, "-c", HOMELESS, str(ROOT), *map(str, words)],
        env={**kept, **variables},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    save_image(path, noise_picture(48, 64, seed=0))
    return path


def test_what_needs_no_cache_works(bundle: Path, tmp_path: Path, photo: Path) -> None:
    pytest.importorskip("torch", reason="training and judging need torch")
    weights = save_safetensors(tmp_path / "inception.safetensors", keras_inception())
    judged = ["evaluate", bundle, photo, "-n", 2, "--metrics", "sifid", "--inception", weights]
    for words in (
        ["cache", "list"],
        ["cache", "clear"],
        ["doctor"],
        ["generate", bundle, "-n", 1, "-o", "out"],
        ["train", photo, "-o", "m.pt", "--steps", 1],
        ["export", "m.pt", "--no-verify"],
        judged,
    ):
        done = run(tmp_path, *words, XDG_CACHE_HOME="relative")
        assert done.returncode == 0, (words, done.stderr)
    made = {"photo.png", "inception.safetensors", "out", "m.pt", "m.petsgan"}
    assert {path.name for path in tmp_path.iterdir()} == made


def test_what_needs_the_cache_names_the_variable(tmp_path: Path, photo: Path, bundle: Path) -> None:
    pytest.importorskip("torch", reason="judging needs torch")
    for metric in ("lpips", "sifid"):
        done = run(tmp_path, "evaluate", bundle, photo, "--metrics", metric, TORCH_HOME="~/none")
        assert done.returncode == 3
        line = done.stderr.splitlines()[-1]
        assert "put it into the folder '$PETSGAN_CACHE/weights'" in line
    assert [path.name for path in tmp_path.iterdir()] == ["photo.png"]


def test_a_cache_can_be_named(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    done = run(tmp_path, "cache", "list", PETSGAN_CACHE=str(tmp_path / "mine"))
    assert done.returncode == 0
    assert str(tmp_path / "mine" / "engines") in done.stdout
    assert done.stderr == ""


@pytest.fixture
def locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which nothing can be looked at, also by root, who runs tests in containers."""
    folder = tmp_path / "locked"
    folder.mkdir()
    before = {name: getattr(os, name) for name in ("stat", "lstat", "open", "scandir", "listdir")}

    def refusing(name: str):
        def call(path, *given, **named):
            if not isinstance(path, int) and str(path).startswith(f"{folder}{os.sep}"):
                raise PermissionError(errno.EACCES, "Permission denied", str(path))
            return before[name](path, *given, **named)

        return call

    for name in before:
        monkeypatch.setattr(os, name, refusing(name))
    return folder


def test_what_cannot_be_looked_at_is_refused_in_one_line(
    bundle: Path, photo: Path, locked: Path, tmp_path: Path
) -> None:
    there = locked / "x"
    pictures = tmp_path / "out"
    for words in (
        ["info", there],
        ["generate", there],
        ["generate", bundle, "-o", there],
        ["generate", bundle, "-o", there.with_suffix(".png")],
        ["generate", bundle, "-o", there.with_suffix(".tar")],
        ["generate", bundle, "-n", "1", "-o", pictures, "--sheet", there.with_suffix(".png")],
        ["evaluate", there, photo, "--metrics", "ssim"],
        ["evaluate", bundle, there, "--metrics", "ssim"],
        ["paint", bundle, there],
        ["paint", bundle, photo, "-o", there.with_suffix(".png")],
        ["export", there, "-o", tmp_path / "m.petsgan"],
        ["export", tmp_path / "m.pt", "-o", there.with_suffix(".petsgan")],
        ["train", photo, "-o", there.with_suffix(".pt")],
        ["train", photo, "-o", tmp_path / "m.pt", "--preset", there.with_suffix(".toml")],
    ):
        line = refused(runner.invoke(app, [str(word) for word in words]))
        assert "unexpected" not in line, words
    assert not pictures.exists()


def test_a_home_that_cannot_be_looked_at_has_no_engines(
    locked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PETSGAN_CACHE", str(locked / "cache"))
    result = runner.invoke(app, ["cache", "list"])
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith("0 engines")
