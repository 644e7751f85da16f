"""Two ways to a layout on a device that is host memory: places and composites stay on the host."""

from __future__ import annotations

import pytest
from support.fake_device import FakeDevice, draw_with, pipelines
from support.tolerances import assert_close
from support.two_layouts import write_two_layouts

from petsgan_sdk.runtime.bundle import open_bundle
from petsgan_sdk.runtime.rendering.canvas import Canvas
from petsgan_sdk.runtime.rendering.noise_fields import stream_noise
from petsgan_sdk.runtime.rendering.renderer import Renderer


@pytest.fixture
def made(tmp_path):
    """The manifest, its pipeline on the host, the one on a device, and the device."""
    device = FakeDevice()
    bundle = open_bundle(write_two_layouts(tmp_path / "two.petsgan"))
    plain, on_device, _ = pipelines(bundle, device)
    return bundle.manifest, plain, on_device, device


@pytest.mark.parametrize("size", [(6, 8), (9, 13)])
def test_places_never_go_to_the_device(made, size):
    manifest, plain, on_device, device = made
    tensor = manifest.layouts["synthesis"]
    canvas = Canvas.of(manifest, *size, stream_noise(3, 0))
    labels = []
    found = on_device.making(tensor).run(canvas, observer=lambda name, _: labels.append(name))
    assert_close(found, plain.making(tensor).run(canvas), tolerance="exact")
    assert labels == ["places", "composite"]
    assert (device.uploads, device.downloads) == ([], 0)


def test_the_network_is_grouped_as_alone(made):
    manifest, plain, on_device, _ = made
    canvas = Canvas.of(manifest, 6, 8, draw_with(1))
    labels = []
    network = on_device.making(manifest.output)
    found = network.run(canvas, observer=lambda name, _: labels.append(name))
    assert_close(found, plain.making(manifest.output).run(canvas), tolerance="exact")
    assert not {"places", "composite"} & {*labels}
    assert on_device.making(manifest.output) is network  # with the buffers of its sizes
    started = network.given("layout")
    assert network.given("layout") is started
    assert started.steps[0].label == "features"


@pytest.mark.parametrize("layout", ["network", "synthesis"])
def test_images_are_those_of_the_host(made, layout):
    manifest, plain, on_device, _ = made
    images = [
        Renderer(pipeline, manifest, threads=1).image(stream_noise(5, 0), 70, 90, layout=layout)
        for pipeline in (plain, on_device)
    ]
    assert_close(images[1], images[0], tolerance="exact")
