"""The loss terms of both critics and generators, each a scalar to be minimised."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

__all__ = [
    "collapse_penalty",
    "hinge_critic",
    "hinge_generator",
    "nonsaturating_critic",
    "nonsaturating_generator",
    "r1_penalty",
    "sparsity_penalty",
]


def nonsaturating_critic(real: Tensor, fake: Tensor) -> Tensor:
    """D_G of eq. 6: logistic loss of logits `[N]`."""
    return functional.softplus(-real).mean() + functional.softplus(fake).mean()


def nonsaturating_generator(fake: Tensor) -> Tensor:
    """G of eq. 6: logistic loss of logits `[N]`."""
    return functional.softplus(-fake).mean()


def collapse_penalty(fake: Tensor) -> Tensor:
    """Second term of eq. 6, -E|D_G(G(z1)) - D_G(G(z2))|, over the halves of a batch of logits."""
    half = len(fake) // 2
    return -(fake[:half] - fake[half : 2 * half]).abs().mean()


def r1_penalty(logits: Tensor, real: Tensor) -> Tensor:
    """Half the mean squared gradient norm of logits `[N]` in real `[N, C, h, w]`."""
    (gradient,) = torch.autograd.grad(logits.sum(), real, create_graph=True)
    return gradient.square().sum(dim=(1, 2, 3)).mean() / 2


def hinge_critic(real: Tensor, fake: Tensor) -> Tensor:
    """D of eq. 5 on maps of logits, hinge form as in the public code."""
    return functional.relu(1 - real).mean() + functional.relu(1 + fake).mean()


def hinge_generator(fake: Tensor) -> Tensor:
    """F and G of eq. 5 on a map of logits."""
    return -fake.mean()


def sparsity_penalty(weight: Tensor) -> Tensor:
    """Eq. 8: 1 - ||A||_F^2 / rows, where A keeps one weight `[N, h, w]` in each row."""
    return 1 - weight.square().mean()
