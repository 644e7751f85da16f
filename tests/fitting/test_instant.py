"""The instant model: its settings, and that its windows equal the whole."""

from __future__ import annotations

import pytest
from support.pictures import write_picture

from petsgan_sdk.checkpoint import load_checkpoint, save_checkpoint
from petsgan_sdk.errors import CheckpointError, ConfigError
from petsgan_sdk.export import export_bundle
from petsgan_sdk.settings.presets import load_preset
from petsgan_sdk.training import train


def test_settings():
    settings = load_preset("fast", model="instant", overrides={"image.max_size_px": 4096})
    assert (settings.image.factor, settings.total_steps) == (1, 1)
    with pytest.raises(ConfigError, match=r"image\.factor must be 1, got 8"):
        load_preset("fast", model="instant", overrides={"image.factor": 8})
    with pytest.raises(ConfigError, match=r"synthesis\.places\.tolerance must be from 0 to 1"):
        load_preset("fast", model="instant", overrides={"synthesis.places.tolerance": 2.0})


@pytest.mark.parametrize("size", [(40, 30), (64, 48), (80, 60)])
def test_windows_of_a_small_photo(size, tmp_path):
    photo = write_picture(tmp_path / "photo.png", *size)
    made = train(photo, tmp_path / "model.petsgan", model="instant")
    assert made.is_bundle


def test_a_checkpoint_that_lacks_an_array(tmp_path):
    photo = write_picture(tmp_path / "photo.png", 40, 30)
    train(photo, tmp_path / "model.pt", model="instant")
    saved = load_checkpoint(tmp_path / "model.pt")
    del saved.arrays["basis"]
    save_checkpoint(tmp_path / "bad.pt", saved, overwrite=False)
    with pytest.raises(CheckpointError, match=r"'basis' must be int16 .*, got none"):
        export_bundle(tmp_path / "bad.pt", tmp_path / "bad.petsgan")
    assert not (tmp_path / "bad.petsgan").exists()
