from __future__ import annotations

import json
import shutil

import pytest
from typer.testing import CliRunner

from petsgan_sdk.cli import app
from petsgan_sdk.errors import BackendUnavailableError
from petsgan_sdk.runtime.tensorrt import build, source
from petsgan_sdk.runtime.tensorrt.build import Target

runner = CliRunner()


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("PETSGAN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "engines"


@pytest.fixture
def builder(monkeypatch):
    """A TensorRT that keeps the size of what it is given."""
    scales = {"depnet": (1, 4), "features": (1, 0), "restoration": (8, 0)}
    outputs = {"depnet": ("layout", 3), "features": ("features", 6), "restoration": ("image", 3)}

    def in_process(graph, key, *_):
        stem = key.graph.removeprefix("graphs/").removesuffix(".onnx")
        (scale, less), (name, channels) = scales[stem], outputs[stem]
        first = key.profile[min(key.profile)]
        shapes = [(1, channels, (s[2] - less) * scale, (s[3] - less) * scale) for s in first]
        return graph[:9], {"outputs": {name: shapes}, "layers": 1, "seconds": 0.1}

    target = Target("tensorrt", "11.4.0", "NVIDIA Example", "9.0")
    monkeypatch.setattr(build, "_in_process", in_process)
    monkeypatch.setattr(build, "find_target", lambda: target)


@pytest.mark.usefixtures("builder")
def test_build_list_clear(bundle, folder):
    command = ["build", str(bundle), "--sizes", "64,128x80", "--json"]
    result = json.loads(runner.invoke(app, command).stdout)
    engines = result.pop("engines")
    assert result == {
        "provider": "tensorrt",
        "flavour": "tensorrt",
        "version": "11.4.0",
        "gpu": "NVIDIA Example",
        "compute_capability": "9.0",
        "cache": str(folder),
    }
    images = [e["profile"]["image"][0] for e in engines if "features" in e["graph"]]
    assert images == ["1x3x8x8", "1x3x10x16"]
    assert not any(engine["cached"] for engine in engines)
    again = json.loads(runner.invoke(app, command).stdout)["engines"]
    assert all(engine["cached"] for engine in again)

    listed = json.loads(runner.invoke(app, ["cache", "list", "--json"]).stdout)
    assert {e["plan"] for e in listed["engines"]} == {e["plan"] for e in engines}
    assert listed["bytes"] == sum(e["bytes"] for e in engines)
    shown = runner.invoke(app, ["cache", "list"]).stdout.splitlines()
    assert len(shown) == 7
    assert "fp32 of bundle" in shown[0]
    assert "NVIDIA Example (9.0)" in shown[0]
    cleared = json.loads(runner.invoke(app, ["cache", "clear", "--json"]).stdout)
    assert (cleared["removed"], cleared["bytes"]) == (6, listed["bytes"])
    assert json.loads(runner.invoke(app, ["cache", "list", "--json"]).stdout)["engines"] == []


@pytest.mark.usefixtures("builder")
def test_a_range_and_half_precision(bundle):
    points = ["--min", "64", "--opt", "64x128", "--max", "256"]
    result = runner.invoke(app, ["build", str(bundle), *points, "--precision", "fp16", "--json"])
    engines = json.loads(result.stdout)["engines"]
    assert [e["precision"] for e in engines] == ["fp32", "fp32", "fp16"]
    assert engines[1]["profile"] == {"image": ["1x3x8x8", "1x3x16x8", "1x3x32x32"]}


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--sizes", "big"], "must be PIXELS or WIDTHxHEIGHT such as 256 or 640x480, got 'big'"),
        (["--sizes", "64,,"], "got ''"),
        (["--sizes", "8"], "height must be an integer from 16"),
        (["--min", "64"], "--min, --opt and --max must be given together, got 1 of them"),
        (["--sizes", "64", "--min", "64", "--opt", "64", "--max", "64"], "got both"),
        (["--min", "99", "--opt", "64", "--max", "64"], "must ascend"),
    ],
)
@pytest.mark.usefixtures("builder")
def test_sizes_that_cannot_be_built(bundle, options, problem):
    result = runner.invoke(app, ["build", str(bundle), *options])
    assert result.exit_code == 2
    assert problem in result.stderr


def test_building_without_tensorrt(bundle, monkeypatch):
    def missing():
        msg = "TensorRT is not there"
        raise BackendUnavailableError(msg, hint="pip install it")

    monkeypatch.setattr(build, "find_tensorrt", missing)
    result = runner.invoke(app, ["build", str(bundle)])
    assert (result.exit_code, result.stderr) == (
        3,
        "error: TensorRT is not there; hint: pip install it\n",
    )


def test_generating_without_tensorrt(bundle, tmp_path, monkeypatch):
    def missing():
        msg = "TensorRT is not there"
        raise BackendUnavailableError(msg)

    monkeypatch.setattr(source, "find_tensorrt", missing)
    out = tmp_path / "out"
    result = runner.invoke(app, ["generate", str(bundle), "--provider", "tensorrt", "-o", str(out)])
    assert (result.exit_code, result.stderr) == (3, "error: TensorRT is not there\n")
    assert not out.exists()


@pytest.mark.skipif(shutil.which("nvidia-smi") is not None, reason="there is a GPU")
def test_generating_without_a_gpu(bundle, tmp_path, monkeypatch):
    monkeypatch.setattr(source, "find_tensorrt", lambda: None)
    result = runner.invoke(
        app, ["generate", str(bundle), "--provider", "tensorrt", "-o", str(tmp_path / "out")]
    )
    assert result.exit_code == 3
    assert result.stderr.startswith("error: provider 'tensorrt' needs a GPU to run: no ")
