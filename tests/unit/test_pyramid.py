from __future__ import annotations

import numpy as np
import pytest

from petsgan_sdk.errors import DTypeError, ShapeError
from petsgan_sdk.pyramid import downscale, upscale


def test_downscale_is_the_mean_of_blocks():
    image = np.arange(24, dtype=np.float32).reshape(4, 6)
    expected = [[3.5, 5.5, 7.5], [15.5, 17.5, 19.5]]
    np.testing.assert_array_equal(downscale(image, 2), expected)
    stack = np.stack([image, -image])[None]
    np.testing.assert_array_equal(downscale(stack, 2)[0, 1], np.negative(expected))
    assert downscale(stack, 2).dtype == np.float32
    assert downscale(stack.astype(np.float64)[:, :, ::-1], 2).dtype == np.float32


def test_upscale_repeats():
    np.testing.assert_array_equal(upscale(np.array([[1.0, 2.0]]), 2), [[1, 1, 2, 2], [1, 1, 2, 2]])


def test_factor_one_changes_nothing():
    image = np.random.default_rng(0).normal(size=(3, 5, 7)).astype(np.float32)
    np.testing.assert_array_equal(downscale(image, 1), image)
    np.testing.assert_array_equal(upscale(image, 1), image)


def test_a_large_sum_loses_nothing():
    image = np.full((512, 512), 0.1, np.float32)
    assert downscale(image, 512)[0, 0] == np.float32(0.1)


def test_refuses():
    image = np.zeros((4, 6), np.float32)
    with pytest.raises(ShapeError, match="sides must be multiples of 4, got 6x4"):
        downscale(image, 4)
    for call in (downscale, upscale):
        with pytest.raises(DTypeError, match="floating point, got uint8"):
            call(image.astype(np.uint8), 2)
        for bad, factor in ((image, 0), (image[0], 1)):
            with pytest.raises(ShapeError, match=r"must be \[\.\.\., H, W\]"):
                call(bad, factor)
