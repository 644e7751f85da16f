from __future__ import annotations

import numpy as np
import pytest
from support.place_cases import projection, random_photo

from petsgan_sdk import kernels
from petsgan_sdk.errors import ConfigError, DTypeError, ShapeError

BACKENDS = kernels.available_backends()
backends = pytest.mark.parametrize("backend", BACKENDS)


@backends
def test_by_hand(backend):
    """One tap of one channel: the pixel itself, cut to 127; its border goes on."""
    basis = np.zeros((8, 5, 5, 3), np.int16)
    basis[0, 2, 2, 0] = 2
    basis[1, 2, 3, 1] = -1  # the pixel to the right
    bias = np.array([1, 0, 5, -9, 0, 0, 1 << 29, -(1 << 29)], np.int32)
    image = np.array([[[10, 1, 0], [20, 2, 0], [255, 3, 0]]], np.uint8)
    found = kernels.place_features(image, basis, bias, shift=1, backend=backend)
    assert found.shape == (5, 7, 8)
    middle = found[2, 2:5]
    assert middle[:, 0].tolist() == [10, 20, 127]
    assert middle[:, 1].tolist() == [-1, -2, -2]  # shifted down: -1.5 is -2
    assert (middle[:, 2:] == [2, -5, 0, 0, 127, -127]).all()
    for row in (0, 1, 3, 4):
        np.testing.assert_array_equal(found[row], found[2])
    for column, inner in ((0, 2), (1, 2), (5, 4), (6, 4)):
        np.testing.assert_array_equal(found[:, column], found[:, inner])


@backends
@pytest.mark.parametrize("value", [-32768, 32767])
def test_the_largest_sums_do_not_wrap(backend, value):
    image = np.full((3, 3, 3), 255, np.uint8)
    basis = np.full((8, 5, 5, 3), value, np.int16)
    bias = np.full(8, (1 << 29) * (1 if value > 0 else -1), np.int32)
    found = kernels.place_features(image, basis, bias, shift=24, backend=backend)
    assert (found == (75 * 255 * value + int(bias[0]) >> 24)).all()


REFUSED = {
    "image's dtype": ({"image": np.zeros((3, 3, 3), np.int8)}, DTypeError, "image must be uint8"),
    "image's rank": ({"image": np.zeros((3, 3), np.uint8)}, ShapeError, "image must have shape"),
    "grey": ({"image": np.zeros((3, 3, 1), np.uint8)}, ShapeError, "image must have shape"),
    "no rows": ({"image": np.zeros((0, 3, 3), np.uint8)}, ShapeError, "image must have shape"),
    "no columns": ({"image": np.zeros((3, 0, 3), np.uint8)}, ShapeError, "image must have shape"),
    "strides": ({"image": np.zeros((3, 6, 3), np.uint8)[:, ::2]}, DTypeError, "C-contiguous"),
    "basis' dtype": ({"basis": np.zeros((8, 5, 5, 3), np.int32)}, DTypeError, "basis must be"),
    "basis' rank": ({"basis": np.zeros((8, 75), np.int16)}, ShapeError, "basis must have shape"),
    "basis' shape": ({"basis": np.zeros((8, 5, 3, 5), np.int16)}, ShapeError, "basis must have"),
    "bias' dtype": ({"bias": np.zeros(8, np.float32)}, DTypeError, "bias must be int32"),
    "bias' shape": ({"bias": np.zeros(7, np.int32)}, ShapeError, r"and bias \[8\], got"),
    "large": ({"bias": np.full(8, (1 << 29) + 1, np.int32)}, ConfigError, "bias must be at most"),
    "least": ({"bias": np.full(8, -(1 << 31), np.int32)}, ConfigError, "bias must be at most"),
    **{
        f"shift {shift!r}": ({"shift": shift}, ConfigError, "shift must be an integer from 0 to 24")
        for shift in (-1, 25, 1 << 70, 1.0, float("nan"), None)
    },
    "threads": ({"threads": 0}, ConfigError, "threads must be an integer of at least 1"),
}


@backends
@pytest.mark.parametrize("case", REFUSED)
def test_refusals(backend, case):
    changes, error, message = REFUSED[case]
    rng = np.random.default_rng(0)
    basis, bias = projection(rng)
    call = {"image": random_photo(rng, 4, 5), "basis": basis, "bias": bias, "shift": 11} | changes
    with pytest.raises(error, match=f"place_features: .*{message}"):
        kernels.place_features(**call, backend=backend)
