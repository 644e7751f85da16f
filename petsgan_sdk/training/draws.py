"""Random numbers of a step: a function of (seed, step, purpose), so that none of it is saved."""

from __future__ import annotations

from enum import IntEnum

import torch
from torch import Generator

__all__ = ["Purpose", "below", "draw_for", "fold_seed"]


class Purpose(IntEnum):
    """What a step's random numbers are for; each has a stream of its own."""

    LAYOUT = 0
    PRIOR = 1
    FRESH = 2
    FRESH_CROP = 3
    REAL = 4
    NOISY = 5
    NOISY_CROP = 6
    POOL = 7


def draw_for(seed: int, step: int, purpose: Purpose) -> Generator:
    """Make the generator of one purpose in one step, on the CPU."""
    # An odd multiplier takes seeds far apart; steps and purposes of one seed stay apart.
    return Generator().manual_seed((fold_seed(seed) * 0x7F4A7C15 + step * 16 + purpose) % (1 << 32))


def fold_seed(seed: int) -> int:
    """Return 32 bits that depend on all of a seed: torch's generator on the CPU drops the rest."""
    return (seed + (seed >> 32) * 0x9E3779B1) % (1 << 32)


def below(bound: int, draw: Generator) -> int:
    """Draw an integer of 0 <= i < bound."""
    return int(torch.randint(bound, (1,), generator=draw))
