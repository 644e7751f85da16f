"""A bundle with two ways to its layouts: which is taken, and that all promises hold for both."""

from __future__ import annotations

import numpy as np
import pytest
from support import bundles as factory
from support.synthesis_bundle import photo
from support.two_layouts import steps, write_two_layouts

from petsgan_sdk import Pin, kernels
from petsgan_sdk.errors import BundleError, ConfigError
from petsgan_sdk.runtime import load
from petsgan_sdk.runtime.bundle import open_bundle
from petsgan_sdk.runtime.flow import network_path
from petsgan_sdk.runtime.rendering import blocks

NETWORK = {
    "noise",
    "position",
    "depnet",
    "features",
    "patch_transfer",
    "texture_transfer",
    "restoration",
    "to_uint8",
}
H, W = factory.IMAGE_SIZE_PX


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return write_two_layouts(tmp_path_factory.mktemp("layouts") / "two.petsgan")


@pytest.fixture(scope="module")
def sampler(path):
    pytest.importorskip("onnxruntime", reason="sampling needs onnxruntime")
    return load(path, provider="cpu", threads=1)


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(blocks, "_BLOCK_PX", (24, 40))
    monkeypatch.setattr(blocks, "_KEPT_BLOCK_PX", 32)


def test_the_network_makes_what_it_makes_alone(sampler, tmp_path):
    alone = load(factory.write_bundle(tmp_path / "alone.petsgan"), provider="cpu", threads=1)
    for size in ((H, W), (97, 131)):
        asked = {"height": size[0], "width": size[1], "seed": 4}
        plain = alone.sample(2, **asked)
        np.testing.assert_array_equal(sampler.sample(2, layout="network", **asked), plain)
        assert not np.array_equal(sampler.sample(2, layout="synthesis", **asked), plain)
    image = plain[0]
    np.testing.assert_array_equal(sampler.refine(image, seed=5), alone.refine(image, seed=5))
    ends = sampler.interpolate(1, 2, steps=3)
    np.testing.assert_array_equal(ends, alone.interpolate(1, 2, steps=3))


@pytest.mark.parametrize(
    ("layout", "labels"),
    [
        ("network", NETWORK),
        ("synthesis", {"places", "composite", "to_uint8"}),
    ],
)
def test_each_way_runs_its_own_steps_alone(sampler, layout, labels):
    seen: list[str] = []
    list(sampler.images(1, layout=layout, observer=lambda label, _: seen.append(label)))
    assert {*seen} == labels


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("layout", ["network", "synthesis"])
def test_every_way_to_a_pixel_gives_its_bytes(path, layout):
    def opened(threads=1):
        return load(path, provider="cpu", threads=threads)

    whole = opened().sample(height=97, width=131, seed=4, layout=layout)[0]
    bands = list(opened().stream(97, 131, 4, layout=layout, rows=10))
    np.testing.assert_array_equal(np.concatenate(bands), whole)
    part = opened(threads=2).region(97, 131, 31, 40, 50, 60, 4, layout=layout)
    np.testing.assert_array_equal(part, whole[31:81, 40:100])
    torus = opened().sample(height=96, width=128, seed=4, seamless=True, layout=layout)[0]
    across = opened().region(96, 128, 80, 100, 32, 60, 4, seamless=True, layout=layout)
    np.testing.assert_array_equal(across, np.roll(torus, (-80, -100), (0, 1))[:32, :60])


def test_auto_takes_the_network_up_to_the_photos_size_and_synthesis_beyond(sampler):
    def taken(**asked):
        own, network, synthesis = (
            sampler.sample(seed=2, **asked, layout=layout)
            for layout in ("auto", "network", "synthesis")
        )
        assert not np.array_equal(network, synthesis)
        return "network" if np.array_equal(own, network) else "synthesis"

    assert taken() == "network"
    assert taken(height=H, width=W // 2) == "network"
    assert taken(height=H, width=3 * W) == "synthesis"
    assert taken(height=5 * H // 2, width=5 * W // 2) == "synthesis"
    assert sampler.info()["layouts"] == ["network", "synthesis"]
    assert sampler.info()["auto_layout"] == {"at_photo_size": "network", "larger": "synthesis"}
    assert sampler.info()["knobs"] == ["variation", "fill", "pins"]


def test_places_are_those_of_the_image(sampler):
    step = next(step for step in sampler.manifest.steps if step.kind == "composite")
    places = sampler.places(96, 120, seed=4)
    assert (places.shape, places.dtype) == ((96, 120, 2), np.int32)
    composited = kernels.composite_places(
        places.astype(np.int16),
        photo(),
        screening=step.settings.screening,
        slowest=step.settings.slowest,
        steps=step.settings.steps,
        softness=step.settings.softness,
    )
    image = sampler.sample(height=96, width=120, seed=4, layout="synthesis")[0]
    np.testing.assert_array_equal(
        kernels.signed_to_u8(composited, height=96, width=120), image, strict=True
    )


@pytest.mark.parametrize("pins", [[], [Pin(3, 5, width=16, height=16)]])
def test_places_of_a_window_are_those_of_the_whole(sampler, pins):
    whole = sampler.places(97, 131, seed=4, pins=pins)
    part = sampler.places(97, 131, 31, 43, 21, 60, seed=4, pins=pins)
    np.testing.assert_array_equal(part, whole[31:52, 43:103])
    below = sampler.places(97, 131, top=90, seed=4, pins=pins)
    np.testing.assert_array_equal(below, whole[90:])
    torus = sampler.places(96, 128, seed=4, seamless=True, pins=pins)
    across = sampler.places(96, 128, 83, -28, 32, 60, seed=4, seamless=True, pins=pins)
    np.testing.assert_array_equal(across, np.roll(torus, (-83, 28), (0, 1))[:32, :60])


def test_places_that_are_refused(sampler, tmp_path):
    for asked in ((0, 0, 98, 9), (98,), (0, 0, 0)):
        with pytest.raises(ConfigError, match=r"region must lie|from 1 to"):
            sampler.places(97, 131, *asked)
    with pytest.raises(ConfigError, match="top must be an integer"):
        sampler.places(97, 131, "a")
    alone = load(factory.write_bundle(tmp_path / "alone.petsgan"), provider="cpu", threads=1)
    with pytest.raises(BundleError, match="its layouts come from its network alone"):
        alone.places(97, 131)


def test_what_only_places_can_do_takes_them(sampler):
    changed = sampler.sample(seed=2, variation=0.5)
    again = sampler.sample(seed=2, variation=0.5, layout="synthesis")
    np.testing.assert_array_equal(changed, again)
    with pytest.raises(BundleError, match="must be left alone where layouts come from the"):
        sampler.sample(layout="network", pins=[Pin(0, 0, width=16, height=16)])
    with pytest.raises(ConfigError, match="layout must be auto, network or synthesis"):
        sampler.sample(layout="nets")


def test_the_way_by_the_network_is_the_bundle_of_before(path):
    manifest = open_bundle(path).manifest
    alone = network_path(manifest)
    assert len(alone.steps) == len(factory.header()["steps"])
    assert alone == factory.build_manifest()
    assert network_path(alone) is alone


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"layouts": {"synthesis": "nothing"}}, "layouts.synthesis must be a tensor that a step"),
        ({"layouts": {"synthesis": "index"}}, "layouts.synthesis must be a tensor that a step"),
        ({"layouts": {"network": "image"}}, "layouts must be a table of synthesis alone"),
        ({"layouts": {"synthesis": ""}}, "layouts must be names"),
        ({"layouts": {"synthesis": "a\nb"}}, "layouts must be names"),
        ({"layouts": ["composite"]}, "layouts must be a table"),
        ({"layouts": {"synthesis": 3}}, "layouts.synthesis must be a string"),
        ({"entries": [{"name": "a", "tensor": "composite"}]}, "entries.0..tensor must be a map"),
    ],
)
def test_a_strangers_layouts_are_refused(tmp_path, changes, problem):
    with pytest.raises(BundleError, match=problem):
        open_bundle(write_two_layouts(tmp_path / "bad.petsgan", **changes))


def test_results_of_another_level_are_refused(tmp_path):
    changed = [
        *steps(),
        {"kind": "resize", "input": "transferred", "output": "small", "level": 0},
    ]
    changes = {"steps": changed, "levels": [[3, 4]], "layouts": {"synthesis": "small"}}
    with pytest.raises(BundleError, match=r"layouts\.synthesis must lie on the base grid"):
        open_bundle(write_two_layouts(tmp_path / "bad.petsgan", **changes))


def test_a_result_of_another_size_is_refused_when_it_is_made(tmp_path):
    path = write_two_layouts(tmp_path / "low.petsgan", layouts={"synthesis": "transferred"})
    with pytest.raises(BundleError, match="'transferred' must be"):
        load(path, provider="cpu", threads=1).sample(layout="synthesis")
