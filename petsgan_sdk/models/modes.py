"""Modes of a layout: noise to the choice among several layouts, place by place."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["ModeField"]

_CODE_CHANNELS = 8
_SIGMA = 3.0
"""Width of the code's blur in shorter sides of the training layout: in most, one mode prevails."""
_RADIUS = 1.6
"""Where the blur is cut, in its widths."""
_SHARPNESS = 60.0
"""Of the softmax over cosines of a code and the modes' directions."""
_CANDIDATES = 2048


class ModeField(nn.Module):
    """Weights of a fixed number of modes, from very smooth noise.

    The noise is blurred to a code that hardly changes within a layout. Each mode has a direction,
    all far from each other; weights are a softmax over the cosines of code and directions, so that
    at most places one mode has nearly all of it, and where two meet they blend.

    Everything is local and nothing is learned: a tile of a canvas has the modes of the whole, and a
    prior can say which layout a noise stands for before the network that is to draw it knows.

    Args:
        size: `(h, w)` of the training layout in pixels.
        count: Number of modes, at least 1.
    """

    noise_channels = _CODE_CHANNELS
    blur: Tensor
    directions: Tensor

    def __init__(self, size: tuple[int, int], *, count: int) -> None:
        """Make the kernel and the directions, both the same for every seed."""
        super().__init__()
        sigma = _SIGMA * min(size)
        self.margin = math.ceil(_RADIUS * sigma)
        steps = torch.arange(-self.margin, self.margin + 1).double()
        kernel = torch.exp(-(steps**2) / (2 * sigma**2))
        self.register_buffer("blur", (kernel / kernel.square().sum().sqrt()).float())
        self.register_buffer("directions", _spread(count).view(count, _CODE_CHANNELS, 1, 1))

    def forward(self, noise: Tensor) -> Tensor:
        """Turn noise into weights.

        Args:
            noise: `[N, 8, h + 2 margin, w + 2 margin]`, standard normal.

        Returns:
            `[N, count, h, w]`, at each place a distribution over the modes.
        """
        row = self.blur.view(1, 1, 1, -1).expand(_CODE_CHANNELS, 1, 1, -1)
        column = self.blur.view(1, 1, -1, 1).expand(_CODE_CHANNELS, 1, -1, 1)
        code = functional.conv2d(noise, row, groups=_CODE_CHANNELS)
        code = functional.conv2d(code, column, groups=_CODE_CHANNELS)
        # A sum over channels as a convolution, which export can follow through tiles.
        squared = functional.conv2d(code * code, code.new_ones(1, _CODE_CHANNELS, 1, 1))
        length = (squared + 1e-6).sqrt()
        cosines = functional.conv2d(code / length, self.directions)
        return torch.softmax(_SHARPNESS * cosines, dim=1)


def _spread(count: int) -> Tensor:
    """Choose `[count, 8]` unit vectors, each far from those before it."""
    rng = torch.Generator().manual_seed(0)
    # On the CPU, even where a module is built without memory: the choice needs the numbers.
    size = (max(_CANDIDATES, count), _CODE_CHANNELS)
    candidates = torch.randn(size, generator=rng, device="cpu")
    candidates = functional.normalize(candidates, dim=1)
    chosen = [0]
    nearest = candidates @ candidates[0]
    while len(chosen) < count:
        chosen.append(int(nearest.argmin()))
        nearest = torch.maximum(nearest, candidates @ candidates[chosen[-1]])
    return candidates[chosen]
