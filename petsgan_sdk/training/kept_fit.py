"""A photo fitted for synthesis, beside the networks that are trained on it."""

from __future__ import annotations

from collections.abc import Mapping

from petsgan_sdk._arrays import Array, ImageArray
from petsgan_sdk.settings.synthesis import SynthesisSettings
from petsgan_sdk.synthesis import PhotoFit, fit_in, fit_photo, fit_within

__all__ = ["KeptFit"]


class KeptFit:
    """Made when a run is first saved: one that goes on has it in its checkpoint.

    Args:
        photo: `[H, W, 3]` uint8.
        settings: How it is fitted.
    """

    def __init__(self, photo: ImageArray, settings: SynthesisSettings) -> None:
        """Fit nothing yet."""
        self._photo = photo
        self._settings = settings
        self._fit: PhotoFit | None = None

    def state(self) -> dict[str, Array]:
        """Arrays of a checkpoint, beside those of the networks."""
        if self._fit is None:
            self._fit = fit_photo(self._photo, self._settings)
        return fit_within(self._fit)

    def load(self, arrays: Mapping[str, Array]) -> None:
        """Take it from a checkpoint, if it is there.

        Raises:
            CheckpointError: An array is missing or of another shape.
        """
        self._fit = fit_in(self._photo, arrays)
