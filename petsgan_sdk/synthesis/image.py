"""A whole image of a fitted photo from a seed, without a bundle."""

from __future__ import annotations

import numpy as np

from petsgan_sdk import kernels
from petsgan_sdk._arrays import FloatArray
from petsgan_sdk.settings.synthesis import SynthesisSettings
from petsgan_sdk.synthesis.field import Draw, PlaceField
from petsgan_sdk.synthesis.photo import PhotoLevels

__all__ = ["draw_of", "drawn_image"]


def draw_of(seed: int) -> Draw:
    """Where the randomness of a seed comes from: a function of coordinates."""

    def draw(stage: int, _size: tuple[int, int], area: tuple[int, int, int, int]) -> FloatArray:
        top, left, height, width = area
        shape = (1, 2, height, width)
        drawn = kernels.normal_noise(shape, seed=seed, stage=stage, top=top, left=left)
        return np.asarray(drawn[0])

    return draw


def drawn_image(
    levels: PhotoLevels,
    settings: SynthesisSettings,
    *,
    height: int,
    width: int,
    seed: int,
    threads: int = 1,
) -> FloatArray:
    """Draw places and make them an image.

    Args:
        levels: The photo.
        settings: How places are drawn and made an image.
        height: In pixels.
        width: In pixels.
        seed: 0 to 2**64 - 1.
        threads: Threads of the kernels.

    Returns:
        `[3, height, width]` float32 in [-1, 1], but for what overshoots.
    """
    field = PlaceField(
        levels, settings.places, height=height, width=width, draw=draw_of(seed), threads=threads
    )
    composite = settings.composite
    return kernels.composite_places(
        field.window(0, 0, height, width),
        levels.photo,
        screening=composite.screening,
        slowest=composite.slowest,
        steps=composite.steps,
        softness=composite.softness,
        threads=threads,
    )
