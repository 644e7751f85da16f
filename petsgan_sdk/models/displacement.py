"""Displacement field: noise to a smooth movement of the layout."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["DisplacementField"]

_FINE_SIGMA, _COARSE_SIGMA = 1 / 4, 1 / 2
"""Widths of the two octaves, in shorter sides of the training layout. Narrower ones stretch more
for the same movement, and what is stretched beyond the size of a patch is drawn twice."""
_COARSE_GAIN = 0.7
_UNIT = 0.12
"""A strength of 1 has this standard deviation per octave, in shorter sides."""


class DisplacementField(nn.Module):
    """Two octaves of smoothed noise that fade out towards the border of the photo.

    The part of a displacement that crosses a border is pinned to 0 there. What is in the photo then
    stays in the layout, moved, and nothing from beyond its border, which a layout would have to
    invent, enters.

    Along an axis of L pixels the strength is that of a cosine around the centre, shifted down to 0
    at both ends: (cos(f (x - L / 2)) - cos(f L / 2)) / (1 - cos(f L / 2)), at pixel centres x + 0.5
    and never below 0. It is a linear map of the sine and cosine of f x, so that it needs no input
    but the positional encoding, and follows it to canvases of any size.

    Args:
        size: `(h, w)` of the training layout in pixels.
        strength: 0 to 2; 1 folds objects.
        frequency: f, the first of the positional encoding, in radians per pixel; f times the longer
            side is at most pi.
    """

    fine_blur: Tensor
    coarse_blur: Tensor
    sine_gain: Tensor
    cosine_gain: Tensor
    offset: Tensor

    def __init__(self, size: tuple[int, int], *, strength: float, frequency: float) -> None:
        """Make the kernels."""
        super().__init__()
        short_side = min(size)
        self.register_buffer("fine_blur", _gaussian(_FINE_SIGMA * short_side))
        self.register_buffer("coarse_blur", _gaussian(_COARSE_SIGMA * short_side))
        self.margin = self.coarse_blur.numel() // 2
        self.strength_px = strength * _UNIT * short_side
        ends = [frequency * side / 2 for side in reversed(size)]  # x, then y
        peaks = [1 - math.cos(end) for end in ends]
        shifts = [frequency / 2 - end for end in ends]
        gains = {
            "sine_gain": [-math.sin(s) / p for s, p in zip(shifts, peaks, strict=True)],
            "cosine_gain": [math.cos(s) / p for s, p in zip(shifts, peaks, strict=True)],
            "offset": [-math.cos(end) / p for end, p in zip(ends, peaks, strict=True)],
        }
        for name, values in gains.items():
            self.register_buffer(name, torch.tensor(values).view(1, 2, 1, 1))

    def forward(self, noise: Tensor, position: Tensor) -> Tensor:
        """Turn noise into displacements.

        Args:
            noise: `[N, 4, h + 2 margin, w + 2 margin]`, standard normal.
            position: `[1 or N, 4 F, h, w]`, see `noise.positional_encoding`.

        Returns:
            `[N, 2, h, w]`, x then y, in pixels of the training layout.
        """
        extra = (self.coarse_blur.numel() - self.fine_blur.numel()) // 2
        fine = noise[:, :2, extra : noise.shape[2] - extra, extra : noise.shape[3] - extra]
        field = _blur(fine, self.fine_blur)
        field = field + _COARSE_GAIN * _blur(noise[:, 2:4], self.coarse_blur)
        return self.strength_px * self._fade(position) * field

    def _fade(self, position: Tensor) -> Tensor:
        per_axis = position.shape[1] // 2
        sine, cosine = position[:, 0::per_axis], position[:, 1::per_axis]
        return torch.relu(sine * self.sine_gain + cosine * self.cosine_gain + self.offset)


def _gaussian(sigma: float) -> Tensor:
    """Return a 1-D kernel of unit energy, so that blurred white noise keeps unit variance."""
    radius = max(1, math.floor(2.5 * sigma + 0.5))
    kernel = torch.exp(-(torch.arange(-radius, radius + 1).double() ** 2) / (2 * sigma**2))
    return (kernel / kernel.square().sum().sqrt()).float()


def _blur(x: Tensor, kernel: Tensor) -> Tensor:
    """Blur `[N, 2, H, W]` separably, without padding."""
    row = kernel.view(1, 1, 1, -1).expand(x.shape[1], 1, 1, kernel.numel())
    column = kernel.view(1, 1, -1, 1).expand(x.shape[1], 1, kernel.numel(), 1)
    return functional.conv2d(functional.conv2d(x, row, groups=2), column, groups=2)
