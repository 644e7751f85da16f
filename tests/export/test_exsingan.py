"""ExSinGAN and SinGAN through export, all forms of it, and the sampler that knows no family."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from support.fake_device import FakeDevice, pipelines, resizing
from support.pictures import write_picture
from support.tolerances import assert_close
from support.training_runs import tiny_exsingan

from petsgan_sdk import kernels
from petsgan_sdk.checkpoint import load_checkpoint
from petsgan_sdk.export import export_bundle
from petsgan_sdk.export.onnx_file import Form, Precision, export_onnx
from petsgan_sdk.export.onnx_file.check import open_session
from petsgan_sdk.export.parity.limits import STEP_TOLERANCE
from petsgan_sdk.imaging import to_u8
from petsgan_sdk.manifest import NoiseStep, PositionStep, ResizeStep
from petsgan_sdk.models.exsingan.generator import generator_from
from petsgan_sdk.runtime import load
from petsgan_sdk.runtime.bundle import open_bundle
from petsgan_sdk.runtime.rendering.canvas import Canvas
from petsgan_sdk.runtime.rendering.noise_fields import stream_noise
from petsgan_sdk.runtime.rendering.pipeline import build_pipeline
from petsgan_sdk.synthesis import Knobs

WAYS = pytest.mark.parametrize("layout", ["network", "synthesis"])
MODELS = ("exsingan", pytest.param("singan", marks=pytest.mark.slow))


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """By model: a checkpoint, its verified bundle, and what the export said."""
    folder = tmp_path_factory.mktemp("exsingan")
    photo = write_picture(folder / "photo.png", 53, 40)

    @cache
    def made(model):
        checkpoint, bundle, notes = folder / f"{model}.pt", folder / f"{model}.petsgan", []
        tiny_exsingan(photo, checkpoint, model=model, steps=15)
        export_bundle(checkpoint, bundle, note=notes.append)
        return checkpoint, bundle, notes

    return made


@pytest.mark.parametrize("model", MODELS)
def test_the_export_is_verified_whole_and_in_windows(model, exported):
    notes = exported(model)[2]
    compared = [note for note in notes if note.startswith("verified at ")]
    assert [" by synthesis: " in note for note in compared] == [False] * 3 + [True] * 3
    assert any(note.startswith("verified in windows") for note in notes)


@pytest.mark.parametrize("model", MODELS)
def test_the_manifest_is_a_pyramid(model, exported):
    checkpoint, path, _ = exported(model)
    bundle = open_bundle(path)
    manifest = bundle.manifest
    net = generator_from(load_checkpoint(checkpoint))
    assert manifest.family == "exsingan"
    assert manifest.levels == net.sizes[:-1]
    noises = [step for step in manifest.steps if isinstance(step, NoiseStep)]
    assert [step.level for step in noises] == [0, 1, 2, 3, None]
    assert [step.stage for step in noises] == [0, 1, 2, 3, 4]
    resized = [step.level for step in manifest.steps if isinstance(step, ResizeStep)]
    assert resized == [1, 2, 3, None, 3, None]
    assert manifest.layouts == {"synthesis": "placed_image_4"}
    has_position = any(isinstance(step, PositionStep) for step in manifest.steps)
    assert has_position == (model == "exsingan")
    first = "semantic 1" if model == "exsingan" else "texture 2"
    assert manifest.entries[0].name == first
    assert [entry.tensor for entry in manifest.entries] == [f"image_{n}" for n in range(4)]


@pytest.mark.parametrize("model", MODELS)
def test_the_sampler_makes_what_torch_makes(model, exported):
    checkpoint, bundle, _ = exported(model)
    net = generator_from(load_checkpoint(checkpoint))
    noises = []
    for number, size in enumerate(net.sizes):
        shape = net.noise_shape(number, 1, *size)
        margin = (shape[2] - size[0]) // 2
        noise = kernels.normal_noise(shape, seed=7, stage=number, top=-margin, left=-margin)
        noises.append(torch.from_numpy(noise))
    expected = net.sample(noises)[0].permute(1, 2, 0).numpy()
    found = load(bundle, provider="cpu", threads=1).sample(seed=7)[0]
    assert found.shape == (40, 53, 3)
    assert np.abs(found - (expected + 1) * 127.5).max() <= 0.51


@WAYS
@pytest.mark.parametrize("model", MODELS)
def test_the_promises_of_the_sampler(model, layout, exported):
    sampler = load(exported(model)[1], provider="cpu", threads=1)
    asked = {"height": 61, "width": 47, "seed": 3, "layout": layout}
    small = sampler.sample(2, **asked)
    assert np.array_equal(small, sampler.sample(2, **asked))
    assert np.array_equal(small[1:], sampler.sample(1, **asked, start=1))
    assert not np.array_equal(small[0], small[1])
    # Larger than a block: in one piece of memory, in bands and in parts the same bytes.
    height, width = 700, 1100
    whole = sampler.sample(height=height, width=width, seed=5, layout=layout)[0]
    bands = np.concatenate(list(sampler.stream(height, width, 5, rows=90, layout=layout)))
    assert np.array_equal(bands, whole)
    part = sampler.region(height, width, 430, 801, 140, 250, 5, layout=layout)
    assert np.array_equal(part, whole[430:570, 801:1051])


@WAYS
@pytest.mark.parametrize("model", MODELS)
def test_a_seamless_canvas_continues(model, layout, exported):
    sampler = load(exported(model)[1], provider="cpu", threads=1)
    height, width = 80, 104
    asked = {"seed": 2, "seamless": True, "layout": layout}
    whole = sampler.sample(height=height, width=width, **asked)[0]
    over = sampler.region(height, width, 60, 90, 40, 30, **asked)
    twice = np.tile(whole, (2, 2, 1))
    assert np.array_equal(over, twice[60:100, 90:120])


@pytest.mark.parametrize("model", MODELS)
def test_the_last_stage_goes_on_from_places(model, exported):
    checkpoint, path, _ = exported(model)
    manifest = open_bundle(path).manifest
    photo, sampler = load_checkpoint(checkpoint).photo, load(path, provider="cpu", threads=1)
    assert np.array_equal(sampler.photo, photo)
    assert sampler.info()["layouts"] == ["network", "synthesis"]
    assert sampler.places(60, 53, seed=2).shape == (60, 53, 2)
    pipeline = build_pipeline(open_bundle(path), provider="cpu", threads=1)
    canvas = Canvas.of(manifest, 40, 53, stream_noise(3, 0))
    still = replace(canvas, knobs=Knobs(variation=0.0))
    made = pipeline.making("composite").run(still)[0]
    assert np.array_equal(to_u8(made.transpose(1, 2, 0)), photo)
    labels = []
    list(sampler.images(1, layout="synthesis", observer=lambda label, _: labels.append(label)))
    assert [label for label in labels if label.startswith("stage_")] == ["stage_4"]


def test_on_a_device_places_stay_on_the_host(exported, monkeypatch):
    bundle, device = open_bundle(exported("exsingan")[1]), FakeDevice()
    plain, on_device, _ = pipelines(bundle, device)
    monkeypatch.setattr(kernels, "resize_window", resizing(device))
    canvas = Canvas.of(bundle.manifest, 60, 70, stream_noise(3, 0))
    labels = []
    tensor = bundle.manifest.layouts["synthesis"]
    found = on_device.making(tensor).run(canvas, observer=lambda name, _: labels.append(name))
    assert_close(found, plain.making(tensor).run(canvas), tolerance="exact")
    assert {"places", "composite"} < {*labels}


@pytest.mark.parametrize("precision", list(Precision))
def test_one_file_takes_places_and_the_last_noise(exported, tmp_path, precision):
    checkpoint, path, _ = exported("exsingan")
    result = export_onnx(
        checkpoint, tmp_path / "model.onnx", layout="synthesis", precision=precision
    )
    assert all(found.max_step_diff <= STEP_TOLERANCE for found in result.checks)
    session = open_session(result.path.read_bytes(), Form.standard)
    assert {value.name for value in session.get_inputs()} == {"places", "noise_4"}
    height, width = 44, 61
    sampler = load(path, provider="cpu", threads=1)
    noise = kernels.normal_noise((1, 3, height, width), seed=3, stage=4)
    places = sampler.places(height, width, seed=3)[None]
    (image,) = session.run(None, {"places": places, "noise_4": noise})
    expected = sampler.sample(height=height, width=width, seed=3, layout="synthesis")[0]
    pixels = (image[0].transpose(1, 2, 0) * 127.5 + 128).clip(0, 255).astype(int)
    assert np.abs(pixels - expected).max() <= 1


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("stage", [1, 4])
def test_any_stage_starts_from_an_image(model, stage, exported):
    sampler = load(exported(model)[1], provider="cpu", threads=1)
    rng = np.random.default_rng(0)
    layout = rng.integers(0, 256, (15, 20, 3)).astype(np.uint8)
    made = sampler.refine(layout, stage, seed=1, height=70, width=90)
    assert made.shape == (70, 90, 3)
    assert np.array_equal(made, sampler.refine(layout, stage, seed=1, height=70, width=90))
    still = [sampler.refine(layout, stage, seed=s, height=70, width=90, noise=0) for s in (1, 2)]
    assert np.array_equal(*still)


@pytest.mark.parametrize("model", MODELS)
def test_a_small_image_is_cut_from_a_canvas_with_enough_levels(model, exported):
    sampler = load(exported(model)[1], provider="cpu", threads=1)
    least = sampler.manifest.min_canvas_px
    coarsest = sampler.manifest.levels[0]
    assert least == max(-(-8 * f // c) for f, c in zip((40, 53), coarsest, strict=True))
    assert sampler.sample(height=16, width=24).shape == (1, 16, 24, 3)
