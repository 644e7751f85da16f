"""A canvas of places that is larger than any block: streamed, cut and sampled to the same bytes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from petsgan_sdk.runtime import Sampler, load


@pytest.fixture(
    scope="module", params=[(580, 1100), pytest.param((2000, 3000), marks=pytest.mark.slow)]
)
def canvas(synthesis: Sampler, request: pytest.FixtureRequest) -> np.ndarray:
    return np.concatenate(list(synthesis.stream(*request.param, seed=5)))


def areas(canvas: np.ndarray) -> list[tuple[int, int, int, int]]:
    """At corners, in the middle, and where blocks meet."""
    height, width = canvas.shape[:2]
    return [
        (0, 0, 40, 50),
        (height - 30, width - 40, 30, 40),
        (500, 1000, 60, 50),
        (511, 1023, 3, 3),
        (height - 1, width // 2, 1, 200),
    ]


def check(sampler: Sampler, canvas: np.ndarray) -> None:
    height, width = canvas.shape[:2]
    for area in areas(canvas):
        top, left, rows, columns = area
        found = sampler.region(height, width, *area, seed=5)
        np.testing.assert_array_equal(found, canvas[top : top + rows, left : left + columns])


def test_regions_equal_the_stream(canvas: np.ndarray, synthesis_bundle: Path) -> None:
    assert len(np.unique(canvas[::7, ::7].reshape(-1, 3), axis=0)) > 500
    check(load(synthesis_bundle, provider="cpu", threads=1), canvas)  # which has kept nothing


def test_samplers_in_threads_agree(canvas: np.ndarray, synthesis_bundle: Path) -> None:
    one, other = (load(synthesis_bundle, provider="cpu", threads=threads) for threads in (1, 3))
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(check, (one, other, one), [canvas] * 3))
