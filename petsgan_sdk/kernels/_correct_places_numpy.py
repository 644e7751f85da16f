"""The numpy twin of the correction of places, written to be read: a parity at a time."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
from numpy.typing import NDArray

from petsgan_sdk.errors import ShapeError
from petsgan_sdk.kernels._checks import check_array
from petsgan_sdk.kernels._correct_places import PlaceCosts, PlaceLevel

__all__ = ["correct_in_numpy"]

_OP = "correct_places"
_RADIUS = 2
_MOST_SIDE = 16384
_MOST_ALIKE = 8
_MOST_PRICE = 1 << 24
_NO_ID = 65535
_WEIGHTS = np.array(
    [
        [4, 8, 10, 8, 4],
        [8, 15, 19, 15, 8],
        [10, 19, 6, 19, 10],
        [8, 15, 19, 15, 8],
        [4, 8, 10, 8, 4],
    ]
)
"""Gaussian, of standard deviation 1.5; the pixel itself counts a quarter."""

Whole = NDArray[np.int64]
Flags = NDArray[np.bool_]
Offset = tuple[int, ...]


def correct_in_numpy(
    places: NDArray[np.int16],
    level: PlaceLevel,
    costs: PlaceCosts,
    *,
    passes: int,
    guides: tuple[NDArray[np.int32], NDArray[np.int32]],
    corner: tuple[int, int],
    open_sides: tuple[bool, bool, bool, bool],
    wraps: bool,
    fixed: NDArray[np.uint8] | None,
) -> NDArray[np.int16]:
    """As `correct_places`."""
    _check_level(level, costs)
    _check_window(places, level, guides, fixed)
    rows, columns = np.mgrid[: places.shape[0], : places.shape[1]]
    current = places.astype(np.int64)
    done = 0
    for _ in range(passes):
        broken = _broken(current, level, wraps=wraps)
        free = np.ones_like(broken) if fixed is None else fixed == 0
        for x, y in product((0, 1), repeat=2):
            done += 1
            margin = done * costs.reach
            inner = _inside(rows, columns, margin, open_sides)
            parity = ((rows + corner[0]) % 2 == y) & ((columns + corner[1]) % 2 == x)
            looked = broken if costs.repeat == 0 else np.ones_like(broken)
            at = np.argwhere(looked & free & inner & parity)
            if len(at):
                view = _View(current, level, costs, at, guides, wraps=wraps)
                current[at[:, 0], at[:, 1]] = view.best(broken[at[:, 0], at[:, 1]])
    return current.astype(np.int16)


def _check_level(level: PlaceLevel, costs: PlaceCosts) -> None:
    check_array(level.features, name=f"{_OP}: features", axes="h + 4, w + 4, 8", dtype=np.int8)
    alike = check_array(level.alike, name=f"{_OP}: alike", axes="h, w, K, 2", dtype=np.int16)
    height, width = level.size
    of_level = tuple((side - 1 >> level.shift) + 1 for side in (height, width))
    _need(level.features.shape[2] == 8, "features must have shape [h + 4, w + 4, 8]")
    _need(alike.shape[3] == 2, "alike must have shape [h, w, K, 2]")
    _need(
        min(height, width) >= 1 and max(height, width) <= _MOST_SIDE,
        f"the photo must have sides from 1 to {_MOST_SIDE}",
    )
    _need(
        costs.repeat == 0 or height * width < _NO_ID,
        "repeats must be counted at a level of less than 65535 places",
    )
    _need(alike.shape[2] <= _MOST_ALIKE, f"alike must have at most {_MOST_ALIKE} places for each")
    _need(alike.shape[0] == of_level[0], "alike must have the rows of its level")
    _need(alike.shape[1] == of_level[1], "alike must have the columns of its level")
    beyond = alike >= of_level
    beyond[..., 1] |= (alike[..., 0] >= 0) & (alike[..., 1] < 0)
    beyond[..., 1] &= alike[..., 0] >= 0
    _need(not beyond.any(), "alike must lie within its level")
    if level.prices is not None:
        prices = check_array(level.prices, name=f"{_OP}: prices", axes="h, w", dtype=np.int32)
        _need(prices.shape == (height, width), "prices must have the photo's shape [h, w]")
        far = (prices < -_MOST_PRICE) | (prices > _MOST_PRICE)
        _need(not far.any(), "prices must be within 2^24 of 0")


def _check_window(
    places: NDArray[np.int16],
    level: PlaceLevel,
    guides: tuple[NDArray[np.int32], NDArray[np.int32]],
    fixed: NDArray[np.uint8] | None,
) -> None:
    is_map = 0 not in places.shape and places.shape[2] == 2
    _need(is_map, f"places must have shape [H >= 1, W >= 1, 2], got {places.shape}")
    size = places.shape[:2]
    _need(len(guides[0]) == size[0], "row_guides must have shape [H]")
    _need(len(guides[1]) == size[1], "column_guides must have shape [W]")
    _need(fixed is None or fixed.shape == size, "fixed must have shape [H, W]")
    height, width = level.size
    outside = (places < 0) | (places >= (height, width))
    _need(not outside.any(), f"places must lie in the photo, {height}x{width}")


def _need(holds: bool, what: str) -> None:
    if not holds:
        msg = f"{_OP}: {what}"
        raise ShapeError(msg)


def _inside(
    rows: Whole, columns: Whole, margin: int, open_sides: tuple[bool, bool, bool, bool]
) -> Flags:
    """Which pixels are right in spite of what the window does not show."""
    above, below, before, after = (margin if side else 0 for side in open_sides)
    height, width = rows.shape
    vertically: Flags = (rows >= above) & (rows < height - below)
    across: Flags = (columns >= before) & (columns < width - after)
    return vertically & across


def _broken(places: Whole, level: PlaceLevel, *, wraps: bool) -> Flags:
    """Which pixels do not lie inside a coherent piece; where prices count, all."""
    size = places.shape[:2]
    if level.prices is not None:
        return np.ones(size, dtype=bool)
    breaks = np.zeros(size, dtype=bool)
    breaks[1:] |= (places[1:] != places[:-1] + np.array((1, 0))).any(axis=2)
    breaks[:, 1:] |= (places[:, 1:] != places[:, :-1] + (0, 1)).any(axis=2)
    if wraps:
        # Every side of a torus is looked at.
        breaks[0] |= (places[0] != places[-1] + (1, 0)).any(axis=1)
        breaks[:, 0] |= (places[:, 0] != places[:, -1] + (0, 1)).any(axis=1)
    # A break lies between a pixel and the one before it or above; what continues in these four
    # continues in all neighbours but the upper left one.
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(breaks, (0, 1)), (2, 2))
    found: Flags = np.asarray(windows.any(axis=(2, 3)))
    if wraps:
        found[:_RADIUS] = found[-_RADIUS:] = True
        found[:, :_RADIUS] = found[:, -_RADIUS:] = True
    return found


class _View:
    """What the pixels at `[P, 2]` of one subpass see."""

    def __init__(
        self,
        places: Whole,
        level: PlaceLevel,
        costs: PlaceCosts,
        at: Whole,
        guides: tuple[NDArray[np.int32], NDArray[np.int32]],
        *,
        wraps: bool,
    ) -> None:
        self._places, self._level, self._costs, self._at = places, level, costs, at
        self._size = np.array(level.size)
        self._guides = guides
        self._wraps = wraps
        self._features = level.features.astype(np.int64)
        window = list(product(range(-_RADIUS, _RADIUS + 1), repeat=2))
        self._window = window
        shown = [self._shown(offset) for offset in window]
        self._near = np.stack([self._feature(place, (0, 0)) for place, _ in shown], axis=1)
        there = np.stack([is_there for _, is_there in shown], axis=1)
        self._weights = _WEIGHTS.ravel() * there  # what is beyond the canvas has no say

    def best(self, broken: Flags) -> Whole:
        """The cheapest candidate of each `[P, 2]`; coherent ones that do not repeat stay."""
        own = best = self._places[self._at[:, 0], self._at[:, 1]]
        least = self._cost(best)
        for places, is_one in self._candidates():
            inside = is_one & ((places >= 0) & (places < self._size)).all(axis=1)
            cost = self._cost(np.where(inside[:, None], places, best))
            better = inside & (cost < least)
            best, least = np.where(better[:, None], places, best), np.where(better, cost, least)
        stays = ~broken & (self._repeats(own) == 0)
        return np.where(stays[:, None], own, best)

    def _shown(self, offset: Offset) -> tuple[Whole, Flags]:
        """The places that lie at an offset, and whether there is canvas."""
        size = self._places.shape[:2]
        there = self._at + offset
        if self._wraps:
            there = there % size
        is_there: Flags = np.asarray(((there >= 0) & (there < size)).all(axis=1))
        there = there.clip(0, np.array(size) - 1)
        return self._places[there[:, 0], there[:, 1]], is_there

    def _candidates(self) -> Iterator[tuple[Whole, Flags]]:
        own = self._places[self._at[:, 0], self._at[:, 1]]
        around = list(product((-1, 0, 1), repeat=2))
        for offset in around:
            place, is_there = self._shown(offset)
            if offset != (0, 0):
                yield place - offset, is_there
        shift = self._level.shift
        for offset in around:
            place, is_there = self._shown(offset)
            if shift > 0 and offset != (0, 0):
                is_there &= (place - offset != own).any(axis=1)
            listed = self._level.alike[place[:, 0] >> shift, place[:, 1] >> shift].astype(np.int64)
            goes_on = is_there
            for k in range(listed.shape[1]):
                goes_on = goes_on & (listed[:, k, 0] >= 0)
                fine = (listed[:, k] << shift) + (place & ((1 << shift) - 1))
                yield fine - offset, goes_on

    def _feature(self, place: Whole, offset: Offset) -> Whole:
        y, x = (place + offset + _RADIUS).T
        found: Whole = self._features[y, x]
        return found

    def _cost(self, place: Whole) -> Whole:
        costs, level = self._costs, self._level
        unfit = np.zeros(len(place), dtype=np.int64)
        for k, offset in enumerate(self._window):
            apart = self._feature(place, offset) - self._near[:, k]
            unfit += self._weights[:, k] * (apart * apart).sum(axis=1)
            beyond = ((place + offset < 0) | (place + offset >= self._size)).any(axis=1)
            unfit += costs.edge * self._weights[:, k] * beyond
        broken = np.zeros(len(place), dtype=np.int64)
        for offset in product((-1, 0, 1), repeat=2):
            if offset != (0, 0):
                shown, is_there = self._shown(offset)
                broken += ~(is_there & (shown - offset == place).all(axis=1))
        total = (unfit >> 6) * (64 + costs.coherence * broken)
        if level.prices is not None:
            total += level.prices[place[:, 0], place[:, 1]]
        total += self._away(place, 0, costs.tolerance_y, costs.weight_y)
        total += self._away(place, 1, costs.tolerance_x, costs.weight_x)
        if costs.order > 0:
            total += costs.order * self._disorder(place)
        if costs.repeat > 0:
            total += costs.repeat * self._repeats(place)
        return total

    def _away(self, place: Whole, axis: int, tolerance: int, weight: int) -> Whole:
        share = (2 * place[:, axis] + 1) * 512 // self._size[axis]
        guide = self._guides[axis][self._at[:, axis]].astype(np.int64)
        apart = (np.abs(share - guide) - tolerance).clip(0)
        found: Whole = weight * ((apart * apart) >> 4) >> 8
        return found

    def _disorder(self, place: Whole) -> Whole:
        """How far a place is in the wrong order, in y, with those above and below."""
        costs = self._costs

        def share(places: Whole) -> Whole:
            found: Whole = (2 * places[:, 0] + 1) * 512 // self._size[0]
            return found

        total = np.zeros(len(place), dtype=np.int64)
        for dy, dx in product((-1, 1), (-1, 0, 1)):
            shown, is_there = self._shown((dy, dx))
            apart = dy * (share(place) - share(shown)) - costs.order_tolerance
            total += np.where(is_there, apart.clip(0, costs.most_disorder), 0)
        return total

    def _repeats(self, place: Whole) -> Whole:
        costs = self._costs
        count = np.zeros(len(place), dtype=np.int64)
        span = range(-costs.repeat_radius, costs.repeat_radius + 1)
        for dy, dx in product(span, repeat=2):
            if max(abs(dy), abs(dx)) > costs.repeat_near:
                shown, is_there = self._shown((dy, dx))
                count += is_there & (shown == place).all(axis=1)
        return count.clip(max=costs.most_repeats)
