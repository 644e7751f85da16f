"""The numpy twin of patch transfer: the same streaming scheme, written to be read.

A patch's inner product with another is the sum of pixel inner products along a diagonal. For one
row offset (delta = reference row - query row) the pixel products of all row pairs form planes
`[pair, reference column, query column]`; summing along both diagonals of these planes gives every
patch product of that offset. Offsets are visited one by one, so the similarity matrix is never
stored. Arithmetic is float64.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["patch_transfer"]

_Float = NDArray[np.float64]
_MIN_NORM = 1e-12


def patch_transfer(
    query: NDArray[np.float32],
    features: NDArray[np.float32],
    values: NDArray[np.float32],
    *,
    window: int,
    temperature: float,
    normalize: bool,
) -> tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.float32]]:
    """See `petsgan_sdk.kernels.patch_transfer`; arguments are checked there.

    Args:
        query: `[N, C, h, w]` float32.
        features: `[C, h', w']` or `[R, C, h', w']` float32.
        values: `[V, h', w']` or `[R, V, h', w']` float32.
        window: Side of a patch, odd.
        temperature: Of the softmax; 0 means weight 1.
        normalize: Divide by the weights that voted instead of the patch count.

    Returns:
        Values `[N, V, h, w]`, index `[N, h, w]`, weight `[N, h, w]`.
    """
    batch, _, height, width = query.shape
    features, values = (a[None] if a.ndim == 3 else a for a in (features, values))
    out = np.zeros((batch, values.shape[1], height, width), dtype=np.float32)
    index = np.zeros((batch, height, width), dtype=np.int32)
    weight = np.zeros((batch, height, width), dtype=np.float32)
    for n in range(batch):
        index[n], row_weight = _match(
            query[n].astype(np.float64), features.astype(np.float64), window, temperature
        )
        weight[n] = row_weight
        out[n] = _average(values.astype(np.float64), index[n], row_weight, window, normalize)
    return out, index, weight


def _match(
    query: _Float, features: _Float, window: int, temperature: float
) -> tuple[NDArray[Any], _Float]:
    """Index of the best reference patch of every query patch, and its softmax weight."""
    height, width = query.shape[1:]
    ref_height, ref_width = features.shape[2:]
    query_scale = _inverse_norms(query, window)
    best = np.full((height, width), -np.inf)
    index = np.zeros((height, width), dtype=np.int64)
    total = np.zeros((height, width))
    for image, diagonal in np.ndindex(len(features), height + ref_height - 1):
        delta = diagonal - (height - 1)
        if diagonal == 0:
            feature_scale = _inverse_norms(features[image], window)
        first, last = max(0, -delta), min(height, ref_height - delta)
        rows, ref_rows = slice(first, last), slice(first + delta, last + delta)
        # [pair, reference column, query column]
        products = np.moveaxis(features[image, :, ref_rows], 0, -1) @ np.moveaxis(
            query[:, rows], 0, 1
        )
        cosine = _box_sum(_diagonal_sum(products, window), window, axis=0)
        cosine *= feature_scale[ref_rows][:, :, None] * query_scale[rows][:, None, :]
        top = cosine.max(axis=1)
        centres = np.arange(first + delta, last + delta)[:, None] + image * ref_height
        centres = cosine.argmax(axis=1) + centres * ref_width
        index[rows] = np.where(top > best[rows], centres, index[rows])
        new_best = np.maximum(best[rows], top)
        if temperature > 0:
            # A tiny temperature makes -inf of a quotient, whose exponential is 0 as it should be.
            with np.errstate(over="ignore"):
                total[rows] *= np.exp((best[rows] - new_best) / temperature)
                total[rows] += np.exp((cosine - new_best[:, None, :]) / temperature).sum(axis=1)
        best[rows] = new_best
    return index, 1.0 / total if temperature > 0 else np.ones_like(total)


def _inverse_norms(features: _Float, window: int) -> _Float:
    energy = (features**2).sum(axis=0)
    norms = np.sqrt(_box_sum(_box_sum(energy, window, axis=0), window, axis=1))
    result: _Float = 1.0 / np.maximum(norms, _MIN_NORM)
    return result


def _box_sum(array: _Float, window: int, *, axis: int) -> _Float:
    """Sum over `window` neighbours along an axis, zero outside."""
    array = np.moveaxis(array, axis, 0)
    out = array.copy()
    for shift in range(1, min(window // 2, len(array) - 1) + 1):
        out[shift:] += array[:-shift]
        out[:-shift] += array[shift:]
    return np.moveaxis(out, 0, axis)


def _diagonal_sum(planes: _Float, window: int) -> _Float:
    """Sum over `window` neighbours along the diagonal of the last two axes, zero outside."""
    out = planes.copy()
    for shift in range(1, min(window // 2, min(planes.shape[-2:]) - 1) + 1):
        out[..., shift:, shift:] += planes[..., :-shift, :-shift]
        out[..., :-shift, :-shift] += planes[..., shift:, shift:]
    return out


def _average(
    values: _Float, index: NDArray[Any], weight: _Float, window: int, normalize: bool
) -> _Float:
    """Lay the matched value patches over each other and average them."""
    height, width = index.shape
    ref_height, ref_width = values.shape[2:]
    radius_y, radius_x = min(window // 2, height - 1), min(window // 2, width - 1)
    numerator = np.zeros((values.shape[1], height, width))
    votes = np.zeros((height, width))
    for dy in range(-radius_y, radius_y + 1):
        for dx in range(-radius_x, radius_x + 1):
            # Pixel p takes offset d from the patch around p - d.
            y = np.arange(max(0, -dy), min(height, height - dy))[:, None]
            x = np.arange(max(0, -dx), min(width, width - dx))[None, :]
            row, source_x = np.divmod(index[y, x], ref_width)
            image, source_y = np.divmod(row, ref_height)
            source_y, source_x = source_y + dy, source_x + dx
            inside = (source_y >= 0) & (source_y < ref_height)
            inside &= (source_x >= 0) & (source_x < ref_width)
            share = np.where(inside, weight[y, x], 0.0)
            source_y, source_x = source_y.clip(0, ref_height - 1), source_x.clip(0, ref_width - 1)
            source = np.moveaxis(values[image, :, source_y, source_x], -1, 0)
            numerator[:, y + dy, x + dx] += share * source
            votes[y + dy, x + dx] += share if normalize else 1.0
    return numerator / votes
