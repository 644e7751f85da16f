"""Small operations on planes `[H, W]` and images `[H, W, C]` that the tasks share; numpy only."""

from __future__ import annotations

from typing import Any

import numpy as np

from petsgan_sdk._arrays import BoolArray, FloatArray, ImageArray
from petsgan_sdk.imaging import resize

__all__ = ["agreement", "box_sum", "coarse", "dilated", "softened", "to_bytes"]

_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601


def box_sum(plane: np.ndarray[Any, Any], radius: int) -> np.ndarray[Any, Any]:
    """Sum over `(2 radius + 1)**2` pixels around each; beyond the border the plane is repeated.

    Integers and booleans are summed as int64, exactly; other types in float64.
    """
    total = np.asarray(plane, dtype=np.float64 if plane.dtype.kind == "f" else np.int64)
    for _ in range(2):  # along x, then along y
        padded = np.pad(total, ((0, 0), (radius + 1, radius)), mode="edge")
        padded[:, 0] = 0
        ends = padded.cumsum(axis=1)
        total = (ends[:, 2 * radius + 1 :] - ends[:, : -2 * radius - 1]).T
    return total


def dilated(mask: BoolArray, radius: int) -> BoolArray:
    """Pixels with one of the mask in the square of `2 radius + 1` around them."""
    grown: BoolArray = box_sum(mask, radius) > 0
    return grown


def softened(plane: np.ndarray[Any, Any], radius: int) -> np.ndarray[Any, Any]:
    """Two box means in a row, a tent of radius `2 radius`; a mask keeps exact zeros and ones."""
    result: np.ndarray[Any, Any] = box_sum(box_sum(plane, radius), radius) / (2 * radius + 1) ** 4
    return result


def coarse(image: FloatArray, cell: int) -> FloatArray:
    """What cells of `cell` x `cell` pixels can show of an image: their means, interpolated."""
    if cell == 1:
        return image
    height, width = image.shape[:2]
    cells = (-(-width // cell), -(-height // cell))
    means: FloatArray = resize(image, cells, method="area")
    shown: FloatArray = resize(means, (width, height), method="bicubic")
    return shown


def agreement(a: FloatArray, b: FloatArray, *, radius: int) -> FloatArray:
    """How far two images `[H, W, 3]` show the same luma detail around each pixel, 0..1.

    Detail is what differs from the mean of 5 x 5 pixels. The measure is twice its product over the
    sum of its squares: 1 where it is the same, or where there is none in either.
    """
    first, second = (_detail(image) for image in (a, b))
    common = 2 * box_sum(first * second, radius)
    total = box_sum(first**2, radius) + box_sum(second**2, radius)
    floor = float((2 * radius + 1) ** 2)  # a deviation of one level, which nobody sees
    share: FloatArray = np.clip((common + floor) / (total + floor), 0, 1).astype(np.float32)
    return share


def to_bytes(image: FloatArray) -> ImageArray:
    """Levels 0..255 as uint8, rounded and cut."""
    levels: ImageArray = np.clip(np.floor(image + 0.5), 0, 255).astype(np.uint8)
    return levels


def _detail(image: FloatArray) -> np.ndarray[Any, np.dtype[np.float64]]:
    luma = np.asarray(image @ _LUMA, dtype=np.float64)
    detail: np.ndarray[Any, np.dtype[np.float64]] = luma - box_sum(luma, 2) / 25
    return detail
