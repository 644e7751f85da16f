from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from petsgan_sdk import kernels

BACKENDS = kernels.available_backends()
TOLERANCE = 1e-6  # values in [-1, 1], and torch rounds coordinates to float32

# Source and target heights and widths: levels of a pyramid, shrinking, single pixels.
SIZES = [
    ((32, 48), (45, 67)),
    ((166, 125), (256, 193)),
    ((45, 58), (32, 32)),
    ((7, 9), (1, 40)),
    ((1, 5), (9, 5)),
    ((64, 33), (192, 11)),
]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("source_size", "target_size"), SIZES)
def test_the_whole_map_is_that_of_torch(backend, source_size, target_size):
    torch = pytest.importorskip("torch")
    values = np.random.default_rng(4).uniform(-1, 1, (2, 3, *source_size))
    source = values.astype(np.float32)
    # In float64, so that the tolerance is for our rounding alone.
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(source.astype(np.float64)),
        size=target_size, mode="bilinear", align_corners=False,
    )  # fmt: skip
    out = kernels.resize_window(
        source, source_size=source_size, target_size=target_size, backend=backend
    )
    np.testing.assert_allclose(out, expected.numpy(), rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_torus_is_the_middle_of_torch_s_tiles(backend):
    torch = pytest.importorskip("torch")
    source = np.random.default_rng(5).uniform(-1, 1, (1, 2, 13, 10)).astype(np.float32)
    tiles = torch.from_numpy(np.tile(source, (3, 3)).astype(np.float64))
    resized = torch.nn.functional.interpolate(
        tiles, size=(3 * 21, 3 * 16), mode="bilinear", align_corners=False
    )
    out = kernels.resize_window(
        source, source_size=(13, 10), target_size=(21, 16), wrap=True, backend=backend
    )
    middle = resized[:, :, 21:42, 16:32].numpy()
    np.testing.assert_allclose(out, middle, rtol=0, atol=TOLERANCE)


sides = st.one_of(st.integers(1, 9), st.integers(1, 300))


@pytest.mark.skipif("cpu" not in BACKENDS, reason="the C++ kernels are not built")
@given(
    source_size=st.tuples(sides, sides),
    target_size=st.tuples(sides, sides),
    wrap=st.booleans(),
    threads=st.integers(1, 3),
    data=st.data(),
)
def test_cpp_has_the_bits_of_numpy(source_size, target_size, wrap, threads, data):
    source = np.random.default_rng(6).uniform(-1, 1, (2, 1, *source_size)).astype(np.float32)
    window, origin = (0, 0, *target_size), (0, 0)
    if wrap:
        size = st.tuples(st.integers(1, 400), st.integers(1, 400))
        place = st.tuples(st.integers(-2000, 2000), st.integers(-2000, 2000))
        window, origin = data.draw(place) + data.draw(size), data.draw(place)
    results = [
        kernels.resize_window(
            source,
            source_size=source_size,
            target_size=target_size,
            source_origin=origin,
            window=window,
            wrap=wrap,
            threads=threads,
            backend=backend,
        )
        for backend in ("cpu", "numpy")
    ]
    assert results[0].tobytes() == results[1].tobytes()


@pytest.mark.skipif("cpu" not in BACKENDS, reason="the C++ kernels are not built")
def test_values_that_are_not_finite_reach_the_same_pixels():
    source = np.random.default_rng(7).uniform(-1, 1, (1, 1, 9, 12)).astype(np.float32)
    source[0, 0, 0, 0], source[0, 0, 4, 7], source[0, 0, 8, 5] = np.inf, np.nan, -np.inf
    source[0, 0, 6, 2:4] = 3e38, -3e38  # their difference overflows
    sizes = {"source_size": (9, 12), "target_size": (20, 31)}
    twin = kernels.resize_window(source, **sizes, backend="numpy")
    out = kernels.resize_window(source, **sizes, backend="cpu")
    assert 0 < np.count_nonzero(~np.isfinite(twin)) < twin.size
    np.testing.assert_array_equal(out, twin)
