"""IR: from the transferred low-resolution code to the full-resolution image."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from petsgan_sdk.models.norm import FreezableInstanceNorm

__all__ = ["MendingNet", "RestorationNet", "TextureNet", "normed", "padded_conv", "upsampled"]

_DETAIL_CHANNELS = 8
"""Channels of TextureNet at full size, where each costs as much as 16 in the trunk."""


class RestorationNet(nn.Module):
    """The paper's IR: three x2 stages of 5x5 convolutions and pixel shuffle, then a 7x7 tail.

    Convolutions in front of a norm have no bias, which the norm would cancel.

    Args:
        width: Channels (the paper: 64).
        num_stages: log2 of the upsampling factor.
    """

    def __init__(self, *, width: int, num_stages: int) -> None:
        """Build the layers."""
        super().__init__()
        layers: list[nn.Module] = [
            *normed(nn.Conv2d(3, width, 1, bias=False), slope=0.01),
            nn.Conv2d(width, width, 1),
        ]
        for _ in range(num_stages):
            layers += normed(padded_conv(width, width, 5, "reflect"), slope=0.2)
            layers += normed(padded_conv(width, width, 5, "reflect"), slope=0.2)
            layers += normed(padded_conv(width, 4 * width, 5, "replicate"), slope=0.2)
            layers.append(nn.PixelShuffle(2))
        self.layers = nn.Sequential(
            *layers,
            nn.Conv2d(width, width // 2, 7, padding=3, padding_mode="replicate"),
            nn.Conv2d(width // 2, width // 2, 7, padding=3, padding_mode="replicate"),
            nn.ReLU(),
            # The public code pads this layer with zeros, which darkens the border.
            nn.Conv2d(width // 2, 3, 3, padding=1, padding_mode="replicate"),
            nn.Tanh(),
        )

    def forward(self, transferred: Tensor) -> Tensor:
        """`[N, 3, h, w]` to `[N, 3, factor h, factor w]`, both in [-1, 1]; h, w >= 3."""
        return self.layers(transferred)  # type: ignore[no-any-return]


class TextureNet(nn.Module):
    """What `MendingNet` and `EnlargingNet` have in common: a trunk that looks at carried texture.

    The trunk works on a smaller grid, on which a strided convolution looks at the texture. Its few
    output channels are upsampled bilinearly, which has no response at the frequency of the
    sub-pixel grid, and two thin convolutions at full size turn them and the texture into a
    residual. (A pixel shuffle in their place let the adversarial term draw that grid into flat
    regions.)

    Padding is by zeros, which a convolution does itself (repeated borders are operators of their
    own in ONNX, each with a copy of the map). It does no harm here: the result is the texture plus
    a small residual, and the crops of training show the network zeros at every border.

    Args:
        width: Channels of the trunk.
        num_blocks: Residual blocks of two 3x3 convolutions.
        step: Pixels of the texture for one of the trunk, per axis.
        images: Images at full size that the thin convolutions see.
    """

    def __init__(self, *, width: int, num_blocks: int, step: int, images: int) -> None:
        """Build the layers; the residual starts near 0."""
        super().__init__()
        self.step = step
        # A stride in place of a pixel unshuffle and a 3x3 convolution: the same sums.
        self.look = nn.Conv2d(3, width, 3 * step, stride=step, padding=step)
        self.read = nn.Conv2d(6, width, 3, padding=1)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(width, width, 3, padding=1),
                nn.LeakyReLU(0.2),
                nn.Conv2d(width, width, 3, padding=1),
            )
            for _ in range(num_blocks)
        )
        self.tail = nn.Conv2d(width, _DETAIL_CHANNELS, 3, padding=1)
        inputs = _DETAIL_CHANNELS + 3 * images
        self.mix = nn.Conv2d(inputs, _DETAIL_CHANNELS, 3, padding=1)
        self.residual = nn.Conv2d(_DETAIL_CHANNELS, 3, 3, padding=1)
        with torch.no_grad():
            self.residual.weight.mul_(0.1)
            nn.init.zeros_(self.residual.bias)  # type: ignore[arg-type]

    def detail(self, seen: Tensor) -> Tensor:
        """Run the trunk on the sum of what it looks at and reads; the result is of full size."""
        x = functional.leaky_relu(seen, 0.2)
        for block in self.blocks:
            x = x + block(x)
        return upsampled(functional.leaky_relu(self.tail(x), 0.2), self.step)


class MendingNet(TextureNet):
    """IR of the `fast` preset: mends carried texture, nearly all of it at a quarter of the size.

    Texture transfer has already put real full-resolution pixels where patch transfer found their
    patches. What is left to do is to close the seams between them and to follow the colours of the
    transferred code.

    Args:
        width: Channels of the trunk.
        num_blocks: Residual blocks of two 3x3 convolutions.
        factor: Upsampling factor, even; the trunk works at 2 / factor of full size.
    """

    def __init__(self, *, width: int, num_blocks: int, factor: int) -> None:
        """Build the layers; the residual starts near 0."""
        super().__init__(width=width, num_blocks=num_blocks, step=factor // 2, images=1)
        self.factor = factor

    def forward(self, transferred: Tensor, texture: Tensor) -> Tensor:
        """Mend.

        Args:
            transferred: `[N, 3, h, w]` in [-1, 1], what patch transfer returned.
            texture: `[N, 3, factor h, factor w]` in [-1, 1], what texture transfer returned.

        Returns:
            `[N, 3, factor h, factor w]`, about [-1, 1]; not clamped, so that training has a
            gradient everywhere.
        """
        difference = transferred - functional.avg_pool2d(texture, self.factor)
        code = upsampled(torch.cat([transferred, difference], dim=1), 2)
        detail = self.detail(self.look(texture) + self.read(code))
        mixed = functional.leaky_relu(self.mix(torch.cat([detail, texture], dim=1)), 0.2)
        return texture + self.residual(mixed)  # type: ignore[no-any-return]


def upsampled(x: Tensor, factor: int) -> Tensor:
    """Bilinear, pixel centres at half."""
    return functional.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)


_Padding = Literal["reflect", "replicate"]


def padded_conv(inputs: int, outputs: int, size: int, padding: _Padding) -> nn.Conv2d:
    """A convolution in front of a norm, which would cancel a bias."""
    return nn.Conv2d(inputs, outputs, size, padding=size // 2, padding_mode=padding, bias=False)


def normed(layer: nn.Conv2d, *, slope: float) -> list[nn.Module]:
    """A convolution, its norm, and a leaky ReLU."""
    return [layer, FreezableInstanceNorm(layer.out_channels), nn.LeakyReLU(slope)]
