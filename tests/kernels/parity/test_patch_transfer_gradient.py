"""The gradient kernels against a dense float64 oracle, and that against finite differences."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from support import dense_patch_gradient as dense
from support.tolerances import SIMD_LEVELS, TOLERANCES, assert_close

from petsgan_sdk import kernels

BACKENDS = kernels.available_backends()
needs_cpu = pytest.mark.skipif("cpu" not in BACKENDS, reason="the C++ kernels are not built")

# N, C, query (h, w), reference (R, h, w), V, window
SHAPES = [
    (1, 8, (9, 8), (1, 8, 9), 3, 7),
    (2, 3, (5, 11), (1, 7, 9), 3, 7),  # no multiple of any block
    (1, 1, (1, 1), (1, 1, 1), 1, 7),
    (1, 2, (1, 9), (1, 9, 1), 1, 7),
    (1, 2, (5, 4), (1, 3, 9), 4, 7),  # smaller than the window
    (1, 5, (3, 2), (1, 2, 40), 3, 11),  # more reference columns than one key block
    (1, 4, (4, 17), (1, 2, 13), 1, 1),
    (1, 4, (6, 9), (3, 5, 4), 2, 3),  # several references
    (1, 13, (5, 8), (2, 4, 7), 2, 5),
    (3, 3, (6, 5), (1, 7, 5), 2, 41),  # wider than both maps
    (0, 3, (4, 5), (1, 6, 5), 2, 7),
]
LARGE = [(1, 64, (33, 40), (1, 30, 36), 3, 7), (2, 27, (21, 37), (2, 19, 32), 3, 5)]


class Case:
    """A transfer and the gradients of its results."""

    def __init__(self, shape, *, temperature, normalize=True, seed=0, backend="auto"):
        batch, channels, size, (images, *ref_size), value_channels, window = shape
        rng = np.random.default_rng(seed)

        def normal(*dims):
            return rng.standard_normal(dims).astype(np.float32)

        self.query = normal(batch, channels, *size)
        features, values = (
            normal(images, channels, *ref_size),
            normal(images, value_channels, *ref_size),
        )
        self.reference = kernels.PatchReference(features, values, window=window)
        self.options = {"temperature": temperature, "normalize": normalize}
        result = kernels.patch_transfer(self.query, self.reference, **self.options, backend=backend)
        self.index, self.weight = result.index, result.weight
        self.grad_values, self.grad_weight = (
            normal(*result.values.shape),
            normal(*result.weight.shape),
        )

    def gradient(self, **more):
        return kernels.patch_transfer_gradient(
            self.query,
            self.reference,
            self.index,
            self.weight,
            grad_values=self.grad_values,
            grad_weight=self.grad_weight,
            **self.options,
            **more,
        )

    def dense(self):
        """The oracle's gradients of query and values."""
        to_query, to_values = np.zeros(self.query.shape), np.zeros(self.reference.values.shape)
        for n in range(len(self.query)):
            to_query[n], of_values = dense.gradient(
                self.query[n],
                self.reference.features,
                self.reference.values,
                self.index[n],
                self.grad_values[n],
                self.grad_weight[n],
                window=self.reference.window,
                **self.options,
            )
            to_values += of_values
        return to_query, to_values


def assert_gradient(actual, expected, *, tolerance, what):
    # Window sums mix large terms with small ones, so errors are relative to the largest.
    scale = max(1.0, float(np.abs(expected).max(initial=0)))
    assert_close(actual / scale, expected / scale, tolerance=tolerance, what=what)


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("temperature", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("shape", [SHAPES[1], *SHAPES[4:5], *SHAPES[7:8]])
def test_the_oracle_by_finite_differences(shape, temperature, normalize):
    # With the best match held nothing jumps, so a tie would do no harm either.
    case = Case(shape, temperature=temperature, normalize=normalize)
    query, features = case.query[0].astype(np.float64), case.reference.features
    values, index = case.reference.values.astype(np.float64), case.index[0]
    options = {"window": case.reference.window, **case.options}

    def loss(query, values):
        laid, weight = dense.forward(query, features, values, index, **options)
        return (laid * case.grad_values[0]).sum() + (weight * case.grad_weight[0]).sum()

    to_query, to_values = dense.gradient(
        query, features, values, index, case.grad_values[0], case.grad_weight[0], **options
    )
    rng = np.random.default_rng(1)
    step = 1e-6
    for _ in range(4):
        along, across = rng.standard_normal(query.shape), rng.standard_normal(values.shape)
        change = loss(query + step * along, values + step * across)
        change -= loss(query - step * along, values - step * across)
        expected = (to_query * along).sum() + (to_values * across).sum()
        assert change / (2 * step) == pytest.approx(expected, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("temperature", [0.0, 0.01, 1.0])
@pytest.mark.parametrize("shape", SHAPES)
def test_against_the_dense_form(backend, shape, temperature, normalize):
    case = Case(shape, temperature=temperature, normalize=normalize)
    gradient = case.gradient(backend=backend)
    assert gradient.query.dtype == gradient.values.dtype == np.float32
    to_query, to_values = case.dense()
    # The transfer's weights carry its float32 cosines, 1e-7 off, through a division by 0.01.
    tolerance = "runtimes" if temperature == 0.01 else "float32"
    assert_gradient(gradient.query, to_query, tolerance=tolerance, what="query")
    assert_gradient(gradient.values, to_values, tolerance=tolerance, what="values")
    if temperature == 0:
        assert not gradient.query.any()


@needs_cpu
@pytest.mark.parametrize("temperature", [0.01, 1.0])
@pytest.mark.parametrize("shape", LARGE)
def test_the_backends_agree(shape, temperature):
    case = Case(shape, temperature=temperature)
    fast, twin = case.gradient(backend="cpu"), case.gradient(backend="numpy")
    assert_gradient(fast.query, twin.query, tolerance="float32", what="query")
    assert_gradient(fast.values, twin.values, tolerance="float32", what="values")


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("temperature", [0.01, 1.0])
def test_image_like_features(backend, temperature):
    # Smooth and non-negative: close cosines, many terms in the softmax, patches of zeros.
    y, x = np.mgrid[0:10, 0:12] / 10
    waves = [np.sin(a * x + b * y + a * b) for a in range(1, 5) for b in range(1, 5)]
    features = np.maximum(np.stack(waves), 0).astype(np.float32)
    case = Case((1, 16, (10, 9), (1, 10, 12), 3, 7), temperature=temperature)
    case.reference = kernels.PatchReference(features[None], features[None, :3].copy())
    case.query = np.ascontiguousarray(features[None, :, ::-1, 3:])
    result = kernels.patch_transfer(case.query, case.reference, temperature=temperature)
    case.index, case.weight = result.index, result.weight
    gradient, (to_query, to_values) = case.gradient(backend=backend), case.dense()
    assert_gradient(gradient.query, to_query, tolerance="runtimes", what="query")
    assert_gradient(gradient.values, to_values, tolerance="runtimes", what="values")


@needs_cpu
@pytest.mark.parametrize("shape", [*SHAPES[:3], SHAPES[7], *LARGE])
def test_the_thread_count_changes_no_bit(shape):
    case = Case(shape, temperature=0.01)
    alone = case.gradient(backend="cpu", threads=1)
    for threads in (2, 3, 8):
        gradient = case.gradient(backend="cpu", threads=threads)
        np.testing.assert_array_equal(gradient.query, alone.query)
        np.testing.assert_array_equal(gradient.values, alone.values)


SIMD_SCRIPT = f"""
import numpy as np
from petsgan_sdk import kernels
rng = np.random.default_rng(2)
for size, window in (((21, 37), 7), ((9, 70), 5)):
    query = rng.standard_normal((1, 13, *size), dtype=np.float32)
    arrays = rng.standard_normal((2, 13, 13, 67), dtype=np.float32)
    reference = kernels.PatchReference(arrays[0], arrays[1], window=window)
    found = kernels.patch_transfer(query, reference, temperature=0.01)
    arguments = dict(
        grad_values=rng.standard_normal(found.values.shape, dtype=np.float32),
        grad_weight=rng.standard_normal(found.weight.shape, dtype=np.float32),
        temperature=0.01,
    )
    matches = (query, reference, found.index, found.weight)
    fast = kernels.patch_transfer_gradient(*matches, **arguments, backend="cpu")
    twin = kernels.patch_transfer_gradient(*matches, **arguments, backend="numpy")
    for a, b in ((fast.query, twin.query), (fast.values, twin.values)):
        assert np.abs(b).max() > 0.01
        assert np.abs(a - b).max() < {TOLERANCES["float32"]} * max(1, np.abs(b).max())
print(kernels.build_info()["simd"])
"""


@needs_cpu
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
