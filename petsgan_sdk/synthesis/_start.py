"""What corrections of a level begin with: the coarser level, moved at random, and pins."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from petsgan_sdk._arrays import FloatArray
from petsgan_sdk.settings.synthesis import PlaceSettings
from petsgan_sdk.synthesis._rects import Rect, runs
from petsgan_sdk.synthesis.frame import Frame
from petsgan_sdk.synthesis.knobs import Knobs
from petsgan_sdk.synthesis.photo import PhotoLevels

__all__ = ["Draw", "Starts", "pin_offsets"]

Draw = Callable[[int, tuple[int, int], tuple[int, int, int, int]], FloatArray]
"""`(stage, size, rectangle) -> [2, h, w]`: normal numbers of a rectangle of a grid of this size;
stages are independent."""

Places = npt.NDArray[np.int16]

_TEXTURE_HELD = 0.1
"""Up to here position binds so little that the start is moved over the whole photo."""
_ERROR_FUNCTION = tuple(np.float32(a) for a in (0.278393, 0.230389, 0.000972, 0.078108))
"""Of Hastings's approximation (Abramowitz and Stegun, 7.1.27), right to 5e-4."""


class Starts:
    """The starts of all levels of one canvas.

    Args:
        levels: The photo.
        settings: How places are drawn.
        sizes: `(rows, columns)` of the canvas's levels, the finest first.
        draw: Where randomness comes from.
        knobs: What the caller changed.
        frame: Around the canvas.
        canvas: `(height, width)`, its frame included.
        seamless: Whether the canvas is a torus.
    """

    def __init__(
        self,
        levels: PhotoLevels,
        settings: PlaceSettings,
        *,
        sizes: list[tuple[int, int]],
        draw: Draw,
        knobs: Knobs,
        frame: Frame,
        canvas: tuple[int, int],
        seamless: bool,
    ) -> None:
        """Draw nothing yet."""
        self._levels = levels
        self._settings = settings
        self._sizes = sizes
        self._draw = draw
        self._knobs = knobs
        self._frame = frame
        self._canvas = canvas
        self._seamless = seamless

    def coarsest(self, number: int, rect: Rect) -> Places:
        """The canvas's own proportions, moved."""
        (rows, columns), photo = self._sizes[number], self._levels.sizes[number]
        y = np.arange(rect.top, rect.bottom) % rows
        x = np.arange(rect.left, rect.right) % columns
        start = np.empty((rect.height, rect.width, 2), dtype=np.int32)
        start[..., 0] = ((2 * y + 1) * photo[0] // (2 * rows))[:, None]
        start[..., 1] = (2 * x + 1) * photo[1] // (2 * columns)
        return self._moved(number, rect, start)

    def finer(self, number: int, rect: Rect, coarser: Callable[[Rect], Places]) -> Places:
        """The coarser level's places, each pixel as four, moved.

        Args:
            number: Of the level.
            rect: Of it; on a torus anywhere.
            coarser: Places of rectangles within the next coarser level.
        """
        rows, columns = self._sizes[number]
        start = np.empty((rect.height, rect.width, 2), dtype=np.int32)
        for down, top, height in runs(*rect.rows, rows):
            for across, left, width in runs(*rect.columns, columns):
                above = Rect.between(
                    top // 2, left // 2, (top + height + 1) // 2, (left + width + 1) // 2
                )
                fine = _doubled(coarser(above))
                y, x = top % 2, left % 2
                part = fine[y : y + height, x : x + width]
                start[down : down + height, across : across + width] = part
        return self._moved(number, rect, start)

    def _moved(self, number: int, rect: Rect, start: npt.NDArray[np.int32]) -> Places:
        """Move places at random, up to the photo's border."""
        order = self._levels.count - 1 - number
        settings, size = self._settings, self._levels.sizes[number]
        shares = [0.0, 0.0]
        if order < len(settings.jitter):
            shares = [self._jitter(order, held) for held in self._levels.held]
        if any(shares):
            area = (rect.top, rect.left, rect.height, rect.width)
            uniform = _uniform(self._draw(order, self._sizes[number], area))
            for axis in (0, 1):
                amount = np.float32(shares[axis] * size[axis])
                start[..., axis] += np.rint(uniform[axis] * amount).astype(np.int32)
        for axis in (0, 1):
            np.clip(start[..., axis], 0, size[axis] - 1, out=start[..., axis])
        return start.astype(np.int16)

    def _jitter(self, order: int, held: float) -> float:
        """How far places are moved along an axis, as a share of the photo."""
        settings, variation = self._settings, self._knobs.variation
        if order == 0 and held < _TEXTURE_HELD:
            return variation
        share = settings.jitter[order] * (1 - settings.held_jitter * held) * variation
        if order > 0:
            share *= min(1.0, settings.texture_jitter * max(self._levels.held))
        return share

    def pinned(self, number: int, rect: Rect, start: Places) -> npt.NDArray[np.uint8] | None:
        """Put the places of pins into a start, and say where they stay; None without pins."""
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
                period = self._canvas[axis] if self._seamless else None
                inner = pin_offsets(pixel - first, period)
                places = (inner.clip(max=extent) + size // 2 + origin) // size
                axes.append((inner + size <= extent, places.clip(0, photo[axis] - 1)))
            (rows, y), (columns, x) = axes
            mask = rows[:, None] & columns
            fixed[mask] = 1
            both = np.stack(np.broadcast_arrays(y[:, None], x), axis=-1)
            start[mask] = both[mask].astype(np.int16)
        return fixed


def pin_offsets(offset: npt.NDArray[np.int64], period: int | None) -> npt.NDArray[np.int64]:
    """Offsets from a pin's first pixel, modulo a torus's size; without one, before it is far."""
    if period is not None:
        return offset % period
    return np.where(offset < 0, np.iinfo(np.int64).max // 2, offset)


def _doubled(places: Places) -> npt.NDArray[np.int32]:
    """Each pixel as the four of the finer level, `[2 h, 2 w, 2]`."""
    height, width = places.shape[:2]
    fine = np.empty((2 * height, 2 * width, 2), dtype=np.int32)
    twice = places.astype(np.int32) * 2
    # A pair of int32 as one number: loops over pairs would take ten times as long.
    pairs, ones = twice.view(np.int64)[..., 0], np.eye(2, dtype=np.int32).view(np.int64)[:, 0]
    for dy in (0, 1):
        for dx in (0, 1):
            fine.view(np.int64)[dy::2, dx::2, 0] = pairs + (dy * ones[0] + dx * ones[1])
    return fine


def _uniform(normals: FloatArray) -> FloatArray:
    """Normal numbers as ones that are uniform from -1 to 1, by IEEE operations only."""
    x = np.abs(normals) * np.float32(0.5**0.5)
    a1, a2, a3, a4 = _ERROR_FUNCTION
    power = np.float32(1) + x * (a1 + x * (a2 + x * (a3 + x * a4)))
    power = power * power
    return np.copysign(np.float32(1) - np.float32(1) / (power * power), normals)
