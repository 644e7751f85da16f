"""Compare the matches of a graph with those of the kernel, where either of a tie is right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from petsgan_sdk import kernels
from petsgan_sdk._arrays import Array
from petsgan_sdk.export.parity import average_matches

__all__ = ["TIE", "MatchAgreement", "compare_matches"]

TIE = 1e-5
"""Cosines this close count as equal."""


@dataclass(frozen=True, slots=True)
class MatchAgreement:
    """What a comparison found."""

    flipped: int
    """Matches that differ."""
    cosine_gap: float
    """Largest distance to the kernel's in units of cosine: of a match that differs, or of what a
    weight implies."""
    average: Array
    """`[N, V, h, w]`: value patches laid by the graph's own matches, for comparison."""


def compare_matches(
    query: Array,
    reference: Array,
    values: Array,
    *,
    window: int,
    temperature: float,
    index: Array,
    weight: Array,
) -> MatchAgreement:
    """Search with the kernel and compare.

    Args:
        query: `[N, C, h, w]` float32.
        reference: `[C, h0, w0]` float32.
        values: `[V, h0, w0]` float32.
        window: Side of a patch, odd.
        temperature: Of the softmax.
        index: What the graph found, `[N, h, w]`.
        weight: Its softmax weight, `[N, h, w]`.
    """
    packed = kernels.PatchReference(reference, values, window=window)
    own = kernels.patch_transfer(query, packed, temperature=temperature)
    places = np.argwhere(own.index != index)
    gaps = [0.0]
    for n, y, x in places:
        patch = _patch(query[n], y, x, window)
        best, found = (
            _cosine(patch, _reference_patch(reference, int(chosen[n, y, x]), window))
            for chosen in (own.index, index)
        )
        gaps.append(abs(best - found))
    if temperature > 0:
        gaps.append(temperature * float(np.abs(np.log(weight / own.weight)).max(initial=0)))
    else:
        gaps.append(float(np.abs(weight - 1).max(initial=0)))
    laid = average_matches(index, weight, values, window)
    return MatchAgreement(len(places), float(np.max(gaps)), laid)


def _patch(features: Array, y: int, x: int, window: int) -> Array:
    """`[C, window, window]` float64 around a pixel, zeros outside."""
    radius = window // 2
    padded = np.pad(features, ((0, 0), (radius, radius), (radius, radius)))
    return padded[:, y : y + window, x : x + window].astype(np.float64)


def _reference_patch(reference: Array, index: int, window: int) -> Array:
    y, x = divmod(index, reference.shape[2])
    return _patch(reference, y, x, window)


def _cosine(a: Array, b: Array) -> float:
    lengths = max(float(np.linalg.norm(a)), 1e-12) * max(float(np.linalg.norm(b)), 1e-12)
    return float((a * b).sum()) / lengths
