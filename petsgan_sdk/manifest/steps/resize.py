"""A step of kind `resize`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from petsgan_sdk.manifest.fields import require_level
from petsgan_sdk.manifest.steps.step import Step

__all__ = ["ResizeStep"]


@dataclass(frozen=True, slots=True)
class ResizeStep(Step):
    """Bring a map to the size of another grid: bilinear, pixel centres at half, clamped."""

    runner = "petsgan_sdk.runtime.rendering.steps.resize:RunResize"
    exporter = "petsgan_sdk.export.steps.resize:ExportResize"
    reads_fields = ("input",)
    device_runner = "petsgan_sdk.runtime.device.resize:DeviceResize"
    says_level = True
    replaceable = True

    input: str
    """Tensor `[N, C, ..., ...]` float32, with one or several pixels for one of its grid."""
    output: str
    """Name of the tensor `[N, C, h, w]` float32, one pixel for one of the new grid."""
    level: int | None = None
    """The new grid: a level, or None for the base grid."""
    kind: Literal["resize"] = "resize"

    def __post_init__(self) -> None:
        """Check the names."""
        Step.__post_init__(self)
        require_level(self, "level")

    def window_read(self, window: int, *, read: int, made: int) -> int:
        """In proportion, and a neighbour on both sides."""
        return -(-window * read // made) + 2
