"""Regions of a canvas against those parts of its stream: tiles must be the whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from _harness import BenchmarkError

import petsgan_sdk

__all__ = ["check_regions"]

_CHECKED = (1039, 2063)
"""`(height, width)` of the canvas whose regions are compared: primes, several blocks."""
_REGIONS = ((0, 0, 7, 9), (511, 1021, 5, 13), (300, 0, 1, 2063), (1038, 2062, 1, 1))
"""`(top, left, h, w)`."""


def check_regions(bundle: Path, threads: int) -> dict[str, Any]:
    """Compare regions with those parts of the whole canvas.

    Raises:
        BenchmarkError: One byte differs.
    """
    sampler = petsgan_sdk.load(bundle, provider="cpu", threads=threads)
    height, width = _CHECKED
    whole = np.concatenate(list(sampler.stream(height, width, 7)))
    for top, left, h, w in _REGIONS:
        region = sampler.region(height, width, top, left, h, w, 7)
        if not np.array_equal(region, whole[top : top + h, left : left + w]):
            msg = (
                f"region {w}x{h} at ({left}, {top}) must be the bytes of that part of the "
                f"{width}x{height} canvas, but it differs; nothing was timed"
            )
            raise BenchmarkError(msg, exit_code=4)
    return {"regions_equal": len(_REGIONS), "canvas": [width, height]}
