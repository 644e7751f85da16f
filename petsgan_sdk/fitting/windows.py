"""Make a canvas in small blocks and whole, and compare every byte: how far steps see, proved."""

from __future__ import annotations

import numpy as np

from petsgan_sdk.errors import ParityError
from petsgan_sdk.manifest import BundleManifest
from petsgan_sdk.runtime.rendering.canvas import Canvas
from petsgan_sdk.runtime.rendering.noise_fields import stream_noise
from petsgan_sdk.runtime.rendering.pipeline import Pipeline
from petsgan_sdk.runtime.rendering.tiles import TiledRun

__all__ = ["check_windows"]

_SEED = 1
_MOST_PX, _BLOCK_PX = 192, 64
"""Sides of the canvas and of its blocks: several of them whatever the photo, and quickly made."""


def check_windows(manifest: BundleManifest, pipeline: Pipeline) -> tuple[int, int]:
    """Compare the blocks of a canvas with the whole.

    Kernels add up each pixel by itself, in one order wherever its window lies, so that nothing less
    than equality is asked of them.

    Args:
        manifest: Of a bundle without graphs.
        pipeline: Of it, on the CPU.

    Returns:
        `(height, width)` in pixels of what was compared.

    Raises:
        ParityError: A block differs; a step sees further than it says.
    """
    factor = manifest.factor
    # Unlike the photo, and unlike each other.
    rows, columns = (
        -(-(max(min(side, _MOST_PX), manifest.min_canvas_px) + more) // factor)
        for side, more in zip(manifest.image_size_px, (5, 11), strict=True)
    )
    canvas = Canvas.of(manifest, rows, columns, stream_noise(_SEED, 0))
    whole = pipeline.run(canvas)
    run = TiledRun(pipeline, canvas, factor=factor, block_px=_BLOCK_PX)
    for key in np.ndindex(run.lattice.shape):
        window = run.lattice.block(*key)
        across = slice(window.left * factor, window.right * factor)
        expected = whole[..., window.top * factor : window.bottom * factor, across]
        if not np.array_equal(run.block(*key), expected):
            msg = (
                f"export: a window at ({window.left}, {window.top}) of a canvas of "
                f"{columns * factor}x{rows * factor} must equal the whole, got other pixels; "
                "nothing was written"
            )
            raise ParityError(msg)
    return rows * factor, columns * factor
