"""From a canvas to pixels: bytes of any part of it, in one piece or block by block."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np

from petsgan_sdk import kernels
from petsgan_sdk._arrays import Array, ImageArray
from petsgan_sdk.errors import BundleError, InputError
from petsgan_sdk.runtime.rendering.blocks import block_lattice
from petsgan_sdk.runtime.rendering.canvas import Canvas, Piece, Window
from petsgan_sdk.runtime.rendering.pages import long_lived, return_freed
from petsgan_sdk.runtime.rendering.pipeline import Pipeline
from petsgan_sdk.runtime.rendering.steps.runner import Observer
from petsgan_sdk.runtime.rendering.tiles import TiledRun

__all__ = ["CanvasPixels"]

_CUT_PX = 1024
"""Windows up to this long are made as they are, where no block is needed for the same bits."""

_BLOCKS_UNTIL_FREED = 8
"""Blocks after which freed memory goes back to the system: often enough to keep the peak, seldom
enough to cost a hundredth of their time."""


class CanvasPixels:
    """One canvas while pixels are taken from it; not shared by threads.

    Args:
        pipeline: The steps.
        canvas: What is made.
        factor: Pixels of the result for one of the canvas, per axis.
        threads: Threads of the conversion to bytes.
        in_one_piece: Run every step once for the whole canvas. A canvas that is one block is made
            so in any case: it has no halo.
        observer: Called with the name and seconds of every step.

    Raises:
        BundleError: The canvas takes several blocks, and a graph does not say how far it sees.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        canvas: Canvas,
        *,
        factor: int,
        threads: int,
        in_one_piece: bool = False,
        observer: Observer | None = None,
    ) -> None:
        """Decide how to make it; makes nothing yet."""
        self._pipeline = pipeline
        self._canvas = canvas
        self._factor = factor
        self._threads = threads
        self._observer = observer
        shape = block_lattice(pipeline, canvas, factor).shape
        is_one_block = shape == (1, 1) and not canvas.seamless
        self._cuts_anywhere = all(step.step.cuts_anywhere for step in pipeline.steps)
        self._made = 0
        self._run: TiledRun | None = None
        if not (in_one_piece or is_one_block):
            self._run = TiledRun(pipeline, canvas, factor=factor, observer=observer)

    def region(self, top: int, left: int, height: int, width: int) -> ImageArray:
        """Return the pixels of a rectangle, `[height, width, 3]` uint8."""
        if self._run is None:
            if top == left == 0:
                return self._whole(height, width)
            return self._whole(top + height, left + width)[top:, left:].copy()
        factor = self._factor
        first = Window(top // factor, left // factor, 0, 0)
        window = Window(
            first.top,
            first.left,
            -(-(top + height) // factor) - first.top,
            -(-(left + width) // factor) - first.left,
        )
        is_small = max(window.height, window.width) * factor <= _CUT_PX
        if is_small and self._cuts_anywhere and factor == 1:
            made = self._run.window(window)
            self._check(made, window)
            return self._bytes(made, height, width)
        out = long_lived((height, width, 3), np.uint8)
        blocks: dict[tuple[int, int], ImageArray] = {}
        for piece in self._run.lattice.pieces(window):
            if piece.block not in blocks:
                # On a seamless canvas a block may come again; elsewhere none does.
                if not self._canvas.seamless:
                    blocks.clear()
                blocks[piece.block] = self._block(self._run, piece.block)
                self._made += 1
                if self._made % _BLOCKS_UNTIL_FREED == 0:
                    return_freed()
            _paste(
                out, blocks[piece.block], piece, above=top % factor, before=left % factor, f=factor
            )
        return out

    def bands(self, height: int, width: int) -> Iterator[ImageArray]:
        """Yield the upper left `height` x `width` pixels in rows of blocks, top to bottom."""
        if self._run is None:
            yield self._whole(height, width)
            return
        for row in range(self._run.lattice.shape[0]):
            block = self._run.lattice.block(row, 0)
            top, bottom = block.top * self._factor, min(height, block.bottom * self._factor)
            if top >= height:
                return
            yield self.region(top, 0, bottom - top, width)
            self._run.forget_above(block.bottom)

    def _whole(self, height: int, width: int) -> ImageArray:
        result = self._pipeline.run(self._canvas, observer=self._observer)
        self._check(result, self._canvas.whole)
        return self._bytes(result, height, width)

    def _block(self, run: TiledRun, key: tuple[int, int]) -> ImageArray:
        result, window = run.block(*key), run.lattice.block(*key)
        self._check(result, window)
        return self._bytes(result, window.height * self._factor, window.width * self._factor)

    def _check(self, result: Array, window: Window) -> None:
        expected = (1, 3, window.height * self._factor, window.width * self._factor)
        if result.shape != expected:
            name = self._pipeline.output
            msg = f"tensor {name!r} must be {expected}, got {result.shape}; export the model again"
            raise BundleError(msg)

    def _bytes(self, signed: Array, height: int, width: int) -> ImageArray:
        """The upper left of `[1, 3, H, W]` in [-1, 1] as `[height, width, 3]` uint8."""
        started = time.perf_counter()
        pixels = np.ascontiguousarray(signed[0], dtype=np.float32)
        try:
            image = kernels.signed_to_u8(pixels, height=height, width=width, threads=self._threads)
        except InputError as exc:
            msg = "the model made values that are not finite; export or train it again"
            raise BundleError(msg) from exc
        if self._observer is not None:
            self._observer("to_uint8", time.perf_counter() - started)
        return image


def _paste(
    out: ImageArray, block: ImageArray, piece: Piece, *, above: int, before: int, f: int
) -> None:
    """Copy what a block has of a region that starts `above` and `before` pixels into its window."""
    top, left = piece.top * f - above, piece.left * f - before
    rows = slice(max(0, top), min(out.shape[0], top + piece.height * f))
    columns = slice(max(0, left), min(out.shape[1], left + piece.width * f))
    down, across = piece.block_top * f - top, piece.block_left * f - left
    out[rows, columns] = block[
        rows.start + down : rows.stop + down, columns.start + across : columns.stop + across
    ]
