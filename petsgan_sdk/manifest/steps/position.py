"""A step of kind `position`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from petsgan_sdk.manifest.fields import (
    MAX_SIDE_PX,
    NARROW_MARGIN,
    Shape,
    require_level,
)
from petsgan_sdk.manifest.steps.step import Step
from petsgan_sdk.settings.typed import require

__all__ = ["PositionStep"]

_MAX_FREQUENCY = 1e6
"""Radians per pixel; more than pi is no wave that pixels show, and infinity has no sine."""


@dataclass(frozen=True, slots=True)
class PositionStep(Step):
    """Make the positional encoding `[1, 4 F, h + 2 margin, w + 2 margin]` of F frequencies."""

    runner = "petsgan_sdk.runtime.rendering.steps.position:RunPosition"
    exporter = "petsgan_sdk.export.steps.position:ExportPosition"
    says_level = True
    cuts_margins = True

    output: str
    """Name of the tensor."""
    frequencies: tuple[float, ...]
    """Angular frequencies in radians per low-resolution pixel."""
    extent: tuple[int, int] | None = None
    """`(h, w)` of training that every canvas is stretched over; None counts plain pixels."""
    margin: int = 0
    """Pixels beyond the grid on every side."""
    level: int | None = None
    """Which grid: a level, or None for the base grid."""
    kind: Literal["position"] = "position"

    def __post_init__(self) -> None:
        """Check the ranges."""
        Step.__post_init__(self)
        require_level(self, "level")
        is_some = 1 <= len(self.frequencies) <= 64
        is_wave = is_some and all(abs(f) <= _MAX_FREQUENCY for f in self.frequencies)
        expected = f"1 to 64 numbers of at most {_MAX_FREQUENCY:g}"
        require(self, "frequencies", is_wave, expected=expected)
        is_sized = self.extent is None or all(1 <= side <= MAX_SIDE_PX for side in self.extent)
        require(self, "extent", is_sized, expected=f"null or sides from 1 to {MAX_SIDE_PX}")
        is_narrow = 0 <= self.margin <= NARROW_MARGIN
        require(self, "margin", is_narrow, expected=f"0 to {NARROW_MARGIN}")

    def channels_made(self, constants: Mapping[str, Shape]) -> int:  # noqa: ARG002
        """Sine and cosine of both axes for each frequency."""
        return 4 * len(self.frequencies)
