"""The loss terms of both critics and generators, each a scalar to be minimised."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

Critic = Callable[[Tensor], Tensor]

__all__ = [
    "collapse_penalty",
    "gradient_penalty",
    "hinge_critic",
    "hinge_generator",
    "nonsaturating_critic",
    "nonsaturating_generator",
    "pixel_gradient_penalty",
    "r1_penalty",
    "sparsity_penalty",
    "wasserstein_critic",
    "wasserstein_generator",
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


def wasserstein_critic(real: Tensor, fake: Tensor) -> Tensor:
    """Critic of WGAN, E[D(fake)] - E[D(real)], on logits of any shape."""
    return fake.mean() - real.mean()


def wasserstein_generator(fake: Tensor) -> Tensor:
    """Generator of WGAN, -E[D(fake)], on logits of any shape."""
    return -fake.mean()


def gradient_penalty(critic: Critic, real: Tensor, fake: Tensor, mix: Tensor) -> Tensor:
    """WGAN-GP: mean squared distance of the gradient's norm from 1, between real and fake.

    Args:
        critic: Gives logits of images.
        real: `[N, C, h, w]`.
        fake: `[N, C, h, w]`.
        mix: `[N, 1, 1, 1]` in [0, 1], how much of each is real. The public code draws it from a
            normal distribution, which leaves the line between the two.
    """
    gradient = _mixed_gradient(critic, real, fake, mix)
    norms: Tensor = torch.linalg.vector_norm(gradient, dim=(1, 2, 3))
    return (norms - 1).square().mean()


def pixel_gradient_penalty(critic: Critic, real: Tensor, fake: Tensor, mix: Tensor) -> Tensor:
    """As `gradient_penalty` with a norm for each pixel, over its channels, for patch critics."""
    gradient = _mixed_gradient(critic, real, fake, mix)
    norms: Tensor = torch.linalg.vector_norm(gradient, dim=1)
    return (norms - 1).square().mean()


def _mixed_gradient(critic: Critic, real: Tensor, fake: Tensor, mix: Tensor) -> Tensor:
    mixed = torch.lerp(fake, real, mix).requires_grad_()
    (gradient,) = torch.autograd.grad(critic(mixed).sum(), mixed, create_graph=True)
    return gradient
