"""Composites and paintings made from photos, for the tasks to be measured on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from petsgan_sdk._arrays import BoolArray, ImageArray
from petsgan_sdk.imaging import resize

__all__ = ["Composite", "composites", "painting", "paste"]

_MARGIN_PX = 14
"""Pixels between what is pasted and the photo's border: the mask grows by 12."""


@dataclass(frozen=True, slots=True)
class Composite:
    """A photo into which an ellipse was pasted."""

    kind: str
    """`own`: from elsewhere in the photo; `tinted`: the same with other colours; `foreign`: from
    another photo."""
    image: ImageArray
    """`[H, W, 3]`."""
    mask: BoolArray
    """`[H, W]`: what was pasted."""


def composites(
    photo: ImageArray, other: ImageArray, *, count: int, seed: int = 0
) -> Iterator[Composite]:
    """Make composites of all kinds at random places.

    Args:
        photo: `[H, W, 3]`, both sides from 64.
        other: Another photo of any size.
        count: Composites of each kind.
        seed: Of the places, sizes and tints.
    """
    rng = np.random.default_rng(seed)
    height, width = photo.shape[:2]
    for number in range(3 * count):
        kind = ("own", "tinted", "foreign")[number % 3]
        radii = rng.uniform(0.12, 0.22, 2) * (height, width)
        low, high = radii + _MARGIN_PX, np.array([height, width]) - radii - _MARGIN_PX
        place, origin = rng.uniform(low, high), rng.uniform(low, high)
        gain, offset = rng.uniform(0.6, 1.3, 3), rng.uniform(-20, 40, 3)
        source = photo
        if kind == "tinted":
            source = np.clip(photo * gain + offset, 0, 255).astype(np.uint8)
        elif kind == "foreign":
            source = resize(other, (width, height))
        yield Composite(kind, *paste(photo, source, origin=origin, place=place, radii=radii))


def paste(
    photo: ImageArray, source: ImageArray, *, origin: Any, place: Any, radii: Any
) -> tuple[ImageArray, BoolArray]:
    """Copy an ellipse with a hard edge.

    Args:
        photo: `[H, W, 3]`.
        source: Where it is taken from, of the photo's size.
        origin: `(row, column)` of its centre there.
        place: `(row, column)` of its centre in the result.
        radii: Half its height and width.

    Returns:
        The composite, and the mask of what was pasted.
    """
    rows, columns = np.mgrid[: photo.shape[0], : photo.shape[1]]
    mask = ((rows - place[0]) / radii[0]) ** 2 + ((columns - place[1]) / radii[1]) ** 2 < 1
    down, across = (round(float(place[i] - origin[i])) for i in (0, 1))
    moved = np.roll(source, (down, across), axis=(0, 1))
    return np.where(mask[:, :, None], moved, photo), mask


def painting(photo: ImageArray, *, mirrored: bool, colours: int = 6, seed: int = 0) -> ImageArray:
    """Paint a scene like the photo's: its shapes moved, without texture, in a few flat colours.

    Args:
        photo: `[H, W, 3]`.
        mirrored: Mirror it and cut the top tenth off; else cut the right fifth off.
        colours: How many.
        seed: Of the search for the colours.
    """
    height, width = photo.shape[:2]
    part = photo[height // 10 :, ::-1] if mirrored else photo[:, : width * 4 // 5]
    cells = (max(1, width // 8), max(1, height // 8))
    smooth = resize(resize(part, cells, method="area"), (width, height), method="bicubic")
    pixels = smooth.reshape(-1, 3).astype(np.float32)
    rng = np.random.default_rng(seed)
    palette = pixels[rng.choice(len(pixels), colours, replace=False)]
    for _ in range(12):  # Lloyd's iterations
        nearest = ((pixels[:, None] - palette) ** 2).sum(axis=2).argmin(axis=1)
        palette = np.stack(
            [
                pixels[nearest == k].mean(axis=0) if (nearest == k).any() else palette[k]
                for k in range(colours)
            ]
        )
    painted: ImageArray = palette[nearest].reshape(photo.shape).astype(np.uint8)
    return painted
