"""The numpy twin of texture transfer, written to be read. Arithmetic is float64.

For every pixel the blocks that may cover it are its own and the eight around it; the window is 0
where one does not. Of the nine at most four have a weight.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["texture_transfer"]


def texture_transfer(
    index: NDArray[np.int32], texture: NDArray[np.float32], *, factor: int
) -> NDArray[np.float32]:
    """See `petsgan_sdk.kernels.texture_transfer`; arguments are checked there.

    Args:
        index: `[N, h, w]` int32.
        texture: `[3, h0 * factor, w0 * factor]` float32.
        factor: Even, at least 2.

    Returns:
        `[N, 3, h * factor, w * factor]` float32.
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
