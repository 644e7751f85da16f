"""Edit and harmonize: make a part that was pasted into an image belong to it.

Both let the model continue from the composite and blend what it makes into it, around what was
pasted. They differ in what changes first: harmonize is about colours and keeps what the part shows,
edit has all of it made anew from the photo's own patches.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from petsgan_sdk._arrays import BoolArray, FloatArray, ImageArray
from petsgan_sdk.errors import InputError
from petsgan_sdk.imaging import resize
from petsgan_sdk.runtime import Sampler
from petsgan_sdk.tasks.blending import blended, healed
from petsgan_sdk.tasks.checks import check_image, check_same_aspect, size_text
from petsgan_sdk.tasks.colours import recoloured
from petsgan_sdk.tasks.masks import Pasted, find_pasted, given_mask, spread
from petsgan_sdk.tasks.planes import dilated, to_bytes
from petsgan_sdk.tasks.result import Edited, returned
from petsgan_sdk.tasks.strength import freedom
from petsgan_sdk.tasks.working import seen_at, working_size

__all__ = ["edit", "harmonize"]

_RIM_PX = 2
"""How far around the edge of what was pasted detail finer than the canvas is dropped."""
_MOST_GAIN = 2.0
"""Contrast of what was pasted at most doubles: more would make its noise visible."""


def edit(
    sampler: Sampler,
    composite: Any,
    mask: Any = None,
    *,
    source: Any = None,
    strength: float = 1.0,
    seed: int = 0,
) -> Edited:
    """Make a photo in which parts were moved, copied or removed look like one photo.

    Args:
        sampler: The model of the photo.
        composite: `[H, W, 3]` uint8 of any size, or `[H, W, 4]`: only what was pasted, the rest
            transparent.
        mask: What was pasted: `[H, W]` bool, or uint8 from 128. Default: the alpha channel, else
            what differs from the photo.
        source: The photo before anything was pasted, `[h, w, 3]` uint8. Default: the one that the
            bundle keeps.
        strength: 0..1, how far the result may leave the composite; see `tasks.strength`. With
            PetsGAN colours change up to 0.5, detail beyond.
        seed: Of the noise in the stages that run; PetsGAN has none there.

    Returns:
        The result. Where its mask is 0 it is the composite, byte by byte.

    Raises:
        InputError: A mask that is empty or full, sizes of different aspects, or no photo where one
            is needed.
        ShapeError: An array of another shape.
        DTypeError: An array of another dtype.
        ConfigError: A strength or seed out of range.
        BundleError: No stage of the bundle can start from an image.
    """
    return _insert(
        sampler, composite, mask, source=source, strength=strength, seed=seed, recolours=False
    )


def harmonize(
    sampler: Sampler,
    composite: Any,
    mask: Any = None,
    *,
    source: Any = None,
    strength: float = 0.5,
    seed: int = 0,
) -> Edited:
    """Give something foreign that was pasted into a photo the photo's colours.

    Arguments, result and errors are those of `edit`. At the default strength PetsGAN keeps what the
    part shows and changes its colours and its outline. A pyramid is shown the part in the colours
    around it, all of the way from a strength of 0.5 on.
    """
    return _insert(
        sampler, composite, mask, source=source, strength=strength, seed=seed, recolours=True
    )


def _insert(
    sampler: Sampler,
    composite: Any,
    mask: Any,
    *,
    source: Any,
    strength: float,
    seed: int,
    recolours: bool,
) -> Edited:
    may = freedom(sampler.manifest, strength, first="colours")
    photo = sampler.photo if source is None else check_image(source, "source")
    given = check_image(composite, "composite", alpha=True)
    rounding = max(1.0, sampler.manifest.factor / 2)
    image, pasted, notes = _prepare(given, mask, photo, rounding_px=rounding)
    size = working_size(sampler.manifest, *image.shape[:2])
    scale = math.sqrt(math.prod(image.shape[:2]) / math.prod(size))
    share = spread(pasted, scale=scale)
    if strength == 0:
        return Edited(image.copy(), share, (*notes, "strength 0 changes nothing"))
    seen = seen_at(image, size).astype(np.float32)
    inside = _plane_at(pasted.astype(np.float32), size)
    hint = seen
    if len(sampler.manifest.entries) > 1:  # a layout, which is what PetsGAN sees, shows no edges
        hint = _eased(seen, inside, recolour=min(1.0, 2 * strength) if recolours else 0.0)
    made = sampler.refine(
        to_bytes(hint), may.start_stage, seed=seed, height=size[0], width=size[1]
    ).astype(np.float32)
    result = blended(
        _in_the_colours_of(made, seen, inside, share=may.colours),
        made,
        inside,
        _plane_at(share.astype(np.float32) / np.float32(255), size),
        colours=may.colours,
        detail=may.detail,
    )
    rim = dilated(inside > 0, _RIM_PX) & dilated(inside < 1, _RIM_PX)
    final = returned(image, seen, result, share, rim=rim)
    if image.shape[:2] != size:
        notes.append(f"worked at {size_text(size)}, the scale that the model learned")
    return Edited(final, share, (*notes, may.note))


def _eased(seen: FloatArray, inside: FloatArray, *, recolour: float) -> FloatArray:
    """Take the outline away, and move the colours to those around it.

    The stages of a pyramid keep edges and colours that they are shown.

    Args:
        seen: The composite on the canvas.
        inside: What was pasted, 0..1.
        recolour: 0..1, how far colours go.
    """
    pasted = inside >= 0.5
    return healed(_moved(seen, pasted, seen[~pasted], share=recolour), inside)


def _in_the_colours_of(
    made: FloatArray, seen: FloatArray, inside: FloatArray, *, share: float
) -> FloatArray:
    """Move the colours of what was pasted to those that the model put there.

    The blending moves coarse colours only: of something red on a grey wall, red dots would stay.
    """
    pasted = inside >= 0.5
    return _moved(seen, pasted, made[pasted], share=share)


def _moved(
    seen: FloatArray, pasted: BoolArray, reference: FloatArray, *, share: float
) -> FloatArray:
    """Give what was pasted the mean and covariance of other colours `[N, 3]`, to a share."""
    if not (pasted.any() and len(reference)):  # smaller than half a pixel of the canvas
        return seen
    moved = seen.copy()
    given = seen[pasted]
    moved[pasted] += np.float32(share) * (
        recoloured(given, reference, most_gain=_MOST_GAIN) - given
    )
    return moved


def _prepare(
    composite: ImageArray, mask: Any, photo: ImageArray | None, *, rounding_px: float
) -> tuple[ImageArray, BoolArray, list[str]]:
    """The composite without transparency, what was pasted, and notes."""
    image, alpha = composite[:, :, :3], composite[:, :, 3:]
    notes: list[str] = []
    if alpha.size and not (alpha == 255).all():
        image = _laid_over(image, alpha, photo, rounding_px=rounding_px)
        notes.append("transparent pixels were filled from the photo")
    elif mask is None and photo is None:
        msg = (
            "mask: must be given with a bundle that does not keep its photo, got none; give the "
            "mask, or the photo as source (--mask, --source)"
        )
        raise InputError(msg)
    pasted: Pasted
    if mask is not None:
        pasted = given_mask(mask, image.shape)
    elif notes:
        pasted = given_mask(alpha[:, :, 0], image.shape)
        notes.append("the mask is the alpha channel")
    else:
        assert photo is not None
        pasted = find_pasted(image, photo, rounding_px=rounding_px)
    if pasted.note is not None:
        notes.append(pasted.note)
    return np.ascontiguousarray(image), pasted.mask, notes


def _laid_over(
    image: ImageArray, alpha: ImageArray, photo: ImageArray | None, *, rounding_px: float
) -> ImageArray:
    if photo is None:
        msg = (
            "composite: must be opaque with a bundle that does not keep its photo, got "
            "transparency; give the photo that goes behind it (--source)"
        )
        raise InputError(msg)
    names = ("composite", "photo")
    check_same_aspect(image.shape, photo.shape, names, rounding_px=rounding_px)
    height, width = image.shape[:2]
    behind = photo if photo.shape == image.shape else resize(photo, (width, height))
    total = image.astype(np.uint32) * alpha + behind * (255 - alpha.astype(np.uint32))
    joined: ImageArray = ((total + 127) // 255).astype(np.uint8)
    return joined


def _plane_at(plane: FloatArray, size: tuple[int, int]) -> FloatArray:
    if plane.shape == size:
        return plane
    return resize(plane[:, :, None], (size[1], size[0]), method="area")[:, :, 0]
