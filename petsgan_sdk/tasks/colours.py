"""Colour statistics: give an image those of another, and measure how far two are apart."""

from __future__ import annotations

from typing import Any

import numpy as np

from petsgan_sdk.tasks.result import FloatArray

__all__ = ["recoloured"]

_FLOOR = 1.0
"""Variance in squared levels that every direction has: flat images have none to stretch."""

Matrix = np.ndarray[Any, np.dtype[np.float64]]


def recoloured(image: FloatArray, reference: FloatArray) -> FloatArray:
    """Give an image the mean and covariance of the colours of another.

    The linear map that moves colours least, of all that do (Pitie and Kokaram, 2007: the
    Monge-Kantorovich solution for two normal distributions).

    Args:
        image: `[H, W, 3]` levels.
        reference: `[h, w, 3]` levels.

    Returns:
        `[H, W, 3]` levels, cut to 0..255.
    """
    mean, covariance = _statistics(image)
    wanted_mean, wanted = _statistics(reference)
    root, inverse = _root(covariance)
    middle, _ = _root(root @ wanted @ root)
    linear = inverse @ middle @ inverse
    moved = (image - mean) @ linear + wanted_mean
    return np.clip(moved, 0, 255).astype(np.float32)


def _statistics(image: FloatArray) -> tuple[Matrix, Matrix]:
    colours = image.reshape(-1, 3).astype(np.float64)
    return colours.mean(axis=0), np.cov(colours, rowvar=False) + _FLOOR * np.eye(3)


def _root(matrix: Matrix) -> tuple[Matrix, Matrix]:
    """The symmetric square root of a positive matrix and its inverse."""
    values, vectors = np.linalg.eigh(matrix)
    roots = np.sqrt(np.maximum(values, _FLOOR * 1e-6))
    return vectors * roots @ vectors.T, vectors / roots @ vectors.T
