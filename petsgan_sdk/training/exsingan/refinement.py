"""One step of a semantic or texture GAN: patch GAN, reconstruction, perceptual and paired loss."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torch.nn import functional

from petsgan_sdk.models.exsingan import ExsinganGenerator, PixelCritic, RefinementStage
from petsgan_sdk.training import losses
from petsgan_sdk.training.draws import below, draw_for
from petsgan_sdk.training.exsingan.perceptual import PerceptualLoss
from petsgan_sdk.training.exsingan.pool import LowerResults
from petsgan_sdk.training.exsingan.purpose import Purpose
from petsgan_sdk.training.exsingan.stage import StageTraining
from petsgan_sdk.training.optimizers import Span, frozen
from petsgan_sdk.training.precision import compute

__all__ = ["RefinementTraining"]


@dataclass(frozen=True, slots=True)
class _Crop:
    """A rectangle of a level."""

    top: int
    left: int
    height: int
    width: int

    def of(self, image: Tensor) -> Tensor:
        """Cut it from `[N, C, h, w]`."""
        rows = slice(self.top, self.top + self.height)
        return image[:, :, rows, self.left : self.left + self.width]


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
        config = generator.config
        is_hinge = config.losses.gan == "hinge"
        critic = PixelCritic(
            width=config.training.critic_width,
            spectral=is_hinge,
            detail=config.training.critic_detail,
        )
        self._real = generator.level(number)
        self._lower: LowerResults | None = None
        self._fixed_noise = torch.zeros_like(self._real)
        if number == 0:
            self._fixed_noise = generator.reconstruction_noise
        else:
            draw = draw_for(config.training.seed, span.first, Purpose.POOL)
            size = config.training.pool_size
            self._lower = LowerResults(generator, number, count=size, draw=draw)
            stage = generator.stages[number]
            assert isinstance(stage, RefinementStage)
            missing = functional.mse_loss(self._lower.fixed, self._real).sqrt()
            stage.amplitude.copy_(config.refinement.noise * missing)
        super().__init__(generator, number, span, critic, config.optimizer.refinement)
        self._perceptual = perceptual
        # The double gradient of the penalty needs float32.
        self._critic_precision = self._precision if is_hinge else "float32"

    def _losses(self, step: int, reported: dict[str, Tensor]) -> Tensor:
        weights = self._weights
        draw = self._random(step, Purpose.FRESH)
        numbers = [below(self._settings.pool_size, draw) for _ in range(self._settings.batch)]
        crop = self._crop(self._random(step, Purpose.FRESH_CROP))
        previous = self._previous(numbers)
        noise = self._normal(tuple(previous.shape), draw)
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
        return loss

    def _reconstruction(self, step: int) -> Tensor:
        """What the fixed noise comes to, against the photo."""
        crop = self._crop(self._random(step, Purpose.FIXED_CROP))
        previous = torch.zeros_like(self._real) if self._lower is None else self._lower.fixed
        made = self._refine(crop.of(previous), crop.of(self._fixed_noise))
        distance = functional.mse_loss if self._weights.distance == "l2" else functional.l1_loss
        return distance(made, crop.of(self._real))

    def _whole(self, fake: Tensor, previous: Tensor, noise: Tensor) -> Tensor:
        """The fake image whole, since deep features of a crop are those of its padding."""
        if fake.shape == previous.shape:
            return fake
        return self._refine(previous, noise)

    def _target(self, numbers: list[int], crop: _Crop) -> Tensor | None:
        if self._lower is None:
            return None
        return self._lower.targets(
            numbers, top=crop.top, left=crop.left, height=crop.height, width=crop.width
        )

    def _previous(self, numbers: list[int]) -> Tensor:
        if self._lower is None:
            return self._real.new_zeros((len(numbers), *self._real.shape[1:]))
        return self._lower.images(numbers)

    def _refine(self, previous: Tensor, noise: Tensor) -> Tensor:
        stage = self.live
        assert isinstance(stage, RefinementStage)
        made = compute(stage.layers, stage.padded(previous, noise), precision=self._precision)
        return stage.finish(made, previous)

    def _update_critic(self, fake: Tensor, step: int, reported: dict[str, Tensor]) -> None:
        draw = self._random(step, Purpose.REAL)
        real = torch.cat([self._crop(draw).of(self._real) for _ in range(len(fake))])
        known, made = self._criticise(real), self._criticise(fake)
        if self._weights.gan == "hinge":
            reported["critic"] = loss = losses.hinge_critic(known, made)
        else:
            reported["critic"] = loss = losses.wasserstein_critic(known, made)
            mix = torch.rand((len(fake), 1, 1, 1), generator=self._random(step, Purpose.PENALTY))
            penalty = losses.pixel_gradient_penalty(
                self._criticise, real, fake, mix.to(fake.device)
            )
            loss = loss + self._weights.gradient_penalty * penalty
        self._step_critic(loss, step)

    def _criticise(self, image: Tensor) -> Tensor:
        critic = self.critic
        assert isinstance(critic, PixelCritic)
        seen = critic.emphasised(image)
        return compute(critic.layers, seen, precision=self._critic_precision)

    def _crop(self, draw: Generator) -> _Crop:
        height, width = self._real.shape[2:]
        side = self._settings.crop_px or max(height, width)
        high, wide = min(side, height), min(side, width)
        return _Crop(below(height - high + 1, draw), below(width - wide + 1, draw), high, wide)
