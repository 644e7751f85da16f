"""A canvas, windows of it, and the lattice of blocks that it is made in; numpy only.

All sizes are in low-resolution pixels: those of the base grid, or of a level. On a seamless canvas
coordinates count modulo its size, on every grid, so that a window may lie anywhere.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from petsgan_sdk._arrays import FloatArray
from petsgan_sdk.manifest import BundleManifest, level_size
from petsgan_sdk.synthesis import Knobs

__all__ = ["Canvas", "Lattice", "NoiseField", "Piece", "Window"]

NoiseField = Callable[[tuple[int, int, int, int], int, int, int], FloatArray]
"""`(shape [1, C, h, w], stage, top, left) -> normals`: where a run takes its randomness from."""


@dataclass(frozen=True, slots=True)
class Window:
    """A rectangle of a canvas."""

    top: int
    left: int
    height: int
    width: int

    @property
    def bottom(self) -> int:
        """One past the last row."""
        return self.top + self.height

    @property
    def right(self) -> int:
        """One past the last column."""
        return self.left + self.width

    def grown(self, by: int) -> Window:
        """Add `by` pixels on every side."""
        return Window(self.top - by, self.left - by, self.height + 2 * by, self.width + 2 * by)


@dataclass(frozen=True, slots=True)
class Canvas:
    """What a run is given: the sizes of its grids, the noise, and maps that need not be made."""

    height: int
    """h: canvas height divided by the bundle's factor."""
    width: int
    """w: canvas width divided by the bundle's factor."""
    noise: NoiseField
    release: bool = False
    """Whether the graphs give their scratch memory back: for canvases that are rarely so large."""
    seamless: bool = False
    """Whether it continues at its other side, so that copies of it can be laid edge to edge."""
    levels: tuple[tuple[int, int], ...] = ()
    """`(h, w)` of the bundle's levels on this canvas."""
    knobs: Knobs = field(default_factory=Knobs)
    """What the caller changes of how places are drawn."""
    given: Mapping[str, FloatArray] = field(default_factory=dict)
    """Tensors that are there from the start, `[1, C, h, w]` of the whole of their grid."""

    @classmethod
    def of(
        cls,
        manifest: BundleManifest,
        height: int,
        width: int,
        noise: NoiseField,
        *,
        release: bool = False,
        seamless: bool = False,
    ) -> Canvas:
        """A canvas of a bundle.

        Args:
            manifest: Of the bundle.
            height: As the field.
            width: As the field.
            noise: As the field.
            release: As the field.
            seamless: As the field.
        """
        count = range(len(manifest.levels))
        levels = tuple(level_size(manifest, level, height, width) for level in count)
        return cls(height, width, noise, release=release, seamless=seamless, levels=levels)

    @property
    def whole(self) -> Window:
        """The window that is all of it."""
        return Window(0, 0, self.height, self.width)

    def at(self, level: int | None) -> Canvas:
        """This canvas, which is on the base grid, on that of a level; None is the base grid."""
        if level is None:
            return self
        height, width = self.levels[level]
        return replace(self, height=height, width=width)

    def around(self, window: Window, halo: int) -> Window:
        """A window with its halo, as far as there is canvas.

        Graphs pad what they are given. That must happen where the canvas really ends, and nowhere
        else near the window.
        """
        grown = window.grown(halo)
        if self.seamless:
            return grown
        top, left = max(0, grown.top), max(0, grown.left)
        bottom, right = min(self.height, grown.bottom), min(self.width, grown.right)
        return Window(top, left, bottom - top, right - left)

    def cut(self, name: str, window: Window) -> FloatArray:
        """The part of a given tensor that lies in a window, on a torus wherever that is."""
        whole = self.given[name]
        if window == Window(0, 0, *whole.shape[2:]):
            return whole
        return _wrapped(whole, window)

    def draw(self, window: Window, *, channels: int, stage: int) -> FloatArray:
        """Noise `[1, channels, height, width]` of a window, which may reach over the border."""
        if not self.seamless:
            shape = (1, channels, window.height, window.width)
            return self.noise(shape, stage, window.top, window.left)
        if window.height * window.width >= self.height * self.width:
            # The canvas comes many times, and is drawn once.
            whole = self.noise((1, channels, self.height, self.width), stage, 0, 0)
            return _wrapped(whole, window)
        out = np.empty((1, channels, window.height, window.width), dtype=np.float32)
        torus = Lattice(self, height=self.height, width=self.width, halo=0)
        for piece in torus.pieces(window):
            shape = (1, channels, piece.height, piece.width)
            out[piece.target()] = self.noise(shape, stage, piece.block_top, piece.block_left)
        return out


@dataclass(frozen=True, slots=True)
class Piece:
    """The part of a window that lies in one block of a lattice."""

    block: tuple[int, int]
    """Row and column of the block in the lattice."""
    top: int
    """First row within the window."""
    left: int
    """First column within the window."""
    block_top: int
    """First row within the block."""
    block_left: int
    """First column within the block."""
    height: int
    width: int

    def target(self, scale: int = 1) -> tuple[Any, ...]:
        """Index of the piece in an array of the window, with `scale` pixels to one."""
        return _region(self.top, self.left, self.height, self.width, scale)

    def source(self, scale: int = 1) -> tuple[Any, ...]:
        """Index of the piece in an array of the block."""
        return _region(self.block_top, self.block_left, self.height, self.width, scale)


@dataclass(frozen=True, slots=True)
class _Cuts:
    """One axis of a lattice."""

    at: tuple[int, ...]
    """Ascending, from 0 to the size."""
    halo: int
    seen: int
    """Pixels that each block is made from."""
    seamless: bool

    @classmethod
    def of(cls, size: int, *, largest: int, halo: int, seamless: bool) -> _Cuts:
        if seamless:
            count = -(-size // largest)
            at = tuple(i * size // count for i in range(count + 1))
            return cls(at, halo, -(-size // count) + 2 * halo, seamless)
        if size <= largest + 2 * halo:
            return cls((0, size), halo, size, seamless)
        # The first and the last block need a halo on one side only, and are larger for it.
        count = -(-(size - 2 * halo) // largest)
        inner = -(-(size - 2 * halo) // count)
        at = (0, *(halo + i * inner for i in range(1, count)), size)
        return cls(at, halo, inner + 2 * halo, seamless)

    def span(self, block: int) -> tuple[int, int]:
        """`(start, length)` of a block."""
        return self.at[block], self.at[block + 1] - self.at[block]

    def seen_from(self, block: int) -> int:
        """Where that starts which a block is made from."""
        start = self.at[block] - self.halo
        return start if self.seamless else max(0, min(start, self.at[-1] - self.seen))


class Lattice:
    """A canvas cut into blocks. Depends on the canvas alone, not on what is asked of it.

    Args:
        canvas: What is cut.
        height: Rows of a block; those at the border may have more, by the halo.
        width: Columns of a block.
        halo: Pixels around a block that are needed to make it.
    """

    def __init__(self, canvas: Canvas, *, height: int, width: int, halo: int) -> None:
        """Cut into the fewest blocks, all of nearly the same size."""
        loop = canvas.seamless
        self._rows = _Cuts.of(canvas.height, largest=height, halo=halo, seamless=loop)
        self._columns = _Cuts.of(canvas.width, largest=width, halo=halo, seamless=loop)

    @property
    def shape(self) -> tuple[int, int]:
        """Blocks down and across."""
        return len(self._rows.at) - 1, len(self._columns.at) - 1

    def block(self, row: int, column: int) -> Window:
        """The window of one block."""
        top, height = self._rows.span(row)
        left, width = self._columns.span(column)
        return Window(top, left, height, width)

    def seen(self, row: int, column: int) -> Window:
        """The window that a block is made from: it and its halo, as far as there is canvas.

        All blocks have one of the same size, somewhat wider than needed if it must be: memory that
        was used for one then serves the next.
        """
        return Window(
            self._rows.seen_from(row),
            self._columns.seen_from(column),
            self._rows.seen,
            self._columns.seen,
        )

    def pieces(self, window: Window) -> Iterator[Piece]:
        """Walk over the blocks that a window touches, row by row; outside, they repeat."""
        for row, top, block_top, height in _spans(self._rows.at, window.top, window.height):
            for column, left, block_left, width in _spans(
                self._columns.at, window.left, window.width
            ):
                yield Piece((row, column), top, left, block_top, block_left, height, width)


def _spans(cuts: tuple[int, ...], start: int, length: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield `(block, offset in the window, offset in the block, length)` along one axis."""
    done = 0
    while done < length:
        at = (start + done) % cuts[-1]
        block = bisect_right(cuts, at) - 1
        count = min(cuts[block + 1] - at, length - done)
        yield block, done, at - cuts[block], count
        done += count


def _wrapped(whole: FloatArray, window: Window) -> FloatArray:
    """A window of a map whose copies lie edge to edge."""
    rows, columns = (
        np.arange(start, start + length) % size
        for start, length, size in (
            (window.top, window.height, whole.shape[2]),
            (window.left, window.width, whole.shape[3]),
        )
    )
    return np.ascontiguousarray(whole[:, :, rows[:, None], columns])


def _region(top: int, left: int, height: int, width: int, scale: int) -> tuple[Any, ...]:
    rows = slice(top * scale, (top + height) * scale)
    return (..., rows, slice(left * scale, (left + width) * scale))
