"""Bundles of several grids on a device that is host memory."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from support import pyramid_bundles
from support.fake_device import FakeDevice, draw_with, pipelines, resizing
from support.tolerances import assert_close

from petsgan_sdk import kernels
from petsgan_sdk.errors import BackendUnavailableError, MissingEngineError
from petsgan_sdk.manifest import GraphStep, NoiseStep, PositionStep, ResizeStep
from petsgan_sdk.runtime.bundle import open_bundle
from petsgan_sdk.runtime.device.pipeline import device_pipeline
from petsgan_sdk.runtime.flow import tensor_levels
from petsgan_sdk.runtime.rendering import blocks
from petsgan_sdk.runtime.rendering.canvas import Canvas, Window
from petsgan_sdk.runtime.rendering.canvas_pixels import CanvasPixels


@pytest.fixture
def device():
    return FakeDevice()


@pytest.fixture(params=["pyramid", "enlarger"])
def bundle(request, tmp_path):
    """A bundle of several grids."""
    write = getattr(pyramid_bundles, f"write_{request.param}")
    return open_bundle(write(tmp_path / "tiny.petsgan"))


@pytest.fixture
def cuda_resize(device, monkeypatch):
    """The kernel on the device of these tests."""
    monkeypatch.setattr(kernels, "resize_window", resizing(device))


@pytest.mark.usefixtures("cuda_resize")
def test_a_pyramid_stays_on_the_device(bundle, device):
    """What is copied to it is noise and positions, and from it the image, on recorded runs too."""
    manifest = bundle.manifest
    plain, on_device, steps = pipelines(bundle, device)
    made_on_host = [s for s in manifest.steps if isinstance(s, (NoiseStep, PositionStep))]
    labels = []
    for seed in range(3):
        for size in ((45, 58), (61, 40)):
            before = len(device.uploads), device.downloads
            labels.clear()
            drawn = Canvas.of(manifest, *size, draw_with(seed))
            found = on_device.run(drawn, observer=lambda label, _: labels.append(label))
            assert_close(found, plain.run(drawn), tolerance="exact")
            assert len(labels) == len(made_on_host) + 1
            assert labels[-1].count("+") == len(manifest.steps) - len(labels)
            uploads = len(made_on_host) * (2 if seed == 0 else 1)
            assert (len(device.uploads), device.downloads) == (before[0] + uploads, before[1] + 1)
    assert device.recordings == 2
    assert device.launches == 4
    assert [step.prepared for step in steps] == [2] * len(steps)


@pytest.mark.usefixtures("cuda_resize")
def test_canvases_whose_noise_has_one_size_are_told_apart(tmp_path, device):
    """Without noise on the base grid, it is the canvas that says how large the result is."""
    bundle = open_bundle(pyramid_bundles.write_enlarger(tmp_path / "tiny.petsgan"))
    plain, on_device, steps = pipelines(bundle, device)
    shapes = set()
    for size in ((16, 20), (17, 20), (16, 21)):
        drawn = Canvas.of(bundle.manifest, *size, draw_with(1))
        assert drawn.levels == ((5, 6),)
        found = on_device.run(drawn)
        assert_close(found, plain.run(drawn), tolerance="exact")
        shapes.add(found.shape)
    assert len(shapes) == 3
    assert steps[0].prepared == 3


@pytest.mark.usefixtures("cuda_resize")
def test_a_given_map_takes_the_place_of_what_would_make_it(bundle, device):
    manifest = bundle.manifest
    plain, on_device, steps = pipelines(bundle, device)
    drawn = Canvas.of(manifest, 45, 58, draw_with(2))
    for entry in manifest.entries:
        grid = drawn.at(tensor_levels(manifest)[entry.tensor])
        shape = (1, 3, grid.height, grid.width)
        given = kernels.normal_noise(shape, seed=9)
        start = dataclasses.replace(drawn, given={entry.tensor: given})
        expected = plain.given(entry.tensor).run(start)
        for _ in range(3):
            found = on_device.given(entry.tensor).run(start)
            assert_close(found, expected, tolerance="exact")
        assert np.abs(expected - plain.run(drawn)).max() > 0.01
    assert steps[0].prepared == 0
    assert device.recordings == device.launches // 2 == len(manifest.entries)


@pytest.mark.usefixtures("cuda_resize")
def test_a_pyramid_in_blocks_runs_step_by_step(bundle, device, monkeypatch):
    monkeypatch.setattr(blocks, "_BLOCK_PX", (24, 40))
    monkeypatch.setattr(blocks, "_KEPT_BLOCK_PX", 36)
    plain, on_device, _ = pipelines(bundle, device)
    factor = bundle.manifest.factor

    def render(pipeline):
        drawn = Canvas.of(bundle.manifest, 70, 90, draw_with(5))
        return CanvasPixels(pipeline, drawn, factor=factor, threads=1).region(0, 0, 70, 90)

    np.testing.assert_array_equal(render(on_device), render(plain))
    assert device.downloads > len(bundle.graphs)


def test_a_missing_engine_of_a_level_asks_for_the_whole_canvas(bundle, device):
    """Its windows are those of its level, not of the canvas."""

    class Missing:
        capturable = True

        def __init__(self, step):
            self.reads, self.writes = step.reads, step.writes
            self.takes_windows = not isinstance(step, ResizeStep)

        def prepare(self, *_):
            msg = "no engine is built"
            raise MissingEngineError(msg)

    pipeline = device_pipeline(
        bundle, device, Missing, threads=1, command=lambda _, whole: f"whole {whole}"
    )
    drawn = Canvas.of(bundle.manifest, 45, 58, draw_with(0))
    first = next(s for s in pipeline.steps if isinstance(s.step, GraphStep))
    assert first.level == 0
    tensors = {}
    for step in pipeline.steps[: pipeline.steps.index(first)]:
        step.run(tensors, drawn, drawn.at(step.level).whole)
    for window, expected in ((drawn.at(0).whole, True), (Window(0, 0, 4, 4), False)):
        with pytest.raises(BackendUnavailableError, match=f"hint: whole {expected}"):
            first.run(tensors, drawn, window)
