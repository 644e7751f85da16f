"""Texture transfer, by our kernel on the host."""

from __future__ import annotations

from petsgan_sdk import kernels
from petsgan_sdk.manifest import TextureTransferStep
from petsgan_sdk.runtime.rendering.canvas import Canvas, Window
from petsgan_sdk.runtime.rendering.steps.maps import reading_maps
from petsgan_sdk.runtime.rendering.steps.runner import StepRunner, Surroundings, Tensors

__all__ = ["RunTextureTransfer"]


class RunTextureTransfer(StepRunner[TextureTransferStep]):
    """Full-resolution texture along the correspondences of patch transfer, `[1, 3, H, W]`."""

    def __init__(self, step: TextureTransferStep, around: Surroundings) -> None:
        """Keep the texture."""
        super().__init__(step, around)
        self._texture = around.bundle.arrays[step.texture]
        self._factor = around.bundle.manifest.factor
        self._threads = around.threads

    def run(self, tensors: Tensors, canvas: Canvas, window: Window) -> None:  # noqa: ARG002
        """Copy the texture."""
        index = tensors[self.step.index]
        with reading_maps(self.step):
            tensors[self.step.output] = kernels.texture_transfer(
                index, self._texture, factor=self._factor, threads=self._threads
            )
