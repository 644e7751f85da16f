"""Composites of places, as synthesis hands them to IR in place of transferred layouts."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Generator
from torch.nn import functional

from petsgan_sdk._arrays import Array, ImageArray
from petsgan_sdk.models import DipNet, Transferred
from petsgan_sdk.settings.petsgan import PetsganSettings
from petsgan_sdk.synthesis import PhotoFit, drawn_images, fit_in, fit_photo, fit_within
from petsgan_sdk.training.rng import below

__all__ = ["PhotoComposites"]


class PhotoComposites:
    """A photo fitted by coordinate synthesis, and images drawn of it.

    Args:
        photo: `[H, W, 3]` uint8, of which the generator's image is a reduction.
        settings: Of the model.
    """

    def __init__(self, photo: ImageArray, settings: PetsganSettings) -> None:
        """Fit nothing yet: a run that goes on has the fit in its checkpoint."""
        self._photo = photo
        self._settings = settings
        self._fit: PhotoFit | None = None

    @property
    def fit(self) -> PhotoFit:
        """What was learned of the photo, in about a second."""
        if self._fit is None:
            self._fit = fit_photo(self._photo, self._settings.synthesis)
        return self._fit

    def transferred(self, network: DipNet, count: int, rng: Generator) -> Transferred:
        """Draw composites of the photo's size; their code is what they are, reduced.

        Args:
            network: Which will mend them.
            count: How many, at least 1.
            rng: Decides their seeds.
        """
        height, width = self._photo.shape[:2]
        images = drawn_images(
            self.fit,
            self._settings.synthesis,
            [below(1 << 31, rng) for _ in range(count)],
            height=height,
            width=width,
            threads=torch.get_num_threads(),
        )
        image = network.image
        texture = torch.from_numpy(np.stack(images)).to(image.device)
        texture = functional.avg_pool2d(texture, height // image.shape[2])
        code = functional.avg_pool2d(texture, network.factor)
        return Transferred(code, texture, torch.ones_like(code[:, 0]))

    def state(self) -> dict[str, Array]:
        """What a checkpoint keeps."""
        return fit_within(self.fit)

    def load(self, arrays: Mapping[str, Array]) -> None:
        """Take the fit that a checkpoint kept.

        Raises:
            CheckpointError: An array is missing or of another shape.
        """
        self._fit = fit_in(self._photo, arrays)
