"""The new DIPNet on top of a generator: by reconstruction only, once the generator is finished."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from petsgan_sdk._arrays import Array
from petsgan_sdk.models import freeze_statistics
from petsgan_sdk.models.petsgan_enlargement import ENLARGEMENT, enlarged
from petsgan_sdk.training.averaging import AveragedGenerator
from petsgan_sdk.training.crops import Crop
from petsgan_sdk.training.optimizers import ScheduledAdam, Span
from petsgan_sdk.training.petsgan.dipnet import Purpose
from petsgan_sdk.training.petsgan.training import PetsganTraining
from petsgan_sdk.training.precision import choose_precision, compute
from petsgan_sdk.training.rng import below, rng_for
from petsgan_sdk.training.state import gather, restore

__all__ = ["HighResTraining"]

_POOL = 8
"""Noisy copies of c_I whose texture is kept at full size."""


class HighResTraining:
    """A generator's whole training, then that of the new DIPNet.

    Args:
        base: The training of the generator.
        photo: `[1, 3, f H, f W]` in [-1, 1], of which the generator's image is a reduction.
        enlarging: The new DIPNet, on the generator's device.
    """

    def __init__(self, base: PetsganTraining, photo: Tensor, enlarging: nn.Module) -> None:
        """Build the optimizer and the averaged network."""
        self._settings = settings = base.generator.settings
        schedule = settings.training
        self._base = base
        self._photo = photo
        self._enlarging = enlarging
        self._first = settings.generator_steps
        self._freeze_step = self._first + round(
            schedule.freeze_norm_from * settings.enlargement.steps
        )
        self._average = AveragedGenerator(enlarging, decay=schedule.ema_decay)
        self._precision = choose_precision(schedule.precision, photo.device)
        self._optimizer = ScheduledAdam(
            enlarging.parameters(),
            learning_rate=settings.enlargement.learning_rate,
            schedule=settings.optimizer,
            span=Span(self._first, schedule.steps),
        )
        self._misplaced: Tensor | None = None

    def phase(self, step: int) -> str:
        """What is being learned, for people."""
        return self._base.phase(step) if step < self._first else "enlargement"

    def step(self, step: int) -> Mapping[str, float]:
        """Update the generator, or the new DIPNet.

        Args:
            step: Number of the step, from 0.

        Returns:
            The loss terms, unweighted.
        """
        if step < self._first:
            return self._base.step(step)
        if step == self._freeze_step:
            freeze_statistics(self._enlarging)
        loss = self._loss(step)
        self._optimizer.update(loss, step)
        self._average.update(step - self._first)
        return {"enlargement": float(loss.detach())}

    def _loss(self, step: int) -> Tensor:
        """L1 to the photo, made from its reduction and from texture that noise has misplaced."""
        settings, image = self._settings.enlargement, self._base.generator.image
        wanted = (settings.crop_px, settings.crop_px)
        crop = Crop.draw(image.shape[2:], wanted, self._rng(step, Purpose.LARGE_CROP))
        inputs = [crop.of(image)]
        if self._settings.transfer.carry_texture:
            number = below(_POOL, self._rng(step, Purpose.LARGE_NOISY))
            inputs.append(crop.of(self._get_misplaced()[number, None], settings.factor))
        made = compute(self._enlarging, *inputs, precision=self._precision)
        return functional.l1_loss(made, crop.of(self._photo, settings.factor))

    @torch.no_grad()
    def _get_misplaced(self) -> Tensor:
        """Texture of noisy copies of c_I, `[_POOL, 3, f H, f W]`."""
        # Made from the finished generator and the seed alone, so that it need not be saved.
        if self._misplaced is None:
            large = enlarged(self._base.averaged, self._photo, self._enlarging).eval()
            noisy = self._base.add_noise(_POOL, self._rng(0, Purpose.LARGE_POOL))
            _, self._misplaced, _ = large.transfer(noisy)
        assert self._misplaced is not None  # the texture of a model that carries it
        return self._misplaced

    def _rng(self, step: int, purpose: Purpose) -> Generator:
        return rng_for(self._settings.training.seed, step, purpose)

    @property
    def record(self) -> Mapping[str, Mapping[str, Any]]:
        """The layouts that the generator learns from."""
        return self._base.record

    def state(self) -> dict[str, Array]:
        """Every array that the next step depends on, by name."""
        return {**self._base.state(), **gather(self._modules(), self._optimizers)}

    def load(self, arrays: Mapping[str, Array]) -> None:
        """Restore what `state` returned.

        Raises:
            CheckpointError: An array is missing or of another shape.
        """
        self._base.load(arrays)
        restore(arrays, self._modules(), self._optimizers)

    def _modules(self) -> Iterator[tuple[str, nn.Module]]:
        yield "enlargement", self._enlarging
        yield ENLARGEMENT, self._average.generator

    @property
    def _optimizers(self) -> dict[str, ScheduledAdam]:
        return {"enlargement": self._optimizer}
