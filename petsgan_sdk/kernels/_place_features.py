"""Place features: what a pixel of the photo looks like with those around it, in eight bytes."""

from __future__ import annotations

from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from petsgan_sdk.errors import ConfigError, ShapeError
from petsgan_sdk.kernels import _backend, _place_features_cuda
from petsgan_sdk.kernels._checks import CpuArray, check_array, check_threads

__all__ = ["place_features"]

_OP = "place_features"
_WINDOW = 5
_BORDER = 2
_FEATURES = 8


def place_features(
    image: Any,
    basis: CpuArray,
    bias: CpuArray,
    *,
    shift: int,
    threads: int = 1,
    backend: _backend.Backend | Literal["cuda"] = "auto",
    stream: int = 0,
    out: Any = None,
) -> NDArray[np.int8]:
    """Project the 5x5 window around every pixel onto a basis, in whole numbers.

    Feature c of a pixel is `(bias[c] + sum(basis[c] * window)) >> shift`, cut to -127..127. The
    image's border goes on beyond it; so does that of the result, by two pixels on every side, since
    `correct_places` compares windows of features.

    Args:
        image: `[H, W, 3]` uint8.
        basis: `[8, 5, 5, 3]` int16.
        bias: `[8]` int32, at most 2^29 from 0.
        shift: 0 to 24.
        threads: Threads for the rows.
        backend: Implementation: "auto", "cpu" (C++) or "numpy". Both give the same bytes.
            `"cuda"`, which is never chosen unasked, takes the image on a CUDA device, any object
            with `__dlpack__` or `__cuda_array_interface__`, which is read in place and must live
            until `stream` has passed; basis and bias stay in CPU memory. It is built for the same
            bytes, and has not run on a GPU yet.
        stream: For `"cuda"`: handle of the CUDA stream to work on; 0 is the default stream. Nothing
            waits for it.
        out: For `"cuda"`: the array on the device to write to, as a captured graph needs. By
            default a new one, a `DeviceArray`.

    Returns:
        `[H + 4, W + 4, 8]` int8; an array on the device for `"cuda"`.

    Raises:
        ShapeError: An array has another shape.
        DTypeError: An array is not C-contiguous, or of another dtype.
        ConfigError: A number is out of range.
        BackendUnavailableError: The named backend is not built.
    """
    threads = check_threads(threads, op=_OP)
    if not isinstance(shift, (int, np.integer)) or not 0 <= shift <= 24:
        msg = f"{_OP}: shift must be an integer from 0 to 24, got {shift!r}"
        raise ConfigError(msg)
    weights = check_array(basis, name=f"{_OP}: basis", axes="8, 5, 5, 3", dtype=np.int16)
    added = check_array(bias, name=f"{_OP}: bias", axes="8", dtype=np.int32)
    if weights.shape != (_FEATURES, _WINDOW, _WINDOW, 3) or added.shape != (_FEATURES,):
        msg = (
            f"{_OP}: basis must have shape [8, 5, 5, 3] and bias [8], got {weights.shape} and "
            f"{added.shape}"
        )
        raise ShapeError(msg)
    if np.abs(added.astype(np.int64)).max() > 1 << 29:
        msg = f"{_OP}: bias must be at most 2^29 from 0, got {added.tolist()}"
        raise ConfigError(msg)
    if backend == "cuda":
        result = _place_features_cuda.place_features(
            image, weights, added, shift=int(shift), stream=stream, out=out
        )
        return cast("NDArray[np.int8]", result)
    _backend.refuse_out(out, op=_OP)
    pixels = check_array(image, name=f"{_OP}: image", axes="H, W, 3", dtype=np.uint8)
    if 0 in pixels.shape or pixels.shape[2] != 3:
        msg = f"{_OP}: image must have shape [H >= 1, W >= 1, 3], got {pixels.shape}"
        raise ShapeError(msg)
    if _backend.resolve(backend) == "numpy":
        return _in_numpy(pixels, weights, added, int(shift))
    found = _backend.core().place_features(
        pixels, basis=weights, bias=added, shift=int(shift), threads=threads
    )
    return cast("NDArray[np.int8]", found)


def _in_numpy(
    image: NDArray[np.uint8], basis: NDArray[np.int16], bias: NDArray[np.int32], shift: int
) -> NDArray[np.int8]:
    """The numpy twin, written to be read."""
    around = ((_BORDER, _BORDER), (_BORDER, _BORDER), (0, 0))
    padded = np.pad(image.astype(np.int32), around, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (_WINDOW, _WINDOW), axis=(0, 1))
    # [H, W, channel, dy, dx] by [c, dy, dx, channel].
    sums = np.einsum("yxkij,cijk->yxc", windows, basis.astype(np.int32)) + bias
    features = np.clip(sums >> shift, -127, 127).astype(np.int8)
    return np.ascontiguousarray(np.pad(features, around, mode="edge"))
