"""The settings that model families share, and the classes that those of a family extend."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from petsgan_sdk._text import valid_text
from petsgan_sdk.settings.typed import require

__all__ = [
    "MAX_ASPECT",
    "ImageSettings",
    "ModelSettings",
    "PriorSettings",
    "RunSettings",
    "TrainedSettings",
]

MAX_ASPECT = 32
"""How many times as long as the shorter side the longer one of an image to learn may be."""


@dataclass(frozen=True, slots=True)
class ImageSettings:
    """How the training image is prepared."""

    max_size_px: int = 256
    """Longest side at which the image is learned; that of an extreme aspect may be longer."""
    factor: Literal[1, 2, 4, 8, 16, 32, 64, 128] = 8
    """Ratio of the image to the grid that canvases are counted in; both sides become multiples."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        is_large = 4 * self.factor <= self.max_size_px <= 8192
        require(self, "max_size_px", is_large, expected=f"from {4 * self.factor} to 8192")


@dataclass(frozen=True, slots=True)
class PriorSettings:
    """Where the layouts that a model learns come from."""

    displacement: float
    """Strength of the layouts' smooth displacement, above 0 to 2; 1 folds objects."""
    name: str = "internal"
    """Which prior, or several joined by `+`; what stood behind `name:` is no setting."""
    flip: bool = False
    """Whether mirrored layouts count as plausible; text and faces say no."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        require(self, "displacement", 0 < self.displacement <= 2, expected="above 0 and up to 2")

    @property
    def is_one_layout(self) -> bool:
        """Whether all layouts are one that is moved, so that DEPNet needs no modes."""
        return self.name == "internal" and not self.flip


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """A training run, whatever is trained; a family adds its schedule."""

    steps: int
    """Number of optimizer steps, at least 1."""
    seed: int = 0
    """Seed of every random choice, 0 to 2^63 - 1."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """What convolutions compute in. `auto`: bfloat16 where the device multiplies it natively."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        require(self, "steps", 1 <= self.steps <= 10**8, expected="from 1 to 10^8")
        require(self, "seed", 0 <= self.seed < 1 << 63, expected="from 0 to 2^63 - 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSettings:
    """Everything that decides what a model becomes; saved in checkpoints and bundles.

    A family extends it, or `TrainedSettings` where it trains networks, narrows `family` to its own
    name, and is entered in `families`.
    """

    family: str
    """Model family."""
    preset: str
    """Name of the preset it came from, for people."""
    image: ImageSettings = field(default_factory=ImageSettings)
    """Preparation of the image."""
    ablation: str = ""
    """Name of the preset's ablation, for people; empty for the preset itself."""

    def __post_init__(self) -> None:
        """Check what no part can check alone."""
        is_text = valid_text(self.preset) == self.preset  # it is written into files
        require(self, "preset", bool(self.preset) and is_text, expected="a name in valid Unicode")

    @property
    def total_steps(self) -> int:
        """Steps of the whole run; 1 where a photo is fitted at once."""
        return 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedSettings(ModelSettings):
    """The settings of a family that trains networks; it narrows `training` to its own class."""

    prior: PriorSettings
    """Training layouts."""
    training: RunSettings
    """Schedule of training."""

    @property
    def total_steps(self) -> int:
        """Steps of the whole run."""
        return self.training.steps
