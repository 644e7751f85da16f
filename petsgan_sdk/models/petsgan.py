"""The whole PetsGAN generator: the networks, the photo they learned, and the way between them."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from petsgan_sdk import kernels
from petsgan_sdk.checkpoint import Checkpoint
from petsgan_sdk.errors import CheckpointError, ConfigError
from petsgan_sdk.models.depnet import DepNet
from petsgan_sdk.models.features import FilterBankFeatures, PatchFeatures, VggFeatures
from petsgan_sdk.models.image import image_tensor
from petsgan_sdk.models.norm import FreezableInstanceNorm
from petsgan_sdk.models.patch_transfer import patch_transfer
from petsgan_sdk.models.restoration import MendingNet, RestorationNet
from petsgan_sdk.models.state import AVERAGED, load_state
from petsgan_sdk.noise import positional_encoding
from petsgan_sdk.settings.petsgan import PetsganConfig

__all__ = ["PetsganGenerator", "Transferred", "generator_from"]


class Transferred(NamedTuple):
    """What patch transfer hands to IR."""

    code: Tensor
    """`[N, 3, h, w]` in [-1, 1]."""
    texture: Tensor | None
    """`[N, 3, H, W]` in [-1, 1] of carried pixels, if the model carries texture."""
    weight: Tensor
    """`[N, h, w]`, softmax weight of the best matches of the last pass."""


class PetsganGenerator(nn.Module):
    """DEPNet and DIPNet with the photo as their reference.

    Args:
        config: Settings.
        image: `[1, 3, H, W]` float32 in [-1, 1], the photo at training size; H and W are multiples
            of the factor.

    Raises:
        ConfigError: It is not settled by what patches are compared.
    """

    image: Tensor
    low_res: Tensor

    def __init__(self, config: PetsganConfig, image: Tensor) -> None:
        """Build the networks for this photo."""
        super().__init__()
        self.config = config
        self.factor: int = config.image.factor
        self.register_buffer("image", image, persistent=False)
        self.register_buffer("low_res", functional.avg_pool2d(image, self.factor), persistent=False)
        height, width = self.size = (self.low_res.shape[2], self.low_res.shape[3])
        is_relative = config.depnet.positions == "relative"
        unit = math.pi / max(height, width) if is_relative else 1.0
        self.frequencies = tuple(unit * f for f in config.depnet.frequencies)
        self.extent = self.size if is_relative else None
        self.depnet = DepNet(
            self.size,
            width=config.depnet.width,
            frequencies=self.frequencies,
            displacement=config.depnet.displacement,
            norm=FreezableInstanceNorm if config.depnet.norm else None,
            modes=config.depnet.modes,
        )
        self.features = _features(config)
        self.features.requires_grad_(config.transfer.train_features)
        self.restoration = _restoration(config)

    def position(self, height: int, width: int) -> Tensor:
        """Positional encoding of a layout of `height` x `width` with DEPNet's margin."""
        encoded = positional_encoding(
            height,
            width,
            frequencies=self.frequencies,
            extent=self.extent,
            margin=self.depnet.position_margin,
        )
        return torch.from_numpy(encoded).to(self.image.device)

    def noise_shape(self, count: int, height: int, width: int) -> tuple[int, int, int, int]:
        """Shape of DEPNet's noise for `count` layouts of `height` x `width`."""
        margin = 2 * self.depnet.noise_margin
        return (count, self.depnet.noise_channels, height + margin, width + margin)

    def transfer(self, layout: Tensor) -> Transferred:
        """Transfer, with a gradient through the weights of the matches (joint training).

        The reference's features are the target that queries are matched to, and constant: an
        extractor that is being trained learns through the layout. Carried texture has no gradient.

        Args:
            layout: `[N, 3, h, w]` in [-1, 1].
        """
        settings, device = self.config.transfer, self.image.device
        # Matches are found on the CPU, wherever the networks are: maps here are small.
        brought = self.low_res[0].cpu()
        with torch.no_grad():
            known = self.features(self.low_res)[0].cpu().contiguous()
        code = layout
        for _ in range(settings.passes):
            values, index, weight = patch_transfer(
                self.features(code).cpu().contiguous(),
                known,
                brought,
                window=settings.window,
                temperature=settings.temperature,
            )
            code = values.to(device)
        texture = self._carry(index) if settings.carry_texture else None
        return Transferred(code, texture, weight.to(device))

    def _carry(self, index: Tensor) -> Tensor:
        carried = kernels.texture_transfer(
            index.numpy(),
            self.image[0].cpu().numpy(),
            factor=self.factor,
            threads=torch.get_num_threads(),
        )
        return torch.from_numpy(carried).to(self.image.device)

    def restore(self, transferred: Transferred) -> Tensor:
        """IR: `[N, 3, H, W]`, about [-1, 1]."""
        if transferred.texture is None:
            return self.restoration(transferred.code)  # type: ignore[no-any-return]
        return self.restoration(transferred.code, transferred.texture)  # type: ignore[no-any-return]

    @torch.no_grad()
    def sample(self, noise: Tensor) -> Tensor:
        """Images from noise of shape `noise_shape(N, h, w)`: `[N, 3, factor h, factor w]`."""
        margin = 2 * self.depnet.noise_margin
        height, width = noise.shape[2] - margin, noise.shape[3] - margin
        layout = self.depnet(noise, self.position(height, width))
        return self.restore(self.transfer(layout)).clamp(-1, 1)


def generator_from(checkpoint: Checkpoint) -> PetsganGenerator:
    """Build the generator that a checkpoint describes, with its averaged weights.

    Raises:
        CheckpointError: It is of another family, or an array is missing or of another shape.
    """
    settings = checkpoint.config
    if not isinstance(settings, PetsganConfig):
        msg = f"checkpoint: family must be 'petsgan' for this generator, got {settings.family!r}"
        raise CheckpointError(msg)
    image = image_tensor(checkpoint.source)
    generator = PetsganGenerator(settings, image)
    load_state(generator, checkpoint.arrays, AVERAGED)
    return generator.eval().requires_grad_(False)


def _features(config: PetsganConfig) -> PatchFeatures:
    kind = config.transfer.features
    if kind == "auto":
        msg = "config: transfer.features must be filters or vgg19 to build networks, got 'auto'"
        raise ConfigError(msg)
    return VggFeatures() if kind == "vgg19" else FilterBankFeatures()


def _restoration(config: PetsganConfig) -> nn.Module:
    settings = config.restoration
    if settings.network == "mending":
        return MendingNet(
            width=settings.width, num_blocks=settings.num_blocks, factor=config.image.factor
        )
    num_stages = config.image.factor.bit_length() - 1
    return RestorationNet(width=settings.width, num_stages=num_stages)
