"""Noise, which is given to every form."""

from __future__ import annotations

from onnx import TensorProto

from petsgan_sdk.export.onnx_file.composition import Composition
from petsgan_sdk.export.onnx_file.grids import side_names
from petsgan_sdk.export.parity.reference import Comparison
from petsgan_sdk.export.steps.step_export import FileInput, StepExport
from petsgan_sdk.manifest import NoiseStep

__all__ = ["ExportNoise"]


class ExportNoise(StepExport[NoiseStep]):
    """An input of the file."""

    @property
    def file_input(self) -> FileInput:
        """Any normals, or those of a seed."""
        step = self.step
        margin = f" + {2 * step.margin}" if step.margin else ""
        height, width = (f"{side}{margin}" for side in side_names(step.level))
        shape = f"(N, {step.channels}, {height}, {width})"
        recipe = (
            f"{shape} float32, standard normal: any, or for the images of petsgan-sdk's seed s "
            f"from number k on kernels.normal_noise({shape}, seed=s, first_image=k, "
            f"stage={step.stage}, top={-step.margin}, left={-step.margin})"
        )
        sides = ("N", step.channels, height, width)
        return FileInput(step.output, TensorProto.FLOAT, sides, recipe)

    def add_to(self, file: Composition, number: int) -> None:
        """Nothing."""

    def compare(self, comparison: Comparison, *, is_half: bool) -> None:
        """Nothing."""
