"""The joint optimisation of a code and of the generator's weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import Parameter, functional

from petsgan_sdk.errors import TrainingError
from petsgan_sdk.priors.inversion.interface import CodeGenerator, FeatureNetwork
from petsgan_sdk.priors.inversion.search import Candidate, feature_distances
from petsgan_sdk.priors.inversion.settings import InversionSettings

__all__ = ["Inverted", "invert", "psnr_db"]

_BETAS = (0.9, 0.999)


@dataclass(frozen=True, slots=True)
class Inverted:
    """A code from which a fine-tuned generator draws the target."""

    code: Tensor
    """`[1, code_size]`."""
    label: int
    """The class."""
    psnr_db: float
    """Of what is drawn from it, against the target."""


def invert(
    generator: CodeGenerator,
    network: FeatureNetwork,
    target: Tensor,
    *,
    start: Candidate,
    settings: InversionSettings,
    note: Callable[[str], None] = lambda _: None,
) -> Inverted:
    """Fit a code, and the generator's weights in place, to a target.

    On the CPU the result is the same, run after run, for the same number of threads.

    Args:
        generator: Its weights are changed; in the end none asks for a gradient.
        network: Compares features. Its own weights should ask for no gradient.
        target: `[1, 3, S, S]` in [-1, 1].
        start: The first guess.
        settings: Stages, and weights of the loss terms.
        note: Told of each stage's result.

    Raises:
        TrainingError: The loss became NaN or infinite.
    """
    code = start.code.clone().requires_grad_()
    label = torch.tensor([start.label], device=target.device)
    groups = generator.groups()
    code_adam = torch.optim.Adam([code], betas=_BETAS)
    weight_adam = torch.optim.Adam([p for group in groups for p in group], betas=_BETAS)
    objective = _objective(network, target, settings)
    for number, stage in enumerate(settings.stages, start=1):
        code_adam.param_groups[0]["lr"] = stage.code_rate
        weight_adam.param_groups[0]["lr"] = stage.weight_rate
        _let_learn(groups, stage.share if stage.weight_rate > 0 else 0.0)
        for _ in range(stage.steps):
            code_adam.zero_grad()
            weight_adam.zero_grad()
            loss = objective(generator(code, generator.embed(label)), code)
            loss.backward()  # type: ignore[no-untyped-call]
            code_adam.step()
            weight_adam.step()
        reached = _reached(generator, code, label, target)
        note(f"inversion: stage {number} of {len(settings.stages)}, {reached:.1f} dB PSNR")
    _let_learn(groups, 0.0)
    return Inverted(code.detach(), start.label, _reached(generator, code, label, target))


def psnr_db(image: Tensor, target: Tensor) -> float:
    """Peak signal to noise ratio in dB of images in [-1, 1]; infinite for equal ones."""
    error = float(functional.mse_loss(image, target))
    return 10 * math.log10(4 / error) if error else math.inf


def _objective(
    network: FeatureNetwork, target: Tensor, settings: InversionSettings
) -> Callable[[Tensor, Tensor], Tensor]:
    """The loss of an image and its code: features (L1), pixels (MSE), and the code's likelihood."""
    maps = settings.feature_maps
    with torch.no_grad():
        wanted = network.features(target)[-maps:]

    def loss(image: Tensor, code: Tensor) -> Tensor:
        distance = feature_distances(network.features(image)[-maps:], wanted).sum()
        return (
            settings.feature_weight * distance
            + settings.pixel_weight * functional.mse_loss(image, target)
            + settings.code_weight * code.square().mean() / 2
        )

    return loss


def _let_learn(groups: Sequence[Sequence[Parameter]], share: float) -> None:
    """Ask for gradients of the first groups only; Adam passes over what has none."""
    count = math.ceil(share * len(groups))
    for index, group in enumerate(groups):
        for parameter in group:
            parameter.requires_grad_(index < count)


@torch.no_grad()
def _reached(generator: CodeGenerator, code: Tensor, label: Tensor, target: Tensor) -> float:
    reached = psnr_db(generator(code, generator.embed(label)), target)
    if math.isnan(reached):
        msg = (
            "inversion: the image must stay finite, got NaN; "
            "hint: check the weights, or lower the learning rates"
        )
        raise TrainingError(msg)
    return reached
