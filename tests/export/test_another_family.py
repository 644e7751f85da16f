"""A family that no module knows: trained, resumed, exported, described and sampled."""

from __future__ import annotations

import json
import os
import signal

import numpy as np
import pytest
import toy_family
from tiny_training import differing_arrays, write_picture
from typer.testing import CliRunner

from petsgan_sdk.checkpoint import load_checkpoint
from petsgan_sdk.cli import app
from petsgan_sdk.errors import CheckpointError, ConfigError, InputError, OutputError
from petsgan_sdk.export import export_bundle
from petsgan_sdk.runtime import load
from petsgan_sdk.settings import families, presets
from petsgan_sdk.training import train
from petsgan_sdk.training.recipe import create_recipe


@pytest.fixture(autouse=True)
def _toy(monkeypatch):
    own = presets._preset_texts
    texts = {"toy": {"tiny": toy_family.PRESET}}
    monkeypatch.setattr(families, "FAMILIES", (*families.FAMILIES, toy_family.TOY))
    monkeypatch.setattr(presets, "_preset_texts", lambda model: texts.get(model) or own(model))


@pytest.fixture
def photo(tmp_path):
    return write_picture(tmp_path / "photo.png", 37, 29)


def toy_train(photo, out, **settings):
    return train(photo, out, **{"model": "toy", "preset": "tiny", "device": "cpu", **settings})


def test_it_is_trained_exported_and_sampled(photo, tmp_path):
    notes, seen = [], []
    model = tmp_path / "toy.pt"
    result = toy_train(
        photo, model, options={"width": "5"}, note=notes.append, progress=seen.append
    )
    assert (result.steps, result.size_px) == (6, (37, 29))
    assert "a toy of noise" in notes
    assert [state.phase for state in seen] == ["first half"] * 3 + ["second half"] * 3
    saved = load_checkpoint(model)
    assert type(saved.settings) is toy_family.ToySettings
    # What the options decide, what the recipe settles, and what training settles.
    assert (saved.settings.width, saved.settings.activation) == (5, "tanh")
    assert saved.settings.training.precision != "auto"
    assert "prior" not in saved.provenance
    notes = []
    export_bundle(model, tmp_path / "toy.petsgan", note=notes.append)
    assert sum(note.startswith("verified at") for note in notes) == 3
    sampler = load(tmp_path / "toy.petsgan", provider="cpu")
    assert (sampler.manifest.family, sampler.manifest.min_canvas_px) == ("toy", 5)
    assert (sampler.manifest.factor, sampler.manifest.image_size_px) == (1, (29, 37))
    whole = sampler.sample(1, seed=3, height=41, width=67)
    assert whole.shape == (1, 41, 67, 3)
    np.testing.assert_array_equal(whole, sampler.sample(1, seed=3, height=41, width=67))


def test_it_resumes(photo, tmp_path):
    def press_ctrl_c(state):
        if state.step == 4:
            os.kill(os.getpid(), signal.SIGINT)

    toy_train(photo, tmp_path / "whole.pt")
    with pytest.raises(KeyboardInterrupt):
        toy_train(photo, tmp_path / "parts.pt", progress=press_ctrl_c)
    assert load_checkpoint(tmp_path / "parts.pt").steps_done == 4
    with pytest.raises(CheckpointError, match="got width 4 where now 9 is asked for"):
        toy_train(photo, tmp_path / "parts.pt", options={"width": "9"}, resume=True)
    with pytest.raises(CheckpointError, match="got family 'toy' where now 'petsgan' is asked for"):
        toy_train(photo, tmp_path / "parts.pt", model="petsgan", preset="fast", resume=True)
    toy_train(photo, tmp_path / "parts.pt", resume=True)
    assert differing_arrays(tmp_path / "whole.pt", tmp_path / "parts.pt") == []


def test_a_model_that_it_builds_on_is_recorded_and_kept(photo, tmp_path):
    base, out = tmp_path / "base.pt", tmp_path / "out.pt"
    toy_train(photo, base)
    options = {"base": str(base)}
    toy_train(photo, out, options=options)
    assert set(load_checkpoint(out).provenance["base"]) == {"digest"}
    with pytest.raises(OutputError, match="must not be the input"):
        toy_train(photo, base, options=options, overwrite=True)
    toy_train(photo, base, seed=1, overwrite=True)
    with pytest.raises(CheckpointError, match="of the same base to resume, got another one"):
        toy_train(photo, out, options=options, resume=True)
    with pytest.raises(CheckpointError, match="of the same base to resume, got another one"):
        toy_train(photo, tmp_path / "out.pt", resume=True)


def test_options_win_over_settings_and_are_refused_before_the_photo_is_read(tmp_path):
    absent, out = tmp_path / "absent.png", tmp_path / "m.pt"
    for options, error, message in [
        ({"width": "wide"}, ConfigError, "width: must be a number, got 'wide'"),
        ({"base": "/no/such"}, InputError, "'/no/such' must be a toy, got no file"),
        ({"features": "auto"}, ConfigError, "'features' is of model petsgan, got model 'toy'"),
        ({"widht": "3"}, ConfigError, "of model 'toy' must be among width, base, got 'widht'; did"),
    ]:
        with pytest.raises(error, match=message):
            toy_train(absent, out, options=options)
    recipe = create_recipe("toy", {"width": "7"})
    assert recipe.overrides == {"width": 7}
    photo = write_picture(tmp_path / "photo.png", 24, 24)
    toy_train(photo, out, options={"width": "7"}, overrides={"width": 3}, steps=1)
    assert load_checkpoint(out).settings.width == 7


def test_the_command_line_trains_and_exports_it(photo, tmp_path):
    def run(*words):
        return CliRunner().invoke(app, [str(word) for word in words])

    out = tmp_path / "toy.pt"
    words = ("--model", "toy", "--preset", "tiny", "--steps", 2)
    done = run("train", photo, "-o", out, *words, "--width", 7)
    assert done.exit_code == 0, done.stderr
    assert load_checkpoint(out).settings.width == 7
    done = run("train", photo, "-o", tmp_path / "next.pt", *words, "--width", 7, "--base", out)
    assert done.exit_code == 0, done.stderr
    assert set(load_checkpoint(tmp_path / "next.pt").provenance["base"]) == {"digest"}
    done = run("export", out, "--json")
    assert done.exit_code == 0, done.stderr
    done = run("info", json.loads(done.stdout)["bundle"], "--json")
    assert json.loads(done.stdout)["family"] == "toy"
    refused = run("train", photo, "-o", out, "--model", "toy", "--features", "auto")
    assert refused.exit_code == 2
    assert "'features' is of model petsgan, got model 'toy'" in refused.stderr
