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
from petsgan_sdk.training.draws import below, draw_for
from petsgan_sdk.training.optimizers import ScheduledAdam, Span
from petsgan_sdk.training.petsgan.dipnet import Purpose
from petsgan_sdk.training.petsgan.pool import Crop
from petsgan_sdk.training.petsgan.steps import PetsganTraining
from petsgan_sdk.training.precision import choose_precision, compute
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
        config = self._config = base.config
        settings = config.enlargement
        self._base = base
        self._photo = photo
        self._enlarging = enlarging
        self._first = config.generator_steps
        self._freeze_step = self._first + round(config.training.freeze_norm_from * settings.steps)
        self._average = AveragedGenerator(enlarging, decay=config.training.ema_decay)
        self._precision = choose_precision(config.training.precision, photo.device)
        self._optimizer = ScheduledAdam(
            enlarging.parameters(),
            learning_rate=settings.learning_rate,
            config=config.optimizer,
            span=Span(self._first, config.training.steps),
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
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step(step)
        self._average.update(step - self._first)
        return {"enlargement": float(loss.detach())}

    def _loss(self, step: int) -> Tensor:
        """L1 to the photo, made from its reduction and from texture that noise has misplaced."""
        crop = self._crop(self._random(step, Purpose.LARGE_CROP))
        inputs = [crop.low(self._base.generator.image)]
        if self._config.transfer.carry_texture:
            number = below(_POOL, self._random(step, Purpose.LARGE_NOISY))
            inputs.append(crop.high(self._get_misplaced()[number, None]))
        made = compute(self._enlarging, *inputs, precision=self._precision)
        return functional.l1_loss(made, crop.high(self._photo))

    @torch.no_grad()
    def _get_misplaced(self) -> Tensor:
        """Texture of noisy copies of c_I, `[_POOL, 3, f H, f W]`."""
        # Made from the finished generator and the seed alone, so that it need not be saved.
        if self._misplaced is None:
            large = enlarged(self._base.averaged, self._photo, self._enlarging).eval()
            noisy = self._base.add_noise(_POOL, self._random(0, Purpose.LARGE_POOL))
            _, self._misplaced, _ = large.transfer(noisy)
        assert self._misplaced is not None  # the texture of a model that carries it
        return self._misplaced

    def _crop(self, draw: Generator) -> Crop:
        height, width = self._base.generator.image.shape[2:]
        side = self._config.enlargement.crop_px
        crop_height, crop_width = min(side, height), min(side, width)
        top, left = below(height - crop_height + 1, draw), below(width - crop_width + 1, draw)
        return Crop(top, left, crop_height, crop_width, self._config.enlargement.factor)

    def _random(self, step: int, purpose: Purpose) -> Generator:
        return draw_for(self._config.training.seed, step, purpose)

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
