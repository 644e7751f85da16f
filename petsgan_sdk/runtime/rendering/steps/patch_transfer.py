"""Patch transfer, by our kernel on the host."""

from __future__ import annotations

import numpy as np

from petsgan_sdk import kernels
from petsgan_sdk.errors import BundleError
from petsgan_sdk.manifest import PatchTransferStep
from petsgan_sdk.runtime.rendering.canvas import Canvas, Window
from petsgan_sdk.runtime.rendering.steps.maps import reading_maps
from petsgan_sdk.runtime.rendering.steps.runner import StepRunner, Surroundings, Tensors

__all__ = ["RunPatchTransfer"]


class RunPatchTransfer(StepRunner[PatchTransferStep]):
    """The most similar reference patch for each patch of the query, and its values."""

    def __init__(self, step: PatchTransferStep, around: Surroundings) -> None:
        """Pack the reference, once for every pass of a bundle over the same one."""
        super().__init__(step, around)
        self._threads = around.threads
        arrays = around.bundle.arrays
        self._reference = around.shared(
            ("reference", step.packed),
            lambda: kernels.PatchReference(
                arrays[step.reference], arrays[step.values], window=step.window
            ),
        )

    def run(self, tensors: Tensors, canvas: Canvas, window: Window) -> None:  # noqa: ARG002
        """Match and gather."""
        step = self.step
        query = tensors[step.query]
        channels = self._reference.channels
        if query.ndim != 4 or query.shape[1] != channels:
            msg = (
                f"tensor {step.query!r} must be [N, {channels}, h, w] to match "
                f"{step.reference!r}, got {query.shape}; export the model again"
            )
            raise BundleError(msg)
        with reading_maps(step):
            result = kernels.patch_transfer(
                np.ascontiguousarray(query, dtype=np.float32),
                self._reference,
                temperature=step.temperature,
                threads=self._threads,
            )
        tensors[step.output] = result.values
        if step.index_output is not None:
            tensors[step.index_output] = result.index
