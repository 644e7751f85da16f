"""Whether images that are made in different ways are the same, before anything is timed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import petsgan_sdk
from petsgan_sdk._arrays import Array
from shared.harness import BenchmarkError

__all__ = ["agreement", "check_regions", "refuse_disagreement"]

_LEAST_CLOSE = 0.99
"""Share of pixels that may differ by one level at most. Between two patches that are almost equally
similar, float32 sums of another order choose the other one: then a small region differs visibly."""
_LEAST_EQUAL = 0.95
"""Share of pixels that must be the same; weights that are wrong by 2 % leave 0.8 and would pass
the other test."""
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


def agreement(differences: Sequence[Array]) -> dict[str, Any]:
    """How alike images are.

    Args:
        differences: Of each pair, `[H, W]`: the largest of the three channels, in levels of 255.
    """
    return {
        "images": len(differences),
        "least_share_within_1_level": min(float((d <= 1).mean()) for d in differences),
        "share_equal": float(np.mean([d == 0 for d in differences])),
        "max_levels": int(max(d.max() for d in differences)),
    }


def refuse_disagreement(checked: dict[str, Any], name: str, other: str) -> None:
    """Judge what `agreement` found.

    Raises:
        BenchmarkError: The two forms make different images.
    """
    close, equal = checked["least_share_within_1_level"], checked["share_equal"]
    if close < _LEAST_CLOSE or equal < _LEAST_EQUAL:
        msg = (
            f"{name} and {other} must agree within one level on {_LEAST_CLOSE:.0%} of "
            f"the pixels of every image and exactly on {_LEAST_EQUAL:.0%}, got {close:.2%} "
            f"and {equal:.2%}; nothing was timed"
        )
        raise BenchmarkError(msg, exit_code=4)
