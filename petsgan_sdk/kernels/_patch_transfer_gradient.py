"""The gradient of patch transfer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from petsgan_sdk.errors import InputError, ShapeError
from petsgan_sdk.kernels import _backend, _patch_transfer_gradient_numpy
from petsgan_sdk.kernels._checks import CpuArray, check_array, check_finite
from petsgan_sdk.kernels._patch_reference import PatchReference, check_options, check_query

__all__ = ["PatchTransferGradient", "patch_transfer_gradient"]

_OP = "patch_transfer_gradient"


@dataclass(frozen=True, slots=True)
class PatchTransferGradient:
    """What `patch_transfer_gradient` returns."""

    query: NDArray[np.float32]
    """Gradient of the query features, `[N, C, h, w]` float32."""
    values: NDArray[np.float32]
    """Gradient of the reference's values, of their shape, float32; summed over the batch."""


def patch_transfer_gradient(
    query: CpuArray,
    reference: PatchReference,
    index: CpuArray,
    weight: CpuArray,
    *,
    grad_values: CpuArray,
    grad_weight: CpuArray,
    temperature: float,
    normalize: bool = True,
    threads: int = 1,
    backend: _backend.Backend = "auto",
) -> PatchTransferGradient:
    """Carry gradients of what `patch_transfer` returned back to what it was given.

    1. Which match is best is held constant, so the result is differentiable wherever no two
       cosines tie for the best; at a tie this is the gradient of the match that was taken.
    2. Through the overlap average: to the values that were brought, and to each patch's weight.
       Both the weighted sum and, with `normalize`, its divisor move with a weight.
    3. Through the softmax: with p the softmax of a query patch's cosines and w its largest entry,
       d w / d cosine_k = w (delta_k - p_k) / temperature, where delta is 1 for the best match.
    4. Through the cosine of two patches, to the query's features. The norm is part of it, so the
       gradient is orthogonal to a patch. A query patch of zeros (norm at most 1e-12) has cosine 0
       by definition and passes no gradient.

    The features of the reference get no gradient: they are the target that queries are matched to.

    Bounded: |d w / d patch|_2 <= 2 w (1 - w) / (temperature x norm of the query patch), so at most
    1 / (2 temperature x norm). Nothing but a temperature or a norm near 0 makes it large.

    Args:
        query: As given to `patch_transfer`.
        reference: As given to `patch_transfer`.
        index: `[N, h, w]` int32, as returned.
        weight: `[N, h, w]` float32, as returned.
        grad_values: Gradient of the returned values, `[N, V, h, w]` float32.
        grad_weight: Gradient of the returned weights, `[N, h, w]` float32. What is
            not finite in these two spreads, as in any chain of gradients.
        temperature: As given. With 0 every weight is the constant 1: `query` gets zeros.
        normalize: As given.
        threads: Most threads to use; the result is bit-identical for any number.
        backend: Implementation; `"auto"` prefers cpu over numpy.

    Returns:
        Gradients of `query` and of the reference's values.

    Raises:
        ShapeError: A rank or size is wrong, or they do not fit together.
        DTypeError: An array is not C-contiguous, or of another dtype.
        ConfigError: `temperature` or `threads` is out of range.
        InputError: A feature is NaN or infinite, an index is not one of the reference, or a weight
            is not in (0, 1].
        BackendUnavailableError: The named backend is not built.

    Note:
        Deterministic for a fixed backend. The similarities are computed again, never stored; each
        thread holds about one sum of the size of one image's query features.
    """
    found, _ = check_query(query, reference, op=_OP)
    options = check_options(temperature, normalize, threads, op=_OP)
    batch, _, *size = found.shape
    pixels = reference.features.size // reference.channels
    matches = _check_index(index, pixels, shape=(batch, *size))
    weights = _check_weight(weight, shape=(batch, *size))
    to_values = _check("grad_values", grad_values, (batch, reference.values.shape[-3], *size))
    to_weight = _check("grad_weight", grad_weight, (batch, *size))
    check_finite(found, name=f"{_OP}: query")
    features, values = (
        array.reshape(-1, *array.shape[-3:]) for array in (reference.features, reference.values)
    )
    if _backend.resolve(backend) == "numpy":
        of_query, of_values = _patch_transfer_gradient_numpy.patch_transfer_gradient(
            found,
            features,
            values,
            matches,
            weights,
            to_values,
            to_weight,
            window=reference.window,
            temperature=options.temperature,
            normalize=options.normalize,
        )
    else:
        of_query, of_values = reference._packed.gradient(
            found,
            features,
            matches,
            weights,
            to_values,
            to_weight,
            temperature=options.temperature,
            normalize=options.normalize,
            threads=options.threads,
        )
    return PatchTransferGradient(of_query, of_values.reshape(reference.values.shape))


def _check_index(index: object, pixels: int, *, shape: tuple[int, ...]) -> NDArray[np.int32]:
    found: NDArray[np.int32] = _check("index", index, shape, dtype=np.int32)
    _refuse("index", found, (found < 0) | (found >= pixels), f"in [0, {pixels})")
    return found


def _check_weight(weight: object, *, shape: tuple[int, ...]) -> NDArray[np.float32]:
    found = _check("weight", weight, shape)
    _refuse("weight", found, ~((found > 0) & (found <= 1)), "in (0, 1]")
    return found


def _check(
    name: str, array: object, shape: tuple[int, ...], *, dtype: type[Any] = np.float32
) -> NDArray[Any]:
    axes = "N, V, h, w" if len(shape) == 4 else "N, h, w"
    found = check_array(array, name=f"{_OP}: {name}", axes=axes, dtype=dtype)
    if found.shape != shape:
        message = f"{_OP}: {name} must have shape {shape}, got {found.shape}"
        raise ShapeError(message)
    return found


def _refuse(name: str, array: NDArray[np.generic], bad: NDArray[np.bool_], expected: str) -> None:
    if bad.any():
        first = [int(i) for i in np.argwhere(bad)[0]]
        message = f"{_OP}: {name} must be {expected}, got {array[tuple(first)]} at index {first}"
        raise InputError(message)
