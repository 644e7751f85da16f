from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.place_cases import COSTS, correction, features_of, guides, level_of, random_photo

from petsgan_sdk import kernels
from petsgan_sdk.errors import ConfigError, DTypeError, ShapeError
from petsgan_sdk.kernels import PlaceCosts, PlaceLevel

BACKENDS = kernels.available_backends()
backends = pytest.mark.parametrize("backend", BACKENDS)
H, W = 11, 13  # of the photo of `correction`


def changed_level(**changes):
    def change(call):
        return {"level": replace(call["level"], **changes)}

    return change


def changed_cost(**changes):
    return lambda call: {"costs": replace(call["costs"], **changes)}


def at(name, index, value):
    """One number of an array changed."""

    def change(call):
        array = call[name].copy()
        array[index] = value
        return {name: array}

    return change


def alike_at(index, value):
    def change(call):
        level = call["level"]
        alike = level.alike.copy()
        alike[index] = value
        return {"level": replace(level, alike=alike)}

    return change


def prices(value, shape=(H, W), dtype=np.int32):
    return changed_level(prices=np.full(shape, value, dtype))


def alike(*shape, dtype=np.int16):
    return changed_level(alike=np.zeros(shape, dtype))


REFUSED = {
    "places' dtype": (lambda c: {"places": c["places"].astype(np.int32)}, DTypeError, "int16"),
    "places' rank": (lambda c: {"places": c["places"][0]}, ShapeError, "places must have shape"),
    "places' last axis": (
        lambda c: {"places": c["places"].repeat(2, axis=2)},
        ShapeError,
        "places must have shape",
    ),
    "no rows": (
        lambda c: {"places": c["places"][:0], "row_guides": c["row_guides"][:0]},
        ShapeError,
        "places must have shape",
    ),
    "order": (lambda c: {"places": c["places"][:, ::-1]}, DTypeError, "C-contiguous"),
    "no array": (lambda _: {"places": [[0, 0]]}, DTypeError, "must be a numpy array, got list"),
    "above": (at("places", (3, 4, 0), -1), ShapeError, "must lie in the photo, 11x13"),
    "before": (at("places", (3, 4, 1), -1), ShapeError, "must lie in the photo, 11x13"),
    "below": (at("places", (3, 4, 0), H), ShapeError, "must lie in the photo, 11x13"),
    "behind": (at("places", (3, 4, 1), W), ShapeError, "must lie in the photo, 11x13"),
    "features' dtype": (
        changed_level(features=np.zeros((H + 4, W + 4, 8), np.uint8)), DTypeError, "int8"),
    "features' rank": (changed_level(features=np.zeros((H, 8), np.int8)), ShapeError, "features"),
    "features' count": (
        changed_level(features=np.zeros((H + 4, W + 4, 7), np.int8)), ShapeError, "features"),
    "no photo": (changed_level(features=np.zeros((4, 9, 8), np.int8)), ShapeError, "must have"),
    "huge photo": (
        changed_level(features=np.zeros((16389, 5, 8), np.int8)), ShapeError, "sides from 1 to"),
    "alike's dtype": (alike(H, W, 1, 2, dtype=np.int32), DTypeError, "alike must be int16"),
    "alike's rank": (alike(H, W, 2), ShapeError, "alike must have"),
    "alike's last axis": (alike(H, W, 1, 3), ShapeError, "alike must have shape"),
    "alike's rows": (alike(H - 1, W, 1, 2), ShapeError, "alike must have the rows of its level"),
    "alike's columns": (alike(H, W + 1, 1, 2), ShapeError, "alike must have the columns of its"),
    "too many alike": (alike(H, W, 9, 2), ShapeError, "alike must have at most 8 places for each"),
    "alike below": (alike_at((0, 0, 1, 0), H), ShapeError, "alike must lie within its level"),
    "alike behind": (alike_at((0, 0, 0), (0, W)), ShapeError, "alike must lie within its level"),
    "alike before": (alike_at((0, 0, 0), (0, -1)), ShapeError, "alike must lie within its level"),
    "level of alike": (changed_level(shift=1), ShapeError, "alike must have the rows of its level"),
    "shift": (changed_level(shift=15), ConfigError, "shift must be an integer from 0 to 14"),
    "negative shift": (changed_level(shift=-1), ConfigError, "shift must be an integer from 0"),
    "prices' dtype": (prices(0, dtype=np.int64), DTypeError, "prices must be int32"),
    "prices' rank": (prices(0, shape=(H,)), ShapeError, "prices must have"),
    "prices' shape": (prices(0, shape=(W, H)), ShapeError, "prices must have the photo's shape"),
    "dear": (prices((1 << 24) + 1), ShapeError, r"prices must be within 2\^24 of 0"),
    "cheap": (prices(-(1 << 24) - 1), ShapeError, r"prices must be within 2\^24 of 0"),
    "cheapest": (prices(-(1 << 31)), ShapeError, r"prices must be within 2\^24 of 0"),
    "guides' dtype": (
        lambda c: {"row_guides": c["row_guides"].astype(np.float32)}, DTypeError, "row_guides"),
    "row guides": (lambda c: {"row_guides": c["row_guides"][1:]}, ShapeError, "row_guides must"),
    "column guides": (
        lambda c: {"column_guides": c["row_guides"]}, ShapeError, "column_guides must"),
    "guide": (at("row_guides", 2, 1025), ConfigError, "row_guides must be from 0 to 1024, got"),
    "guide before": (at("column_guides", 2, -1), ConfigError, "column_guides must be from 0 to"),
    "fixed's dtype": (lambda _: {"fixed": np.zeros((14, 9), bool)}, DTypeError, "fixed must be"),
    "fixed's shape": (
        lambda _: {"fixed": np.zeros((9, 14), np.uint8)}, ShapeError, "fixed must have shape"),
    "open torus": (
        lambda _: {"wraps": True, "open_sides": (False, False, True, False)},
        ConfigError,
        "open_sides must all be False on a torus",
    ),
    "threads": (lambda _: {"threads": 0}, ConfigError, "threads must be an integer of at least 1"),
    "near": (
        changed_cost(repeat=1, repeat_radius=1, repeat_near=2), ConfigError, "from 0 to 1, got 2"),
    **{
        f"passes {passes}": (
            lambda _, passes=passes: {"passes": passes},
            ConfigError,
            "passes must be an integer from 0 to 64, got",
        )
        for passes in (-1, 65, 1.0, 1 << 70, None)
    },
    **{
        f"{name} {value!r}": (
            changed_cost(**{name: value}), ConfigError, f"{name} must be an integer from 0 to")
        for name, most in {
            "weight_y": 1 << 14, "weight_x": 1 << 14, "tolerance_y": 1024, "tolerance_x": 1024,
            "coherence": 64, "edge": 1 << 16, "repeat": 1 << 20, "most_repeats": 64,
            "repeat_radius": 64, "order": 1 << 10, "order_tolerance": 1024, "most_disorder": 1024,
        }.items()
        for value in (-1, most + 1, 1 << 70, 0.5, float("nan"))
    },
}  # fmt: skip


@backends
@pytest.mark.parametrize("case", REFUSED)
def test_refusals(backend, case):
    change, error, message = REFUSED[case]
    call = correction(2)  # without prices, with repeats
    with pytest.raises(error, match=f"correct_places: .*{message}") as caught:
        kernels.correct_places(**call | change(call), backend=backend)
    assert str(caught.value).isprintable()


@backends
def test_repeats_are_counted_where_16_bits_tell_places_apart(backend):
    def call(height, width, **costs):
        features = np.zeros((height + 4, width + 4, 8), np.int8)
        level = PlaceLevel(features, np.full((1, 1, 1, 2), -1, np.int16), shift=14)
        return kernels.correct_places(
            np.zeros((2, 2, 2), np.int16),
            level,
            PlaceCosts(**costs),
            passes=1,
            row_guides=np.zeros(2, np.int32),
            column_guides=np.zeros(2, np.int32),
            backend=backend,
        )

    counted = {"repeat": 1, "repeat_radius": 1}
    call(257, 255)
    call(254, 258, **counted)  # 65532
    with pytest.raises(ShapeError, match="repeats must be counted at a level of less than 65535"):
        call(257, 255, **counted)


@backends
@pytest.mark.parametrize("wraps", [False, True])
@pytest.mark.parametrize("size", [(1, 1), (1, 5), (5, 1), (2, 2), (3, 4)])
def test_the_smallest_photos_and_windows(backend, wraps, size):
    rng = np.random.default_rng(0)
    radius = 9 if backend == "cpu" else 1  # the twin is slow
    counted = PlaceCosts(**COSTS, repeat=99, most_repeats=64, repeat_radius=radius, repeat_near=1)
    for photo_size in ((1, 1), (1, 7), (2, 3)):
        photo = random_photo(rng, *photo_size)
        for shift in (0, 1) if photo_size == (2, 3) else (14,):
            found = kernels.correct_places(
                np.zeros((*size, 2), np.int16),
                level_of(rng, photo, shift=shift, prices=True),
                counted,
                passes=1,
                **guides(rng, size),
                wraps=wraps,
                backend=backend,
            )
            assert ((found >= 0) & (found < photo_size)).all()


@backends
def test_repeats_within_no_radius_cost_nothing(backend):
    call = correction(3)
    free = kernels.correct_places(**call | {"costs": PlaceCosts(**COSTS)}, backend=backend)
    counted = kernels.correct_places(
        **call | {"costs": PlaceCosts(**COSTS, repeat=9)}, backend=backend
    )
    np.testing.assert_array_equal(counted, free)


@backends
def test_no_passes_change_nothing(backend):
    call = correction(2, passes=0)
    np.testing.assert_array_equal(kernels.correct_places(**call, backend=backend), call["places"])


@backends
def test_the_photo_itself_stays(backend):
    """It is one coherent piece: nothing fits better."""
    rng = np.random.default_rng(4)
    photo = random_photo(rng, 12, 10)
    identity = np.stack(np.mgrid[:12, :10], -1).astype(np.int16)
    for level in (level_of(rng, photo, prices=False), level_of(rng, photo, shift=2, prices=False)):
        found = kernels.correct_places(
            identity, level, PlaceCosts(coherence=16), passes=3, **guides(rng, (12, 10)),
            backend=backend,
        )  # fmt: skip
        np.testing.assert_array_equal(found, identity)


@backends
def test_a_single_wrong_place_is_put_right(backend):
    rng = np.random.default_rng(5)
    photo = random_photo(rng, 12, 10)
    places = np.stack(np.mgrid[:12, :10], -1).astype(np.int16)
    wanted = places.copy()
    places[6, 5] = 1, 8
    call = {"passes": 1, **guides(rng, (12, 10)), "backend": backend}
    level = PlaceLevel(features_of(rng, photo), np.full((12, 10, 1, 2), -1, np.int16))
    found = kernels.correct_places(places, level, PlaceCosts(coherence=16), **call)
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("passes", [1, 2])
@pytest.mark.parametrize("case", [0, 1, 2])
def test_a_window_agrees_with_the_whole(case, passes):
    """But for pixels nearer to an open side than corrections reach."""
    rng = np.random.default_rng(case)
    photo = random_photo(rng, 20, 24)
    level = level_of(rng, photo, prices=case == 1)
    repeats = {"repeat": 20_000, "most_repeats": 6, "repeat_radius": 3} if case == 2 else {}
    costs = PlaceCosts(coherence=16, **repeats)
    halo = passes * 4 * costs.reach
    size = (2 * halo + 12, 2 * halo + 9)
    whole_size = (size[0] + 13, size[1] + 11)
    places = np.stack([rng.integers(0, side, whole_size) for side in photo.shape[:2]], -1).astype(
        np.int16
    )
    row_guides, column_guides = (np.zeros(side, np.int32) for side in whole_size)

    def corrected(top, left, height, width, open_sides):
        return kernels.correct_places(
            np.ascontiguousarray(places[top : top + height, left : left + width]),
            level,
            costs,
            passes=passes,
            row_guides=row_guides[:height],
            column_guides=column_guides[:width],
            corner=(top, left),
            open_sides=open_sides,
        )

    whole = corrected(0, 0, *whole_size, (False,) * 4)
    for top, left in ((7, 4), (0, 11), (13, 0)):
        sides = (top > 0, top < 13, left > 0, left < 11)
        part = corrected(top, left, *size, sides)
        rows, columns = (
            slice(first + halo * before, first + side - halo * after)
            for first, side, before, after in zip(
                (top, left), size, sides[::2], sides[1::2], strict=True
            )
        )
        np.testing.assert_array_equal(
            part[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left],
            whole[rows, columns],
        )


@backends
def test_a_torus_has_no_first_pixel(backend):
    """Rolled by even steps it is corrected to the same, rolled."""
    size = (8, 10)
    rng = np.random.default_rng(6)
    photo = random_photo(rng, 9, 9)
    level = level_of(rng, photo, prices=True)
    places = np.stack([rng.integers(0, 9, size), rng.integers(0, 9, size)], -1).astype(np.int16)
    costs = PlaceCosts(coherence=16, order=60, most_disorder=100, repeat=9999, repeat_radius=2)

    def corrected(start):
        return kernels.correct_places(
            np.ascontiguousarray(start), level, costs, passes=2, wraps=True,
            **{name: np.zeros_like(g) for name, g in guides(rng, size).items()}, backend=backend,
        )  # fmt: skip

    np.testing.assert_array_equal(
        corrected(np.roll(places, (4, 6), (0, 1))), np.roll(corrected(places), (4, 6), (0, 1))
    )


def test_prices_and_guides_are_followed():
    """A dear place is left; where position counts places lie where they are asked for."""
    height = width = 16
    flat = np.zeros((height + 4, width + 4, 8), np.int8)
    rng = np.random.default_rng(7)
    anywhere = np.stack([rng.integers(0, 16, (16, 16, 8)), rng.integers(0, 16, (16, 16, 8))], -1)
    price = np.zeros((height, width), np.int32)
    price[:, :8] = 1000
    level = PlaceLevel(flat, anywhere.astype(np.int16), prices=price)
    start = np.stack([rng.integers(0, 16, (20, 20)), rng.integers(0, 16, (20, 20))], -1)
    centres = ((2 * np.arange(20) + 1) * 512 // 20).astype(np.int32)
    call = {"passes": 3, "row_guides": centres, "column_guides": centres}
    found = kernels.correct_places(start.astype(np.int16), level, PlaceCosts(), **call)
    assert (found[..., 1] >= 8).all()
    level = replace(level, prices=None)
    costs = PlaceCosts(weight_y=16384, tolerance_y=100)
    found = kernels.correct_places(start.astype(np.int16), level, costs, **call)
    shares = (2 * found[..., 0] + 1) * 32
    assert (np.abs(shares - centres[:, None]) <= 101).mean() > 0.9
