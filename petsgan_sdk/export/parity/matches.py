"""Compare two searches of patch transfer, where either of a tie is right."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np
import torch
from torch.nn import functional

from petsgan_sdk import kernels
from petsgan_sdk._arrays import Array
from petsgan_sdk.manifest import PatchTransferStep

__all__ = ["Matches", "average_matches", "cosine_gap", "search"]


@dataclass(frozen=True, slots=True)
class Matches:
    """Which reference patch a search found for each query patch."""

    index: Array
    """`[N, h, w]`, y * w0 + x."""
    weight: Array
    """`[N, h, w]` float32, its softmax over all reference patches."""

    def flipped(self, other: Matches) -> int:
        """How many differ."""
        return int((self.index != other.index).sum())


def search(
    step: PatchTransferStep,
    query: Array,
    arrays: dict[str, Array],
    *,
    backend: Literal["auto", "numpy"],
) -> Matches:
    """Search as the runtime does, or its float64 twin.

    Args:
        step: What to search.
        query: `[N, C, h, w]` float32.
        arrays: The bundle's constants.
        backend: `numpy` is the twin.
    """
    packed = kernels.PatchReference(arrays[step.reference], arrays[step.values], window=step.window)
    found = kernels.patch_transfer(query, packed, temperature=step.temperature, backend=backend)
    return Matches(found.index, found.weight)


def cosine_gap(
    step: PatchTransferStep, query: Array, reference: Array, found: Matches, expected: Matches
) -> float:
    """How much better or worse the matches of one search are than those of another.

    Args:
        step: What was searched.
        query: `[N, C, h, w]` float32.
        reference: `[C, h0, w0]` float32.
        found: By one search.
        expected: By the other.

    Returns:
        The largest difference of cosines: between two matches that differ, or as the weights of any
        two imply it. NaN if a weight is.
    """
    radius = step.window // 2
    around = (radius, radius), (radius, radius)
    windows = (step.window, step.window)
    views = np.lib.stride_tricks.sliding_window_view
    queries = views(np.pad(query, ((0, 0), (0, 0), *around)), windows, (2, 3))
    references = views(np.pad(reference, ((0, 0), *around)), windows, (1, 2))
    gaps = [0.0]
    for n, y, x in np.argwhere(found.index != expected.index):
        one, other = (
            _cosine(
                queries[n, :, y, x],
                references[:, *divmod(int(each.index[n, y, x]), reference.shape[2])],
            )
            for each in (found, expected)
        )
        gaps.append(abs(one - other))
    if step.temperature > 0:
        implied = step.temperature * np.log(found.weight / expected.weight)
    else:
        implied = found.weight - 1
    return float(np.max([*gaps, np.abs(implied).max(initial=0)]))


def _cosine(a: Array, b: Array) -> float:
    a, b = a.astype(np.float64), b.astype(np.float64)
    lengths = max(float(np.linalg.norm(a)), 1e-12) * max(float(np.linalg.norm(b)), 1e-12)
    return float((a * b).sum()) / lengths


def average_matches(matches: Matches, values: Array, window: int) -> Array:
    """Lay matched patches of `[V, h0, w0]` over each other, by torch: `[N, V, h, w]` float64."""
    height, width = matches.index.shape[1:]
    ref_height, ref_width = values.shape[1:]
    index, share = torch.from_numpy(matches.index).long(), torch.from_numpy(matches.weight).double()
    row, column = index // ref_width, index % ref_width
    known = torch.from_numpy(values).double().flatten(1)
    total = torch.zeros(len(index), len(values), height, width, dtype=torch.float64)
    votes = torch.zeros(len(index), 1, height, width, dtype=torch.float64)
    offsets = range(-(window // 2), window // 2 + 1)
    for dy, dx in product(offsets, offsets):
        if abs(dy) >= height or abs(dx) >= width:
            continue
        y, x = row + dy, column + dx
        inside = (y >= 0) & (y < ref_height) & (x >= 0) & (x < ref_width)
        flat = y.clamp(0, ref_height - 1) * ref_width + x.clamp(0, ref_width - 1)
        vote = (share * inside)[:, None]
        shift = (dx, -dx, dy, -dy)  # the vote of patch i lands on pixel i + (dy, dx)
        total += functional.pad(known[:, flat].transpose(0, 1) * vote, shift)
        votes += functional.pad(vote, shift)
    return (total / votes).numpy()
