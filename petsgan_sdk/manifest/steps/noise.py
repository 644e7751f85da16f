"""A step of kind `noise`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from petsgan_sdk.manifest.fields import MAX_MARGIN, Shape, require_level
from petsgan_sdk.manifest.steps.step import Step
from petsgan_sdk.settings.typed import require

__all__ = ["NoiseStep"]


@dataclass(frozen=True, slots=True)
class NoiseStep(Step):
    """Make normal noise `[N, channels, h + 2 margin, w + 2 margin]` float32 on a grid."""

    runner = "petsgan_sdk.runtime.rendering.steps.noise:RunNoise"
    exporter = "petsgan_sdk.export.steps.noise:ExportNoise"
    says_level = True

    output: str
    """Name of the tensor."""
    channels: int
    """Number of channels."""
    stage: int = 0
    """Which independent noise, 0 to 65535."""
    margin: int = 0
    """Pixels beyond the grid on every side; they continue the same noise."""
    level: int | None = None
    """Which grid: a level, or None for the base grid."""
    kind: Literal["noise"] = "noise"

    def __post_init__(self) -> None:
        """Check the ranges."""
        Step.__post_init__(self)
        require_level(self, "level")
        require(self, "channels", 1 <= self.channels <= 4096, expected="from 1 to 4096")
        require(self, "stage", 0 <= self.stage < 1 << 16, expected="from 0 to 65535")
        require(self, "margin", 0 <= self.margin <= MAX_MARGIN, expected=f"0 to {MAX_MARGIN}")

    def channels_made(self, constants: Mapping[str, Shape]) -> int:  # noqa: ARG002
        """Its own."""
        return self.channels
