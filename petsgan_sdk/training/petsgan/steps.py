"""One optimizer step of PetsGAN, eq. 5: patch GAN + DEPNet's GAN + DIPNet's reconstruction.

Every random choice follows from (seed, step), so that an interrupted run continues to the very same
weights without any generator state to save.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import IntEnum
from typing import Any

import numpy as np
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
    freeze_statistics,
)
from petsgan_sdk.models.state import AVERAGED, load_state, named_arrays
from petsgan_sdk.priors import LayoutPrior, PriorInput, create_prior, parse_priors
from petsgan_sdk.training import losses
from petsgan_sdk.training.averaging import AveragedGenerator
from petsgan_sdk.training.draws import below, draw_for
from petsgan_sdk.training.optimizers import ScheduledAdam, Span, frozen
from petsgan_sdk.training.pairs import PairedLayouts
from petsgan_sdk.training.petsgan.pool import Crop, TransferPool
from petsgan_sdk.training.precision import choose_precision, compute

__all__ = ["Losses", "PetsganTraining", "Purpose"]

Array = np.ndarray[Any, np.dtype[Any]]
Losses = dict[str, Tensor]

_LEAST_CRITIC_PX = 32
"""Smallest crop that every patch critic takes."""

_NOISY_POOL = 8
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


class PetsganTraining:
    """The networks of one training run, and its step.

    Args:
        generator: The generator to train, on its device.
        prior: Where layouts come from; by default what the settings name.

    Raises:
        ConfigError: The image is too small for its critic, or there is no such prior.
    """

    def __init__(self, generator: PetsganGenerator, prior: LayoutPrior | None = None) -> None:
        """Build critics, optimizers and the averaged generator."""
        config = self.config = generator.config
        self._weights = config.losses
        self._settings = settings = config.training
        self.generator = generator
        self._device = generator.image.device
        device = self._device
        given = PriorInput(generator.image, generator.low_res, config.prior, settings.seed)
        self._prior = prior or create_prior(parse_priors(config.prior.name), given)
        self._pairs = PairedLayouts(generator.depnet, self._prior, config.depnet.modes)
        _check_critic(generator)
        critic = StridedPatchCritic if settings.patch_critic == "strided" else MultiDilationCritic
        self._patch_critic: nn.Module = critic().to(device)
        self._layout_critic = LayoutCritic().to(device)
        self._average = AveragedGenerator(generator, decay=settings.ema_decay)
        self._precision = choose_precision(settings.precision, device)
        self._position = generator.position(*generator.size)
        total = settings.steps
        self._freeze_step = round(settings.freeze_norm_from * total)
        depnet_span = Span(0, round(settings.depnet_until * total))
        dipnet_span = Span(round(settings.restoration_from * total), total)
        patch_span = Span(round(settings.adversarial_from * total), total)
        rates = config.optimizer

        def adam(module: nn.Module, rate: float, span: Span) -> ScheduledAdam:
            parameters = [p for p in module.parameters() if p.requires_grad]
            return ScheduledAdam(parameters, learning_rate=rate, config=rates, span=span)

        self._depnet = adam(generator.depnet, rates.depnet, depnet_span)
        self._restoration = adam(generator.restoration, rates.restoration, dipnet_span)
        self._patch = adam(self._patch_critic, rates.patch_critic, patch_span)
        self._optimizers = {
            "depnet": self._depnet,
            "restoration": self._restoration,
            "patch_critic": self._patch,
        }
        if config.transfer.train_features:
            self._optimizers["features"] = adam(generator.features, rates.features, dipnet_span)
        if self._weights.layout_gan > 0:
            self._optimizers["layout_critic"] = adam(
                self._layout_critic, rates.layout_critic, depnet_span
            )
        self._pool: TransferPool | None = None

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
        if step == self._freeze_step:
            freeze_statistics(self.generator)
        reported: Losses = {}
        terms: list[Tensor] = []
        if step in self._depnet.span:
            terms.append(self._depnet_loss(step, reported))
        if step in self._restoration.span:
            terms.append(self._dipnet_loss(step, reported))
        self._update_generator(terms, step)
        return {name: float(value.detach()) for name, value in reported.items()}

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
        weights = self._weights
        crop = self._crop(self._random(step, Purpose.NOISY_CROP))
        source = self._noisy(step)
        restored = self._restore(crop.of(source))
        reported["reconstruction"] = functional.l1_loss(restored, crop.high(self.generator.image))
        loss = weights.reconstruction * reported["reconstruction"]
        if weights.sparsity > 0:
            reported["sparsity"] = losses.sparsity_penalty(source.weight)
            loss = loss + weights.sparsity * reported["sparsity"]
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
        if weights.consistency > 0:
            reduced = functional.avg_pool2d(fake, self.generator.factor)
            # A target: end to end, the code would otherwise be drawn to what IR happens to make.
            reported["consistency"] = functional.l1_loss(reduced, transferred.code.detach())
            loss = loss + weights.consistency * reported["consistency"]
        if weights.texture > 0 and transferred.texture is not None:
            reported["texture"] = functional.l1_loss(fake, transferred.texture)
            loss = loss + weights.texture * reported["texture"]
        return loss

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

    def _noisy(self, step: int) -> Transferred:
        """Transfer c_I + noise."""
        draw = self._random(step, Purpose.NOISY)
        if not self._settings.end_to_end:
            return self._get_pool().noisy(self._noisy_number(draw))
        return self.generator.transfer(self._add_noise(1, draw))

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

    def _restore(self, transferred: Transferred) -> Tensor:
        code, texture, _ = transferred
        inputs = [code] if texture is None else [code, texture]
        return compute(self.generator.restoration, *inputs, precision=self._precision)

    def _criticise(self, image: Tensor) -> Tensor:
        return compute(self._patch_critic, image, precision=self._precision)

    def _noisy_number(self, draw: Generator) -> int:
        return below(_NOISY_POOL, draw)

    def _fresh_numbers(self, draw: Generator) -> list[int]:
        size = self._settings.pool_size
        return [below(size, draw) for _ in range(self._settings.image_batch)]

    def _get_pool(self) -> TransferPool:
        # Made from the finished DEPNet and the seed alone, so that it need not be saved.
        if self._pool is None:
            fresh, noisy = self._pool_noise()
            self._pool = TransferPool(self.generator, fresh=fresh, noisy=noisy)
        return self._pool

    def _pool_noise(self) -> tuple[Tensor, Tensor]:
        """Noise of the pool's layouts, and noisy copies of c_I."""
        draw = self._random(0, Purpose.POOL)
        return self._noise(self._settings.pool_size, draw), self._add_noise(_NOISY_POOL, draw)

    def _noise(self, count: int, draw: Generator) -> Tensor:
        shape = self.generator.noise_shape(count, *self.generator.size)
        return torch.randn(shape, generator=draw).to(self._device)

    def _add_noise(self, count: int, draw: Generator) -> Tensor:
        low_res = self.generator.low_res
        noise = torch.randn((count, *low_res.shape[1:]), generator=draw).to(self._device)
        return low_res + self._weights.reconstruction_noise * noise

    def _crop(self, draw: Generator) -> Crop:
        factor = self.generator.factor
        height, width = self.generator.size
        side = self._settings.crop_px // factor or max(height, width)
        crop_height, crop_width = min(side, height), min(side, width)
        top, left = below(height - crop_height + 1, draw), below(width - crop_width + 1, draw)
        return Crop(top, left, crop_height, crop_width, factor)

    def _random(self, step: int, purpose: Purpose) -> Generator:
        return draw_for(self._settings.seed, step, purpose)

    @property
    def record(self) -> Mapping[str, Mapping[str, Any]]:
        """The layouts it learns from."""
        return {"prior": self._prior.record}

    def state(self) -> dict[str, Array]:
        """Every array that the next step depends on, by name."""
        arrays: dict[str, Array] = {}
        for prefix, module in self._modules():
            arrays |= named_arrays(module, prefix)
        for name, optimizer in self._optimizers.items():
            arrays |= {f"optimizer.{name}/{key}": a for key, a in optimizer.state().items()}
        return arrays

    def load(self, arrays: Mapping[str, Array]) -> None:
        """Restore what `state` returned.

        Raises:
            CheckpointError: An array is missing or of another shape.
        """
        for prefix, module in self._modules():
            load_state(module, arrays, prefix)
        for name, optimizer in self._optimizers.items():
            start = f"optimizer.{name}/"
            optimizer.load(
                {key[len(start) :]: a for key, a in arrays.items() if key.startswith(start)}
            )

    def _modules(self) -> Iterator[tuple[str, nn.Module]]:
        yield "generator", self.generator
        yield AVERAGED, self._average.generator
        yield "patch_critic", self._patch_critic
        if self._weights.layout_gan > 0:
            yield "layout_critic", self._layout_critic


def _check_critic(generator: PetsganGenerator) -> None:
    height, width = generator.image.shape[2:]
    least = StridedPatchCritic.RECEPTIVE_FIELD_PX
    if generator.config.training.patch_critic == "strided" and min(height, width) < least:
        msg = (
            f"config: training.patch_critic 'strided' must have an image of at least {least} px, "
            f"got {width}x{height}; hint: a larger image, image.factor 8, or 'multi_dilation'"
        )
        raise ConfigError(msg)
