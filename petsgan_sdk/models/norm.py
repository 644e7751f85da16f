"""Norms that can be frozen, so that a pixel does not depend on the canvas."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["FreezableBatchNorm", "FreezableInstanceNorm", "FreezableNorm", "freeze_statistics"]


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
        if x.shape[2] * x.shape[3] == 1:
            msg = f"a live norm must see more than one spatial element, got {tuple(x.shape)}"
            raise ValueError(msg)
        # A batch norm of one image is its instance norm, and hands out the statistics it took: a
        # second look at the map would cost more than the norm. One image at a time, since torch
        # would copy a batch whose channels lie side by side. The unit weight in float32 has the
        # statistics computed in float32 whatever the map is in.
        unit = torch.ones(x.shape[1], device=x.device)
        normalized, means, inverse_stds = zip(
            *(
                torch.native_batch_norm(image, unit, None, None, None, True, 0.0, self.eps)
                for image in torch.split(x, 1)
            ),
            strict=True,
        )
        if self.training:
            self._follow(torch.stack(means), torch.stack(inverse_stds))
        return normalized[0] if len(normalized) == 1 else torch.cat(normalized)

    @torch.no_grad()
    def _follow(self, mean: Tensor, inverse_std: Tensor) -> None:
        """Move the running averages towards statistics `[N, C]`."""
        var = (inverse_std.square().reciprocal() - self.eps).clamp(min=0)
        self.running_mean.lerp_(mean.mean(0), self.momentum)
        self.running_var.lerp_(var.mean(0), self.momentum)


class FreezableBatchNorm(nn.BatchNorm2d):
    """Batch norm, with a learned scale and shift per channel; constants once frozen.

    Args:
        num_features: C.
        momentum: Weight of the newest statistics in the running averages.
    """

    frozen: Tensor
    running_mean: Tensor
    running_var: Tensor

    def __init__(self, num_features: int, *, momentum: float = 0.02) -> None:
        """Start live, with mean 0, variance 1, scale 1 and shift 0."""
        super().__init__(num_features, momentum=momentum)
        self.register_buffer("frozen", torch.tensor(False))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise `[N, C, H, W]`: by its own statistics in training, until they are frozen."""
        return functional.batch_norm(
            x,
            self.running_mean,
            self.running_var,
            # Statistics and their scale stay float32 whatever the map is in.
            self.weight.float(),
            self.bias.float(),
            training=self.training and not bool(self.frozen),
            momentum=self.momentum or 0.0,
            eps=self.eps,
        )


FreezableNorm = FreezableInstanceNorm | FreezableBatchNorm


def freeze_statistics(module: nn.Module) -> None:
    """Freeze every norm inside `module`."""
    for layer in module.modules():
        if isinstance(layer, FreezableNorm):
            layer.frozen.fill_(True)
