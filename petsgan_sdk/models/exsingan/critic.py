"""D_s: a patch critic with the receptive field of a stage's generator, used in training only."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from petsgan_sdk.models.critics import SpectralConv2d
from petsgan_sdk.models.exsingan.stage import NUM_CONVS
from petsgan_sdk.models.norm import FreezableBatchNorm

__all__ = ["PixelCritic"]


class PixelCritic(nn.Module):
    """Five 3x3 convolutions of stride 1: a logit for every patch of 11 x 11 pixels.

    The convolutions are valid, so that no logit is about a padded border; the public code pads
    every layer with zeros.

    Args:
        width: Channels (the paper's code: 64).
        spectral: Spectral norm in place of batch norm, whose statistics on crops would be noise.
        detail: How many times what differs from the mean of 3x3 pixels is added to the image. With
            spectral norm a critic can hardly see faint detail: every layer passes on the mean and
            little of what is fine. In hazy photos it then never tells sharp from blurred.
    """

    RECEPTIVE_FIELD_PX = 1 + 2 * NUM_CONVS
    """Side of the patch that a logit is about."""

    def __init__(self, *, width: int, spectral: bool, detail: float = 0.0) -> None:
        """Build the layers."""
        super().__init__()
        self._detail = detail
        layers: list[nn.Module] = []
        for i in range(NUM_CONVS - 1):
            inputs = width if i else 3
            if spectral:
                layers.append(SpectralConv2d(inputs, width, 3, 1))
            else:
                layers += [nn.Conv2d(inputs, width, 3), FreezableBatchNorm(width)]
            layers.append(nn.LeakyReLU(0.2))
        self.layers = nn.Sequential(*layers, nn.Conv2d(width, 1, 3))

    def emphasised(self, image: Tensor) -> Tensor:
        """What the convolutions see of `[N, 3, h, w]`; float32, where detail is a small part.

        A level smaller than a patch is continued by its border.
        """
        short, narrow = (max(0, self.RECEPTIVE_FIELD_PX - side) for side in image.shape[2:])
        if short or narrow:
            image = functional.pad(image, (0, narrow, 0, short), mode="replicate")
        if self._detail == 0:
            return image
        around = functional.pad(image, (1, 1, 1, 1), mode="replicate")
        return image + self._detail * (image - functional.avg_pool2d(around, 3, stride=1))

    def forward(self, image: Tensor) -> Tensor:
        """`[N, 3, h, w]` to a map of logits `[N, 1, h - 10, w - 10]`, at least one."""
        return self.layers(self.emphasised(image))  # type: ignore[no-any-return]
