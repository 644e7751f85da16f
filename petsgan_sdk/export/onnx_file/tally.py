"""Limits of a comparison, and what was found within them."""

from __future__ import annotations

import numpy as np

from petsgan_sdk._arrays import Array
from petsgan_sdk.errors import ParityError

__all__ = ["HALF_PSNR_DB", "TOLERANCE", "WHOLE_TOLERANCE", "Tally"]

TOLERANCE = 1e-4
"""Largest difference of a float32 step, relative to the larger of 1 and its largest value."""

WHOLE_TOLERANCE = 1e-3
"""The same of the whole image: what a step is off passes through all steps behind it, and those of
a pyramid may enlarge it. An eighth of one step of a byte."""

HALF_PSNR_DB = 60.0
"""Least PSNR of a half-precision network against float32 on the same inputs: less error than that
of rounding to 8 bits, which is 59 dB."""


class Tally:
    """What was found at one size; refuses what is over a limit.

    Args:
        size_px: `(height, width)` of the canvas, for messages.
    """

    def __init__(self, size_px: tuple[int, int]) -> None:
        """Start with nothing found."""
        self._where = f"at {size_px[1]}x{size_px[0]}"
        self.worst = 0.0
        """Largest difference of a float32 step."""
        self.flipped = 0
        """Matches that differ between ties."""
        self.half_psnr_db: float | None = None
        """Least PSNR of what is in half precision."""

    def note(self, what: str, difference: float, *, limit: float = TOLERANCE) -> None:
        """Take the difference of a float32 step.

        Raises:
            ParityError: It is over the limit, or not a number.
        """
        if not difference <= limit:
            self._refuse(what, f"within {limit:g} of the runtime", f"{difference:.3g}")
        self.worst = max(self.worst, difference)

    def note_whole(self, what: str, difference: float) -> None:
        """Take the difference of a whole image in float32.

        Raises:
            ParityError: It is over the limit, or not a number.
        """
        if not difference <= WHOLE_TOLERANCE:
            self._refuse(what, f"within {WHOLE_TOLERANCE:g} of the runtime", f"{difference:.3g}")

    def note_half(self, what: str, decibels: float) -> None:
        """Take the PSNR of what is in half precision.

        Raises:
            ParityError: It is too low.
        """
        if not decibels >= HALF_PSNR_DB:
            limit = f"at least {HALF_PSNR_DB:g} dB from float32"
            self._refuse(what, limit, f"{decibels:.1f}; hint: --precision fp32")
        known = self.half_psnr_db
        self.half_psnr_db = decibels if known is None else min(known, decibels)

    def require_finite(self, name: str, tensor: Array) -> None:
        """Refuse NaN and infinity.

        Raises:
            ParityError: The tensor has one.
        """
        if not np.isfinite(tensor).all():
            hint = "; hint: --precision fp32" if tensor.dtype == np.float16 else ""
            self._refuse(f"tensor {name!r}", "finite", f"NaN or infinity{hint}")

    def _refuse(self, what: str, expected: str, found: str) -> None:
        msg = f"export: {what} {self._where} must be {expected}, got {found}"
        raise ParityError(msg)
