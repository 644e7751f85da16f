"""Colour statistics: give colours the mean and covariance of others."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from petsgan_sdk._arrays import FloatArray

__all__ = ["recoloured"]

_FLOOR = 1.0
"""Variance in squared levels that every direction has: flat images have none to stretch."""

Matrix = np.ndarray[Any, np.dtype[np.float64]]


def recoloured(
    pixels: FloatArray, reference: FloatArray, *, most_gain: float = math.inf
) -> FloatArray:
    """Give colours the mean and covariance of others.

    The linear map that moves colours least, of all that do (Pitie and Kokaram, 2007: the
    Monge-Kantorovich solution for two normal distributions).

    Args:
        pixels: `[..., 3]` levels.
        reference: `[..., 3]` levels, of any other number.
        most_gain: By how much contrast may grow along any direction of colour space.

    Returns:
        Levels as `pixels`, not cut to 0..255.
    """
    mean, covariance = _statistics(pixels)
    wanted_mean, wanted = _statistics(reference)
    root, inverse = _root(covariance)
    middle, _ = _root(root @ wanted @ root)
    gains, axes = np.linalg.eigh(inverse @ middle @ inverse)
    linear = axes * np.minimum(gains, most_gain) @ axes.T
    moved: FloatArray = ((pixels - mean) @ linear + wanted_mean).astype(np.float32)
    return moved


def _statistics(pixels: FloatArray) -> tuple[Matrix, Matrix]:
    colours = pixels.reshape(-1, 3).astype(np.float64)
    mean = colours.mean(axis=0)
    centred = colours - mean
    return mean, centred.T @ centred / len(centred) + _FLOOR * np.eye(3)


def _root(matrix: Matrix) -> tuple[Matrix, Matrix]:
    """The symmetric square root of a positive matrix and its inverse."""
    values, vectors = np.linalg.eigh(matrix)
    roots = np.sqrt(np.maximum(values, _FLOOR * 1e-6))
    return vectors * roots @ vectors.T, vectors / roots @ vectors.T
