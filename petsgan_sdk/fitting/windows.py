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
_SIZE_PX, _BLOCK_PX = (387, 701), 160
"""`(height, width)` of the canvas, and the longest side of its blocks. Steps make what is small at
once whatever window is asked for: two levels of a canvas of this size are not."""


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
    rows, columns = (-(-max(side, manifest.min_canvas_px) // factor) for side in _SIZE_PX)
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
