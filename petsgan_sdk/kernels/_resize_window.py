"""Bilinear resize of any window of a map, with the bits that the whole map would have there."""

from __future__ import annotations

from typing import cast

import numpy as np
from numpy.typing import NDArray

from petsgan_sdk.errors import ConfigError
from petsgan_sdk.kernels import _backend, _resize_window_numpy
from petsgan_sdk.kernels._checks import CpuArray, check_array, check_result_size, check_threads
from petsgan_sdk.kernels._resize_axis import ResizeAxis, checked_integer

__all__ = ["resize_window"]

_OP = "resize_window"


def resize_window(
    source: CpuArray,
    *,
    source_size: tuple[int, int],
    target_size: tuple[int, int],
    source_origin: tuple[int, int] = (0, 0),
    window: tuple[int, int, int, int] | None = None,
    wrap: bool = False,
    threads: int = 1,
    backend: _backend.Backend = "auto",
) -> NDArray[np.float32]:
    """Resize a map, or make one window of the resized map from one window of its source.

    Bilinear with half-pixel centres and without antialiasing, as torch's `interpolate` with
    `mode="bilinear", align_corners=False`: target pixel t lies at source coordinate
    (t + 0.5) * source / target - 0.5 and is a + w (b - a) of the pixels a and b around it, first
    along rows, then along columns. Coordinates are whole-map integers and w is their exact
    remainder, rounded once, so a window has the bits that the whole result has there.

    Args:
        source: `[N, C, h, w]` float32, a window of the source map; N and C may be 0. A value that
            is not finite spreads to the pixels that read it.
        source_size: (height, width) of the whole source map, each 1 to 2^30.
        target_size: (height, width) of the whole target map, each 1 to 2^30.
        source_origin: (top, left) of `source` in its map.
        window: (top, left, height, width) of the target map to make; None for all of it.
        wrap: Both maps are tori: `window` and `source_origin` may lie anywhere, also below 0 and
            beyond the size, and are counted modulo it. Without it borders are clamped.
        threads: Most threads to use; the result is bit-identical for any number.
        backend: Implementation; all give the same bits.

    Returns:
        `[N, C, height, width]` float32; along an axis of equal sizes an exact copy.

    Raises:
        ShapeError: `source` has another rank, lacks pixels that `window` needs (the message names
            them), or a window is not within its map.
        DTypeError: `source` is not C-contiguous float32.
        ConfigError: A size, position or `threads` is no integer or out of range.
        BackendUnavailableError: The named backend is not built.
    """
    threads = check_threads(threads, op=_OP)
    pixels = check_array(source, name=f"{_OP}: source", axes="N, C, h, w")
    rows, columns, origin = check_resize(
        pixels.shape, source_size, target_size, source_origin, window, wrap=wrap
    )
    shape = (*pixels.shape[:2], rows.length, columns.length)
    check_result_size(shape, op=_OP)
    use_numpy = _backend.resolve(backend) == "numpy"
    if 0 in shape:  # the other sizes may be too large for the tables of a call
        return np.zeros(shape, np.float32)
    if use_numpy:
        return _resize_window_numpy.resize_window(pixels, rows, columns, origin)
    result = _backend.core().resize_window(
        pixels,
        source_size=(rows.source, columns.source),
        target_size=(rows.target, columns.target),
        source_origin=origin,
        window=(rows.start, columns.start, rows.length, columns.length),
        wrap=rows.wrap,
        threads=threads,
    )
    return cast("NDArray[np.float32]", result)


def check_resize(
    shape: tuple[int, ...],
    source_size: object,
    target_size: object,
    source_origin: object,
    window: object,
    *,
    wrap: object,
) -> tuple[ResizeAxis, ResizeAxis, tuple[int, int]]:
    """Refuse what no backend can do.

    Args:
        shape: `(N, C, h, w)` of the window of the source.
        source_size: As in `resize_window`, like the others.
        target_size: See there.
        source_origin: See there.
        window: See there.
        wrap: See there.

    Returns:
        Rows, columns, and the origin. With `wrap` positions are reduced to 0 <= position < size.

    Raises:
        ShapeError: A window is not within its map, or lacks pixels.
        ConfigError: An argument is of another type or out of range.
    """
    if not isinstance(wrap, (bool, np.bool_)):
        message = f"{_OP}: wrap must be True or False, got {wrap!r}"
        raise ConfigError(message)
    sources = _integers(source_size, ("height", "width"), name="source_size")
    targets = _integers(target_size, ("height", "width"), name="target_size")
    origin = _integers(source_origin, ("top", "left"), name="source_origin")
    part = (0, 0, *targets) if window is None else window
    top, left, height, width = _integers(part, ("top", "left", "height", "width"), name="window")
    rows = ResizeAxis(sources[0], targets[0], top, height, bool(wrap))
    columns = ResizeAxis(sources[1], targets[1], left, width, bool(wrap))
    for name, axis in (("rows", rows), ("columns", columns)):
        axis.check(name=f"{_OP}: {name}")
    rows.check_window(origin[0], shape[2], name=f"{_OP}: rows")
    columns.check_window(origin[1], shape[3], name=f"{_OP}: columns")
    if wrap:
        origin = [place % size for place, size in zip(origin, sources, strict=True)]
    return rows.reduced(), columns.reduced(), (origin[0], origin[1])


def _integers(values: object, names: tuple[str, ...], *, name: str) -> list[int]:
    if not isinstance(values, (tuple, list)) or len(values) != len(names):
        message = f"{_OP}: {name} must be ({', '.join(names)}), got {values!r}"
        raise ConfigError(message)
    return [
        checked_integer(value, name=f"{_OP}: {name} {part}")
        for part, value in zip(names, values, strict=True)
    ]
