"""ExSinGAN and SinGAN on the command line, from a photo to images, and what is refused."""

from __future__ import annotations

import json

import pytest
from support.pictures import write_picture
from support.training_runs import EXSINGAN_NARROW
from typer.testing import CliRunner

from petsgan_sdk.cli import app

SMALL = [text for name, value in EXSINGAN_NARROW.items() for text in ("--set", f"{name}={value}")]


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    return write_picture(tmp_path_factory.mktemp("photo") / "photo.png", 53, 40)


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.mark.parametrize(
    ("model", "stages"),
    [
        pytest.param("exsingan", "St.1,Se.1,Te.1", marks=pytest.mark.slow),
        ("singan", "St.0,Se.0,Te.3"),
    ],
)
def test_from_a_photo_to_images(model, stages, photo, tmp_path):
    trained = run(
        *("train", photo, "--model", model, "--stages", stages, "-o", tmp_path / "m.pt"),
        *("--steps", 6, "--json", *SMALL),
    )
    assert trained.exit_code == 0, trained.output
    assert json.loads(trained.stdout)["size"] == [53, 40]
    exported = run("export", tmp_path / "m.pt", "-o", tmp_path / "m.petsgan", "--json")
    assert exported.exit_code == 0, exported.output
    made = run(
        *("generate", tmp_path / "m.petsgan", "-n", 2, "--size", "72x48", "-o", tmp_path / "out"),
        "--json",
    )
    assert made.exit_code == 0, made.output
    assert len(list((tmp_path / "out").glob("*_72x48.png"))) == 2
    told = json.loads(run("info", tmp_path / "m.petsgan", "--json").stdout)
    assert told["family"] == "exsingan"
    assert len(told["levels"]) == 2


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--stages", "St.2,Se.1,Te.1"], "structural must be 0 or 1: the prior's layouts have one"),
        (["--stages", "St.1,Se.0,Te.0"], "a structural stage alone makes layouts only, got 0"),
        (["--stages", "3"], "stages: must be of the form St.1,Se.3,Te.3, got '3'"),
        (["--set", "pyramid.coarsest_px=4"], "from 8 to 256: less is smaller than what a stage"),
        (["--rescale", "linear"], "pyramid.rescale must be 'exsingan' or 'consingan' or"),
        (["--features", "filters"], "'features' is of model petsgan, got model 'exsingan'"),
        (["--perceptual", "vgg19:nowhere.pth"], "must be a file of VGG-19 weights, got no file"),
        (["--preset", "paper"], "train without by --perceptual none"),
        (["--stage0", "nowhere.pt"], "nowhere.pt"),
        (
            ["--ablation", "cascaded"],
            "one of no-paired, no-semantic, no-structural, singan",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(arguments, reason, photo, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    result = run("train", photo, "--model", "exsingan", "-o", tmp_path / "m.pt", *arguments)
    assert result.exit_code == 2
    assert reason in " ".join(result.stderr.split())
    assert not (tmp_path / "m.pt").exists()


def test_a_thin_photo_keeps_its_aspect_and_its_levels(tmp_path):
    photo = write_picture(tmp_path / "thin.png", 90, 16)
    words = ("train", photo, "--model", "exsingan", "-o", tmp_path / "m.pt", "--max-size", 64)
    result = run(*words, "--steps", 1, "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["size"] == [90, 16]  # at 64 px it would be 11 px high
