"""Texture transfer: standard operators in a file, its float64 twin beside it."""

from __future__ import annotations

from collections.abc import Mapping

from onnx import TensorProto

from petsgan_sdk import kernels
from petsgan_sdk._arrays import Array
from petsgan_sdk.export.onnx_file.composition import Composition, Form
from petsgan_sdk.export.onnx_file.texture import carry_texture
from petsgan_sdk.export.parity.reference import TorchForms
from petsgan_sdk.export.steps.step_export import StepExport
from petsgan_sdk.manifest import TextureTransferStep
from petsgan_sdk.runtime.bundle import Bundle

__all__ = ["ExportTextureTransfer"]


class ExportTextureTransfer(StepExport[TextureTransferStep]):
    """Texture along matches."""

    def add_to(self, file: Composition, number: int) -> None:  # noqa: ARG002
        """Lay blocks of the photo."""
        step, graph = self.step, file.graph
        with graph.scope(step.output):
            index = file.tensors[step.index]
            if file.form is Form.custom:
                index = graph.op("Cast", index, to=TensorProto.INT64)
            carry_texture(
                graph,
                index,
                file.bundle.arrays[step.texture],
                factor=file.bundle.manifest.factor,
                result=step.output,
            )

    def twin(
        self,
        tensors: Mapping[str, Array],
        bundle: Bundle,
        forms: TorchForms,  # noqa: ARG002
    ) -> dict[str, Array]:
        """By numpy."""
        step, factor = self.step, bundle.manifest.factor
        texture = bundle.arrays[step.texture]
        laid = kernels.texture_transfer(
            tensors[step.index], texture, factor=factor, backend="numpy"
        )
        return {step.output: laid}
