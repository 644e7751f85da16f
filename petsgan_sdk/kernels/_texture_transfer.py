"""Texture transfer: full-resolution pixels carried along low-resolution correspondences."""

from __future__ import annotations

from itertools import product
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from petsgan_sdk.errors import ConfigError, ShapeError
from petsgan_sdk.kernels import _backend
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
        return _in_numpy(blocks, pixels, factor=factor)
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


def _in_numpy(
    index: NDArray[np.int32], texture: NDArray[np.float32], *, factor: int
) -> NDArray[np.float32]:
    """The numpy twin, written to be read. Arithmetic is float64.

    For every pixel the blocks that may cover it are its own and the eight around it; the window is
    0 where one does not. Of the nine at most four have a weight.
    """
    batch, height, width = index.shape
    channels, texture_height, texture_width = texture.shape
    source_block_y, source_block_x = np.divmod(index, texture_width // factor)
    total = np.zeros((channels, batch, height * factor, width * factor))
    votes = np.zeros((batch, height * factor, width * factor))
    for dy, dx in product((-1, 0, 1), repeat=2):
        block_y, in_block_y, weight_y = _axis(height, dy, factor)
        block_x, in_block_x, weight_x = _axis(width, dx, factor)
        grid = (slice(None), block_y[:, None], block_x[None, :])
        source_y = source_block_y[grid] * factor + in_block_y[:, None]
        source_x = source_block_x[grid] * factor + in_block_x[None, :]
        inside = (source_y >= 0) & (source_y < texture_height)
        inside &= (source_x >= 0) & (source_x < texture_width)
        weight = np.where(inside, weight_y[:, None] * weight_x[None, :], 0.0)
        source_y = source_y.clip(0, texture_height - 1)
        source_x = source_x.clip(0, texture_width - 1)
        # A vote that does not count must not carry a NaN either; infinities may meet and make one.
        with np.errstate(invalid="ignore"):
            total += weight * np.where(weight > 0, texture[:, source_y, source_x], 0.0)
        votes += weight
    # Never near 0. A block votes on its own pixels, since its source lies wholly inside the
    # texture, and there t is in [f/2, 3f/2), where win(t) >= win(f/2) = 0.5 + 0.5 sin(pi / 2f),
    # above 0.5 on each axis; so the sum of votes is above 0.25 and needs no fallback.
    return np.ascontiguousarray((total / votes).swapaxes(0, 1), dtype=np.float32)


def _axis(blocks: int, offset: int, factor: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """What the blocks `offset` away from each pixel's own mean to it, along one axis.

    Returns:
        For each of blocks * factor pixels: the block; the pixel's position relative to that
        block's first pixel; the window's weight, 0 where the block is absent or does not reach.
    """
    pixel = np.arange(blocks * factor)
    block = pixel // factor + offset
    in_block = pixel - block * factor
    t = in_block + factor // 2
    covers = (t >= 0) & (t < 2 * factor) & (block >= 0) & (block < blocks)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * (t + 0.5) / (2 * factor))
    return block.clip(0, blocks - 1), in_block, np.where(covers, window, 0.0)
