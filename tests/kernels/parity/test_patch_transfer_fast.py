"""`precision="fast"` against the float64 oracle, within the accuracy that it promises."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support import dense_patch_transfer as dense
from support.paths import TESTS
from support.tolerances import SIMD_LEVELS, assert_close

from petsgan_sdk import kernels
from petsgan_sdk.errors import ConfigError

pytestmark = pytest.mark.skipif(
    "cpu" not in kernels.available_backends(), reason="the C++ kernels are not built"
)

# What PatchReference promises for a window of 7. The error of a cosine is an average over the
# pixels of a patch, so that of a smaller window is larger by the ratio of the sides.
TIE = 1e-5
WEIGHT = 5e-4  # at temperature 0.01, which divides every error of a cosine
VALUES = 1e-4  # of the range of the values

# C, query (h, w), reference (h, w), window. With few channels some levels compute exactly.
SHAPES = [
    (1, (9, 11), (10, 8), 7),
    (12, (13, 17), (19, 12), 7),
    (13, (21, 37), (19, 32), 7),  # odd channels, no multiple of any block
    (64, (1, 1), (1, 1), 7),
    (64, (5, 4), (3, 9), 7),  # smaller than the window
    (64, (16, 33), (17, 13), 7),
    (131, (12, 9), (4, 70), 5),  # more reference columns than one key block
    (256, (11, 16), (12, 10), 3),
]


def normal(rng, shape):
    return rng.standard_normal(shape)


def relu(rng, shape):
    features = np.maximum(rng.standard_normal(shape), 0)
    features[:, : shape[1] // 3] = 0  # pixels, and whole patches, of zeros
    return features


def wide(rng, shape):
    """Magnitudes over many orders inside each pixel, and the map itself far from 1."""
    return 1e-30 * rng.standard_normal(shape) * np.exp(2 * rng.standard_normal(shape))


def make_case(features, shape, precision="fast"):
    channels, query_size, ref_size, window = shape
    rng = np.random.default_rng(channels)
    query = features(rng, (channels, *query_size))
    reference = features(rng, (channels, *ref_size))
    # A good match for a part of the query.
    height, width = np.minimum(query_size, ref_size) // 2
    query[:, :height, :width] *= 0.05
    query[:, :height, :width] += reference[:, :height, :width]
    values = rng.uniform(-1, 1, (3, *ref_size)).astype(np.float32)
    return query.astype(np.float32), kernels.PatchReference(
        reference.astype(np.float32), values, window=window, precision=precision
    )


def check(query, reference, *, temperature, threads=1):
    result = kernels.patch_transfer(
        query[None], reference, temperature=temperature, threads=threads, backend="cpu"
    )
    index, weight = result.index[0], result.weight[0]
    window = reference.window
    cosine = dense.cosines(query, reference.features, window)
    chosen = cosine[np.arange(len(cosine)), index.ravel()]
    assert (cosine.max(axis=1) - chosen).max() < TIE
    expected = dense.softmax_at(cosine, index.ravel(), temperature).reshape(weight.shape)
    growth = 7 / min(window, 7)
    scale = growth * min(1.0, 0.01 / temperature) if temperature else 0.0
    assert np.abs(weight - expected).max() <= WEIGHT * scale
    # What the values add to the error of the weights, then both.
    laid = dense.lay_patches(reference.values, index, weight, window=window, normalize=True)
    assert_close(result.values[0], laid, what="values")
    laid = dense.lay_patches(reference.values, index, expected, window=window, normalize=True)
    span = np.ptp(reference.values)
    assert np.abs(result.values[0] - laid).max() <= VALUES * span * scale + 1e-5
    return result


@pytest.mark.parametrize("features", [normal, relu, wide])
@pytest.mark.parametrize("shape", SHAPES)
def test_within_what_is_promised(features, shape):
    for temperature in (0.01, 1.0, 0.0):
        check(*make_case(features, shape), temperature=temperature)


def test_no_sum_overflows():
    """Pixels at the limit of both scales, like each other, with every sign."""
    rng = np.random.default_rng(0)
    for channels in (12, 64, 1024):
        signs = rng.choice([-1.0, 1.0], (channels, 8, 9)).astype(np.float32)
        one_hot = np.zeros_like(signs)
        one_hot[rng.integers(channels)] = 1.0
        for features in (np.ones_like(signs), -signs, one_hot, np.abs(signs) * 3e38):
            reference = kernels.PatchReference(features, signs[:1].copy(), precision="fast")
            for query in (features, -features):
                check(query.copy(), reference, temperature=1.0)


@pytest.mark.parametrize("shape", [SHAPES[2], SHAPES[5]])
def test_the_thread_count_changes_no_bit(shape):
    query, reference = make_case(normal, shape)
    alone = kernels.patch_transfer(query[None], reference, temperature=0.01)
    for threads in (1, 2, 3, 8):
        again = kernels.patch_transfer(query[None], reference, temperature=0.01, threads=threads)
        for name in ("values", "index", "weight"):
            np.testing.assert_array_equal(getattr(again, name), getattr(alone, name))


def test_several_reference_images():
    rng = np.random.default_rng(3)
    query = rng.standard_normal((64, 9, 18)).astype(np.float32)
    features = rng.standard_normal((3, 64, 7, 10)).astype(np.float32)
    values = rng.uniform(-1, 1, (3, 2, 7, 10)).astype(np.float32)
    reference = kernels.PatchReference(features, values, precision="fast")
    result = check(query, reference, temperature=0.01)
    assert len(np.unique(result.index // 70)) == 3


def test_the_numpy_backend_computes_exactly():
    results = []
    for precision in ("exact", "fast"):
        query, reference = make_case(normal, SHAPES[1], precision)
        assert reference.precision == precision
        results.append(
            kernels.patch_transfer(query[None], reference, temperature=0.01, backend="numpy")
        )
    for name in ("values", "index", "weight"):
        np.testing.assert_array_equal(getattr(results[0], name), getattr(results[1], name))


@pytest.mark.parametrize("precision", ["Fast", "", None, ["fast"]])
def test_unknown_precision(precision):
    ones = np.ones((1, 2, 2), np.float32)
    with pytest.raises(ConfigError, match=r"precision must be 'exact' or 'fast', got "):
        kernels.PatchReference(ones, ones, precision=precision)


def test_unknown_precision_in_the_extension():
    core = pytest.importorskip("petsgan_sdk._core")
    ones = np.ones((1, 1, 2, 2), np.float32)
    with pytest.raises(ConfigError, match="precision must be 'exact' or 'fast', got 'best'"):
        core.PatchReference(ones, ones, window=1, precision="best")


# In a fresh process, since the level is chosen once: this file's own cases, and whether the two
# precisions are two kernels there.
LEVEL_SCRIPT = """
import itertools
import sys
import numpy as np
sys.path[:0] = sys.argv[1:]
import test_patch_transfer_fast as tests
from petsgan_sdk import kernels
for features, shape in itertools.product((tests.normal, tests.relu, tests.wide), tests.SHAPES):
    tests.check(*tests.make_case(features, shape), temperature=0.01, threads=2)
tests.test_no_sum_overflows()
weights = []
for precision in ("exact", "fast"):
    query, reference = tests.make_case(tests.normal, tests.SHAPES[5], precision)
    weights.append(kernels.patch_transfer(query[None], reference, temperature=0.01).weight)
print(kernels.build_info()["simd"], np.array_equal(*weights))
"""


@pytest.mark.parametrize("simd", SIMD_LEVELS)
def test_every_instruction_set(simd):
    if SIMD_LEVELS.index(simd) > SIMD_LEVELS.index(kernels.build_info()["simd"]):
        pytest.skip(f"this machine has no {simd}")
    here = Path(__file__).parent
    done = subprocess.run(
        [sys.executable, "-c", LEVEL_SCRIPT, str(here), str(TESTS)],
        env={**os.environ, "PETSGAN_SIMD": simd},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [simd, str(simd == "portable")]
