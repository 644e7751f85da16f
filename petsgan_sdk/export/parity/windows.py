"""Run every graph on windows of a canvas and compare with the whole: halos, proved."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from petsgan_sdk._arrays import Array
from petsgan_sdk.errors import ParityError
from petsgan_sdk.export.parity.limits import STEP_TOLERANCE, Differences, relative_difference
from petsgan_sdk.export.parity.reference import step_label
from petsgan_sdk.export.parity.steps import SEED, with_image
from petsgan_sdk.manifest import BundleManifest
from petsgan_sdk.runtime.rendering.canvas import Canvas, Window
from petsgan_sdk.runtime.rendering.noise_fields import stream_noise
from petsgan_sdk.runtime.rendering.pipeline import Pipeline
from petsgan_sdk.runtime.rendering.steps.runner import AnyRunner

__all__ = ["check_windows"]

_HEIGHT, _WIDTH = 5, 6
"""Of the windows that are checked, in low-resolution pixels; never square, see `_inside`."""


def check_windows(manifest: BundleManifest, pipeline: Pipeline) -> float:
    """Compare windows of every graph with the whole.

    Two things are asked of a window with its halo: that nothing outside it changes the window by a
    single bit (the same canvas, other values there), and that the window alone gives what the
    whole gives, inside and at the canvas's corners.

    Args:
        manifest: Of the bundle.
        pipeline: Of the bundle.

    Returns:
        The largest relative difference of a window from the whole.

    Raises:
        ParityError: A halo is too small.
    """
    graphs = [runnable for runnable in pipeline.steps if runnable.step.graph_members]
    halo = max(runnable.halo or 0 for runnable in graphs)
    canvas = _canvas(manifest, halo)
    tensors = pipeline.trace(canvas)
    size_px = canvas.height * manifest.factor, canvas.width * manifest.factor
    differences = Differences(size_px, "the whole")
    for runnable in graphs:
        if runnable.halo is None:
            continue
        grid = canvas.at(runnable.level)
        for top, left in (
            (halo + _HEIGHT, halo + _WIDTH),
            (0, 0),
            (grid.height - _HEIGHT, grid.width - _WIDTH),
        ):
            window = Window(top, left, _HEIGHT, _WIDTH)
            seen = grid.around(window, runnable.halo)
            _check_outside(runnable, grid, tensors, window, seen)
            _compare_alone(runnable, grid, tensors, window, seen, differences)
    return differences.largest


def _canvas(manifest: BundleManifest, halo: int) -> Canvas:
    """A canvas of which every grid has room for a window and its halo; all differ in size.

    Graphs see one grid each: how levels are to each other in the pyramid does not matter here.
    """
    height, width = 2 * halo + 3 * _HEIGHT, 2 * halo + 3 * _WIDTH
    levels = tuple((height + n, width + n) for n in range(1, len(manifest.levels) + 1))
    return with_image(Canvas(height, width, stream_noise(SEED, 0), levels=levels), manifest)


def _check_outside(
    runnable: AnyRunner, canvas: Canvas, tensors: Mapping[str, Array], window: Window, seen: Window
) -> None:
    rng = np.random.default_rng(0)
    changed: dict[str, Array] = {}
    for name in runnable.step.reads:
        array = tensors[name]
        changed[name] = np.asarray(rng.standard_normal(array.shape, dtype=np.float32))
        at = _inside(array, canvas.whole, seen)
        changed[name][at] = array[at]
    runnable.run(changed, canvas, canvas.whole)
    for name in runnable.step.writes:
        at = _inside(tensors[name], canvas.whole, window)
        if not np.array_equal(changed[name][at], tensors[name][at]):
            msg = (
                f"export: {step_label(runnable.step)} must see at most {runnable.halo} "
                f"low-resolution pixels around a window, but pixels beyond them change {name!r}; "
                "nothing was written"
            )
            raise ParityError(msg)


def _compare_alone(
    runnable: AnyRunner,
    canvas: Canvas,
    tensors: Mapping[str, Array],
    window: Window,
    seen: Window,
    differences: Differences,
) -> None:
    alone = {
        name: np.ascontiguousarray(tensors[name][_inside(tensors[name], canvas.whole, seen)])
        for name in runnable.step.reads
    }
    runnable.run(alone, canvas, seen)
    inner = Window(window.top - seen.top, window.left - seen.left, window.height, window.width)
    for name in runnable.step.writes:
        found = alone[name][_inside(alone[name], seen, inner)]
        expected = tensors[name][_inside(tensors[name], canvas.whole, window)]
        difference = relative_difference(found, expected)
        label = f"a window of {step_label(runnable.step)}"
        differences.add_step(label, difference, limit=STEP_TOLERANCE)


def _inside(array: Array, whole: Window, window: Window) -> tuple[slice, ...]:
    """Index of a window in an array of a larger one."""
    # Neither the whole nor windows are square: only a margin makes both sides larger by the same.
    extra = array.shape[-1] - whole.width
    scale = 1
    if array.shape[-2] - whole.height != extra:
        scale, extra = array.shape[-1] // whole.width, 0
    rows = slice(window.top * scale, window.bottom * scale + extra)
    columns = slice(window.left * scale, window.right * scale + extra)
    return (slice(None), slice(None), rows, columns)
