"""The positional encoding: arithmetic on sizes in a file, the same function of numpy beside it."""

from __future__ import annotations

from collections.abc import Mapping

from petsgan_sdk import noise
from petsgan_sdk._arrays import Array
from petsgan_sdk.export.onnx_file.composition import Composition
from petsgan_sdk.export.onnx_file.position import encode_position
from petsgan_sdk.export.parity.reference import TorchForms
from petsgan_sdk.export.steps.step_export import StepExport
from petsgan_sdk.manifest import PositionStep
from petsgan_sdk.runtime.bundle import Bundle

__all__ = ["ExportPosition"]


class ExportPosition(StepExport[PositionStep]):
    """A positional encoding."""

    def add_to(self, file: Composition, number: int) -> None:  # noqa: ARG002
        """Encode the size of its grid."""
        size = file.grids.size(self.step.level)
        with file.graph.scope(self.step.output):
            encode_position(file.graph, self.step, *size)

    def twin(
        self,
        tensors: Mapping[str, Array],
        bundle: Bundle,  # noqa: ARG002
        forms: TorchForms,  # noqa: ARG002
    ) -> dict[str, Array]:
        """By numpy."""
        step = self.step
        height, width = (side - 2 * step.margin for side in tensors[step.output].shape[2:])
        encoded = noise.positional_encoding(
            height, width, frequencies=step.frequencies, extent=step.extent, margin=step.margin
        )
        return {step.output: encoded}
