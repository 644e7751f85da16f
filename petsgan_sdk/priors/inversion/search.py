"""The first guess: the best of many random codes and classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from petsgan_sdk.priors.inversion.interface import CodeGenerator, FeatureNetwork
from petsgan_sdk.priors.inversion.settings import InversionSettings

__all__ = ["Candidate", "feature_distances", "search"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A code and its class."""

    code: Tensor
    """`[1, code_size]`, on the device of the target."""
    label: int
    """The class."""
    distance: float
    """Feature distance of its image to the target."""


def feature_distances(found: Sequence[Tensor], wanted: Sequence[Tensor]) -> Tensor:
    """Sum over maps of the mean absolute difference, for each image: `[N]`.

    Args:
        found: Maps `[N, ...]`.
        wanted: The target's maps `[1, ...]`.
    """
    pairs = zip(found, wanted, strict=True)
    return torch.stack([(f - w).abs().flatten(1).mean(dim=1) for f, w in pairs]).sum(dim=0)


@torch.no_grad()
def search(
    generator: CodeGenerator,
    network: FeatureNetwork,
    target: Tensor,
    settings: InversionSettings,
    rng: Generator,
) -> Candidate:
    """Draw codes with classes, and return the one whose image looks most like the target.

    Every candidate is kept until all are ranked. The public code re-fills one buffer and so always
    goes on with its last draw; it also draws one class for all.

    Args:
        generator: Makes the images.
        network: Judges them by its last `settings.feature_maps` feature maps.
        target: `[1, 3, S, S]` in [-1, 1].
        settings: How many, and how far from 0.
        rng: Decides the draws; lives on the CPU.
    """
    shape = (settings.candidates, generator.code_size)
    codes = settings.candidate_std * torch.randn(shape, generator=rng)
    labels = torch.randint(generator.num_classes, (settings.candidates,), generator=rng)
    codes, labels = codes.to(target.device), labels.to(target.device)
    maps = settings.feature_maps
    wanted = network.features(target)[-maps:]
    distances = torch.cat(
        [
            feature_distances(
                network.features(generator(some_codes, generator.embed(some_labels)))[-maps:],
                wanted,
            )
            for some_codes, some_labels in zip(
                torch.split(codes, settings.batch), torch.split(labels, settings.batch), strict=True
            )
        ]
    )
    best = int(distances.argmin())
    return Candidate(codes[best : best + 1].clone(), int(labels[best]), float(distances[best]))
