"""One optimizer step of PetsGAN, eq. 5: patch GAN + DEPNet's GAN + DIPNet's reconstruction.

Every random choice follows from (seed, step), so that an interrupted run continues to the very same
weights without any generator state to save.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from petsgan_sdk.errors import ConfigError
from petsgan_sdk.models import (
    LayoutCritic,
    MultiDilationCritic,
    PetsganGenerator,
    StridedPatchCritic,
    Transferred,
)
from petsgan_sdk.priors import LayoutPrior, PriorInput, create_prior, parse_priors
from petsgan_sdk.training import losses
from petsgan_sdk.training.draws import below
from petsgan_sdk.training.optimizers import Span, frozen
from petsgan_sdk.training.pairs import PairedLayouts
from petsgan_sdk.training.petsgan.dipnet import NOISY_POOL, DipnetTraining, Losses, Purpose
from petsgan_sdk.training.petsgan.pool import TransferPool
from petsgan_sdk.training.precision import compute

__all__ = ["Losses", "PetsganTraining", "Purpose"]

_LEAST_CRITIC_PX = 32
"""Smallest crop that every patch critic takes."""


class PetsganTraining(DipnetTraining):
    """The networks of one training run, and its step.

    Args:
        generator: The generator to train, on its device.
        prior: Where layouts come from; by default what the settings name.

    Raises:
        ConfigError: The image is too small for its critic, or there is no such prior.
    """

    generator: PetsganGenerator

    def __init__(self, generator: PetsganGenerator, prior: LayoutPrior | None = None) -> None:
        """Build critics, optimizers and the averaged generator."""
        config, settings = generator.config, generator.config.training
        total = config.generator_steps
        if prior is None:
            image, low_res = generator.image, generator.low_res
            given = PriorInput(image, low_res, config.prior, settings.seed)
            prior = create_prior(parse_priors(config.prior.name), given)
        _check_critic(generator)
        span = Span(round(settings.restoration_from * total), total)
        super().__init__(generator, prior, span=span)
        self._pairs = PairedLayouts(generator.depnet, prior, config.depnet.modes)
        critic = StridedPatchCritic if settings.patch_critic == "strided" else MultiDilationCritic
        self._patch_critic: nn.Module = critic().to(self._device)
        self._layout_critic = LayoutCritic().to(self._device)
        self._position = generator.position(*generator.size)
        depnet_span = Span(0, round(settings.depnet_until * total))
        patch_span = Span(round(settings.adversarial_from * total), total)
        rates = config.optimizer
        self._depnet = self._adam(generator.depnet, rates.depnet, depnet_span)
        self._patch = self._adam(self._patch_critic, rates.patch_critic, patch_span)
        self._optimizers |= {"depnet": self._depnet, "patch_critic": self._patch}
        if self._weights.layout_gan > 0:
            self._optimizers["layout_critic"] = self._adam(
                self._layout_critic, rates.layout_critic, depnet_span
            )

    def phase(self, step: int) -> str:
        """What is being learned, for people."""
        if step in self._depnet.span and step in self._restoration.span:
            return "joint" if step in self._patch.span else "warm-up"
        return "layouts" if step in self._depnet.span else "texture"

    def step(self, step: int) -> dict[str, float]:
        """Update every network once.

        Args:
            step: Number of the step, from 0.

        Returns:
            The loss terms, unweighted.
        """
        self._freeze_when_due(step)
        reported: Losses = {}
        terms: list[Tensor] = []
        if step in self._depnet.span:
            terms.append(self._depnet_loss(step, reported))
        if step in self._restoration.span:
            terms.append(self._dipnet_loss(step, reported))
        self._update_generator(terms, step)
        return {name: float(value.detach()) for name, value in reported.items()}

    def _depnet_loss(self, step: int, reported: Losses) -> Tensor:
        """Term varphi of eq. 6, and the paired term where the prior knows a noise's layout."""
        weights = self._weights
        draw = self._random(step, Purpose.LAYOUT)
        noise = self._noise(self._settings.layout_batch, draw)
        field = self._field(noise)
        layout = self._layouts(noise, field)
        loss = layout.new_zeros(())
        if weights.paired > 0 and field is not None:
            target = self._pairs.target(noise, field)
            if target is not None:
                reported["paired"] = functional.l1_loss(layout, target)
                loss = loss + weights.paired * reported["paired"]
        if weights.layout_gan > 0:
            self._update_layout_critic(layout.detach(), step, reported)
            with frozen(self._layout_critic):
                logits = self._layout_critic(layout)
            reported["layout_gan"] = losses.nonsaturating_generator(logits)
            loss = loss + weights.layout_gan * reported["layout_gan"]
            if weights.collapse > 0 and len(logits) > 1:
                reported["collapse"] = losses.collapse_penalty(logits)
                loss = loss + weights.collapse * reported["collapse"]
        return loss

    def _update_layout_critic(self, fake: Tensor, step: int, reported: Losses) -> None:
        optimizer = self._optimizers["layout_critic"]
        real = self._prior.sample(len(fake), self._random(step, Purpose.PRIOR))
        real.requires_grad_(self._weights.layout_gradient_penalty > 0)
        real_logits = self._layout_critic(real)
        loss = losses.nonsaturating_critic(real_logits, self._layout_critic(fake))
        reported["layout_critic"] = loss
        if self._weights.layout_gradient_penalty > 0:
            penalty = losses.r1_penalty(real_logits, real)
            loss = loss + self._weights.layout_gradient_penalty * penalty
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step(step)

    def _dipnet_loss(self, step: int, reported: Losses) -> Tensor:
        """Terms phi of eq. 8 and rho_patch of eq. 5, and those that tie IR to carried texture."""
        loss = self._reconstruction_loss(step, reported)
        if step in self._patch.span and self._has_fresh_terms:
            loss = loss + self._fresh_loss(step, reported)
        return loss

    @property
    def _has_fresh_terms(self) -> bool:
        weights = self._weights
        return max(weights.adversarial, weights.consistency, weights.texture) > 0

    def _fresh_loss(self, step: int, reported: Losses) -> Tensor:
        """Term rho_patch of eq. 5, and the terms that tie IR to what it is given."""
        weights = self._weights
        draw = self._random(step, Purpose.FRESH_CROP)
        transferred = self._crop(draw).of(self._fresh(step))
        fake = self._restore(transferred)
        loss = fake.new_zeros(())
        if weights.adversarial > 0:
            seen = self._off_grid(fake, draw)
            self._update_patch_critic(seen.detach(), step, reported)
            with frozen(self._patch_critic):
                reported["patch_gan"] = losses.hinge_generator(self._criticise(seen))
            loss = loss + weights.adversarial * reported["patch_gan"]
        return loss + self._tie_loss(fake, transferred, reported)

    def _off_grid(self, fake: Tensor, draw: Generator) -> Tensor:
        """Cut a crop so that its blocks lie anywhere on the critic's strides.

        A strided critic that always met the blocks in one place would be blind to their grid.
        """
        spare = self.generator.factor - 1
        if not self._settings.crop_px or min(fake.shape[2:]) - spare < _LEAST_CRITIC_PX:
            return fake
        top, left = below(spare + 1, draw), below(spare + 1, draw)
        height, width = fake.shape[2] - spare, fake.shape[3] - spare
        return fake[:, :, top : top + height, left : left + width]

    def _update_patch_critic(self, fake: Tensor, step: int, reported: Losses) -> None:
        height, width = fake.shape[2:]
        draw = self._random(step, Purpose.REAL)
        image = self.generator.image
        crops = []
        for _ in range(len(fake)):
            y = below(image.shape[2] - height + 1, draw)
            x = below(image.shape[3] - width + 1, draw)
            crops.append(image[:, :, y : y + height, x : x + width])
        real = torch.cat(crops)
        loss = losses.hinge_critic(self._criticise(real), self._criticise(fake))
        reported["patch_critic"] = loss
        self._patch.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self._patch.step(step)

    def _fresh(self, step: int) -> Transferred:
        """Transfer layouts of DEPNet."""
        draw = self._random(step, Purpose.FRESH)
        if not self._settings.end_to_end:
            return self._get_pool().fresh(self._fresh_numbers(draw))
        noise = self._noise(self._settings.image_batch, draw)
        return self.generator.transfer(self._layouts(noise, self._field(noise)))

    def _layouts(self, noise: Tensor, field: Tensor | None) -> Tensor:
        depnet = self.generator.depnet
        # Positions are moved in float32: bfloat16 would round a displacement.
        encoded = depnet.encode(noise, self._position, field)
        return compute(depnet.layers, encoded, precision=self._precision)

    def _field(self, noise: Tensor) -> Tensor | None:
        """Displacement of the noise's layouts, if noise displaces anything. It trains nothing."""
        depnet = self.generator.depnet
        return depnet.displace(noise, self._position) if depnet.displacement > 0 else None

    def _criticise(self, image: Tensor) -> Tensor:
        return compute(self._patch_critic, image, precision=self._precision)

    def _make_pool(self) -> TransferPool:
        fresh, noisy = self._pool_noise()
        return TransferPool(self.generator, lambda: self._finished_layouts(fresh), noisy=noisy)

    @property
    def averaged(self) -> PetsganGenerator:
        """The networks that are exported."""
        averaged = self._average.generator
        assert isinstance(averaged, PetsganGenerator)
        return averaged

    def _finished_layouts(self, noise: Tensor) -> Tensor:
        layouts: Tensor = self.generator.depnet(noise, self._position)
        return layouts

    def _pool_noise(self) -> tuple[Tensor, Tensor]:
        """Noise of the pool's layouts, and noisy copies of c_I."""
        draw = self._random(0, Purpose.POOL)
        return self._noise(self._settings.pool_size, draw), self.add_noise(NOISY_POOL, draw)

    def _noise(self, count: int, draw: Generator) -> Tensor:
        shape = self.generator.noise_shape(count, *self.generator.size)
        return torch.randn(shape, generator=draw).to(self._device)

    def _modules(self) -> Iterator[tuple[str, nn.Module]]:
        yield from super()._modules()
        yield "patch_critic", self._patch_critic
        if self._weights.layout_gan > 0:
            yield "layout_critic", self._layout_critic


def _check_critic(generator: PetsganGenerator) -> None:
    height, width = generator.image.shape[2:]
    least = StridedPatchCritic.RECEPTIVE_FIELD_PX
    if generator.config.training.patch_critic == "strided" and min(height, width) < least:
        msg = (
            f"config: training.patch_critic 'strided' must have an image of at least {least} px, "
            f"got {width}x{height}; hint: a larger image or --max-size, image.factor 8, or "
            "'multi_dilation'"
        )
        raise ConfigError(msg)
