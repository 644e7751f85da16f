"""Noise and position as pure functions of pixel coordinates; numpy only.

The same seed gives the same values for any batch, tile, thread count and language: this module,
csrc/common/{philox,box_muller}.h and csrc/cpu/noise_row/vectors.h compute the same IEEE-754
operations in the same order, so their float32 results are equal bit by bit. Change one only
together with all.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from petsgan_sdk.errors import ConfigError, ShapeError

__all__ = [
    "check_noise_block",
    "encode_positions",
    "grid_coordinates",
    "normal_noise",
    "philox4x32",
    "positional_encoding",
]

_LOW_32 = np.uint64(0xFFFFFFFF)
_MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_WEYL = (0x9E3779B9, 0xBB67AE85)
_MAX_STAGE = 1 << 16
_MAX_CHANNELS = 1 << 18
_MAX_NUMBERS = 1 << 44


def philox4x32(counter: NDArray[np.uint32], key: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Philox 4x32-10 of Salmon et al. (SC 2011), as in Random123.

    Args:
        counter: `[..., 4]` uint32.
        key: `[2]` uint32.

    Returns:
        `[..., 4]` uint32, four random words per counter.
    """
    c0, c1, c2, c3 = (counter[..., i].astype(np.uint64) for i in range(4))
    key0, key1 = int(key[0]), int(key[1])
    for _ in range(10):
        product0, product1 = _MULTIPLIERS[0] * c0, _MULTIPLIERS[1] * c2
        c0, c1, c2, c3 = (
            (product1 >> np.uint64(32)) ^ c1 ^ np.uint64(key0),
            product1 & _LOW_32,
            (product0 >> np.uint64(32)) ^ c3 ^ np.uint64(key1),
            product0 & _LOW_32,
        )
        key0, key1 = (key0 + _WEYL[0]) & 0xFFFFFFFF, (key1 + _WEYL[1]) & 0xFFFFFFFF
    return np.stack([c0, c1, c2, c3], axis=-1).astype(np.uint32)


def _natural_log(x: NDArray[np.float64]) -> NDArray[np.float64]:
    # x = m 2^e with sqrt(1/2) <= m < sqrt(2), ln m = 2 atanh((m - 1) / (m + 1)).
    mantissa, exponent = np.frexp(x)
    small = mantissa < 0.70710678118654752
    mantissa = np.where(small, mantissa * 2.0, mantissa)
    exponent = exponent - small
    f = (mantissa - 1.0) / (mantissa + 1.0)
    s = f * f
    series = np.full_like(x, 1.0 / 23.0)
    for odd in range(21, 0, -2):
        series = series * s + 1.0 / odd
    return exponent.astype(np.float64) * 0.69314718055994531 + 2.0 * f * series


def _cos_sin_turns(u: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    # cos and sin of 2 pi u: the nearest quarter turn, then Taylor on [-pi/4, pi/4].
    quarter = np.floor(u * 4.0 + 0.5)
    x = (u - quarter * 0.25) * 6.2831853071795865
    s = x * x
    cos_x, sin_x = np.ones_like(x), np.ones_like(x)
    for k in range(9, 0, -1):
        cos_x = 1.0 - cos_x * s / float((2 * k - 1) * (2 * k))
        sin_x = 1.0 - sin_x * s / float((2 * k) * (2 * k + 1))
    sin_x = sin_x * x
    turn = quarter.astype(np.int64) & 3
    cosine = np.choose(turn, [cos_x, -sin_x, -cos_x, sin_x])
    sine = np.choose(turn, [sin_x, cos_x, -sin_x, -cos_x])
    return cosine, sine


def _box_muller(words: NDArray[np.uint32]) -> NDArray[np.float32]:
    u = (words.astype(np.float64) + 0.5) * 2.0**-32
    radius = np.sqrt(-2.0 * _natural_log(u[..., 0::2]))
    cosine, sine = _cos_sin_turns(u[..., 1::2])
    pairs = np.stack([radius * cosine, radius * sine], axis=-1)
    return pairs.reshape(words.shape).astype(np.float32)


def check_noise_block(
    shape: Sequence[int],
    *,
    seed: int,
    stage: int = 0,
    first_image: int = 0,
    top: int = 0,
    left: int = 0,
) -> tuple[int, int, int, int]:
    """Refuse arguments that `normal_noise` has no meaning for.

    Returns:
        The shape as a tuple of four.

    Raises:
        ShapeError: `shape` is not four sizes of at least 0, or has too many channels.
        ConfigError: Another argument is out of range.
    """
    sizes = _checked_sizes(shape)
    limits = {
        "seed": (seed, 0, 1 << 64),
        "stage": (stage, 0, _MAX_STAGE),
        "first_image": (first_image, 0, (1 << 32) - sizes[0] + 1),
        "top": (top, -(1 << 31), (1 << 31) - sizes[2] + 1),
        "left": (left, -(1 << 31), (1 << 31) - sizes[3] + 1),
    }
    for name, (value, low, high) in limits.items():
        if not isinstance(value, (int, np.integer)) or not low <= value < high:
            message = f"normal_noise: {name} must be an integer in [{low}, {high}), got {value!r}"
            raise ConfigError(message)
    return sizes


def _checked_sizes(shape: Sequence[int]) -> tuple[int, int, int, int]:
    try:
        sizes = tuple(operator.index(size) for size in shape)
    except TypeError:  # no integers
        sizes = ()
    is_shape = len(sizes) == 4 and min(sizes) >= 0 and sizes[1] <= _MAX_CHANNELS
    # Sizes beside a 0 count too, as they do for numpy.
    if not is_shape or math.prod(max(1, size) for size in sizes) > _MAX_NUMBERS:
        message = (
            f"normal_noise: shape must be (N, C <= {_MAX_CHANNELS}, H, W) of at most "
            f"{_MAX_NUMBERS} numbers, got {shape!r}"
        )
        raise ShapeError(message)
    return sizes[0], sizes[1], sizes[2], sizes[3]


def normal_noise(
    shape: Sequence[int],
    *,
    seed: int,
    stage: int = 0,
    first_image: int = 0,
    top: int = 0,
    left: int = 0,
) -> NDArray[np.float32]:
    """Standard normal noise, a pure function of (seed, stage, image, channel, row, column).

    Args:
        shape: `(N, C, H, W)`.
        seed: 0 <= seed < 2^64.
        stage: Number of the network input that the noise feeds, 0 <= stage < 2^16.
        first_image: Number of the first image in the seed's stream.
        top: Row of the block's first pixel; may be negative.
        left: Column of the block's first pixel; may be negative.

    Returns:
        `[N, C, H, W]` float32.

    Raises:
        ShapeError: `shape` is not four sizes of at least 0.
        ConfigError: Another argument is out of range.
    """
    batch, channels, height, width = check_noise_block(
        shape, seed=seed, stage=stage, first_image=first_image, top=top, left=left
    )
    if 0 in (batch, channels, height, width):  # the other sizes may be too large for a counter
        return np.zeros((batch, channels, height, width), dtype=np.float32)
    # Integers of numpy would overflow where Python's do not.
    seed, stage, first_image, top, left = map(int, (seed, stage, first_image, top, left))
    groups = -(-channels // 4)
    counter = np.empty((batch, groups, height, width, 4), dtype=np.uint32)
    # Negative coordinates count modulo 2^32, as two's complement does.
    counter[..., 0] = (np.arange(left, left + width) & 0xFFFFFFFF)[None, None, None, :]
    counter[..., 1] = (np.arange(top, top + height) & 0xFFFFFFFF)[None, None, :, None]
    counter[..., 2] = np.arange(first_image, first_image + batch)[:, None, None, None]
    counter[..., 3] = ((stage << 16) | np.arange(groups))[None, :, None, None]
    key = np.array([seed & 0xFFFFFFFF, seed >> 32], dtype=np.uint32)
    normals = _box_muller(philox4x32(counter, key))
    planes = np.moveaxis(normals, -1, 2).reshape(batch, 4 * groups, height, width)
    return np.ascontiguousarray(planes[:, :channels])


def positional_encoding(
    height: int,
    width: int,
    *,
    frequencies: Sequence[float],
    extent: tuple[int, int] | None = None,
    margin: int = 0,
) -> NDArray[np.float32]:
    """Sines and cosines of the pixel coordinates.

    Args:
        height: Rows of the canvas.
        width: Columns of the canvas.
        frequencies: Radians per pixel.
        extent: `(rows, columns)` that the canvas is stretched over, so that a canvas of any size
            spans the coordinates seen in training; None leaves coordinates as they are.
        margin: Pixels to add on every side; coordinates run on from -margin.

    Returns:
        `[1, 4 * len(frequencies), height + 2 margin, width + 2 margin]` float32 in [-1, 1].
        Channels: sin(f x), cos(f x) for every f, then sin(f y), cos(f y) for every f.

    Raises:
        ShapeError: A size is below 1, or `margin` below 0.
        ConfigError: `frequencies` is empty.
    """
    if min(height, width) < 1 or margin < 0 or (extent is not None and min(extent) < 1):
        message = (
            "positional_encoding: height, width and extent must be at least 1, margin at least 0, "
            f"got {height}x{width}, extent {extent!r}, margin {margin}"
        )
        raise ShapeError(message)
    if not frequencies:
        message = "positional_encoding: frequencies must name at least one, got none"
        raise ConfigError(message)
    x = grid_coordinates(-margin, width + margin, width, extent=extent and extent[1])
    y = grid_coordinates(-margin, height + margin, height, extent=extent and extent[0])
    return encode_positions(y, x, frequencies)


def grid_coordinates(
    start: int, stop: int, size: int, *, extent: int | None = None, mirrored: bool = False
) -> NDArray[np.float64]:
    """Coordinates of the pixels `start..stop` along one axis of a canvas.

    Args:
        start: First pixel; may lie before the canvas.
        stop: One past the last; may lie behind the canvas.
        size: Pixels of the canvas.
        extent: Pixels that the canvas is stretched over; None leaves coordinates as they are.
        mirrored: Go to the end of the extent in the first half of the canvas and come back in the
            second, so that the coordinates are periodic and never jump.

    Returns:
        `[stop - start]` float64.
    """
    at = np.arange(start, stop, dtype=np.float64)
    if mirrored:
        at = np.mod(at, size)
        at = np.minimum(at, size - 1 - at)
        return at if extent is None else (2 * at + 1) * extent / size - 0.5
    return at if extent is None else (at + 0.5) * extent / size - 0.5


def encode_positions(
    y: NDArray[np.float64], x: NDArray[np.float64], frequencies: Sequence[float]
) -> NDArray[np.float32]:
    """Sines and cosines of the coordinates of rows and columns, see `positional_encoding`."""
    out = np.empty((2, len(frequencies), 2, y.size, x.size), dtype=np.float32)
    for k, frequency in enumerate(frequencies):
        out[0, k, 0], out[0, k, 1] = np.sin(frequency * x), np.cos(frequency * x)
        out[1, k, 0] = np.sin(frequency * y)[:, None]
        out[1, k, 1] = np.cos(frequency * y)[:, None]
    return out.reshape(1, 4 * len(frequencies), y.size, x.size)
