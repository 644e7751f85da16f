"""Bundles that start from an image only: whole, in blocks, and what else must say so."""

from __future__ import annotations

import numpy as np
import pytest
from support.commands import refused, runner
from support.pictures import picture, write_picture
from support.training_runs import FILTERS, tiny_train

from petsgan_sdk.cli import app
from petsgan_sdk.errors import BundleError, ConfigError
from petsgan_sdk.export import export_bundle
from petsgan_sdk.export.onnx_file import export_onnx
from petsgan_sdk.export.tensorrt_folder import export_tensorrt
from petsgan_sdk.imaging import resize
from petsgan_sdk.runtime import load
from petsgan_sdk.runtime.bundle import open_bundle
from petsgan_sdk.runtime.flow import required_image
from petsgan_sdk.runtime.rendering import blocks

PARAMS = [("fast", 8), pytest.param(("fast", 2), marks=pytest.mark.slow), ("paper", 4)]


@pytest.fixture(scope="module", params=PARAMS)
def alone(request, tmp_path_factory):
    """Checkpoint and bundle."""
    preset, factor = request.param
    folder = tmp_path_factory.mktemp("alone")
    photo = write_picture(folder / "photo.png", 64, 48)
    options = {**FILTERS, "task": "manipulate", "factor": str(factor)}
    # A norm is deployed with running averages, which need longer.
    steps = 30 if preset == "fast" else 200
    tiny_train(photo, folder / "model.pt", preset=preset, steps=steps, options=options)
    result = export_bundle(folder / "model.pt", folder / "model.petsgan")
    assert result.max_abs_diff < 1e-4
    return folder / "model.pt", result.bundle


@pytest.fixture
def sampler(alone):
    return load(alone[1], provider="cpu", threads=1)


def test_it_gives_the_photo_back_and_follows_what_it_is_given(sampler):
    photo = picture(64, 48)
    again = sampler.refine(photo)
    assert again.shape == photo.shape
    plain = np.abs(photo - photo.mean(axis=(0, 1))).mean()
    assert np.abs(again.astype(int) - photo).mean() < 0.7 * plain
    np.testing.assert_array_equal(sampler.refine(photo, seed=9), again)
    turned = sampler.refine(np.ascontiguousarray(photo[::-1])).astype(int)
    assert np.abs(turned - photo[::-1]).mean() < np.abs(turned - photo).mean()


def test_blocks_make_the_whole(alone, monkeypatch):
    image = resize(picture(64, 48, seed=1), (150, 101))
    whole = load(alone[1], provider="cpu", threads=1).refine(image)
    monkeypatch.setattr(blocks, "_BLOCK_PX", (40, 64))
    monkeypatch.setattr(blocks, "_KEPT_BLOCK_PX", 32)
    pieced = load(alone[1], provider="cpu", threads=2).refine(image)
    assert np.abs(pieced.astype(int) - whole).max() <= 1


def test_a_seed_alone_is_refused_in_words(sampler):
    expected = r"images from seeds, .* --task manipulate: .*; train without --task"
    for call in (
        sampler.sample,
        lambda: sampler.images(1),
        lambda: sampler.stream(64, 64),
        lambda: sampler.region(64, 64, 0, 0, 16, 16),
        lambda: sampler.interpolate(0, 1),
        sampler.warmup,
    ):
        with pytest.raises(BundleError, match=expected):
            call()
    with pytest.raises(ConfigError, match="start_stage must be one of 1"):
        sampler.refine(picture(), 2)


def test_commands_say_so_and_leave_nothing(alone, tmp_path):
    bundle = str(alone[1])
    for arguments in (
        ("generate", bundle, "-o", str(tmp_path / "out")),
        ("generate", bundle, "-o", str(tmp_path / "out.png")),
        ("bench", bundle),
        ("evaluate", bundle, str(alone[0].parent / "photo.png"), "--metrics", "diversity"),
    ):
        assert "train without --task" in refused(runner.invoke(app, list(arguments)))
    result = runner.invoke(app, ["info", bundle])
    assert result.exit_code == 0
    assert "makes_images: from images only" in result.stdout
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(BundleError, match="train without --task"):
        export_onnx(alone[0], tmp_path / "model.onnx")
    with pytest.raises(BundleError, match="train without --task"):
        export_tensorrt(alone[0], tmp_path / "engines")
    assert list(tmp_path.iterdir()) == []
    assert required_image(open_bundle(alone[1]).manifest) == "layout"
