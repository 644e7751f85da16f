"""The image that places stand for, by our kernel on the host."""

from __future__ import annotations

import numpy as np

from petsgan_sdk import kernels
from petsgan_sdk.manifest import CompositeStep
from petsgan_sdk.runtime.rendering.canvas import Canvas, Window
from petsgan_sdk.runtime.rendering.steps.maps import reading_maps
from petsgan_sdk.runtime.rendering.steps.runner import StepRunner, Surroundings, Tensors

__all__ = ["RunComposite"]


class RunComposite(StepRunner[CompositeStep]):
    """Colours of the photo whose steps are its own, `[1, 3, H, W]`."""

    def __init__(self, step: CompositeStep, around: Surroundings) -> None:
        """Keep the photo."""
        super().__init__(step, around)
        self._photo = around.bundle.arrays[step.photo]
        self._threads = around.threads

    def run(self, tensors: Tensors, canvas: Canvas, window: Window) -> None:  # noqa: ARG002
        """Gather the colours and close the seams."""
        settings = self.step.settings
        places = np.ascontiguousarray(tensors[self.step.places][0])
        with reading_maps(self.step):
            image = kernels.composite_places(
                places.view(np.int16).reshape(*places.shape, 2),
                self._photo,
                screening=settings.screening,
                slowest=settings.slowest,
                steps=settings.steps,
                softness=settings.softness,
                threads=self._threads,
            )
        tensors[self.step.output] = image[None]
