from __future__ import annotations

import json
import runpy
import sys

import onnx
import pytest
from support.paths import ROOT
from typer.testing import CliRunner

from petsgan_sdk import kernels
from petsgan_sdk.cli import app
from petsgan_sdk.export.steps import texture_transfer

RECIPES = ROOT / "export"
needs_library = pytest.mark.skipif(
    "cpu" not in kernels.available_backends(), reason="the C++ kernels are not built"
)
FORMATS = ["onnx", pytest.param("onnx-custom", marks=needs_library)]


def export(*words):
    return CliRunner().invoke(app, ["export", *map(str, words)])


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_and_its_report(fast_checkpoint, tmp_path, form):
    path = tmp_path / "model.onnx"
    result = export(fast_checkpoint, "--format", form, "-o", path, "--precision", "fp16", "--json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["onnx"] == str(path)
    assert report["bytes"] == path.stat().st_size
    assert (report["format"], report["precision"]) == (form, "fp16")
    stored = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    assert report["metadata"] == stored
    assert [check["batch"] for check in report["checks"]] == [2, 2]
    for check in report["checks"]:
        assert check["max_step_diff"] <= 1e-4
        assert check["flipped_ties"] == 0
        assert check["psnr_db"] >= 60
        assert check["half_psnr_db"] >= 60
    assert f"{form} fp32 at " in result.stderr
    assert f"{form} fp16 at " in result.stderr


def test_where_a_file_goes(fast_checkpoint, tmp_path):
    checkpoint = tmp_path / "photo.pt"
    checkpoint.write_bytes(fast_checkpoint.read_bytes())
    for form, name in (("onnx", "photo.onnx"), ("onnx-custom", "photo.custom.onnx")):
        result = export(checkpoint, "--format", form, "--no-verify")
        assert result.exit_code == 0, result.output
        assert (tmp_path / name).is_file()
        assert "not verified" in result.stdout
        again = export(checkpoint, "--format", form, "--no-verify")
        assert again.exit_code == 2
        assert "--force" in again.stderr


def test_a_failing_check(fast_checkpoint, tmp_path, monkeypatch):
    right = texture_transfer._window
    monkeypatch.setattr(texture_transfer, "_window", lambda *a: right(*a) ** 1.01)
    result = export(fast_checkpoint, "--format", "onnx", "-o", tmp_path / "model.onnx")
    assert result.exit_code == 4
    last = result.stderr.splitlines()[-1]
    assert last.startswith("error: export: texture transfer 'texture' at ")
    assert list(tmp_path.iterdir()) == []


def test_a_bundle_has_one_precision(fast_checkpoint, tmp_path):
    result = export(fast_checkpoint, "--precision", "fp16", "-o", tmp_path / "model.petsgan")
    assert result.exit_code == 2
    assert result.stderr == (
        "error: --precision must be fp32 for a bundle, got fp16; hint: --format onnx\n"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("recipe", ["to_onnx.py", "to_onnx_custom.py"])
def test_the_recipes(fast_checkpoint, tmp_path, monkeypatch, capsys, recipe):
    if recipe == "to_onnx_custom.py" and "cpu" not in kernels.available_backends():
        pytest.skip("the C++ kernels are not built")
    path = tmp_path / "model.onnx"
    monkeypatch.setattr(sys, "argv", [recipe, str(fast_checkpoint), str(path), "fp16"])
    runpy.run_path(str(RECIPES / recipe), run_name="__main__")
    assert capsys.readouterr().out.endswith(f"{path}: {path.stat().st_size} bytes\n")
