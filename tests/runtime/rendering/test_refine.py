"""Stages that start from an image."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from petsgan_sdk import imaging
from petsgan_sdk.errors import BundleError, ConfigError, InputError
from petsgan_sdk.runtime import Sampler, load
from petsgan_sdk.runtime.bundle import open_bundle
from petsgan_sdk.runtime.entries import Start
from petsgan_sdk.runtime.rendering import blocks
from petsgan_sdk.runtime.rendering.canvas import Canvas
from petsgan_sdk.runtime.rendering.noise_fields import scaled, stream_noise
from petsgan_sdk.runtime.rendering.pipeline import build_pipeline

pytest.importorskip("onnxruntime", reason="sampling needs onnxruntime")


def written(folder: Path, kind: str) -> Path:
    from support import bundles, pyramid_bundles  # noqa: PLC0415 - skips where onnx is absent

    writers = {
        "pyramid": pyramid_bundles.write_pyramid,
        "enlarger": pyramid_bundles.write_enlarger,
        "petsgan": bundles.write_bundle,
    }
    return writers[kind](folder / f"{kind}.petsgan")


@pytest.fixture(scope="module")
def pyramid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("bundle"), "pyramid")


@pytest.fixture(scope="module")
def sampler(pyramid: Path) -> Sampler:
    return load(pyramid, provider="cpu", threads=1)


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (6, 8, 3)).astype(np.uint8)
    return imaging.resize(coarse, (80, 61), method="bicubic")


CASES = [("pyramid", 1, (97, 131)), ("pyramid", 2, (45, 58)), ("enlarger", 1, (64, 96))]
CASES += [("petsgan", 1, (96, 128))]


@pytest.mark.parametrize(("kind", "stage", "size"), CASES)
def test_its_own_intermediate_map_gives_the_sample(
    tmp_path: Path, kind: str, stage: int, size: tuple[int, int]
) -> None:
    path = written(tmp_path, kind)
    bundle = open_bundle(path)
    manifest = bundle.manifest
    pipeline = build_pipeline(bundle, provider="cpu", threads=1)
    height, width = (side // manifest.factor for side in size)
    canvas = Canvas.of(manifest, height, width, stream_noise(7, 2))
    tensors = pipeline.trace(canvas)
    name = manifest.entries[stage - 1].tensor
    # Without the rounding of an image: exactly the sample.
    again = pipeline.given(name).run(replace(canvas, given={name: tensors[name]}))
    np.testing.assert_array_equal(again, tensors[manifest.output])
    # With it: the sample but for what a step of 1/255 changes.
    layout = imaging.to_u8(tensors[name][0].transpose(1, 2, 0))
    sampler = load(path, provider="cpu", threads=1)
    whole = sampler.sample(height=size[0], width=size[1], seed=7, start=2)[0].astype(int)
    found = sampler.refine(layout, stage, seed=7, index=2, height=size[0], width=size[1])
    apart = np.abs(found - whole)
    if kind == "petsgan":  # another match here and there
        assert np.median(apart) <= 1
    else:
        assert apart.max() <= 4
        assert apart.mean() < 0.7
    assert (
        np.abs(
            sampler.refine(255 - layout, stage, seed=7, height=size[0], width=size[1]) - whole
        ).mean()
        > 10
    )


def test_steps_before_the_entry_are_not_run(sampler: Sampler, photo: np.ndarray) -> None:
    for stage, expected in (
        (1, ["up_1", "noise_1", "stage_1", "up_2", "noise_2", "stage_2", "to_uint8"]),
        (2, ["up_2", "noise_2", "stage_2", "to_uint8"]),
    ):
        heard: list[str] = []
        sampler.refine(photo, stage, observer=lambda name, _, to=heard: to.append(name))  # type: ignore[misc]
        assert heard == expected


@pytest.mark.parametrize("stage", [1, 2])
def test_the_result_has_the_size_asked_for(sampler: Sampler, photo: np.ndarray, stage: int) -> None:
    assert sampler.refine(photo, stage).shape == photo.shape
    assert sampler.refine(photo, stage, height=99).shape == (99, 80, 3)
    assert sampler.refine(photo[:8, :9], stage, height=16, width=500).shape == (16, 500, 3)


def test_the_same_bytes_for_any_threads_and_near_the_same_in_blocks(
    pyramid: Path, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, Any] = {"seed": 5, "height": 150, "width": 211}
    one, two = (load(pyramid, provider="cpu", threads=threads) for threads in (1, 2))
    whole = one.refine(photo, 1, **asked)
    np.testing.assert_array_equal(two.refine(photo, 1, **asked), whole)
    monkeypatch.setattr(blocks, "_BLOCK_PX", (24, 40))
    monkeypatch.setattr(blocks, "_KEPT_BLOCK_PX", 36)
    pieced = one.refine(photo, 1, **asked)
    assert np.abs(pieced.astype(int) - whole).max() <= 1
    np.testing.assert_array_equal(two.refine(photo, 1, **asked), pieced)
    # A sample in blocks is another image: what is given is really read.
    assert np.abs(one.sample(**asked)[0].astype(int) - pieced).mean() > 5


def test_noise_is_scaled(sampler: Sampler, photo: np.ndarray) -> None:
    plain = sampler.refine(photo, 1, noise=0, seed=1)
    np.testing.assert_array_equal(sampler.refine(photo, 1, noise=0, seed=2), plain)
    np.testing.assert_array_equal(
        sampler.refine(photo, 1, seed=1), sampler.refine(photo, 1, noise=1.0, seed=1)
    )
    weak, strong = (sampler.refine(photo, 1, noise=n, seed=1).astype(int) for n in (0.1, 2))
    apart = [np.abs(image - plain).mean() for image in (weak, strong)]
    assert 0 < apart[0] < apart[1] / 5
    draw = stream_noise(4, 1)
    shape = (1, 2, 3, 4)
    np.testing.assert_array_equal(scaled(draw, 3)(shape, 1, 0, 5), 3 * draw(shape, 1, 0, 5))
    assert scaled(draw, 3)(shape, 1, 0, 5).dtype == np.float32


@pytest.mark.parametrize("size", [(64, 80), (45, 58), (16, 100)])
def test_an_image_covers_what_is_shown_of_the_canvas(tmp_path: Path, size: tuple[int, int]) -> None:
    """A ramp from side to side must be that ramp on the grid, wherever the canvas ends."""
    manifest = open_bundle(written(tmp_path, "enlarger")).manifest
    factor = manifest.factor
    height, width = size
    ramp = np.linspace(10, 240, width)
    image = np.broadcast_to(np.round(ramp)[None, :, None], (height, width, 3)).astype(np.uint8)
    rows, columns = -(-height // factor), -(-width // factor)
    canvas = Canvas.of(manifest, max(4, rows), max(4, columns), stream_noise(0, 0))
    given = Start(manifest.entries[0], image).given(manifest, canvas, size)
    layout = given["layout"]
    assert layout.shape == (1, 3, canvas.height, canvas.width)
    centres = np.arange(columns) * factor + (factor - 1) / 2
    inside = centres + factor / 2 <= width
    expected = np.interp(centres, np.arange(width), ramp) / 127.5 - 1
    np.testing.assert_allclose(layout[0, 1, 0, :columns][inside], expected[inside], atol=0.006)


@pytest.mark.parametrize(
    ("asked", "error", "message"),
    [
        ({"start_stage": 0}, ConfigError, r"start_stage must be one of 1 \(stage 1\), 2 \(stage 2"),
        ({"start_stage": 3}, ConfigError, r"start_stage must be .*, got 3"),
        ({"start_stage": 1.0}, ConfigError, r"start_stage must be .*, got 1\.0"),
        ({"start_stage": True}, ConfigError, r"start_stage must be .*, got True"),
        ({"noise": -0.1}, ConfigError, r"noise must be a number from 0 to 1000, got -0\.1"),
        ({"noise": float("nan")}, ConfigError, r"noise must be a number .*, got nan"),
        ({"noise": float("inf")}, ConfigError, r"noise must be a number .*, got inf"),
        ({"noise": "1"}, ConfigError, r"noise must be a number .*, got '1'"),
        ({"seed": -1}, ConfigError, "seed must be"),
        ({"index": 1 << 32}, ConfigError, "index must be"),
        ({"height": 8}, ConfigError, "height must be an integer from 16"),
        ({"height": 16000, "width": 16000}, ConfigError, "size must be at most"),
    ],
)
def test_what_cannot_be_asked_for(
    sampler: Sampler, photo: np.ndarray, asked: dict[str, Any], error: type, message: str
) -> None:
    with pytest.raises(error, match=message):
        sampler.refine(photo, **asked)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((20, 20), np.uint8), r"image must be \[h, w, 3\], RGB, got \(20, 20\)"),
        (np.zeros((20, 20, 4), np.uint8), r"image must be \[h, w, 3\], RGB, got \(20, 20, 4\)"),
        (np.zeros((20, 20, 3)), r"of uint8, got float64"),
        ([[1, 2, 3]], r"of uint8, got list"),
        (np.zeros((7, 20, 3), np.uint8), r"sides from 8 to 16000 px, got 20x7"),
        (np.zeros((8, 16001, 3), np.uint8), r"sides from 8 to 16000 px, got 16001x8"),
        (np.zeros((4097, 4096, 3), np.uint8), r"at most 16777216 pixels, got 4096x4097"),
    ],
)
def test_images_that_cannot_be_used(sampler: Sampler, image: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        sampler.refine(image, height=64, width=64)


def test_a_bundle_without_entries_says_so(tmp_path: Path, photo: np.ndarray) -> None:
    from support import pyramid_bundles  # noqa: PLC0415 - skips where onnx is absent

    path = pyramid_bundles.write_pyramid(tmp_path / "b.petsgan", changes={"entries": []})
    with pytest.raises(
        BundleError, match=r"must have entries, .* got none.* export the model again"
    ):
        load(path, provider="cpu").refine(photo)


def test_info_lists_grids_and_stages(sampler: Sampler) -> None:
    info = sampler.info()
    assert info["levels"] == [[14, 11], [29, 23]]
    assert info["entries"] == [
        {"stage": 1, "name": "stage 1", "size": [14, 11]},
        {"stage": 2, "name": "stage 2", "size": [29, 23]},
    ]
