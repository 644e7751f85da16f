"""A step of kind `patch_transfer`."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Literal

from petsgan_sdk.manifest.fields import Shape, Size, is_plain, plain_name
from petsgan_sdk.manifest.steps.step import Grids, Step, refuse_shape
from petsgan_sdk.settings.typed import require

__all__ = ["PatchTransferStep"]

_MAX_TEMPERATURE = 1e6
_PAIR_COST = 16
"""What a pair of pixels costs besides its channels and patch."""


@dataclass(frozen=True, slots=True)
class PatchTransferStep(Step):
    """Replace every patch of a feature map by the value patch of its most similar reference."""

    runner = "petsgan_sdk.runtime.rendering.steps.patch_transfer:RunPatchTransfer"
    exporter = "petsgan_sdk.export.steps.patch_transfer:ExportPatchTransfer"
    reads_fields = ("query",)
    writes_fields = ("output", "index_output")
    array_fields = ("reference", "values")
    device_runner = "petsgan_sdk.runtime.device.transfer:DevicePatchTransfer"
    reads_wide = True
    keeps_blocks = True
    replaceable = True
    decides = True

    query: str
    """Tensor `[N, C, h, w]` float32."""
    reference: str
    """Member with the reference features `[C, h0, w0]` float32."""
    values: str
    """Member with the values `[V, h0, w0]` float32."""
    window: int
    """Side of a patch in low-resolution pixels, odd."""
    temperature: float
    """Temperature of the softmax over similarities; 0 takes the best patch with weight 1."""
    output: str
    """Name of the tensor `[N, V, h, w]` float32."""
    index_output: str | None = None
    """Name of the tensor `[N, h, w]` int32 of best matches, or None to drop them."""
    kind: Literal["patch_transfer"] = "patch_transfer"

    def __post_init__(self) -> None:
        """Check the names and ranges."""
        Step.__post_init__(self)
        require(self, "index_output", self.index_output != "", expected="null or a name")
        is_printed = is_plain(self.index_output or "")
        require(self, "index_output", is_printed, expected=f"null or a name, {plain_name}")
        is_odd = self.window % 2 == 1 and 1 <= self.window <= 63
        require(self, "window", is_odd, expected="odd and from 1 to 63")
        require(self, "temperature", self.temperature >= 0, expected="0 or more")
        is_low = self.temperature <= _MAX_TEMPERATURE
        require(self, "temperature", is_low, expected=f"at most {_MAX_TEMPERATURE:g}")

    @property
    def halo(self) -> int:
        """A pixel averages the patches around it, each matched by what is around that."""
        return 2 * (self.window // 2)

    @property
    def packed(self) -> Hashable:
        """Reference, values and window."""
        return (self.reference, self.values, self.window)

    def work_per_pixel(self, constants: Mapping[str, Shape]) -> int:
        """One pair for each pixel of the reference."""
        channels, *grid = constants[self.reference]
        return prod(grid) * (_PAIR_COST + channels + 4 * self.window)

    def check_constants(
        self, constants: Mapping[str, Shape], learned: Grids, indexed: dict[str, Size]
    ) -> None:
        """The reference is the image that was learned: a size that is only said costs nobody."""
        features, values = constants[self.reference], constants[self.values]
        if features[1:] != learned.base:
            refuse_shape(self.reference, features, (features[0], *learned.base))
        if values[1:] != learned.base:
            refuse_shape(self.values, values, (values[0], *learned.base))
        if self.index_output is not None:
            indexed[self.index_output] = learned.base

    def channels_made(self, constants: Mapping[str, Shape]) -> int:
        """Those of the values."""
        return constants[self.values][0]
