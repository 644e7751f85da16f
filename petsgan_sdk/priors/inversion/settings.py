"""The numbers of an inversion; the defaults are those of PetsGAN's public code."""

from __future__ import annotations

from dataclasses import dataclass

from petsgan_sdk.errors import ConfigError

__all__ = ["InversionSettings", "Stage"]


@dataclass(frozen=True, slots=True)
class Stage:
    """One stretch of the joint optimisation of code and weights."""

    steps: int
    """Updates, 0 or more."""
    code_rate: float
    """Adam's learning rate of the code, 0 or more."""
    weight_rate: float
    """Adam's learning rate of the weights, 0 or more."""
    share: float = 1.0
    """Share of the generator's groups that learn, counted from the code, 0 to 1."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        is_valid = min(self.steps, self.code_rate, self.weight_rate) >= 0 <= self.share <= 1
        if not is_valid:
            msg = f"inversion: a stage must have numbers from 0 up and a share up to 1, got {self}"
            raise ConfigError(msg)


@dataclass(frozen=True, slots=True)
class InversionSettings:
    """How a photo is inverted, and what is drawn around it."""

    candidates: int = 500
    """Codes and classes to choose the first guess from, at least 1."""
    candidate_std: float = 0.3
    """Standard deviation of their codes."""
    stages: tuple[Stage, ...] = (
        Stage(125, 1e-1, 2e-7, share=0.5),
        Stage(125, 1e-2, 2e-5),
        Stage(100, 2e-4, 2e-6),
    )
    """The optimisation. DGP lets blocks learn one after the other, from the code to the image; in
    the public code of PetsGAN the setting is without effect. Here the second half waits for the
    second stage, since the rates of the later ones are those of a generator that learns whole."""
    feature_maps: int = 5
    """How many of the last feature maps are compared, at least 1."""
    feature_weight: float = 1.0
    """Weight of the mean absolute difference of each feature map."""
    pixel_weight: float = 1.0
    """Weight of the mean squared error of the image."""
    code_weight: float = 0.02
    """Weight of the mean of z^2 / 2, which keeps the code likely."""
    jitter_levels: tuple[float, ...] = (0.1, 0.2, 0.3, 0.4, 0.5)
    """Standard deviations of the noise that is added to the code."""
    jitter_per_level: int = 100
    """Images at each level."""
    batch: int = 10
    """Images made at a time where there is no gradient."""
    seed: int = 0
    """Of every random choice."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        counts = (self.candidates, self.feature_maps, self.jitter_per_level, self.batch)
        numbers = (self.feature_weight, self.pixel_weight, self.code_weight, self.candidate_std)
        if min(counts) < 1 or min(*numbers, *self.jitter_levels) < 0 or not self.jitter_levels:
            msg = (
                "inversion: counts must be 1 or more, weights and deviations 0 or more, with at "
                f"least one jitter level, got {self}"
            )
            raise ConfigError(msg)
