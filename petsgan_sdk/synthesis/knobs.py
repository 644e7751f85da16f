"""What a caller may change when places are drawn."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["MAX_FILL", "Knobs", "Pin", "PinnedRect"]

MAX_FILL = 4.0
"""Of `Knobs.fill`: bundles whose prices allow no more are refused."""


@dataclass(frozen=True, slots=True)
class Pin:
    """A rectangle of the photo that stands on the canvas as it is, at the photo's own scale.

    Its pixels are the photo's own bytes, but for those near its border, whose seam is closed.
    """

    left: int
    """Column of the canvas at which it begins; on a seamless canvas anywhere."""
    top: int
    """Row of the canvas at which it begins; on a seamless canvas anywhere."""
    photo_left: int = 0
    """First column of the photo that is shown."""
    photo_top: int = 0
    """First row of the photo that is shown."""
    width: int | None = None
    """Columns that are shown; None for all that follow."""
    height: int | None = None
    """Rows that are shown; None for all that follow."""


@dataclass(frozen=True, slots=True)
class PinnedRect:
    """A pin that was checked, with its size."""

    top: int
    left: int
    photo_top: int
    photo_left: int
    height: int
    width: int


@dataclass(frozen=True, slots=True)
class Knobs:
    """How places are drawn; the defaults are those of a plain sample."""

    variation: float = 1.0
    """How far places are moved at random: 0 gives the photo back on a canvas of its size."""
    fill: float = 1.0
    """How much prices count: at 0 quiet areas grow and things become rare."""
    pins: tuple[PinnedRect, ...] = ()
    """Parts of the photo that stand as they are, none over another."""
