"""Norms that can be frozen, so that a pixel does not depend on the canvas."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["FreezableBatchNorm", "FreezableInstanceNorm", "FreezableNorm", "freeze_statistics"]

FOLLOWED = "followed"
"""Buffer of a norm: how many batches its running averages have followed."""

LONG = 1 << 30
"""Batches after which a running average has long forgotten what it started from."""


class FreezableInstanceNorm(nn.Module):
    """Non-affine instance norm in training; constants per channel once frozen.

    While live it normalises with each image's own mean and variance, as both papers' code does, and
    keeps running averages of them. Frozen, it uses the running averages: the layer is then a fixed
    scale and shift, a convolution absorbs it, and an image of any size, or a tile of one, comes out
    the same.

    Args:
        num_features: C.
        momentum: Weight of the newest statistics in the running averages, in the long run; see
            `_newest_weight`.
    """

    running_mean: Tensor
    running_var: Tensor
    followed: Tensor
    frozen: Tensor

    def __init__(self, num_features: int, *, momentum: float = 0.02) -> None:
        """Start live, with mean 0 and variance 1 until there is a batch."""
        super().__init__()
        self.momentum = momentum
        self.eps = 1e-5
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))
        self.register_buffer(FOLLOWED, torch.tensor(0))
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
        newest = _newest_weight(self.followed, self.momentum)
        self.running_mean.lerp_(mean.mean(0), newest)
        self.running_var.lerp_(var.mean(0), newest)


class FreezableBatchNorm(nn.BatchNorm2d):
    """Batch norm, with a learned scale and shift per channel; constants once frozen.

    Args:
        num_features: C.
        momentum: As `FreezableInstanceNorm`.
    """

    followed: Tensor
    frozen: Tensor
    running_mean: Tensor
    running_var: Tensor

    def __init__(self, num_features: int, *, momentum: float = 0.02) -> None:
        """Start live, with mean 0, variance 1, scale 1 and shift 0."""
        super().__init__(num_features, momentum=momentum)
        self.register_buffer(FOLLOWED, torch.tensor(0))
        self.register_buffer("frozen", torch.tensor(False))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise `[N, C, H, W]`: by its own statistics in training, until they are frozen."""
        is_live = self.training and not bool(self.frozen)
        newest = _newest_weight(self.followed, self.momentum or 0.0) if is_live else 0.0
        return functional.batch_norm(
            x,
            self.running_mean,
            self.running_var,
            # Statistics and their scale stay float32 whatever the map is in.
            self.weight.float(),
            self.bias.float(),
            training=is_live,
            momentum=newest,
            eps=self.eps,
        )


FreezableNorm = FreezableInstanceNorm | FreezableBatchNorm


def _newest_weight(followed: Tensor, momentum: float) -> float:
    """Count a batch, and return its weight in running averages.

    That of Adam's corrected moments: where an average starts from then has no part in it, however
    few batches there are, and in the long run the weight is `momentum`.
    """
    followed += 1
    return momentum / (1 - (1 - momentum) ** int(followed)) if momentum else 0.0


def freeze_statistics(module: nn.Module) -> None:
    """Freeze every norm inside `module` that is live.

    A channel whose variance is below epsilon is flat, as those of a flat photo are: its deviation
    becomes 1. To divide by what it has would enlarge rounding by hundreds, layer after layer.
    """
    for layer in module.modules():
        if isinstance(layer, FreezableNorm) and not layer.frozen:
            layer.running_var.masked_fill_(layer.running_var < layer.eps, 1.0)
            layer.frozen.fill_(True)
