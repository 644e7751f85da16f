"""Noise, which is given to every form."""

from __future__ import annotations

from petsgan_sdk.export.onnx_file.composition import Composition
from petsgan_sdk.export.parity.reference import Comparison
from petsgan_sdk.export.steps.step_export import StepExport
from petsgan_sdk.manifest import NoiseStep

__all__ = ["ExportNoise"]


class ExportNoise(StepExport[NoiseStep]):
    """An input of the file."""

    def add_to(self, file: Composition, number: int) -> None:
        """Nothing."""

    def compare(self, comparison: Comparison, *, is_half: bool) -> None:
        """Nothing."""
