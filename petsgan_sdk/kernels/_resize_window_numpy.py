"""The numpy twin of the resize; every operation on values is float32, as in C++."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from petsgan_sdk.kernels._resize_axis import ResizeAxis

__all__ = ["resize_window"]


def resize_window(
    source: NDArray[np.float32], rows: ResizeAxis, columns: ResizeAxis, origin: tuple[int, int]
) -> NDArray[np.float32]:
    """See `petsgan_sdk.kernels.resize_window`; arguments are checked there.

    Args:
        source: `[N, C, h, w]` float32.
        rows: What to make along the height, with 0 <= start < target.
        columns: The same along the width.
        origin: Of `source` in its map, within 0 <= origin < size.

    Returns:
        `[N, C, rows.length, columns.length]` float32.
    """
    # Values that are not finite meet, and finite ones of the two signs may overflow.
    with np.errstate(invalid="ignore", over="ignore"):
        along_rows = _interpolate(source, columns, origin[1], axis=3)
        return np.ascontiguousarray(_interpolate(along_rows, rows, origin[0], axis=2))


def _interpolate(
    values: NDArray[np.float32], span: ResizeAxis, origin: int, *, axis: int
) -> NDArray[Any]:
    pixel = span.start + np.arange(span.length, dtype=np.int64)
    if span.source == span.target:
        return values.take(_places(pixel, span, origin), axis)
    twice = 2 * span.target
    left, remainder = np.divmod((2 * pixel + 1) * span.source - span.target, twice)
    weight = (remainder / twice).astype(np.float32)  # rounded from float64, which is nearly exact
    first = values.take(_places(left, span, origin), axis)
    second = values.take(_places(left + 1, span, origin), axis)
    second -= first
    second *= np.expand_dims(weight, tuple(range(1, values.ndim - axis)))
    second += first
    return second


def _places(pixel: NDArray[np.int64], span: ResizeAxis, origin: int) -> NDArray[np.int64]:
    """Where source pixels lie in the window that begins with pixel `origin`."""
    if span.wrap:
        return (pixel - origin) % span.source
    return pixel.clip(0, span.source - 1) - origin
