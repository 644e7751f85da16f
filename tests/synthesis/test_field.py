"""Places of a canvas: any window of it is the same, however it is made."""

from __future__ import annotations

import itertools
import threading
from dataclasses import replace

import numpy as np
import pytest
from support.pictures import picture
from support.place_fields import field_of, framed, whole
from support.synthesis_bundle import SETTINGS, SIZE_PX, fitted, photo

from petsgan_sdk.errors import ConfigError
from petsgan_sdk.settings.synthesis import FitSettings
from petsgan_sdk.synthesis import Frame, PhotoFit, fit_photo
from petsgan_sdk.synthesis import field as field_module

ODD = [(1, 1), (1, 77), (97, 131), (300, 30), (33, 330)]


def small_blocks(
    monkeypatch: pytest.MonkeyPatch, *, whole_px: int = 20, block_px: int = 16, kept: int = 3000
) -> None:
    """Cells and blocks at every level, though the canvas is small."""
    monkeypatch.setattr(field_module, "_WHOLE_PX", whole_px)
    monkeypatch.setattr(field_module, "_BLOCK_PX", block_px)
    monkeypatch.setattr(field_module, "_KEPT_BYTES", kept)


def windows(size: tuple[int, int], count: int, *, seed: int = 0):
    rng = np.random.default_rng(seed)
    for _ in range(count):
        top, left = (int(rng.integers(0, side)) for side in size)
        yield (
            top,
            left,
            int(rng.integers(1, min(40, size[0] - top) + 1)),
            int(rng.integers(1, min(40, size[1] - left) + 1)),
        )


@pytest.fixture(scope="module")
def long_fit() -> PhotoFit:
    """Of a photo so long that repeats are counted at the four coarsest of seven levels."""
    return fit_photo(picture(512, 16), replace(SETTINGS, fit=FitSettings(price_rounds=1)))


@pytest.mark.parametrize("size", [*ODD, (650, 330)])
def test_windows_equal_the_whole(size: tuple[int, int]) -> None:
    wanted = whole(field_of(size), size)
    assert wanted.shape == (*size, 2)
    assert wanted.dtype == np.int16
    assert ((wanted >= 0) & (wanted < SIZE_PX)).all()
    other = field_of(size, threads=3)
    for top, left, height, width in windows(size, 6):
        found = other.window(top, left, height, width)
        np.testing.assert_array_equal(found, wanted[top : top + height, left : left + width])


@pytest.mark.parametrize("whole_px", [1, 20, 60])
@pytest.mark.parametrize("size", ODD)
def test_cells_and_what_is_kept_change_nothing(
    size: tuple[int, int], whole_px: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_blocks(monkeypatch, whole_px=whole_px, kept=1 << 20)
    wanted = whole(field_of(size), size)
    for kept in (1, 20_000):
        small_blocks(monkeypatch, whole_px=whole_px, kept=kept)
        other = field_of(size)
        for top, left, height, width in windows(size, 3, seed=1):
            found = other.window(top, left, height, width)
            np.testing.assert_array_equal(found, wanted[top : top + height, left : left + width])


@pytest.mark.parametrize("block_px", [7, 16, 64])
@pytest.mark.parametrize("size", ODD)
def test_blocks_are_the_whole(
    long_fit: PhotoFit, size: tuple[int, int], block_px: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where repeats are not counted blocks have exact margins: at three levels of this photo."""
    small_blocks(monkeypatch, whole_px=41, block_px=1 << 10, kept=1 << 20)
    assert not any(number in field_of(size, long_fit)._cells for number in range(3))
    wanted = whole(field_of(size, long_fit), size)
    small_blocks(monkeypatch, whole_px=41, block_px=block_px, kept=9000)
    np.testing.assert_array_equal(whole(field_of(size, long_fit), size), wanted)
    other = field_of(size, long_fit)
    for top, left, height, width in windows(size, 3, seed=2):
        found = other.window(top, left, height, width)
        np.testing.assert_array_equal(found, wanted[top : top + height, left : left + width])


@pytest.mark.parametrize(
    ("size", "has_blocks"),
    [
        ((96, 128), True),
        ((352, 400), False),
        ((101, 77), False),
        ((5, 300), False),
        ((5, 1400), False),
        ((2700, 16), False),
        ((1, 1), False),
    ],
)
def test_a_torus_goes_on(
    size: tuple[int, int], has_blocks: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if has_blocks:
        small_blocks(monkeypatch, whole_px=24, kept=1 << 20)
    wanted = whole(field_of(size, torus=True), size)
    other = field_of(size, torus=True)
    for top, left in ((0, 0), (-17, -30), (size[0] - 3, size[1] - 2), (3 * size[0] + 1, -1)):
        rows, columns = np.arange(top, top + 50) % size[0], np.arange(left, left + 60) % size[1]
        found = other.window(top, left, 50, 60)
        np.testing.assert_array_equal(found, wanted[rows[:, None], columns])


@pytest.mark.parametrize(
    ("size", "multiple", "nearest"),
    [
        ((400, 641), 4, "640x400"),
        ((401, 322), 2, "322x400"),
        ((642, 700), 4, "700x640"),
        ((1290, 1284), 8, "1280x1288"),
    ],
)
def test_a_large_torus_has_even_levels(
    long_fit: PhotoFit, size: tuple[int, int], multiple: int, nearest: str
) -> None:
    """Where blocks have exact margins."""
    message = f"must have sides that are multiples of {multiple}, got .*; the nearest is {nearest}"
    with pytest.raises(ConfigError, match=message):
        field_of(size, long_fit, torus=True)
    width, height = (int(side) for side in nearest.split("x"))
    field_of((height, width), long_fit, torus=True)
    field_of(size, torus=True)  # which has cells at all levels


def test_one_seed_one_canvas() -> None:
    size = (90, 120)
    one, two, other = (whole(field_of(size, seed=seed), size) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, two)
    assert (one != other).any(axis=2).mean() > 0.5


def test_without_variation_the_photo_stands_as_it_is() -> None:
    found = whole(field_of(SIZE_PX, variation=0), SIZE_PX)
    np.testing.assert_array_equal(found, np.stack(np.mgrid[: SIZE_PX[0], : SIZE_PX[1]], -1))


def test_far_away_on_the_largest_canvas(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows overlap alike, and what is kept stays within its bound."""
    size = (1 << 20, 1 << 20)
    monkeypatch.setattr(field_module, "_KEPT_BYTES", 1 << 20)
    walk = field_of(size)
    top = (1 << 20) - 64
    kept = []
    for left in range(1 << 19, (1 << 19) + 6 * 64, 64):
        found = walk.window(top, left, 64, 64)
        assert ((found >= 0) & (found < SIZE_PX)).all()
        kept.append(walk.kept_bytes)
    assert max(kept) <= 1 << 20
    assert len(set(kept)) > 1
    alone = field_of(size).window(top + 9, (1 << 20) - 30, 55, 30)
    np.testing.assert_array_equal(
        field_of(size).window(top, (1 << 20) - 40, 64, 40)[9:, 10:], alone
    )
    again = field_of(size).window(top, (1 << 19) + 5 * 64 + 3, 20, 40)
    np.testing.assert_array_equal(again, found[:20, 3:43])


def test_threads_that_share_a_field() -> None:
    size = (200, 220)
    wanted = whole(field_of(size), size)
    shared = field_of(size)
    found = {}

    def make(part: tuple[int, int]) -> None:
        found[part] = shared.window(part[0], part[1], 50, 55)

    parts = list(itertools.product(range(0, 200, 50), range(0, 220, 55)))
    pool = [threading.Thread(target=make, args=(part,)) for part in parts]
    for one in pool:
        one.start()
    for one in pool:
        one.join()
    for (top, left), part in found.items():
        np.testing.assert_array_equal(part, wanted[top : top + 50, left : left + 55])
    assert len(found) == len(parts)


@pytest.fixture(scope="module")
def framed_fit() -> PhotoFit:
    return fit_photo(framed(photo(), 4), SETTINGS)


def test_a_frame_is_shown_at_the_border_only(
    framed_fit: PhotoFit, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert framed_fit.frame == Frame(4, 4, 4, 4)
    size = (101, 131)
    found = whole(field_of(size, framed_fit), size)
    inside = (found[..., 0] >= 4) & (found[..., 0] < SIZE_PX[0] - 4)
    inside &= (found[..., 1] >= 4) & (found[..., 1] < SIZE_PX[1] - 4)
    expected = np.zeros(size, bool)
    expected[4:-4, 4:-4] = True
    np.testing.assert_array_equal(inside, expected)
    corner = np.stack(np.mgrid[:4, :4], -1)
    np.testing.assert_array_equal(found[:4, :4], corner)
    np.testing.assert_array_equal(found[-4:, -4:], corner + np.array(SIZE_PX) - 4)
    small_blocks(monkeypatch)
    found = whole(field_of(size, framed_fit), size)
    other = field_of(size, framed_fit)
    for top, left, height, width in [*windows(size, 8), (0, 0, 4, 131), (97, 100, 4, 31)]:
        part = other.window(top, left, height, width)
        np.testing.assert_array_equal(part, found[top : top + height, left : left + width])


@pytest.mark.parametrize(
    ("size", "torus", "said"),
    [
        ((96, 128), True, True),
        ((23, 80), False, True),
        ((80, 23), False, True),
        ((90, 90), False, False),
    ],
)
def test_where_there_is_no_frame(
    framed_fit: PhotoFit, size: tuple[int, int], torus: bool, said: bool
) -> None:
    found = whole(field_of(size, framed_fit, torus=torus, framed=said), size)
    assert ((found >= 4) & (found < (SIZE_PX[0] - 4, SIZE_PX[1] - 4))).all()


def test_a_framed_photo_comes_back_too(framed_fit: PhotoFit) -> None:
    found = whole(field_of(SIZE_PX, framed_fit, variation=0), SIZE_PX)
    np.testing.assert_array_equal(found, np.stack(np.mgrid[: SIZE_PX[0], : SIZE_PX[1]], -1))


def test_levels_halve() -> None:
    size = (97, 131)
    field = field_of(size)
    for number in range(fitted().levels):
        assert field.level(number).shape == (-(-97 // 2**number), -(-131 // 2**number), 2)
    np.testing.assert_array_equal(field.level(0), whole(field_of(size), size))
