"""A contact sheet: many images on one, shrunk when they would not fit. Numpy and Pillow only."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

from petsgan_sdk._arrays import ImageArray

__all__ = ["ContactSheet"]

_GAP_PX = 4
_BACKGROUND = 24
_MAX_SIDE_PX = 4096
_MAX_IMAGES = 256


class ContactSheet:
    """Collects images of one size into a grid that is about square.

    Args:
        count: How many images will be added; those after the 256th are left out.
        size_px: `(width, height)` of each.
    """

    def __init__(self, count: int, size_px: tuple[int, int]) -> None:
        """Lay out the grid."""
        width, height = size_px
        self.capacity = min(count, _MAX_IMAGES)
        """How many images the sheet shows."""
        ideal = round(math.sqrt(self.capacity * height / width))
        self._columns = max(1, min(self.capacity, ideal))
        self._rows = -(-self.capacity // self._columns)
        room = min(
            (_MAX_SIDE_PX - _GAP_PX) / self._columns - _GAP_PX,
            ((_MAX_SIDE_PX - _GAP_PX) / self._rows - _GAP_PX) * width / height,
        )
        scale = min(1.0, room / width)
        self._cell = (max(1, int(width * scale)), max(1, int(height * scale)))
        shape = (
            self._rows * (self._cell[1] + _GAP_PX) + _GAP_PX,
            self._columns * (self._cell[0] + _GAP_PX) + _GAP_PX,
            3,
        )
        self._sheet: ImageArray = np.full(shape, _BACKGROUND, dtype=np.uint8)

    def add(self, index: int, image: ImageArray) -> None:
        """Put image `[H, W, 3]` number `index` into its cell, if it has one; threads may."""
        if index >= self.capacity:
            return
        row, column = divmod(index, self._columns)
        width, height = self._cell
        top = _GAP_PX + row * (height + _GAP_PX)
        left = _GAP_PX + column * (width + _GAP_PX)
        if image.shape[:2] != (height, width):
            shrunk = Image.fromarray(image).resize(self._cell, Image.Resampling.LANCZOS)
            image = np.asarray(shrunk)
        self._sheet[top : top + height, left : left + width] = image

    def image(self) -> ImageArray:
        """The sheet, `[H, W, 3]` uint8, neither side above 4096 px."""
        return self._sheet
