"""One optimizer step of PetsGAN, eq. 5: patch GAN + DEPNet's GAN + DIPNet's reconstruction.

Every random choice follows from (seed, step), so that an interrupted run continues to the very same
weights without any generator state to save.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from petsgan_sdk._arrays import Array, ImageArray
from petsgan_sdk.errors import ConfigError
from petsgan_sdk.imaging import to_u8
from petsgan_sdk.models import (
    LayoutCritic,
    MultiDilationCritic,
    PetsganGenerator,
    StridedPatchCritic,
    Transferred,
)
from petsgan_sdk.priors import LayoutPrior, PriorInput, create_prior, parse_priors
from petsgan_sdk.training import losses
from petsgan_sdk.training.crops import Crop
from petsgan_sdk.training.kept_fit import KeptFit
from petsgan_sdk.training.optimizers import Span, frozen
from petsgan_sdk.training.pairs import PairedLayouts
from petsgan_sdk.training.petsgan.dipnet import NOISY_POOL, DipnetTraining, Losses, Purpose
from petsgan_sdk.training.petsgan.pool import TransferPool, cropped
from petsgan_sdk.training.precision import compute

__all__ = ["PetsganTraining"]

_LEAST_CRITIC_PX = 32
"""Smallest crop that every patch critic takes."""


class PetsganTraining(DipnetTraining):
    """The networks of one training run, and its step.

    Args:
        generator: The generator to train, on its device.
        prior: Where layouts come from; by default what the settings name.
        photo: `[H, W, 3]` uint8, where it is larger than the generator's image.

    Raises:
        ConfigError: The image is too small for its critic, or there is no such prior.
    """

    generator: PetsganGenerator

    def __init__(
        self,
        generator: PetsganGenerator,
        prior: LayoutPrior | None = None,
        photo: ImageArray | None = None,
    ) -> None:
        """Build critics, optimizers and the averaged generator."""
        settings, schedule = generator.settings, generator.settings.training
        total = settings.generator_steps
        if prior is None:
            image, low_res = generator.image, generator.low_res
            given = PriorInput(image, low_res, settings.prior, schedule.seed)
            prior = create_prior(parse_priors(settings.prior.name), given)
        _check_critic(generator)
        span = Span(round(schedule.restoration_from * total), total)
        super().__init__(generator, prior, span=span)
        photo = _image_of(generator) if photo is None else photo
        self._fit = KeptFit(photo, settings.synthesis)
        self._pairs = PairedLayouts(generator.depnet, prior, settings.depnet.modes)
        critic = StridedPatchCritic if schedule.patch_critic == "strided" else MultiDilationCritic
        self._patch_critic: nn.Module = critic().to(self._device)
        self._layout_critic = LayoutCritic().to(self._device)
        self._position = generator.depnet.position(*generator.size)
        depnet_span = Span(0, round(schedule.depnet_until * total))
        patch_span = Span(round(schedule.adversarial_from * total), total)
        rates = settings.optimizer
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
            noise = self._noise(self._schedule.layout_batch, self._rng(step, Purpose.LAYOUT))
            field = self.generator.depnet.displace(noise, self._position)
            layout = self._layouts(noise, field)
            loss = self._paired_loss(layout, noise, field, reported)
            if self._weights.layout_gan > 0:
                self._update_layout_critic(layout.detach(), step, reported)
                loss = loss + self._layout_gan_loss(layout, reported)
            terms.append(loss)
        if step in self._restoration.span:
            loss = self._reconstruction_loss(step, reported)
            if step in self._patch.span and self._has_fresh_terms:
                rng = self._rng(step, Purpose.FRESH_CROP)
                crop = self._crop(rng)
                transferred = cropped(self._fresh(step), crop, factor=self.generator.factor)
                made = self._restore(transferred)
                fresh = made.new_zeros(())
                if self._weights.adversarial > 0:
                    seen = self._off_grid(made, rng)
                    self._update_patch_critic(seen.detach(), step, reported)
                    fresh = self._patch_gan_loss(seen, reported)
                loss = loss + (fresh + self._tie_loss(made, transferred, reported))
            terms.append(loss)
        self._update_generator(terms, step)
        return {name: float(value.detach()) for name, value in reported.items()}

    def _paired_loss(
        self, layout: Tensor, noise: Tensor, field: Tensor | None, reported: Losses
    ) -> Tensor:
        """Distance from the layout that the prior knows for a noise, where it knows one."""
        weight = self._weights.paired
        target = self._pairs.target(noise, field) if weight > 0 else None
        if target is None:
            return layout.new_zeros(())
        reported["paired"] = functional.l1_loss(layout, target)
        return weight * reported["paired"]

    def _layout_gan_loss(self, layout: Tensor, reported: Losses) -> Tensor:
        """DEPNet's terms of eq. 6."""
        weights = self._weights
        with frozen(self._layout_critic):
            logits = self._layout_critic(layout)
        reported["layout_gan"] = losses.nonsaturating_generator(logits)
        loss = weights.layout_gan * reported["layout_gan"]
        if weights.collapse > 0 and len(logits) > 1:
            reported["collapse"] = losses.collapse_penalty(logits)
            loss = loss + weights.collapse * reported["collapse"]
        return loss

    def _update_layout_critic(self, fake: Tensor, step: int, reported: Losses) -> None:
        real = self._prior.sample(len(fake), self._rng(step, Purpose.PRIOR))
        real.requires_grad_(self._weights.layout_gradient_penalty > 0)
        real_logits = self._layout_critic(real)
        loss = losses.nonsaturating_critic(real_logits, self._layout_critic(fake))
        reported["layout_critic"] = loss
        if self._weights.layout_gradient_penalty > 0:
            penalty = losses.r1_penalty(real_logits, real)
            loss = loss + self._weights.layout_gradient_penalty * penalty
        self._optimizers["layout_critic"].update(loss, step)

    @property
    def _has_fresh_terms(self) -> bool:
        weights = self._weights
        return max(weights.adversarial, weights.consistency, weights.texture) > 0

    def _patch_gan_loss(self, seen: Tensor, reported: Losses) -> Tensor:
        """Term rho_patch of eq. 5, of DIPNet and, end to end, of DEPNet."""
        with frozen(self._patch_critic):
            reported["patch_gan"] = losses.hinge_generator(self._criticise(seen))
        return self._weights.adversarial * reported["patch_gan"]

    def _off_grid(self, fake: Tensor, rng: Generator) -> Tensor:
        """Cut a crop so that its blocks lie anywhere on the critic's strides.

        A strided critic that always met the blocks in one place would be blind to their grid.
        """
        spare = self.generator.factor - 1
        if not self._schedule.crop_px or min(fake.shape[2:]) - spare < _LEAST_CRITIC_PX:
            return fake
        wanted = (fake.shape[2] - spare, fake.shape[3] - spare)
        return Crop.draw(fake.shape[2:], wanted, rng).of(fake)

    def _update_patch_critic(self, fake: Tensor, step: int, reported: Losses) -> None:
        rng, image = self._rng(step, Purpose.REAL), self.generator.image
        size = (fake.shape[2], fake.shape[3])
        real = torch.cat([Crop.draw(image.shape[2:], size, rng).of(image) for _ in fake])
        loss = losses.hinge_critic(self._criticise(real), self._criticise(fake))
        reported["patch_critic"] = loss
        self._patch.update(loss, step)

    def _fresh(self, step: int) -> Transferred:
        """Transfer layouts of DEPNet."""
        rng = self._rng(step, Purpose.FRESH)
        if not self._schedule.end_to_end:
            return self._get_pool().fresh(self._fresh_numbers(rng))
        noise = self._noise(self._schedule.image_batch, rng)
        field = self.generator.depnet.displace(noise, self._position)
        return self.generator.transfer(self._layouts(noise, field))

    def _layouts(self, noise: Tensor, field: Tensor | None) -> Tensor:
        depnet = self.generator.depnet
        # Positions are moved in float32: bfloat16 would round a displacement.
        encoded = depnet.encode(noise, self._position, field)
        return compute(depnet.layers, encoded, precision=self._precision)

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
        rng = self._rng(0, Purpose.POOL)
        return self._noise(self._schedule.pool_size, rng), self.add_noise(NOISY_POOL, rng)

    def _noise(self, count: int, rng: Generator) -> Tensor:
        shape = self.generator.noise_shape(count, *self.generator.size)
        return torch.randn(shape, generator=rng).to(self._device)

    def state(self) -> dict[str, Array]:
        """As of every training, and the photo fitted for synthesis."""
        return {**super().state(), **self._fit.state()}

    def load(self, arrays: Mapping[str, Array]) -> None:
        """Restore what `state` returned.

        Raises:
            CheckpointError: An array is missing or of another shape.
        """
        super().load(arrays)
        self._fit.load(arrays)

    def _modules(self) -> Iterator[tuple[str, nn.Module]]:
        yield from super()._modules()
        yield "patch_critic", self._patch_critic
        if self._weights.layout_gan > 0:
            yield "layout_critic", self._layout_critic


def _image_of(generator: PetsganGenerator) -> ImageArray:
    return to_u8(generator.image[0].permute(1, 2, 0).cpu().numpy())


def _check_critic(generator: PetsganGenerator) -> None:
    height, width = generator.image.shape[2:]
    least = StridedPatchCritic.RECEPTIVE_FIELD_PX
    if generator.settings.training.patch_critic == "strided" and min(height, width) < least:
        msg = (
            f"config: training.patch_critic 'strided' must have an image of at least {least} px, "
            f"got {width}x{height}; hint: a larger image or --max-size, image.factor 8, or "
            "'multi_dilation'"
        )
        raise ConfigError(msg)
