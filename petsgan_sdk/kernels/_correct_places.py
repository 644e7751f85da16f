"""Correction of places: parallel texture synthesis by places of one photo, a level at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from petsgan_sdk.errors import ConfigError, DTypeError
from petsgan_sdk.kernels import _backend, _correct_places_cuda
from petsgan_sdk.kernels._checks import check_array, check_threads
from petsgan_sdk.kernels._correct_places_cuda import CudaPlaceLevel

__all__ = ["PlaceCosts", "PlaceLevel", "correct_places"]

_OP = "correct_places"
_BORDER = 2
_MOST_PASSES = 64
_MOST_SHIFT = 14
_MOST = {
    "weight_y": 1 << 14,
    "weight_x": 1 << 14,
    "tolerance_y": 1024,
    "tolerance_x": 1024,
    "coherence": 64,
    "edge": 1 << 16,
    "repeat": 1 << 20,
    "most_repeats": 64,
    "repeat_radius": 64,
    "order": 1 << 10,
    "order_tolerance": 1024,
    "most_disorder": 1024,
}
"""Of each cost, so that no sum leaves 32 bits."""


@dataclass(frozen=True, slots=True)
class PlaceLevel:
    """The photo at one level, as `correct_places` reads it."""

    features: NDArray[np.int8]
    """`[h + 4, w + 4, 8]`, see `place_features`."""
    alike: NDArray[np.int16]
    """`[h', w', K, 2]`: for each place of a level `shift` times coarser by 2 up to K places that
    are like it; K to 8, the first with a negative y ends the list."""
    shift: int = 0
    """How much coarser the level of `alike` is: 0 for this level's own."""
    prices: NDArray[np.int32] | None = None
    """`[h, w]`: what the use of a place costs, within 2^24 of 0, or None."""

    @property
    def size(self) -> tuple[int, int]:
        """`(h, w)` of the photo at this level."""
        return self.features.shape[0] - 2 * _BORDER, self.features.shape[1] - 2 * _BORDER


@dataclass(frozen=True, slots=True)
class PlaceCosts:
    """What makes a place unfit for a pixel, besides features; whole numbers from 0."""

    weight_y: int = 0
    """Of the distance from the guide in y: `weight * (d^2 >> 4) >> 8` for d 1024ths of the photo's
    height beyond the tolerance. Up to 2^14."""
    weight_x: int = 0
    """The same in x, in 1024ths of the photo's width."""
    tolerance_y: int = 0
    """Distance from the guide that costs nothing, in 1024ths, to 1024."""
    tolerance_x: int = 0
    """The same in x."""
    coherence: int = 0
    """64ths by which the features' cost grows for each neighbour that the place does not continue,
    to 64."""
    edge: int = 0
    """Cost for each unit of the window's weight (about 262 in all) that lies beyond the photo, to
    2^16."""
    repeat: int = 0
    """Cost of each time that the place stands already nearby, to 2^20; counted at levels of less
    than 65535 places."""
    most_repeats: int = 0
    """How many times count, to 64."""
    repeat_radius: int = 0
    """Furthest pixel, along either axis, at which the place counts as nearby; to 64."""
    repeat_near: int = 0
    """Furthest pixel at which it does not count yet."""
    order: int = 0
    """Of each 1024th of the photo's height by which a place lies above those of its three upper
    neighbours, or below those of its three lower ones, to 2^10."""
    order_tolerance: int = 0
    """What costs nothing, in 1024ths."""
    most_disorder: int = 0
    """What counts at most for each neighbour, in 1024ths."""

    @property
    def reach(self) -> int:
        """Pixels around a pixel that one subpass looks at."""
        return max(_BORDER, self.repeat_radius if self.repeat > 0 else 0)


def correct_places(
    places: Any,
    level: PlaceLevel | CudaPlaceLevel,
    costs: PlaceCosts,
    *,
    passes: int,
    row_guides: Any,
    column_guides: Any,
    corner: tuple[int, int] = (0, 0),
    open_sides: tuple[bool, bool, bool, bool] = (False, False, False, False),
    wraps: bool = False,
    fixed: Any = None,
    threads: int = 1,
    backend: _backend.Backend | Literal["cuda"] = "auto",
    stream: int = 0,
    out: Any = None,
) -> NDArray[np.int16]:
    """Replace places by ones whose surroundings fit better, pass by pass.

    A pass has four subpasses, one for each parity of (x, y) on the canvas in the order (0, 0),
    (0, 1), (1, 0), (1, 1) of (x, y); pixels of one parity see the others and not each other's
    changes. Each takes the cheapest candidate: its own place, the places that its eight neighbours
    would continue to, and those that are alike to its own and theirs, moved by the offset
    (k-coherent candidates; Lefebvre and Hoppe, "Parallel controllable texture synthesis", SIGGRAPH
    2005). The cost of a candidate is

        (unfit >> 6) * (64 + coherence * broken) + price + position + order + repeats

    with `unfit` the sum over the 5x5 window of a Gaussian weight times the squared distance of the
    features that the canvas shows there from those around the candidate, and `edge` for the weight
    that lies beyond the photo; `broken` the number of neighbours that the candidate does not
    continue. Pixels beyond the canvas have no say. Of places that cost the same the first one of
    the order above is taken. Where a level has no prices, a pass leaves pixels alone that continue
    their neighbours (but for the upper left one) at its start, unless their place stands again
    nearby.

    Args:
        places: `[H, W, 2]` int16, (y, x) in the photo at this level.
        level: The photo; for `"cuda"` a `CudaPlaceLevel`.
        costs: What else costs.
        passes: 0 to 64.
        row_guides: `[H]` int32: where in the photo's height each row asks to be, in 1024ths.
        column_guides: `[W]` int32: the same for columns.
        corner: Row and column of the window on the canvas; only their parity counts.
        open_sides: Whether the canvas goes on above, below, left and right of the window. Then
            pixels nearer to that side than `passes * 4 * costs.reach` are not what they are in a
            larger window.
        wraps: Whether the window is a whole torus.
        fixed: `[H, W]` uint8, not 0 where a place is given and stays, or None.
        threads: Threads for the rows of a subpass.
        backend: Implementation: "auto", "cpu" (C++) or "numpy". Both find the same places.
            `"cuda"`, which is never chosen unasked, takes places, guides and `fixed` on one CUDA
            device: any objects with `__dlpack__` or `__cuda_array_interface__`, which are read in
            place and must live until `stream` has passed. A place that is not in the photo and a
            guide out of range are no errors there, which would need a wait: all places of the
            result are -1. It is built for the same places, and has not run on a GPU yet.
        stream: For `"cuda"`: handle of the CUDA stream to work on; 0 is the default stream. Nothing
            waits for it.
        out: For `"cuda"`: the array on the device to write to, as a captured graph needs. By
            default a new one, a `DeviceArray`.

    Returns:
        `[H, W, 2]` int16; an array on the device for `"cuda"`.

    Raises:
        ShapeError: An array has another shape, or a place is not in the photo.
        DTypeError: An array is not C-contiguous, or of another dtype.
        ConfigError: A number is out of range.
        BackendUnavailableError: The named backend is not built.
    """
    threads = check_threads(threads, op=_OP)
    if wraps and any(open_sides):
        msg = f"{_OP}: open_sides must all be False on a torus, got {open_sides}"
        raise ConfigError(msg)
    if not isinstance(passes, (int, np.integer)) or not 0 <= passes <= _MOST_PASSES:
        msg = f"{_OP}: passes must be an integer from 0 to {_MOST_PASSES}, got {passes!r}"
        raise ConfigError(msg)
    numbers = _in_order(costs)
    if backend == "cuda":
        result = _correct_places_cuda.correct_places(
            places,
            level,
            numbers,
            passes=int(passes),
            guides=(row_guides, column_guides),
            corner=corner,
            open_sides=open_sides,
            wraps=wraps,
            fixed=fixed,
            stream=stream,
            out=out,
        )
        return cast("NDArray[np.int16]", result)
    _backend.refuse_out(out, op=_OP)
    if not isinstance(level, PlaceLevel):
        msg = f"{_OP}: level must be a PlaceLevel, got {type(level).__name__}"
        raise DTypeError(msg)
    if not isinstance(level.shift, (int, np.integer)) or not 0 <= level.shift <= _MOST_SHIFT:
        msg = f"{_OP}: level.shift must be an integer from 0 to {_MOST_SHIFT}, got {level.shift!r}"
        raise ConfigError(msg)
    shown = check_array(places, name=f"{_OP}: places", axes="H, W, 2", dtype=np.int16)
    rows = check_array(row_guides, name=f"{_OP}: row_guides", axes="H", dtype=np.int32)
    columns = check_array(column_guides, name=f"{_OP}: column_guides", axes="W", dtype=np.int32)
    kept = None
    if fixed is not None:
        kept = check_array(fixed, name=f"{_OP}: fixed", axes="H, W", dtype=np.uint8)
    for name, guides in (("row_guides", rows), ("column_guides", columns)):
        if guides.size and not (guides.min() >= 0 and guides.max() <= 1024):
            msg = f"{_OP}: {name} must be from 0 to 1024, got {guides.min()} to {guides.max()}"
            raise ConfigError(msg)
    if _backend.resolve(backend) == "numpy":
        from petsgan_sdk.kernels._correct_places_numpy import (  # noqa: PLC0415 - seldom used
            correct_in_numpy,
        )

        return correct_in_numpy(
            shown,
            level,
            costs,
            passes=passes,
            guides=(rows, columns),
            corner=corner,
            open_sides=open_sides,
            wraps=wraps,
            fixed=kept,
        )
    found = _backend.core().correct_places(
        shown,
        (level.features, level.alike, int(level.shift), level.prices),
        costs=numbers,
        passes=int(passes),
        row_guides=rows,
        column_guides=columns,
        corner=[corner[0] & 1, corner[1] & 1],
        open=list(open_sides),
        wraps=wraps,
        fixed=kept,
        threads=threads,
    )
    return cast("NDArray[np.int16]", found)


def _in_order(costs: PlaceCosts) -> list[int]:
    numbers = []
    most = {**_MOST, "repeat_near": costs.repeat_radius}
    for name in PlaceCosts.__slots__:
        value = getattr(costs, name)
        if not isinstance(value, (int, np.integer)) or not 0 <= value <= most[name]:
            msg = f"{_OP}: {name} must be an integer from 0 to {most[name]}, got {value!r}"
            raise ConfigError(msg)
        numbers.append(int(value))
    return numbers
