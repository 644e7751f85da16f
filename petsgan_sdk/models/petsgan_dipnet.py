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
from petsgan_sdk.settings.petsgan import PetsganSettings

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
        settings: Of the model.
        image: `[1, 3, H, W]` float32 in [-1, 1], the photo at training size; H and W are multiples
            of the factor.

    Raises:
        ConfigError: It is not settled by what patches are compared.
    """

    image: Tensor
    low_res: Tensor

    def __init__(self, settings: PetsganSettings, image: Tensor) -> None:
        """Build the networks for this photo."""
        super().__init__()
        self.settings = settings
        self.factor: int = settings.layout_factor
        self.register_buffer("image", image, persistent=False)
        self.register_buffer("low_res", functional.avg_pool2d(image, self.factor), persistent=False)
        self.size = (self.low_res.shape[2], self.low_res.shape[3])
        self.features = _features(settings)
        self.features.requires_grad_(settings.transfer.train_features)
        self.restoration = _restoration(settings)

    def transfer(self, layout: Tensor) -> Transferred:
        """Transfer, with a gradient through the weights of the matches (joint training).

        The reference's features are the target that queries are matched to, and constant: an
        extractor that is being trained learns through the layout. Carried texture has no gradient.

        Args:
            layout: `[N, 3, h, w]` in [-1, 1].
        """
        transfer, device = self.settings.transfer, self.image.device
        # Matches are found on the CPU, wherever the networks are: maps here are small.
        brought = self.low_res[0].cpu()
        with torch.no_grad():
            known = self.features(self.low_res)[0].cpu().contiguous()
        code = layout
        for _ in range(transfer.passes):
            values, index, weight = patch_transfer(
                self.features(code).cpu().contiguous(),
                known,
                brought,
                window=transfer.window,
                temperature=transfer.temperature,
            )
            code = values.to(device)
        texture = self._carry(index) if transfer.carry_texture else None
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


def _features(settings: PetsganSettings) -> PatchFeatures:
    kind = settings.transfer.features
    if kind == "auto":
        msg = "config: transfer.features must be filters or vgg19 to build networks, got 'auto'"
        raise ConfigError(msg)
    return VggFeatures() if kind == "vgg19" else FilterBankFeatures()


def _restoration(settings: PetsganSettings) -> nn.Module:
    own = settings.restoration
    if own.network == "mending":
        return MendingNet(width=own.width, num_blocks=own.num_blocks, factor=settings.layout_factor)
    num_stages = settings.layout_factor.bit_length() - 1
    return RestorationNet(width=own.width, num_stages=num_stages)
