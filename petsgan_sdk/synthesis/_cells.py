"""A lattice of cells over a level that is too large to be made at once.

Corrections of a coarse level see far, so that a block which needs to be right to the last pixel
would need a margin many times its size. Here the canvas is cut along a fixed lattice instead. Where
two of its lines cross, a square is made from what lies around it; then the strips between squares,
whose ends are given; then what four strips enclose, all of whose border is given. Each cell fits to
those made before it, nothing is made twice, and a pixel depends on its own surroundings only.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from petsgan_sdk.synthesis._rects import Rect

__all__ = ["Cell", "Cells"]

_LINES_PX, _STRIPS = 32, 8
"""About the distance of lines: at least so many pixels, and so many times half a strip."""


@dataclass(frozen=True, slots=True)
class _Axis:
    """One axis cut into strips and what lies between them, by turns."""

    starts: tuple[int, ...]
    """First pixel of each span, and the end of the last."""
    first_is_strip: bool
    size: int
    seamless: bool

    @classmethod
    def of(cls, size: int, half: int, *, seamless: bool) -> _Axis:
        """Cut.

        Args:
            size: Of the axis.
            half: Half the width of a strip.
            seamless: Whether there is a strip where the axis closes.
        """
        lines = max(1, size // max(_LINES_PX, _STRIPS * half))
        cuts = [index * size // lines for index in range(0 if seamless else 1, lines)]
        starts = [edge for cut in cuts for edge in (cut - half, cut + half)]
        if seamless:
            return cls((*starts, size - half), True, size, seamless)
        return cls((0, *starts, size), False, size, seamless)

    @property
    def count(self) -> int:
        return len(self.starts) - 1

    def is_strip(self, span: int) -> bool:
        return (span % 2 == 0) == self.first_is_strip

    def spans(self, start: int, length: int) -> Iterator[tuple[int, int, int, int]]:
        """Cut a range: `(offset, span, first within the axis, count)`."""
        done = 0
        while done < length:
            at = start + done
            if self.seamless:
                at = (at - self.starts[0]) % self.size + self.starts[0]
            span = bisect_right(self.starts, at) - 1
            count = min(length - done, self.starts[span + 1] - at)
            yield done, span, at, count
            done += count


@dataclass(frozen=True, slots=True)
class Cell:
    """Where a span of rows crosses one of columns."""

    row: int
    column: int


class Cells:
    """The lattice of one level.

    Args:
        size: `(rows, columns)` of the level.
        half: Half the width of a strip: what one subpass sees.
        seamless: Whether the canvas is a torus.
    """

    def __init__(self, size: tuple[int, int], half: int, *, seamless: bool) -> None:
        """Cut both axes."""
        self._rows = _Axis.of(size[0], half, seamless=seamless)
        self._columns = _Axis.of(size[1], half, seamless=seamless)

    def rect(self, cell: Cell) -> Rect:
        """Its pixels; on a torus the first may be before the canvas's own."""
        rows, columns = self._rows.starts, self._columns.starts
        return Rect.between(
            rows[cell.row], columns[cell.column], rows[cell.row + 1], columns[cell.column + 1]
        )

    def rank(self, cell: Cell) -> int:
        """0 for a square, 1 for a strip, 2 for what they enclose: lower ones are made first."""
        return 2 - self._rows.is_strip(cell.row) - self._columns.is_strip(cell.column)

    def over(self, rect: Rect) -> Iterator[tuple[Cell, Rect, Rect]]:
        """The cells under a rectangle: each, the part of the rectangle, and of the cell."""
        for down, row, y, height in self._rows.spans(*rect.rows):
            for across, column, x, width in self._columns.spans(*rect.columns):
                here = Rect(rect.top + down, rect.left + across, height, width)
                yield Cell(row, column), here, Rect(y, x, height, width)
