"""One step of the structural GAN: WGAN-GP on the prior's layouts, and the fixed noise's layout."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from petsgan_sdk.models import LayoutCritic
from petsgan_sdk.models.depnet import DepNet
from petsgan_sdk.models.exsingan import ExsinganGenerator
from petsgan_sdk.priors import LayoutPrior
from petsgan_sdk.training import losses
from petsgan_sdk.training.exsingan.stage import Losses, Purpose, StageTraining
from petsgan_sdk.training.optimizers import Span, frozen
from petsgan_sdk.training.pairs import PairedLayouts
from petsgan_sdk.training.precision import compute

__all__ = ["StructureTraining"]


class StructureTraining(StageTraining):
    """Stage 0 of a mix with a structural stage.

    Args:
        generator: Whose stage it is.
        span: Its steps.
        prior: Where layouts come from.
    """

    def __init__(self, generator: ExsinganGenerator, span: Span, prior: LayoutPrior) -> None:
        """Build the critic and the optimizers."""
        settings = generator.settings
        super().__init__(generator, 0, span, LayoutCritic(), settings.optimizer.structure)
        self._prior = prior
        self._position = generator.structure.position(*generator.sizes[0])
        self._pairs = PairedLayouts(self._depnet, prior, settings.structure.modes)

    @property
    def _depnet(self) -> DepNet:
        assert isinstance(self.live, DepNet)
        return self.live

    def _update(self, step: int, reported: Losses) -> None:
        depnet, weights, count = self._depnet, self._weights, self._schedule.layout_batch
        shape = self._generator.noise_shape(0, count, *self._generator.sizes[0])
        noise = self._normal(shape, self._rng(step, Purpose.LAYOUT))
        field = depnet.displace(noise, self._position)
        layout = self._layouts(noise, field)
        loss = layout.new_zeros(())
        target = self._pairs.target(noise, field) if weights.paired > 0 else None
        if target is not None:
            reported["paired"] = functional.l1_loss(layout, target)
            loss = loss + weights.paired * reported["paired"]
        if weights.structure_gan > 0:
            self._update_critic(layout.detach(), step, reported)
            with frozen(self.critic):
                reported["gan"] = losses.wasserstein_generator(self.critic(layout))
            loss = loss + weights.structure_gan * reported["gan"]
        if weights.structure_reconstruction > 0:
            fixed = self._generator.reconstruction_noise
            made = self._layouts(fixed, depnet.displace(fixed, self._position))
            reported["reconstruction"] = functional.mse_loss(made, self._generator.level(0))
            loss = loss + weights.structure_reconstruction * reported["reconstruction"]
        self._update_live(loss, step)

    def _layouts(self, noise: Tensor, field: Tensor | None) -> Tensor:
        # Positions are moved in float32: bfloat16 would round a displacement.
        encoded = self._depnet.encode(noise, self._position, field)
        return compute(self._depnet.layers, encoded, precision=self._precision)

    def _update_critic(self, fake: Tensor, step: int, reported: Losses) -> None:
        real = self._prior.sample(len(fake), self._rng(step, Purpose.PRIOR))
        loss = losses.wasserstein_critic(self.critic(real), self.critic(fake))
        reported["critic"] = loss
        mix = torch.rand((len(fake), 1, 1, 1), generator=self._rng(step, Purpose.PENALTY))
        penalty = losses.gradient_penalty(self.critic, real, fake, mix.to(fake.device))
        loss = loss + self._weights.structure_penalty * penalty
        self._optimizers["critic"].update(loss, step)
