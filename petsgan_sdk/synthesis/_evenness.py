"""How evenly a layout uses the parts of the photo that nothing else looks like.

A doubled eye is used twice, a missing one not at all; of grass there may be more or less. All in
whole numbers, since a layout is chosen by them and must be the same on every machine.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from petsgan_sdk import kernels

__all__ = ["distinctness", "unevenness"]

Int64 = npt.NDArray[np.int64]

_REACH = 2
_QUANTUM, _MOST = 64, 255
"""Windows of 25 features that have nothing in common are about 200 quanta apart."""


def distinctness(level: kernels.PlaceLevel) -> Int64:
    """How unlike each place is to the one most like it, squared, `[h, w]` from 0 to 65025.

    Squared, because a part that is twice as unlike is noticed more than twice as much.

    Args:
        level: One that has alike places of its own: `level.shift` is 0.
    """
    height, width = level.size
    nearest = level.alike[:, :, 0].astype(np.int64)
    is_listed = nearest[..., 0] >= 0
    y, x = np.where(is_listed[..., None], nearest, 0).transpose(2, 0, 1)
    features = level.features.astype(np.int64)
    apart = np.zeros((height, width), dtype=np.int64)
    for dy in range(2 * _REACH + 1):
        for dx in range(2 * _REACH + 1):
            own = features[dy : dy + height, dx : dx + width]
            apart += ((own - features[y + dy, x + dx]) ** 2).sum(axis=2)
    return np.where(is_listed, (apart // _QUANTUM).clip(max=_MOST), _MOST) ** 2


def unevenness(places: npt.NDArray[np.int16], weights: Int64) -> float:
    """By how much of its share, on average, a part is used more or less often: 0 is even.

    Args:
        places: `[H, W, 2]`: (y, x) in the photo.
        weights: `[h, w]`: what each part of the photo counts.
    """
    height, width = weights.shape
    at = places[..., 0].astype(np.int64) * width + places[..., 1]
    use = np.bincount(at.ravel(), minlength=height * width).reshape(height, width)
    # A part is 3x3 places; beyond the border it goes on.
    padded = np.pad(use, 1, mode="edge")
    parts = np.lib.stride_tricks.sliding_window_view(padded, (3, 3)).sum(axis=(2, 3))
    share = 9 * at.size
    apart = int((weights * np.abs(parts * (height * width) - share)).sum())
    # Exact numbers, divided once: the same float everywhere.
    return float(apart / max(1, int(weights.sum()) * share))
