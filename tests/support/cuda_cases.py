"""Inputs for the CUDA kernels, and the check of their results against the dense float64 form.

Used by the tests that emulate the kernels on the CPU and by those that run on a GPU.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from support import dense_patch_transfer as dense
from support.cuda_emulation import decode, encode
from support.tolerances import assert_close

TIE = 1e-5  # cosines closer than this may be taken in either order


@dataclass(frozen=True)
class Case:
    """Sizes of one call."""

    query: tuple[int, int]
    reference: tuple[int, int]
    channels: int = 3
    window: int = 7
    batch: int = 1
    images: int = 1
    value_channels: int = 3
    dtype: str = "float32"

    def __str__(self):
        """The test's id."""
        query, reference = "x".join(map(str, self.query)), "x".join(map(str, self.reference))
        return (
            f"{self.batch}*{query}-{self.images}*{reference}-c{self.channels}-w{self.window}"
            f"-v{self.value_channels}-{self.dtype}"
        )


def random_inputs(case, *, seed=0, scale=1.0):
    """Encoded query and features, and values."""
    rng = np.random.default_rng(seed)
    query = rng.standard_normal((case.batch, case.channels, *case.query)) * scale
    features = rng.standard_normal((case.images, case.channels, *case.reference)) * scale
    values = rng.uniform(-1, 1, (case.images, case.value_channels, *case.reference))
    return encode(query, case.dtype), encode(features, case.dtype), values.astype(np.float32)


def smooth_inputs(case, *, seed=0):
    """Non-negative features with nearly equal neighbours: close cosines, a wide softmax."""
    y, x = np.mgrid[0 : max(case.query[0], case.reference[0]), 0:80] / 24
    waves = np.maximum(
        [np.sin((c % 4 + 1) * x + (c // 4 + 1) * y + c) for c in range(case.channels)], 0
    )
    rng = np.random.default_rng(seed)
    features = waves[None, :, : case.reference[0], : case.reference[1]]
    query = waves[None, :, : case.query[0], 3 : 3 + case.query[1]][..., ::-1]
    query = query + 0.02 * rng.random((case.batch, *query.shape[1:]))
    features = features + 0.01 * rng.random((case.images, *features.shape[1:]))
    values = rng.uniform(-1, 1, (case.images, case.value_channels, *case.reference))
    return encode(query, case.dtype), encode(features, case.dtype), values.astype(np.float32)


def check_against_dense(
    case, inputs, result, *, temperature, normalize, tie=TIE, tolerance="float32"
):
    """Fail unless the result is right for float64 arithmetic on the features as encoded."""
    query, features = (decode(array, case.dtype) for array in inputs[:2])
    for n, (out, index, weight) in enumerate(zip(*result, strict=True)):
        cosine = dense.cosines(query[n], features, case.window)
        flat = index.ravel()
        assert flat.min() >= 0
        assert flat.max() < cosine.shape[1]
        chosen = cosine[np.arange(len(cosine)), flat]
        assert (cosine.max(axis=1) - chosen).max() < tie
        expected = dense.softmax_at(cosine, flat, temperature)
        assert_close(weight.ravel(), expected, tolerance=tolerance, what="weight")
        laid = dense.lay_patches(inputs[2], index, weight, window=case.window, normalize=normalize)
        assert_close(out, laid, what="values")
