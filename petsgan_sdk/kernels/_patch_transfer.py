"""Patch transfer: for every patch of a feature map, the values of the most similar reference patch.

PetsGAN eq. 7, streamed over the diagonals of the similarity tensor and never unfolded.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from petsgan_sdk.errors import ConfigError, DTypeError, ShapeError
from petsgan_sdk.kernels import _backend, _patch_transfer_numpy
from petsgan_sdk.kernels._checks import (
    CpuArray,
    check_array,
    check_finite,
    check_result_size,
    check_threads,
)
from petsgan_sdk.kernels._patch_reference import PatchReference

__all__ = ["PatchTransfer", "patch_transfer"]


@dataclass(frozen=True, slots=True)
class PatchTransfer:
    """What `patch_transfer` returns."""

    values: NDArray[np.float32]
    """`[N, V, h, w]` float32, overlapping reference patches averaged."""
    index: NDArray[np.int32]
    """`[N, h, w]` int32, (image * h_reference + y) * w_reference + x of the best match of each
    patch's centre; the image is 0 where there is only one."""
    weight: NDArray[np.float32]
    """`[N, h, w]` float32 in (0, 1], the softmax of the best match."""


def patch_transfer(
    query: CpuArray,
    reference: PatchReference,
    *,
    temperature: float,
    normalize: bool = True,
    threads: int = 1,
    backend: _backend.Backend = "auto",
) -> PatchTransfer:
    """Rebuild a map from the reference patches that are most similar to its own.

    Around each query pixel lies a patch of window x window features, 0 outside the map. Patches
    are compared by cosine (a patch of zeros has cosine 0 with all). The best reference patch gets
    the weight softmax(cosine / temperature) over all reference patches; then overlapping patches
    are averaged with these weights.

    Args:
        query: `[N, C, h, w]` float32, finite; N may be 0, h and w may differ from the reference's.
            Like every array of these ops a numpy array, or any other in CPU memory that has
            `__dlpack__` or `__array_interface__`; it is not copied.
        reference: What to search.
        temperature: Of the softmax, >= 0; the paper's code uses 0.01. 0 means weight 1.
        normalize: True divides by the sum of the weights that voted for a pixel, and reference
            pixels outside the image do not vote, so that brightness is kept. False is eq. 7 to the
            letter: weighted sum, 0 outside, divided by the number of patches that cover the pixel.
        threads: Most threads to use; the result is bit-identical for any number.
        backend: Implementation; `"auto"` prefers cpu over numpy.

    Returns:
        Values, index and weight.

    Raises:
        ShapeError: `query` has another rank, channel count, or no pixels.
        DTypeError: `query` is not a C-contiguous float32 array in CPU memory.
        ConfigError: `temperature`, `normalize` or `threads` is out of range.
        InputError: A feature is NaN or infinite.
        BackendUnavailableError: The named backend is not built.

    Note:
        Deterministic for a fixed backend. Between equal cosines the numpy twin takes the lowest
        index; the C++ kernel takes the same one on every run.
    """
    op, name = "patch_transfer", "patch_transfer: query"
    _check_reference(reference)
    features = check_array(query, name=name, axes="N, C, h, w")
    channels = reference.channels
    if features.shape[1] != channels or 0 in features.shape[2:]:
        message = f"{name} must have shape [N, {channels}, h >= 1, w >= 1], got {features.shape}"
        raise ShapeError(message)
    check_result_size((*features.shape, reference.values.shape[-3]), op=op)
    _check_parameters(temperature, normalize)
    threads = check_threads(threads, op=op)
    if _backend.resolve(backend) == "numpy":
        check_finite(features, name=name)
        return PatchTransfer(
            *_patch_transfer_numpy.patch_transfer(
                features,
                reference.features,
                reference.values,
                window=reference.window,
                temperature=float(temperature),
                normalize=bool(normalize),
            )
        )
    return PatchTransfer(
        *reference._packed.transfer(
            features, temperature=float(temperature), normalize=bool(normalize), threads=threads
        )
    )


def _check_reference(reference: object) -> None:
    if not isinstance(reference, PatchReference):
        message = f"patch_transfer: reference must be a PatchReference, got {type(reference)!r}"
        raise DTypeError(message)


def _check_parameters(temperature: Any, normalize: object) -> None:
    is_number = isinstance(temperature, (int, float, np.integer, np.floating))
    if not (is_number and 0 <= temperature <= sys.float_info.max):
        message = f"patch_transfer: temperature must be finite and >= 0, got {temperature!r}"
        raise ConfigError(message)
    if not isinstance(normalize, (bool, np.bool_)):
        message = f"patch_transfer: normalize must be True or False, got {normalize!r}"
        raise ConfigError(message)
