"""The layouts that displaced noise stands for, where the prior can tell."""

from __future__ import annotations

import torch
from torch import Tensor

from petsgan_sdk.models.depnet import DepNet
from petsgan_sdk.priors import LayoutPrior
from petsgan_sdk.priors.internal import displace

__all__ = ["PairedLayouts"]


class PairedLayouts:
    """Targets for a DEPNet that is displaced by its noise.

    Args:
        depnet: What is trained.
        prior: Where layouts come from.
        num_modes: Layouts that the DEPNet tells apart, 0 for one.
    """

    def __init__(self, depnet: DepNet, prior: LayoutPrior, num_modes: int) -> None:
        """Ask the prior for its modes."""
        self._depnet = depnet
        self._prior = prior
        self._modes = prior.modes(num_modes) if num_modes else None

    @torch.no_grad()
    def target(self, noise: Tensor, field: Tensor | None) -> Tensor | None:
        """Return the layouts of noise, `[N, 3, h, w]` in [-1, 1]; None if they are unknown.

        Args:
            noise: As for `DepNet.forward`.
            field: What `DepNet.displace` made of it; None where noise displaces nothing.
        """
        if field is None:
            return None
        margin = self._depnet.position_margin
        field = field[:, :, margin:-margin, margin:-margin]
        weights = self._depnet.mode_weights(noise)
        if weights is None or self._modes is None:
            return self._prior.displaced(field)
        # Every mode is moved by the same field, so that they can be moved as channels of one image.
        moved = displace(self._modes.flatten(0, 1)[None], field)
        moved = moved.view(len(noise), -1, *self._modes.shape[1:])
        return torch.sum(weights[:, :, None, margin:-margin, margin:-margin] * moved, dim=1)
