"""Rectangles of a level, and how a torus cuts them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Rect", "runs"]


@dataclass(frozen=True, slots=True)
class Rect:
    """Pixels of one level of a canvas."""

    top: int
    left: int
    height: int
    width: int

    @classmethod
    def between(cls, top: int, left: int, bottom: int, right: int) -> Rect:
        """From its first row and column to those behind its last."""
        return cls(top, left, bottom - top, right - left)

    @property
    def bottom(self) -> int:
        """One past the last row."""
        return self.top + self.height

    @property
    def right(self) -> int:
        """One past the last column."""
        return self.left + self.width

    @property
    def rows(self) -> tuple[int, int]:
        """First row and number."""
        return self.top, self.height

    @property
    def columns(self) -> tuple[int, int]:
        """First column and number."""
        return self.left, self.width

    def grown(self, by: int, size: tuple[int, int], *, seamless: bool) -> Rect:
        """With `by` more on every side, as far as there is canvas."""
        top, left, bottom, right = (
            self.top - by,
            self.left - by,
            self.bottom + by,
            self.right + by,
        )
        if not seamless:
            top, left = max(0, top), max(0, left)
            bottom, right = min(size[0], bottom), min(size[1], right)
        return Rect.between(top, left, bottom, right)

    def part(self, inner: Rect) -> tuple[slice, slice]:
        """Index of a rectangle that lies in this one, in an array of this one."""
        y, x = inner.top - self.top, inner.left - self.left
        return slice(y, y + inner.height), slice(x, x + inner.width)


def runs(start: int, length: int, size: int) -> Iterator[tuple[int, int, int]]:
    """Cut a range where a torus of this size closes: `(offset, first within the size, count)`."""
    done = 0
    while done < length:
        at = (start + done) % size
        count = min(length - done, size - at)
        yield done, at, count
        done += count
