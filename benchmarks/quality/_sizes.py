"""Sizes that samples are judged at, each said relative to the photo."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from petsgan_sdk.manifest import BundleManifest

__all__ = ["AS_PHOTO", "Size", "parse_canvas"]

_SEAMLESS = "seamless"
_MOST = 16.0
"""Times the photo, or to 1: what one can look at, and near repeats finish on."""


@dataclass(frozen=True, slots=True)
class Size:
    """A canvas for every photo."""

    name: str
    """As it was asked for: a factor, an aspect, or `seamless`."""
    factor: float = 1.0
    """Of both sides of the photo."""
    aspect: tuple[float, float] | None = None
    """Times the photo's width and its height instead; the smaller one is 1."""
    seamless: bool = False
    """Whether copies can be laid edge to edge."""

    def canvas(self, manifest: BundleManifest) -> tuple[int, int]:
        """`(height, width)` in pixels for the photo of a bundle."""
        height, width = manifest.image_size_px
        if self.aspect is not None:
            across, down = self.aspect
            return round(down * height), round(across * width)
        height, width = round(height * self.factor), round(width * self.factor)
        if not self.seamless:
            return height, width
        multiple, least = manifest.factor, manifest.min_canvas_px
        fitted = [
            max(-(-least // multiple), round(side / multiple)) * multiple
            for side in (height, width)
        ]
        return fitted[0], fitted[1]


AS_PHOTO = Size("1")


def parse_canvas(text: str) -> Size:
    """`2.5`, `3:1` (times the width, and the height) or `seamless`; for argparse's `type`."""
    if text == _SEAMLESS:
        return Size(text, seamless=True)
    try:
        numbers = [float(part) for part in text.split(":")]
    except ValueError:
        numbers = []
    if len(numbers) not in (1, 2) or not all(0 < number <= _MOST for number in numbers):
        msg = f"must be a factor such as 2.5, an aspect such as 3:1, or {_SEAMLESS}, got {text!r}"
        raise argparse.ArgumentTypeError(msg)
    if len(numbers) == 1:
        return AS_PHOTO if numbers[0] == 1 else Size(text, factor=numbers[0])
    across, down = (number / min(numbers) for number in numbers)
    if max(across, down) > _MOST:
        msg = f"must be an aspect of up to {_MOST:.0f}, got {text!r}"
        raise argparse.ArgumentTypeError(msg)
    return Size(text, aspect=(across, down))
