"""What a caller may ask of a sampler: sizes, regions, counts, strengths, seeds, threads.

Imports the standard library only.
"""

from __future__ import annotations

import numbers
import operator
import os

from petsgan_sdk._quota import usable_cores
from petsgan_sdk.errors import ConfigError

__all__ = [
    "MAX_CANVAS_PIXELS",
    "MAX_CANVAS_SIDE_PX",
    "MAX_PIXELS",
    "MAX_SIDE_PX",
    "MIN_SIDE_PX",
    "check_canvas",
    "check_int",
    "check_number",
    "check_range",
    "check_region",
    "check_seamless",
    "check_seed",
    "check_size",
    "default_threads",
]

MIN_SIDE_PX = 16
"""Smallest side of an image."""

MAX_SIDE_PX = 16_000
"""Largest side of an image: below the limit of WebP (16383) and of JPEG (65500)."""

MAX_PIXELS = 16_777_216
"""Largest image that is returned in one piece, 4096 x 4096."""

MAX_CANVAS_SIDE_PX = 1 << 24
"""Largest side of a canvas that is made in tiles."""

MAX_CANVAS_PIXELS = 1 << 40
"""Largest canvas that is made in tiles: a terapixel."""

MAX_RESULT_BYTES = 4 << 30
"""Largest array that one call returns."""

_MAX_THREADS = 256
_MAX_IMAGE_INDEX = 2**32
_DEFAULT_MAX_THREADS = 4


def check_int(value: object, name: str, *, low: int, high: int) -> int:
    """Return `value` as an int within `low..high`; numpy integers are welcome, bools are not.

    Raises:
        ConfigError: It is no integer or out of range; the message says which.
    """
    try:
        number = None if isinstance(value, bool) else operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        number = None
    if number is None or not low <= number <= high:
        msg = f"{name} must be an integer from {low} to {high}, got {value!r}"
        raise ConfigError(msg)
    return number


def check_number(value: object, name: str, *, low: float, high: float) -> float:
    """Return `value` as a float within `low..high`; numpy numbers are welcome, bools are not.

    Raises:
        ConfigError: It is no number or out of range; the message says which.
    """
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not is_number or not low <= float(value) <= high:  # type: ignore[arg-type]
        msg = f"{name} must be a number from {low:g} to {high:g}, got {value!r}"
        raise ConfigError(msg)
    return float(value)  # type: ignore[arg-type]


def check_size(height: object, width: object) -> tuple[int, int]:
    """Check the size of an image.

    Args:
        height: In pixels.
        width: In pixels.

    Returns:
        `(height, width)` as ints.

    Raises:
        ConfigError: A side is below 16 px or above 16000 px, or the image has too many pixels.
    """
    high = check_int(height, "height", low=MIN_SIDE_PX, high=MAX_SIDE_PX)
    wide = check_int(width, "width", low=MIN_SIDE_PX, high=MAX_SIDE_PX)
    if high * wide > MAX_PIXELS:
        msg = (
            f"size must be at most {MAX_PIXELS} pixels (4096x4096), "
            f"got {wide}x{high} = {high * wide}; make it in bands: Sampler.stream, or generate "
            "with -o FILE.png or FILE.tif"
        )
        raise ConfigError(msg)
    return high, wide


def check_canvas(height: object, width: object) -> tuple[int, int]:
    """Check the size of a canvas that is made in tiles.

    Returns:
        `(height, width)` as ints.

    Raises:
        ConfigError: A side is below 16 px or absurd, or there are too many pixels to number.
    """
    high = check_int(height, "height", low=MIN_SIDE_PX, high=MAX_CANVAS_SIDE_PX)
    wide = check_int(width, "width", low=MIN_SIDE_PX, high=MAX_CANVAS_SIDE_PX)
    if high * wide > MAX_CANVAS_PIXELS:
        msg = (
            f"canvas must have at most {MAX_CANVAS_PIXELS} pixels, "
            f"got {wide}x{high} = {high * wide}; ask for a smaller size"
        )
        raise ConfigError(msg)
    return high, wide


def check_seamless(height: int, width: int, *, factor: int, least: int) -> None:
    """Check that copies of an image of this size can be laid edge to edge.

    Raises:
        ConfigError: A side is no multiple of `factor`, or below `least`; names the nearest size.
    """
    if not (height % factor or width % factor) and min(height, width) >= least:
        return
    down, across = (
        max(-(-least // factor), (side + factor // 2) // factor) * factor
        for side in (height, width)
    )
    msg = (
        f"a seamless size must have sides that are multiples of {factor} from {least} px on, "
        f"got {width}x{height}; the nearest is {across}x{down}"
    )
    raise ConfigError(msg)


def check_region(
    region: tuple[object, object, object, object], canvas: tuple[int, int], *, seamless: bool
) -> tuple[int, int, int, int]:
    """Check a window of a canvas.

    Args:
        region: `(top, left, h, w)` in pixels.
        canvas: `(height, width)`.
        seamless: Whether the canvas goes on beyond its border.

    Returns:
        `(top, left, h, w)` as ints.

    Raises:
        ConfigError: The region is empty, reaches beyond the canvas, or is too large to return.
    """
    furthest = MAX_CANVAS_SIDE_PX
    top, left = (
        check_int(value, name, low=-furthest, high=furthest)
        for name, value in zip(("top", "left"), region[:2], strict=True)
    )
    high, wide = (
        check_int(value, name, low=1, high=furthest)
        for name, value in zip(("h", "w"), region[2:], strict=True)
    )
    inside = min(top, left) >= 0 and top + high <= canvas[0] and left + wide <= canvas[1]
    if not (inside or seamless):
        msg = (
            f"region must lie within the canvas, rows 0 to {canvas[0]} and columns 0 to "
            f"{canvas[1]}, got rows {top} to {top + high} and columns {left} to {left + wide}"
        )
        raise ConfigError(msg)
    if high * wide * 3 > MAX_RESULT_BYTES:
        msg = f"region must have at most {MAX_RESULT_BYTES} bytes, got {high * wide * 3}; stream it"
        raise ConfigError(msg)
    return top, left, high, wide


def check_seed(seed: object, name: str = "seed") -> int:
    """Return a seed as an int from 0 to 2**64 - 1.

    Raises:
        ConfigError: It is no integer or out of range.
    """
    return check_int(seed, name, low=0, high=2**64 - 1)


def check_range(n: object, start: object, *, image_bytes: int) -> tuple[int, int]:
    """Check how many images are asked for, and from which one on.

    Args:
        n: Number of images, at least 1.
        start: Index of the first image in the seed's stream.
        image_bytes: Size of one image in the result.

    Returns:
        `(n, start)` as ints.

    Raises:
        ConfigError: Out of range, or the result would be too large for one array.
    """
    first = check_int(start, "start", low=0, high=_MAX_IMAGE_INDEX - 1)
    count = check_int(n, "n", low=1, high=_MAX_IMAGE_INDEX - first)
    if count * image_bytes > MAX_RESULT_BYTES:
        msg = (
            f"n must be at most {max(1, MAX_RESULT_BYTES // image_bytes)} images of this size in "
            f"one call, got {count}; ask for fewer at a time, with start="
        )
        raise ConfigError(msg)
    return count, first


def default_threads(threads: int | None = None, *, most: int = _DEFAULT_MAX_THREADS) -> int:
    """How many threads to use: the argument, else `PETSGAN_NUM_THREADS`, else the usable cores.

    Args:
        threads: What the caller says, or None.
        most: Of the usable cores, see `_quota.usable_cores`: a container's quota counts.

    Raises:
        ConfigError: A number that is not from 1 to 256.
    """
    if threads is not None:
        return check_int(threads, "threads", low=1, high=_MAX_THREADS)
    named = os.environ.get("PETSGAN_NUM_THREADS", "").strip()
    if named:
        if not named.isdecimal():
            msg = f"PETSGAN_NUM_THREADS must be an integer from 1 to {_MAX_THREADS}, got {named!r}"
            raise ConfigError(msg)
        return check_int(int(named), "PETSGAN_NUM_THREADS", low=1, high=_MAX_THREADS)
    return min(most, usable_cores())
