"""Corrections of a window are those of the whole canvas, up to the halo that they say."""

from __future__ import annotations

import numpy as np
import pytest
from support.synthesis_bundle import fitted

from petsgan_sdk import kernels
from petsgan_sdk.synthesis import PhotoLevels

SIZE = (100, 96)
PARTS = ((30, 28, 40, 40), (41, 33, 12, 50))


def start(level: PhotoLevels, number: int) -> np.ndarray:
    """Pieces of the photo beside each other, so that there are breaks and whole areas."""
    rng = np.random.default_rng(number)
    height, width = level.sizes[number]
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    corners = rng.integers(0, 1000, (2, SIZE[0] // 3 + 1, SIZE[1] // 3 + 1))
    moved = corners[:, y // 3, x // 3] + (y, x)
    return np.stack([moved[0] % height, moved[1] % width], axis=-1).astype(np.int16)


@pytest.mark.parametrize(
    ("backend", "repeat_radius", "passes"),
    [("cpu", 0, 1), ("cpu", 0, 2), ("cpu", 4, 1), ("cpu", 4, 2), ("numpy", 0, 2)],
)
def test_a_window_agrees_with_the_whole(backend: str, repeat_radius: int, passes: int) -> None:
    levels = PhotoLevels(fitted())
    level = levels.level(0, fill=1)
    costs = kernels.PlaceCosts(
        weight_y=64,
        weight_x=64,
        tolerance_y=100,
        tolerance_x=100,
        coherence=16,
        edge=12,
        repeat=20000 if repeat_radius else 0,
        most_repeats=6,
        repeat_radius=repeat_radius,
        repeat_near=min(1, repeat_radius),
    )
    places = start(levels, 0)
    guides = [(np.arange(side) * 1024 // side).astype(np.int32) for side in SIZE]

    def corrected(top: int, left: int, height: int, width: int, backend: str) -> np.ndarray:
        bottom, right = top + height, left + width
        return kernels.correct_places(
            np.ascontiguousarray(places[top:bottom, left:right]),
            level,
            costs,
            passes=passes,
            row_guides=guides[0][top:bottom],
            column_guides=guides[1][left:right],
            corner=(top % 2, left % 2),
            open_sides=(top > 0, bottom < SIZE[0], left > 0, right < SIZE[1]),
            backend=backend,
        )

    whole = corrected(0, 0, *SIZE, "cpu")
    assert (whole != places).any(axis=2).mean() > 0.3
    halo = passes * 4 * costs.reach
    for top, left, height, width in PARTS:
        y, x = max(0, top - halo), max(0, left - halo)
        seen = corrected(
            y,
            x,
            min(SIZE[0], top + height + halo) - y,
            min(SIZE[1], left + width + halo) - x,
            backend,
        )
        part = seen[top - y : top - y + height, left - x : left - x + width]
        np.testing.assert_array_equal(part, whole[top : top + height, left : left + width])
