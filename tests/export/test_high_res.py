"""Bundles of larger images: as torch, in blocks, in every form, through the command line."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from support.commands import runner
from support.pictures import write_picture
from support.training_runs import FILTERS, tiny_train

from petsgan_sdk import imaging, kernels
from petsgan_sdk.checkpoint import load_checkpoint
from petsgan_sdk.cli import app
from petsgan_sdk.export import export_bundle
from petsgan_sdk.export.onnx_file import Form, export_onnx
from petsgan_sdk.models.petsgan import generator_from
from petsgan_sdk.runtime import load
from petsgan_sdk.runtime.rendering import blocks

OVERRIDES = {"enlargement.steps": 4, "enlargement.width": 4, "enlargement.crop_px": 32}


PARAMS = [
    ("fast", 128),
    pytest.param(("fast", 256), marks=pytest.mark.slow),
    ("paper", 128),
]


@pytest.fixture(scope="module", params=PARAMS)
def large(request, tmp_path_factory):
    """Checkpoint and bundle."""
    preset, high_res = request.param
    folder = tmp_path_factory.mktemp("large")
    photo = write_picture(folder / "photo.png", 256, 200)
    tiny_train(
        photo,
        folder / "model.pt",
        preset=preset,
        max_size_px=64,
        steps=4,
        options={**FILTERS, "high-res": str(high_res)},
        overrides=OVERRIDES,
    )
    result = export_bundle(folder / "model.pt", folder / "model.petsgan")
    assert result.max_abs_diff < 1e-4
    return folder / "model.pt", result.bundle


def test_the_large_image_is_the_default(large):
    sampler = load(large[1], provider="cpu", threads=1)
    height, width = sampler.manifest.image_size_px
    assert sampler.manifest.factor * 8 == width
    assert sampler.sample()[0].shape == (height, width, 3)
    generator = generator_from(load_checkpoint(large[0]))
    margin = generator.depnet.noise_margin
    shape = generator.noise_shape(1, *generator.size)
    noise = torch.from_numpy(kernels.normal_noise(shape, seed=3, top=-margin, left=-margin))
    expected = (generator.sample(noise)[0].permute(1, 2, 0).numpy() + 1) * 127.5
    found = sampler.sample(seed=3)[0].astype(float)
    # Another match may win a tie of rounding; nearly all pixels are the same.
    assert np.mean(np.abs(found - expected) < 1.5) > 0.9


def test_blocks_and_streams_make_the_whole(large, monkeypatch):
    whole = load(large[1], provider="cpu", threads=1).sample(height=300, width=401, seed=2)[0]
    monkeypatch.setattr(blocks, "_BLOCK_PX", (64, 96))
    monkeypatch.setattr(blocks, "_KEPT_BLOCK_PX", 96)
    sampler = load(large[1], provider="cpu", threads=2)
    pieced = sampler.sample(height=300, width=401, seed=2)[0]
    assert np.abs(pieced.astype(int) - whole).max() <= 1
    bands = np.concatenate(list(sampler.stream(300, 401, 2, rows=17)))
    np.testing.assert_array_equal(bands, pieced)
    region = sampler.region(300, 401, 100, 7, 33, 130, 2)
    np.testing.assert_array_equal(region, pieced[100:133, 7:137])


def test_it_starts_from_images_too(large):
    sampler = load(large[1], provider="cpu", threads=1)
    photo = imaging.load_image(large[0].parent / "photo.png").rgb
    assert sampler.refine(photo).shape == photo.shape


def test_one_graph_of_every_form(large, tmp_path):
    written = export_onnx(large[0], tmp_path / "m.onnx", form=Form.standard)
    assert written.checks
    assert all(found.max_step_diff < 1e-3 for found in written.checks)


def test_commands_make_and_describe_it(large, tmp_path):
    result = runner.invoke(app, ["info", str(large[1]), "--json"])
    facts = json.loads(result.stdout)
    assert facts["config"]["enlargement"]["factor"] > 1
    result = runner.invoke(app, ["generate", str(large[1]), "-o", str(tmp_path), "-n", "2"])
    assert result.exit_code == 0, result.output
    sizes = {imaging.load_image(path).rgb.shape[1::-1] for path in tmp_path.glob("*.png")}
    assert sizes == {tuple(facts["size"])}
