"""The last step of sampling: a signed planar canvas to an image of bytes, cropped."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from petsgan_sdk.errors import ShapeError
from petsgan_sdk.kernels import _backend
from petsgan_sdk.kernels._checks import CpuArray, check_array, check_finite, check_threads

__all__ = ["signed_to_u8"]

_OP = "signed_to_u8"
_BAND_PX = 64


def signed_to_u8(
    image: CpuArray,
    *,
    height: int,
    width: int,
    threads: int = 1,
    backend: _backend.Backend = "auto",
) -> NDArray[np.uint8]:
    """Crop a canvas, round it to bytes and interleave its channels, in one pass.

    Args:
        image: `[3, H, W]` float32 in [-1, 1]; values beyond are cut.
        height: Rows to keep, from the top; 0 to H.
        width: Columns to keep, from the left; 0 to W.
        threads: Most threads to use; the result is the same for any number.
        backend: Implementation; all give the same bytes.

    Returns:
        `[height, width, 3]` uint8, `floor(127.5 x + 128)` in float32, cut to 0..255: the bytes of
        `imaging.to_u8`.

    Raises:
        ShapeError: `image` is not `[3, H, W]`, or the crop is not within it.
        DTypeError: `image` is not C-contiguous float32.
        InputError: A value within the crop is not finite; names the first one.
        ConfigError: `threads` is out of range.
        BackendUnavailableError: The named backend is not built.
    """
    canvas = check_array(image, name=f"{_OP}: image", axes="3, H, W")
    _check_sizes(canvas, height, width)
    threads = check_threads(threads, op=_OP)
    use_numpy = _backend.resolve(backend) == "numpy"
    if 0 in (height, width):  # the other size may be too large to count through
        return np.zeros((height, width, 3), np.uint8)
    if use_numpy:
        return _in_numpy(canvas[:, :height, :width])
    result = _backend.core().signed_to_u8(canvas, height=height, width=width, threads=threads)
    return cast("NDArray[np.uint8]", result)


def _check_sizes(image: NDArray[Any], height: int, width: int) -> None:
    if image.shape[0] != 3:
        message = f"{_OP}: image must have shape [3, H, W], got {image.shape}"
        raise ShapeError(message)
    for name, value, limit in (
        ("height", height, image.shape[1]),
        ("width", width, image.shape[2]),
    ):
        if not isinstance(value, (int, np.integer)) or not 0 <= value <= limit:
            message = f"{_OP}: {name} must be an integer from 0 to {limit}, got {value!r}"
            raise ShapeError(message)


def _in_numpy(image: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The numpy twin, of a canvas of any strides; every operation is float32, as in C++."""
    check_finite(image, name=f"{_OP}: image")
    _, height, width = image.shape
    out = np.empty((height, width, 3), dtype=np.uint8)
    # In bands that fit the cache, so that a large image needs no second copy in float32.
    for top in range(0, height, _BAND_PX):
        # Cut first, since large finite values would overflow; a level is within [-2, 2] anyway.
        band = np.clip(image[:, top : top + _BAND_PX], -2, 2)
        band *= np.float32(127.5)
        band += np.float32(128)
        np.clip(band, 0, 255, out=band)
        # Values of 0 and above: to truncate is to take the floor.
        out[top : top + _BAND_PX] = band.transpose(1, 2, 0)
    return out
