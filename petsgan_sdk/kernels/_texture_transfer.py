"""Texture transfer: full-resolution pixels carried along low-resolution correspondences."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from petsgan_sdk.errors import ConfigError, ShapeError
from petsgan_sdk.kernels import _backend, _texture_transfer_numpy
from petsgan_sdk.kernels._checks import (
    CpuArray,
    check_array,
    check_result_size,
    check_threads,
)

__all__ = ["texture_transfer"]

_OP = "texture_transfer"


def texture_transfer(
    index: CpuArray,
    texture: CpuArray,
    *,
    factor: int,
    threads: int = 1,
    backend: _backend.Backend = "auto",
) -> NDArray[np.float32]:
    """Lay blocks of a texture where an index map says, and blend them where they overlap.

    Overlapped block motion compensation:

    1. Pixel (by, bx) of `index` stands for a block of factor x factor pixels of the result, and
       shows block (sy, sx) of the texture, `index = sy * w0 + sx`.
    2. Each block reaches factor / 2 pixels beyond its own on every side, with the weight
       win(ty) * win(tx), win(t) = 0.5 - 0.5 cos(2 pi (t + 0.5) / (2 factor)).
    3. A pixel is the weighted mean of the (at most four) blocks that cover it. A vote that falls
       outside the texture is dropped, and so the weights are divided by the sum of those left.

    Args:
        index: `[N, h, w]` int32, each in [0, h0 * w0); N may be 0.
        texture: `[3, h0 * factor, w0 * factor]` float32, any range. A NaN spreads to those pixels
            that show it, and no further.
        factor: Full-resolution pixels for one low-resolution pixel, per axis; even, >= 2.
        threads: Most threads to use; the result is bit-identical for any number.
        backend: Implementation; `"auto"` prefers cpu over numpy.

    Returns:
        `[N, 3, h * factor, w * factor]` float32, within the range of `texture`.

    Raises:
        ShapeError: A rank or size is wrong, or an index is out of range; names the first one.
        DTypeError: An array is not C-contiguous, or of another dtype.
        ConfigError: `factor` or `threads` is out of range.
        BackendUnavailableError: The named backend is not built.

    Note:
        Deterministic. Backends agree within 1e-6 for a texture in [-1, 1].
    """
    factor = _checked_factor(factor)
    threads = check_threads(threads, op=_OP)
    blocks = check_array(index, name=f"{_OP}: index", axes="N, h, w", dtype=np.int32)
    pixels = check_array(texture, name=f"{_OP}: texture", axes="3, h0 * factor, w0 * factor")
    _check_sizes(blocks, pixels, factor)
    check_result_size((*blocks.shape, 3, factor, factor), op=_OP)
    use_numpy = _backend.resolve(backend) == "numpy"
    if len(blocks) == 0:  # the other sizes may be too large for the tables of a call
        return np.zeros((0, 3, blocks.shape[1] * factor, blocks.shape[2] * factor), np.float32)
    if use_numpy:
        _check_index(blocks, pixels, factor)  # C++ does so itself
        return _texture_transfer_numpy.texture_transfer(blocks, pixels, factor=factor)
    result = _backend.core().texture_transfer(blocks, pixels, factor=factor, threads=threads)
    return cast("NDArray[np.float32]", result)


def _checked_factor(factor: object) -> int:
    if not isinstance(factor, (int, np.integer)) or factor < 2 or factor % 2 != 0:
        message = f"{_OP}: factor must be an even integer of at least 2, got {factor!r}"
        raise ConfigError(message)
    return int(factor)


def _check_sizes(index: NDArray[Any], texture: NDArray[Any], factor: int) -> None:
    if 0 in index.shape[1:]:
        message = f"{_OP}: index must have shape [N, h >= 1, w >= 1], got {index.shape}"
        raise ShapeError(message)
    channels, height, width = texture.shape
    if channels != 3 or 0 in (height, width) or height % factor or width % factor:
        message = (
            f"{_OP}: texture must have shape [3, h0 * {factor}, w0 * {factor}] "
            f"with h0 and w0 of at least 1, got {texture.shape}"
        )
        raise ShapeError(message)


def _check_index(index: NDArray[Any], texture: NDArray[Any], factor: int) -> None:
    limit = (texture.shape[1] // factor) * (texture.shape[2] // factor)
    bad = (index < 0) | (index >= limit)
    if bad.any():
        first = [int(i) for i in np.argwhere(bad)[0]]
        message = f"{_OP}: index must be in [0, {limit}), got {index[tuple(first)]} at {first}"
        raise ShapeError(message)
