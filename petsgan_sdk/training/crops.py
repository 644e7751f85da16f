"""Crops of images and of their low-resolution maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Generator, Tensor

from petsgan_sdk.training.rng import below

__all__ = ["Crop"]


@dataclass(frozen=True, slots=True)
class Crop:
    """A rectangle of a map, in its pixels."""

    top: int
    left: int
    height: int
    width: int

    @classmethod
    def draw(cls, size: Sequence[int], wanted: tuple[int, int], rng: Generator) -> Crop:
        """Draw a place, all being as likely.

        Args:
            size: `(h, w)` of the map.
            wanted: `(h, w)` of the crop; a side that is longer than the map's, or 0, is the map's.
            rng: Decides the place; lives on the CPU.
        """
        height, width = (min(side or own, own) for side, own in zip(wanted, size, strict=True))
        top, left = below(size[0] - height + 1, rng), below(size[1] - width + 1, rng)
        return cls(top, left, height, width)

    def of(self, x: Tensor, scale: int = 1) -> Tensor:
        """Cut it out of `[N, C, scale h, scale w]`, a map or one of `scale` times its size."""
        rows = slice(scale * self.top, scale * (self.top + self.height))
        return x[:, :, rows, scale * self.left : scale * (self.left + self.width)]
