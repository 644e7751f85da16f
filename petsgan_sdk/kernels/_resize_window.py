"""Bilinear resize of any window of a map, with the bits that the whole map would have there."""

from __future__ import annotations

from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from petsgan_sdk.kernels import _backend, _resize_window_cuda
from petsgan_sdk.kernels._checks import check_array, check_result_size, check_threads
from petsgan_sdk.kernels._resize_axis import ResizeAxis, check_resize

__all__ = ["resize_window"]

_OP = "resize_window"


def resize_window(
    source: Any,
    *,
    source_size: tuple[int, int],
    target_size: tuple[int, int],
    source_origin: tuple[int, int] = (0, 0),
    window: tuple[int, int, int, int] | None = None,
    wrap: bool = False,
    threads: int = 1,
    backend: _backend.Backend | Literal["cuda"] = "auto",
    stream: int = 0,
    out: Any = None,
) -> NDArray[np.float32]:
    """Resize a map, or make one window of the resized map from one window of its source.

    Bilinear with half-pixel centres and without antialiasing, as torch's `interpolate` with
    `mode="bilinear", align_corners=False`: target pixel t lies at source coordinate
    (t + 0.5) * source / target - 0.5 and is a + w (b - a) of the pixels a and b around it, first
    along rows, then along columns. Coordinates are whole-map integers and w is their exact
    remainder, rounded once, so a window has the bits that the whole result has there.

    Args:
        source: `[N, C, h, w]` float32, a window of the source map; N and C may be 0. A numpy array
            or any other in CPU memory with `__dlpack__` or `__array_interface__`. A value that is
            not finite spreads to the pixels that read it.
        source_size: (height, width) of the whole source map, each 1 to 2^30.
        target_size: (height, width) of the whole target map, each 1 to 2^30.
        source_origin: (top, left) of `source` in its map.
        window: (top, left, height, width) of the target map to make; None for all of it.
        wrap: Both maps are tori: `window` and `source_origin` may lie anywhere, also below 0 and
            beyond the size, and are counted modulo it. Without it borders are clamped.
        threads: Most threads to use; the result is bit-identical for any number.
        backend: Implementation; cpu and numpy give the same bits, and `"auto"` prefers cpu.
            `"cuda"`, which is never chosen unasked, takes a source on a CUDA device: any object
            with `__dlpack__` or `__cuda_array_interface__`, which is read in place and must live
            until `stream` has passed. It is built for the same bits, and has not run on a GPU yet.
        stream: Handle of the CUDA stream to work on; 0 is the default stream. Nothing waits for it.
        out: For `"cuda"`: the array on the device to write to, as a captured graph needs. By
            default a new one, a `DeviceArray`.

    Returns:
        `[N, C, height, width]` float32; along an axis of equal sizes an exact copy. An array on the
        device for `"cuda"`.

    Raises:
        ShapeError: `source` has another rank, lacks pixels that `window` needs (the message names
            them), or a window is not within its map.
        DTypeError: `source` is not C-contiguous float32, or not on the device that was asked for.
        ConfigError: A size, position or `threads` is no integer or out of range.
        BackendUnavailableError: The named backend is not built.
    """
    if backend == "cuda":
        result = _resize_window_cuda.resize_window(
            source,
            source_size=source_size,
            target_size=target_size,
            source_origin=source_origin,
            window=window,
            wrap=wrap,
            stream=stream,
            out=out,
        )
        return cast("NDArray[np.float32]", result)
    _backend.refuse_out(out, op=_OP)
    threads = check_threads(threads, op=_OP)
    pixels = check_array(source, name=f"{_OP}: source", axes="N, C, h, w")
    rows, columns = check_resize(
        pixels.shape, source_size, target_size, source_origin, window, wrap=wrap
    )
    shape = (*pixels.shape[:2], rows.length, columns.length)
    check_result_size(shape, op=_OP)
    use_numpy = _backend.resolve(backend) == "numpy"
    if 0 in shape:  # the other sizes may be too large for the tables of a call
        return np.zeros(shape, np.float32)
    if use_numpy:
        return _in_numpy(pixels, rows, columns)
    result = _backend.core().resize_window(
        pixels,
        source_size=(rows.source, columns.source),
        target_size=(rows.target, columns.target),
        source_origin=(rows.origin, columns.origin),
        window=(rows.start, columns.start, rows.length, columns.length),
        wrap=rows.wrap,
        threads=threads,
    )
    return cast("NDArray[np.float32]", result)


def _in_numpy(
    source: NDArray[np.float32], rows: ResizeAxis, columns: ResizeAxis
) -> NDArray[np.float32]:
    """The numpy twin; every operation on values is float32, as in C++."""
    # Values that are not finite meet, and finite ones of the two signs may overflow.
    with np.errstate(invalid="ignore", over="ignore"):
        along_rows = _interpolate(source, columns, axis=3)
        return np.ascontiguousarray(_interpolate(along_rows, rows, axis=2))


def _interpolate(values: NDArray[np.float32], span: ResizeAxis, *, axis: int) -> NDArray[Any]:
    pixel = span.start + np.arange(span.length, dtype=np.int64)
    if span.source == span.target:
        return values.take(_places(pixel, span), axis)
    twice = 2 * span.target
    left, remainder = np.divmod((2 * pixel + 1) * span.source - span.target, twice)
    weight = (remainder / twice).astype(np.float32)  # by way of float64, as in C++
    first = values.take(_places(left, span), axis)
    second = values.take(_places(left + 1, span), axis)
    second -= first
    second *= np.expand_dims(weight, tuple(range(1, values.ndim - axis)))
    second += first
    return second


def _places(pixel: NDArray[np.int64], span: ResizeAxis) -> NDArray[np.int64]:
    """Where source pixels lie in the given window."""
    if span.wrap:
        return (pixel - span.origin) % span.source
    return pixel.clip(0, span.source - 1) - span.origin
