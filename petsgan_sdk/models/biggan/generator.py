"""BigGAN's generator."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import Parameter

from petsgan_sdk.models.biggan.architecture import GeneratorArchitecture
from petsgan_sdk.models.biggan.layers import (
    Attention,
    BatchNorm,
    GeneratorBlock,
    SpectralConv2d,
    SpectralLinear,
)

__all__ = ["BigganGenerator"]

_BOTTOM_PX = 4


class BigganGenerator(nn.Module):
    """A code and a class to an image (Brock et al. 2019, hierarchical code, shared embedding).

    Args:
        architecture: Sizes.
    """

    def __init__(self, architecture: GeneratorArchitecture) -> None:
        """Build the layers, named as in the public checkpoints."""
        super().__init__()
        self.architecture = architecture
        self.size_px = architecture.size_px
        self.code_size = architecture.code_size
        self.num_classes = architecture.num_classes
        channels = architecture.channels
        condition = architecture.embedding + architecture.chunk
        self.shared = nn.Embedding(architecture.num_classes, architecture.embedding)
        self.linear = SpectralLinear(architecture.chunk, channels[0] * _BOTTOM_PX**2)
        blocks: list[nn.ModuleList] = []
        for index, (inputs, outputs) in enumerate(pairwise(channels)):
            block: list[nn.Module] = [GeneratorBlock(inputs, outputs, condition)]
            if index == architecture.attention_after:
                block.append(Attention(outputs))
            blocks.append(nn.ModuleList(block))
        self.blocks = nn.ModuleList(blocks)
        last = channels[-1]
        self.output_layer = nn.Sequential(BatchNorm(last), nn.ReLU(), SpectralConv2d(last, 3))

    def groups(self) -> list[list[Parameter]]:
        """The parameters, from the code on: embedding and first layer, then block by block."""
        first = [*self.shared.parameters(), *self.linear.parameters()]
        middle = [list(block.parameters()) for block in self.blocks]
        middle[-1] += self.output_layer.parameters()
        return [first, *middle]

    def embed(self, labels: Tensor) -> Tensor:
        """Classes `[N]` int64 to embeddings `[N, embedding]`."""
        return self.shared(labels)  # type: ignore[no-any-return]

    def forward(self, code: Tensor, embedding: Tensor) -> Tensor:
        """Make images.

        Args:
            code: `[N, code_size]`, about N(0, 1).
            embedding: `[N, embedding]`, see `embed`.

        Returns:
            `[N, 3, size_px, size_px]` in [-1, 1].
        """
        first, *chunks = torch.split(code, self.architecture.chunk, dim=1)
        hidden = self.linear(first).unflatten(1, (-1, _BOTTOM_PX, _BOTTOM_PX))
        for block, chunk in zip(self.blocks, chunks, strict=True):
            main, *attention = block.children()
            hidden = main(hidden, torch.cat([embedding, chunk], dim=1))
            for layer in attention:
                hidden = layer(hidden)
        return torch.tanh(self.output_layer(hidden))
