"""How far apart two forms of a model may be, and the one place that refuses what is further."""

from __future__ import annotations

import numpy as np

from petsgan_sdk._arrays import Array
from petsgan_sdk.errors import ParityError

__all__ = [
    "HALF_PSNR_DB",
    "STEP_TOLERANCE",
    "TIE",
    "TORCH_TOLERANCE",
    "WHOLE_TOLERANCE",
    "Differences",
    "psnr_db",
    "relative_difference",
]

STEP_TOLERANCE = 1e-4
"""Of a float32 step that the same engine computes in another form, on the same inputs."""

TORCH_TOLERANCE = 1e-3
"""Of a step that torch computes. Features are scaled by the statistics of the photo, which enlarges
the rounding of either engine: on a photo of nearly one colour they were 4e-5 apart."""

WHOLE_TOLERANCE = 1e-3
"""Of a whole image: what a step is off passes through all steps behind it, and those of a pyramid
may enlarge it. An eighth of one step of a byte."""

TIE = 1e-5
"""Cosines this close count as equal, and either match is right. No kernel promises more: its match
is that of float64 wherever the two best cosines are further apart."""

HALF_PSNR_DB = 60.0
"""Least PSNR of half precision against float32 on the same inputs: less error than that of rounding
to 8 bits, which is 59 dB."""

_PEAK = 2.0
"""From black to white in a signed image."""

_EQUAL_DB = 200.0


def relative_difference(found: Array, expected: Array) -> float:
    """Largest difference, relative to the larger of 1 and the largest value expected.

    Returns:
        NaN if either is not a number somewhere; infinity if their shapes differ.
    """
    if found.shape != expected.shape:
        return float("inf")
    scale = max(1.0, float(np.abs(expected).max(initial=0)))
    return float(np.abs(found - expected).max(initial=0)) / scale


def psnr_db(found: Array, expected: Array) -> float:
    """PSNR of signed images in decibels; 200 is equality, minus infinity is not a number."""
    error = np.square(found.astype(np.float64) - expected.astype(np.float64)).mean()
    if not np.isfinite(error):
        return float("-inf")
    return min(_EQUAL_DB, float(10 * np.log10(_PEAK**2 / max(error, 1e-30))))


class Differences:
    """What two forms of a model differ by at one size; refuses what is over its limit.

    Args:
        size_px: `(height, width)` of the canvas, for messages.
        other: What is compared with, for messages.
    """

    def __init__(self, size_px: tuple[int, int], other: str) -> None:
        """Start with nothing found."""
        self._where = f"at {size_px[1]}x{size_px[0]}"
        self._other = other
        self.largest = 0.0
        """Of all steps in float32."""
        self.largest_in = ""
        """The step that has it; empty without one."""
        self.flipped_ties = 0
        """Matches that differ, all of them between ties."""
        self.half_psnr_db: float | None = None
        """Least PSNR of what is in half precision; None without any."""

    def add_step(self, what: str, difference: float, *, limit: float) -> None:
        """Take the difference of a float32 step.

        Raises:
            ParityError: It is over the limit, or not a number.
        """
        self.require_within(what, difference, limit=limit)
        if difference > self.largest or not self.largest_in:
            self.largest, self.largest_in = difference, what

    def add_half(self, what: str, decibels: float) -> None:
        """Take the PSNR of what is in half precision.

        Raises:
            ParityError: It is below `HALF_PSNR_DB`, or not a number.
        """
        if not decibels >= HALF_PSNR_DB:
            expected = f"at least {HALF_PSNR_DB:g} dB from float32"
            self._refuse(what, expected, f"{decibels:.1f}", is_half=True)
        known = self.half_psnr_db
        self.half_psnr_db = decibels if known is None else min(known, decibels)

    def require_within(self, what: str, difference: float, *, limit: float) -> None:
        """Refuse a difference that is no step's.

        Raises:
            ParityError: It is over the limit, or not a number.
        """
        if not difference <= limit:
            self._refuse(what, f"within {limit:g} of {self._other}", f"{difference:.3g}")

    def require_finite(self, what: str, array: Array) -> None:
        """Refuse NaN and infinity.

        Raises:
            ParityError: The array has one.
        """
        if not np.isfinite(array).all():
            self._refuse(what, "finite", "NaN or infinity", is_half=array.dtype == np.float16)

    def _refuse(self, what: str, expected: str, found: str, *, is_half: bool = False) -> None:
        hint = "; hint: --precision fp32" if is_half else ""
        msg = f"export: {what} {self._where} must be {expected}, got {found}; nothing was written"
        raise ParityError(msg + hint)
