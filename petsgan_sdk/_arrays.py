"""Names for the kinds of numpy arrays that annotations speak of; shapes are said in docstrings."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

__all__ = ["Array", "BoolArray", "FloatArray", "ImageArray"]

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]
"""Of any type."""

BoolArray: TypeAlias = np.ndarray[Any, np.dtype[np.bool_]]
"""A mask."""

FloatArray: TypeAlias = np.ndarray[Any, np.dtype[np.float32]]
"""Noise, features and maps."""

ImageArray: TypeAlias = np.ndarray[Any, np.dtype[np.uint8]]
"""Pixels; `[H, W, 3]` RGB where nothing else is said."""
