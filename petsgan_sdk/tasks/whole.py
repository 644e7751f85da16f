"""Paint and stylize: make a whole image from something that is none of the photo's.

Here detail changes first: what people bring is right about where things are, and lacks texture.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from petsgan_sdk._arrays import ImageArray
from petsgan_sdk.runtime import Sampler
from petsgan_sdk.runtime.checks import check_number
from petsgan_sdk.tasks.checks import check_image, size_text
from petsgan_sdk.tasks.colours import recoloured
from petsgan_sdk.tasks.planes import to_bytes
from petsgan_sdk.tasks.result import Edited, returned
from petsgan_sdk.tasks.strength import freedom
from petsgan_sdk.tasks.working import mixed, seen_at, working_size

__all__ = ["paint", "stylize"]

_MAX_SCALE = 16.0


def paint(sampler: Sampler, painting: Any, *, strength: float = 0.75, seed: int = 0) -> Edited:
    """Turn a rough painting into an image with the photo's texture.

    Args:
        sampler: The model of the photo.
        painting: `[H, W, 3]` uint8 of any size, in the photo's colours.
        strength: 0..1, how far the result may leave the painting; see `tasks.strength`. With
            PetsGAN texture comes in up to 0.5 on the painting's own colours; beyond, colours and
            layout become the model's.
        seed: Of the noise in the stages that run; PetsGAN has none there.

    Returns:
        The result, of the painting's size; no mask.

    Raises:
        ShapeError: An array of another shape.
        DTypeError: An array of another dtype.
        ConfigError: A strength or seed out of range.
        BundleError: No stage of the bundle can start from an image.
    """
    image = check_image(painting, "painting")
    return _make(sampler, image, None, strength=strength, seed=seed, scale=1.0)


def stylize(
    sampler: Sampler,
    content: Any,
    *,
    source: Any = None,
    strength: float = 0.6,
    seed: int = 0,
    scale: float = 2.0,
) -> Edited:
    """Give another photo the texture and colours of the one that was learned.

    Args:
        sampler: The model of the photo whose style is taken.
        content: `[H, W, 3]` uint8 of any size.
        source: The photo, for its colours, `[h, w, 3]` uint8. Default: the one that the bundle
            keeps, else a sample.
        strength: 0..1, as in `paint`; the content's colours are moved to the photo's mean and
            covariance, all of the way from 0.5 on.
        seed: As in `paint`.
        scale: 0.5..16, how fine the style is: the canvas's sides against those of training.

    Returns:
        The result, of the content's size; no mask.

    Raises:
        ShapeError: An array of another shape.
        DTypeError: An array of another dtype.
        ConfigError: A strength, seed or scale out of range.
        BundleError: No stage of the bundle can start from an image.
    """
    scale = check_number(scale, "scale", low=0.5, high=_MAX_SCALE)
    image = check_image(content, "content")
    style = sampler.photo if source is None else check_image(source, "source")
    if style is None:
        style = sampler.sample(1, seed=seed)[0]
    return _make(sampler, image, style, strength=strength, seed=seed, scale=scale)


def _make(
    sampler: Sampler,
    image: ImageArray,
    style: ImageArray | None,
    *,
    strength: float,
    seed: int,
    scale: float,
) -> Edited:
    may = freedom(sampler.manifest, strength, first="detail")
    if strength == 0:
        return Edited(image.copy(), None, ("strength 0 changes nothing",))
    size = working_size(sampler.manifest, *image.shape[:2], scale=scale)
    seen = seen_at(image, size).astype(np.float32)
    hint = seen
    if style is not None:
        hint = recoloured(seen, style.astype(np.float32)).clip(0, 255)
    made = sampler.refine(
        to_bytes(hint), may.start_stage, seed=seed, height=size[0], width=size[1]
    ).astype(np.float32)
    cell = sampler.manifest.factor
    result = mixed(hint, made, colours=may.colours, detail=may.detail, cell=cell)
    result += np.float32(max(0.0, 1 - 2 * strength)) * (seen - hint)
    final = returned(image, seen, result)
    note = f"worked at {size_text(size)}, "
    note += "the scale that the model learned" if scale == 1 else f"{scale:g} x the learned scale"
    notes = (may.note,) if image.shape[:2] == size else (note, may.note)
    return Edited(final, None, notes)
