"""The settings of the instant model: coordinate synthesis, whose images are places of the photo."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from petsgan_sdk.settings.base import ModelSettings
from petsgan_sdk.settings.synthesis import SynthesisSettings
from petsgan_sdk.settings.typed import FieldError

__all__ = ["InstantSettings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class InstantSettings(ModelSettings):
    """Everything that decides what an instant model becomes; it has no prior and no schedule."""

    family: Literal["instant"]
    """Model family."""
    synthesis: SynthesisSettings = field(default_factory=SynthesisSettings)
    """How the photo is fitted, and how images are drawn of it."""

    def __post_init__(self) -> None:
        """Check what no part can check alone."""
        ModelSettings.__post_init__(self)
        if self.image.factor != 1:  # a pixel is a place of the photo
            raise FieldError(self, "image.factor", f"must be 1, got {self.image.factor}")
