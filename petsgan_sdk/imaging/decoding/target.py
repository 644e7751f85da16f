"""Where a decoded image goes: upright, and transparency over white, a band of rows at a time.

This module imports numpy and Pillow only.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

__all__ = ["DecodeTarget", "Levels", "over_white"]

Levels = npt.NDArray[np.uint8]

_WHITE = (255, 255, 255, 255)


class DecodeTarget:
    """An image that is being filled, whose rows are those of its file, whichever way up that is."""

    def __init__(self, width: int, height: int, orientation: int) -> None:
        """Make room for an image of a file of this size in pixels and Exif orientation."""
        self._orientation = orientation
        self._upright = (width, height) if orientation >= 5 else (height, width)
        self.rgb: Levels = np.empty((*self._upright, 3), np.uint8)
        """`[H, W, 3]`, upright."""
        self.alpha: Levels | None = None
        """`[H, W]`, upright; None as long as all is opaque."""
        self.notes: list[str] = []
        """On what was done."""
        self._rgb_rows = self._as_stored(self.rgb)
        self._alpha_rows: Levels | None = None
        self._is_clear = True

    @property
    def is_all_clear(self) -> bool:
        """Whether all of what was written is transparent."""
        return self._is_clear

    def drop_alpha(self) -> None:
        """Forget the transparency; all has to be written again."""
        self.alpha = self._alpha_rows = None

    def write(self, top: int, rgb: Levels, alpha: Levels | None = None) -> None:
        """Write rows of the file.

        Args:
            top: The first row.
            rgb: `[rows, W, 3]`, over white where it is transparent.
            alpha: `[rows, W]`; None for opaque.
        """
        rows = slice(top, top + len(rgb))
        self._rgb_rows[rows] = rgb
        if alpha is None:
            self._is_clear = False
            return
        if self._alpha_rows is None:
            self.alpha = np.full(self._upright, 255, np.uint8)
            self._alpha_rows = self._as_stored(self.alpha)
        self._is_clear &= not alpha.any()
        self._alpha_rows[rows] = alpha

    def _as_stored(self, upright: Levels) -> Levels:
        """A view in which rows and columns are those of the file."""
        stored = upright.swapaxes(0, 1) if self._orientation >= 5 else upright
        down = -1 if self._orientation in (3, 4, 6, 7) else 1
        across = -1 if self._orientation in (2, 3, 7, 8) else 1
        return stored[::down, ::across]


def over_white(layer: Image.Image) -> tuple[Levels, Levels | None]:
    """An RGBA image as `[H, W, 3]` over white, and how opaque it is, `[H, W]`; None if it is."""
    alpha = layer.getchannel("A")
    least, most = alpha.getextrema()
    if least == 255:
        return np.asarray(layer.convert("RGB")), None
    if most == 0:
        return np.full((layer.height, layer.width, 3), 255, np.uint8), np.asarray(alpha)
    flat = Image.alpha_composite(Image.new("RGBA", layer.size, _WHITE), layer)
    return np.asarray(flat.convert("RGB")), np.asarray(alpha)
