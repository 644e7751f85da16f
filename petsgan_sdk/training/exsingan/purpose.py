"""What the random numbers of a step are for."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["Purpose"]


class Purpose(IntEnum):
    """Each has a stream of its own."""

    LAYOUT = 0
    PRIOR = 1
    FRESH = 2
    FRESH_CROP = 3
    REAL = 4
    FIXED_CROP = 5
    PENALTY = 6
    POOL = 7
