"""Which pixels of a composite were pasted, and how far around them the result may reach."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from petsgan_sdk._arrays import BoolArray, ImageArray
from petsgan_sdk.errors import DTypeError, InputError, ShapeError
from petsgan_sdk.imaging import resize
from petsgan_sdk.tasks.checks import check_same_aspect, size_text
from petsgan_sdk.tasks.planes import box_sum, dilated, softened

__all__ = ["Pasted", "find_pasted", "given_mask", "spread"]

_DILATE_PX = 4.0
"""How far a mask is dilated: half a cell of PetsGAN, in pixels of the canvas."""
_FEATHER_PX = 8.0
"""Over how far it then fades: one cell."""
_LEAST_DIFFERENCE = 16
"""Levels by which a pixel must differ from the photo; JPEG and resizing differ by less."""


@dataclass(frozen=True, slots=True)
class Pasted:
    """What was pasted into a composite."""

    mask: BoolArray
    """`[H, W]`, of the composite's size."""
    note: str | None
    """Where it comes from, if not as given."""


def given_mask(mask: Any, shape: tuple[int, ...]) -> Pasted:
    """Read a mask that was given with a composite.

    Args:
        mask: `[H, W]` or `[H, W, C]`, bool, or uint8 of which 128 and more is set (of colours, the
            brightest channel). Resized if it is of another size.
        shape: Of the composite.

    Raises:
        DTypeError: Another dtype.
        ShapeError: Another rank.
        InputError: Another aspect, nothing set, or everything.
    """
    array = np.asarray(mask)
    if array.dtype not in (np.bool_, np.uint8):
        msg = f"mask: must be bool or uint8, got {array.dtype}"
        raise DTypeError(msg)
    if array.ndim not in (2, 3) or not array.size:
        msg = f"mask: must be [H, W] or [H, W, C], got {array.shape}"
        raise ShapeError(msg)
    levels = array.astype(np.uint8) * np.uint8(255) if array.dtype == np.bool_ else array
    levels = levels if levels.ndim == 2 else levels.max(axis=2)
    note = None
    if levels.shape != shape[:2]:
        check_same_aspect(shape, levels.shape, ("composite", "mask"))
        note = f"the mask of {size_text(levels.shape)} was resized to {size_text(shape)}"
        levels = _resized(levels, shape)
    return Pasted(_checked(levels >= 128, "mask"), note)


def find_pasted(composite: ImageArray, photo: ImageArray, *, rounding_px: float = 1.0) -> Pasted:
    """Find what differs from the photo.

    Both are compared at the smaller of the two sizes, as means of 3 x 3 pixels, against four times
    what most of the pixels differ by.

    Args:
        composite: `[H, W, 3]`.
        photo: `[h, w, 3]`: the photo before anything was pasted.
        rounding_px: By how much the sides of the smaller one may have been rounded.

    Raises:
        InputError: Another aspect, nothing differs, or at least half of the pixels do.
    """
    names = ("composite", "photo")
    check_same_aspect(composite.shape, photo.shape, names, rounding_px=rounding_px)
    shape = min(composite.shape[:2], photo.shape[:2])
    one, other = (_as_large_as(image, shape).astype(np.int64) for image in (composite, photo))
    difference = np.abs(np.stack([box_sum((one - other)[:, :, c], 1) for c in range(3)]))
    levels = difference.max(axis=0) / 9
    usual = float(np.median(levels))
    if usual > _LEAST_DIFFERENCE:
        msg = (
            "composite: must be as the photo where nothing was pasted, got half of its pixels with "
            f"differences over {usual:.0f} of 255; give the mask, or the photo it was made from"
        )
        raise InputError(msg)
    limit = max(_LEAST_DIFFERENCE, 4 * usual)
    differs = box_sum(levels > limit, 1) >= 5  # of 9: single pixels are noise
    note = f"the mask was found as what differs from the photo, {differs.mean():.1%} of the pixels"
    mask = _resized(differs.astype(np.uint8) * np.uint8(255), composite.shape) >= 128
    return Pasted(_checked(mask, "difference from the photo"), note)


def spread(mask: BoolArray, *, scale: float) -> ImageArray:
    """Dilate a mask by 4 pixels of the canvas and fade it over the next 8.

    Args:
        mask: `[H, W]`.
        scale: Pixels of the mask for one of the canvas.

    Returns:
        `[H, W]` uint8: 255 on the mask and 4 pixels around it, 0 further out than 12.
    """
    fade = max(1, round(_FEATHER_PX * scale / 4))  # softened twice, on both sides of the contour
    reach = max(1, round(_DILATE_PX * scale)) + 2 * fade
    levels = np.zeros(mask.shape, dtype=np.uint8)
    near = _around(mask, reach + 2 * fade)  # the rest of a large image costs nothing
    levels[near] = np.floor(softened(dilated(mask[near], reach), fade) * 255 + 0.5)
    return levels


def _around(mask: BoolArray, margin: int) -> tuple[slice, slice]:
    """The rows and columns with something of a mask that is not empty, and a margin."""
    spans = []
    for axis in (0, 1):
        (places,) = np.nonzero(mask.any(axis=1 - axis))
        spans.append(slice(max(0, int(places[0]) - margin), int(places[-1]) + margin + 1))
    return spans[0], spans[1]


def _checked(mask: BoolArray, name: str) -> BoolArray:
    if not mask.any():
        msg = f"{name}: must show what was pasted, got nothing; give a mask that is white there"
        raise InputError(msg)
    if mask.all():
        msg = f"{name}: must leave a part of the image as it is, got all of it; to make all: paint"
        raise InputError(msg)
    return mask


def _resized(levels: ImageArray, shape: tuple[int, ...]) -> ImageArray:
    size = (shape[1], shape[0])
    return resize(levels[:, :, None], size, method="bilinear")[:, :, 0]


def _as_large_as(image: ImageArray, shape: tuple[int, ...]) -> ImageArray:
    return image if image.shape[:2] == shape else resize(image, (shape[1], shape[0]), method="area")
