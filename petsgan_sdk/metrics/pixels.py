"""Sharpness and pixel diversity: what pixels alone tell. Numpy only."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from petsgan_sdk import imaging
from petsgan_sdk.errors import InputError
from petsgan_sdk.metrics._images import U8Array, check_image, check_same_size, check_samples, luma

__all__ = ["UNDEFINED", "pixel_diversity", "sharpness", "why_undefined"]

UNDEFINED = ("diversity", "sharpness")
"""Metrics that divide by what the photo has of them, which for a flat photo is nothing."""


def why_undefined(metric: str, photo: U8Array) -> str | None:
    """Why a photo `[H, W, 3]` uint8 has no value of a metric; None where it has."""
    if metric == "sharpness" and not imaging.sharpness(photo):
        return "the photo must not be of one colour, got one without any gradient"
    if metric == "diversity" and not _contrast(photo):
        return "the photo must not be of one brightness, got one without any contrast"
    return None


def sharpness(samples: U8Array, photo: U8Array) -> npt.NDArray[np.float64]:
    """Mean luma gradient of each sample over that of the photo: 1 is the photo's, below is blur.

    Args:
        samples: `[N, H, W, 3]` uint8. The size may differ from the photo's.
        photo: `[H, W, 3]` uint8.

    Returns:
        `[N]`.

    Raises:
        InputError: Too small an image, or a photo of one colour.
    """
    check_samples("sharpness", samples)
    check_image("sharpness", photo)
    _check_defined("sharpness", photo)
    whole = imaging.sharpness(photo)
    return np.array([imaging.sharpness(sample) / whole for sample in samples])


def pixel_diversity(samples: U8Array, photo: U8Array) -> float:
    """Diversity of SinGAN, section 4: spread of a pixel over samples against that over the photo.

    The population standard deviation of luma over the samples at each pixel, averaged over pixels,
    divided by the population standard deviation of luma over the photo's pixels. 0 when all
    samples are equal; 1 when a pixel varies as much as the photo does.

    Args:
        samples: `[N, H, W, 3]` uint8, N from 2.
        photo: `[H, W, 3]` uint8 of the same size.

    Raises:
        InputError: Fewer than two samples, another size, or a photo of one brightness.
    """
    check_samples("diversity", samples)
    check_image("diversity", photo)
    check_same_size("diversity", samples[0], photo)
    _check_defined("diversity", photo)
    return float(luma(samples).std(axis=0).mean()) / _contrast(photo)


def _contrast(photo: U8Array) -> float:
    # Of equal numbers the mean may be off by a last bit: they have no deviation all the same.
    levels = luma(photo)
    return float(levels.std()) if np.ptp(levels) else 0.0


def _check_defined(metric: str, photo: U8Array) -> None:
    reason = why_undefined(metric, photo)
    if reason is not None:
        msg = f"{metric}: {reason}"
        raise InputError(msg)
