"""Composite of places: the image whose steps between neighbours are the photo's own."""

from __future__ import annotations

from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from petsgan_sdk.errors import ConfigError, ShapeError
from petsgan_sdk.kernels import _backend, _composite_places_cuda
from petsgan_sdk.kernels._checks import check_array, check_threads

__all__ = ["composite_places", "composite_relaxation"]

_OP = "composite_places"
_LAPLACIAN = 8.0
"""Largest value of the five-point Laplacian."""
_MOST_SLOWEST = _LAPLACIAN / 2
_LEAST_SOFTNESS = 1e-3
"""Its fourth power is a number still."""

Floats = NDArray[np.float32]


def composite_places(
    places: Any,
    photo: Any,
    *,
    screening: float,
    slowest: float,
    steps: int,
    softness: float = 0.0,
    threads: int = 1,
    backend: _backend.Backend | Literal["cuda"] = "auto",
    stream: int = 0,
    out: Any = None,
) -> NDArray[np.float32]:
    """Make an image of the colours that places have in a photo, without steps at its seams.

    Colours alone would leave a step where two pieces of the photo meet, which a sky shows. Here the
    image's differences between neighbours are what the places themselves have in the photo, while
    its colours stay near theirs: the screened Poisson equation
    `screening * (u - c) - laplacian(u) + divergence(v) = 0`, c the colours and v for two neighbours
    the mean of the step from the first place to the one after it and of that from the one before
    the second. It is relaxed by a fixed number of Chebyshev steps (Golub and Varga, 1961), each of
    which sees one pixel further: a pixel further than that from every seam keeps its colour, to the
    bit, and any window agrees with the whole. Nothing flows over the canvas's border.

    Args:
        places: `[H, W, 2]` int16, (y, x) in the photo.
        photo: `[h, w, 3]` uint8.
        screening: How fast the correction of a seam fades, above 0 to 1: over
            `1 / sqrt(screening)` pixels.
        slowest: What is relaxed least, above 0 to 4: smooth corrections below it are left short.
        steps: Relaxations, 1 to 256.
        softness: Step in levels that is closed by half, since two sides that disagree by much are
            better cut than smeared: a step of t times it is closed to `1 / (1 + t^4)`; from
            0.001, or 0, which closes all.
        threads: Threads, at most one for each channel and for each 32 rows.
        backend: Implementation: "auto", "cpu" (C++) or "numpy". Both give the same bits.
            `"cuda"`, which is never chosen unasked, takes both arrays on one CUDA device: any
            objects with `__dlpack__` or `__cuda_array_interface__`, which are read in place and
            must live until `stream` has passed. A place that is not in the photo is no error
            there, which would need a wait: the whole result is NaN. It is built for the same bits,
            and has not run on a GPU yet.
        stream: For `"cuda"`: handle of the CUDA stream to work on; 0 is the default stream. Nothing
            waits for it.
        out: For `"cuda"`: the array on the device to write to, as a captured graph needs. By
            default a new one, a `DeviceArray`.

    Returns:
        `[3, H, W]` float32 in [-1, 1], but for what overshoots; an array on the device for
        `"cuda"`.

    Raises:
        ShapeError: An array has another shape, or a place is not in the photo.
        DTypeError: An array is not C-contiguous, or of another dtype.
        ConfigError: A number is out of range.
        BackendUnavailableError: The named backend is not built.
    """
    threads = check_threads(threads, op=_OP)
    for name, value, most in (("screening", screening, 1.0), ("slowest", slowest, _MOST_SLOWEST)):
        if not 0 < value <= most:
            msg = f"{_OP}: {name} must be above 0 and up to {most:g}, got {value!r}"
            raise ConfigError(msg)
    if not (softness == 0 or _LEAST_SOFTNESS <= softness <= 1e6):
        msg = f"{_OP}: softness must be 0 or from {_LEAST_SOFTNESS:g} to 1e6, got {softness!r}"
        raise ConfigError(msg)
    if not isinstance(steps, (int, np.integer)) or not 1 <= steps <= 256:
        msg = f"{_OP}: steps must be an integer from 1 to 256, got {steps!r}"
        raise ConfigError(msg)
    relaxation = composite_relaxation(screening=screening, slowest=slowest, steps=int(steps))
    if backend == "cuda":
        result = _composite_places_cuda.composite_places(
            places,
            photo,
            screening=screening,
            softness=softness,
            relaxation=relaxation,
            stream=stream,
            out=out,
        )
        return cast("NDArray[np.float32]", result)
    _backend.refuse_out(out, op=_OP)
    shown = check_array(places, name=f"{_OP}: places", axes="H, W, 2", dtype=np.int16)
    pixels = check_array(photo, name=f"{_OP}: photo", axes="h, w, 3", dtype=np.uint8)
    for name, array, last in (("places", shown, 2), ("photo", pixels, 3)):
        if 0 in array.shape or array.shape[2] != last:
            msg = f"{_OP}: {name} must have shape [H >= 1, W >= 1, {last}], got {array.shape}"
            raise ShapeError(msg)
    if _backend.resolve(backend) == "numpy":
        return _in_numpy(shown, pixels, screening, softness, relaxation)
    image = _backend.core().composite_places(
        shown,
        pixels,
        screening=screening,
        softness=softness,
        steps=relaxation,
        threads=threads,
    )
    return cast("NDArray[np.float32]", image)


def composite_relaxation(*, screening: float, slowest: float, steps: int) -> Floats:
    """The Chebyshev steps of a composite, for who computes it by other means.

    Args:
        screening: As in `composite_places`.
        slowest: As there.
        steps: As there.

    Returns:
        `[steps, 2]` float32: what each direction keeps of the last one, and takes of what is left.
    """
    least, most = slowest, _LAPLACIAN + screening
    middle, half = (most + least) / 2, (most - least) / 2
    ratio = half / middle
    pairs = [(0.0, 1 / middle)]
    for _ in range(1, steps):
        following = 1 / (2 * middle / half - ratio)
        pairs.append((following * ratio, 2 * following / half))
        ratio = following
    return np.array(pairs, dtype=np.float32)


def _in_numpy(
    places: NDArray[np.int16],
    photo: NDArray[np.uint8],
    screening: float,
    softness: float,
    steps: Floats,
) -> Floats:
    """The numpy twin, written to be read: the same float32 operations in the same order."""
    height, width = photo.shape[:2]
    y, x = places[..., 0].astype(np.int64), places[..., 1].astype(np.int64)
    outside = (y < 0) | (x < 0) | (y >= height) | (x >= width)
    if outside.any():
        at = [int(i) for i in np.argwhere(outside)[0]]
        msg = (
            f"{_OP}: places must lie in the photo, {height}x{width}, got "
            f"({y[tuple(at)]}, {x[tuple(at)]}) at {at}"
        )
        raise ShapeError(msg)
    right, down = (_lacking(photo, y, x, axis, softness) for axis in (1, 0))
    # What flows in from the left less what flows out to the right, and the same down the image.
    rest = (_before(right, 1) - _after(right, 1)) + (_before(down, 0) - _after(down, 0))
    image = photo[y, x].astype(np.float32)
    direction = steps[0, 1] * rest
    centre = np.float32(4) + np.float32(screening)
    for keep, take in [*steps[1:], np.zeros(2, np.float32)]:
        image = image + direction
        near = np.pad(direction, ((1, 1), (1, 1), (0, 0)), mode="edge")
        beside = near[1:-1, :-2] + near[1:-1, 2:]
        around = beside + (near[:-2, 1:-1] + near[2:, 1:-1])
        rest = rest - (centre * direction - around)
        direction = keep * direction + take * rest
    signed = image / np.float32(127.5) - np.float32(1)
    return np.ascontiguousarray(signed.transpose(2, 0, 1))


def _lacking(
    photo: NDArray[np.uint8],
    y: NDArray[np.int64],
    x: NDArray[np.int64],
    axis: int,
    softness: float,
) -> Floats:
    """By how much the colours of neighbours fall short of the step that their places ask for.

    Returns:
        `[H - 1, W, 3]` or `[H, W - 1, 3]`; 0 where the second place follows the first.
    """
    dy, dx = (1, 0) if axis == 0 else (0, 1)
    first = (slice(0, y.shape[0] - dy), slice(0, y.shape[1] - dx))
    second = (slice(dy, None), slice(dx, None))
    levels = photo.astype(np.int64)

    def colour(part: tuple[slice, slice], by: int) -> NDArray[np.int64]:
        rows = (y[part] + by * dy).clip(0, photo.shape[0] - 1)
        columns = (x[part] + by * dx).clip(0, photo.shape[1] - 1)
        found: NDArray[np.int64] = levels[rows, columns]
        return found

    here, there = colour(first, 0), colour(second, 0)
    asked = (colour(first, 1) - here) + (there - colour(second, -1))
    step: Floats = np.float32(0.5) * (asked - 2 * (there - here)).astype(np.float32)
    follows = (y[second] == y[first] + dy) & (x[second] == x[first] + dx)
    step[follows] = 0
    if softness > 0:
        square = np.float32(softness) * np.float32(softness)
        apart = (step * step).max(axis=2, keepdims=True) / square
        step *= np.float32(1) / (np.float32(1) + apart * apart)
    return step


def _after(steps: Floats, axis: int) -> Floats:
    """The step behind each pixel; 0 for the last."""
    return np.pad(steps, [(0, int(axis == k)) for k in range(3)])


def _before(steps: Floats, axis: int) -> Floats:
    """The step in front of each pixel; 0 for the first."""
    return np.pad(steps, [(int(axis == k), 0) for k in range(3)])
