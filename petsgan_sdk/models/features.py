"""Patch features phi: what patches are compared by, `[N, 3, h, w]` to `[N, C, h, w]`."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["FilterBankFeatures", "PatchFeatures", "VggFeatures"]

_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_STD = (0.229, 0.224, 0.225)
_FLOOR = 0.05
"""Least standard deviation of a channel, as a share of the largest: flat channels stay quiet."""
_LEAST = 1 / 512
"""The same as a share of the largest feature that black or white has: below is rounding, which must
not be enlarged. Photos that are flat, or so regular that their reduction is, have nothing else."""


class PatchFeatures(nn.Module):
    """A feature network followed by standardisation with the reference image's statistics.

    Features of natural images share a large common part, so raw cosines bunch near 1 and only a
    tiny temperature can tell patches apart. Centring and scaling every channel by the reference
    spreads them.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, num_channels: int) -> None:
        """Start with the identity standardisation."""
        super().__init__()
        self.num_channels = num_channels
        self.register_buffer("mean", torch.zeros(1, num_channels, 1, 1))
        self.register_buffer("scale", torch.ones(1, num_channels, 1, 1))

    def raw(self, image: Tensor) -> Tensor:
        """Features before standardisation."""
        raise NotImplementedError

    @torch.no_grad()
    def fit(self, low_res: Tensor) -> None:
        """Take mean and scale from the reference `[1, 3, h, w]` in [-1, 1]."""
        features = self.raw(low_res)
        mean = features.mean(dim=(0, 2, 3), keepdim=True)
        std = (features - mean).square().mean(dim=(0, 2, 3), keepdim=True).sqrt()
        self.mean.copy_(mean)
        black_and_white = torch.tensor([-1.0, 1.0], device=low_res.device).view(2, 1, 1, 1)
        largest = self.raw(black_and_white.expand(2, 3, 1, 1)).abs().max()
        floor = torch.maximum(_FLOOR * std.max(), _LEAST * largest)
        self.scale.copy_(1 / (std + floor + 1e-8))

    def forward(self, image: Tensor) -> Tensor:
        """Features of `[N, 3, h, w]` in [-1, 1]: `[N, C, h, w]`."""
        return (self.raw(image) - self.mean) * self.scale


class FilterBankFeatures(PatchFeatures):
    """27 fixed filters that need no file: a 3x3 cosine basis on three opponent colours.

    Linear and orthonormal, so that with equal weights a patch distance would be the colour
    distance; the standardisation then raises edges and detail to the weight of flat colour.
    """

    def __init__(self) -> None:
        """Build the bank."""
        super().__init__(27)
        rows = [
            [1 / math.sqrt(3)] * 3,
            [1 / math.sqrt(2), 0.0, -1 / math.sqrt(2)],
            [1 / math.sqrt(6), -2 / math.sqrt(6), 1 / math.sqrt(6)],
        ]
        basis = torch.tensor(rows)
        # The same three rows are the opponent colours (grey, red-blue, green) and the 1-D cosines.
        bank = torch.einsum("oc,ay,bx->oabcyx", basis, basis, basis)
        self.weight = nn.Parameter(bank.reshape(27, 3, 3, 3))

    def raw(self, image: Tensor) -> Tensor:
        """Filter; borders repeat, so that an edge of the image is no edge of a feature."""
        return functional.conv2d(functional.pad(image, (1, 1, 1, 1), mode="replicate"), self.weight)


class VggFeatures(PatchFeatures):
    """conv1_1, ReLU, conv1_2, ReLU of VGG-19, with ImageNet normalisation of its input.

    The public code feeds [0, 1] without it to weights made for something else, and needs a
    temperature of 1e-5 to recover; normalised and standardised features do not.
    """

    input_mean: Tensor
    input_std: Tensor

    def __init__(self) -> None:
        """Build the layers; weights are loaded by the caller."""
        super().__init__(64)
        self.conv1_1 = nn.Conv2d(3, 64, 3)
        self.conv1_2 = nn.Conv2d(64, 64, 3)
        self.register_buffer("input_mean", torch.tensor(_IMAGENET_MEAN).view(1, 3, 1, 1))
        self.register_buffer("input_std", torch.tensor(_IMAGENET_STD).view(1, 3, 1, 1))

    def raw(self, image: Tensor) -> Tensor:
        """Run both layers; borders repeat."""
        x = ((image + 1) / 2 - self.input_mean) / self.input_std
        x = torch.relu(self.conv1_1(functional.pad(x, (1, 1, 1, 1), mode="replicate")))
        return torch.relu(self.conv1_2(functional.pad(x, (1, 1, 1, 1), mode="replicate")))
