"""Critics, used in training only: D_G on layouts, and two forms of the patch critic D."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from petsgan_sdk.models.norm import FreezableInstanceNorm

__all__ = ["LayoutCritic", "MultiDilationCritic", "StridedPatchCritic"]


_FIRST_ITERATIONS = 15
"""Power iterations at the start; the weight then changes little from step to step."""


class LayoutCritic(nn.Module):
    """D_G: one logit for a low-resolution layout.

    The public code flattens the last map into a linear layer, which ties the critic to one layout
    size and crashes at 8x8 and below; it also normalises a map that may have one pixel. Here the
    mean over the map replaces the flatten, positions are given as two more channels so that the
    critic still knows where things belong, and there is no norm (which a gradient penalty
    disturbs).

    Args:
        width: Channels of the first layer (the paper: 32).
    """

    def __init__(self, *, width: int = 32) -> None:
        """Build the layers."""
        super().__init__()
        widths = [5, width, 2 * width, 4 * width, 8 * width]
        layers: list[nn.Module] = []
        for i in range(4):
            stride = 1 if i == 0 else 2
            layers.append(nn.Conv2d(widths[i], widths[i + 1], 3, stride, padding=1))
            layers.append(nn.LeakyReLU(0.2))
        self.layers = nn.Sequential(*layers)
        self.logit = nn.Linear(widths[-1], 1)

    def forward(self, layout: Tensor) -> Tensor:
        """`[N, 3, h, w]` in [-1, 1] to logits `[N]`."""
        batch, _, height, width = layout.shape
        y = torch.linspace(-1, 1, height, device=layout.device).view(1, 1, -1, 1)
        x = torch.linspace(-1, 1, width, device=layout.device).view(1, 1, 1, -1)
        position = [y.expand(batch, 1, height, width), x.expand(batch, 1, height, width)]
        features = self.layers(torch.cat([layout, *position], dim=1))
        return self.logit(features.mean(dim=(2, 3)))[:, 0]  # type: ignore[no-any-return]


class MultiDilationCritic(nn.Module):
    """D of the paper: three branches of dilation 1, 2 and 3 at full resolution, logits summed.

    Args:
        width: Channels (the paper: 64).
    """

    def __init__(self, *, width: int = 64) -> None:
        """Build the layers."""
        super().__init__()
        self.head = nn.Sequential(*_normed(3, width, dilation=1))
        self.branches = nn.ModuleList(
            nn.Sequential(
                *_normed(width, width, dilation=dilation),
                *_normed(width, width, dilation=dilation),
                *_normed(width, width, dilation=dilation),
                nn.Conv2d(width, 1, 3, padding=1, padding_mode="replicate"),
            )
            for dilation in (1, 2, 3)
        )

    def forward(self, image: Tensor) -> Tensor:
        """`[N, 3, H, W]` in [-1, 1] to a map of logits `[N, 1, H, W]`."""
        head = self.head(image)
        return torch.stack([branch(head) for branch in self.branches]).sum(dim=0)


class StridedPatchCritic(nn.Module):
    """D of the `fast` preset: a patch critic of 30 px receptive field (the paper's: 23 px).

    Two strided convolutions put most of the arithmetic at a quarter of the size, about 1/27 of the
    multi-dilation critic's for the same image. Spectral norm stands in for instance norm, whose
    statistics on a small crop would be noise.

    Args:
        width: Channels of the first layer.
    """

    RECEPTIVE_FIELD_PX = 30
    """Least side of an image."""

    def __init__(self, *, width: int = 32) -> None:
        """Build the layers."""
        super().__init__()
        widths = [3, width, width * 3 // 2, width * 3, width * 3]
        kernels, strides = (4, 3, 4, 3), (2, 1, 2, 1)
        layers: list[nn.Module] = []
        for i in range(4):
            conv = SpectralConv2d(widths[i], widths[i + 1], kernels[i], strides[i])
            layers += [conv, nn.LeakyReLU(0.2, inplace=True)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, 3))

    def forward(self, image: Tensor) -> Tensor:
        """`[N, 3, H, W]` in [-1, 1], H, W >= 30, to a map of logits `[N, 1, about H/4, W/4]`."""
        return self.layers(image)  # type: ignore[no-any-return]


class SpectralConv2d(nn.Conv2d):
    """A convolution whose weight, as a matrix, is divided by its largest singular value.

    As `parametrizations.spectral_norm`, but the value is found in float32 whatever the convolution
    computes in.
    """

    right: Tensor

    def __init__(self, inputs: int, outputs: int, kernel_size: int, stride: int) -> None:
        """Start with a good estimate of the largest singular value."""
        super().__init__(inputs, outputs, kernel_size, stride)
        start = torch.randn(self.weight[0].numel())
        self.register_buffer("right", functional.normalize(start, dim=0))
        with torch.no_grad():
            for _ in range(_FIRST_ITERATIONS):
                self._iterate(self.weight.flatten(1))

    def forward(self, x: Tensor) -> Tensor:
        """Convolve `[N, C, H, W]`; in training the estimate improves by one iteration."""
        matrix = self.weight.flatten(1).float()
        if self.training:
            with torch.no_grad():
                self._iterate(matrix)
        norm = torch.linalg.vector_norm(matrix @ self.right.clone())
        weight = (self.weight / norm).to(x.dtype)
        return self._conv_forward(x, weight, self.bias)  # type: ignore[no-any-return]

    def _iterate(self, matrix: Tensor) -> None:
        self.right.copy_(functional.normalize(matrix.T @ (matrix @ self.right), dim=0))


def _normed(inputs: int, outputs: int, *, dilation: int) -> list[nn.Module]:
    conv = nn.Conv2d(
        inputs,
        outputs,
        3,
        padding=dilation,
        dilation=dilation,
        padding_mode="replicate",
        bias=False,
    )
    return [conv, FreezableInstanceNorm(outputs), nn.LeakyReLU(0.2, inplace=True)]
