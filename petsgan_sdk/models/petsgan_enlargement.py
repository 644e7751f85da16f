"""The new DIPNet: from the generator's image to one that is 2, 4 or 8 times as large."""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from petsgan_sdk.models.petsgan_dipnet import DipNet
from petsgan_sdk.models.restoration import TextureNet, normed, padded_conv, upsampled
from petsgan_sdk.settings.petsgan import PetsganSettings

__all__ = [
    "ENLARGEMENT",
    "EnlargedRestoration",
    "EnlargingNet",
    "UpscalingNet",
    "enlarged",
    "enlarging_net",
]

ENLARGEMENT = "averaged_enlargement"
"""Prefix of the exported new DIPNet in a checkpoint."""

DipNetT = TypeVar("DipNetT", bound=DipNet)


class UpscalingNet(nn.Module):
    """The network of the public code, for models that carry no texture.

    A convolution and norm, then for each x2 the same once more and a transposed convolution.

    Args:
        width: Channels (the public code: 64).
        num_stages: log2 of the factor.
    """

    def __init__(self, *, width: int, num_stages: int) -> None:
        """Build the layers."""
        super().__init__()
        layers = normed(padded_conv(3, width, 3, "replicate"), slope=0.2)
        for _ in range(num_stages):
            layers += normed(padded_conv(width, width, 3, "replicate"), slope=0.2)
            layers.append(nn.ConvTranspose2d(width, width, 6, stride=2, padding=2))
        last = nn.Conv2d(width, 3, 3, padding=1, padding_mode="replicate")
        self.layers = nn.Sequential(*layers, last, nn.Tanh())

    def forward(self, image: Tensor) -> Tensor:
        """`[N, 3, H, W]` to `[N, 3, factor H, factor W]`, both in [-1, 1]."""
        return self.layers(image)  # type: ignore[no-any-return]


class EnlargingNet(TextureNet):
    """Fits texture that was carried at full size to the generator's image.

    Where the two disagree after reduction, the difference is added to the texture; a trunk at the
    generator's size, as in `MendingNet`, says what else has to change.

    Args:
        width: Channels of the trunk.
        num_blocks: Residual blocks of two 3x3 convolutions.
        factor: Of the sizes.
    """

    def __init__(self, *, width: int, num_blocks: int, factor: int) -> None:
        """Build the layers; the residual starts near 0."""
        super().__init__(width=width, num_blocks=num_blocks, step=factor, images=2)
        self.factor = factor

    def forward(self, image: Tensor, texture: Tensor) -> Tensor:
        """Enlarge.

        Args:
            image: `[N, 3, H, W]` in [-1, 1], what the generator made.
            texture: `[N, 3, factor H, factor W]` in [-1, 1], carried.

        Returns:
            As `texture`, about [-1, 1].
        """
        difference = image - functional.avg_pool2d(texture, self.factor)
        seen = self.look(texture) + self.read(torch.cat([image, difference], dim=1))
        detail = self.detail(seen)
        correction = upsampled(difference, self.factor)
        mixed = self.mix(torch.cat([detail, correction, texture], dim=1))
        return texture + correction + self.residual(functional.leaky_relu(mixed, 0.2))  # type: ignore[no-any-return]


class EnlargedRestoration(nn.Module):
    """IR of a generator with the new DIPNet behind it.

    Args:
        restoration: IR of the generator, `RestorationNet` or `MendingNet`.
        enlarging: `UpscalingNet` or `EnlargingNet` to go with it.
    """

    def __init__(self, restoration: nn.Module, enlarging: nn.Module) -> None:
        """Keep both."""
        super().__init__()
        self.restoration = restoration
        self.enlarging = enlarging

    def forward(self, transferred: Tensor, texture: Tensor | None = None) -> Tensor:
        """As the generator's IR, but `texture` and the result are of full size."""
        if texture is None:
            return self.enlarging(self.restoration(transferred))  # type: ignore[no-any-return]
        small = functional.avg_pool2d(texture, self.enlarging.factor)  # type: ignore[arg-type]
        return self.enlarging(self.restoration(transferred, small), texture)  # type: ignore[no-any-return]


def enlarging_net(settings: PetsganSettings) -> nn.Module:
    """Build the new DIPNet of a model."""
    own = settings.enlargement
    if settings.transfer.carry_texture:
        return EnlargingNet(width=own.width, num_blocks=own.num_blocks, factor=own.factor)
    return UpscalingNet(width=own.width, num_stages=own.factor.bit_length() - 1)


def enlarged(generator: DipNetT, photo: Tensor, enlarging: nn.Module) -> DipNetT:
    """Return a generator of larger images: the same networks and layouts, and the new DIPNet.

    Correspondences are found between layouts as before, and carry the larger photo's pixels.

    Args:
        generator: It is copied.
        photo: `[1, 3, f H, f W]` in [-1, 1], of which the generator's image is a reduction.
        enlarging: Of the same factor f.
    """
    large = copy.deepcopy(generator)
    large.factor = generator.factor * generator.settings.enlargement.factor
    large.image = photo
    large.restoration = EnlargedRestoration(large.restoration, enlarging)
    return large
