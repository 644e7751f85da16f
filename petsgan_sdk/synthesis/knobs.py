"""What a caller may change when places are drawn."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Knobs", "Pin"]


@dataclass(frozen=True, slots=True)
class Pin:
    """A rectangle of the photo that stands on the canvas as it is."""

    top: int
    """Row of the canvas at which it begins."""
    left: int
    """Column of the canvas at which it begins."""
    photo_top: int
    """First row of the photo that is shown."""
    photo_left: int
    """First column of the photo that is shown."""
    height: int
    width: int


@dataclass(frozen=True, slots=True)
class Knobs:
    """How places are drawn; the defaults are those of a plain sample."""

    variation: float = 1.0
    """How far places are moved at random: 0 gives the photo back on a canvas of its size."""
    fill: float = 1.0
    """How much prices count: at 0 quiet areas grow and things become rare."""
    pins: tuple[Pin, ...] = ()
    """Parts of the photo that stand as they are, none over another."""
