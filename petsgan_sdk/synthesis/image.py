"""Whole images of a fitted photo from seeds, without a bundle."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from petsgan_sdk import kernels
from petsgan_sdk._arrays import FloatArray
from petsgan_sdk.settings.synthesis import SynthesisSettings
from petsgan_sdk.synthesis.field import Draw, PlaceField
from petsgan_sdk.synthesis.photo import PhotoFit, PhotoLevels

__all__ = ["draw_of", "drawn_images"]


def draw_of(seed: int) -> Draw:
    """Where the randomness of a seed comes from: a function of coordinates."""

    def draw(stage: int, _size: tuple[int, int], area: tuple[int, int, int, int]) -> FloatArray:
        top, left, height, width = area
        shape = (1, 2, height, width)
        drawn = kernels.normal_noise(shape, seed=seed, stage=stage, top=top, left=left)
        return np.asarray(drawn[0])

    return draw


def drawn_images(
    fit: PhotoFit,
    settings: SynthesisSettings,
    seeds: Sequence[int],
    *,
    height: int,
    width: int,
    threads: int = 1,
) -> list[FloatArray]:
    """Draw places for each seed and make them an image.

    Args:
        fit: The photo.
        settings: How places are drawn and made an image.
        seeds: 0 to 2**64 - 1 each.
        height: In pixels.
        width: In pixels.
        threads: Threads of the kernels.

    Returns:
        `[3, height, width]` float32 each, in [-1, 1] but for what overshoots.
    """
    levels = PhotoLevels(fit, threads=threads)
    composite = settings.composite
    images = []
    for seed in seeds:
        field = PlaceField(
            levels,
            settings.places,
            height=height,
            width=width,
            draw=draw_of(seed),
            threads=threads,
        )
        image = kernels.composite_places(
            field.window(0, 0, height, width),
            fit.photo,
            screening=composite.screening,
            slowest=composite.slowest,
            steps=composite.steps,
            softness=composite.softness,
            threads=threads,
        )
        images.append(image)
    return images
