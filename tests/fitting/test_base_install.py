"""The instant model where neither torch nor onnx nor onnxruntime can be imported."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from support.pictures import write_picture

OPTIONAL = ("torch", "torchvision", "onnx", "onnxscript", "onnxruntime", "tensorrt", "safetensors")
BASE = f"""
import sys
for name in {OPTIONAL}:
    sys.modules[name] = None
"""
COMMANDS = (
    BASE
    + """
import json
from typer.testing import CliRunner
from petsgan_sdk.cli import app

for words in json.load(sys.stdin):
    result = CliRunner().invoke(app, words)
    print(json.dumps([result.exit_code, result.stdout, result.stderr]))
"""
)
PYTHON = (
    BASE
    + """
from pathlib import Path
import numpy as np
import petsgan_sdk
from petsgan_sdk.export import export_bundle
from petsgan_sdk.training import train

photo, folder = Path(sys.argv[1]), Path(sys.argv[2])
rounds = []
trained = train(
    photo, folder / "model.pt", model="instant", progress=lambda p: rounds.append((p.step, p.steps))
)
assert trained.size_px == (96, 64)
assert rounds and rounds[-1][0] == rounds[-1][1]
made = export_bundle(trained.checkpoint, folder / "model.petsgan")
assert made.max_abs_diff == 0
once = train(photo, folder / "once.petsgan", model="instant")
assert once.is_bundle
assert once.checkpoint.read_bytes() == made.bundle.read_bytes()
sampler = petsgan_sdk.load(made.bundle)
assert sampler.provider == "cpu" and sampler.provider_note is None
first = sampler.sample(2, seed=5)
assert first.shape == (2, 64, 96, 3)
assert np.array_equal(sampler.sample(1, seed=5, start=1)[0], first[1])
assert not np.array_equal(first[0], first[1])
big = sampler.sample(height=700, width=1300, seed=5)[0]
assert np.array_equal(np.concatenate([*sampler.stream(700, 1300, seed=5, rows=33)]), big)
assert np.array_equal(sampler.region(700, 1300, 490, 1000, 60, 70, seed=5), big[490:550, 1000:1070])
tile = sampler.sample(height=64, width=96, seamless=True)[0]
assert tile.shape == (64, 96, 3)
try:
    train(photo, folder / "other.pt")
except petsgan_sdk.BackendUnavailableError as exc:
    print(exc)
assert not [name for name in ("torch", "onnx", "onnxruntime") if sys.modules.get(name)]
"""
)


def in_base(code, *words, given=""):
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, words)],
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    return write_picture(tmp_path_factory.mktemp("photo") / "photo.png", 96, 64)


@pytest.fixture
def commands():
    """Runs commands one after another in one process, and returns what each printed."""

    def run(*lines):
        asked = [[str(word) for word in line] for line in lines]
        printed = in_base(COMMANDS, given=json.dumps(asked)).splitlines()
        return [tuple(json.loads(line)) for line in printed]

    return run


def test_from_python(photo, tmp_path):
    said = in_base(PYTHON, photo, tmp_path)
    assert said == (
        "training needs the package 'torch', which is not installed; hint: pip install "
        '"petsgan-sdk[train]"\n'
    )


def test_from_the_command_line(commands, photo, tmp_path):
    model, bundle = tmp_path / "cat.pt", tmp_path / "cat.petsgan"
    once, images, large = tmp_path / "once.petsgan", tmp_path / "out", tmp_path / "large.png"
    results = commands(
        ["train", photo, "--model", "instant", "-o", model],
        ["train", photo, "--model", "instant", "-o", once],
        ["export", model],
        ["generate", bundle, "-n", 3, "-o", images],
        ["generate", once, "--size", "1100x900", "-o", large],
        ["info", model],
        ["info", bundle],
        ["bench", bundle, "--iterations", 1, "--json"],
        ["make", photo, "-n", 2, "-o", tmp_path / "made"],
        ["evaluate", bundle, photo, "-n", 2, "--json"],
    )
    assert [code for code, *_ in results] == [0] * 10, results
    assert results[0][1].startswith(f"{model} (fitted at 96x64 in ")
    assert results[2][2] != ""
    assert once.read_bytes() == bundle.read_bytes()
    assert len([*images.iterdir()]) == 3
    assert large.is_file()
    assert [row["provider"] for row in json.loads(results[7][1])["rows"]] == ["cpu"]
    assert (tmp_path / "made" / "model.petsgan").read_bytes() == bundle.read_bytes()
    measured = json.loads(results[9][1])
    assert list(measured["left_out"]) == ["sifid", "lpips"]
    assert "ssim" in measured["metrics"]
    assert results[9][2].count("needs the package torch, which is not installed; hint: pip") == 2


def test_what_the_base_install_refuses(commands, photo, tmp_path):
    bundle, model = tmp_path / "cat.petsgan", tmp_path / "cat.pt"
    made, saved, other, learned, onnx, doctor, *refused = commands(
        ["train", photo, "--model", "instant", "-o", bundle],
        ["train", photo, "--model", "instant", "-o", model],
        ["train", photo, "-o", tmp_path / "p.pt"],
        ["make", photo, "--model", "petsgan", "-o", tmp_path / "made"],
        ["export", model, "--format", "onnx"],
        ["doctor"],
        ["generate", bundle, "--provider", "cuda", "-o", tmp_path / "out"],
        ["generate", bundle, "--provider", "tensorrt", "-o", tmp_path / "out"],
    )
    assert (made[0], saved[0]) == (0, 0)
    assert other[0] == 3
    assert "training needs the package 'torch'" in other[2]
    assert learned[0] == 3
    assert "not installed: torch, onnx, onnxscript, onnxruntime; hint: pip install" in learned[2]
    assert not (tmp_path / "made").exists()
    assert onnx[0] == 2
    assert "nothing in it is a network" in onnx[2]
    assert doctor[0] == 3
    assert "model instant     training ok, exporting ok, sampling ok\n" in doctor[1]
    assert doctor[1].endswith("not ready to sample, but for instant\n")
    for code, _, said in refused:
        assert code == 3
        assert "this bundle has none: it runs on the CPU" in said
    assert not (tmp_path / "out").exists()
