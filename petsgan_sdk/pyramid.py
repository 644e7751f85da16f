"""Whole-number scales of an image, in numpy: exact block means down, repetition up.

Arrays are `[..., H, W]`, channels first, as the networks have them. Imports numpy only.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from petsgan_sdk.errors import DTypeError, ShapeError

__all__ = ["downscale", "upscale"]


def downscale(image: npt.NDArray[np.floating[Any]], factor: int) -> npt.NDArray[np.float32]:
    """Shrink by the mean of every `factor` x `factor` block, the definition of low resolution.

    Args:
        image: `[..., H, W]` floating point; `factor` divides H and W.
        factor: At least 1.

    Returns:
        `[..., H / factor, W / factor]` float32, summed in float64.

    Raises:
        ShapeError: `factor` does not divide the sides.
        DTypeError: The values are not floating point; uint8 would round.
    """
    _check("downscale", image, factor)
    height, width = image.shape[-2:]
    if height % factor or width % factor:
        msg = f"downscale: sides must be multiples of {factor}, got {width}x{height}"
        raise ShapeError(msg)
    shape = (*image.shape[:-2], height // factor, factor, width // factor, factor)
    means: npt.NDArray[np.float64] = image.reshape(shape).mean(axis=(-3, -1), dtype=np.float64)
    return means.astype(np.float32)


def upscale(image: npt.NDArray[np.floating[Any]], factor: int) -> npt.NDArray[np.float32]:
    """Enlarge by repeating every pixel, so that `downscale` of the result is the input again.

    Args:
        image: `[..., H, W]` floating point.
        factor: At least 1.

    Returns:
        `[..., H * factor, W * factor]` float32.

    Raises:
        ShapeError: Fewer than two axes or a factor below 1.
        DTypeError: The values are not floating point.
    """
    _check("upscale", image, factor)
    return image.astype(np.float32).repeat(factor, axis=-2).repeat(factor, axis=-1)


def _check(op: str, image: npt.NDArray[Any], factor: int) -> None:
    if image.dtype.kind != "f":
        msg = f"{op}: dtype must be floating point, got {image.dtype}"
        raise DTypeError(msg)
    if image.ndim < 2 or factor < 1:
        msg = f"{op}: image must be [..., H, W] and factor at least 1, got {image.shape}, {factor}"
        raise ShapeError(msg)
