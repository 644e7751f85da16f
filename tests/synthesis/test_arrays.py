"""A fit as arrays by name, as checkpoints keep it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.synthesis_bundle import fitted, photo

from petsgan_sdk.errors import BundleError, CheckpointError
from petsgan_sdk.synthesis import Frame, fit_from_arrays, fit_to_arrays


def test_there_and_back() -> None:
    for fit in (fitted(), replace(fitted(), prices=(), frame=Frame(1, 2, 3, 4))):
        arrays = fit_to_arrays(fit)
        assert all(isinstance(array, np.ndarray) for array in arrays.values())
        found = fit_from_arrays(photo(), arrays)
        assert (found.held, found.frame, found.levels) == (fit.held, fit.frame, fit.levels)
        again = fit_to_arrays(found)
        assert again.keys() == arrays.keys()
        for name, array in arrays.items():
            np.testing.assert_array_equal(again[name], array)


def other(array: np.ndarray):
    """Another type, another rank, and one number less."""
    yield array.astype(np.complex128)
    yield array[None]
    yield array[..., :-1]


NAMES = ["held", "frame", "basis", "bias", "shift", "alike_0", "alike_1", "prices_0", "prices_2"]


@pytest.mark.parametrize("name", NAMES)
def test_arrays_of_another_kind(name: str) -> None:
    arrays = fit_to_arrays(fitted())
    for wrong in other(arrays[name]):
        if name.startswith("prices") and wrong.ndim == 2 and wrong.dtype == np.int32:
            continue  # their sides follow from the photo: see the tests of bundles
        with pytest.raises(CheckpointError, match=r"' must be .*, got .*; train the model again"):
            fit_from_arrays(photo(), {**arrays, name: wrong})


@pytest.mark.parametrize("name", ["held", "frame", "basis", "bias", "shift", "alike_0"])
def test_arrays_that_are_missing(name: str) -> None:
    arrays = {key: array for key, array in fit_to_arrays(fitted()).items() if key != name}
    if name == "alike_0":
        arrays = {key: array for key, array in arrays.items() if not key.startswith("alike")}
    with pytest.raises(BundleError, match=f"'{name}' must be .*, got none"):
        fit_from_arrays(photo(), arrays, error=BundleError)


@pytest.mark.parametrize(
    "frame", [(-1, 0, 0, 0), (20, 20, 0, 0), (0, 0, 0, 64), (0, 0, 1 << 30, 0)]
)
def test_a_frame_that_leaves_nothing(frame: tuple[int, ...]) -> None:
    arrays = {**fit_to_arrays(fitted()), "frame": np.array(frame, np.int32)}
    with pytest.raises(CheckpointError, match="'frame' must leave most of the photo, got"):
        fit_from_arrays(photo(), arrays)
