"""Bundles of several grids: every way to make a pixel gives the same bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from petsgan_sdk.runtime import Sampler, load
from petsgan_sdk.runtime.bundle import open_bundle
from petsgan_sdk.runtime.rendering import blocks, tiles
from petsgan_sdk.runtime.rendering.canvas import Canvas, Window
from petsgan_sdk.runtime.rendering.canvas_pixels import CanvasPixels
from petsgan_sdk.runtime.rendering.noise_fields import stream_noise
from petsgan_sdk.runtime.rendering.pipeline import build_pipeline

pytest.importorskip("onnxruntime", reason="sampling needs onnxruntime")


@pytest.fixture(scope="module", params=["pyramid", "enlarger"])
def path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from support import pyramid_bundles  # noqa: PLC0415 - skips where onnx is absent

    write = getattr(pyramid_bundles, f"write_{request.param}")
    return write(tmp_path_factory.mktemp("bundle") / f"{request.param}.petsgan")


@pytest.fixture(params=[1, 2], ids=["one_thread", "two_threads"])
def sampler(request: pytest.FixtureRequest, path: Path) -> Sampler:
    return load(path, provider="cpu", threads=request.param)


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "_BLOCK_PX", (24, 40))
    monkeypatch.setattr(blocks, "_KEPT_BLOCK_PX", 36)


SIZES = [(97, 131), (45, 58), (211, 19), (17, 203)]


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("size", SIZES)
def test_regions_and_bands_are_the_whole(sampler: Sampler, size: tuple[int, int]) -> None:
    height, width = size
    whole = sampler.sample(height=height, width=width, seed=11, start=3)[0]
    assert whole.std() > 10
    bands = list(sampler.stream(height, width, 11, index=3, rows=7))
    np.testing.assert_array_equal(np.concatenate(bands), whole)
    rng = np.random.default_rng(0)
    for _ in range(6):
        top, left = (int(rng.integers(side)) for side in size)
        h, w = int(rng.integers(1, height - top + 1)), int(rng.integers(1, width - left + 1))
        region = sampler.region(height, width, top, left, h, w, 11, index=3)
        np.testing.assert_array_equal(region, whole[top : top + h, left : left + w])


@pytest.mark.parametrize("size", [(523, 1039), (1031, 66)])
def test_real_blocks(sampler: Sampler, size: tuple[int, int]) -> None:
    """As above with the blocks of the package."""
    height, width = size
    whole = sampler.sample(height=height, width=width, seed=2)[0]
    np.testing.assert_array_equal(np.concatenate(list(sampler.stream(height, width, 2))), whole)
    region = sampler.region(height, width, height - 300, width // 3, 290, 31, 2)
    np.testing.assert_array_equal(region, whole[-300:-10, width // 3 : width // 3 + 31])


@pytest.mark.parametrize("size", SIZES)
def test_blocks_have_no_seams(
    path: Path, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    """Blocks against one run over the whole canvas."""
    sampler = load(path, provider="cpu", threads=1)
    height, width = size
    whole = sampler.sample(height=height, width=width, seed=1)[0].astype(int)
    monkeypatch.setattr(blocks, "_BLOCK_PX", (24, 40))
    monkeypatch.setattr(blocks, "_KEPT_BLOCK_PX", 36)
    pieced = sampler.sample(height=height, width=width, seed=1)[0].astype(int)
    assert np.abs(pieced - whole).max() <= 1


@pytest.mark.parametrize("cuts", ["small_blocks", None])
@pytest.mark.parametrize("size", [(32, 32), (104, 136), (68, 92)])
def test_a_seamless_image_is_a_torus_on_every_grid(
    sampler: Sampler, request: pytest.FixtureRequest, size: tuple[int, int], cuts: str | None
) -> None:
    if cuts is not None:
        request.getfixturevalue(cuts)
    height, width = size
    tile = sampler.sample(height=height, width=width, seed=6, seamless=True)[0]
    np.testing.assert_array_equal(
        np.concatenate(list(sampler.stream(height, width, 6, seamless=True))), tile
    )
    for down, across in [(8, 0), (0, 16), (-13, 1001), (height // 2, width // 2)]:
        moved = sampler.region(height, width, down, across, height, width, 6, seamless=True)
        np.testing.assert_array_equal(moved, np.roll(tile, (-down, -across), (0, 1)))
    wall = sampler.region(height, width, 0, 0, 2 * height, 2 * width, 6, seamless=True)
    np.testing.assert_array_equal(wall, np.tile(tile, (2, 2, 1)))


def test_a_torus_is_the_inside_of_a_wall_of_copies(tmp_path: Path) -> None:
    """Blocks of a seamless canvas against one plain run over nine copies of its noise."""
    from support import pyramid_bundles  # noqa: PLC0415 - skips where onnx is absent

    bundle = open_bundle(pyramid_bundles.write_enlarger(tmp_path / "b.petsgan"))
    pipeline = build_pipeline(bundle, provider="cpu", threads=1)
    torus = Canvas.of(bundle.manifest, 24, 34, stream_noise(3, 0), seamless=True)
    ((h, w),) = torus.levels

    def copied(shape: tuple[int, int, int, int], stage: int, top: int, left: int) -> Any:
        window = Window(top, left, shape[2], shape[3])
        return torus.at(0).draw(window, channels=shape[1], stage=stage)

    wall = pipeline.run(Canvas(3 * 24, 3 * 34, copied, levels=((3 * h, 3 * w),)))
    run = tiles.TiledRun(pipeline, torus, factor=4)
    assert run.lattice.shape == (1, 1)
    np.testing.assert_allclose(run.block(0, 0), wall[..., 96:192, 136:272], atol=1e-5)


@pytest.mark.usefixtures("small_blocks")
def test_memory_does_not_grow_with_the_height(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[int] = []
    forget = tiles.TiledRun.forget_above

    def counted(run: Any, top: int) -> None:
        forget(run, top)
        kept.append(
            sum(a.nbytes for k in run._kept.values() for b in k.blocks.values() for a in b.values())
        )

    monkeypatch.setattr(tiles.TiledRun, "forget_above", counted)
    sampler = load(path, provider="cpu", threads=1)

    def most(height: int, *, seamless: bool) -> int:
        kept.clear()
        for _ in sampler.stream(height, 96, seamless=seamless):
            pass
        return max(kept)

    for seamless in (False, True):
        low, high = most(400, seamless=seamless), most(2400, seamless=seamless)
        assert 0 < high <= 1.25 * low
        # At most a few rows of blocks of each kept step, of float32 in three channels.
        assert high < 2 * 12 * 96 * 36 * 6


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("height", [300, 900])
def test_blocks_that_are_kept_are_made_once(path: Path, height: int) -> None:
    bundle = open_bundle(path)
    labels: list[str] = []
    rendering = CanvasPixels(
        build_pipeline(bundle, provider="cpu", threads=1),
        Canvas.of(bundle.manifest, height, 96, stream_noise(1, 0)),
        factor=bundle.manifest.factor,
        threads=1,
        observer=lambda name, _: labels.append(name),
    )
    run = rendering._run
    assert run is not None
    for _ in rendering.bands(height * bundle.manifest.factor, 96 * bundle.manifest.factor):
        pass
    assert run._kept
    for step, kept in run._kept.items():
        rows, columns = kept.lattice.shape
        # The last row of blocks sees as much as the others, and so further up than it must.
        assert rows * columns <= labels.count(step.label) <= (rows + 1) * columns


def test_a_region_costs_its_neighbourhood_only(path: Path) -> None:
    sampler = load(path, provider="cpu", threads=1)
    region = sampler.region(2**24, 2**16, 2**23 + 1, 2**15 + 3, 5, 7, 9)
    again = sampler.region(2**24, 2**16, 2**23, 2**15, 8, 16, 9)
    np.testing.assert_array_equal(again[1:6, 3:10], region)
