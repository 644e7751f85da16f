"""DIPNet alone: what it learns, that it goes on, and what is refused."""

from __future__ import annotations

import os
import signal

import numpy as np
import pytest
import torch
from tiny_training import FILTERS, NARROW, differing_arrays, narrow_config, tiny_train

from petsgan_sdk.checkpoint import load_checkpoint
from petsgan_sdk.errors import CheckpointError, ConfigError
from petsgan_sdk.models import DipNet
from petsgan_sdk.models.petsgan import dipnet_from, generator_from
from petsgan_sdk.settings.petsgan import PetsganSettings
from petsgan_sdk.settings.presets import load_preset
from petsgan_sdk.training.petsgan.recipe import PetsganRecipe

MANIPULATE = {**FILTERS, "task": "manipulate"}


def train_alone(photo, checkpoint, *, preset="fast", factor=None, **settings):
    options = MANIPULATE if factor is None else {**MANIPULATE, "factor": str(factor)}
    tiny_train(photo, checkpoint, preset=preset, options=options, **settings)
    return load_checkpoint(checkpoint)


@pytest.mark.parametrize(("preset", "factor"), [("fast", None), ("fast", 2), ("paper", 4)])
def test_it_learns_to_give_the_photo_back(preset, factor, small_photo, tmp_path):
    first, last = {}, {}

    def watch(done):
        (first if done.step <= 5 else last).setdefault(done.step, done.losses["reconstruction"])

    checkpoint = train_alone(
        small_photo,
        tmp_path / "m.pt",
        preset=preset,
        factor=factor,
        steps=40,
        progress=watch,
        overrides={"training.freeze_norm_from": 1.0},  # running averages need longer
    )
    assert np.mean(list(last.values())[-5:]) < np.mean(list(first.values()))
    network = dipnet_from(checkpoint)
    assert type(network) is DipNet
    assert network.factor == (factor or 8)
    assert not any("depnet" in name or "critic" in name for name in checkpoint.arrays)
    with torch.no_grad():
        again = network.restore(network.transfer(network.low_res))
    assert (again - network.image).abs().mean() < 0.25


@pytest.mark.parametrize("preset", ["fast", "paper"])
def test_interrupted_is_uninterrupted(preset, small_photo, tmp_path):
    settings = {"preset": preset, "steps": 6, "seed": 3}
    train_alone(small_photo, tmp_path / "whole.pt", **settings)

    def press_ctrl_c(done):
        if done.step == 3:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train_alone(small_photo, tmp_path / "m.pt", progress=press_ctrl_c, **settings)
    train_alone(small_photo, tmp_path / "m.pt", resume=True, **settings)
    assert differing_arrays(tmp_path / "whole.pt", tmp_path / "m.pt") == []


def test_a_generator_is_not_taken_for_it(small_photo, tmp_path):
    alone = train_alone(small_photo, tmp_path / "alone.pt", steps=1)
    with pytest.raises(CheckpointError, match=r"task must be 'generate' .*, got 'manipulate'"):
        generator_from(alone)
    tiny_train(small_photo, tmp_path / "whole.pt", steps=1)
    with pytest.raises(CheckpointError, match=r"task must be 'manipulate' .*, got 'generate'"):
        dipnet_from(load_checkpoint(tmp_path / "whole.pt"))
    with pytest.raises(CheckpointError, match="got task 'manipulate' where now 'generate'"):
        tiny_train(small_photo, tmp_path / "alone.pt", steps=1, resume=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"task": "paint"}, r"task: must be one of generate, manipulate, got 'paint'"),
        ({"factor": "3"}, r"factor: must be one of 2, 4, 8, 16, got '3'"),
    ],
)
def test_other_texts_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        PetsganRecipe(options)


def test_presets_have_a_schedule_of_their_own_for_it():
    for preset in ("fast", "paper"):
        plain = load_preset(preset, cls=PetsganSettings)
        alone = load_preset(preset, overrides={"task": "manipulate"}, cls=PetsganSettings)
        assert alone.training.steps < plain.training.steps
        longer = {"task": "manipulate", "training.steps": 7}
        assert load_preset(preset, overrides=longer, cls=PetsganSettings).training.steps == 7


def test_what_only_a_generator_needs_is_not_asked_for():
    unsigned = {"losses.paired": 0.0}
    with pytest.raises(ConfigError, match="losses must be layout_gan above 0"):
        narrow_config("fast", **unsigned)
    assert NARROW["fast"]
    narrow_config("fast", task="manipulate", **unsigned)
