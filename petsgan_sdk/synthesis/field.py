"""Places for any window of a canvas, made coarse to fine and kept where they are needed again."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from petsgan_sdk import kernels
from petsgan_sdk._arrays import FloatArray
from petsgan_sdk.errors import ConfigError
from petsgan_sdk.settings.synthesis import PlaceSettings
from petsgan_sdk.synthesis.frame import Frame
from petsgan_sdk.synthesis.knobs import Knobs
from petsgan_sdk.synthesis.photo import UNIT, PhotoLevels

__all__ = ["Draw", "PlaceField"]

Draw = Callable[[int, tuple[int, int], tuple[int, int, int, int]], FloatArray]
"""`(stage, size, rectangle) -> [2, h, w]`: normal numbers of a rectangle of a grid of this size;
stages are independent."""

Places = npt.NDArray[np.int16]

_WHOLE_PX = 320
"""Levels up to this long are made at once: the halos of blocks would cost more."""
_COARSE_BLOCK_PX, _FINE_BLOCK_PX = 32, 128
"""Side of a block that is kept: where corrections reach far, and elsewhere."""
_KEPT_BYTES = 64 << 20
"""Of one canvas."""
_TEXTURE_HELD = 0.1
"""Up to here position binds so little that the start is moved over the whole photo."""
_ERROR_FUNCTION = tuple(np.float32(a) for a in (0.278393, 0.230389, 0.000972, 0.078108))
"""Of Hastings's approximation (Abramowitz and Stegun, 7.1.27), right to 5e-4."""


@dataclass(frozen=True, slots=True)
class _Rect:
    top: int
    left: int
    height: int
    width: int

    @property
    def bottom(self) -> int:
        return self.top + self.height

    @property
    def right(self) -> int:
        return self.left + self.width

    @property
    def rows(self) -> tuple[int, int]:
        return self.top, self.height

    @property
    def columns(self) -> tuple[int, int]:
        return self.left, self.width


class PlaceField:
    """The places of one canvas: a function of photo, settings, knobs, size and `draw` alone.

    A window agrees with the whole, whatever is asked for and in which order. Levels coarser than
    the result are made in blocks on a fixed grid, each from a window around it as wide as its
    corrections see, and kept. Threads may share it; one at a time draws.

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
        self._draw = draw
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
        # On a canvas taller than the photo prices would fill it with things one above the other.
        tall = max(1.0, height / levels.sizes[0][0])
        fill = self._knobs.fill * min(1.0, self._knobs.variation)
        fill *= tall ** (-settings.thin * levels.held[0])
        self._photo = [levels.level(number, fill=fill) for number in range(levels.count)]
        self._costs = [self._costs_of(number) for number in range(levels.count)]
        self._kept: OrderedDict[tuple[int, int, int], Places] = OrderedDict()
        self._kept_bytes = 0
        self._lock = threading.Lock()
        if seamless:
            self._check_torus(height, width)

    @property
    def kept_bytes(self) -> int:
        """Memory of the blocks that are kept."""
        return self._kept_bytes

    def window(self, top: int, left: int, height: int, width: int) -> Places:
        """The places of a window, `[height, width, 2]` int16: (y, x) in the photo.

        Args:
            top: First row; on a seamless canvas anywhere.
            left: First column; on a seamless canvas anywhere.
            height: Rows.
            width: Columns.
        """
        rect = _Rect(top, left, height, width)
        cut = self._levels.frame
        if self._frame != Frame():
            found = self._framed(rect)
        else:
            with self._lock:
                found = self._window(0, rect)
            if cut != Frame():
                found = found + np.array((cut.top, cut.left), dtype=np.int16)
        self._show_pins(rect, found)
        return found

    def _framed(self, rect: _Rect) -> Places:
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
            inner = _Rect(top - frame.top, left - frame.left, bottom - top, right - left)
            with self._lock:
                found = self._window(0, inner)
            into = out[top - rect.top : bottom - rect.top, left - rect.left : right - rect.left]
            into[...] = found + np.array((frame.top, frame.left), dtype=np.int16)
        return out

    def _show_pins(self, rect: _Rect, places: Places) -> None:
        """Put the very places of pins into a window."""
        for pin in self._knobs.pins:
            y = self._within(np.arange(rect.top, rect.bottom) - pin.top, 0)
            x = self._within(np.arange(rect.left, rect.right) - pin.left, 1)
            rows, columns = np.flatnonzero(y < pin.height), np.flatnonzero(x < pin.width)
            places[rows[:, None], columns, 0] = y[rows][:, None] + pin.photo_top
            places[rows[:, None], columns, 1] = x[columns] + pin.photo_left

    def _within(self, offset: npt.NDArray[np.int64], axis: int) -> npt.NDArray[np.int64]:
        """Offsets from a pin's first pixel; on a torus modulo it. Before it: very large ones."""
        if self._seamless:
            return offset % self._canvas[axis]
        return np.where(offset < 0, np.iinfo(np.int64).max // 2, offset)

    def level(self, number: int) -> Places:
        """All places of one level, `[h, w, 2]`: what fitting counts; 0 is the finest."""
        rows, columns = self._sizes[number]
        with self._lock:
            return self._window(number, _Rect(0, 0, rows, columns))

    def _order(self, number: int) -> int:
        """How many levels are coarser."""
        return self._levels.count - 1 - number

    def _passes(self, number: int) -> int:
        passes = self._settings.passes
        return passes[min(self._order(number), len(passes) - 1)]

    def _halo(self, number: int) -> int:
        return self._passes(number) * 4 * self._costs[number].reach

    def _is_whole(self, number: int) -> bool:
        rows, columns = self._sizes[number]
        return max(rows, columns) <= _WHOLE_PX

    def _costs_of(self, number: int) -> kernels.PlaceCosts:
        settings, order = self._settings, self._order(number)
        radii = settings.repeat_radius
        radius = radii[order] if order < len(radii) else 0
        height, width = self._levels.sizes[number]
        is_counted = radius > 0 and height * width < (1 << 16) - 1
        weights = [
            round(settings.guide * 256 * binding) if order < settings.guided_levels else 0
            for binding in self._levels.held
        ]
        asked = settings.order[order] if order < len(settings.order) else 0.0
        held = self._levels.held[0]
        return kernels.PlaceCosts(
            weight_y=weights[0],
            weight_x=weights[1],
            tolerance_y=round(settings.tolerance * 1024),
            tolerance_x=round(settings.tolerance * 1024),
            coherence=round(settings.coherence * 8),
            edge=round(settings.edge * UNIT / 256),
            repeat=round(settings.repeat * UNIT) if is_counted else 0,
            most_repeats=settings.most_repeats,
            repeat_radius=radius if is_counted else 0,
            repeat_near=min(settings.repeat_near[order], radius) if is_counted else 0,
            order=round(asked * held * UNIT / 1024),
            order_tolerance=round(settings.order_tolerance * 1024),
            most_disorder=round(settings.most_disorder * 1024),
        )

    def _check_torus(self, height: int, width: int) -> None:
        """Blocks must find the same parity wherever a torus is cut."""
        multiple = 1
        for number, (rows, columns) in enumerate(self._sizes):
            if not self._is_whole(number) and (rows % 2 or columns % 2):
                multiple = 2 ** (number + 1)
        if multiple == 1:
            return
        near = [max(1, round(side / multiple)) * multiple for side in (height, width)]
        msg = (
            f"a seamless canvas of this size must have sides that are multiples of {multiple}, got "
            f"{width}x{height}; the nearest is {near[1]}x{near[0]}"
        )
        raise ConfigError(msg)

    def _window(self, number: int, rect: _Rect) -> Places:
        """Places of a level; on a torus the rectangle may lie anywhere."""
        if not self._is_whole(number) and number == 0:
            return self._made(number, rect)  # the result is asked for once
        out = np.empty((rect.height, rect.width, 2), dtype=np.int16)
        rows, columns = self._sizes[number]
        for at_y, y, height in _runs(rect.top, rect.height, rows):
            for at_x, x, width in _runs(rect.left, rect.width, columns):
                part = self._kept_window(number, _Rect(y, x, height, width))
                out[at_y : at_y + height, at_x : at_x + width] = part
        return out

    def _kept_window(self, number: int, rect: _Rect) -> Places:
        """Places within the canvas, from blocks that are kept; makes those that are missing."""
        side = self._block_side(number)
        first = rect.top // side, rect.left // side
        last = (rect.bottom - 1) // side, (rect.right - 1) // side
        wanted = [
            (number, y, x)
            for y in range(first[0], last[0] + 1)
            for x in range(first[1], last[1] + 1)
        ]
        missing = [key for key in wanted if key not in self._kept]
        blocks = {key: self._kept[key] for key in wanted if key in self._kept}
        if missing:
            blocks |= self._make_blocks(number, missing, side)
        out = np.empty((rect.height, rect.width, 2), dtype=np.int16)
        for key in wanted:
            block = blocks[key]
            top, left = key[1] * side, key[2] * side
            y0, y1 = max(rect.top, top), min(rect.bottom, top + len(block))
            x0, x1 = max(rect.left, left), min(rect.right, left + block.shape[1])
            out[y0 - rect.top : y1 - rect.top, x0 - rect.left : x1 - rect.left] = block[
                y0 - top : y1 - top, x0 - left : x1 - left
            ]
            if key in self._kept:
                self._kept.move_to_end(key)
        return out

    def _block_side(self, number: int) -> int:
        if self._is_whole(number):
            return _WHOLE_PX
        is_coarse = self._order(number) < len(self._settings.repeat_radius)
        return _COARSE_BLOCK_PX if is_coarse else _FINE_BLOCK_PX

    def _make_blocks(
        self, number: int, missing: list[tuple[int, int, int]], side: int
    ) -> dict[tuple[int, int, int], Places]:
        """Make the rectangle around missing blocks at once, since they share their halos."""
        rows, columns = self._sizes[number]
        top, left = min(k[1] for k in missing) * side, min(k[2] for k in missing) * side
        bottom = min(rows, (max(k[1] for k in missing) + 1) * side)
        right = min(columns, (max(k[2] for k in missing) + 1) * side)
        made = self._made(number, _Rect(top, left, bottom - top, right - left))
        blocks = {}
        for y in range(top, bottom, side):
            for x in range(left, right, side):
                key = (number, y // side, x // side)
                part = made[y - top : y - top + side, x - left : x - left + side]
                blocks[key] = np.ascontiguousarray(part)
        for key, block in blocks.items():
            if key not in self._kept:
                self._kept[key] = block
                self._kept_bytes += block.nbytes
        while self._kept_bytes > _KEPT_BYTES and len(self._kept) > len(blocks):
            _, dropped = self._kept.popitem(last=False)
            self._kept_bytes -= dropped.nbytes
        return blocks

    def _made(self, number: int, rect: _Rect) -> Places:
        """Draw a rectangle of a level from the one above it."""
        rows, columns = self._sizes[number]
        wraps = self._seamless and self._is_whole(number)
        seen = rect
        if not wraps:
            halo = self._halo(number)
            top, left = rect.top - halo, rect.left - halo
            bottom, right = rect.bottom + halo, rect.right + halo
            if not self._seamless:
                top, left = max(0, top), max(0, left)
                bottom, right = min(rows, bottom), min(columns, right)
            seen = _Rect(top, left, bottom - top, right - left)
        start = self._start(number, seen)
        fixed = self._pinned(number, seen, start)
        open_sides = (False, False, False, False)
        if not wraps:
            on_torus = self._seamless
            open_sides = (
                on_torus or seen.top > 0,
                on_torus or seen.bottom < rows,
                on_torus or seen.left > 0,
                on_torus or seen.right < columns,
            )
        places = kernels.correct_places(
            start,
            self._photo[number],
            self._costs[number],
            passes=self._passes(number),
            row_guides=_shares(seen.top, seen.height, rows),
            column_guides=_shares(seen.left, seen.width, columns),
            corner=(seen.top % 2, seen.left % 2),
            open_sides=open_sides,
            wraps=wraps,
            fixed=fixed,
            threads=self._threads,
        )
        y, x = rect.top - seen.top, rect.left - seen.left
        return places[y : y + rect.height, x : x + rect.width]

    def _start(self, number: int, rect: _Rect) -> Places:
        """What corrections begin with: the level above, or the canvas's own proportions."""
        rows, columns = self._sizes[number]
        photo = self._levels.sizes[number]
        y = np.arange(rect.top, rect.bottom) % rows
        x = np.arange(rect.left, rect.right) % columns
        start = np.empty((rect.height, rect.width, 2), dtype=np.int32)
        if self._order(number) == 0:
            start[..., 0] = ((2 * y + 1) * photo[0] // (2 * rows))[:, None]
            start[..., 1] = (2 * x + 1) * photo[1] // (2 * columns)
        else:
            for at_y, top, height in _runs(rect.top, rect.height, rows):
                for at_x, left, width in _runs(rect.left, rect.width, columns):
                    above = _Rect(
                        top // 2,
                        left // 2,
                        (top + height - 1) // 2 - top // 2 + 1,
                        (left + width - 1) // 2 - left // 2 + 1,
                    )
                    coarse = self._window(number + 1, above)
                    into = start[at_y : at_y + height, at_x : at_x + width]
                    into[...] = _doubled(coarse)[
                        top % 2 : top % 2 + height, left % 2 : left % 2 + width
                    ]
        self._move(number, rect, start)
        for axis in (0, 1):
            np.minimum(start[..., axis], photo[axis] - 1, out=start[..., axis])
        return start.astype(np.int16)

    def _move(self, number: int, rect: _Rect, start: npt.NDArray[np.int32]) -> None:
        """Move places at random, up to the photo's border."""
        order = self._order(number)
        jitter = self._settings.jitter
        if order >= len(jitter) or self._knobs.variation == 0:
            return
        uniform: FloatArray | None = None
        for axis, (held, size) in enumerate(
            zip(self._levels.held, self._levels.sizes[number], strict=True)
        ):
            is_free = order == 0 and held < _TEXTURE_HELD
            share = 1.0 if is_free else jitter[order] * (1 - self._settings.held_jitter * held)
            if order > 0:
                share *= min(1.0, self._settings.texture_jitter * max(self._levels.held))
            amount = np.float32(share * size * self._knobs.variation)
            if amount == 0:
                continue
            if uniform is None:
                area = (rect.top, rect.left, rect.height, rect.width)
                uniform = _uniform(self._draw(order, self._sizes[number], area))
            moved = start[..., axis] + np.rint(uniform[axis] * amount).astype(np.int32)
            np.clip(moved, 0, size - 1, out=start[..., axis])

    def _pinned(self, number: int, rect: _Rect, start: Places) -> npt.NDArray[np.uint8] | None:
        """Put the places of pins into the start, and say where they stay."""
        if not self._knobs.pins:
            return None
        fixed = np.zeros(start.shape[:2], dtype=np.uint8)
        size = 2**number
        photo, grid, cut = self._levels.sizes[number], self._sizes[number], self._levels.frame
        for pin in self._knobs.pins:
            axes = []
            for axis, (first, origin, extent, begin, count) in enumerate(
                (
                    (pin.top - self._frame.top, pin.photo_top - cut.top, pin.height, *rect.rows),
                    (
                        pin.left - self._frame.left,
                        pin.photo_left - cut.left,
                        pin.width,
                        *rect.columns,
                    ),
                )
            ):
                # Pixels of this level that lie in the pin as a whole, by where they are in it.
                pixel = np.arange(begin, begin + count) % grid[axis] * size
                inner = self._within(pixel - first, axis)
                places = (inner.clip(max=extent) + size // 2 + origin) // size
                axes.append((inner + size <= extent, places.clip(0, photo[axis] - 1)))
            (rows, y), (columns, x) = axes
            mask = rows[:, None] & columns
            fixed[mask] = 1
            both = np.stack(np.broadcast_arrays(y[:, None], x), axis=-1)
            start[mask] = both[mask].astype(np.int16)
        return fixed


def _runs(start: int, length: int, size: int) -> Iterator[tuple[int, int, int]]:
    """Cut a range where a torus of this size closes: `(offset, first within the size, count)`."""
    done = 0
    while done < length:
        at = (start + done) % size
        count = min(length - done, size - at)
        yield done, at, count
        done += count


def _doubled(places: Places) -> npt.NDArray[np.int32]:
    """Each pixel as the four of the finer level, `[2 h, 2 w, 2]`."""
    height, width = places.shape[:2]
    fine = np.empty((height, 2, width, 2, 2), dtype=np.int32)
    twice = places.astype(np.int32)[:, None, :, None] * 2
    fine[..., 0] = twice[..., 0] + np.arange(2)[:, None, None]
    fine[..., 1] = twice[..., 1] + np.arange(2)
    return fine.reshape(2 * height, 2 * width, 2)


def _uniform(normals: FloatArray) -> FloatArray:
    """Normal numbers as ones that are uniform from -1 to 1, by IEEE operations only."""
    x = np.abs(normals) * np.float32(0.5**0.5)
    a1, a2, a3, a4 = _ERROR_FUNCTION
    power = np.float32(1) + x * (a1 + x * (a2 + x * (a3 + x * a4)))
    power = power * power
    return np.copysign(np.float32(1) - np.float32(1) / (power * power), normals)


def _shares(first: int, count: int, size: int) -> npt.NDArray[np.int32]:
    """Where the middles of pixels lie in a grid, in 1024ths of it."""
    at = np.arange(first, first + count, dtype=np.int64) % size
    return ((2 * at + 1) * 512 // size).astype(np.int32)
