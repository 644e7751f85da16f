"""A canvas, windows of it, and the lattice of blocks that it is made in; numpy only.

All sizes are in low-resolution pixels. On a seamless canvas coordinates count modulo its size, so
that a window may lie anywhere.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Canvas", "FloatArray", "Lattice", "NoiseSource", "Piece", "Window"]

FloatArray = np.ndarray[Any, np.dtype[np.float32]]

NoiseSource = Callable[[tuple[int, int, int, int], int, int, int], FloatArray]
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
    """What a run is given: the size of the low-resolution grid, and the noise."""

    height: int
    """h: canvas height divided by the bundle's factor."""
    width: int
    """w: canvas width divided by the bundle's factor."""
    noise: NoiseSource
    release: bool = False
    """Whether the graphs give their scratch memory back: for canvases that are rarely so large."""
    seamless: bool = False
    """Whether it continues at its other side, so that copies of it can be laid edge to edge."""

    @property
    def whole(self) -> Window:
        """The window that is all of it."""
        return Window(0, 0, self.height, self.width)

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

    def draw(self, window: Window, *, channels: int, stage: int) -> FloatArray:
        """Noise `[1, channels, height, width]` of a window, which may reach over the border."""
        if not self.seamless:
            shape = (1, channels, window.height, window.width)
            return self.noise(shape, stage, window.top, window.left)
        out = np.empty((1, channels, window.height, window.width), dtype=np.float32)
        torus = Lattice((0, self.height), (0, self.width))
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


class Lattice:
    """A canvas cut into blocks. Depends on the size of the canvas alone.

    Args:
        rows: Ascending cuts from 0 to the height.
        columns: Ascending cuts from 0 to the width.
    """

    def __init__(self, rows: tuple[int, ...], columns: tuple[int, ...]) -> None:
        """Keep the cuts."""
        self._rows = rows
        self._columns = columns

    @classmethod
    def of(cls, canvas: Canvas, *, height: int, width: int) -> Lattice:
        """Cut into the fewest blocks of at most `height` x `width`, all of nearly the same size."""
        return cls(_cuts(canvas.height, height), _cuts(canvas.width, width))

    @property
    def shape(self) -> tuple[int, int]:
        """Blocks down and across."""
        return len(self._rows) - 1, len(self._columns) - 1

    def block(self, row: int, column: int) -> Window:
        """The window of one block."""
        top, bottom = self._rows[row : row + 2]
        left, right = self._columns[column : column + 2]
        return Window(top, left, bottom - top, right - left)

    def pieces(self, window: Window) -> Iterator[Piece]:
        """Walk over the blocks that a window touches, row by row; outside, they repeat."""
        for row, top, block_top, height in _spans(self._rows, window.top, window.height):
            for column, left, block_left, width in _spans(self._columns, window.left, window.width):
                yield Piece((row, column), top, left, block_top, block_left, height, width)


def _cuts(size: int, largest: int) -> tuple[int, ...]:
    count = -(-size // largest)
    return tuple(i * size // count for i in range(count + 1))


def _spans(cuts: tuple[int, ...], start: int, length: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield `(block, offset in the window, offset in the block, length)` along one axis."""
    done = 0
    while done < length:
        at = (start + done) % cuts[-1]
        block = bisect_right(cuts, at) - 1
        count = min(cuts[block + 1] - at, length - done)
        yield block, done, at - cuts[block], count
        done += count


def _region(top: int, left: int, height: int, width: int, scale: int) -> tuple[Any, ...]:
    rows = slice(top * scale, (top + height) * scale)
    return (..., rows, slice(left * scale, (left + width) * scale))
