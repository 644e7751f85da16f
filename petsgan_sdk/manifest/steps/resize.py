"""A step of kind `resize`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from petsgan_sdk.manifest.fields import require_level, require_name
from petsgan_sdk.manifest.steps.step import Step

__all__ = ["ResizeStep"]


@dataclass(frozen=True, slots=True)
class ResizeStep(Step):
    """Bring a map to the size of another grid: bilinear, pixel centres at half, clamped."""

    runner: ClassVar[str] = "petsgan_sdk.runtime.rendering.steps.resize:RunResize"
    device_runner: ClassVar[str | None] = "petsgan_sdk.runtime.device.resize:DeviceResize"
    says_level: ClassVar[bool] = True
    replaceable: ClassVar[bool] = True

    input: str
    """Tensor `[N, C, ..., ...]` float32, with one or several pixels for one of its grid."""
    output: str
    """Name of the tensor `[N, C, h, w]` float32, one pixel for one of the new grid."""
    level: int | None = None
    """The new grid: a level, or None for the base grid."""
    kind: Literal["resize"] = "resize"

    def __post_init__(self) -> None:
        """Check the names."""
        for name in ("input", "output"):
            require_name(self, name)
        require_level(self, "level")

    @property
    def reads(self) -> tuple[str, ...]:
        """The map."""
        return (self.input,)

    @property
    def writes(self) -> tuple[str, ...]:
        """The map on its new grid."""
        return (self.output,)

    def window_read(self, window: int, *, read: int, made: int) -> int:
        """In proportion, and a neighbour on both sides."""
        return -(-window * read // made) + 2
