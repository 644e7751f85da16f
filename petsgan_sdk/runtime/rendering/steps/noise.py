"""Noise, on the host."""

from __future__ import annotations

from petsgan_sdk.manifest import NoiseStep
from petsgan_sdk.runtime.rendering.canvas import Canvas, Window
from petsgan_sdk.runtime.rendering.steps.runner import StepRunner, Tensors

__all__ = ["RunNoise"]


class RunNoise(StepRunner[NoiseStep]):
    """Normals of the run's own stream, `[1, C, h + 2 margin, w + 2 margin]`."""

    def run(self, tensors: Tensors, canvas: Canvas, window: Window) -> None:
        """Draw the noise."""
        step = self.step
        tensors[step.output] = canvas.at(step.level).draw(
            window.grown(step.margin), channels=step.channels, stage=step.stage
        )
