"""A contact sheet: images of any sizes side by side, each at its own size.

This module imports numpy, Pillow and `petsgan_sdk.errors` only.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from petsgan_sdk.errors import ConfigError, DTypeError, ShapeError

__all__ = ["contact_sheet"]

_LABEL_PX = 14
_MAX_LABEL_CHARS = 200


def contact_sheet(
    images: Sequence[npt.NDArray[np.uint8]],
    *,
    columns: int | None = None,
    gap_px: int = 8,
    background: tuple[int, int, int] = (255, 255, 255),
    labels: Sequence[str] | None = None,
) -> npt.NDArray[np.uint8]:
    """Lay images out in rows, none of them resized.

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
    per_row = columns or math.ceil(math.sqrt(len(images)))
    label_px = _LABEL_PX if labels else 0
    starts = range(0, len(images), per_row)
    rows = [images[start : start + per_row] for start in starts]
    heights = [max(image.shape[0] for image in row) + label_px for row in rows]
    width = max(sum(image.shape[1] + gap_px for image in row) for row in rows) + gap_px
    sheet = np.empty((sum(heights) + gap_px * (len(rows) + 1), width, 3), np.uint8)
    sheet[:] = background
    top = gap_px
    for start, row, height in zip(starts, rows, heights, strict=True):
        left = gap_px
        for index, image in enumerate(row, start):
            bottom, right = top + image.shape[0], left + image.shape[1]
            sheet[top:bottom, left:right] = image
            if labels:
                strip = _label(labels[index], image.shape[1], background)
                sheet[bottom : bottom + label_px, left:right] = strip
            left = right + gap_px
        top += height + gap_px
    return sheet


def _label(text: str, width: int, background: tuple[int, int, int]) -> npt.NDArray[np.uint8]:
    """Draw one line of text on a strip as wide as its image."""
    ink = (0, 0, 0) if sum(background) > 382 else (255, 255, 255)
    strip = Image.new("RGB", (width, _LABEL_PX), background)
    plain = " ".join(text[:_MAX_LABEL_CHARS].split()).encode("ascii", "replace").decode()
    ImageDraw.Draw(strip).text((1, 1), plain, fill=ink, font=ImageFont.load_default())
    return np.asarray(strip, dtype=np.uint8)


def _check(
    images: Sequence[npt.NDArray[np.uint8]],
    *,
    columns: int | None,
    gap_px: int,
    background: tuple[int, int, int],
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
