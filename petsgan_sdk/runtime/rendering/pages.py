"""Keep the heap from growing while a large canvas is made.

Blocks that live long among arrays that do not would pin the heap: an allocator cannot return what
was freed below them. And what is freed is kept in pieces that the next array may not fit, which
adds up over thousands of blocks. Each made more than a hundred MB.
"""

from __future__ import annotations

import ctypes
import math
import mmap
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

__all__ = ["long_lived", "return_freed"]

_LEAST_BYTES = 1 << 14


def long_lived(shape: tuple[int, ...], dtype: Any) -> np.ndarray[Any, np.dtype[Any]]:
    """As `np.empty`, on pages of its own unless it is small; its values are 0 there."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if size < _LEAST_BYTES:
        return np.empty(shape, dtype)
    return np.frombuffer(mmap.mmap(-1, size), dtype=dtype).reshape(shape)


def return_freed() -> None:
    """Give freed memory back to the system; takes some milliseconds. Does nothing without glibc."""
    trim = _malloc_trim()
    if trim is not None:
        trim(0)


@cache
def _malloc_trim() -> Callable[[int], int] | None:
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError):  # another C library
        return None
    trim.argtypes, trim.restype = [ctypes.c_size_t], ctypes.c_int
    return trim
