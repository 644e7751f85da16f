"""The numpy twin of the resize; every operation on values is float32, as in C++."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from petsgan_sdk.kernels._resize_axis import ResizeAxis

__all__ = ["resize_window"]


def resize_window(
    source: NDArray[np.float32], rows: ResizeAxis, columns: ResizeAxis
) -> NDArray[np.float32]:
    """See `petsgan_sdk.kernels.resize_window`; arguments are checked there.

    Args:
        source: `[N, C, h, w]` float32.
        rows: What to make along the height.
        columns: The same along the width.

    Returns:
        `[N, C, rows.length, columns.length]` float32.
    """
    # Values that are not finite meet, and finite ones of the two signs may overflow.
    with np.errstate(invalid="ignore", over="ignore"):
        along_rows = _interpolate(source, columns, axis=3)
        return np.ascontiguousarray(_interpolate(along_rows, rows, axis=2))


def _interpolate(values: NDArray[np.float32], span: ResizeAxis, *, axis: int) -> NDArray[Any]:
    pixel = span.start + np.arange(span.length, dtype=np.int64)
    if span.source == span.target:
        return values.take(_places(pixel, span), axis)
    twice = 2 * span.target
    left, remainder = np.divmod((2 * pixel + 1) * span.source - span.target, twice)
    weight = (remainder / twice).astype(np.float32)  # by way of float64, as in C++
    first = values.take(_places(left, span), axis)
    second = values.take(_places(left + 1, span), axis)
    second -= first
    second *= np.expand_dims(weight, tuple(range(1, values.ndim - axis)))
    second += first
    return second


def _places(pixel: NDArray[np.int64], span: ResizeAxis) -> NDArray[np.int64]:
    """Where source pixels lie in the given window."""
    if span.wrap:
        return (pixel - span.origin) % span.source
    return pixel.clip(0, span.source - 1) - span.origin
