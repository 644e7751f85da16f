"""DEPNet: noise and positions to a low-resolution RGB layout."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from petsgan_sdk.models.displacement import DisplacementField
from petsgan_sdk.models.modes import ModeField
from petsgan_sdk.models.norm import FreezableNorm
from petsgan_sdk.noise import positional_encoding
from petsgan_sdk.settings.depnet import DepnetSettings

__all__ = ["DepNet"]

_NUM_CONVS = 5


class DepNet(nn.Module):
    """Layout generator G of the paper: five valid 3x3 convolutions on noise and position.

    The public code pads its input once by 5 zeros. Here the input is drawn 5 pixels wider instead:
    the same receptive field and size, but no border that the network can see, so that a tile of a
    canvas equals the same region of the whole.

    With `displacement` > 0 the noise becomes a `DisplacementField`, which moves the positional
    encoding (a rotation of each sine and cosine pair) before the convolutions see it: noise then
    moves whole objects, which a receptive field of 11 pixels could not do. With 0 the noise is
    concatenated with the encoding, as in the paper.

    With `modes` > 0 further noise chooses among as many layouts, see `ModeField`: what the network
    draws at a position then depends on the mode there.

    Args:
        size: `(h, w)` of the training layout in pixels.
        width: Channels of the wide layers (the paper: 128; the first has half).
        frequencies: Radians per pixel of the positional encoding.
        displacement: Strength of the displacement field, 0 to 2.
        norm: Of the three middle layers (PetsGAN: instance norm, ExSinGAN: batch norm).
        modes: Layouts to tell apart, 0 for a single one; only with `displacement` > 0.
        extent: `(h, w)` that the positions of any canvas are stretched over; None has them count
            on.
    """

    frequencies: Tensor

    def __init__(
        self,
        size: tuple[int, int],
        *,
        width: int,
        frequencies: Sequence[float],
        displacement: float,
        norm: type[FreezableNorm] | None,
        modes: int = 0,
        extent: tuple[int, int] | None = None,
    ) -> None:
        """Build the layers."""
        super().__init__()
        self.radians_per_px = tuple(frequencies)
        self.extent = extent
        self.displacement = displacement
        self.noise_channels = 4 if displacement > 0 else 1
        self.position_margin = _NUM_CONVS
        self.noise_margin = _NUM_CONVS
        if displacement > 0:
            self.register_buffer("frequencies", torch.tensor(self.radians_per_px).view(1, -1, 1, 1))
            self.field = DisplacementField(size, strength=displacement, frequency=frequencies[0])
            self.noise_margin += self.field.margin
        self.modes = ModeField(size, count=modes) if modes > 0 else None
        if self.modes is not None:
            self.noise_channels += self.modes.noise_channels
            self.noise_margin = max(self.noise_margin, _NUM_CONVS + self.modes.margin)
        inputs = 4 * len(frequencies) + (0 if displacement > 0 else self.noise_channels)
        inputs += modes
        widths = [inputs, width if displacement > 0 else width // 2, width, width, width, 3]
        layers: list[nn.Module] = []
        for i in range(_NUM_CONVS):
            layers.append(nn.Conv2d(widths[i], widths[i + 1], 3))
            is_middle = 0 < i < _NUM_CONVS - 1
            if norm is not None and is_middle:
                layers.append(norm(widths[i + 1]))
            # The paper's first layer is linear when nothing moves the positions before it.
            if is_middle or (displacement > 0 and i == 0):
                layers.append(nn.ReLU() if norm is not None else nn.LeakyReLU(0.2))
        self.layers = nn.Sequential(*layers, nn.Tanh())

    @classmethod
    def of(
        cls, settings: DepnetSettings, size: tuple[int, int], *, norm: type[FreezableNorm]
    ) -> DepNet:
        """Build what settings describe for a training layout of `(h, w)`; norms are `norm`."""
        is_relative = settings.positions == "relative"
        unit = math.pi / max(size) if is_relative else 1.0
        return cls(
            size,
            width=settings.width,
            frequencies=[unit * f for f in settings.frequencies],
            displacement=settings.displacement,
            norm=norm if settings.norm else None,
            modes=settings.modes,
            extent=size if is_relative else None,
        )

    def position(self, height: int, width: int) -> Tensor:
        """Positional encoding of a layout of `height` x `width` with its margin."""
        encoded = positional_encoding(
            height,
            width,
            frequencies=self.radians_per_px,
            extent=self.extent,
            margin=self.position_margin,
        )
        return torch.from_numpy(encoded).to(next(self.parameters()).device)

    def noise_shape(self, count: int, height: int, width: int) -> tuple[int, int, int, int]:
        """Shape of the noise for `count` layouts of `height` x `width`."""
        margin = 2 * self.noise_margin
        return (count, self.noise_channels, height + margin, width + margin)

    def displace(self, noise: Tensor, position: Tensor) -> Tensor | None:
        """Turn noise into the displacements of the layout's pixels and their margin.

        Args:
            noise: As `forward`.
            position: As `forward`.

        Returns:
            `[N, 2, h + 10, w + 10]`, x then y, in pixels of the training layout; None where noise
            displaces nothing.
        """
        if self.displacement == 0:
            return None
        field: Tensor = self.field(self._within(noise[:, :4], self.field.margin), position)
        return field

    def mode_weights(self, noise: Tensor) -> Tensor | None:
        """Turn noise into the weights of the modes, `[N, modes, h + 10, w + 10]`; None without."""
        if self.modes is None:
            return None
        weights: Tensor = self.modes(self._within(noise[:, 4:], self.modes.margin))
        return weights

    def _within(self, noise: Tensor, margin: int) -> Tensor:
        """Cut noise down to the layout, its position margin, and `margin` around that."""
        spare = self.noise_margin - _NUM_CONVS - margin
        return noise[:, :, spare : noise.shape[2] - spare, spare : noise.shape[3] - spare]

    def forward(self, noise: Tensor, position: Tensor) -> Tensor:
        """Make layouts.

        Args:
            noise: `[N, noise_channels, h + 2 noise_margin, w + 2 noise_margin]`.
            position: `[1 or N, 4 F, h + 10, w + 10]`, see `noise.positional_encoding`.

        Returns:
            `[N, 3, h, w]` in [-1, 1].
        """
        field = self.displace(noise, position)
        return self.layers(self.encode(noise, position, field))  # type: ignore[no-any-return]

    def encode(self, noise: Tensor, position: Tensor, field: Tensor | None) -> Tensor:
        """Make what the convolutions see.

        Args:
            noise: As for `forward`.
            position: As for `forward`.
            field: What `displace` made of both.

        Returns:
            `[N, channels, h + 10, w + 10]`: moved positions and the weights of the modes, or noise
            and positions.
        """
        if field is None:
            return torch.cat([noise, position.expand(noise.shape[0], -1, -1, -1)], dim=1)
        moved = self._move(position, field)
        weights = self.mode_weights(noise)
        return moved if weights is None else torch.cat([moved, weights], dim=1)

    def _move(self, position: Tensor, displacement: Tensor) -> Tensor:
        # sin(f (x + d)) = sin fx cos fd + cos fx sin fd, so positions move without their pixels.
        moved, count = [], len(self.radians_per_px)
        for axis in range(2):
            first = 2 * count * axis
            pairs = position[:, first : first + 2 * count]
            sine, cosine = pairs[:, 0::2], pairs[:, 1::2]
            angle = displacement[:, axis : axis + 1] * self.frequencies
            sin_d, cos_d = torch.sin(angle), torch.cos(angle)
            moved += [sine * cos_d + cosine * sin_d, cosine * cos_d - sine * sin_d]
        return torch.cat(moved, dim=1)
