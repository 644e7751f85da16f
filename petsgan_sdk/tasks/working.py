"""The size at which the model works on an input; `result` has the way back to the input's size.

A model knows its photo at one scale: 7 x 7 cells of a larger canvas show less of a scene than those
that it learned, and are matched with what they are not. So inputs of every size are seen at about
the trained number of pixels, and what the model made is brought back to the input's own pixels.
"""

from __future__ import annotations

import math

import numpy as np

from petsgan_sdk._arrays import FloatArray, ImageArray
from petsgan_sdk.imaging import resize
from petsgan_sdk.manifest import BundleManifest
from petsgan_sdk.runtime.checks import MIN_SIDE_PX
from petsgan_sdk.tasks.planes import coarse

__all__ = ["mixed", "seen_at", "working_size"]


def working_size(
    manifest: BundleManifest, height: int, width: int, *, scale: float = 1.0
) -> tuple[int, int]:
    """Size of the canvas for an input.

    Args:
        manifest: Of the bundle.
        height: Of the input in pixels.
        width: Of the input in pixels.
        scale: Of the canvas's sides against the trained ones.

    Returns:
        `(height, width)`: the input's aspect and the trained number of pixels times `scale`
        squared, each side to the nearest multiple of `manifest.factor`.
    """
    trained = math.prod(manifest.image_size_px)
    ratio = scale * math.sqrt(trained / (height * width))
    factor = manifest.factor
    least = -(-max(manifest.min_canvas_px, MIN_SIDE_PX) // factor)
    rows, columns = (max(least, round(side * ratio / factor)) for side in (height, width))
    return rows * factor, columns * factor


def seen_at(image: ImageArray, size: tuple[int, int]) -> ImageArray:
    """An input `[H, W, 3]` at the size `(height, width)` that the model works at."""
    height, width = size
    return image if image.shape[:2] == size else resize(image, (width, height))


def mixed(
    base: FloatArray, made: FloatArray, *, colours: float, detail: float, cell: int
) -> FloatArray:
    """Replace parts of an image by those of another.

    Args:
        base: `[H, W, 3]` levels.
        made: The other, of the same size.
        colours: 0..1, how much of what `cell`s can show.
        detail: 0..1, how much of the rest.
        cell: Side of a cell in pixels.
    """
    difference = made - base
    if colours == detail:
        difference *= np.float32(detail)
        return base + difference
    step = coarse(difference, cell)
    moved: FloatArray = np.float32(colours) * step + np.float32(detail) * (difference - step)
    return base + moved
