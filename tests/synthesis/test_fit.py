"""What is learned of a photo: prices, how position binds, a frame; photos that hold little."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.pictures import flat_pictures
from support.place_fields import field_of, framed, whole
from support.synthesis_bundle import SETTINGS, photo

from petsgan_sdk.errors import InputError
from petsgan_sdk.settings.synthesis import FitSettings, SynthesisSettings
from petsgan_sdk.synthesis import Frame, PhotoFit, fit_photo, fit_to_arrays

FREE = replace(SETTINGS, fit=FitSettings(price_rounds=0))
SIZE = (48, 64)


def landscape(height: int = SIZE[0], width: int = SIZE[1]) -> np.ndarray:
    """Sky, hills and meadow: each row of its own kind, with grain."""
    rng = np.random.default_rng(2)
    y = np.arange(height)[:, None, None] / height
    sky, hills, meadow = (np.array(c) for c in ((120, 170, 240), (60, 70, 60), (90, 160, 40)))
    rows = np.where(y < 0.4, sky, np.where(y < 0.6, hills, meadow)) + 60 * (0.4 - y).clip(0)
    grain = rng.normal(0, 8, (height, width, 3))
    return np.clip(rows + grain, 0, 255).astype(np.uint8)


def noise(height: int = SIZE[0], width: int = SIZE[1]) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (height, width, 3), np.uint8)


def with_flowers() -> np.ndarray:
    """A plain meadow with a few things, which plain synthesis would lose."""
    image = (np.full((64, 64, 3), 100) + np.random.default_rng(4).normal(0, 3, (64, 64, 3))).clip(0)
    for y, x in ((10, 50), (44, 14)):
        image[y : y + 9, x : x + 9] = (230, 40, 90)
    return image.astype(np.uint8)


def unevenness(fit: PhotoFit) -> float:
    """Variance of how often the places of the coarsest levels are used, on canvases of its size.

    Of first layouts: among several the even ones are chosen, whatever prices do.
    """
    first, found = replace(SETTINGS.places, attempts=1), []
    for seed in range(4):
        size = (fit.photo.shape[0], fit.photo.shape[1])
        field = field_of(size, fit, seed=seed, settings=first)
        for number in range(fit.levels - 3, fit.levels):
            places = field.level(number)
            rows, columns = (side - 1 >> number for side in size)
            use = np.zeros((rows + 1, columns + 1))
            np.add.at(use, (places[..., 0], places[..., 1]), 1)
            # By quarters, since no canvas uses every place the same.
            parts = [
                part.mean()
                for half in np.array_split(use, 4)
                for part in np.array_split(half, 4, 1)
            ]
            found.append(np.var(parts))
    return float(np.mean(found))


@pytest.mark.parametrize("make", [with_flowers, photo, noise])
def test_prices_bring_use_nearer_to_even(make) -> None:
    settings = replace(SETTINGS, fit=FitSettings(price_rounds=16))
    assert unevenness(fit_photo(make(), settings)) < 0.8 * unevenness(fit_photo(make(), FREE))


def test_prices_are_bounded_and_centred() -> None:
    settings = replace(
        SETTINGS, fit=FitSettings(price_rounds=6, price_step=10, price_limit=0.5, price_levels=2)
    )
    found = fit_photo(photo(), settings).prices
    assert [table.shape for table in found] == [(6, 8), (12, 16)]
    for table in found:
        assert np.abs(table).max() == 1 << 15
    assert fit_photo(photo(), FREE).prices[0].any() == np.False_
    none = replace(SETTINGS, fit=FitSettings(price_levels=0))
    assert fit_photo(photo(), none).prices == ()


def test_rounds_are_told() -> None:
    told = []
    fit_photo(photo(), SETTINGS, progress=lambda done, of: told.append((done, of)))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_position_binds_where_bands_differ() -> None:
    assert fit_photo(landscape(), FREE).held == (1, 0)
    turned = np.ascontiguousarray(landscape().transpose(1, 0, 2))
    assert fit_photo(turned, FREE).held == (0, 1)
    large = noise(256, 256)
    assert max(fit_photo(large, FREE).held) < 0.1


def test_what_is_held_stays_where_it_is() -> None:
    """The sky of a landscape twice as wide and high lies above, that of a texture anywhere."""
    fit = fit_photo(landscape(), SETTINGS)
    found = whole(field_of((96, 128), fit), (96, 128))[..., 0]
    wanted = np.arange(96)[:, None] // 2
    assert np.abs(found - wanted).mean() < 8
    assert (np.abs(found - wanted) > 16).mean() < 0.05
    texture = replace(fit_photo(noise(), SETTINGS), held=(0.0, 0.0))
    anywhere = whole(field_of((96, 128), texture), (96, 128))[..., 0]
    assert np.abs(anywhere - wanted).mean() > 10


@pytest.mark.parametrize("name", flat_pictures())
def test_photos_that_hold_little(name: str) -> None:
    image = flat_pictures()[name]
    fit = fit_photo(image, SETTINGS)
    assert all(0 <= share <= 1 for share in fit.held)
    size = (60, 50)
    found = whole(field_of(size, fit), size)
    assert ((found >= 0) & (found < image.shape[:2])).all()


@pytest.mark.parametrize("size", [(16, 16), (17, 19), (16, 512), (512, 16), (31, 992)])
def test_small_and_long_photos(size: tuple[int, int]) -> None:
    fit = fit_photo(noise(*size), SETTINGS)
    for canvas in ((16, 16), (size[0] + 9, size[1] - 5), size):
        found = whole(field_of(canvas, fit), canvas)
        assert found.shape == (*canvas, 2)
        assert ((found >= 0) & (found < size)).all()


@pytest.mark.parametrize("size", [(15, 16), (40, 15), (1, 1)])
def test_too_small_a_photo(size: tuple[int, int]) -> None:
    message = f"photo: must have sides from 16 px .*, got {size[1]}x{size[0]}; use a larger one"
    with pytest.raises(InputError, match=message):
        fit_photo(noise(*size), SETTINGS)


def test_the_same_photo_is_the_same_fit() -> None:
    one, two = (fit_to_arrays(fit_photo(photo(), SETTINGS)) for _ in range(2))
    assert one.keys() == two.keys()
    for name, array in one.items():
        np.testing.assert_array_equal(two[name], array)
        assert two[name].dtype == array.dtype


def test_every_setting_makes_a_fit() -> None:
    for fit in (
        FitSettings(coarsest_px=4, price_rounds=1),
        FitSettings(coarsest_px=64, price_rounds=1),
        FitSettings(alike=8, alike_places=16, price_rounds=1),
        FitSettings(alike=1, alike_places=8192, price_rounds=1, price_levels=4),
    ):
        found = fit_photo(photo(), SynthesisSettings(fit=fit))
        assert found.alike[0].shape[2] == fit.alike
        assert len(found.alike) <= found.levels
        assert ((found.alike[0] < found.alike[0].shape[:2]).all(axis=-1)).all()


@pytest.mark.parametrize("width", [1, 3])
def test_a_frame_is_found(width: int) -> None:
    found = fit_photo(framed(photo(), width), FREE)
    assert found.frame == Frame(width, width, width, width)
    bars = photo().copy()
    bars[:3], bars[-2:] = 255, 255
    bars[3:-2] = np.minimum(bars[3:-2], 180)
    assert fit_photo(bars, FREE).frame == Frame(top=3, bottom=2)


@pytest.mark.parametrize("make", [photo, noise, landscape, with_flowers])
def test_a_plain_photo_has_no_frame(make) -> None:
    assert fit_photo(make(), FREE).frame == Frame()


def test_no_frame_leaves_too_little() -> None:
    small = framed(noise(17, 40), 1)
    assert fit_photo(small, FREE).frame == Frame()
    for image in flat_pictures().values():
        frame = fit_photo(image, FREE).frame
        assert min(frame.inside(*image.shape[:2])) >= 16


@pytest.mark.parametrize("size", [(16, 16385), (16385, 20)])
def test_too_long_a_photo(size: tuple[int, int]) -> None:
    message = f"photo: must have sides to 16384 px .*, got {size[1]}x{size[0]}; use a smaller one"
    with pytest.raises(InputError, match=message):
        fit_photo(np.zeros((*size, 3), np.uint8), SETTINGS)
