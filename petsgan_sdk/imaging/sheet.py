"""Contact sheets: images side by side, given together or filled in as they come.

Imports numpy, Pillow and the base only.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from petsgan_sdk._arrays import ImageArray
from petsgan_sdk.errors import ConfigError, DTypeError, ShapeError

__all__ = ["ContactSheet", "contact_sheet"]

_LABEL_PX = 14
_MAX_LABEL_CHARS = 200

_GRID_GAP_PX = 4
_GRID_BACKGROUND = (24, 24, 24)
_GRID_MAX_SIDE_PX = 4096
_GRID_MAX_IMAGES = 256

Colour = tuple[int, int, int]


class ContactSheet:
    """A grid of images of one size that is about square, filled as they come.

    Images are shrunk when they would not fit: neither side of the sheet is above 4096 px.

    Args:
        count: How many images will be added; those after the 256th are left out.
        size_px: `(width, height)` of each.
        least_columns: Columns that there are at least, if there are as many images.
    """

    def __init__(self, count: int, size_px: tuple[int, int], *, least_columns: int = 1) -> None:
        """Lay out the grid."""
        width, height = size_px
        self.capacity = min(count, _GRID_MAX_IMAGES)
        """How many images the sheet shows."""
        ideal = round(math.sqrt(self.capacity * height / width))
        columns = min(self.capacity, max(least_columns, ideal))
        rows = -(-self.capacity // columns)
        room = min(
            (_GRID_MAX_SIDE_PX - _GRID_GAP_PX) / columns - _GRID_GAP_PX,
            ((_GRID_MAX_SIDE_PX - _GRID_GAP_PX) / rows - _GRID_GAP_PX) * width / height,
        )
        scale = min(1.0, room / width)
        self._cell = (max(1, int(width * scale)), max(1, int(height * scale)))
        self.scale = scale
        """Of images on the sheet, up to 1."""
        self._sheet, self._corners = _laid_out(
            [(self._cell[1], self._cell[0])] * self.capacity,
            columns=columns,
            gap_px=_GRID_GAP_PX,
            background=_GRID_BACKGROUND,
        )

    def add(self, index: int, image: ImageArray) -> None:
        """Put image `[H, W, 3]` number `index` into its cell, if it has one; threads may."""
        if index >= self.capacity:
            return
        _put(self._sheet, self._corners[index], _shrunk(image, self._cell))

    def image(self) -> ImageArray:
        """The sheet, `[H, W, 3]` uint8."""
        return self._sheet

    def image_above(self, *below: ImageArray) -> ImageArray:
        """The sheet with images of other sizes under it, one a row, shrunk as its own are."""
        gap = _GRID_GAP_PX
        rows = [self._sheet[gap:-gap, gap:-gap]]
        for image in below:
            sides = (max(1, int(side * self.scale)) for side in image.shape[1::-1])
            rows.append(_shrunk(image, (next(sides), next(sides))))
        return contact_sheet(rows, columns=1, gap_px=gap, background=_GRID_BACKGROUND)


def contact_sheet(
    images: Sequence[ImageArray],
    *,
    columns: int | None = None,
    gap_px: int = 8,
    background: Colour = (255, 255, 255),
    labels: Sequence[str] | None = None,
) -> ImageArray:
    """Lay images of any sizes out in rows, none of them resized.

    A row is as high as its highest image, the sheet as wide as its widest row; images are aligned
    to the top left, and the same gap goes around all of them.

    Args:
        images: At least one, each `[H, W, 3]` uint8 of any size.
        columns: Images in a row; by default about as many as there are rows.
        gap_px: Space around images in pixels.
        background: Colour between them, 0..255.
        labels: A short text under each image; none by default. A text wider than its image is
            cut, and characters that the built-in font may lack become question marks.

    Returns:
        The sheet `[H, W, 3]` uint8.

    Raises:
        ShapeError: No image, or one of another shape.
        DTypeError: An image of another dtype.
        ConfigError: Columns, gap, background or number of labels out of range.
    """
    _check(images, columns=columns, gap_px=gap_px, background=background, labels=labels)
    label_px = _LABEL_PX if labels else 0
    sheet, corners = _laid_out(
        [(image.shape[0] + label_px, image.shape[1]) for image in images],
        columns=columns or math.ceil(math.sqrt(len(images))),
        gap_px=gap_px,
        background=background,
    )
    for index, ((top, left), image) in enumerate(zip(corners, images, strict=True)):
        _put(sheet, (top, left), image)
        if labels:
            height, width = image.shape[:2]
            _put(sheet, (top + height, left), _label(labels[index], width, background))
    return sheet


def _laid_out(
    cells: Sequence[tuple[int, int]], *, columns: int, gap_px: int, background: Colour
) -> tuple[ImageArray, list[tuple[int, int]]]:
    """An empty sheet for cells of `(height, width)`, and the `(top, left)` of each."""
    rows = [cells[start : start + columns] for start in range(0, len(cells), columns)]
    corners: list[tuple[int, int]] = []
    top, right = gap_px, 0
    for row in rows:
        left = gap_px
        for _, width in row:
            corners.append((top, left))
            left += width + gap_px
        right = max(right, left)
        top += max(height for height, _ in row) + gap_px
    sheet: ImageArray = np.empty((top, right, 3), dtype=np.uint8)
    sheet[:] = background
    return sheet, corners


def _put(sheet: ImageArray, corner: tuple[int, int], image: ImageArray) -> None:
    top, left = corner
    sheet[top : top + image.shape[0], left : left + image.shape[1]] = image


def _shrunk(image: ImageArray, size_px: tuple[int, int]) -> ImageArray:
    if image.shape[1::-1] == size_px:
        return image
    return np.asarray(Image.fromarray(image).resize(size_px, Image.Resampling.LANCZOS))


def _label(text: str, width: int, background: Colour) -> ImageArray:
    """Draw one line of text on a strip as wide as its image."""
    ink = (0, 0, 0) if sum(background) > 382 else (255, 255, 255)
    strip = Image.new("RGB", (width, _LABEL_PX), background)
    plain = " ".join(text[:_MAX_LABEL_CHARS].split()).encode("ascii", "replace").decode()
    ImageDraw.Draw(strip).text((1, 1), plain, fill=ink, font=ImageFont.load_default())
    return np.asarray(strip, dtype=np.uint8)


def _check(
    images: Sequence[ImageArray],
    *,
    columns: int | None,
    gap_px: int,
    background: Colour,
    labels: Sequence[str] | None,
) -> None:
    if not images:
        msg = "contact_sheet: images must be at least one, got none"
        raise ShapeError(msg)
    for index, image in enumerate(images):
        if image.dtype != np.uint8:
            msg = f"contact_sheet: images[{index}] must be uint8, got {image.dtype}"
            raise DTypeError(msg)
        if image.ndim != 3 or image.shape[2] != 3 or not image.size:
            msg = f"contact_sheet: images[{index}] must be [H, W, 3], got shape {image.shape}"
            raise ShapeError(msg)
    if columns is not None and columns < 1:
        msg = f"contact_sheet: columns must be at least 1, got {columns}"
        raise ConfigError(msg)
    if not 0 <= gap_px <= 4096:
        msg = f"contact_sheet: gap_px must be from 0 to 4096, got {gap_px}"
        raise ConfigError(msg)
    if not all(0 <= level <= 255 for level in background):
        msg = f"contact_sheet: background must be three levels of 0..255, got {background}"
        raise ConfigError(msg)
    if labels is not None and len(labels) != len(images):
        msg = f"contact_sheet: labels must be {len(images)}, one an image, got {len(labels)}"
        raise ConfigError(msg)
