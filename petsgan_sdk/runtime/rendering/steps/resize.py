"""The step between two grids, whose sizes are no multiples of each other; by our kernel."""

from __future__ import annotations

import numpy as np

from petsgan_sdk import kernels
from petsgan_sdk.errors import BundleError
from petsgan_sdk.manifest import ResizeStep
from petsgan_sdk.runtime.rendering.canvas import Canvas, Window
from petsgan_sdk.runtime.rendering.steps.maps import scale_of
from petsgan_sdk.runtime.rendering.steps.runner import StepRunner, Surroundings, Tensors

__all__ = ["RunResize"]

_MAX_CHANNELS = 64
"""Of a map that is resized, which may grow from a few pixels to many; ours are images, of 3."""


class RunResize(StepRunner[ResizeStep]):
    """A map on another grid, bilinear, `[1, C, h, w]`."""

    def __init__(self, step: ResizeStep, around: Surroundings) -> None:
        """Keep the step, and the grid of what it reads."""
        super().__init__(step, around)
        self._source_level = around.levels[step.input]
        self._threads = around.threads

    def window_read(self, canvas: Canvas, window: Window) -> Window:
        """The window of the grid it reads that a window of its own grid needs."""
        source, target = canvas.at(self._source_level), canvas.at(self.level)
        if window == target.whole and not canvas.seamless:
            return source.whole  # also of a smaller grid, which needs less
        # A source with several pixels for one of its grid needs no more of them than with one.
        wrap = canvas.seamless
        top, height = kernels.resize_source(
            window.top, window.height, source=source.height, target=target.height, wrap=wrap
        )
        left, width = kernels.resize_source(
            window.left, window.width, source=source.width, target=target.width, wrap=wrap
        )
        return Window(top, left, height, width)

    def run(self, tensors: Tensors, canvas: Canvas, window: Window) -> None:
        """Interpolate."""
        source, target = canvas.at(self._source_level), canvas.at(self.level)
        name = self.step.input
        array, held = tensors[name], self.window_read(canvas, window)
        scale = scale_of(array, name, held)
        if array.shape[1] > _MAX_CHANNELS:
            msg = (
                f"tensor {name!r} must have at most {_MAX_CHANNELS} channels to be "
                f"resized, got {array.shape[1]}; export the model again"
            )
            raise BundleError(msg)
        tensors[self.step.output] = kernels.resize_window(
            np.ascontiguousarray(array, dtype=np.float32),
            source_size=(source.height * scale, source.width * scale),
            target_size=(target.height, target.width),
            source_origin=(held.top * scale, held.left * scale),
            window=(window.top, window.left, window.height, window.width),
            wrap=canvas.seamless,
            threads=self._threads,
        )
