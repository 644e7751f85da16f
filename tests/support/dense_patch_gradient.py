"""The gradient of patch transfer in dense float64: whole matrices, one rule of calculus a line.

The oracle of `kernels.patch_transfer_gradient`, itself checked by finite differences. It shares no
code and no idea with the kernels: patches are cut out, every matrix is stored.
"""

from __future__ import annotations

import numpy as np

from support import dense_patch_transfer as dense

FLOOR = 1e-12


def softmax(cosine, temperature):
    scaled = np.exp((cosine - cosine.max(axis=1, keepdims=True)) / temperature)
    return scaled / scaled.sum(axis=1, keepdims=True)


def forward(query, features, values, index, *, window, temperature, normalize):
    """Values and weight of one image with the matches held: `[V, h, w]`, `[h, w]`.

    `features` is `[R, C, H, W]`, `values` is `[R, V, H, W]`.
    """
    weight = np.ones(index.shape)
    if temperature > 0:
        cosine = dense.cosines(query, features, window)
        weight = dense.softmax_at(cosine, index.ravel(), temperature).reshape(index.shape)
    laid = lay_patches(values, index, weight, window=window, normalize=normalize)
    return laid, weight


def voting_matrix(index, shape, *, window):
    """`[pixels, patches, references]`: which reference pixel each patch shows at each pixel."""
    height, width = index.shape
    images, _, ref_height, ref_width = shape
    votes = np.zeros((height, width, height, width, images * ref_height * ref_width))
    covers = np.zeros((height, width, height, width))
    radius = window // 2
    for y, x, to_y, to_x in np.ndindex(height, width, height, width):
        if max(abs(to_y - y), abs(to_x - x)) > radius:
            continue
        covers[to_y, to_x, y, x] = 1
        image, place = divmod(int(index[y, x]), ref_height * ref_width)
        from_y, from_x = place // ref_width + to_y - y, place % ref_width + to_x - x
        if 0 <= from_y < ref_height and 0 <= from_x < ref_width:
            flat = (image * ref_height + from_y) * ref_width + from_x
            votes[to_y, to_x, y, x, flat] = 1
    pixels = height * width
    return votes.reshape(pixels, pixels, -1), covers.reshape(pixels, pixels)


def lay_patches(values, index, weight, *, window, normalize):
    votes, covers = voting_matrix(index, values.shape, window=window)
    flat = np.moveaxis(values, 1, 0).reshape(values.shape[1], -1)
    total = np.einsum("apm,p,vm->va", votes, weight.ravel(), flat)
    divisor = votes.sum(axis=2) @ weight.ravel() if normalize else covers.sum(axis=1)
    return (total / divisor).reshape(values.shape[1], *index.shape)


def gradient(
    query, features, values, index, grad_values, grad_weight, *, window, temperature, normalize
):
    """Gradients of `query` and `values` of one image, the matches held constant."""
    query, features, values = (a.astype(np.float64) for a in (query, features, values))
    arguments = {"window": window, "temperature": temperature, "normalize": normalize}
    laid, weight = forward(query, features, values, index, **arguments)
    votes, covers = voting_matrix(index, values.shape, window=window)
    flat = np.moveaxis(values, 1, 0).reshape(values.shape[1], -1)
    divisor = votes.sum(axis=2) @ weight.ravel() if normalize else covers.sum(axis=1)
    per_vote = grad_values.reshape(len(laid), -1) / divisor
    to_values = np.einsum("va,apm,p->vm", per_vote, votes, weight.ravel())
    to_weight = grad_weight.ravel() + np.einsum("va,apm,vm->p", per_vote, votes, flat)
    if normalize:
        to_weight -= np.einsum(
            "va,va,ap->p", per_vote, laid.reshape(len(laid), -1), votes.sum(axis=2)
        )
    to_values = np.moveaxis(to_values.reshape(values.shape[1], -1, *values.shape[2:]), 0, 1)
    if temperature == 0:
        return np.zeros_like(query), to_values
    return _through_cosines(
        query, features, index, weight, to_weight, window, temperature
    ), to_values


def _through_cosines(query, features, index, weight, to_weight, window, temperature):
    rows = dense.unfold(query, window)
    columns = np.concatenate([dense.unfold(f, window) for f in features])
    norm = np.linalg.norm(rows, axis=1, keepdims=True)
    columns = columns / np.maximum(np.linalg.norm(columns, axis=1, keepdims=True), FLOOR)
    cosine = (rows / np.maximum(norm, FLOOR)) @ columns.T
    to_cosine = -softmax(cosine, temperature)
    to_cosine[np.arange(len(rows)), index.ravel()] += 1
    to_cosine *= (to_weight * weight.ravel() / temperature)[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        unit = rows / norm
        to_rows = to_cosine @ columns
        to_rows = (to_rows - unit * (unit * to_rows).sum(axis=1, keepdims=True)) / norm
    return _fold(np.where(norm > FLOOR, to_rows, 0.0), query.shape, window)


def _fold(rows, shape, window):
    """Adjoint of `dense.unfold`."""
    channels, height, width = shape
    radius = window // 2
    patches = rows.reshape(height, width, channels, window, window)
    padded = np.zeros((channels, height + 2 * radius, width + 2 * radius))
    for dy, dx in np.ndindex(window, window):
        padded[:, dy : dy + height, dx : dx + width] += np.moveaxis(patches[..., dy, dx], 2, 0)
    return padded[:, radius : radius + height, radius : radius + width]
