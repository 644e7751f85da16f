"""The `internal` prior: layouts made from the photo alone, by smooth displacement."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Generator, Tensor
from torch.nn import functional

from petsgan_sdk.errors import ConfigError
from petsgan_sdk.models.displacement import DisplacementField
from petsgan_sdk.noise import positional_encoding
from petsgan_sdk.priors.interface import PriorInput

__all__ = ["InternalPrior", "create_internal", "displace"]


def create_internal(given: PriorInput, argument: str | None) -> InternalPrior:
    """Make the prior of the photo itself.

    Raises:
        ConfigError: It takes no argument.
    """
    if argument is not None:
        msg = f"prior: internal must have no argument, got {argument!r}"
        raise ConfigError(msg)
    settings = given.settings
    return InternalPrior(given.low_res, displacement=settings.displacement, flip=settings.flip)


class InternalPrior:
    """Smooth random displacements of the photo at layout size.

    Two octaves of smooth displacement move, stretch and squeeze objects but keep each of them
    whole. Patch transfer then redraws what was stretched with patches of natural scale, so that
    the layouts may be bold.

    Args:
        low_res: `[1, 3, h, w]` in [-1, 1].
        displacement: Strength, as in `DepNet`.
        flip: Mirror every other layout on average.
    """

    record: Mapping[str, Any] = {"name": "internal", "digest": None}

    def __init__(self, low_res: Tensor, *, displacement: float, flip: bool) -> None:
        """Keep the photo, and a displacement field generator of its size."""
        self._low_res = low_res
        self._flip = flip
        size = (low_res.shape[2], low_res.shape[3])
        # DEPNet's own field, so that a stream drawn here has the statistics DEPNet makes.
        frequency = math.pi / max(size)
        field = DisplacementField(size, strength=displacement, frequency=frequency)
        self._field = field.to(low_res.device)
        encoded = positional_encoding(*size, frequencies=(frequency,))
        self._position = torch.from_numpy(encoded).to(low_res.device)

    @torch.no_grad()
    def sample(self, count: int, rng: Generator) -> Tensor:
        """Draw `[count, 3, h, w]` layouts; `rng` lives on the CPU."""
        margin = self._field.margin
        height, width = self._low_res.shape[2:]
        shape = (count, 4, height + 2 * margin, width + 2 * margin)
        noise = torch.randn(shape, generator=rng).to(self._low_res.device)
        layouts = displace(self._low_res, self._field(noise, self._position))
        if self._flip:
            mirrored = torch.rand(count, generator=rng) < 0.5
            layouts[mirrored] = layouts[mirrored].flip(3)
        return layouts

    @torch.no_grad()
    def displaced(self, displacement: Tensor) -> Tensor | None:
        """Return the layouts of given fields `[N, 2, h, w]`; None when flipping is asked for.

        Which layouts are mirrored cannot be told from a displacement.
        """
        return None if self._flip else displace(self._low_res, displacement)

    def modes(self, count: int) -> Tensor:
        """Return the photo `count` times; with flips, every other one mirrored."""
        layouts = self._low_res.repeat(count, 1, 1, 1)
        if self._flip:
            layouts[1::2] = layouts[1::2].flip(3)
        return layouts


def displace(image: Tensor, displacement: Tensor, *, top: int = 0, left: int = 0) -> Tensor:
    """Sample `image` where a displacement field points.

    Args:
        image: `[1, C, h, w]` in [-1, 1].
        displacement: `[N, 2, h', w']`, x then y, in pixels: of all of the image or a crop of it.
        top: First row of the crop.
        left: First column of the crop.

    Returns:
        `[N, C, h', w']` in [-1, 1]; bicubic, mirrored at the border: a repeated one smears.
    """
    height, width = image.shape[2:]
    rows, columns = displacement.shape[2:]
    y = torch.arange(top, top + rows, device=image.device).view(1, -1, 1) + displacement[:, 1]
    x = torch.arange(left, left + columns, device=image.device).view(1, 1, -1) + displacement[:, 0]
    grid = torch.stack([(2 * x + 1) / width - 1, (2 * y + 1) / height - 1], dim=3)
    moved = functional.grid_sample(
        image.expand(len(displacement), -1, -1, -1),
        grid,
        mode="bicubic",
        padding_mode="reflection",
        align_corners=False,
    )
    return moved.clamp(-1, 1)
