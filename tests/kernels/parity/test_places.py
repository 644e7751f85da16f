"""Coordinate synthesis: C++ and numpy find the same bits."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import place_cases
from support.place_cases import (
    COSTS,
    REPEATS,
    guides,
    level_of,
    pieces,
    random_photo,
)
from support.tolerances import SIMD_LEVELS

from petsgan_sdk import kernels
from petsgan_sdk.kernels import PlaceCosts

pytestmark = pytest.mark.skipif(
    "cpu" not in kernels.available_backends(), reason="the C++ kernels are not built"
)
seeds = st.integers(0, 2**32 - 1)
threads = st.sampled_from([1, 3])


@given(
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    shift=st.integers(0, 24),
    most=st.sampled_from([1, 300, 32767]),
    bias=st.sampled_from([0, 9999, 1 << 29]),
    threads=threads,
    seed=seeds,
)
def test_features(size, shift, most, bias, threads, seed):
    rng = np.random.default_rng(seed)
    photo = rng.choice(np.array([0, 255, 100, 101], np.uint8), (*size, 3))
    basis = rng.integers(-most - 1, most + 1, (8, 5, 5, 3)).astype(np.int16)
    added = rng.integers(-bias, bias + 1, 8).astype(np.int32)
    found, wanted = (
        kernels.place_features(photo, basis, added, shift=shift, threads=threads, backend=backend)
        for backend in ("cpu", "numpy")
    )
    np.testing.assert_array_equal(found, wanted)
    assert found.shape == (size[0] + 4, size[1] + 4, 8)
    assert found.dtype == np.int8


SIDES = st.integers(1, 9)


@given(
    photo_size=st.tuples(SIDES, SIDES),
    size=st.tuples(SIDES, SIDES),
    shift=st.sampled_from([0, 0, 1, 2, 14]),
    alike=st.sampled_from([0, 1, 3, 8]),
    prices=st.booleans(),
    repeats=st.booleans(),
    positioned=st.booleans(),
    passes=st.integers(0, 3),
    corner=st.tuples(st.integers(-3, 3), st.integers(0, 2**40)),
    around=st.one_of(st.just("torus"), st.tuples(*[st.booleans()] * 4)),
    fixed=st.booleans(),
    threads=threads,
    seed=seeds,
)
def test_corrections(
    photo_size, size, shift, alike, prices, repeats, positioned, passes, corner, around, fixed,
    threads, seed,
):  # fmt: skip
    rng = np.random.default_rng(seed)
    photo = random_photo(rng, *photo_size)
    level = level_of(rng, photo, shift=shift, alike=alike, prices=prices)
    costs = PlaceCosts(**COSTS if positioned else {}, **REPEATS if repeats else {})
    places = pieces(rng, size, photo)
    given_places = places.copy()
    kept = (rng.random(size) < 0.2).astype(np.uint8) * 7 if fixed else None
    found, wanted = (
        kernels.correct_places(
            places,
            level,
            costs,
            passes=passes,
            **guides(np.random.default_rng(seed), size),
            corner=corner,
            open_sides=(False,) * 4 if around == "torus" else around,
            wraps=around == "torus",
            fixed=kept,
            threads=threads,
            backend=backend,
        )
        for backend in ("cpu", "numpy")
    )
    np.testing.assert_array_equal(found, wanted)
    np.testing.assert_array_equal(places, given_places)  # which is not written to
    if kept is not None:
        np.testing.assert_array_equal(found[kept > 0], places[kept > 0])


@pytest.mark.parametrize("seed", [8, 10])
def test_repeats_of_which_none_count_move_nothing_inside_a_piece(seed):
    rng = np.random.default_rng(seed)
    photo = random_photo(rng, 9, 9)
    level = level_of(rng, photo, alike=8, prices=False)
    costs = PlaceCosts(repeat=5, repeat_radius=6, repeat_near=1)
    call = (pieces(rng, (14, 9), photo, count=9), level, costs)
    around = {"passes": 2, **guides(rng, (14, 9))}
    found, wanted = (
        kernels.correct_places(*call, **around, backend=backend) for backend in ("cpu", "numpy")
    )
    np.testing.assert_array_equal(found, wanted)


@given(
    photo_size=st.tuples(SIDES, SIDES),
    size=st.tuples(st.integers(1, 70), st.integers(1, 40)),
    screening=st.sampled_from([1e-300, 0.001, 0.03125, 1.0]),
    slowest=st.sampled_from([1e-300, 0.0625, 4.0]),
    softness=st.sampled_from([0, 0.001, 30.0, 1e6]),
    steps=st.sampled_from([1, 2, 7, 100]),
    threads=threads,
    seed=seeds,
)
def test_composites(photo_size, size, screening, slowest, softness, steps, threads, seed):
    rng = np.random.default_rng(seed)
    photo = random_photo(rng, *photo_size)
    places = pieces(rng, size, photo)
    found, wanted = (
        kernels.composite_places(
            places,
            photo,
            screening=screening,
            slowest=slowest,
            softness=softness,
            steps=steps,
            threads=threads,
            backend=backend,
        )
        for backend in ("cpu", "numpy")
    )
    np.testing.assert_array_equal(found.view(np.int32), wanted.view(np.int32))
    assert found.shape == (3, *size)
    assert np.isfinite(found).all()


@pytest.mark.parametrize("simd", SIMD_LEVELS)
def test_every_instruction_set_finds_the_bits_of_numpy(simd):
    if SIMD_LEVELS.index(simd) > SIMD_LEVELS.index(kernels.build_info()["simd"]):
        pytest.skip(f"this machine has no {simd}")
    script = Path(place_cases.__file__)
    done = subprocess.run(
        [sys.executable, str(script)],
        env={**os.environ, "PETSGAN_SIMD": simd},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [simd, place_cases.digest("numpy")]
