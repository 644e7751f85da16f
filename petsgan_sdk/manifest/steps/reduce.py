"""A step of kind `reduce`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from petsgan_sdk.errors import BundleError
from petsgan_sdk.manifest.fields import Shape, Size
from petsgan_sdk.manifest.steps.step import Grids, Step
from petsgan_sdk.settings.typed import require

__all__ = ["ReduceStep"]


@dataclass(frozen=True, slots=True)
class ReduceStep(Step):
    """Reduce a map of full resolution to one pixel for one of its grid: means of areas."""

    runner = "petsgan_sdk.runtime.rendering.steps.reduce:RunReduce"
    reads_fields = ("input",)
    replaceable = True

    input: str
    """Tensor `[1, C, factor * h, factor * w]` float32."""
    output: str
    """Name of the tensor `[1, C, h, w]` float32."""
    factor: int
    """Of the bundle: pixels for one of the grid."""
    kind: Literal["reduce"] = "reduce"

    def __post_init__(self) -> None:
        """Check the names and ranges."""
        Step.__post_init__(self)
        require(self, "factor", 1 <= self.factor <= 256, expected="from 1 to 256")

    def shapes_made(
        self,
        tensors: Mapping[str, Shape],
        grids: Grids,  # noqa: ARG002
        constants: Mapping[str, Shape],  # noqa: ARG002
    ) -> dict[str, Shape]:
        """As many channels as it reads."""
        read = tensors[self.input]
        return {self.output: (*read[:2], *(max(1, side // self.factor) for side in read[2:]))}

    def check_constants(
        self,
        constants: Mapping[str, Shape],  # noqa: ARG002
        learned: Grids,
        indexed: dict[str, Size],  # noqa: ARG002
    ) -> None:
        """It has none, but the bundle's factor."""
        if self.factor != learned.factor:
            msg = (
                f"manifest: factor of a reduce step must be the bundle's, {learned.factor}, got "
                f"{self.factor}"
            )
            raise BundleError(msg)
