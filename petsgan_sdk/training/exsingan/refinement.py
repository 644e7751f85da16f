"""One step of a semantic or texture GAN: patch GAN, reconstruction, perceptual and paired loss."""

from __future__ import annotations

import torch
from torch import Generator, Tensor
from torch.nn import functional

from petsgan_sdk.models.exsingan import ExsinganGenerator, PixelCritic, RefinementStage
from petsgan_sdk.training import losses
from petsgan_sdk.training.crops import Crop
from petsgan_sdk.training.exsingan.perceptual import PerceptualLoss
from petsgan_sdk.training.exsingan.pool import LowerResults
from petsgan_sdk.training.exsingan.stage import Losses, Purpose, StageTraining
from petsgan_sdk.training.optimizers import Span, frozen
from petsgan_sdk.training.precision import compute
from petsgan_sdk.training.rng import below, rng_for

__all__ = ["RefinementTraining"]


class RefinementTraining(StageTraining):
    """Stage s >= 1, or the first of a mix without structural stage.

    Args:
        generator: Whose stage it is; those below are finished.
        number: Of the stage.
        span: Its steps.
        perceptual: Loss against the photo at this level; None leaves it out.
    """

    def __init__(
        self,
        generator: ExsinganGenerator,
        number: int,
        span: Span,
        perceptual: PerceptualLoss | None,
    ) -> None:
        """Run the stages below, measure the noise's amplitude, build critic and optimizers."""
        settings, schedule = generator.settings, generator.settings.training
        is_hinge = settings.losses.gan == "hinge"
        critic = PixelCritic(
            width=schedule.critic_width, spectral=is_hinge, detail=schedule.critic_detail
        )
        self._real = generator.level(number)
        self._lower: LowerResults | None = None
        self._fixed_noise = torch.zeros_like(self._real)
        if number == 0:
            self._fixed_noise = generator.reconstruction_noise
        else:
            rng = rng_for(schedule.seed, span.first, Purpose.POOL)
            size = schedule.pool_size
            self._lower = LowerResults(generator, number, count=size, rng=rng)
            stage = generator.stages[number]
            assert isinstance(stage, RefinementStage)
            missing = functional.mse_loss(self._lower.fixed, self._real).sqrt()
            stage.amplitude.copy_(settings.refinement.noise * missing)
        super().__init__(generator, number, span, critic, settings.optimizer.refinement)
        self._perceptual = perceptual
        # The double gradient of the penalty needs float32.
        self._critic_precision = self._precision if is_hinge else "float32"

    def _update(self, step: int, reported: Losses) -> None:
        weights = self._weights
        rng = self._rng(step, Purpose.FRESH)
        numbers = [below(self._schedule.pool_size, rng) for _ in range(self._schedule.batch)]
        crop = self._crop(self._rng(step, Purpose.FRESH_CROP))
        previous = self._previous(numbers)
        noise = self._normal(tuple(previous.shape), rng)
        fake = self._refine(crop.of(previous), crop.of(noise))
        loss = fake.new_zeros(())
        if weights.adversarial > 0:
            self._update_critic(fake.detach(), step, reported)
            with frozen(self.critic):
                # The generator's loss is one for Wasserstein and for hinge.
                reported["gan"] = losses.wasserstein_generator(self._criticise(fake))
            loss = loss + weights.adversarial * reported["gan"]
        if weights.reconstruction > 0:
            reported["reconstruction"] = self._reconstruction(step)
            loss = loss + weights.reconstruction * reported["reconstruction"]
        if self._perceptual is not None:
            reported["perceptual"] = self._perceptual(self._whole(fake, previous, noise))
            loss = loss + weights.perceptual * reported["perceptual"]
        target = self._target(numbers, crop) if weights.paired > 0 else None
        if target is not None:
            reported["paired"] = functional.l1_loss(fake, target)
            loss = loss + weights.paired * reported["paired"]
        self._update_live(loss, step)

    def _reconstruction(self, step: int) -> Tensor:
        """What the fixed noise comes to, against the photo."""
        crop = self._crop(self._rng(step, Purpose.FIXED_CROP))
        previous = torch.zeros_like(self._real) if self._lower is None else self._lower.fixed
        made = self._refine(crop.of(previous), crop.of(self._fixed_noise))
        distance = functional.mse_loss if self._weights.distance == "l2" else functional.l1_loss
        return distance(made, crop.of(self._real))

    def _whole(self, fake: Tensor, previous: Tensor, noise: Tensor) -> Tensor:
        """The fake image whole, since deep features of a crop are those of its padding."""
        if fake.shape == previous.shape:
            return fake
        return self._refine(previous, noise)

    def _target(self, numbers: list[int], crop: Crop) -> Tensor | None:
        return None if self._lower is None else self._lower.targets(numbers, crop)

    def _previous(self, numbers: list[int]) -> Tensor:
        if self._lower is None:
            return self._real.new_zeros((len(numbers), *self._real.shape[1:]))
        return self._lower.images(numbers)

    def _refine(self, previous: Tensor, noise: Tensor) -> Tensor:
        stage = self.live
        assert isinstance(stage, RefinementStage)
        made = compute(stage.layers, stage.padded(previous, noise), precision=self._precision)
        return stage.finish(made, previous)

    def _update_critic(self, fake: Tensor, step: int, reported: Losses) -> None:
        rng = self._rng(step, Purpose.REAL)
        real = torch.cat([self._crop(rng).of(self._real) for _ in range(len(fake))])
        known, made = self._criticise(real), self._criticise(fake)
        if self._weights.gan == "hinge":
            reported["critic"] = loss = losses.hinge_critic(known, made)
        else:
            reported["critic"] = loss = losses.wasserstein_critic(known, made)
            mix = torch.rand((len(fake), 1, 1, 1), generator=self._rng(step, Purpose.PENALTY))
            penalty = losses.pixel_gradient_penalty(
                self._criticise, real, fake, mix.to(fake.device)
            )
            loss = loss + self._weights.gradient_penalty * penalty
        self._optimizers["critic"].update(loss, step)

    def _criticise(self, image: Tensor) -> Tensor:
        critic = self.critic
        assert isinstance(critic, PixelCritic)
        seen = critic.emphasised(image)
        return compute(critic.layers, seen, precision=self._critic_precision)

    def _crop(self, rng: Generator) -> Crop:
        side = self._schedule.crop_px
        return Crop.draw(self._real.shape[2:], (side, side), rng)
