"""Say in the manifest how far every graph sees, proved by windows, and how much it holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from petsgan_sdk import kernels
from petsgan_sdk._arrays import Array, FloatArray
from petsgan_sdk.errors import ExportError, ParityError
from petsgan_sdk.export.halo import GraphInput, derive_reach
from petsgan_sdk.export.parity import TOLERANCE, with_image
from petsgan_sdk.manifest import (
    AnyStep,
    BundleManifest,
    GraphStep,
    NoiseStep,
    PositionStep,
    TextureTransferStep,
)
from petsgan_sdk.runtime.bundle import Bundle
from petsgan_sdk.runtime.rendering.canvas import Canvas, Window
from petsgan_sdk.runtime.rendering.pipeline import build_pipeline
from petsgan_sdk.runtime.rendering.steps.runner import AnyRunner

__all__ = ["check_windows", "with_halos"]

_HEIGHT, _WIDTH = 5, 6
"""Of the windows that are checked, in low-resolution pixels; never square, see `_inside`."""


def with_halos(
    steps: Sequence[AnyStep],
    graphs: Mapping[str, bytes],
    *,
    factor: int,
    note: Callable[[str], None],
) -> tuple[AnyStep, ...]:
    """Fill in the halo and the live values of every graph step.

    Args:
        steps: The manifest's list.
        graphs: Serialised models by member name.
        factor: Pixels of the result for one low-resolution pixel.
        note: Told why a graph cannot be tiled; it and those behind it keep `halo=None`.
    """
    written = {name for step in steps for name in step.writes}
    # What no step makes is an image on the base grid.
    made = {n: GraphInput() for step in steps for n in step.reads if n not in written}
    filled: list[AnyStep] = []
    for step in steps:
        current = step
        if isinstance(step, GraphStep):
            try:
                inputs = {name: made[tensor] for name, tensor in step.inputs.items()}
                reach = derive_reach(graphs[step.member], inputs)
            except ExportError as exc:
                note(f"{step.member}: {exc}; the bundle makes images in one piece only")
                return (*filled, *steps[len(filled) :])
            if reach.live_values is None:
                note(f"{step.member}: its channels are not fixed; blocks are not sized by them")
            current = replace(step, halo=reach.halo, live_values=reach.live_values)
            made |= dict.fromkeys(step.writes, GraphInput(reach.scale))
        else:
            margin = step.margin if isinstance(step, (NoiseStep, PositionStep)) else 0
            scale = factor if isinstance(step, TextureTransferStep) else 1
            made |= dict.fromkeys(step.writes, GraphInput(scale, margin))
        filled.append(current)
    return tuple(filled)


def check_windows(bundle: Bundle) -> float:
    """Run every graph on windows of a canvas and compare with the whole.

    Two things are asked of a window with its halo: that nothing outside it changes the window by a
    single bit (the same canvas, other values there), and that the window alone gives what the
    whole gives, inside and at the canvas's corners.

    Returns:
        The largest difference of a window from the whole, relative as in `parity`.

    Raises:
        ParityError: A halo is too small.
    """
    pipeline = build_pipeline(bundle, provider="cpu", threads=1)
    halo = max(step.halo or 0 for step in pipeline.steps if isinstance(step.step, GraphStep))
    canvas = _canvas(bundle.manifest, halo)
    tensors = pipeline.trace(canvas)
    worst = 0.0
    for runnable in pipeline.steps:
        step = runnable.step
        if not isinstance(step, GraphStep) or step.halo is None:
            continue
        grid = canvas.at(runnable.level)
        for top, left in (
            (halo + _HEIGHT, halo + _WIDTH),
            (0, 0),
            (grid.height - _HEIGHT, grid.width - _WIDTH),
        ):
            window = Window(top, left, _HEIGHT, _WIDTH)
            seen = grid.around(window, step.halo)
            _check_outside(runnable, step, grid, tensors, window, seen)
            worst = max(worst, _check_alone(runnable, step, grid, tensors, window, seen))
    return worst


def _canvas(manifest: BundleManifest, halo: int) -> Canvas:
    """A canvas of which every grid has room for a window and its halo; all differ in size.

    Graphs see one grid each: how levels are to each other in the pyramid does not matter here.
    """
    height, width = 2 * halo + 3 * _HEIGHT, 2 * halo + 3 * _WIDTH
    levels = tuple((height + n, width + n) for n in range(1, len(manifest.levels) + 1))
    return with_image(Canvas(height, width, _noise, levels=levels), manifest)


def _check_outside(
    runnable: AnyRunner,
    step: GraphStep,
    canvas: Canvas,
    tensors: Mapping[str, Array],
    window: Window,
    seen: Window,
) -> None:
    rng = np.random.default_rng(0)
    changed: dict[str, Array] = {}
    for name in step.inputs.values():
        array = tensors[name]
        changed[name] = np.asarray(rng.standard_normal(array.shape, dtype=np.float32))
        at = _inside(array, canvas, seen)
        changed[name][at] = array[at]
    runnable.run(changed, canvas, canvas.whole)
    for name in step.outputs.values():
        at = _inside(tensors[name], canvas, window)
        if not np.array_equal(changed[name][at], tensors[name][at]):
            msg = (
                f"export: {step.member} must see at most {step.halo} low-resolution pixels around "
                f"a window, but pixels beyond them change {name!r}; nothing was written"
            )
            raise ParityError(msg)


def _check_alone(
    runnable: AnyRunner,
    step: GraphStep,
    canvas: Canvas,
    tensors: Mapping[str, Array],
    window: Window,
    seen: Window,
) -> float:
    alone = {
        name: np.ascontiguousarray(tensors[name][_inside(tensors[name], canvas, seen)])
        for name in step.inputs.values()
    }
    runnable.run(alone, canvas, seen)
    inner = Window(window.top - seen.top, window.left - seen.left, window.height, window.width)
    worst = 0.0
    for name in step.outputs.values():
        expected = tensors[name]
        found = alone[name][_inside(alone[name], Canvas(seen.height, seen.width, _noise), inner)]
        whole = expected[_inside(expected, canvas, window)]
        scale = max(1.0, float(np.abs(expected).max()))
        apart = float(np.abs(found - whole).max()) / scale
        if not apart <= TOLERANCE:
            msg = (
                f"export: a window of {step.member} must be within {TOLERANCE:g} of the whole, "
                f"got {apart:.3g}; nothing was written"
            )
            raise ParityError(msg)
        worst = max(worst, apart)
    return worst


def _inside(array: Array, canvas: Canvas, window: Window) -> tuple[slice, ...]:
    """Index of a window in an array of the whole canvas."""
    # Neither canvas nor windows are square: only a margin makes both sides larger by the same.
    extra = array.shape[-1] - canvas.width
    scale = 1
    if array.shape[-2] - canvas.height != extra:
        scale, extra = array.shape[-1] // canvas.width, 0
    rows = slice(window.top * scale, window.bottom * scale + extra)
    columns = slice(window.left * scale, window.right * scale + extra)
    return (slice(None), slice(None), rows, columns)


def _noise(shape: tuple[int, int, int, int], stage: int, top: int, left: int) -> FloatArray:
    return kernels.normal_noise(shape, seed=2, stage=stage, top=top, left=left)
