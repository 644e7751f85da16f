"""Semantic and texture generators: one level of the pyramid from the level below."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from petsgan_sdk.models.norm import FreezableBatchNorm

__all__ = ["NUM_CONVS", "RefinementStage"]

NUM_CONVS = 5
"""3x3 convolutions of a stage, which see 11 pixels together."""


class RefinementStage(nn.Module):
    """G_s for s >= 1, or the first stage of a mix without structural GAN.

    Five 3x3 convolutions on the upsampled image of the level below plus noise. A semantic stage
    makes the image anew; a texture stage makes what is added to its input (residual). The input is
    padded once and the convolutions are valid, so that a pixel of the border is made from what was
    padded and not from padded features.

    The amplitude of the noise is part of the model: as a buffer it is saved, and exported, with it.

    Args:
        width: Channels (the paper's code: 64).
        is_residual: Texture stage.
        norm: Batch norm after every convolution but the last, as the paper has it.
        padding: `zeros`, as in the public code, or `replicate`.
    """

    amplitude: Tensor

    def __init__(
        self,
        *,
        width: int,
        is_residual: bool,
        norm: bool,
        padding: Literal["zeros", "replicate"],
    ) -> None:
        """Build the layers."""
        super().__init__()
        self.is_residual = is_residual
        self._padding = "constant" if padding == "zeros" else padding
        layers: list[nn.Module] = []
        for i in range(NUM_CONVS - 1):
            layers.append(nn.Conv2d(width if i else 3, width, 3))
            if norm:
                layers.append(FreezableBatchNorm(width))
            layers.append(nn.LeakyReLU(0.2))
        last = nn.Conv2d(width, 3, 3)
        if is_residual:
            # What is added starts at 0, so that a stage starts from all that those below learned.
            for parameter in last.parameters():
                nn.init.zeros_(parameter)
        self.layers = nn.Sequential(*layers, last, nn.Tanh())
        self.register_buffer("amplitude", torch.tensor(1.0))

    def padded(self, previous: Tensor, noise: Tensor, *, more: int = 0) -> Tensor:
        """What the convolutions see: `[N, 3, h + 10, w + 10]`, `more` below and to the right."""
        x = previous + self.amplitude * noise
        return functional.pad(x, (NUM_CONVS, NUM_CONVS + more) * 2, mode=self._padding)

    def finish(self, made: Tensor, previous: Tensor) -> Tensor:
        """Add the residual to what the convolutions made, if there is one."""
        return made + previous if self.is_residual else made

    def forward(self, previous: Tensor, noise: Tensor) -> Tensor:
        """Refine one level.

        Args:
            previous: `[N, 3, h, w]`, the level below at this level's size; about [-1, 1].
            noise: `[N, 3, h, w]`, standard normal.

        Returns:
            `[N, 3, h, w]`: in [-1, 1] of a semantic stage, about that of a texture stage.
        """
        return self.finish(self.layers(self.padded(previous, noise)), previous)
