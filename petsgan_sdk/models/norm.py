"""Instance normalisation that can be frozen, so that a pixel does not depend on the canvas."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["FreezableInstanceNorm", "freeze_statistics"]


class FreezableInstanceNorm(nn.Module):
    """Non-affine instance norm in training; constants per channel once frozen.

    While live it normalises with each image's own mean and variance, as both papers' code does, and
    keeps running averages of them. Frozen, it uses the running averages: the layer is then a fixed
    scale and shift, a convolution absorbs it, and an image of any size, or a tile of one, comes out
    the same.

    Args:
        num_features: C.
        momentum: Weight of the newest statistics in the running averages.
    """

    running_mean: Tensor
    running_var: Tensor
    frozen: Tensor

    def __init__(self, num_features: int, *, momentum: float = 0.02) -> None:
        """Start live, with mean 0 and variance 1."""
        super().__init__()
        self.momentum = momentum
        self.eps = 1e-5
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))
        self.register_buffer("frozen", torch.tensor(False))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise `[N, C, H, W]`.

        Raises:
            ValueError: Live, and the map has one pixel, which has no variance.
        """
        if self.frozen:
            mean, var = self.running_mean, self.running_var
            return functional.batch_norm(x, mean, var, training=False, eps=self.eps)
        if self.training:
            with torch.no_grad():
                var, mean = torch.var_mean(x, dim=(2, 3), correction=0)
                self.running_mean.lerp_(mean.mean(0), self.momentum)
                self.running_var.lerp_(var.mean(0), self.momentum)
        return functional.instance_norm(x, eps=self.eps)


def freeze_statistics(module: nn.Module) -> None:
    """Freeze every `FreezableInstanceNorm` inside `module`."""
    for layer in module.modules():
        if isinstance(layer, FreezableInstanceNorm):
            layer.frozen.fill_(True)
