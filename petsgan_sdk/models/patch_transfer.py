"""Patch transfer with gradients (PetsGAN eq. 7), for joint training.

Sampling and everything without gradients use `petsgan_sdk.kernels`, which stores no similarity
matrix. This form keeps the `[N, h w, h0 w0]` similarities for autograd: a few megabytes at training
size. Like the kernel it never unfolds: a patch's inner product is a diagonal box sum of pixel inner
products.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["MatchWeights", "match_patches", "transfer_patches"]

_TINY = 1e-12


@dataclass(frozen=True, slots=True)
class MatchWeights:
    """The best match of every query patch."""

    index: Tensor
    """`[N, h, w]` int64, y * w0 + x of the reference patch's centre."""
    weight: Tensor
    """`[N, h, w]` softmax weight of the best match; carries the gradient."""


def match_patches(
    query: Tensor, reference: Tensor, *, window: int, temperature: float
) -> MatchWeights:
    """Find for every query patch the reference patch of largest cosine.

    Args:
        query: `[N, C, h, w]` features.
        reference: `[1, C, h0, w0]` features.
        window: Side of a patch, odd; features are 0 outside the maps.
        temperature: Of the softmax over all reference patches, > 0.

    Returns:
        Index, and weight `max softmax(cosine / temperature)`.
    """
    batch, _, height, width = query.shape
    ref_height, ref_width = reference.shape[2:]
    products = torch.einsum("ncyx,cvu->nyxvu", query, reference[0])
    radius = window // 2
    products = _diagonal_sum(products, 1, 3, radius)
    products = _diagonal_sum(products, 2, 4, radius)
    norms = _patch_norms(query, window)[:, :, :, None, None] * _patch_norms(reference, window)
    cosine = (products / norms).reshape(batch, height, width, ref_height * ref_width)
    best, index = cosine.max(dim=3)
    weight = torch.exp(best / temperature - torch.logsumexp(cosine / temperature, dim=3))
    return MatchWeights(index, weight)


def transfer_patches(match: MatchWeights, values: Tensor, *, window: int) -> Tensor:
    """Average the matched value patches where they overlap, weighted by their matches.

    Pixels that a patch would take from outside the reference do not vote, and votes are divided by
    their sum: an undecided match neither darkens the result (a defect of eq. 7 taken to the letter)
    nor pulls black in from beyond the border. The gradient reaches the weights.

    Args:
        match: What `match_patches` returned.
        values: `[1, V, h0, w0]`.
        window: Side of a patch, odd.

    Returns:
        `[N, V, h, w]`, within the range of `values`.
    """
    radius = window // 2
    height, width = match.index.shape[1:]
    ref_height, ref_width = values.shape[2:]
    row, column = match.index // ref_width, match.index % ref_width
    total: Tensor | float = 0.0
    votes: Tensor | float = 0.0
    for dy in range(-radius, radius + 1):
        for dx in range(-radius, radius + 1):
            if abs(dy) >= height or abs(dx) >= width:
                continue
            y, x = row + dy, column + dx
            inside = (y >= 0) & (y < ref_height) & (x >= 0) & (x < ref_width)
            flat = y.clamp(0, ref_height - 1) * ref_width + x.clamp(0, ref_width - 1)
            taken = values[0].flatten(1)[:, flat].transpose(0, 1)
            vote = (match.weight * inside)[:, None]
            shift = (dx, -dx, dy, -dy)  # the vote of patch i lands on pixel i + (dy, dx)
            total = total + functional.pad(taken * vote, shift)
            votes = votes + functional.pad(vote, shift)
    return total / votes  # type: ignore[return-value]


def _diagonal_sum(x: Tensor, first: int, second: int, radius: int) -> Tensor:
    """Sum x over the 2 radius + 1 joint shifts of two axes, 0 outside."""
    total = x
    for shift in range(1, radius + 1):
        if shift >= x.shape[first] or shift >= x.shape[second]:
            break
        for sign in (1, -1):
            total = total + _shift(_shift(x, first, sign * shift), second, sign * shift)
    return total


def _shift(x: Tensor, axis: int, by: int) -> Tensor:
    """Return y with y[i] = x[i + by] along an axis, 0 outside."""
    length = x.shape[axis]
    kept = x.narrow(axis, max(0, by), length - abs(by))
    pad = [0, 0] * x.ndim
    pad[2 * (x.ndim - 1 - axis) + (1 if by > 0 else 0)] = abs(by)
    return functional.pad(kept, pad)


def _patch_norms(features: Tensor, window: int) -> Tensor:
    """L2 norm of every patch, `[N, h, w]`."""
    energy = features.square().sum(dim=1, keepdim=True)
    radius = window // 2
    sums = functional.avg_pool2d(energy, window, 1, radius, count_include_pad=True) * window**2
    # The square root has no gradient at 0: the floor is inside it.
    return (sums[:, 0] + _TINY).sqrt()
