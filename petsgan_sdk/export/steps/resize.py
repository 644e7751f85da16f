"""The step between two grids: one operator in a file, torch beside it."""

from __future__ import annotations

import torch
from torch.nn import functional

from petsgan_sdk._arrays import Array
from petsgan_sdk.export.onnx_file.composition import Composition
from petsgan_sdk.export.parity.reference import Given
from petsgan_sdk.export.steps.step_export import StepExport
from petsgan_sdk.manifest import ResizeStep

__all__ = ["ExportResize"]


class ExportResize(StepExport[ResizeStep]):
    """A map on another grid."""

    def add_to(self, file: Composition, number: int) -> None:  # noqa: ARG002
        """Resize to the size of its grid."""
        step, graph = self.step, file.graph
        size = file.grids.size(step.level)
        with graph.scope(step.output):
            sides = graph.join(*size)
        region = scales = ""  # left out: the sizes say it
        graph.op(
            "Resize",
            file.tensors[step.input],
            region,
            scales,
            sides,
            result=step.output,
            mode="linear",
            coordinate_transformation_mode="half_pixel",
            axes=[2, 3],
        )

    def twin(self, given: Given) -> dict[str, Array]:
        """By torch."""
        source, size = (
            torch.tensor(given.tensors[self.step.input]),
            given.tensors[self.step.output].shape[2:],
        )
        made = functional.interpolate(source, size=size, mode="bilinear", align_corners=False)
        return {self.step.output: made.numpy()}
