"""Coordinate synthesis for CUDA, compiled for the CPU, has the bytes of the CPU's kernels."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import cuda_emulation
from support.paths import TESTS
from support.place_cases import (
    COSTS,
    REPEATS,
    correction,
    guides,
    level_of,
    pieces,
    projection,
    random_photo,
)

from petsgan_sdk import kernels
from petsgan_sdk.kernels import PlaceCosts, PlaceLevel

BACKEND = kernels.available_backends()[0]
SIDES = st.integers(1, 9)
SEEDS = st.integers(0, 2**32 - 1)


@given(
    size=st.tuples(SIDES, st.one_of(SIDES, st.integers(120, 130))),
    shift=st.integers(0, 24),
    most=st.sampled_from([1, 300, 32767]),
    bias=st.sampled_from([0, 9999, 1 << 29]),
    seed=SEEDS,
)
def test_features(synthesis, size, shift, most, bias, seed):
    rng = np.random.default_rng(seed)
    photo = rng.choice(np.array([0, 255, 100, 101], np.uint8), (*size, 3))
    basis = rng.integers(-most - 1, most + 1, (8, 5, 5, 3)).astype(np.int16)
    added = rng.integers(-bias, bias + 1, 8).astype(np.int32)
    found = synthesis.features(photo, basis, added, shift=shift, seed=seed)
    wanted = kernels.place_features(photo, basis, added, shift=shift, backend=BACKEND)
    np.testing.assert_array_equal(found, wanted)


@given(
    photo_size=st.tuples(SIDES, SIDES),
    size=st.tuples(SIDES, st.integers(1, 14)),
    shift=st.sampled_from([0, 0, 1, 2, 14]),
    alike=st.sampled_from([0, 1, 3, 8]),
    prices=st.booleans(),
    repeats=st.sampled_from([{}, REPEATS, {**REPEATS, "repeat_radius": 9}, {"repeat": 9}]),
    positioned=st.booleans(),
    passes=st.integers(0, 2),
    corner=st.tuples(st.integers(-3, 3), st.integers(0, 2**40)),
    around=st.one_of(st.just("torus"), st.tuples(*[st.booleans()] * 4)),
    fixed=st.booleans(),
    seed=SEEDS,
)
def test_corrections(
    synthesis, photo_size, size, shift, alike, prices, repeats, positioned, passes, corner, around,
    fixed, seed,
):  # fmt: skip
    rng = np.random.default_rng(seed)
    photo = random_photo(rng, *photo_size)
    call = {
        "places": pieces(rng, size, photo),
        "level": level_of(rng, photo, shift=shift, alike=alike, prices=prices),
        "costs": PlaceCosts(**COSTS if positioned else {}, **repeats),
        "passes": passes,
        **guides(rng, size),
        "corner": corner,
        "open_sides": (False,) * 4 if around == "torus" else around,
        "wraps": around == "torus",
        "fixed": (rng.random(size) < 0.2).astype(np.uint8) * 7 if fixed else None,
    }
    found = synthesis.correct(**call, seed=seed)
    np.testing.assert_array_equal(found, kernels.correct_places(**call, backend=BACKEND))


def test_a_canvas_of_several_blocks(synthesis):
    """Many candidates for a pixel, most of them new, and repeats that decide."""
    rng = np.random.default_rng(3)
    photo = random_photo(rng, 30, 40)
    size = (20, 135)
    call = {
        "places": np.stack([rng.integers(0, n, size) for n in (30, 40)], -1).astype(np.int16),
        "level": level_of(rng, photo, alike=8, prices=False),
        "costs": PlaceCosts(**COSTS, repeat=1 << 20, most_repeats=64, repeat_radius=17),
        "passes": 1,
        **guides(rng, size),
    }
    wanted = kernels.correct_places(**call, backend=BACKEND)
    assert (wanted != call["places"]).any(axis=2).mean() > 0.5
    np.testing.assert_array_equal(synthesis.correct(**call, seed=1), wanted)


def test_equal_costs_take_the_first_place(synthesis):
    """A photo of one colour: every place fits, so that order alone decides."""
    rng = np.random.default_rng(4)
    photo = np.zeros((9, 9, 3), np.uint8)
    for repeats in ({}, {**REPEATS, "repeat_near": 0}):
        call = correction(4, level=level_of(rng, photo, alike=8, prices=False))
        call |= {"costs": PlaceCosts(**repeats), "places": pieces(rng, (14, 9), photo)}
        wanted = kernels.correct_places(**call, backend=BACKEND)
        np.testing.assert_array_equal(synthesis.correct(**call, seed=2), wanted)


@given(
    photo_size=st.tuples(SIDES, SIDES),
    size=st.tuples(st.integers(1, 20), st.one_of(SIDES, st.integers(126, 131))),
    screening=st.sampled_from([1e-300, 0.001, 0.03125, 1.0]),
    slowest=st.sampled_from([1e-300, 0.0625, 4.0]),
    softness=st.sampled_from([0, 0.001, 30.0, 1e6]),
    steps=st.sampled_from([1, 2, 7]),
    seed=SEEDS,
)
def test_composites(synthesis, photo_size, size, screening, slowest, softness, steps, seed):
    rng = np.random.default_rng(seed)
    photo = random_photo(rng, *photo_size)
    places = pieces(rng, size, photo)
    options = {"screening": screening, "slowest": slowest, "softness": softness, "steps": steps}
    found = synthesis.composite(places, photo, **options, seed=seed)
    wanted = kernels.composite_places(places, photo, **options, backend=BACKEND)
    np.testing.assert_array_equal(found.view(np.int32), wanted.view(np.int32))


@pytest.mark.parametrize("seed", range(4))
def test_the_order_of_threads_changes_nothing(synthesis, seed):
    rng = np.random.default_rng(5)
    photo = random_photo(rng, 8, 8)
    call = correction(5, wraps=True)
    places = pieces(rng, (9, 9), photo)
    options = {"screening": 0.03, "slowest": 0.06, "steps": 5, "softness": 30.0}
    first, again = (
        (
            synthesis.correct(**call, seed=order).tobytes(),
            synthesis.composite(places, photo, **options, seed=order).tobytes(),
            synthesis.features(photo, *projection(np.random.default_rng(0)), shift=11, seed=order),
        )
        for order in (0, seed + 1)
    )
    assert first[:2] == again[:2]
    np.testing.assert_array_equal(first[2], again[2])


WITHOUT_A_BARRIER = """
import sys
import numpy as np
from petsgan_sdk import kernels
from support.place_cases import correction
from support.synthesis_emulation import SynthesisEmulation
emulation = SynthesisEmulation(sys.argv[1])
call = correction(1)
for seed in range(1, 5):
    found = emulation.correct(**call, seed=seed, drop=(sys.argv[2], int(sys.argv[3])))
    if (found != kernels.correct_places(**call)).any():
        sys.exit(7)
"""


@pytest.mark.parametrize("dropped", [True, False])
def test_a_missing_barrier_is_caught(emulation, dropped):
    # In a process of its own: a candidate that was not written yet may be read from anywhere.
    (barrier,) = cuda_emulation.barriers("__syncwarp()")
    given_barrier = barrier if dropped else ("", -1)
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_A_BARRIER, str(emulation.path), *map(str, given_barrier)],
        env={"PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
        check=False,
    )
    if dropped:
        assert done.returncode in (7, -11), done.stderr  # another place, or no memory
    else:
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("value", [(-1, 0), (0, -1), (11, 0), (0, 13), (32767, 32767)])
def test_a_place_outside_the_photo_makes_all_of_them_none(synthesis, value):
    call = correction(2)
    call["places"][3, 4] = value
    assert (synthesis.correct(**call, seed=1) == -1).all()
    photo = random_photo(np.random.default_rng(0), 11, 13)
    options = {"screening": 0.03, "slowest": 0.06, "steps": 2}
    assert np.isnan(synthesis.composite(call["places"], photo, **options, seed=1)).all()


@pytest.mark.parametrize(("name", "value"), [("row_guides", 1025), ("column_guides", -1)])
def test_a_guide_out_of_range_makes_all_places_none(synthesis, name, value):
    call = correction(2)
    call[name][5] = value
    assert (synthesis.correct(**call, seed=1) == -1).all()


def test_what_a_level_holds_is_checked_once(synthesis):
    level = correction(1)["level"]
    assert synthesis.first_wrong(level) == [-1, -1]
    alike, prices = level.alike.copy(), level.prices.copy()
    for index, place in (((2, 3, 1), (0, 13)), ((2, 4, 0), (11, 0)), ((9, 0, 1), (0, -1))):
        alike[index] = place
    prices[5, 6], prices[7, 0] = (1 << 24) + 1, -(1 << 31)
    found = synthesis.first_wrong(replace(level, alike=alike, prices=prices))
    assert found == [(2 * 13 + 3) * 2 + 1, 5 * 13 + 6]


def level(height, width, shift=14):
    features = np.zeros((height + 4, width + 4, 8), np.int8)
    return PlaceLevel(features, np.full((1, 1, 1, 2), -1, np.int16), shift=shift)


REFUSED = {
    "sides": ({"level": level(16385, 1)}, "ShapeError: .*photo must have sides from 1 to 16384"),
    "shift": ({"level": level(1, 1, 15)}, "ShapeError: .*level 0 to 14 times coarser, got 15"),
    "alike": ({"level": level(3, 3, 1)}, "ShapeError: .*alike must have the rows of its level"),
    "counted": (
        {"level": level(257, 255), "costs": PlaceCosts(repeat=1, repeat_radius=1)},
        "ShapeError: .*repeats must be counted at a level of less than 65535 places",
    ),
    "passes": ({"passes": 65}, "ConfigError: .*passes must be from 0 to 64, got 65"),
    "cost": (
        {"costs": PlaceCosts(coherence=65)}, "ConfigError: .*coherence must be from 0 to 64"),
    "no rows": ({"places": np.zeros((0, 9, 2), np.int16)}, "height must be at least 1, got 0"),
    "no photo": (
        {"level": replace(level(4, 4), features=None)}, "ConfigError: .*features must be a device"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_corrections_that_are_refused(synthesis, case, monkeypatch):
    change, message = REFUSED[case]
    if case == "no photo":
        monkeypatch.setattr(PlaceLevel, "size", (4, 4))
    with pytest.raises(RuntimeError, match=message):
        synthesis.correct(**correction(2) | change)


def test_composites_and_features_that_are_refused(synthesis):
    photo = random_photo(np.random.default_rng(0), 3, 3)
    options = {"screening": 0.03, "slowest": 0.06, "steps": 2}
    empty = np.zeros((4, 0, 2), np.int16)
    with pytest.raises(RuntimeError, match=r"ShapeError: .*canvas width must be at least 1, got 0"):
        synthesis.composite(empty, photo, **options)
    with pytest.raises(RuntimeError, match=r"ShapeError: .*photo height must be at least 1"):
        synthesis.composite(np.zeros((4, 4, 2), np.int16), photo[:0], **options)
    basis, bias = projection(np.random.default_rng(0))
    with pytest.raises(RuntimeError, match=r"ConfigError: .*shift must be from 0 to 24, got 25"):
        synthesis.features(photo, basis, bias, shift=25)
    with pytest.raises(RuntimeError, match=r"ConfigError: .*bias must be at most 2\^29 from 0"):
        synthesis.features(photo, basis, bias + (1 << 30), shift=5)
    with pytest.raises(RuntimeError, match=r"ShapeError: .*image width must be at least 1"):
        synthesis.features(photo[:, :0], basis, bias, shift=5)
