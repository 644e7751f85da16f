"""The numpy twin of patch transfer's gradient, written to be read. Arithmetic is float64.

Backwards through the overlap average first: how each patch's weight, and each value it brought,
moves the result. Then backwards through the softmax and the cosines, offset by offset as forwards:
what reaches a pair of pixels is the sum over the pairs of patches that contain it at the same
place, the very box sum along the diagonals that made patch products of pixel products.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from petsgan_sdk.kernels._patch_transfer_numpy import (
    _MIN_NORM,
    _box_sum,
    _diagonal_sum,
    _inverse_norms,
)

__all__ = ["Matches", "patch_transfer_gradient"]

_Float = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Matches:
    """What the transfer of one image found."""

    index: NDArray[np.int32]
    """`[h, w]`."""
    weight: _Float
    """`[h, w]`."""


def patch_transfer_gradient(
    query: NDArray[np.float32],
    features: NDArray[np.float32],
    values: NDArray[np.float32],
    index: NDArray[np.int32],
    weight: NDArray[np.float32],
    grad_values: NDArray[np.float32],
    grad_weight: NDArray[np.float32],
    *,
    window: int,
    temperature: float,
    normalize: bool,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """See `petsgan_sdk.kernels.patch_transfer_gradient`; arguments are checked there.

    Args:
        query: `[N, C, h, w]` float32.
        features: `[R, C, h', w']` float32.
        values: `[R, V, h', w']` float32.
        index: `[N, h, w]`, of the transfer.
        weight: `[N, h, w]`, of the transfer.
        grad_values: `[N, V, h, w]`, gradient of the transferred values.
        grad_weight: `[N, h, w]`, gradient of the weights themselves.
        window: Side of a patch, odd.
        temperature: Of the softmax.
        normalize: As in the transfer.

    Returns:
        Gradients of `query` and of `values`.
    """
    known, brought = features.astype(np.float64), values.astype(np.float64)
    to_query = np.zeros(query.shape)
    to_values = np.zeros(values.shape)
    for n in range(len(query)):
        matches = Matches(index[n], weight[n].astype(np.float64))
        from_values, of_values = _average_backward(
            brought, matches, grad_values[n].astype(np.float64), window, normalize
        )
        to_values += of_values
        if temperature > 0:
            to_query[n] = _match_backward(
                query[n].astype(np.float64),
                known,
                matches,
                grad_weight[n] + from_values,
                window,
                temperature,
            )
    return to_query.astype(np.float32), to_values.astype(np.float32)


def _average_backward(
    values: _Float, matches: Matches, gradient: _Float, window: int, normalize: bool
) -> tuple[_Float, _Float]:
    """Gradients of the weights `[h, w]` and the values `[R, V, h', w']`."""
    height, width = matches.index.shape
    votes, total = np.zeros((height, width)), np.zeros(gradient.shape)
    visits = list(_visits(values.shape, matches.index, window))
    for patch, pixel, source, inside in visits:
        share = np.where(inside, matches.weight[patch], 0.0)
        votes[pixel] += share if normalize else 1.0
        total[:, *pixel] += share * _take(values, source)
    # The divisor depends on the weights only where it is their sum.
    per_vote = gradient / votes
    of_result = total / votes if normalize else np.zeros_like(total)
    to_weight, by_pixel = np.zeros((height, width)), np.zeros(np.moveaxis(values, 1, 3).shape)
    for patch, pixel, source, inside in visits:
        change = _take(values, source) - of_result[:, *pixel]
        to_weight[patch] += np.where(inside, (per_vote[:, *pixel] * change).sum(axis=0), 0.0)
        share = np.where(inside, matches.weight[patch], 0.0)
        image, y, x = source
        np.add.at(by_pixel, (image, y, x), np.moveaxis(share * per_vote[:, *pixel], 0, 2))
    to_values = np.ascontiguousarray(np.moveaxis(by_pixel, 3, 1))
    return to_weight, to_values


def _visits(shape: tuple[int, ...], index: NDArray[np.int32], window: int) -> Any:
    """For every offset in a patch: patches, the pixels they vote on, from where, and if inside."""
    height, width = index.shape
    _, _, ref_height, ref_width = shape
    radius = window // 2
    for dy in range(-radius, radius + 1):
        for dx in range(-radius, radius + 1):
            y = np.arange(max(0, -dy), min(height, height - dy))[:, None]
            x = np.arange(max(0, -dx), min(width, width - dx))[None, :]
            if y.size == 0 or x.size == 0:
                continue
            image, place = np.divmod(index[y, x], ref_height * ref_width)
            source_y, source_x = place // ref_width + dy, place % ref_width + dx
            inside = (source_y >= 0) & (source_y < ref_height)
            inside &= (source_x >= 0) & (source_x < ref_width)
            source = (image, source_y.clip(0, ref_height - 1), source_x.clip(0, ref_width - 1))
            yield (y, x), (y + dy, x + dx), source, inside


def _take(values: _Float, source: tuple[NDArray[Any], ...]) -> _Float:
    image, y, x = source
    return np.moveaxis(values[image, :, y, x], 2, 0)


def _match_backward(
    query: _Float,
    features: _Float,
    matches: Matches,
    gradient: _Float,
    window: int,
    temperature: float,
) -> _Float:
    """Gradient of the features `[C, h, w]`, from that of the weights.

    With p the softmax, d weight / d cosine = weight (delta - p) / temperature, and a cosine is a
    patch product divided by both norms.
    """
    _, height, width = query.shape
    images, _, ref_height, ref_width = features.shape
    query_scale = _inverse_norms(query, window)
    # The cosine of a patch of zeros is 0 by definition, and so is its gradient.
    slope = np.where(query_scale < 1 / _MIN_NORM, gradient * matches.weight / temperature, 0.0)
    best = _best_cosines(query, features, matches.index, window) * query_scale
    result = np.zeros_like(query)
    excess = np.zeros((height, width))  # sum of p (best - cosine)
    image_of, place = np.divmod(matches.index, ref_height * ref_width)
    for image in range(images):
        feature_scale = _inverse_norms(features[image], window)
        for delta in range(-(height - 1), ref_height):
            first, last = max(0, -delta), min(height, ref_height - delta)
            rows, ref_rows = slice(first, last), slice(first + delta, last + delta)
            known = np.moveaxis(features[image][:, ref_rows], 0, -1)
            products = known @ np.moveaxis(query[:, rows], 0, 1)
            cosine = _box_sum(_diagonal_sum(products, window), window, axis=0)
            scale = feature_scale[ref_rows][:, :, None] * query_scale[rows][:, None, :]
            below = best[rows][:, None, :] - cosine * scale
            share = matches.weight[rows][:, None, :] * np.exp(-below / temperature)
            excess[rows] += (share * below).sum(axis=1)
            here = (image_of[rows] == image)[:, None, :] & (
                place[rows][:, None, :]
                == np.arange(ref_width)[:, None]
                + np.arange(first + delta, last + delta)[:, None, None] * ref_width
            )
            pairs = slope[rows][:, None, :] * (here - share) * scale
            pairs = _diagonal_sum(_box_sum(pairs, window, axis=0), window)
            result[:, rows] += np.einsum("yuc,yux->cyx", known, pairs)
    # A longer patch lowers all its cosines: sum of gradient x cosine is slope x excess.
    lengthening = slope * excess * query_scale**2
    return result - query * _box_sum(_box_sum(lengthening, window, axis=0), window, axis=1)


def _best_cosines(query: _Float, features: _Float, index: NDArray[np.int32], window: int) -> _Float:
    """Patch products with the best matches, times the scales of those: `[h, w]`."""
    products = np.zeros(index.shape)
    for patch, pixel, source, inside in _visits(features.shape, index, window):
        pair = (query[:, *pixel] * _take(features, source)).sum(axis=0)
        products[patch] += np.where(inside, pair, 0.0)
    image, place = np.divmod(index, features.shape[2] * features.shape[3])
    scales = np.stack([_inverse_norms(image_features, window) for image_features in features])
    scaled: _Float = products * scales.reshape(len(features), -1)[image, place]
    return scaled
