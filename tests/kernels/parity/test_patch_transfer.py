from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from support import dense_patch_transfer as dense
from support.tolerances import SIMD_LEVELS, TOLERANCES, assert_close

from petsgan_sdk import kernels

BACKENDS = kernels.available_backends()
TIE = 1e-5  # cosines closer than this may be taken in either order

# N, C, query (h, w), reference (h, w), V, window
SHAPES = [
    (1, 64, (12, 16), (16, 12), 3, 7),
    (2, 3, (21, 37), (19, 32), 3, 7),  # no multiple of any block
    (1, 1, (1, 1), (1, 1), 1, 7),
    (1, 2, (1, 9), (9, 1), 1, 7),
    (1, 2, (5, 4), (3, 9), 4, 7),  # smaller than the window
    (1, 5, (3, 2), (4, 70), 3, 11),  # more reference columns than one key block
    (1, 4, (9, 33), (2, 13), 1, 1),
    (1, 4, (10, 17), (11, 9), 2, 3),
    (1, 4, (8, 8), (9, 7), 2, 5),
    (3, 3, (6, 5), (7, 5), 2, 41),  # wider than both maps
]


def make_case(shape, *, seed=0):
    batch, channels, query_size, ref_size, value_channels, window = shape
    rng = np.random.default_rng(seed)
    query = rng.standard_normal((batch, channels, *query_size)).astype(np.float32)
    features = rng.standard_normal((channels, *ref_size)).astype(np.float32)
    values = rng.uniform(-1, 1, (value_channels, *ref_size)).astype(np.float32)
    return query, kernels.PatchReference(features, values, window=window)


def check_against_dense(query, reference, result, *, temperature, normalize):
    for n in range(len(query)):
        index, weight = result.index[n], result.weight[n]
        cosine = dense.cosines(query[n], reference.features, reference.window)
        best = cosine.max(axis=1)
        chosen = cosine[np.arange(len(cosine)), index.ravel()]
        # With a gap of TIE to the second best this says that the argmax is the same.
        assert (best - chosen).max() < TIE
        expected = dense.softmax_at(cosine, index.ravel(), temperature)
        assert_close(weight.ravel(), expected, what="weight")
        laid = dense.lay_patches(
            reference.values, index, weight, window=reference.window, normalize=normalize
        )
        assert_close(result.values[n], laid, what="values")


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("temperature", [0.01, 1.0, 0.0])
@pytest.mark.parametrize("shape", SHAPES)
def test_against_the_dense_form(backend, temperature, shape):
    query, reference = make_case(shape)
    for normalize in (True, False):
        result = kernels.patch_transfer(
            query, reference, temperature=temperature, normalize=normalize, backend=backend
        )
        assert result.values.dtype == result.weight.dtype == np.float32
        assert result.index.dtype == np.int32
        check_against_dense(query, reference, result, temperature=temperature, normalize=normalize)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("temperature", [0.01, 0.0])
@pytest.mark.parametrize("window", [1, 7])
def test_several_reference_images(backend, temperature, window):
    """As if their patches stood in one list; none reaches into the next image."""
    rng = np.random.default_rng(3)
    query = rng.standard_normal((2, 5, 9, 18)).astype(np.float32)
    features = rng.standard_normal((3, 5, 7, 10)).astype(np.float32)
    values = rng.uniform(-1, 1, (3, 2, 7, 10)).astype(np.float32)
    reference = kernels.PatchReference(features, values, window=window)
    result = kernels.patch_transfer(query, reference, temperature=temperature, backend=backend)
    assert len(np.unique(result.index // 70)) == 3
    check_against_dense(query, reference, result, temperature=temperature, normalize=True)


@pytest.mark.parametrize("backend", BACKENDS)
def test_image_like_features(backend):
    # Smooth, non-negative and nearly equal neighbours: close cosines, many terms in the softmax.
    y, x = np.mgrid[0:24, 0:28] / 24
    waves = [np.sin(a * x + b * y + a * b) for a in range(1, 5) for b in range(1, 5)]
    features = np.maximum(np.stack(waves), 0).astype(np.float32)
    rng = np.random.default_rng(1)
    query = features[None, :, ::-1, 3:].astype(np.float32)
    query = np.ascontiguousarray(query + 0.02 * rng.random(query.shape, dtype=np.float32))
    reference = kernels.PatchReference(features, features[:3].copy())
    result = kernels.patch_transfer(query, reference, temperature=0.01, backend=backend)
    check_against_dense(query, reference, result, temperature=0.01, normalize=True)


@pytest.mark.skipif("cpu" not in BACKENDS, reason="the C++ kernels are not built")
def test_more_than_65536_queries_against_the_numpy_twin():
    query, reference = make_case((1, 2, (260, 256), (3, 4), 1, 7))
    fast = kernels.patch_transfer(query, reference, temperature=0.01, backend="cpu")
    twin = kernels.patch_transfer(query, reference, temperature=0.01, backend="numpy")
    np.testing.assert_array_equal(fast.index, twin.index)
    assert_close(fast.weight, twin.weight)
    assert_close(fast.values, twin.values)


@pytest.mark.skipif("cpu" not in BACKENDS, reason="the C++ kernels are not built")
@pytest.mark.parametrize("shape", [*SHAPES[:3], (1, 6, (40, 50), (30, 36), 3, 7)])
def test_the_thread_count_changes_no_bit(shape):
    query, reference = make_case(shape)
    alone = kernels.patch_transfer(query, reference, temperature=0.01, backend="cpu")
    for threads in (2, 3, 8):
        result = kernels.patch_transfer(
            query, reference, temperature=0.01, threads=threads, backend="cpu"
        )
        for name in ("values", "index", "weight"):
            np.testing.assert_array_equal(getattr(result, name), getattr(alone, name))


SIMD_SCRIPT = f"""
import numpy as np
from petsgan_sdk import kernels
rng = np.random.default_rng(2)
for size, window, channels in (((21, 37), 7, 5), ((9, 70), 5, 64), ((33, 16), 7, 43)):
    query = rng.standard_normal((1, channels, *size)).astype(np.float32)
    arrays = rng.standard_normal((2, channels, 13, 67)).astype(np.float32)
    reference = kernels.PatchReference(arrays[0], arrays[1], window=window)
    fast = kernels.patch_transfer(query, reference, temperature=0.01, backend="cpu")
    twin = kernels.patch_transfer(query, reference, temperature=0.01, backend="numpy")
    assert np.array_equal(fast.index, twin.index)
    assert np.abs(fast.weight - twin.weight).max() < {TOLERANCES["float32"]}
    assert np.abs(fast.values - twin.values).max() < {TOLERANCES["float32"]}
print(kernels.build_info()["simd"])
"""


@pytest.mark.skipif("cpu" not in BACKENDS, reason="the C++ kernels are not built")
@pytest.mark.parametrize("simd", SIMD_LEVELS)
def test_every_instruction_set(simd):
    if SIMD_LEVELS.index(simd) > SIMD_LEVELS.index(kernels.build_info()["simd"]):
        pytest.skip(f"this machine has no {simd}")
    done = subprocess.run(
        [sys.executable, "-c", SIMD_SCRIPT],
        env={**os.environ, "PETSGAN_SIMD": simd},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == simd


@pytest.mark.skipif("cpu" not in BACKENDS, reason="the C++ kernels are not built")
def test_unknown_instruction_set():
    done = subprocess.run(
        [sys.executable, "-c", "from petsgan_sdk import kernels; kernels.build_info()"],
        env={**os.environ, "PETSGAN_SIMD": "sse9"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "ConfigError: PETSGAN_SIMD must be one of portable" in done.stderr
