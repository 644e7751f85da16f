"""The instant model: fitted by coordinate synthesis, and taken apart into places and pixels."""

from __future__ import annotations

from collections.abc import Callable

from petsgan_sdk._arrays import Array, ImageArray
from petsgan_sdk.checkpoint import Checkpoint
from petsgan_sdk.fitting.bundle import FittedDeployment
from petsgan_sdk.settings.instant import InstantSettings
from petsgan_sdk.synthesis import (
    MIN_PHOTO_PX,
    deployment,
    fit_from_arrays,
    fit_photo,
    fit_to_arrays,
)

__all__ = ["fit", "take_apart"]

_OUTPUT = "image"


def fit(
    rgb: ImageArray, settings: InstantSettings, *, progress: Callable[[int, int], None]
) -> dict[str, Array]:
    """Fit a photo; as `fitting.run.Fit`."""
    return fit_to_arrays(fit_photo(rgb, settings.synthesis, progress=progress))


def take_apart(checkpoint: Checkpoint) -> FittedDeployment:
    """Return what a bundle holds of a fitted photo.

    Raises:
        CheckpointError: An array is missing or of another shape.
    """
    settings = checkpoint.settings
    assert isinstance(settings, InstantSettings)  # its family says so
    fitted = fit_from_arrays(checkpoint.photo, checkpoint.arrays)
    steps, arrays = deployment(fitted, settings.synthesis, output=_OUTPUT)
    return FittedDeployment(steps, output=_OUTPUT, arrays=arrays, min_canvas_px=MIN_PHOTO_PX)
