"""The commands that need torch, run for real on a small picture."""

from __future__ import annotations

import json
import os
import pickle
import signal
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from support.pictures import picture, write_picture
from support.training_runs import differing_arrays
from typer.testing import CliRunner

from petsgan_sdk.checkpoint import FORMAT, Checkpoint, load_checkpoint, save_checkpoint
from petsgan_sdk.cli import app
from petsgan_sdk.cli.progress import ProgressBar
from petsgan_sdk.container import write_container
from petsgan_sdk.settings.presets import load_preset
from petsgan_sdk.training.petsgan.training import PetsganTraining

runner = CliRunner()


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    return write_picture(tmp_path_factory.mktemp("photo") / "photo.png", 40, 32)


@pytest.fixture(scope="module")
def model(photo, tmp_path_factory):
    out = tmp_path_factory.mktemp("model") / "model.pt"
    result = runner.invoke(app, ["train", str(photo), "-o", str(out), "--steps", "2"])
    assert result.exit_code == 0, result.stderr
    return out


def run(*words):
    return runner.invoke(app, [str(word) for word in words])


def failed(result, code, message):
    assert result.exit_code == code, result.stderr
    assert result.stdout == ""
    *notes, last = result.stderr.splitlines()
    assert last.startswith("error: ")
    assert not any(note.startswith(("error", "Traceback")) for note in notes)
    assert message in last


def test_train_prints_one_object(photo, tmp_path):
    out = tmp_path / "model.pt"
    words = ("train", photo, "-o", out, "--steps", 3, "--max-size", 32, "--seed", 7, "--json")
    result = run(*words)
    assert result.exit_code == 0, result.stderr
    printed = json.loads(result.stdout)
    assert result.stdout.count("\n") == 1
    assert list(printed) == ["checkpoint", "steps", "seconds", "size"]
    assert printed | {"seconds": 0} == {
        "checkpoint": str(out),
        "steps": 3,
        "seconds": 0,
        "size": [40, 32],
    }
    # At 32 px its shorter side would be 26, and the least is 32: the aspect is kept.
    first, longer, where, *others = result.stderr.splitlines()
    assert first == "training at 40x32 (input 40x32)"
    assert longer.startswith("longer than 32 px: ")
    assert where.startswith("device cpu, ")
    assert others[:2] == [
        "patch features from the built-in filter bank",
        "the layout is 5x4, smaller than a patch: expect little variety",
    ]
    config = load_checkpoint(out).settings
    assert (config.training.seed, config.training.steps, config.preset) == (7, 3, "fast")
    done = run("info", out, "--json")
    assert json.loads(done.stdout)["kind"] == "checkpoint"


def test_train_prints_one_line(photo, tmp_path):
    result = run("train", photo, "-o", tmp_path / "m.pt", "--steps", 1)
    assert result.stdout.count("\n") == 1
    assert "1 steps at 40x32" in result.stdout


def png_header(width, height):
    def chunk(kind, content):
        check = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(99)))


def bad_images(folder):
    photo = picture()
    Image.fromarray(photo).save(folder / "whole.jpg")
    whole = (folder / "whole.jpg").read_bytes()
    (folder / "truncated.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "text.jpg").write_text("this is no picture\n")
    (folder / "empty.png").write_bytes(b"")
    (folder / "folder.png").mkdir()
    Image.fromarray(photo[:1, :1]).save(folder / "one.png")
    (folder / "huge.png").write_bytes(png_header(20000, 20000))
    (folder / "whole.jpg").unlink()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("absent.png", "must be"),
        ("folder.png", "folder"),
        ("text.jpg", "must be"),
        ("empty.png", "empty"),
        ("truncated.jpg", "truncated"),
        ("one.png", "at least 16x16 px, got 1x1"),
        ("huge.png", "at most 100 megapixels"),
    ],
)
def test_bad_images(name, message, tmp_path):
    bad_images(tmp_path)
    before = sorted(tmp_path.iterdir())
    result = run("train", tmp_path / name, "-o", tmp_path / "m.pt", "--json")
    failed(result, 2, message)
    assert len(result.stderr.splitlines()) == 1
    assert sorted(tmp_path.iterdir()) == before


def test_bad_outputs(photo, tmp_path):
    (tmp_path / "m.pt").write_bytes(b"precious")
    failed(run("train", photo, "-o", tmp_path / "m.pt"), 2, "--force")
    failed(run("train", photo, "-o", tmp_path / "no" / "m.pt"), 2, "mkdir -p")
    failed(run("train", photo, "-o", tmp_path), 2, "must be a file name, got a folder")
    named = photo.with_suffix(".pt")  # an image is known by its content
    named.write_bytes(photo.read_bytes())
    failed(run("train", named, "-o", named, "--force"), 2, "must not be the input")
    assert [path.name for path in tmp_path.iterdir()] == ["m.pt"]
    assert (tmp_path / "m.pt").read_bytes() == b"precious"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_an_output_that_is_no_file(photo):
    failed(run("train", photo, "-o", "/dev/full", "--force"), 2, "must be a regular file")


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--steps", "0"], 2, "training.steps must be from 1"),
        (["--seed", "-1"], 2, "training.seed must be from 0"),
        (["--seed", str(1 << 63)], 2, "training.seed must be from 0"),
        (["--max-size", "0"], 2, "image.max_size_px must be from 32"),
        (["--max-size", "1000000000"], 2, "image.max_size_px must be from 32"),
        (["--prior", "noise"], 2, "internal, synthesis, got 'noise'"),
        (["--prior", "synthesis:9"], 2, "synthesis must have no argument, got '9'"),
        (["--prior", "folder"], 2, "must be given as folder:DIR"),
        (["--prior", "folder:/no/such"], 2, "folder '/no/such' must exist, got nothing"),
        (["--preset", "slow"], 2, "preset must be one of fast, paper or a .toml file, got 'slow'"),
        (["--preset", "/no/such.toml"], 2, "'/no/such.toml' must be a TOML file"),
        (["--model", "petgan"], 2, "singan, instant, got 'petgan'; did you mean 'petsgan'"),
        (["--features", "vgg16"], 2, "must be auto, filters or vgg19:FILE"),
        (["--features", "vgg19:/no/such"], 2, "must be a file of VGG-19 weights, got no file"),
        (["--device", "tpu"], 2, "must be auto, cpu, cuda or cuda:N"),
        (["--device", "cuda:999"], 3, "CUDA devices; hint: "),
    ],
)
def test_bad_settings(words, code, message, photo, tmp_path):
    failed(run("train", photo, "-o", tmp_path / "m.pt", *words), code, message)
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_saves_and_resume_continues(photo, tmp_path, monkeypatch):
    whole, parts = tmp_path / "whole.pt", tmp_path / "parts.pt"
    assert run("train", photo, "-o", whole, "--steps", 5).exit_code == 0

    def press(self, done, *_, **__):
        del self
        if done == 3:
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(ProgressBar, "update", press)
        result = run("train", photo, "-o", parts, "--steps", 5)
    assert result.exit_code == 130
    assert result.stderr.splitlines()[-2:] == [
        f"saved {str(parts)!r} at step 3 of 5; --resume continues",
        "error: interrupted",
    ]
    failed(run("train", photo, "-o", parts, "--steps", 5), 2, "--force")
    result = run("train", photo, "-o", parts, "--steps", 5, "--resume", "--json")
    assert json.loads(result.stdout)["steps"] == 5
    assert differing_arrays(whole, parts) == []
    result = run("train", photo, "-o", parts, "--steps", 5, "--resume")
    assert result.exit_code == 0
    assert "is already finished at step 5 of 5" in result.stderr
    steps = load_preset("fast").training.steps
    failed(run("train", photo, "-o", parts, "--resume"), 2, f"training.steps 5 where now {steps}")


def test_divergence_has_its_own_exit_code(photo, tmp_path, monkeypatch):
    monkeypatch.setattr(PetsganTraining, "step", lambda *_: {"patch_gan": float("nan")})
    result = run("train", photo, "-o", tmp_path / "m.pt")
    failed(result, 4, "loss 'patch_gan' must be finite, got nan at step 1")
    assert list(tmp_path.iterdir()) == []


def spoil(kind, model, path):
    """Write a checkpoint that is spoilt in one way."""
    content = model.read_bytes()
    checkpoint = load_checkpoint(model)
    arrays = checkpoint.arrays
    middle = len(content) // 2
    name = "averaged/depnet.layers.0.weight"
    spoilt = {
        "truncated": content[:-1],
        "flipped": content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
        "dots": content.replace(b"source.npy", b"../rce.npy"),
        "absolute": content.replace(b"source.npy", b"/ource.npy"),
        "pickle": pickle.dumps({"model": 1}),
        "text": b"hello\n",
        "empty": b"",
    }
    if kind in spoilt:
        path.write_bytes(spoilt[kind])
    elif kind == "version":
        header = {"steps_done": 2}
        write_container(
            path, format=FORMAT, format_version=1, header=header, members={}, overwrite=False
        )
    elif kind == "torch":
        torch.save({"model": torch.ones(3)}, path)
    else:
        changed = {
            "missing": {key: value for key, value in arrays.items() if key != name},
            "shape": {**arrays, name: arrays[name][:1]},
            "dtype": {**arrays, name: arrays[name].astype(np.float64)},
            "extra": {**arrays, "averaged/more": np.zeros(3, np.float32)},
        }[kind]
        fields = {field: getattr(checkpoint, field) for field in checkpoint.__slots__}
        save_checkpoint(path, Checkpoint(**{**fields, "arrays": changed}), overwrite=False)


ALWAYS = {
    "truncated": "must be a petsgan",
    "flipped": "sha256",
    "version": "format version 1 where 2 is read; hint: train again",
    "dots": "a path with '..'",
    "absolute": "an absolute path",
    "pickle": "pickle",
    "torch": "a torch checkpoint",
    "text": "",
    "empty": "empty",
}
FITTING = {
    "missing": "averaged/depnet.layers.0.weight must have shape",
    "shape": "averaged/depnet.layers.0.weight must have shape",
    "dtype": "averaged/depnet.layers.0.weight must have shape",
    "extra": "averaged/more must have shape None, got",
}


@pytest.mark.parametrize("kind", [*ALWAYS, *FITTING])
def test_bad_checkpoints(kind, model, photo, tmp_path):
    bad = tmp_path / "bad.pt"
    spoil(kind, model, bad)
    before = bad.read_bytes()
    message = {**ALWAYS, **FITTING}[kind]
    pytest.importorskip("onnx")
    failed(run("export", bad), 2, message)
    if kind in ALWAYS:
        failed(run("info", bad), 2, message)
    failed(run("train", photo, "-o", bad, "--steps", 2, "--resume"), 2, message)
    assert [path.name for path in tmp_path.iterdir()] == ["bad.pt"]
    assert bad.read_bytes() == before


def test_export_of_no_file_and_of_a_folder(tmp_path):
    pytest.importorskip("onnx")
    failed(run("export", tmp_path / "absent.pt"), 2, "got no file")
    (tmp_path / "folder.pt").mkdir()
    failed(run("export", tmp_path / "folder.pt"), 2, "got a folder")
    failed(run("info", tmp_path / "folder.pt"), 2, "got a folder")
    assert [path.name for path in tmp_path.iterdir()] == ["folder.pt"]


def test_ctrl_c_of_the_real_program(photo, tmp_path):
    # Wherever it comes: exit code 130, one line, and a whole checkpoint or none.
    child = subprocess.Popen(
        [sys.executable, "-m", "petsgan_sdk.cli", "train", photo, "-o", "m.pt", "--steps", "90000"],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    with child:
        seen = [child.stderr.readline() for _ in range(3)]
        child.send_signal(signal.SIGINT)
        out, err = child.communicate()
    assert child.returncode == 130, (seen, err)
    assert out == ""
    assert err.splitlines()[-1] == "error: interrupted"
    assert "Traceback" not in err
    left = [path.name for path in tmp_path.iterdir()]
    assert left in ([], ["m.pt"])
    if left:
        assert load_checkpoint(tmp_path / "m.pt").steps_done > 0
        assert "--resume continues" in err
