"""Arrays that live long among many that do not.

An allocator that gives them room from its heap cannot return what was freed below them: while a
wide canvas is made, that adds more than a hundred MB. Pages of their own go back when they are
dropped.
"""

from __future__ import annotations

import math
import mmap
from typing import Any

import numpy as np

__all__ = ["long_lived"]

_LEAST_BYTES = 1 << 14


def long_lived(shape: tuple[int, ...], dtype: Any) -> np.ndarray[Any, np.dtype[Any]]:
    """As `np.empty`, on pages of its own unless it is small; its values are 0 there."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if size < _LEAST_BYTES:
        return np.empty(shape, dtype)
    return np.frombuffer(mmap.mmap(-1, size), dtype=dtype).reshape(shape)
