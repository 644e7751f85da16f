"""The tolerances of the project in one table, and the comparison that uses them.

Loosening an entry needs its reason in the same commit.
"""

from __future__ import annotations

import platform

import numpy as np

# Values of PETSGAN_SIMD, ascending; a machine that has one has those before it.
ARM = platform.machine() in {"aarch64", "arm64"}
SIMD_LEVELS = ("portable", "neon") if ARM else ("portable", "avx2", "avx512", "amx")

TOLERANCES = {
    "exact": 0.0,
    "float32": 1e-5,  # one op against its reference
    "runtimes": 1e-4,  # one model in two runtimes
    "float16": 1e-2,
    "bfloat16": 4e-2,
}


def assert_close(actual, expected, *, tolerance="float32", what="value"):
    """Check |actual - expected| <= t + t |expected|; a failure says how many and where worst."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape, f"{what}: shape {actual.shape}, want {expected.shape}"
    limit = TOLERANCES[tolerance]
    difference = np.abs(actual.astype(np.float64) - expected.astype(np.float64))
    excess = difference - limit * (1.0 + np.abs(expected.astype(np.float64)))
    wrong = ~(excess <= 0)  # also where it is NaN
    if not wrong.any():
        return
    worst = np.unravel_index(np.nanargmax(np.where(wrong, excess, -np.inf)), excess.shape)
    message = (
        f"{what}: {wrong.sum()} of {wrong.size} beyond {tolerance} ({limit:g}); worst at "
        f"{[int(i) for i in worst]}: {actual[worst]!r}, want {expected[worst]!r}"
    )
    raise AssertionError(message)
