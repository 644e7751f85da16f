"""Of several layouts the one is taken that uses what is distinct in the photo evenly."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from support.place_fields import field_of, whole
from support.synthesis_bundle import SETTINGS, SIZE_PX, fitted

from petsgan_sdk.settings.synthesis import FitSettings, PlaceSettings
from petsgan_sdk.synthesis import PhotoLevels, fit_photo
from petsgan_sdk.synthesis._evenness import distinctness, unevenness

FIRST = replace(SETTINGS.places, attempts=1)
FIRST_OF_MANY = replace(SETTINGS.places, even=16.0, judged_jitter=1.0)
MOST_EVEN = replace(SETTINGS.places, even=0.0)
JUDGED = PhotoLevels(fitted()).count - 1 - SETTINGS.places.judged_level


def judged(settings: PlaceSettings, seed: int) -> float:
    levels = PhotoLevels(fitted())
    places = field_of(SIZE_PX, seed=seed, settings=settings).level(JUDGED)
    return unevenness(places, levels.distinctness(JUDGED))


def places_of(*rows: list[tuple[int, int]]) -> np.ndarray:
    return np.array(rows, dtype=np.int16)


def test_every_place_once_is_even() -> None:
    grid = np.stack(np.mgrid[:6, :9], axis=-1).astype(np.int16)
    weights = np.arange(54).reshape(6, 9)
    assert unevenness(grid, weights) == 0
    assert unevenness(np.tile(grid, (2, 3, 1)), weights) == 0


def test_what_counts_is_how_far_use_is_from_its_share() -> None:
    # All of a photo of 3x3 parts is its middle: parts overlap, so each holds all of the use.
    weights = np.ones((3, 3), dtype=np.int64)
    assert unevenness(places_of([(1, 1)]), weights) == 0
    # Its corner counts once in four parts, and more often where the border goes on: use of parts is
    # 4, 2, 2, 1 and five times 0, where 1 is the share.
    wanted = (3 + 1 + 1 + 0 + 5) / 9
    assert unevenness(places_of([(0, 0)]), weights) == pytest.approx(wanted)


def test_parts_that_weigh_nothing_may_be_used_anyhow() -> None:
    weights = np.zeros((6, 6), dtype=np.int64)
    weights[5, 5] = 1
    assert unevenness(places_of([(5, 5)] * 4), weights) == pytest.approx(15), (
        "16 where 1 is the share"
    )
    weights[:] = 0
    assert unevenness(places_of([(5, 5)] * 4), weights) == 0


def test_what_has_no_like_is_distinct() -> None:
    image = np.random.default_rng(5).integers(90, 110, (64, 64, 3), dtype=np.uint8)
    image[24:40, 36:52] = (230, 40, 90)
    fit = fit_photo(image, replace(SETTINGS, fit=FitSettings(price_rounds=0)))
    found = distinctness(PhotoLevels(fit).level(1, fill=0))
    assert found.shape == (32, 32)
    assert found[12:20, 18:26].min() > 10 * max(1, np.median(found))


@pytest.mark.parametrize("seed", range(4))
def test_the_most_even_layout_is_taken(seed: int) -> None:
    first = judged(replace(FIRST, jitter=tuple(1.2 * j for j in FIRST.jitter)), seed)
    best = judged(MOST_EVEN, seed)
    assert best <= first
    enough = replace(MOST_EVEN, even=first)
    assert judged(enough, seed) == first, "the first was even enough"


def test_some_first_layouts_are_not_taken() -> None:
    assert any(judged(MOST_EVEN, seed) < judged(FIRST_OF_MANY, seed) for seed in range(4))


@pytest.mark.parametrize(
    ("size", "knobs"),
    [
        ((2 * SIZE_PX[0], 2 * SIZE_PX[1]), {}),
        (SIZE_PX, {"fill": 0.5}),
        (SIZE_PX, {"torus": True, "fill": 2.0}),
    ],
    ids=["larger canvas", "fill", "torus"],
)
def test_where_things_may_recur_the_first_is_taken(
    size: tuple[int, int], knobs: dict[str, Any]
) -> None:
    found, first = (field_of(size, settings=settings, **knobs) for settings in (MOST_EVEN, FIRST))
    np.testing.assert_array_equal(whole(found, size), whole(first, size))


def test_a_choice_does_not_depend_on_what_is_asked_first() -> None:
    wanted = whole(field_of(SIZE_PX, settings=MOST_EVEN), SIZE_PX)
    field = field_of(SIZE_PX, settings=MOST_EVEN)
    found = field.window(20, 30, 20, 30)
    np.testing.assert_array_equal(found, wanted[20:40, 30:60])
    np.testing.assert_array_equal(whole(field, SIZE_PX), wanted)
