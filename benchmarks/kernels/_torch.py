"""Patch transfer in plain PyTorch: unfolded, as it is usually written, and by diagonal sums.

Both take features as they come and prepare the reference in every call, as the public code does.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from kernels._cases import TEMPERATURE, WINDOW, Arrays, Case, Form, Result, Run

__all__ = ["DIAGONAL", "UNFOLDED", "attend_unfolded", "lay", "unfold", "unit_patches"]

_RADIUS = WINDOW // 2
_MIN_NORM = 1e-12


def unfold(maps: Tensor) -> Tensor:
    """Patches of `[K, h, w]`: `[K window^2, h w]`."""
    return functional.unfold(maps[None], WINDOW, padding=_RADIUS)[0]


def unit_patches(features: Tensor) -> Tensor:
    """Patches of unit norm."""
    return functional.normalize(unfold(features), dim=0, eps=_MIN_NORM)


def lay(votes: Tensor, size: tuple[int, int]) -> Tensor:
    """Lay `[V window^2, h w]` patches over each other, divided by their number: `[V, h, w]`."""
    total = functional.fold(votes[None], size, WINDOW, padding=_RADIUS)[0]
    return total / _box_sum(torch.ones(1, *size, device=votes.device))


def attend_unfolded(query: Tensor, features: Tensor, values: Tensor) -> tuple[Tensor, ...]:
    """Index, weight and values by unfold, normalise, matmul, softmax, max, gather and fold.

    Args:
        query: `[C, h, w]`.
        features: `[C, H, W]`.
        values: `[V, H, W]`.

    Returns:
        `[h w]`, `[h w]`, `[V, h, w]`.
    """
    cosine = unit_patches(query).T @ unit_patches(features)
    weight, index = torch.softmax(cosine / TEMPERATURE, dim=1).max(dim=1)
    size = (query.shape[1], query.shape[2])
    return index, weight, lay(unfold(values)[:, index] * weight, size)


def _attend_diagonal(query: Tensor, features: Tensor, values: Tensor) -> tuple[Tensor, ...]:
    """The same by one product of pixels and sums along the two diagonals of its four axes."""
    channels, height, width = query.shape
    cosine = query.reshape(channels, -1).T @ features.reshape(channels, -1)
    pairs = cosine.view(height, width, *features.shape[1:])
    pairs = _diagonal_sum(_diagonal_sum(pairs, 0, 2), 1, 3)
    scores = pairs.view(height * width, -1)
    scores *= _inverse_norm(query)[:, None] / TEMPERATURE
    scores *= _inverse_norm(features)
    best, index = scores.max(dim=1)
    weight = 1 / scores.sub_(best[:, None]).exp_().sum(dim=1)
    return index, weight, lay(unfold(values)[:, index] * weight, (height, width))


def _diagonal_sum(pairs: Tensor, axis: int, reference_axis: int) -> Tensor:
    """Sum over the window of equal shifts of a query axis and a reference axis, 0 outside."""
    total = pairs.clone()
    shortest = min(pairs.shape[axis], pairs.shape[reference_axis])
    for shift in range(1, min(_RADIUS, shortest - 1) + 1):
        late, early = (
            pairs.narrow(axis, start, pairs.shape[axis] - shift).narrow(
                reference_axis, start, pairs.shape[reference_axis] - shift
            )
            for start in (shift, 0)
        )
        for start, source in ((0, late), (shift, early)):
            target = total.narrow(axis, start, pairs.shape[axis] - shift)
            target.narrow(reference_axis, start, pairs.shape[reference_axis] - shift).add_(source)
    return total


def _box_sum(maps: Tensor) -> Tensor:
    """Sum over the window around each pixel of `[K, h, w]`, 0 outside."""
    mean = functional.avg_pool2d(maps[None], WINDOW, stride=1, padding=_RADIUS)[0]
    return mean * WINDOW**2


def _inverse_norm(features: Tensor) -> Tensor:
    """Of every patch, `[h w]`."""
    norm = _box_sum(features.square().sum(dim=0, keepdim=True)).sqrt()
    return 1 / norm.clamp_min(_MIN_NORM).flatten()


def _preparation(
    attend: Callable[[Tensor, Tensor, Tensor], tuple[Tensor, ...]],
) -> Callable[[Arrays, int], Run]:
    def prepare(arrays: Arrays, threads: int) -> Run:
        torch.set_num_threads(threads)
        tensors = [torch.from_numpy(a) for a in (arrays.query, arrays.features, arrays.values)]
        size = arrays.query.shape[1:]

        @torch.inference_mode()
        def run() -> Result:
            index, weight, values = attend(*tensors)
            return Result(index.view(size).numpy(), weight.view(size).numpy(), values.numpy())

        return run

    return prepare


def _reference_patches(arrays: Arrays) -> Callable[[], object]:
    features, values = torch.from_numpy(arrays.features), torch.from_numpy(arrays.values)
    return torch.inference_mode()(lambda: (unit_patches(features), unfold(values)))


def _unfolded_mb(case: Case) -> float:
    # Patches before and after they are normalised; cosines, scaled, softmax.
    patches = 2 * case.patch_size * (case.num_queries + case.num_references)
    return 4e-6 * max(patches, 3 * case.pairs)


UNFOLDED = Form(
    "torch",
    _preparation(attend_unfolded),
    _unfolded_mb,
    reference_work=_reference_patches,
)
DIAGONAL = Form("torch_diagonal", _preparation(_attend_diagonal), lambda case: 12e-6 * case.pairs)
