"""Places, which our kernels draw for every form."""

from __future__ import annotations

from onnx import TensorProto

from petsgan_sdk.export.onnx_file.composition import Composition
from petsgan_sdk.export.parity.reference import Comparison
from petsgan_sdk.export.steps.step_export import FileInput, StepExport
from petsgan_sdk.manifest import PlacesStep
from petsgan_sdk.runtime.rendering.steps.places import place_pairs

__all__ = ["ExportPlaces"]


class ExportPlaces(StepExport[PlacesStep]):
    """An input of the file: their search has no form in operators."""

    @property
    def file_input(self) -> FileInput:
        """Those of any window."""
        recipe = (
            "(N, H, W, 2) int32, (y, x) in the photo: any, or for the images of petsgan-sdk's seed "
            "s load(BUNDLE).places(H, W, seed=s)"
        )
        sides = ("N", "H", "W", 2)
        return FileInput(self.step.output, TensorProto.INT32, sides, recipe, place_pairs)

    def add_to(self, file: Composition, number: int) -> None:
        """Nothing."""

    def compare(self, comparison: Comparison, *, is_half: bool) -> None:
        """Nothing."""
