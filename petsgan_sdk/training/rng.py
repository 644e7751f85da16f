"""Random numbers of a step: a function of (seed, step, purpose), so that none of it is saved."""

from __future__ import annotations

from enum import IntEnum

import torch
from torch import Generator

__all__ = ["MAX_PURPOSES", "below", "fold_seed", "rng_for"]

MAX_PURPOSES = 16


def rng_for(seed: int, step: int, purpose: IntEnum) -> Generator:
    """Make the random number generator of one purpose in one step, on the CPU.

    Args:
        seed: Of the run.
        step: From 0.
        purpose: What the numbers are for; each has a stream of its own. A family names its own, 0
            to `MAX_PURPOSES` - 1: a run is of one family.
    """
    if not 0 <= purpose < MAX_PURPOSES:
        msg = f"a purpose must be from 0 to {MAX_PURPOSES - 1}, got {purpose!r}"
        raise ValueError(msg)
    # An odd multiplier takes seeds far apart; steps and purposes of one seed stay apart.
    number = fold_seed(seed) * 0x7F4A7C15 + step * MAX_PURPOSES + purpose
    return Generator().manual_seed(number % (1 << 32))


def fold_seed(seed: int) -> int:
    """Return 32 bits that depend on all of a seed: torch's generator on the CPU drops the rest."""
    return (seed + (seed >> 32) * 0x9E3779B1) % (1 << 32)


def below(bound: int, rng: Generator) -> int:
    """Draw an integer of 0 <= i < bound."""
    return int(torch.randint(bound, (1,), generator=rng))
