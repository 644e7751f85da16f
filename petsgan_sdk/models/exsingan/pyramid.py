"""Levels of an image pyramid: their sizes by the papers' rules, and the photo at each.

Imports numpy and the base of the SDK only.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from petsgan_sdk.errors import ConfigError
from petsgan_sdk.imaging import resize

__all__ = ["MIN_LEVEL_PX", "Rescale", "build_pyramid", "level_sizes"]

Rescale = Literal["exsingan", "consingan", "singan"]
Size = tuple[int, int]

MIN_LEVEL_PX = 8
"""Least side of a level: a stage that sees 11 pixels has nothing to learn from less."""


def level_sizes(
    height: int, width: int, *, count: int, coarsest_px: int, rescale: Rescale
) -> tuple[Size, ...]:
    """Sizes of all levels, the coarsest first; the last is the image itself.

    With N = `count` - 1 and r = (coarsest / shorter side)^(1/N), level s < N has the image's sides
    times

    - `exsingan`: r^N (1 + s t + s (s-1)(s-2) t^3 / 2), t = 1/r - 1, of the ExSinGAN paper;
    - `consingan`: r^(1 + log(N - s) (N - 1) / log N), of the ConSinGAN paper;
    - `singan`: r^(N - s), each level 1/r times the one before.

    The first two have more of their levels at low resolution, where structure is made.

    Sides are rounded to the nearest pixel, where the public code cuts the fraction off and arrives
    at 31 for many images.

    Args:
        height: Of the image in pixels.
        width: Of the image in pixels.
        count: Number of levels, at least 1.
        coarsest_px: Shorter side of the coarsest level; for small images at most half of theirs.
        rescale: The rule.

    Returns:
        `(h, w)` for each level.

    Raises:
        ConfigError: A level would have a side below 8 pixels, or one is larger than the next; the
            message names it.
    """
    steps = count - 1
    if steps == 0:
        return ((height, width),)
    short = min(height, width)
    ratio = (min(coarsest_px, short / 2) / short) ** (1 / steps)
    share = _RULES[rescale]
    sizes = [
        (round(height * share(s, steps, ratio)), round(width * share(s, steps, ratio)))
        for s in range(steps)
    ]
    sizes.append((height, width))
    _check(sizes)
    return tuple(sizes)


def build_pyramid(rgb: npt.NDArray[np.uint8], sizes: Sequence[Size]) -> list[npt.NDArray[np.uint8]]:
    """Resize a photo to every level, each from the photo itself by the mean over areas.

    Args:
        rgb: `[H, W, 3]` uint8.
        sizes: `(h, w)` for each level, none larger than the photo.

    Returns:
        `[h, w, 3]` uint8 for each.
    """
    own = rgb.shape[:2]
    return [
        rgb if (height, width) == own else resize(rgb, (width, height), method="area")
        for height, width in sizes
    ]


def _exsingan(level: int, steps: int, ratio: float) -> float:
    t = 1 / ratio - 1
    curve = 1 + level * t + level * (level - 1) * (level - 2) / 2 * t**3
    return float(ratio**steps * curve)


def _consingan(level: int, steps: int, ratio: float) -> float:
    # One step has one level below the image, and log 1 = 0 below the line.
    power = 1 + math.log(steps - level) * (steps - 1) / math.log(steps) if steps > 1 else 1.0
    return float(ratio**power)


def _singan(level: int, steps: int, ratio: float) -> float:
    return float(ratio ** (steps - level))


_RULES: dict[Rescale, Callable[[int, int, float], float]] = {
    "exsingan": _exsingan,
    "consingan": _consingan,
    "singan": _singan,
}


def _check(sizes: Sequence[Size]) -> None:
    for number, (height, width) in enumerate(sizes):
        if min(height, width) < MIN_LEVEL_PX:
            msg = (
                f"pyramid: every level must have sides of at least {MIN_LEVEL_PX} px, got level "
                f"{number} of {width}x{height}; hint: a larger pyramid.coarsest_px or photo"
            )
            raise ConfigError(msg)
    for number, (size, following) in enumerate(itertools.pairwise(sizes)):
        if size[0] > following[0] or size[1] > following[1]:
            msg = (
                f"pyramid: levels must grow, got level {number} of {size[1]}x{size[0]} before "
                f"{following[1]}x{following[0]}; hint: fewer stages or another --rescale"
            )
            raise ConfigError(msg)
