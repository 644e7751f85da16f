"""BigGAN's discriminator, of which inversion takes the features."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional

from petsgan_sdk.models.biggan.architecture import DiscriminatorArchitecture
from petsgan_sdk.models.biggan.layers import (
    Attention,
    DiscriminatorBlock,
    SpectralEmbedding,
    SpectralLinear,
)

__all__ = ["BigganDiscriminator"]


class BigganDiscriminator(nn.Module):
    """An image and a class to a logit (projection discriminator, Brock et al. 2019).

    Args:
        architecture: Sizes.
    """

    def __init__(self, architecture: DiscriminatorArchitecture) -> None:
        """Build the layers, named as in the public checkpoints."""
        super().__init__()
        self.architecture = architecture
        self.size_px = architecture.size_px
        channels = architecture.channels
        blocks: list[nn.ModuleList] = []
        for index, (inputs, outputs) in enumerate(pairwise(channels)):
            is_last = index == len(channels) - 2
            main = DiscriminatorBlock(inputs, outputs, downsample=not is_last, is_first=index == 0)
            block: list[nn.Module] = [main]
            if index == architecture.attention_after:
                block.append(Attention(outputs))
            blocks.append(nn.ModuleList(block))
        self.blocks = nn.ModuleList(blocks)
        self.linear = SpectralLinear(channels[-1], 1)
        self.embed = SpectralEmbedding(architecture.num_classes, channels[-1])

    def features(self, images: Tensor) -> list[Tensor]:
        """Return what each layer makes of images.

        Args:
            images: `[N, 3, size_px, size_px]` in [-1, 1].

        Returns:
            The output of every block and of attention, `[N, C, h, w]`, from the image on; last the
            sum over positions `[N, C]` that the logit is made of.
        """
        hidden = images
        found = []
        for block in self.blocks:
            for layer in block.children():
                hidden = layer(hidden)
                found.append(hidden)
        found.append(functional.relu(hidden).sum(dim=(2, 3)))
        return found

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        """Images and their classes `[N]` to logits `[N]`."""
        pooled = self.features(images)[-1]
        projected = (self.embed(labels) * pooled).sum(dim=1)
        return self.linear(pooled)[:, 0] + projected  # type: ignore[no-any-return]
