"""Numbers of any range to 8 bits: by the range that their kind has, or else by the one they have.

This module imports the standard library and numpy only.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Scaling", "UnusableImageError", "measured", "table"]

Levels = npt.NDArray[np.uint8]


class UnusableImageError(Exception):
    """The image cannot be used; its arguments are what was expected and what was found."""


def table(
    full: int, curve: npt.NDArray[np.float64] | None = None, *, is_negative: bool = False
) -> Levels:
    """The 8-bit level of each number from 0 to `full`.

    Args:
        full: The number that is white.
        curve: sRGB's grey 0..1 by a grey of 16 bits, as a profile has it.
        is_negative: Whether `full` is black instead.
    """
    numbers = np.arange(full + 1)
    scaled = numbers * (255.0 / full)
    if curve is not None:
        scaled = 255.0 * np.interp(numbers / full, np.linspace(0, 1, len(curve)), curve)
    levels: Levels = np.floor(scaled + 0.5).astype(np.uint8)
    return levels[::-1].copy() if is_negative else levels


@dataclass(frozen=True, slots=True)
class Scaling:
    """How numbers become levels."""

    full: float
    """The number that is white."""
    low: float = 0.0
    """The number that is black."""
    curve: npt.NDArray[np.float64] | None = None
    is_negative: bool = False
    is_measured: bool = False

    def levels(self, numbers: npt.NDArray[Any]) -> Levels:
        """Scale an array of any shape."""
        if not self.is_measured and numbers.dtype.kind == "u":
            found: Levels = table(int(self.full), self.curve, is_negative=self.is_negative)[numbers]
            return found
        scaled = numbers.astype(np.float64)
        scaled -= self.low
        scaled *= 255.0 / max(self.full - self.low, 1e-300)
        scaled += 0.5
        levels: Levels = np.clip(np.floor(scaled, out=scaled), 0, 255, out=scaled).astype(np.uint8)
        if self.curve is not None:
            levels = table(255, self.curve)[levels]
        return ~levels if self.is_negative else levels

    def note(self, kind: str, numbers: str, becomes: str = " and converted to RGB") -> str:
        """A clause on it: `kind` names numbers of a known range, `numbers` the others."""
        given = f"{numbers} from {self.low:g} to {self.full:g} were" if self.is_measured else kind
        return f"{given} scaled to 8{' bits' if becomes or self.is_measured else ''}{becomes}"


def measured(
    bands: Iterable[tuple[int, npt.NDArray[Any]]], *, is_negative: bool = False
) -> Scaling:
    """Scaling of numbers by their least and their largest.

    Raises:
        UnusableImageError: One of them is infinite or no number.
    """
    low, high = np.inf, -np.inf
    for _, band in bands:
        least, most = float(band.min()), float(band.max())
        if not np.isfinite(least) or not np.isfinite(most):
            msg = "an image of finite values"
            raise UnusableImageError(msg, "infinity or NaN")
        low, high = min(low, least), max(high, most)
    return Scaling(high, low, is_negative=is_negative, is_measured=True)
