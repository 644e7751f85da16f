"""Outputs whose names are those of files that are not written: refused, and nothing is made."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.commands import generate, refused, runner

from petsgan_sdk.cli import app
from petsgan_sdk.errors import ConfigError
from petsgan_sdk.files.endings import check_ending

pytest.importorskip("onnxruntime", reason="bundles are read with onnxruntime here")


def run(*words: object) -> str:
    return refused(runner.invoke(app, [str(word) for word in words]))


@pytest.mark.parametrize(
    "name",
    [
        *("a.bmp", "a.GIF", "a.avif", "a.jxl", "a.zip", "a.tar.gz", "a.tgz", "a.tar.zst", "a.7z"),
        *("a.onnx", "a.pt", "a.petsgan", "a.engine", "a.json", "a.mp4", "a.npz", "a.jpg", "-"),
    ],
)
def test_generate(bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    line = refused(generate(bundle, "-n", 1, "-o", name))
    assert repr(name) in line
    assert "folder" in line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["out.v2", "run-1.5", "a.b.c", "name.", ".hidden", "the.best"])
def test_a_folder_may_have_a_dot(bundle: Path, tmp_path: Path, name: str) -> None:
    result = generate(bundle, "-n", 1, "-o", tmp_path / name)
    assert result.exit_code == 0, result.stderr
    assert len(list((tmp_path / name).iterdir())) == 1


def test_a_folder_that_is_there_is_used_whatever_its_name(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "pictures.zip").mkdir()
    result = generate(bundle, "-n", 1, "-o", tmp_path / "pictures.zip")
    assert result.exit_code == 0, result.stderr


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["-o", "a.onnx"], "hint: --format onnx writes this"),
        (["-o", "a.petsgan", "--format", "onnx"], "hint: --format bundle writes this"),
        (["-o", "a.petsgan", "--format", "onnx-custom"], "hint: --format bundle writes this"),
        (["-o", "a.engine"], "hint: --format tensorrt writes a folder"),
        (["-o", "a.onnx", "--format", "tensorrt"], "hint: --format onnx writes this"),
        (["-o", "a.zip"], "-o must name an output that ends in .petsgan with --format bundle"),
        (["-o", "-"], "results are not written to stdout"),
    ],
)
def test_export(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], hint: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert hint in run("export", "m.pt", *words)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a.petsgan", "a.onnx", "a.png", "a.tar.gz", "-"])
def test_train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    line = run("train", "photo.png", "-o", name)
    assert "-o must name a checkpoint, MODEL.pt, got" in line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a.bmp", "a.zip", "a.onnx", "-", "a"])
@pytest.mark.parametrize("task", ["paint", "edit", "harmonize", "stylize"])
def test_tasks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bundle: Path, task: str, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    run(task, bundle, "photo.png", "-o", name)
    run(task, bundle, "photo.png", "--compare", name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a.zip", "a.csv", "-"])
def test_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    line = run("evaluate", "--table", tmp_path, "-o", name)
    assert "-o must name a folder, got" in line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["sheet.bmp", "sheet", "-", "sheet.tar"])
def test_sheet(bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    refused(generate(bundle, "-n", 1, "-o", "out", "--sheet", name))
    assert list(tmp_path.iterdir()) == []


def test_endings() -> None:
    for name in ("plain", "a.pt", "A.PT", "a.petsgan.old", "a.v1", "a.2"):
        check_ending(Path(name), ("pt",), expected="a checkpoint")
    with pytest.raises(ConfigError, match=r"^--out must name a model, got 'x.PNG'; hint: say so$"):
        check_ending(
            Path("x.PNG"), ("pt",), expected="a model", hints={"png": "say so"}, option="--out"
        )
