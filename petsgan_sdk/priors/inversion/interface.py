"""What inversion asks of a generator, and of the network whose features it compares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from torch import Tensor
from torch.nn import Parameter

__all__ = ["CodeGenerator", "FeatureNetwork"]


class CodeGenerator(Protocol):
    """A class-conditional generator; one without classes has one class."""

    size_px: int
    """Side of its square images."""
    code_size: int
    """Length of its code."""
    num_classes: int
    """Classes, at least 1."""

    def embed(self, labels: Tensor) -> Tensor:
        """Classes `[N]` int64 to embeddings `[N, E]`; E may be 0."""

    def __call__(self, code: Tensor, embedding: Tensor) -> Tensor:
        """Codes `[N, code_size]` and embeddings to images `[N, 3, size_px, size_px]` in [-1, 1]."""

    def groups(self) -> Sequence[Sequence[Parameter]]:
        """All parameters, in groups from the code to the image."""


class FeatureNetwork(Protocol):
    """A network that judges likeness, such as the discriminator of the generator."""

    def features(self, images: Tensor) -> Sequence[Tensor]:
        """Images `[N, 3, S, S]` in [-1, 1] to feature maps, `N` first, from fine to abstract."""
