"""What a task accepts: images, masks and photos of any size, as long as their shapes make sense."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from petsgan_sdk._arrays import ImageArray
from petsgan_sdk.errors import DTypeError, InputError, ShapeError
from petsgan_sdk.imaging import MIN_SIDE_PX

__all__ = ["MAX_PIXELS", "check_image", "check_same_aspect", "size_text"]


MAX_PIXELS = 50_000_000
"""Pixels of an image that a task takes, which is any photo of a phone: a task holds 30 to 50 bytes
for each."""


def check_image(image: Any, name: str, *, alpha: bool = False) -> ImageArray:
    """Return an image as a contiguous array.

    Args:
        image: `[H, W, 3]` uint8, or `[H, W, 4]` where `alpha` allows it.
        name: What it is, for messages.
        alpha: Whether a fourth channel is welcome.

    Raises:
        ShapeError: Another shape, or a side under 16 px.
        DTypeError: Not uint8.
        InputError: More than `MAX_PIXELS`.
    """
    array = np.asarray(image)
    if array.dtype != np.uint8:
        msg = f"{name}: must be uint8, got {array.dtype}"
        raise DTypeError(msg)
    channels = (3, 4) if alpha else (3,)
    is_image = array.ndim == 3 and array.shape[2] in channels
    if not is_image or min(array.shape[:2]) < MIN_SIDE_PX:
        wanted = " or ".join(f"[H, W, {count}]" for count in channels)
        msg = f"{name}: must be {wanted} with sides from {MIN_SIDE_PX} px, got {array.shape}"
        raise ShapeError(msg)
    if array.shape[0] * array.shape[1] > MAX_PIXELS:
        msg = (
            f"{name}: must have at most {MAX_PIXELS / 1e6:g} megapixels, got "
            f"{size_text(array.shape)}; make it smaller first"
        )
        raise InputError(msg)
    return np.ascontiguousarray(array)


def check_same_aspect(
    one: tuple[int, ...],
    other: tuple[int, ...],
    names: tuple[str, str],
    *,
    rounding_px: float = 1.0,
) -> None:
    """Refuse two sizes `(height, width, ...)` of which one is not the other made larger.

    Args:
        one: The first.
        other: The second.
        names: What they are.
        rounding_px: By how much each side of the smaller one may have been rounded: training
            rounds a photo of 451x300 to 256x168.

    Raises:
        InputError: They differ by more; names both sizes.
    """
    (h0, w0), (h1, w1) = one[:2], other[:2]
    allowed = rounding_px * (1 / min(h0, h1) + 1 / min(w0, w1))
    if abs(math.log(w0 * h1 / (h0 * w1))) > allowed:
        msg = (
            f"{names[0]} and {names[1]} must have the same aspect, got {size_text(one)} and "
            f"{size_text(other)}; crop one of them"
        )
        raise InputError(msg)


def size_text(shape: tuple[int, ...]) -> str:
    """`WIDTHxHEIGHT` of `(height, width, ...)`."""
    return f"{shape[1]}x{shape[0]}"
