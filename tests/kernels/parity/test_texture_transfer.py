from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from petsgan_sdk import kernels

TOLERANCE = 1e-6  # texture in [-1, 1]

needs_cpu = pytest.mark.skipif(
    "cpu" not in kernels.available_backends(), reason="the C++ kernels are not built"
)


def _case(batch, size, source_size, *, factor, seed=0):
    rng = np.random.default_rng(seed)
    index = rng.integers(0, math.prod(source_size), (batch, *size), dtype=np.int32)
    pixels = (3, source_size[0] * factor, source_size[1] * factor)
    return index, rng.uniform(-1, 1, pixels).astype(np.float32)


def _by_definition(index, texture, factor):
    """The definition, pixel by pixel over all blocks."""
    batch, height, width = index.shape
    _, texture_height, texture_width = texture.shape
    out = np.zeros((batch, 3, height * factor, width * factor))
    window = [
        0.5 - 0.5 * math.cos(2 * math.pi * (t + 0.5) / (2 * factor)) for t in range(2 * factor)
    ]
    for n, y, x in np.ndindex(batch, height * factor, width * factor):
        total, weight = np.zeros(3), 0.0
        for by, bx in np.ndindex(height, width):
            ty, tx = y - by * factor + factor // 2, x - bx * factor + factor // 2
            sy, sx = divmod(int(index[n, by, bx]), texture_width // factor)
            source_y, source_x = sy * factor + y - by * factor, sx * factor + x - bx * factor
            if not (0 <= ty < 2 * factor and 0 <= tx < 2 * factor):
                continue
            if not (0 <= source_y < texture_height and 0 <= source_x < texture_width):
                continue
            total += window[ty] * window[tx] * texture[:, source_y, source_x]
            weight += window[ty] * window[tx]
        assert weight > 0.25
        out[n, :, y, x] = total / weight
    return out


@pytest.mark.parametrize("backend", kernels.available_backends())
@pytest.mark.parametrize(
    ("batch", "size", "source_size", "factor"),
    [
        (1, (1, 1), (1, 1), 2),
        (1, (3, 2), (1, 1), 4),
        (2, (3, 4), (2, 3), 2),
        (1, (4, 3), (3, 5), 4),
        (1, (2, 2), (2, 2), 6),
    ],
)
def test_both_backends_follow_the_definition(backend, batch, size, source_size, factor):
    index, texture = _case(batch, size, source_size, factor=factor)
    out = kernels.texture_transfer(index, texture, factor=factor, backend=backend)
    np.testing.assert_allclose(out, _by_definition(index, texture, factor), rtol=0, atol=TOLERANCE)


@needs_cpu
@given(
    batch=st.integers(0, 2),
    size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    source_size=st.tuples(st.integers(1, 7), st.integers(1, 7)),
    half=st.integers(1, 9),
    threads=st.integers(1, 3),
    seed=st.integers(0, 2**32 - 1),
)
def test_the_kernel_agrees_with_its_twin(batch, size, source_size, half, threads, seed):
    factor = 2 * half
    index, texture = _case(batch, size, source_size, factor=factor, seed=seed)
    twin = kernels.texture_transfer(index, texture, factor=factor, backend="numpy")
    out = kernels.texture_transfer(index, texture, factor=factor, threads=threads, backend="cpu")
    np.testing.assert_allclose(out, twin, rtol=0, atol=TOLERANCE)


@needs_cpu
@pytest.mark.parametrize(("size", "factor"), [((90, 110), 8), ((70_001, 1), 2), ((1, 70_001), 2)])
def test_the_kernel_agrees_with_its_twin_on_a_large_image(size, factor):
    index, texture = _case(1, size, (33, 35), factor=factor)
    twin = kernels.texture_transfer(index, texture, factor=factor, backend="numpy")
    out = kernels.texture_transfer(index, texture, factor=factor, threads=2, backend="cpu")
    np.testing.assert_allclose(out, twin, rtol=0, atol=TOLERANCE)


@needs_cpu
def test_a_nan_reaches_the_same_pixels_in_both():
    index, texture = _case(1, (6, 7), (4, 5), factor=4)
    texture[:, 0, 0] = np.nan
    texture[:, 9, 6] = np.inf
    twin = kernels.texture_transfer(index, texture, factor=4, backend="numpy")
    out = kernels.texture_transfer(index, texture, factor=4, backend="cpu")
    assert 0 < np.count_nonzero(~np.isfinite(twin)) < twin.size
    np.testing.assert_allclose(out, twin, rtol=0, atol=TOLERANCE)
