"""Places for any window of a canvas, made coarse to fine and kept where they are needed again."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import replace
from operator import itemgetter

import numpy as np
import numpy.typing as npt

from petsgan_sdk import kernels
from petsgan_sdk._arrays import FloatArray
from petsgan_sdk.errors import ConfigError
from petsgan_sdk.settings.synthesis import MAX_LEVELS, PlaceSettings
from petsgan_sdk.synthesis._cells import Cell, Cells
from petsgan_sdk.synthesis._costs import level_costs
from petsgan_sdk.synthesis._evenness import unevenness
from petsgan_sdk.synthesis._rects import Rect, runs
from petsgan_sdk.synthesis._start import Draw, Starts, pin_offsets
from petsgan_sdk.synthesis.frame import Frame
from petsgan_sdk.synthesis.knobs import Knobs
from petsgan_sdk.synthesis.photo import PhotoLevels

__all__ = ["Draw", "PlaceField"]

Places = npt.NDArray[np.int16]

_WHOLE_PX = 320
"""Levels up to this long are made at once."""
_BLOCK_PX = 128
"""Side of a block of a finer level, made with a margin as wide as its corrections see."""
_KEPT_BYTES = 64 << 20
"""Of one canvas."""


class PlaceField:
    """The places of one canvas: a function of photo, settings, knobs, size and `draw` alone.

    A window agrees with the whole, whatever is asked for and in which order. Levels that are not
    made at once are made along a fixed lattice (see `_cells`) where repeats are counted, and in
    blocks with exact margins elsewhere, and kept. Threads may share it; one at a time draws.

    Args:
        levels: The photo.
        settings: How places are drawn.
        height: Of the canvas in pixels.
        width: Of the canvas in pixels.
        draw: Where its randomness comes from.
        seamless: Whether the canvas goes on at its other side.
        knobs: What the caller changed.
        framed: Whether a photo's frame is shown at the canvas's border; a torus has none.
        threads: Threads for one window.

    Raises:
        ConfigError: A seamless canvas is so large that its sides must be multiples of more.
    """

    def __init__(
        self,
        levels: PhotoLevels,
        settings: PlaceSettings,
        *,
        height: int,
        width: int,
        draw: Draw,
        seamless: bool = False,
        knobs: Knobs | None = None,
        framed: bool = True,
        threads: int = 1,
    ) -> None:
        """Draw nothing yet."""
        self._levels = levels
        self._settings = settings
        self._seamless = seamless
        self._knobs = knobs or Knobs()
        self._threads = threads
        self._canvas = (height, width)
        inside = self._canvas
        if framed and not seamless:
            inside = levels.frame.inside(height, width)
        self._frame = levels.frame if inside != self._canvas else Frame()
        self._sizes: list[tuple[int, int]] = [
            (-(-inside[0] // 2**number), -(-inside[1] // 2**number))
            for number in range(levels.count)
        ]
        self._draw = draw
        self._starts = self._new_starts(settings)
        self._is_chosen = not self._has_choice()
        # On a canvas taller than the photo prices would fill it with things one above the other.
        tall = max(1.0, height / levels.sizes[0][0])
        fill = self._knobs.fill * min(1.0, self._knobs.variation)
        fill *= tall ** (-settings.thin * levels.held[0])
        self._photo = [levels.level(number, fill=fill) for number in range(levels.count)]
        self._costs = [level_costs(settings, levels, number) for number in range(levels.count)]
        self._cells = {
            number: Cells(self._sizes[number], self._costs[number].reach, seamless=seamless)
            for number in range(levels.count)
            if self._costs[number].repeat > 0 and not self._is_whole(number)
        }
        self._kept: OrderedDict[Hashable, Places] = OrderedDict()
        self._kept_bytes = 0
        self._lock = threading.Lock()
        if seamless:
            self._check_torus(height, width)

    @property
    def kept_bytes(self) -> int:
        """Memory of what is kept."""
        return self._kept_bytes

    def window(self, top: int, left: int, height: int, width: int) -> Places:
        """The places of a window, `[height, width, 2]` int16: (y, x) in the photo.

        Args:
            top: First row; on a seamless canvas anywhere.
            left: First column; on a seamless canvas anywhere.
            height: Rows.
            width: Columns.
        """
        rect = Rect(top, left, height, width)
        cut = self._levels.frame
        if self._frame != Frame():
            found = self._framed(rect)
        else:
            found = self._of_level(0, rect)
            if cut != Frame():
                found = found + np.array((cut.top, cut.left), dtype=np.int16)
        self._show_pins(rect, found)
        return found

    def level(self, number: int) -> Places:
        """All places of one level, `[h, w, 2]`: what fitting counts; 0 is the finest."""
        rows, columns = self._sizes[number]
        return self._of_level(number, Rect(0, 0, rows, columns))

    def _framed(self, rect: Rect) -> Places:
        """A window of a canvas with a frame, in places of the whole photo."""
        frame = self._frame
        area = (rect.top, rect.left, rect.height, rect.width)
        rows, columns = frame.places(self._levels.photo_size, self._canvas, area)
        out = np.empty((rect.height, rect.width, 2), dtype=np.int16)
        out[..., 0], out[..., 1] = rows[:, None], columns
        height, width = self._sizes[0]
        top, left = max(rect.top, frame.top), max(rect.left, frame.left)
        bottom, right = min(rect.bottom, frame.top + height), min(rect.right, frame.left + width)
        if top < bottom and left < right:
            inner = Rect.between(top, left, bottom, right)
            shown = Rect(top - frame.top, left - frame.left, inner.height, inner.width)
            found = self._of_level(0, shown)
            out[rect.part(inner)] = found + np.array((frame.top, frame.left), dtype=np.int16)
        return out

    def _show_pins(self, rect: Rect, places: Places) -> None:
        """Put the very places of pins into a window."""
        height, width = self._canvas if self._seamless else (None, None)
        for pin in self._knobs.pins:
            y = pin_offsets(np.arange(rect.top, rect.bottom) - pin.top, height)
            x = pin_offsets(np.arange(rect.left, rect.right) - pin.left, width)
            rows, columns = np.flatnonzero(y < pin.height), np.flatnonzero(x < pin.width)
            places[rows[:, None], columns, 0] = y[rows][:, None] + pin.photo_top
            places[rows[:, None], columns, 1] = x[columns] + pin.photo_left

    def _of_level(self, number: int, rect: Rect) -> Places:
        with self._lock:
            if not self._is_chosen:
                self._choose()
                self._is_chosen = True
            return self._window(number, rect)

    def _new_starts(self, settings: PlaceSettings, attempt: int = 0) -> Starts:
        def draw(order: int, size: tuple[int, int], area: tuple[int, int, int, int]) -> FloatArray:
            return self._draw(order + attempt * MAX_LEVELS, size, area)

        return Starts(
            self._levels,
            settings,
            sizes=self._sizes,
            draw=draw,
            knobs=self._knobs,
            frame=self._frame,
            canvas=self._canvas,
            seamless=self._seamless,
        )

    def _has_choice(self) -> bool:
        """Whether more than one layout is drawn: not where somebody asks for an uneven one."""
        number = self._levels.count - 1 - self._settings.judged_level
        if self._settings.attempts == 1 or number < 0 or not self._levels.can_judge(number):
            return False
        area, photo = (rows * columns for rows, columns in (self._sizes[0], self._levels.sizes[0]))
        is_plain = self._knobs.fill == 1 and not self._knobs.pins
        return is_plain and self._is_whole(number) and area <= self._settings.judged_area * photo

    def _choose(self) -> None:
        """Draw layouts until one uses what is distinct in the photo evenly, and keep the best."""
        number = self._levels.count - 1 - self._settings.judged_level
        weights = self._levels.distinctness(number)
        rect = Rect(0, 0, *self._sizes[number])
        more = self._settings.judged_jitter
        jitter = tuple(min(2.0, more * share) for share in self._settings.jitter)
        settings = replace(self._settings, jitter=jitter)
        found: list[tuple[float, int, Starts, OrderedDict[Hashable, Places]]] = []
        for attempt in range(self._settings.attempts):
            self._starts, self._kept = self._new_starts(settings, attempt), OrderedDict()
            apart = unevenness(self._window(number, rect), weights)
            found.append((apart, attempt, self._starts, self._kept))
            if apart <= self._settings.even:
                break
        _, _, self._starts, self._kept = min(found, key=itemgetter(0, 1))
        self._kept_bytes = sum(places.nbytes for places in self._kept.values())

    def _order(self, number: int) -> int:
        """How many levels are coarser."""
        return self._levels.count - 1 - number

    def _passes(self, number: int) -> int:
        passes = self._settings.passes
        return passes[min(self._order(number), len(passes) - 1)]

    def _is_whole(self, number: int) -> bool:
        return max(self._sizes[number]) <= _WHOLE_PX

    def _check_torus(self, height: int, width: int) -> None:
        """Blocks must find the same parity wherever a torus is cut."""
        multiple = 1
        for number, (rows, columns) in enumerate(self._sizes):
            is_cut = not self._is_whole(number) and number not in self._cells
            if is_cut and (rows % 2 or columns % 2):
                multiple = 2 ** (number + 1)
        if multiple == 1:
            return
        near = [max(1, round(side / multiple)) * multiple for side in (height, width)]
        msg = (
            f"a seamless canvas of this size must have sides that are multiples of {multiple}, got "
            f"{width}x{height}; the nearest is {near[1]}x{near[0]}"
        )
        raise ConfigError(msg)

    def _window(self, number: int, rect: Rect) -> Places:
        """Places of a level; on a torus the rectangle may lie anywhere."""
        if number in self._cells:
            out = np.empty((rect.height, rect.width, 2), dtype=np.int16)
            for cell, here, there in self._cells[number].over(rect):
                made, of = self._cell(number, cell), self._cells[number].rect(cell)
                out[rect.part(here)] = made[of.part(there)]
            return out
        if self._is_whole(number):
            return self._in_blocks(number, rect, max(self._sizes[number]))
        if number == 0:  # the result is asked for once
            return self._exact(number, rect)
        return self._in_blocks(number, rect, _BLOCK_PX)

    def _in_blocks(self, number: int, rect: Rect, side: int) -> Places:
        rows, columns = self._sizes[number]
        out = np.empty((rect.height, rect.width, 2), dtype=np.int16)
        for down, y, height in runs(*rect.rows, rows):
            for across, x, width in runs(*rect.columns, columns):
                part = Rect(y, x, height, width)
                into = out[down : down + height, across : across + width]
                for row in range(part.top // side, (part.bottom - 1) // side + 1):
                    for column in range(part.left // side, (part.right - 1) // side + 1):
                        block = Rect.between(
                            row * side,
                            column * side,
                            min(rows, (row + 1) * side),
                            min(columns, (column + 1) * side),
                        )
                        both = Rect.between(
                            max(part.top, block.top),
                            max(part.left, block.left),
                            min(part.bottom, block.bottom),
                            min(part.right, block.right),
                        )
                        made = self._block(number, (row, column), block)
                        into[part.part(both)] = made[block.part(both)]
        return out

    def _block(self, number: int, key: tuple[int, int], block: Rect) -> Places:
        found = self._recalled((number, key))
        return (
            self._remembered((number, key), self._exact(number, block)) if found is None else found
        )

    def _exact(self, number: int, rect: Rect) -> Places:
        """A rectangle of a level, from one around it as wide as its corrections see."""
        rows, columns = size = self._sizes[number]
        if self._is_whole(number):
            return self._corrected(number, rect, wraps=self._seamless)
        halo = self._passes(number) * 4 * self._costs[number].reach
        seen = rect.grown(halo, size, seamless=self._seamless)
        open_sides = (
            self._seamless or seen.top > 0,
            self._seamless or seen.bottom < rows,
            self._seamless or seen.left > 0,
            self._seamless or seen.right < columns,
        )
        return self._corrected(number, seen, open_sides=open_sides)[seen.part(rect)]

    def _cell(self, number: int, cell: Cell) -> Places:
        """A cell of the lattice, from those made before it and what lies around it."""
        found = self._recalled((number, cell))
        if found is not None:
            return found
        cells = self._cells[number]
        rect, rank = cells.rect(cell), cells.rank(cell)
        reach = self._costs[number].reach
        seen = rect.grown(reach, self._sizes[number], seamless=self._seamless)
        given = [
            (here, self._cell(number, other)[cells.rect(other).part(there)])
            for other, here, there in cells.over(seen)
            if cells.rank(other) < rank
        ]
        made = self._corrected(number, seen, given=given)[seen.part(rect)]
        return self._remembered((number, cell), made)

    def _corrected(
        self,
        number: int,
        seen: Rect,
        *,
        given: list[tuple[Rect, Places]] | None = None,
        open_sides: tuple[bool, bool, bool, bool] = (False, False, False, False),
        wraps: bool = False,
    ) -> Places:
        """Draw a rectangle of a level from the one above it.

        Args:
            number: Of the level.
            seen: The rectangle.
            given: Parts of it whose places are made already.
            open_sides: As `kernels.correct_places`.
            wraps: As `kernels.correct_places`.
        """
        if self._order(number) == 0:
            start = self._starts.coarsest(number, seen)
        else:
            start = self._starts.finer(number, seen, lambda rect: self._window(number + 1, rect))
        fixed = self._starts.pinned(number, seen, start)
        if given:
            fixed = np.zeros(start.shape[:2], dtype=np.uint8) if fixed is None else fixed
            for rect, places in given:
                start[seen.part(rect)] = places
                fixed[seen.part(rect)] = 1
        rows, columns = self._sizes[number]
        return kernels.correct_places(
            start,
            self._photo[number],
            self._costs[number],
            passes=self._passes(number),
            row_guides=_shares(*seen.rows, rows),
            column_guides=_shares(*seen.columns, columns),
            corner=(seen.top % 2, seen.left % 2),
            open_sides=open_sides,
            wraps=wraps,
            fixed=fixed,
            threads=self._threads,
        )

    def _recalled(self, key: Hashable) -> Places | None:
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
        return found

    def _remembered(self, key: Hashable, places: Places) -> Places:
        """Keep a part of a level, and drop what was not asked for for the longest time."""
        kept = np.ascontiguousarray(places)
        self._kept[key] = kept
        self._kept_bytes += kept.nbytes
        while self._kept_bytes > _KEPT_BYTES and len(self._kept) > 1:
            _, dropped = self._kept.popitem(last=False)
            self._kept_bytes -= dropped.nbytes
        return kept


def _shares(first: int, count: int, size: int) -> npt.NDArray[np.int32]:
    """Where the middles of pixels lie in a grid, in 1024ths of it."""
    at = np.arange(first, first + count, dtype=np.int64) % size
    return ((2 * at + 1) * 512 // size).astype(np.int32)
