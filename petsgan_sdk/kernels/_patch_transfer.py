"""Patch transfer: for every patch of a feature map, the values of the most similar reference patch.

PetsGAN eq. 7, streamed over the diagonals of the similarity tensor and never unfolded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from petsgan_sdk.kernels import _backend, _patch_transfer_cuda, _patch_transfer_numpy
from petsgan_sdk.kernels._checks import check_finite
from petsgan_sdk.kernels._patch_reference import PatchReference, check_options, check_query
from petsgan_sdk.kernels._patch_transfer_cuda import CudaPatchReference

__all__ = ["PatchTransfer", "patch_transfer"]

_OP = "patch_transfer"


@dataclass(frozen=True, slots=True)
class PatchTransfer:
    """What `patch_transfer` returns: numpy arrays, or arrays on the device for backend "cuda"."""

    values: NDArray[np.float32]
    """`[N, V, h, w]` float32, overlapping reference patches averaged."""
    index: NDArray[np.int32]
    """`[N, h, w]` int32, (image * h_reference + y) * w_reference + x of the best match of each
    patch's centre; the image is 0 where there is only one."""
    weight: NDArray[np.float32]
    """`[N, h, w]` float32 in (0, 1], the softmax of the best match."""


def patch_transfer(
    query: Any,
    reference: PatchReference | CudaPatchReference,
    *,
    temperature: float,
    normalize: bool = True,
    threads: int = 1,
    backend: _backend.Backend | Literal["cuda"] = "auto",
    stream: int = 0,
    out: Sequence[Any] | None = None,
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
        backend: Implementation; `"auto"` prefers cpu over numpy. `"cuda"`, which is never chosen
            unasked, takes a `CudaPatchReference` and a query of its dtype on its device: any object
            with `__dlpack__` or `__cuda_array_interface__`, which is read in place and must live
            until `stream` has passed.
        stream: Handle of the CUDA stream to work on; 0 is the default stream. Nothing waits for it.
        out: For `"cuda"`: arrays on the device to write values, index and weight to, as a captured
            graph needs. By default new ones, `DeviceArray`.

    Returns:
        Values, index and weight.

    Raises:
        ShapeError: `query` has another rank, channel count, or no pixels.
        DTypeError: `query` is not C-contiguous float32, or not on the device that was asked for.
        ConfigError: `temperature` or `threads` is out of range.
        InputError: A feature is NaN or infinite. With `"cuda"` finding that out would take a wait:
            there all weights of an image with such a feature are NaN instead.
        BackendUnavailableError: The named backend is not built.

    Note:
        Deterministic for a fixed backend. Between equal cosines the numpy twin takes the lowest
        index; the C++ kernel takes the same one on every run.
    """
    if backend == "cuda":
        found = _patch_transfer_cuda.patch_transfer(
            query,
            reference,
            temperature=temperature,
            normalize=normalize,
            stream=stream,
            out=out,
        )
        return PatchTransfer(*found)
    features, searched = check_query(query, reference, op=_OP)
    options = check_options(temperature, normalize, threads, op=_OP)
    if _backend.resolve(backend) == "numpy":
        check_finite(features, name=f"{_OP}: query")
        return PatchTransfer(
            *_patch_transfer_numpy.patch_transfer(
                features,
                searched.features,
                searched.values,
                window=searched.window,
                temperature=options.temperature,
                normalize=options.normalize,
            )
        )
    return PatchTransfer(
        *searched._packed.transfer(
            features,
            temperature=options.temperature,
            normalize=options.normalize,
            threads=options.threads,
        )
    )
