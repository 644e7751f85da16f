"""The size at which the model works on an input, and the way back to the input's size.

A model knows its photo at one scale: 7 x 7 cells of a larger canvas show less of a scene than those
that it learned, and are matched with what they are not. So inputs of every size are seen at about
the trained number of pixels, and what the model made is brought back to the input's own pixels.
"""

from __future__ import annotations

import math

import numpy as np

from petsgan_sdk._arrays import BoolArray, FloatArray, ImageArray
from petsgan_sdk.imaging import resize
from petsgan_sdk.manifest import BundleManifest
from petsgan_sdk.tasks.planes import agreement, coarse, to_bytes

__all__ = ["mixed", "returned", "seen_at", "working_size"]

_MIN_SIDE_PX = 16
_AGREEMENT_RADIUS = 4


def working_size(
    manifest: BundleManifest, height: int, width: int, *, scale: float = 1.0
) -> tuple[int, int]:
    """Size of the canvas for an input.

    Args:
        manifest: Of the bundle.
        height: Of the input in pixels.
        width: Of the input in pixels.
        scale: Of the canvas's sides against the trained ones.

    Returns:
        `(height, width)`: the input's aspect and the trained number of pixels times `scale`
        squared, each side to the nearest multiple of `manifest.factor`.
    """
    trained = math.prod(manifest.image_size_px)
    ratio = scale * math.sqrt(trained / (height * width))
    factor = manifest.factor
    least = -(-max(manifest.min_canvas_px, _MIN_SIDE_PX) // factor)
    rows, columns = (max(least, round(side * ratio / factor)) for side in (height, width))
    return rows * factor, columns * factor


def seen_at(image: ImageArray, size: tuple[int, int]) -> ImageArray:
    """An input `[H, W, 3]` at the size `(height, width)` that the model works at."""
    height, width = size
    return image if image.shape[:2] == size else resize(image, (width, height))


def mixed(
    base: FloatArray, made: FloatArray, *, colours: float, detail: float, cell: int
) -> FloatArray:
    """Replace parts of an image by those of another.

    Args:
        base: `[H, W, 3]` levels.
        made: The other, of the same size.
        colours: 0..1, how much of what `cell`s can show.
        detail: 0..1, how much of the rest.
        cell: Side of a cell in pixels.
    """
    difference = made - base
    if colours == detail:
        difference *= np.float32(detail)
        return base + difference
    step = coarse(difference, cell)
    moved: FloatArray = np.float32(colours) * step + np.float32(detail) * (difference - step)
    return base + moved


def returned(
    image: ImageArray,
    seen: FloatArray,
    result: FloatArray,
    mask: ImageArray | None = None,
    *,
    rim: BoolArray | None = None,
) -> ImageArray:
    """Bring a result to the input's own pixels.

    Detail that was too fine for the canvas is the input's, wherever the result kept the detail of
    the input that the canvas does show; elsewhere it would be the trace of something that is gone.

    Args:
        image: The input `[H, W, 3]`.
        seen: The input on the canvas `[h, w, 3]`, levels.
        result: What became of it there.
        mask: `[H, W]`, 255 for the result, 0 for the input; None for the result everywhere.
        rim: `[h, w]`, where no detail of the input is kept: the edge of what was pasted is one.

    Returns:
        `[H, W, 3]` uint8; where the mask is 0, the input's bytes.
    """
    height, width = size = image.shape[:2]
    is_finer = height * width > seen.shape[0] * seen.shape[1]
    if is_finer:
        alike = agreement(seen, result, radius=_AGREEMENT_RADIUS)
        kept = _enlarged(alike if rim is None else np.where(rim, np.float32(0), alike), size)
    out = np.empty_like(image)
    for channel in range(3):  # one at a time: an input may have a hundred megapixels
        given = image[:, :, channel].astype(np.float32)
        levels = _enlarged(result[:, :, channel], size)
        if is_finer:
            levels += kept * (given - _enlarged(seen[:, :, channel], size))
        if mask is not None:
            levels = given + mask.astype(np.float32) / np.float32(255) * (levels - given)
        out[:, :, channel] = to_bytes(levels)
    return out


def _enlarged(plane: FloatArray, size: tuple[int, int]) -> FloatArray:
    """A plane `[h, w]` at the size `(height, width)`; made smaller if that is smaller."""
    height, width = size
    return resize(plane[:, :, None], (width, height), method="bicubic")[:, :, 0]
