"""DIPNet: a layout to an image through the photo's own patches, without what makes layouts."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from petsgan_sdk import kernels
from petsgan_sdk.errors import ConfigError
from petsgan_sdk.models.features import FilterBankFeatures, PatchFeatures, VggFeatures
from petsgan_sdk.models.patch_transfer import patch_transfer
from petsgan_sdk.models.restoration import MendingNet, RestorationNet
from petsgan_sdk.settings.petsgan import PetsganConfig

__all__ = ["DipNet", "Transferred"]


class Transferred(NamedTuple):
    """What patch transfer hands to IR."""

    code: Tensor
    """`[N, 3, h, w]` in [-1, 1]."""
    texture: Tensor | None
    """`[N, 3, H, W]` in [-1, 1] of carried pixels, if the model carries texture."""
    weight: Tensor
    """`[N, h, w]`, softmax weight of the best matches of the last pass."""


class DipNet(nn.Module):
    """Patch transfer and IR, F of the paper, with the photo as their reference.

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
        self.factor: int = config.layout_factor
        self.register_buffer("image", image, persistent=False)
        self.register_buffer("low_res", functional.avg_pool2d(image, self.factor), persistent=False)
        self.size = (self.low_res.shape[2], self.low_res.shape[3])
        self.features = _features(config)
        self.features.requires_grad_(config.transfer.train_features)
        self.restoration = _restoration(config)

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
            width=settings.width, num_blocks=settings.num_blocks, factor=config.layout_factor
        )
    num_stages = config.layout_factor.bit_length() - 1
    return RestorationNet(width=settings.width, num_stages=num_stages)
