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
    offsets = [(dy, dx) for dy in range(-radius, radius + 1) for dx in range(-radius, radius + 1)]
    for y, x in np.ndindex(height, width):
        image, from_y, from_x = np.unravel_index(index[y, x], (len(images), ref_height, ref_width))
        for dy, dx in offsets:
            if not (0 <= y + dy < height and 0 <= x + dx < width):
                continue
            inside = 0 <= from_y + dy < ref_height and 0 <= from_x + dx < ref_width
            if inside:
                total[:, y + dy, x + dx] += (
                    weight[y, x] * images[image, :, from_y + dy, from_x + dx]
                )
            votes[y + dy, x + dx] += weight[y, x] * inside if normalize else 1.0
    return total / votes
