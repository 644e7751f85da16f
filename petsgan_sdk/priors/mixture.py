"""Several priors as one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Generator, Tensor

from petsgan_sdk.priors.interface import LayoutPrior

__all__ = ["MixedPrior"]


class MixedPrior:
    """Draws every layout from one of several priors, each as often as the others.

    Args:
        parts: The priors, at least one.
    """

    def __init__(self, parts: Sequence[LayoutPrior]) -> None:
        """Keep them."""
        self._parts = list(parts)
        records = [dict(part.record) for part in parts]
        digests = " ".join(str(record["digest"]) for record in records)
        self.record: Mapping[str, Any] = {
            "name": "+".join(record["name"] for record in records),
            "parts": records,
            "digest": hashlib.sha256(digests.encode()).hexdigest(),
        }

    def sample(self, count: int, rng: Generator) -> Tensor:
        """Draw `[count, 3, h, w]` layouts in [-1, 1]."""
        chosen = torch.randint(len(self._parts), (count,), generator=rng)
        drawn = [part.sample(count, rng) for part in self._parts]
        return torch.stack([drawn[part][i] for i, part in enumerate(chosen.tolist())])

    def displaced(self, displacement: Tensor) -> Tensor | None:
        """None: which part a displacement belongs to cannot be told."""
        del displacement
        return None

    def modes(self, count: int) -> Tensor:
        """Return `[count, 3, h, w]` layouts, as many of each part as of the others, or one more."""
        parts = len(self._parts)
        shares = [count // parts + (number < count % parts) for number in range(parts)]
        drawn = [part.modes(share) for part, share in zip(self._parts, shares, strict=True)]
        return torch.cat(drawn)
