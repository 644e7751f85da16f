"""Every way to make a pixel gives the same bytes; the test bundle has three graphs with halos."""

from __future__ import annotations

import os
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from petsgan_sdk.errors import BundleError, ConfigError
from petsgan_sdk.runtime import Sampler, load
from petsgan_sdk.runtime.rendering import blocks, pages, renderer, tiles

pytest.importorskip("onnxruntime", reason="sampling needs onnxruntime")


@pytest.fixture(params=[1, 2], ids=["one_thread", "two_threads"])
def threaded(request: pytest.FixtureRequest, bundle: Path) -> Sampler:
    return load(bundle, provider="cpu", threads=request.param)


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of 3x5 low-resolution pixels, less than the halos behind them."""
    monkeypatch.setattr(blocks, "_BLOCK_PX", (24, 40))
    monkeypatch.setattr(blocks, "_KEPT_BLOCK_PX", 32)


REGIONS = [
    (0, 0, 1, 1),
    (0, 0, 97, 131),
    (96, 130, 1, 1),
    (0, 57, 97, 1),
    (41, 0, 1, 131),
    (23, 39, 2, 2),  # across a corner of four blocks
    (24, 40, 24, 40),  # one block
    (25, 41, 31, 37),
    (64, 64, 33, 67),
]


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("where", REGIONS)
def test_a_region_is_that_part_of_the_whole(
    threaded: Sampler, where: tuple[int, int, int, int]
) -> None:
    whole = threaded.sample(height=97, width=131, seed=11, start=3)[0]
    top, left, h, w = where
    region = threaded.region(97, 131, top, left, h, w, 11, index=3)
    assert region.shape == (h, w, 3)
    assert region.flags.c_contiguous
    assert region.flags.writeable
    np.testing.assert_array_equal(region, whole[top : top + h, left : left + w])


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("size", [(16, 16), (17, 203), (211, 19), (97, 101), (128, 120)])
def test_bands_are_the_whole(threaded: Sampler, size: tuple[int, int]) -> None:
    height, width = size
    whole = threaded.sample(height=height, width=width, seed=4)[0]
    bands = list(threaded.stream(height, width, 4))
    assert all(len(band) <= 24 + 8 for band in bands) or height <= 40
    np.testing.assert_array_equal(np.concatenate(bands), whole)
    for rows in (1, 7, 50):
        bands = list(threaded.stream(height, width, 4, rows=min(rows, height)))
        assert {len(band) for band in bands[:-1]} <= {min(rows, height)}
        np.testing.assert_array_equal(np.concatenate(bands), whole)


@pytest.mark.parametrize("size", [(523, 1039), (1031, 66), (61, 2053)])
def test_real_blocks(threaded: Sampler, size: tuple[int, int]) -> None:
    """As above with the blocks of the package."""
    height, width = size
    whole = threaded.sample(height=height, width=width, seed=2)[0]
    np.testing.assert_array_equal(np.concatenate(list(threaded.stream(height, width, 2))), whole)
    for top, left, h, w in [(0, 0, 9, 9), (height // 2 - 5, width // 2 - 5, 11, 13)]:
        region = threaded.region(height, width, top, left, h, w, 2)
        np.testing.assert_array_equal(region, whole[top : top + h, left : left + w])
    corner = threaded.region(height, width, height - 3, width - 1, 3, 1, 2)
    np.testing.assert_array_equal(corner, whole[-3:, -1:])


@pytest.mark.parametrize("halo", ["as derived", "one too small"])
def test_blocks_have_no_seams(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, halo: str) -> None:
    """Blocks against one run over the whole canvas; with a halo too small it is not the same."""
    from support.bundles import header, write_bundle  # noqa: PLC0415 - skips where onnx is absent

    changes = header()
    if halo == "one too small":
        changes["steps"][-1]["halo"] = 0
    sampler = load(write_bundle(tmp_path / "b.petsgan", changes=changes), provider="cpu", threads=1)
    whole = sampler.sample(height=200, width=184, seed=1)[0].astype(int)
    monkeypatch.setattr(blocks, "_BLOCK_PX", (48, 40))
    monkeypatch.setattr(blocks, "_KEPT_BLOCK_PX", 64)
    pieced = sampler.sample(height=200, width=184, seed=1)[0].astype(int)
    apart = np.abs(pieced - whole).max()
    assert apart <= 1 if halo == "as derived" else apart > 8


@pytest.mark.usefixtures("small_blocks")
def test_memory_does_not_grow_with_the_height(
    sampler: Sampler, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[int] = []
    forget = tiles.TiledRun.forget_above

    def counted(run: Any, top: int) -> None:
        forget(run, top)
        kept.append(sum(len(kept_by.blocks) for kept_by in run._kept.values()))

    monkeypatch.setattr(tiles.TiledRun, "forget_above", counted)
    for _ in sampler.stream(900, 90):
        pass
    # Two kept steps, three blocks across, at most four of 29 rows of them.
    assert 0 < max(kept) <= 2 * 3 * 4
    kept.clear()
    for _ in sampler.stream(904, 96, seamless=True):
        pass
    assert max(kept) <= 2 * 3 * 6  # and the last rows, which the first needed


def test_bands_of_wide_canvases_are_less_high(
    sampler: Sampler, monkeypatch: pytest.MonkeyPatch
) -> None:
    def heights() -> list[int]:
        return [len(band) for band in sampler.stream(1000, 200)]

    assert max(heights()) > 400
    monkeypatch.setattr(blocks, "_BAND_BYTES", 3 * 200 * 96)
    bands = heights()
    assert sum(bands) == 1000
    assert max(bands[1:-1]) <= 96  # those at the border have no halo beyond it, and more rows
    monkeypatch.setattr(blocks, "_BAND_BYTES", 1)  # not even one row: as low as blocks get
    assert 0 < max(heights()) < 96


def test_a_region_costs_its_neighbourhood_only(sampler: Sampler) -> None:
    region = sampler.region(2**24, 2**16, 2**23 + 1, 2**15 + 3, 5, 7, 9)
    again = sampler.region(2**24, 2**16, 2**23, 2**15, 8, 16, 9)
    np.testing.assert_array_equal(again[1:6, 3:10], region)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (
            (100, 120, 90, 100, 20, 30),
            "rows 0 to 100 and columns 0 to 120, got rows 90 to 110 and columns 100 to 130",
        ),
        ((100, 120, -1, 0, 5, 5), "got rows -1 to 4 and columns 0 to 5"),
        ((100, 120, 0, 0, 0, 5), "h must be an integer from 1"),
        ((100, 120, 0.5, 0, 5, 5), "top must be an integer"),
        ((2**24, 2**24, 0, 0, 5, 5), "canvas must have at most 1099511627776 pixels"),
        ((2**64, 64, 0, 0, 5, 5), "height must be an integer from 16 to 16777216"),
        ((15, 64, 0, 0, 5, 5), "height must be an integer from 16"),
        ((2**20, 2**20, 0, 0, 2**20, 2**20), "region must have at most 4294967296 bytes"),
    ],
)
def test_impossible_regions_are_refused(
    sampler: Sampler, asked: tuple[Any, ...], message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        sampler.region(*asked)
    assert message in str(caught.value)


def test_impossible_streams_are_refused_at_the_call(sampler: Sampler) -> None:
    for asked in ({"rows": 0}, {"rows": 65}, {"seed": -1}, {"index": 2**32}):
        with pytest.raises(ConfigError):
            sampler.stream(64, 64, **asked)
    with pytest.raises(ConfigError, match="canvas must have"):
        sampler.stream(2**24, 2**23)
    with pytest.raises(ConfigError, match=r"Sampler\.stream, or generate"):
        sampler.sample(height=8000, width=8000)


def test_a_bundle_without_halos_is_refused_only_when_tiles_are_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sampler: Sampler
) -> None:
    from support.bundles import header, write_bundle  # noqa: PLC0415 - skips where onnx is absent

    changes = header()
    for step in changes["steps"]:
        step.pop("halo", None)
    old = load(write_bundle(tmp_path / "old.petsgan", changes=changes), provider="cpu", threads=1)
    np.testing.assert_array_equal(
        old.region(97, 64, 3, 5, 50, 20, 1), sampler.region(97, 64, 3, 5, 50, 20, 1)
    )
    assert len(list(old.stream(97, 64))) == 1
    monkeypatch.setattr(blocks, "_BLOCK_PX", (48, 40))
    monkeypatch.setattr(renderer, "_KEPT_PIXELS", 100)
    assert old.sample(height=97, width=64).shape == (1, 97, 64, 3)
    for call in (
        lambda: old.region(97, 64, 0, 0, 5, 5),
        lambda: old.stream(97, 64),
        lambda: old.sample(height=64, width=64, seamless=True),
    ):
        with pytest.raises(BundleError, match=r"'depnet' must say how far .* export the model"):
            call()


@pytest.mark.parametrize("cuts", ["small_blocks", None])
@pytest.mark.parametrize("size", [(32, 32), (104, 136)])
def test_a_seamless_image_is_a_torus(
    sampler: Sampler, request: pytest.FixtureRequest, size: tuple[int, int], cuts: str | None
) -> None:
    if cuts is not None:
        request.getfixturevalue(cuts)
    height, width = size
    tile = sampler.sample(height=height, width=width, seed=6, seamless=True)[0]
    np.testing.assert_array_equal(
        np.concatenate(list(sampler.stream(height, width, 6, seamless=True))), tile
    )
    for down, across in [(8, 0), (0, 16), (24, 40), (-13, 1001), (height // 2, width // 2)]:
        moved = sampler.region(height, width, down, across, height, width, 6, seamless=True)
        np.testing.assert_array_equal(moved, np.roll(tile, (-down, -across), (0, 1)))
    wall = sampler.region(height, width, 0, 0, 2 * height, 2 * width, 6, seamless=True)
    np.testing.assert_array_equal(wall, np.tile(tile, (2, 2, 1)))


@pytest.mark.parametrize(
    ("size", "nearest"),
    [((100, 96), "96x104"), ((24, 64), "64x32"), ((16, 16), "32x32"), ((99, 101), "104x96")],
)
def test_seamless_sizes_are_multiples(
    sampler: Sampler, size: tuple[int, int], nearest: str
) -> None:
    height, width = size
    for call in (
        lambda: sampler.sample(height=height, width=width, seamless=True),
        lambda: sampler.stream(height, width, seamless=True),
        lambda: sampler.region(height, width, 0, 0, 4, 4, seamless=True),
    ):
        with pytest.raises(ConfigError, match=f"multiples of 8 .*the nearest is {nearest}"):
            call()


@pytest.mark.usefixtures("small_blocks")
def test_the_observer_hears_every_block(sampler: Sampler) -> None:
    heard: list[str] = []
    next(sampler.images(1, height=48, width=80, observer=lambda name, _: heard.append(name)))
    assert heard.count("restoration") == heard.count("to_uint8") == 4
    assert heard.count("depnet") == 6  # blocks that are kept are made once
    assert all(a != "to_uint8" or b != "to_uint8" for a, b in pairwise(heard))


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_freed_memory_goes_back() -> None:
    def resident_mb() -> float:
        count = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return count * os.sysconf("SC_PAGE_SIZE") / 1e6

    if pages._malloc_trim() is None:
        pytest.skip("no glibc")
    held = [np.ones(10_000, np.uint8) for _ in range(10_000)]
    last = held.pop()  # what lies above pins what is freed below
    full = resident_mb()
    held.clear()
    pages.return_freed()
    assert resident_mb() < full - 80
    assert last.sum() == 10_000


def test_long_lived_arrays_have_pages_of_their_own() -> None:
    for shape, dtype in (((3, 5), np.int32), ((2, 300, 200), np.float32)):
        array = pages.long_lived(shape, dtype)
        array[...] = 7
        assert (array.shape, array.dtype) == (shape, np.dtype(dtype))
        assert (array == 7).all()
        assert array.flags.c_contiguous
