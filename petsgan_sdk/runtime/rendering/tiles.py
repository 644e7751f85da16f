"""A canvas made block by block, so that memory does not grow with it.

A block of the result asks the last step for its window. Each step asks those before it for that
window and its halo, as far as there is canvas, and cuts the halo from what it made. Then:

- **The cuts depend on the canvas alone**, not on what was asked for. Whoever makes a
  block runs the same steps on the same windows, so that every way to make a pixel gives the same
  bits. That floats add up in another order in a window of another shape does not matter.
- Every step has windows of its own grid. One that brings a map to another grid asks for what its
  window needs of the grid that it reads, whose pixels need not lie on those of its own.
- Patch transfer and the graphs before it would repeat much of their work for the halos of their
  readers. They have a lattice of their own, and its blocks are kept until no row below needs them.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from petsgan_sdk._arrays import Array
from petsgan_sdk.errors import BundleError
from petsgan_sdk.runtime.rendering.blocks import block_lattice, kept_lattice, kept_steps
from petsgan_sdk.runtime.rendering.canvas import Canvas, Lattice, Window
from petsgan_sdk.runtime.rendering.pages import long_lived
from petsgan_sdk.runtime.rendering.pipeline import Pipeline
from petsgan_sdk.runtime.rendering.steps.maps import scale_of
from petsgan_sdk.runtime.rendering.steps.runner import AnyRunner, Observer, Tensors

__all__ = ["TiledRun", "can_tile"]


def can_tile(steps: Sequence[AnyRunner]) -> bool:
    """Whether every step says how far it sees."""
    return all(runnable.halo is not None for runnable in steps)


def _check_tileable(steps: Sequence[AnyRunner]) -> None:
    for runnable in steps:
        if runnable.halo is None:
            msg = (
                f"{runnable.label!r} must say how far it sees (halo) to be run in tiles, got null: "
                "the bundle is older than tiles, or its export said why; export the model again"
            )
            raise BundleError(msg)


class TiledRun:
    """One canvas of one bundle while it is made; not shared by threads.

    Args:
        pipeline: The steps.
        canvas: What is made.
        factor: Pixels of the result for one of the canvas, per axis.
        observer: Called with the name and seconds of every step for every window.
        block_px: As `most_px` of `block_lattice`, for checks.

    Raises:
        BundleError: A graph does not say how far it sees.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        canvas: Canvas,
        *,
        factor: int,
        observer: Observer | None = None,
        block_px: int | None = None,
    ) -> None:
        """Cut the canvas; makes nothing yet."""
        _check_tileable(pipeline.steps)
        self.lattice = block_lattice(pipeline, canvas, factor, most_px=block_px)
        self._pipeline = pipeline
        self._canvas = canvas
        self._observer = observer
        self._output = pipeline.output
        self._makers = {name: step for step in pipeline.steps for name in step.step.writes}
        self._kept = {
            step: _Kept(kept_lattice(pipeline, step, canvas, factor, most_px=block_px), {})
            for step in kept_steps(pipeline)
        }

    def block(self, row: int, column: int) -> Array:
        """Make one block of the lattice: the final tensor `[1, 3, h * factor, w * factor]`.

        Raises:
            BundleError: A step makes what another one cannot read, or too many read each other.
        """
        seen, window = self.lattice.seen(row, column), self.lattice.block(row, column)
        try:
            return self._run(self._makers[self._output], seen, window)[self._output]
        except RecursionError as exc:  # each step asks those before it
            msg = (
                f"the bundle must have fewer steps that read each other, got {len(self._makers)} "
                "tensors; export the model again"
            )
            raise BundleError(msg) from exc

    def window(self, window: Window) -> Array:
        """Make any window of the result, of steps that make the same bits in each."""
        maker = self._makers[self._output]
        seen = self._canvas.at(maker.level).around(window, maker.halo or 0)
        return self._run(maker, seen, window)[self._output]

    def forget_above(self, top: int) -> None:
        """Drop kept blocks that no window from row `top` on needs.

        On a seamless canvas the first rows are needed again at the end, and are made again.
        """
        needed = _first_rows(self._pipeline, self._canvas, top)
        for step, kept in self._kept.items():
            first = needed.get(step, 0)  # nothing is kept of what nobody reads
            for key in [k for k in kept.blocks if kept.lattice.block(*k).bottom <= first]:
                del kept.blocks[key]

    def _tensor(self, name: str, window: Window) -> Array:
        """A tensor that covers a window of its grid; noise and positions with their margin."""
        if name in self._canvas.given:
            return self._canvas.cut(name, window)
        maker = self._makers[name]
        if maker not in self._kept:
            seen = self._canvas.at(maker.level).around(window, maker.halo or 0)
            return self._run(maker, seen, window)[name]
        out: Array | None = None
        lattice = self._kept[maker].lattice
        for piece in lattice.pieces(window):
            block = self._block_of(maker, piece.block)[name]
            # What is kept may be of any resolution.
            scale = block.shape[-1] // lattice.block(*piece.block).width
            if out is None:
                size = (window.height * scale, window.width * scale)
                out = np.empty((*block.shape[:-2], *size), dtype=block.dtype)
            out[piece.target(scale)] = block[piece.source(scale)]
        assert out is not None  # no window is empty
        return out

    def _block_of(self, step: AnyRunner, key: tuple[int, int]) -> Tensors:
        kept = self._kept[step]
        if key not in kept.blocks:
            made = self._run(step, kept.lattice.seen(*key), kept.lattice.block(*key))
            kept.blocks[key] = {name: _kept_copy(array) for name, array in made.items()}
        return kept.blocks[key]

    def _run(self, step: AnyRunner, seen: Window, window: Window) -> Tensors:
        """Run one step on what it must see for a window, and cut the window from its results."""
        read = step.window_read(self._canvas, seen)
        tensors = {name: self._tensor(name, read) for name in step.step.reads}
        started = time.perf_counter()
        step.run(tensors, self._canvas, seen)
        if self._observer is not None:
            self._observer(step.label, time.perf_counter() - started)
        return {name: _cut(tensors[name], name, seen, window) for name in step.step.writes}


@dataclass(frozen=True, slots=True)
class _Kept:
    """Blocks of one step."""

    lattice: Lattice
    blocks: dict[tuple[int, int], Tensors]


def _cut(array: Array, name: str, seen: Window, window: Window) -> Array:
    if seen == window:
        return array
    scale = scale_of(array, name, seen)
    top, left = (window.top - seen.top) * scale, (window.left - seen.left) * scale
    rows = slice(top, top + window.height * scale)
    return np.ascontiguousarray(array[..., rows, left : left + window.width * scale])


def _kept_copy(array: Array) -> Array:
    """A copy, which does not hold the halo."""
    copy = long_lived(array.shape, array.dtype)
    copy[...] = array
    return copy


def _first_rows(pipeline: Pipeline, canvas: Canvas, top: int) -> dict[AnyRunner, int]:
    """For each step, the first row of its grid that the result from row `top` on is made from."""
    first = {pipeline.output: top}
    rows: dict[AnyRunner, int] = {}
    for step in reversed(pipeline.steps):
        wanted = [first[name] for name in step.step.writes if name in first]
        if not wanted:
            continue  # nobody reads it
        rows[step] = min(wanted)
        grid = canvas.at(step.level)
        row = rows[step] if grid.seamless else min(rows[step], grid.height - 1)
        around = grid.around(Window(row, 0, 1, 1), step.halo or 0)
        above = step.window_read(canvas, Window(around.top, 0, 1, 1)).top
        for name in step.step.reads:
            first[name] = min(first.get(name, above), above)
    return rows
