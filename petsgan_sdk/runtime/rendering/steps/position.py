"""Positional encodings, on the host."""

from __future__ import annotations

from petsgan_sdk import noise
from petsgan_sdk._arrays import FloatArray
from petsgan_sdk.manifest import PositionStep
from petsgan_sdk.runtime.rendering.canvas import Canvas, Window
from petsgan_sdk.runtime.rendering.steps.runner import StepRunner, Surroundings, Tensors

__all__ = ["RunPosition"]


class RunPosition(StepRunner[PositionStep]):
    """Sine and cosine of the coordinates with a margin; those of the last window are kept."""

    def __init__(self, step: PositionStep, around: Surroundings) -> None:
        """Keep the step."""
        super().__init__(step, around)
        self._last: tuple[tuple[int, int, bool, Window], FloatArray] | None = None

    def run(self, tensors: Tensors, canvas: Canvas, window: Window) -> None:
        """Encode the positions, or reuse those of the run before."""
        grid = canvas.at(self.level)
        # One reference, read once and written once: safe between threads without a lock.
        key, last = (grid.height, grid.width, grid.seamless, window), self._last
        if last is None or last[0] != key:
            encoded = self._encode(grid, window.grown(self.step.margin))
            encoded.setflags(write=False)
            self._last = last = (key, encoded)
        tensors[self.step.output] = last[1]

    def _encode(self, canvas: Canvas, window: Window) -> FloatArray:
        rows, columns = self.step.extent or (None, None)
        mirrored = canvas.seamless
        y = noise.grid_coordinates(
            window.top, window.bottom, canvas.height, extent=rows, mirrored=mirrored
        )
        x = noise.grid_coordinates(
            window.left, window.right, canvas.width, extent=columns, mirrored=mirrored
        )
        return noise.encode_positions(y, x, self.step.frequencies)
