"""Into what blocks a canvas is cut: as large as the graphs of a bundle allow. Runs nothing."""

from __future__ import annotations

from math import isqrt

from petsgan_sdk.runtime.flow import is_kept
from petsgan_sdk.runtime.limits import BLOCK_PX as _BLOCK_PX
from petsgan_sdk.runtime.limits import KEPT_BLOCK_PX as _KEPT_BLOCK_PX
from petsgan_sdk.runtime.rendering.canvas import Canvas, Lattice
from petsgan_sdk.runtime.rendering.pipeline import Pipeline
from petsgan_sdk.runtime.rendering.steps.runner import AnyRunner

__all__ = ["block_lattice", "kept_lattice", "kept_steps"]

_BAND_BYTES = 24 << 20
"""About the most that a band, one row of blocks, may take; two are alive at a time. Blocks become
less high on canvases wider than 16384 pixels."""

_BLOCK_VALUES = 28 << 20
"""Values that the graph of the result may hold for a block and its halo. ONNX Runtime takes up to
twice their 4 bytes each. `fast` needs half of it; `paper` gets blocks of 288x280."""

_KEPT_BLOCK_VALUES = 8 << 20
"""The same for a block that is kept: every graph keeps its memory for the next block."""

_LEAST_SIDE = 4
"""Of a block, in pixels of its grid, whatever the graph needs."""


def block_lattice(
    pipeline: Pipeline, canvas: Canvas, factor: int, *, most_px: int | None = None
) -> Lattice:
    """The blocks in which the result is made; one that is as large as the canvas has no halo.

    Args:
        pipeline: The steps.
        canvas: What is cut.
        factor: Pixels of the result for one of the canvas, per axis.
        most_px: Longest side of a block in pixels. Default: what memory allows.
    """
    (last,) = (s for s in pipeline.steps if pipeline.output in s.step.writes)
    height, width = (side if most_px is None else min(side, most_px) for side in _BLOCK_PX)
    height = min(height, max(_LEAST_SIDE * factor, _BAND_BYTES // (3 * canvas.width * factor)))
    return _lattice(pipeline, last, canvas, factor, most_px=(height, width), values=_BLOCK_VALUES)


def kept_lattice(
    pipeline: Pipeline,
    step: AnyRunner,
    canvas: Canvas,
    factor: int,
    *,
    most_px: int | None = None,
) -> Lattice:
    """The blocks of a step that keeps them, see `kept_steps`; as `block_lattice`."""
    side = _KEPT_BLOCK_PX if most_px is None else min(_KEPT_BLOCK_PX, most_px)
    most = (side, side)
    return _lattice(pipeline, step, canvas, factor, most_px=most, values=_KEPT_BLOCK_VALUES)


def kept_steps(pipeline: Pipeline) -> list[AnyRunner]:
    """The steps whose blocks are worth keeping, see `flow.is_kept`."""
    steps = [runnable.step for runnable in pipeline.steps]
    return [each for each in pipeline.steps if is_kept(each.step, steps, pipeline.output)]


def _lattice(
    pipeline: Pipeline,
    step: AnyRunner,
    canvas: Canvas,
    factor: int,
    *,
    most_px: tuple[int, int],
    values: int,
) -> Lattice:
    grid = canvas.at(step.level)
    height = max(1, most_px[0] * grid.height // (canvas.height * factor))
    width = max(1, most_px[1] * grid.width // (canvas.width * factor))
    halo = step.halo or 0
    live = _live_values(pipeline, step)
    if live is not None:
        height, width = _fit(values // live, halo, height, width)
    return Lattice(grid, height=height, width=width, halo=halo)


def _fit(pixels: int, halo: int, height: int, width: int) -> tuple[int, int]:
    """Shrink a block until it has at most `pixels` with its halo; square has the least halo."""
    around = 2 * halo
    if (height + around) * (width + around) <= pixels:
        return height, width
    height = min(height, max(_LEAST_SIDE, isqrt(pixels) - around))
    width = min(width, max(_LEAST_SIDE, pixels // (height + around) - around))
    return height, width


def _live_values(pipeline: Pipeline, step: AnyRunner) -> int | None:
    """The most that a graph holds of those which run for a block of a step; None if unknown."""
    kept = kept_steps(pipeline)
    makers = {name: maker for maker in pipeline.steps for name in maker.step.writes}
    found: list[int] = []
    waiting = [step]
    while waiting:
        current = waiting.pop()
        if current.step.graph_members:
            if current.step.live_values is None:
                return None
            found.append(current.step.live_values)
        # What is given has no maker.
        read = (makers[name] for name in current.step.reads if name in makers)
        waiting += [maker for maker in read if maker not in kept]
    return max(found, default=None)
