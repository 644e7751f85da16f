"""A fixed set of layouts, whoever made them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor

from petsgan_sdk.errors import ShapeError

__all__ = ["LayoutSet"]

U8Images = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]


class LayoutSet:
    """Draws from a fixed set of layouts, each as often as the others.

    Args:
        layouts: `[K, h, w, 3]` uint8.
        flip: Mirror every other layout on average.
        device: Where drawn layouts are wanted.
        record: What a checkpoint keeps; `digest` is added, sha256 of the layouts in their order.
    """

    def __init__(
        self,
        layouts: U8Images,
        *,
        flip: bool,
        device: torch.device,
        record: Mapping[str, Any],
    ) -> None:
        """Keep the bytes: float32 would take four times the memory."""
        if (
            layouts.ndim != 4
            or layouts.shape[3] != 3
            or layouts.dtype != np.uint8
            or not len(layouts)
        ):
            msg = f"layouts: must be [K, h, w, 3] uint8, got {layouts.shape} {layouts.dtype}"
            raise ShapeError(msg)
        planar = np.ascontiguousarray(layouts.transpose(0, 3, 1, 2))
        self._layouts = torch.from_numpy(planar)
        self._flip = flip
        self._device = device
        digest = hashlib.sha256(repr(layouts.shape).encode() + layouts.tobytes()).hexdigest()
        self.record: Mapping[str, Any] = {**record, "layouts": len(layouts), "digest": digest}

    def sample(self, count: int, rng: Generator) -> Tensor:
        """Draw `[count, 3, h, w]` layouts in [-1, 1], with replacement."""
        chosen = torch.randint(len(self._layouts), (count,), generator=rng)
        layouts = _signed(self._layouts[chosen])
        if self._flip:
            mirrored = torch.rand(count, generator=rng) < 0.5
            layouts[mirrored] = layouts[mirrored].flip(3)
        return layouts.to(self._device)

    def displaced(self, displacement: Tensor) -> Tensor | None:
        """None: a set of layouts knows of no displacement."""
        del displacement
        return None

    def modes(self, count: int) -> Tensor:
        """Return `[count, 3, h, w]` layouts, spread over the set; with flips, half are mirrored."""
        chosen = torch.arange(count) * len(self._layouts) // count
        layouts = _signed(self._layouts[chosen])
        if self._flip:
            layouts[1::2] = layouts[1::2].flip(3)
        return layouts.to(self._device)


def _signed(layouts_u8: Tensor) -> Tensor:
    return layouts_u8.float() / 127.5 - 1
