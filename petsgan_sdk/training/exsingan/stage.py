"""What the training of every stage shares: a live network, its average, its critic."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import IntEnum

import torch
from torch import Generator, Tensor, nn

from petsgan_sdk._arrays import Array
from petsgan_sdk.models import freeze_statistics
from petsgan_sdk.models.exsingan import ExsinganGenerator
from petsgan_sdk.settings.exsingan import AdamSettings
from petsgan_sdk.training.averaging import AveragedGenerator
from petsgan_sdk.training.optimizers import ScheduledAdam, Span
from petsgan_sdk.training.precision import choose_precision
from petsgan_sdk.training.rng import rng_for
from petsgan_sdk.training.state import gather, restore

__all__ = ["Losses", "Purpose", "StageTraining"]

Losses = dict[str, Tensor]


class Purpose(IntEnum):
    """What a step's random numbers are for."""

    LAYOUT = 0
    PRIOR = 1
    FRESH = 2
    FRESH_CROP = 3
    REAL = 4
    FIXED_CROP = 5
    PENALTY = 6
    POOL = 7


class StageTraining:
    """One stage while it is trained.

    The generator holds the average, which is what later stages are trained on and what is
    exported; the network that is updated lives here.

    Args:
        generator: Whose stage it is.
        number: Of the stage.
        span: Its steps.
        critic: A new one.
        adam: Of both.
    """

    def __init__(
        self,
        generator: ExsinganGenerator,
        number: int,
        span: Span,
        critic: nn.Module,
        adam: AdamSettings,
    ) -> None:
        """Put the average in the stage's place, and build the optimizers."""
        self._generator = generator
        self._schedule = schedule = generator.settings.training
        self._weights = generator.settings.losses
        self._device = generator.level(0).device
        self._precision = choose_precision(schedule.precision, self._device)
        self.number = number
        self.span = span
        self.live: nn.Module = generator.stages[number].train().requires_grad_(True)
        self.critic = critic.to(self._device)
        self._average = AveragedGenerator(self.live, decay=schedule.ema_decay)
        generator.stages[number] = self._average.generator.eval()
        self._optimizers = {
            name: ScheduledAdam(
                module.parameters(),
                learning_rate=adam.rate,
                schedule=adam,
                span=span,
                drop_at=adam.drop_at,
            )
            for name, module in (("live", self.live), ("critic", self.critic))
        }
        self._freeze_step = span.first + round(schedule.freeze_norm_from * (span.last - span.first))

    def step(self, step: int) -> dict[str, float]:
        """Update critic and network once.

        Args:
            step: Number of the step in the run, within the stage's span.

        Returns:
            The loss terms, unweighted.
        """
        if step == self._freeze_step:
            freeze_statistics(self.live)
        reported: Losses = {}
        self._update(step, reported)
        return {name: float(value.detach()) for name, value in reported.items()}

    def state(self) -> dict[str, Array]:
        """Every array besides the generator's that the next step depends on, by name."""
        return gather(self._modules(), self._optimizers)

    def load(self, arrays: Mapping[str, Array]) -> None:
        """Restore what `state` returned.

        Raises:
            CheckpointError: An array is missing or of another shape.
        """
        restore(arrays, self._modules(), self._optimizers)

    def _update(self, step: int, reported: Losses) -> None:
        """Update the critic, then the network and its average."""
        raise NotImplementedError

    def _update_live(self, loss: Tensor, step: int) -> None:
        """Update the network and its average, if there is something to learn."""
        if loss.requires_grad:
            self._optimizers["live"].update(loss, step)
            self._average.update(step - self.span.first)

    def _normal(self, shape: tuple[int, ...], rng: Generator) -> Tensor:
        return torch.randn(shape, generator=rng).to(self._device)

    def _rng(self, step: int, purpose: Purpose) -> Generator:
        return rng_for(self._schedule.seed, step, purpose)

    def _modules(self) -> Iterator[tuple[str, nn.Module]]:
        yield "live", self.live
        yield "critic", self.critic
