"""The lattice of a level: every pixel lies in one cell, however thin a torus is."""

from __future__ import annotations

import numpy as np
import pytest

from petsgan_sdk.synthesis._cells import Cells
from petsgan_sdk.synthesis._rects import Rect

SIZES = [(1, 1), (1, 90), (8, 33), (16, 64), (17, 130), (63, 64), (200, 71)]


@pytest.mark.parametrize("seamless", [False, True])
@pytest.mark.parametrize("half", [2, 4, 8, 16])
@pytest.mark.parametrize("size", SIZES)
def test_every_pixel_lies_in_one_cell(size: tuple[int, int], half: int, seamless: bool) -> None:
    cells = Cells(size, half, seamless=seamless)
    counted = np.zeros(size, np.int64)
    owner = {}
    for cell, here, there in cells.over(Rect(0, 0, *size)):
        assert (here.height, here.width) == (there.height, there.width)
        rect = cells.rect(cell)
        assert rect.height <= size[0]  # no pixel twice
        assert rect.width <= size[1]
        assert rect.top <= there.top < there.bottom <= rect.bottom
        assert rect.left <= there.left < there.right <= rect.right
        counted[here.top : here.bottom, here.left : here.right] += 1
        for y in range(here.top, here.bottom):
            for x in (here.left, here.right - 1):
                owner[y, x] = cell
    assert (counted == 1).all()
    if seamless:
        (moved, *_), *_ = cells.over(Rect(-2 * size[0], 3 * size[1], 1, 1))
        assert moved == owner[0, 0]
