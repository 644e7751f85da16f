"""Precision and coverage of an image's patches: is all of it the photo's, is all the photo in it.

SIFID compares distributions and so asks for the photo's proportions: a landscape of twice the
height is punished for its larger sky. These two ask only for what there is. Features of Inception's
stem, at every position, stand for patches. (Precision of Kynkaanniemi et al., NeurIPS 2019, and
coverage of Naeem et al., ICML 2020, over the positions of one image instead of many images.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from petsgan_sdk.metrics._images import U8Array, check_image
from petsgan_sdk.metrics.inception import InceptionStem

__all__ = ["Coverage", "Precision"]

_NEIGHBOURS = 5
_AT_ONCE = 2048
"""Features compared with all of the photo's at a time, which bounds the memory."""


@dataclass(frozen=True, slots=True)
class Precision:
    """What `Coverage` found of one image."""

    precision: float
    """Share of the image's features that lie within reach of one of the photo's."""
    coverage: float
    """Share of the photo's features that some feature of the image lies within reach of."""


class Coverage:
    """Precision and coverage of images of any size against one photo.

    The reach of a photo's feature is the distance to its fifth neighbour in the photo, and at least
    the median of those distances, so that flat parts do not ask for bytes to be equal.

    Args:
        inception: The network, to `pool1`.
        photo: `[H, W, 3]` uint8, both sides from 44 px.

    Raises:
        InputError: Too small a photo.
    """

    def __init__(self, inception: InceptionStem, photo: U8Array) -> None:
        """Find the reach of each of the photo's features."""
        check_image("coverage", photo)
        self.backbone = inception.backbone
        self._inception = inception
        self._photo = self._features(photo)
        nearest = torch.cat(
            [
                torch.cdist(part, self._photo).kthvalue(_NEIGHBOURS + 1, dim=1).values
                for part in torch.split(self._photo, _AT_ONCE)
            ]
        )
        self._reach = nearest.clamp(min=float(nearest.median()))

    def __call__(self, image: U8Array) -> Precision:
        """Measure `[H, W, 3]` uint8 of any size from 44 px; 1 and 1 for the photo itself.

        Raises:
            InputError: Too small an image.
        """
        check_image("coverage", image)
        features = self._features(image)
        reached = torch.zeros(len(self._photo), dtype=torch.bool)
        precise = 0
        for part in torch.split(features, _AT_ONCE):
            within = torch.cdist(part, self._photo) <= self._reach
            reached |= within.any(dim=0)
            precise += int(within.any(dim=1).sum())
        return Precision(precise / len(features), float(reached.float().mean()))

    def _features(self, image: U8Array) -> Tensor:
        """`[K, 64]`, one for each position."""
        signed = torch.from_numpy(image.astype(np.float32) / 127.5 - 1)
        found: Tensor = self._inception(signed.permute(2, 0, 1)[None])[0]
        return found.flatten(1).T.contiguous()
