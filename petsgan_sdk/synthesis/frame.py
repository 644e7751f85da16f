"""A frame around a photo: found when it is fitted, shown at the canvas's own border only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from petsgan_sdk._arrays import ImageArray

__all__ = ["Frame", "find_frame"]

_LEAST_INSIDE_PX = 16
"""Of a photo within its frame, and of a canvas that gets one."""
_WIDEST = 12
"""The shorter side is at least so many times as long as a frame is wide."""
_PLAIN = 6.0
"""Most deviation in levels along a row of a frame."""
_STEP = 12.0
"""Least mean step in levels from a frame to the photo."""
_ALONG, _BLENDED = 0.9, 0.6
"""Share of a side along which there is such a step; behind it, where the frame was blended in."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Its width on each side, in pixels; 0 where there is none."""

    top: int = 0
    bottom: int = 0
    left: int = 0
    right: int = 0

    def inside(self, height: int, width: int) -> tuple[int, int]:
        """`(height, width)` of what lies within it; the whole of a canvas too small for it."""
        rows, columns = height - self.top - self.bottom, width - self.left - self.right
        if min(rows, columns) < _LEAST_INSIDE_PX:
            return height, width
        return rows, columns

    def cut(self, photo: ImageArray) -> ImageArray:
        """The photo without it."""
        height, width = photo.shape[:2]
        rows = slice(self.top, height - self.bottom)
        return np.ascontiguousarray(photo[rows, self.left : width - self.right])

    def places(
        self, photo: tuple[int, int], canvas: tuple[int, int], window: tuple[int, int, int, int]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """For rows and for columns of a window the place of the photo that a frame there shows.

        Corners are as they are; along a side the photo's is stretched over the canvas's.

        Args:
            photo: `(height, width)`.
            canvas: `(height, width)`.
            window: `(top, left, height, width)`.
        """
        top, left, height, width = window
        rows = _along(np.arange(top, top + height), canvas[0], photo[0], self.top, self.bottom)
        columns = _along(np.arange(left, left + width), canvas[1], photo[1], self.left, self.right)
        return rows, columns


def find_frame(photo: ImageArray) -> Frame:
    """Find rows of one colour at the photo's sides that end in a step along the whole side.

    Args:
        photo: `[H, W, 3]` uint8.
    """
    across = photo.transpose(1, 0, 2)
    top, bottom, left, right = (_width(side) for side in (photo, photo[::-1], across, across[::-1]))
    found = Frame(top, bottom, left, right)
    height, width = photo.shape[:2]
    return found if found.inside(height, width) != (height, width) else Frame()


def _width(rows: npt.NDArray[Any]) -> int:
    """Of a frame at the first rows `[H, W, 3]`; 0 if there is none."""
    most = min(rows.shape[:2]) // _WIDEST
    corner = rows.shape[1] // _WIDEST
    seen = rows[: most + 4, corner : rows.shape[1] - corner].astype(np.int64)
    is_plain = seen.std(axis=1).mean(axis=1) < _PLAIN
    steps = (np.abs(np.diff(seen, axis=0)).mean(axis=2) > _STEP).mean(axis=1)
    width = 0
    for row in range(min(most, len(steps))):
        if not is_plain[row]:
            break
        if steps[row] >= _ALONG:
            width = row + 1
    for _ in range(2):
        if 0 < width < len(steps) and steps[width] >= _BLENDED:
            width += 1
    return width


def _along(
    at: npt.NDArray[np.int64], canvas: int, photo: int, before: int, after: int
) -> npt.NDArray[np.int64]:
    inner = before + (at - before) * (photo - before - after) // max(1, canvas - before - after)
    ends = np.where(at < before, at, photo - (canvas - at))
    return np.where((at < before) | (at >= canvas - after), ends, inner).clip(0, photo - 1)
