"""What a strength from 0 to 1 means for a model: where it takes over, and how much of it is kept.

A pyramid (ExSinGAN) has many places to take over, and the strength picks one: the coarser the
stage, the more it may change. PetsGAN has one, and the strength decides how much of what it makes
is kept, colours and detail apart: its layout has one cell for a block of pixels, and what such
cells can show is called colours here, the rest detail.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from petsgan_sdk.manifest import BundleManifest
from petsgan_sdk.runtime.checks import check_number
from petsgan_sdk.runtime.entries import require_entries

__all__ = ["Freedom", "freedom"]

Part = Literal["colours", "detail"]


@dataclass(frozen=True, slots=True)
class Freedom:
    """What a model may change."""

    start_stage: int
    """The stage that continues from the input, from 1."""
    colours: float
    """0..1: how much of the model's colours replaces the input's."""
    detail: float
    """0..1: how much of the model's detail replaces the input's."""
    note: str
    """The same for people."""


def freedom(manifest: BundleManifest, strength: float, *, first: Part) -> Freedom:
    """Translate a strength.

    With N > 1 entries: stage `N + 1 - ceil(N strength)`, all of whose result is kept; below 1 / N
    the last stage, of whose result `N strength` is kept. With one entry: `first` comes in from 0 to
    0.5, the other part from 0.5 to 1.

    Args:
        manifest: Of the bundle.
        strength: 0..1; at 0 nothing changes.
        first: What changes first where there is one entry.

    Raises:
        ConfigError: The strength is out of range.
        BundleError: No stage of the bundle can start from an image.
    """
    strength = check_number(strength, "strength", low=0, high=1)
    entries = len(require_entries(manifest))
    if entries > 1:
        steps = max(1, math.ceil(entries * strength))
        kept = min(1.0, entries * strength)
        start = entries + 1 - steps
        return Freedom(start, kept, kept, f"started at stage {start} of {entries}")
    early, late = min(1.0, 2 * strength), max(0.0, 2 * strength - 1)
    colours, detail = (early, late) if first == "colours" else (late, early)
    return Freedom(1, colours, detail, f"kept {colours:.0%} of new colours, {detail:.0%} of detail")
