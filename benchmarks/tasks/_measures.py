"""How well a task did: seams, colours and layout, from pixels alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from petsgan_sdk._arrays import BoolArray, ImageArray
from petsgan_sdk.imaging import resize

__all__ = ["colour_distance", "layout_correlation", "seam_ratio", "to_lab"]

LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601
SRGB_TO_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)
WHITE_D65 = np.array([0.95047, 1.0, 1.08883])


def seam_ratio(image: ImageArray, mask: BoolArray) -> float:
    """Mean luma gradient on the border of a mask over that of its neighbourhood.

    The border is what lies within 1 px of it, the neighbourhood what lies 4 to 10 px away on both
    sides. 1 means that the border cannot be told; a photo without any seam has about 1, and more
    or less where its own texture changes.

    Args:
        image: `[H, W, 3]`.
        mask: `[H, W]`, with some pixels of each kind.
    """
    luma = image @ LUMA
    gradient = np.zeros_like(luma)
    gradient[:-1, :-1] = np.hypot(luma[:-1, 1:] - luma[:-1, :-1], luma[1:, :-1] - luma[:-1, :-1])
    border = _grown(mask, 1) & _grown(~mask, 1)
    near = _grown(mask, 10) & _grown(~mask, 10) & ~(_grown(mask, 3) & _grown(~mask, 3))
    return float(gradient[border].mean() / max(gradient[near].mean(), 1e-6))


def colour_distance(pixels: ImageArray, photo: ImageArray) -> float:
    """How far colours are apart in CIELAB: the length of the differences of mean and deviation.

    Args:
        pixels: `[N, 3]`.
        photo: `[H, W, 3]`.
    """
    a, b = to_lab(pixels), to_lab(photo.reshape(-1, 3))
    moments = np.concatenate([a.mean(axis=0) - b.mean(axis=0), a.std(axis=0) - b.std(axis=0)])
    return float(np.linalg.norm(moments))


def layout_correlation(one: ImageArray, other: ImageArray, *, short_side: int = 21) -> float:
    """Correlation of the lumas of two images of one size, both at a low resolution.

    Args:
        one: `[H, W, 3]`.
        other: `[H, W, 3]`.
        short_side: Of the low resolution; 21 is that of a layout of 256x168.
    """
    height, width = one.shape[:2]
    scale = short_side / min(height, width)
    size = (round(width * scale), round(height * scale))
    lumas = [resize(image.astype(np.float32), size, method="area") @ LUMA for image in (one, other)]
    return float(np.corrcoef(lumas[0].ravel(), lumas[1].ravel())[0, 1])


def to_lab(srgb: ImageArray) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return bytes of sRGB `[N, 3]` as CIELAB under D65."""
    levels = srgb / 255
    linear = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    t = linear @ SRGB_TO_XYZ.T / WHITE_D65
    f = np.where(t > (6 / 29) ** 3, np.cbrt(t), t / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = f[:, 0], f[:, 1], f[:, 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1)


def _grown(mask: BoolArray, radius: int) -> BoolArray:
    """Pixels with one of the mask in the square around them."""
    padded = np.pad(mask, radius)
    height, width = mask.shape
    grown = np.zeros_like(mask)
    for shift in range(2 * radius + 1):  # a square is a row of columns
        grown |= padded[radius : radius + height, shift : shift + width]
    padded = np.pad(grown, radius)
    grown = np.zeros_like(mask)
    for shift in range(2 * radius + 1):
        grown |= padded[shift : shift + height, radius : radius + width]
    return grown
