"""Patch transfer as the paper writes it: unfolded patches, the whole similarity matrix, float64.

The oracle of the kernels. It shares no code and no idea with them: patches are cut out and compared
one with all, and laid back one by one.
"""

from __future__ import annotations

import numpy as np


def unfold(features, window):
    """`[C, h, w]` to `[h * w, C * window**2]`, zeros outside."""
    radius = window // 2
    padded = np.pad(features.astype(np.float64), ((0, 0), (radius, radius), (radius, radius)))
    views = np.lib.stride_tricks.sliding_window_view(padded, (window, window), axis=(1, 2))
    return np.moveaxis(views, 0, 2).reshape(features.shape[1] * features.shape[2], -1)


def cosines(query, features, window):
    """`[queries, references]` of one image; references of several images follow each other."""
    images = features if features.ndim == 4 else features[None]
    rows = unfold(query, window).copy()
    columns = np.concatenate([unfold(image, window) for image in images])
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    columns /= np.maximum(np.linalg.norm(columns, axis=1, keepdims=True), 1e-12)
    return rows @ columns.T


def softmax_at(cosine, index, temperature):
    """Softmax of every row at a column."""
    if temperature == 0:
        return np.ones(len(cosine))
    scaled = cosine / temperature
    scaled -= scaled.max(axis=1, keepdims=True)
    exponentials = np.exp(scaled)
    return exponentials[np.arange(len(index)), index] / exponentials.sum(axis=1)


def lay_patches(values, index, weight, *, window, normalize):
    """The overlap average of one image; `index` and `weight` are `[h, w]`."""
    height, width = index.shape
    images = values if values.ndim == 4 else values[None]
    channels, ref_height, ref_width = images.shape[1:]
    radius = window // 2
    total, votes = np.zeros((channels, height, width)), np.zeros((height, width))
    for y, x in np.ndindex(height, width):
        image, from_y, from_x = np.unravel_index(index[y, x], (len(images), ref_height, ref_width))
        rows, columns = _overlap(y, height, radius), _overlap(x, width, radius)
        if not normalize:
            votes[_at(y, rows), _at(x, columns)] += 1.0
        rows = _common(rows, _overlap(from_y, ref_height, radius))
        columns = _common(columns, _overlap(from_x, ref_width, radius))
        laid = images[image, :, _at(from_y, rows), _at(from_x, columns)]
        total[:, _at(y, rows), _at(x, columns)] += weight[y, x] * laid
        if normalize:
            votes[_at(y, rows), _at(x, columns)] += weight[y, x]
    return total / votes


def _overlap(place, size, radius):
    """Least and largest offset of a patch's pixels that lie on an axis of this size."""
    return max(-radius, -place), min(radius, size - 1 - place)


def _common(a, b):
    return max(a[0], b[0]), min(a[1], b[1])


def _at(place, offsets):
    return slice(place + offsets[0], place + offsets[1] + 1)
