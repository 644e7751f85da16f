"""What a prior is: a stream of layouts, and what one is made from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Generator, Tensor

from petsgan_sdk.settings import PriorSettings

__all__ = ["LayoutPrior", "PriorFactory", "PriorInput"]


class LayoutPrior(Protocol):
    """A stream of layouts for DEPNet."""

    @property
    def record(self) -> Mapping[str, Any]:
        """What a checkpoint keeps of it, in JSON types.

        `name`, and `digest`: sha256 of what the layouts are made from besides the photo and the
        settings, by which a resumed run knows its prior; None if there is nothing.
        """

    def sample(self, count: int, rng: Generator) -> Tensor:
        """Draw `[count, 3, h, w]` layouts in [-1, 1]; `rng`, on the CPU, decides them."""

    def displaced(self, displacement: Tensor) -> Tensor | None:
        """Return the layouts that displacement fields `[N, 2, h, w]` describe, `[N, 3, h, w]`.

        None if the prior has more than one layout to move.
        """

    def modes(self, count: int) -> Tensor:
        """Return `[count, 3, h, w]` layouts in [-1, 1] that stand for all, some of them repeated.

        Always the same. A DEPNet of as many modes learns to draw and to move them.
        """


@dataclass(frozen=True, slots=True)
class PriorInput:
    """What a prior is made from, besides the argument behind its name."""

    image: Tensor
    """`[1, 3, H, W]` in [-1, 1], the photo at training size."""
    low_res: Tensor
    """`[1, 3, h, w]` in [-1, 1], the photo at layout size, on the device of training."""
    settings: PriorSettings
    """Of the prior."""
    seed: int = 0
    """Of the run; a prior that draws while it is made draws by it."""
    note: Callable[[str], None] = lambda _: None
    """Told of what people should know, one line each."""


PriorFactory = Callable[[PriorInput, str | None], LayoutPrior]
"""Makes a prior from its input and what stood behind `name:`, None if nothing did."""
