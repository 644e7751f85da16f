"""What every training of DIPNet shares: eq. 8, the terms that tie IR to what it is given, state.

Every random choice follows from (seed, step), so that an interrupted run continues to the very same
weights without any generator state to save.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import IntEnum
from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from petsgan_sdk._arrays import Array
from petsgan_sdk.models import DipNet, Transferred, freeze_statistics
from petsgan_sdk.models.arrays import AVERAGED
from petsgan_sdk.priors import LayoutPrior
from petsgan_sdk.training import losses
from petsgan_sdk.training.averaging import AveragedGenerator
from petsgan_sdk.training.crops import Crop
from petsgan_sdk.training.optimizers import ScheduledAdam, Span
from petsgan_sdk.training.petsgan.pool import TransferPool, cropped
from petsgan_sdk.training.precision import choose_precision, compute
from petsgan_sdk.training.rng import below, rng_for
from petsgan_sdk.training.state import gather, restore

__all__ = ["NOISY_POOL", "DipnetTraining", "Losses", "Purpose"]

Losses = dict[str, Tensor]

NOISY_POOL = 8
"""Noisy copies of c_I that IR reconstructs from when it learns on a pool."""


class Purpose(IntEnum):
    """What a step's random numbers are for."""

    LAYOUT = 0
    PRIOR = 1
    FRESH = 2
    FRESH_CROP = 3
    REAL = 4
    NOISY = 5
    NOISY_CROP = 6
    POOL = 7
    LARGE_CROP = 8
    LARGE_NOISY = 9
    LARGE_POOL = 10


class DipnetTraining:
    """DIPNet in training; the base of what trains it alone and together with DEPNet.

    Args:
        generator: What is trained, on its device.
        prior: Where layouts come from.
        span: When DIPNet is trained.
    """

    def __init__(self, generator: DipNet, prior: LayoutPrior, *, span: Span) -> None:
        """Build the optimizers and the averaged networks."""
        self.generator = generator
        settings = generator.settings
        self._prior = prior
        self._weights = settings.losses
        self._schedule = schedule = settings.training
        self._device = generator.image.device
        self._average = AveragedGenerator(generator, decay=schedule.ema_decay)
        self._precision = choose_precision(schedule.precision, self._device)
        self._freeze_step = round(schedule.freeze_norm_from * settings.generator_steps)
        rates = settings.optimizer
        self._restoration = self._adam(generator.restoration, rates.restoration, span)
        self._optimizers = {"restoration": self._restoration}
        if settings.transfer.train_features:
            self._optimizers["features"] = self._adam(generator.features, rates.features, span)
        self._pool: TransferPool | None = None

    def _adam(self, module: nn.Module, rate: float, span: Span) -> ScheduledAdam:
        parameters = [p for p in module.parameters() if p.requires_grad]
        schedule = self.generator.settings.optimizer
        return ScheduledAdam(parameters, learning_rate=rate, schedule=schedule, span=span)

    def _freeze_when_due(self, step: int) -> None:
        if step == self._freeze_step:
            freeze_statistics(self.generator)

    def _update_generator(self, terms: list[Tensor], step: int) -> None:
        names = [n for n in ("depnet", "restoration", "features") if n in self._optimizers]
        active = [self._optimizers[n] for n in names if step in self._optimizers[n].span]
        for optimizer in active:
            optimizer.zero_grad()
        if not any(term.requires_grad for term in terms):
            return
        torch.stack(terms).sum().backward()  # type: ignore[no-untyped-call]
        for optimizer in active:
            optimizer.step(step)
        self._average.update(step)

    def _reconstruction_loss(self, step: int, reported: Losses) -> Tensor:
        """Term phi of eq. 8."""
        weights = self._weights
        factor = self.generator.factor
        crop = self._crop(self._rng(step, Purpose.NOISY_CROP))
        transferred = self._noisy(step)
        restored = self._restore(cropped(transferred, crop, factor=factor))
        photo = crop.of(self.generator.image, factor)
        reported["reconstruction"] = functional.l1_loss(restored, photo)
        loss = weights.reconstruction * reported["reconstruction"]
        if weights.sparsity > 0:
            reported["sparsity"] = losses.sparsity_penalty(transferred.weight)
            loss = loss + weights.sparsity * reported["sparsity"]
        return loss

    def _tie_loss(self, made: Tensor, transferred: Transferred, reported: Losses) -> Tensor:
        """The terms that tie IR's image to what it was made from."""
        weights = self._weights
        loss = made.new_zeros(())
        if weights.consistency > 0:
            reduced = functional.avg_pool2d(made, self.generator.factor)
            # A target: end to end, the code would otherwise be drawn to what IR happens to make.
            reported["consistency"] = functional.l1_loss(reduced, transferred.code.detach())
            loss = loss + weights.consistency * reported["consistency"]
        if weights.texture > 0 and transferred.texture is not None:
            reported["texture"] = functional.l1_loss(made, transferred.texture)
            loss = loss + weights.texture * reported["texture"]
        return loss

    def _noisy(self, step: int) -> Transferred:
        """Transfer c_I + noise."""
        rng = self._rng(step, Purpose.NOISY)
        if not self._schedule.end_to_end:
            return self._get_pool().noisy(self._noisy_number(rng))
        return self.generator.transfer(self.add_noise(1, rng))

    def _restore(self, transferred: Transferred) -> Tensor:
        code, texture, _ = transferred
        inputs = [code] if texture is None else [code, texture]
        return compute(self.generator.restoration, *inputs, precision=self._precision)

    def _noisy_number(self, rng: Generator) -> int:
        return below(NOISY_POOL, rng)

    def _fresh_numbers(self, rng: Generator) -> list[int]:
        size = self._schedule.pool_size
        return [below(size, rng) for _ in range(self._schedule.image_batch)]

    def _get_pool(self) -> TransferPool:
        # Made from what is finished and the seed alone, so that it need not be saved.
        if self._pool is None:
            self._pool = self._make_pool()
        return self._pool

    def _make_pool(self) -> TransferPool:
        raise NotImplementedError

    def add_noise(self, count: int, rng: Generator) -> Tensor:
        """Noisy copies of c_I, `[count, 3, h, w]`."""
        low_res = self.generator.low_res
        noise = torch.randn((count, *low_res.shape[1:]), generator=rng).to(self._device)
        return low_res + self._weights.reconstruction_noise * noise

    def _crop(self, rng: Generator) -> Crop:
        side = self._schedule.crop_px // self.generator.factor
        return Crop.draw(self.generator.size, (side, side), rng)

    def _rng(self, step: int, purpose: Purpose) -> Generator:
        return rng_for(self._schedule.seed, step, purpose)

    @property
    def record(self) -> Mapping[str, Mapping[str, Any]]:
        """The layouts it learns from."""
        return {"prior": self._prior.record}

    def state(self) -> dict[str, Array]:
        """Every array that the next step depends on, by name."""
        return gather(self._modules(), self._optimizers)

    def load(self, arrays: Mapping[str, Array]) -> None:
        """Restore what `state` returned.

        Raises:
            CheckpointError: An array is missing or of another shape.
        """
        restore(arrays, self._modules(), self._optimizers)

    def _modules(self) -> Iterator[tuple[str, nn.Module]]:
        yield "generator", self.generator
        yield AVERAGED, self._average.generator
