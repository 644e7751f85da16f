"""What every task returns, and how what the model made gets to the input's own pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from petsgan_sdk._arrays import BoolArray, FloatArray, ImageArray
from petsgan_sdk.imaging import resize
from petsgan_sdk.tasks.planes import agreement, to_bytes

__all__ = ["Edited", "returned"]

_AGREEMENT_RADIUS = 4


@dataclass(frozen=True, slots=True)
class Edited:
    """The result of a task."""

    image: ImageArray
    """`[H, W, 3]` uint8, of the input's size."""
    mask: ImageArray | None
    """`[H, W]` uint8, how much of each pixel may be new: where it is 0, `image` is the input byte
    by byte. None where the task makes the whole image."""
    notes: tuple[str, ...]
    """One clause for each thing that was decided or changed on the way, in order."""


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
