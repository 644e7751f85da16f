"""Structural similarity of Wang, Bovik, Sheikh and Simoncelli (2004). Numpy only."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from petsgan_sdk.metrics._images import U8Array, check_image, check_same_size, luma

__all__ = ["WINDOW_PX", "ssim"]

WINDOW_PX = 11
"""Side of the Gaussian window."""

_SIGMA_PX = 1.5
_K1, _K2, _RANGE = 0.01, 0.03, 255.0

Plane = npt.NDArray[np.float64]


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
    x, y = luma(image), luma(other)
    mean_x, mean_y = _blur(x), _blur(y)
    variance_x = _blur(x * x) - mean_x**2
    variance_y = _blur(y * y) - mean_y**2
    covariance = _blur(x * y) - mean_x * mean_y
    c1, c2 = (_K1 * _RANGE) ** 2, (_K2 * _RANGE) ** 2
    top = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    bottom = (mean_x**2 + mean_y**2 + c1) * (variance_x + variance_y + c2)
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
