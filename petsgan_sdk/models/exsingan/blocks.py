"""A stage whose last convolution makes blocks of 2x2 pixels: the same result in less time."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from petsgan_sdk.models.exsingan.stage import RefinementStage

__all__ = ["BLOCK_PX", "StageInBlocks", "in_blocks"]

BLOCK_PX = 2
"""Side of a block."""


class StageInBlocks(nn.Module):
    """A `RefinementStage` as it is deployed on CPUs.

    Processors compute channels 16 at a time, and of a convolution with three outputs throw the
    others away. Here the last one has twelve, the three of each pixel of a block: four 3x3 filters
    at the four places of a 4x4 window that moves by two pixels. A value is the sum of the same
    products in the same order, with zeros between them.

    Args:
        stage: Without norms, as `deployed` leaves it; it shares its other weights with this one.
    """

    def __init__(self, stage: RefinementStage) -> None:
        """Arrange the weights."""
        super().__init__()
        *before, last, tanh = stage.layers
        assert isinstance(last, nn.Conv2d)
        self.stage = stage
        self.layers = nn.Sequential(*before, in_blocks(last), tanh, nn.PixelShuffle(BLOCK_PX))

    def forward(self, previous: Tensor, noise: Tensor) -> Tensor:
        """As the stage's."""
        height, width = previous.shape[2:]
        # One pixel more below and to the right, for the last block of an odd side.
        padded = self.stage.padded(previous, noise, more=BLOCK_PX - 1)
        made = self.layers(padded)[:, :, :height, :width]
        return self.stage.finish(made, previous)


def in_blocks(conv: nn.Conv2d) -> nn.Conv2d:
    """Make a convolution whose channels are the pixels of a block, as `PixelShuffle` has them.

    Args:
        conv: k x k, of stride 1 and without padding.

    Returns:
        (k + 1) x (k + 1), of stride 2, with four channels for each one.
    """
    outputs, inputs, *kernel = conv.weight.shape
    rows, columns = (side + BLOCK_PX - 1 for side in kernel)
    made = nn.Conv2d(inputs, outputs * BLOCK_PX**2, (rows, columns), stride=BLOCK_PX)
    weight = torch.zeros(outputs, BLOCK_PX, BLOCK_PX, inputs, rows, columns)
    for y in range(BLOCK_PX):
        for x in range(BLOCK_PX):
            weight[:, y, x, :, y : y + kernel[0], x : x + kernel[1]] = conv.weight
    assert conv.bias is not None
    made.weight = nn.Parameter(weight.flatten(0, 2), requires_grad=False)
    made.bias = nn.Parameter(conv.bias.repeat_interleave(BLOCK_PX**2), requires_grad=False)
    return made
