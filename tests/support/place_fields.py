"""Fields of places of the small picture, or of any, with noise as a sampler draws it."""

from __future__ import annotations

from typing import Any

import numpy as np

from petsgan_sdk import kernels
from petsgan_sdk.settings.synthesis import PlaceSettings
from petsgan_sdk.synthesis import Knobs, PhotoFit, PhotoLevels, PlaceField
from petsgan_sdk.synthesis.field import Draw
from support.synthesis_bundle import SETTINGS, fitted


def draw_of(seed: int, *, torus: bool = False) -> Draw:
    def noise(stage, size, top, left):
        return kernels.normal_noise((1, 2, *size), seed=seed, stage=stage, top=top, left=left)[0]

    def plain(stage, _size, area):
        top, left, height, width = area
        return noise(stage, (height, width), top, left)

    def wrapped(stage, size, area):
        whole = noise(stage, size, 0, 0)
        top, left, height, width = area
        rows, columns = np.arange(top, top + height), np.arange(left, left + width)
        return whole[:, (rows % size[0])[:, None], columns % size[1]]

    return wrapped if torus else plain


def field_of(
    size: tuple[int, int],
    fit: PhotoFit | None = None,
    *,
    seed: int = 1,
    torus: bool = False,
    threads: int = 1,
    framed: bool = True,
    settings: PlaceSettings = SETTINGS.places,
    **knobs: Any,
) -> PlaceField:
    return PlaceField(
        PhotoLevels(fit or fitted()),
        settings,
        height=size[0],
        width=size[1],
        draw=draw_of(seed, torus=torus),
        seamless=torus,
        knobs=Knobs(**knobs),
        framed=framed,
        threads=threads,
    )


def whole(field: PlaceField, size: tuple[int, int]) -> np.ndarray:
    return field.window(0, 0, *size)


def framed(photo: np.ndarray, width: int, *, level: int = 250) -> np.ndarray:
    """The photo with its outermost pixels of one colour."""
    out = np.full_like(photo, level)
    inner = slice(width, -width)
    out[inner, inner] = np.minimum(photo[inner, inner], 180)
    return out
