"""Structural similarity of Wang, Bovik, Sheikh and Simoncelli (2004). Numpy only."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from petsgan_sdk.metrics._images import U8Array, check_image, check_same_size, luma

__all__ = ["WINDOW_PX", "LumaMoments", "similarity", "ssim"]

WINDOW_PX = 11
"""Side of the Gaussian window."""

_SIGMA_PX = 1.5
_K1, _K2, _RANGE = 0.01, 0.03, 255.0

Plane = npt.NDArray[np.float64]


class LumaMoments(NamedTuple):
    """What an image brings to its similarity with any other."""

    luma: Plane
    """`[H, W]`."""
    mean: Plane
    """`[H - 10, W - 10]`, of every window."""
    variance: Plane
    """`[H - 10, W - 10]`."""

    @classmethod
    def of(cls, image: U8Array) -> LumaMoments:
        """Measure `[H, W, 3]` uint8, both sides from 11."""
        plane = luma(image)
        mean = _blur(plane)
        return cls(plane, mean, _blur(plane * plane) - mean**2)


def ssim(image: U8Array, other: U8Array) -> float:
    """Mean structural similarity of luma: 1 for equal images, about 0 for unrelated ones.

    Args:
        image: `[H, W, 3]` uint8, both sides from 11.
        other: The same size.

    Returns:
        Mean over all places where the 11x11 Gaussian window (sigma 1.5) lies inside, of equation
        13 with K1 = 0.01, K2 = 0.03 and the window's weighted moments (equations 14 to 16).

    Raises:
        InputError: Too small an image, or two sizes.
    """
    for one in (image, other):
        check_image("ssim", one)
    check_same_size("ssim", image, other)
    return similarity(LumaMoments.of(image), LumaMoments.of(other))


def similarity(x: LumaMoments, y: LumaMoments) -> float:
    """Compare as `ssim` does images of one size that were measured before."""
    covariance = _blur(x.luma * y.luma) - x.mean * y.mean
    c1, c2 = (_K1 * _RANGE) ** 2, (_K2 * _RANGE) ** 2
    top = (2 * x.mean * y.mean + c1) * (2 * covariance + c2)
    bottom = (x.mean**2 + y.mean**2 + c1) * (x.variance + y.variance + c2)
    return float((top / bottom).mean())


def _blur(plane: Plane) -> Plane:
    """Gaussian mean of every window that lies inside: `[H, W]` to `[H - 10, W - 10]`."""
    offsets = np.arange(WINDOW_PX) - WINDOW_PX // 2
    weights = np.exp(-(offsets**2) / (2 * _SIGMA_PX**2))
    weights /= weights.sum()
    height, width = (side - WINDOW_PX + 1 for side in plane.shape)
    rows = sum(weight * plane[i : i + height] for i, weight in enumerate(weights))
    blurred: Plane = sum(weight * rows[:, i : i + width] for i, weight in enumerate(weights))
    return blurred
