"""The new DIPNet on top of a generator: schedule, resuming, refusals."""

from __future__ import annotations

import os
import signal

import numpy as np
import pytest
import torch
from tiny_training import FILTERS, differing_arrays, narrow_config, tiny_train, write_picture
from torch.nn import functional

from petsgan_sdk.checkpoint import load_checkpoint
from petsgan_sdk.errors import CheckpointError, ConfigError, InputError
from petsgan_sdk.models.petsgan import generator_from
from petsgan_sdk.models.petsgan_enlargement import EnlargedRestoration, EnlargingNet, UpscalingNet
from petsgan_sdk.training.petsgan.recipe import PetsganRecipe

SMALL = {
    "fast": {"enlargement.width": 4},
    "paper": {"enlargement.width": 4, "enlargement.crop_px": 32},
}


def train_large(photo, checkpoint, *, preset="fast", high_res=128, extra=8, overrides=None, **more):
    return tiny_train(
        photo,
        checkpoint,
        preset=preset,
        max_size_px=64,
        options={**FILTERS, "high-res": str(high_res)},
        overrides={**SMALL[preset], "enlargement.steps": extra, **(overrides or {})},
        **more,
    )


@pytest.fixture(scope="module")
def large_photo(tmp_path_factory):
    return write_picture(tmp_path_factory.mktemp("large") / "photo.png", 256, 200)


def test_it_learns_after_the_generator(large_photo, tmp_path):
    losses, phases = [], []

    def watch(done):
        phases.append(done.phase)
        if done.phase == "enlargement":
            losses.append(done.losses["enlargement"])

    result = train_large(large_photo, tmp_path / "m.pt", steps=6, extra=40, progress=watch)
    assert result.steps == 46
    assert result.size_px == (128, 96)
    assert "enlargement" not in phases[:6]
    assert phases[6:] == ["enlargement"] * 40
    assert np.mean(losses[-10:]) < np.mean(losses[:3])


def test_the_generator_is_the_one_without_it(large_photo, tmp_path):
    train_large(large_photo, tmp_path / "large.pt", steps=6)
    large = load_checkpoint(tmp_path / "large.pt")
    times = large.settings.enlargement.factor
    assert (large.settings.image.factor, large.settings.layout_factor, times) == (16, 8, 2)
    assert large.settings.generator_steps == 6
    generator = generator_from(large)
    assert isinstance(generator.restoration, EnlargedRestoration)
    assert generator.factor == 16
    image = generator.sample(torch.zeros(generator.noise_shape(1, *generator.size)))
    assert image.shape[2:] == large.photo.shape[:2]
    # More steps of the new DIPNet leave the generator as it is.
    train_large(large_photo, tmp_path / "longer.pt", steps=6, extra=12)
    longer = load_checkpoint(tmp_path / "longer.pt")
    own = [name for name in large.arrays if name.startswith(("averaged/", "generator/"))]
    assert own
    for name in own:
        np.testing.assert_array_equal(large.arrays[name], longer.arrays[name])


@pytest.mark.parametrize(("preset", "stops"), [("fast", [3, 6, 9]), ("paper", [7, 12])])
def test_interrupted_is_uninterrupted(preset, stops, large_photo, tmp_path):
    settings = {"preset": preset, "steps": 6, "seed": 3}
    train_large(large_photo, tmp_path / "whole.pt", **settings)
    for number, stop in enumerate(stops):

        def press_ctrl_c(done, at=stop):
            if done.step == at:
                os.kill(os.getpid(), signal.SIGINT)

        with pytest.raises(KeyboardInterrupt):
            train_large(
                large_photo,
                tmp_path / "m.pt",
                resume=number > 0,
                progress=press_ctrl_c,
                **settings,
            )
    train_large(large_photo, tmp_path / "m.pt", resume=True, **settings)
    assert differing_arrays(tmp_path / "whole.pt", tmp_path / "m.pt") == []


def test_another_size_is_another_run(large_photo, tmp_path):
    train_large(large_photo, tmp_path / "m.pt", steps=6)
    with pytest.raises(CheckpointError, match="to resume, got "):
        train_large(large_photo, tmp_path / "m.pt", steps=6, high_res=256, resume=True)


def test_a_photo_that_is_too_small_is_refused(tmp_path):
    photo = write_picture(tmp_path / "small.png", 127, 90)
    expected = "'small.png' must be at least 128 px long for --high-res 128, got 127x90"
    with pytest.raises(InputError, match=expected):
        train_large(photo, tmp_path / "m.pt", steps=2)
    assert not (tmp_path / "m.pt").exists()


@pytest.mark.parametrize(
    ("text", "task", "message"),
    [
        ("700", "generate", "must be 512, 1024 or 2048 on top of --max-size 256, got 700"),
        ("0", "generate", "must be 512, 1024 or 2048 .*, got 0"),
        ("512", "manipulate", "must come with --task generate, got 'manipulate'"),
    ],
)
def test_sizes_that_do_not_go_together(text, task, message):
    recipe = PetsganRecipe({**FILTERS, "high-res": text, "task": task})
    with pytest.raises(ConfigError, match=f"^high-res: {message}"):
        recipe.settle(narrow_config("fast", **recipe.overrides))


@pytest.mark.parametrize("text", ["big", "-512", "512x512", "", "1e3", "10000"])
def test_texts_that_are_no_size(text):
    with pytest.raises(ConfigError, match="high-res: must be a number of pixels"):
        PetsganRecipe({"high-res": text})


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_networks_and_their_factor(factor):
    torch.manual_seed(0)
    image = torch.rand(2, 3, 9, 11) * 2 - 1
    large = (2, 3, 9 * factor, 11 * factor)
    assert UpscalingNet(width=4, num_stages=factor.bit_length() - 1)(image).shape == large
    net = EnlargingNet(width=4, num_blocks=1, factor=factor)
    texture = torch.rand(large) * 2 - 1
    assert net(image, texture).shape == large
    # With no residual: of all images that reduce to the given one, nearly the nearest to texture.
    torch.nn.init.zeros_(net.residual.weight)
    same = functional.avg_pool2d(texture, factor)
    torch.testing.assert_close(net(same, texture), texture)
    shifted = net(same + 0.1, texture)
    torch.testing.assert_close(shifted, texture + 0.1)
