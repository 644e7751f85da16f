"""The checks that every kernel makes of its arrays, whichever backend runs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from petsgan_sdk.errors import DTypeError, InputError, ShapeError

__all__ = ["check_array", "check_finite"]


def check_array(array: object, *, name: str, axes: str, dtype: type[Any] = np.float32) -> None:
    """Refuse what is not a C-contiguous numpy array of this dtype and rank.

    Args:
        array: What the caller passed.
        name: `op: argument`, the start of the message.
        axes: Axis names joined by ", "; their number is the rank.
        dtype: Expected dtype. Nothing is ever cast in silence.

    Raises:
        DTypeError: Not an array, another dtype, or not C-contiguous.
        ShapeError: Another rank.
    """
    expected = np.dtype(dtype).name
    if not isinstance(array, np.ndarray):
        message = f"{name} must be a numpy array, got {type(array).__name__}"
        raise DTypeError(message)
    if array.dtype != np.dtype(dtype):
        message = f"{name} must be {expected}, got {array.dtype}; hint: array.astype({expected!r})"
        raise DTypeError(message)
    if array.ndim != axes.count(",") + 1:
        message = f"{name} must have shape [{axes}], got {array.shape}"
        raise ShapeError(message)
    if not array.flags.c_contiguous:
        message = (
            f"{name} must be C-contiguous, got strides {array.strides} of shape {array.shape}; "
            "hint: numpy.ascontiguousarray"
        )
        raise DTypeError(message)


def check_finite(array: NDArray[Any], *, name: str) -> None:
    """Refuse NaN and infinity, naming the first index.

    Raises:
        InputError: A value is not finite.
    """
    finite = np.isfinite(array)
    if not finite.all():
        index = [int(i) for i in np.argwhere(~finite)[0]]
        message = f"{name} must be finite, got {array[tuple(index)]} at index {index}"
        raise InputError(message)
