"""What every metric checks of its images, and the conversions that several share. Numpy only."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from petsgan_sdk.errors import DTypeError, InputError, ShapeError

__all__ = [
    "LEAST_COUNT",
    "LEAST_SIDE_PX",
    "U8Array",
    "check_image",
    "check_same_size",
    "check_samples",
    "luma",
]

U8Array = npt.NDArray[np.uint8]

LEAST_SIDE_PX = {
    "sifid": 44,  # 9x9 positions, more than the 64 channels
    "sifid192": 72,  # 14x14 positions, more than the 192 channels
    "lpips": 64,  # of the patches that the weights were learned on
    "ssim": 11,  # one window
    "diversity": 1,
    "sharpness": 2,
    "copy": 16,  # two windows and what they may move
    "repeats": 28,  # two patches, 12 px apart
    "coverage": 44,  # as sifid
}
"""Least side of an image by metric."""
LEAST_COUNT = {"lpips": 2, "diversity": 2}
"""Least number of samples by metric; 1 for others."""

_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601


def check_image(metric: str, image: npt.NDArray[Any]) -> None:
    """Refuse what is no `[H, W, 3]` uint8 image, or too small for a metric.

    Args:
        metric: A key of `LEAST_SIDE_PX`.
        image: What to check.

    Raises:
        DTypeError: Not uint8.
        ShapeError: Not `[H, W, 3]`.
        InputError: A side is too small.
    """
    if image.dtype != np.uint8:
        msg = f"{metric}: dtype must be uint8, got {image.dtype}"
        raise DTypeError(msg)
    if image.ndim != 3 or image.shape[2] != 3:
        msg = f"{metric}: image must be [H, W, 3], got shape {image.shape}"
        raise ShapeError(msg)
    (height, width), least = image.shape[:2], LEAST_SIDE_PX[metric]
    if min(height, width) < least:
        msg = f"{metric}: an image must be at least {least}x{least} px, got {width}x{height}"
        raise InputError(msg)


def check_same_size(metric: str, sample: npt.NDArray[Any], photo: npt.NDArray[Any]) -> None:
    """Refuse two images of different size.

    Raises:
        InputError: The message has both sizes, width first.
    """
    if sample.shape[:2] != photo.shape[:2]:
        (height, width), (tall, wide) = sample.shape[:2], photo.shape[:2]
        msg = f"{metric}: images must have one size, got {width}x{height} and {wide}x{tall}"
        raise InputError(msg)


def check_samples(metric: str, samples: npt.NDArray[Any]) -> None:
    """Refuse what is no `[N, H, W, 3]` uint8 stack of enough images that are large enough.

    Raises:
        DTypeError: Not uint8.
        ShapeError: Not `[N, H, W, 3]`.
        InputError: Too few images, or a side is too small.
    """
    if samples.ndim != 4:
        msg = f"{metric}: samples must be [N, H, W, 3], got shape {samples.shape}"
        raise ShapeError(msg)
    least_count = LEAST_COUNT.get(metric, 1)
    if len(samples) < least_count:
        msg = f"{metric}: at least {least_count} samples are needed, got {len(samples)}"
        raise InputError(msg)
    check_image(metric, samples[0])


def luma(images: U8Array) -> npt.NDArray[np.float64]:
    """BT.601 luma in 0..255 of `[..., 3]` RGB."""
    grey: npt.NDArray[np.float64] = images.astype(np.float64) @ np.array(_LUMA)
    return grey
