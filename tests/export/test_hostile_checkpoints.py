"""Checkpoints whose bytes are right and whose contents are not: refused as checkpoints."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from exsingan_runs import tiny_exsingan
from tiny_training import tiny_train, write_picture

from petsgan_sdk.checkpoint import load_checkpoint, save_checkpoint
from petsgan_sdk.errors import CheckpointError
from petsgan_sdk.export.bundle import draft_bundle


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    photo = write_picture(folder / "photo.png")
    tiny_train(photo, folder / "petsgan.pt", steps=2)
    mix = {"stages.semantic": 1, "stages.texture": 1}
    tiny_exsingan(photo, folder / "exsingan.pt", preset="fast", steps=4, overrides=mix)
    return photo, {name: load_checkpoint(folder / f"{name}.pt") for name in ("petsgan", "exsingan")}


def changed(checkpoint, table, **settings):
    config = checkpoint.settings
    part = dataclasses.replace(getattr(config, table), **settings)
    return dataclasses.replace(checkpoint, settings=dataclasses.replace(config, **{table: part}))


@pytest.mark.parametrize(
    ("family", "table", "settings", "message"),
    [
        ("petsgan", "restoration", {"width": 1024, "num_blocks": 64}, "must have shape"),
        ("petsgan", "depnet", {"modes": 256}, "must have shape"),
        ("petsgan", "transfer", {"features": "auto"}, "must describe a model, but"),
        ("exsingan", "pyramid", {"coarsest_px": 10}, "must have shape"),
        ("exsingan", "stages", {"texture": 16}, "(must have shape|must describe a model)"),
        ("exsingan", "pyramid", {"coarsest_px": 8, "rescale": "singan"}, "must "),
    ],
)
def test_settings_that_are_not_those_of_the_weights(
    trained, tmp_path, family, table, settings, message
):
    checkpoint = changed(trained[1][family], table, **settings)
    save_checkpoint(tmp_path / "m.pt", checkpoint, overwrite=False)
    with pytest.raises(CheckpointError, match=f"checkpoint: .*{message}"):
        draft_bundle(tmp_path / "m.pt", lambda _: None)


def test_a_photo_too_flat_for_the_pyramid(trained, tmp_path):
    checkpoint = dataclasses.replace(trained[1]["exsingan"], photo=np.zeros((4, 60, 3), np.uint8))
    save_checkpoint(tmp_path / "m.pt", checkpoint, overwrite=False)
    with pytest.raises(CheckpointError, match="must describe a model, but pyramid: every level"):
        draft_bundle(tmp_path / "m.pt", lambda _: None)


@pytest.mark.parametrize("family", ["petsgan", "exsingan"])
@pytest.mark.parametrize("damage", ["missing", "shape", "dtype", "nan"])
def test_a_run_does_not_go_on_from_damaged_arrays(trained, tmp_path, family, damage):
    photo, checkpoints = trained
    checkpoint = checkpoints[family]
    for name in list(checkpoint.arrays)[:: max(1, len(checkpoint.arrays) // 6)]:
        array = checkpoint.arrays[name]
        arrays = {key: value for key, value in checkpoint.arrays.items() if key != name}
        if damage == "shape":
            arrays[name] = np.zeros((*array.shape, 2), array.dtype)
        elif damage == "dtype":
            arrays[name] = array.astype(np.complex64)
        elif damage == "nan":
            arrays[name] = np.full(array.shape, np.nan, np.float32)
        path = tmp_path / "m.pt"
        save_checkpoint(path, dataclasses.replace(checkpoint, arrays=arrays), overwrite=True)
        with pytest.raises(CheckpointError):
            resume(family, photo, path)


def resume(family, photo, path):
    if family == "petsgan":
        return tiny_train(photo, path, steps=2, resume=True)
    mix = {"stages.semantic": 1, "stages.texture": 1}
    return tiny_exsingan(photo, path, preset="fast", steps=4, overrides=mix, resume=True)
