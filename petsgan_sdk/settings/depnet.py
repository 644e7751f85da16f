"""The settings of a DEPNet: PetsGAN's, and the structural GAN of ExSinGAN."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from petsgan_sdk.settings.typed import require

__all__ = ["DepnetSettings"]

_SLOWEST = 0.001
"""A slower first frequency shows no border: its cosine there is 1, which is divided by."""


@dataclass(frozen=True, slots=True)
class DepnetSettings:
    """DEPNet, noise and positions to a layout."""

    width: int
    """Channels of the wide layers."""
    norm: bool
    """Norm in the middle layers (PetsGAN: instance, ExSinGAN: batch), frozen in the end."""
    displacement: float
    """Strength of the field by which noise moves positions; 0 concatenates noise instead."""
    positions: Literal["absolute", "relative"]
    """`absolute`: pixels count on beyond the trained size, frequencies in radians per pixel.
    `relative`: any canvas spans the trained positions; in half turns per longer trained side."""
    frequencies: tuple[float, ...]
    """Frequencies of the positional encoding."""
    modes: int = 0
    """Layouts that noise chooses among, 0 to 256; 0 knows one, which is moved."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        require(self, "width", 2 <= self.width <= 1024, expected="from 2 to 1024")
        require(self, "displacement", 0 <= self.displacement <= 2, expected="from 0 to 2")
        is_some = 1 <= len(self.frequencies) <= 32 and min(self.frequencies) > 0
        require(self, "frequencies", is_some, expected="1 to 32 positive numbers")
        if self.displacement > 0:  # it fades out at the border, which the first frequency shows
            relative = "'relative' where displacement is above 0"
            require(self, "positions", self.positions == "relative", expected=relative)
            is_slow = _SLOWEST <= self.frequencies[0] <= 1
            expected = f"from {_SLOWEST} to 1 in the first place where displacement is above 0"
            require(self, "frequencies", is_slow, expected=expected)
        is_moved = self.modes == 0 or (1 <= self.modes <= 256 and self.displacement > 0)
        require(self, "modes", is_moved, expected="0, or 1 to 256 with displacement above 0")
