from __future__ import annotations

import math

import pytest
import torch

from petsgan_sdk.models.displacement import DisplacementField
from petsgan_sdk.noise import positional_encoding


def make(size, *, strength=0.5, turns=1.0):
    frequency = turns * math.pi / max(size)
    return DisplacementField(size, strength=strength, frequency=frequency), (frequency, 3.0)


def draw_field(size, draw, *, count=1, grid=None, margin=0):
    field, frequencies = make(size)
    height, width = grid or size
    position = torch.from_numpy(
        positional_encoding(height, width, frequencies=frequencies, extent=size, margin=margin)
    )
    around = 2 * (field.margin + margin)
    noise = torch.randn((count, 4, height + around, width + around), generator=draw)
    return field(noise, position)


def fade(size, *, turns=1.0):
    """The documented formula, at pixel centres: `[1, 2, h, w]`, x then y."""
    planes = []
    for axis in (1, 0):
        end = turns * math.pi / max(size) * size[axis] / 2
        at = torch.arange(size[axis], dtype=torch.float64) + 0.5
        bump = torch.cos(2 * end * at / size[axis] - end) - math.cos(end)
        line = bump / (1 - math.cos(end))
        planes.append((line.view(1, -1) if axis == 1 else line.view(-1, 1)).expand(size))
    return torch.stack(planes)[None]


@pytest.mark.parametrize("size", [(24, 40), (32, 32), (31, 8)])
def test_deviation_fades_as_documented(size, draw):
    field = draw_field(size, draw, count=400)
    assert field.shape == (400, 2, *size)
    # Blurred by kernels of unit energy: variances 1 and 0.7^2 of two independent octaves.
    expected = 0.5 * 0.12 * min(size) * math.hypot(1, 0.7) * fade(size)
    deviation = field.double().square().mean(0, keepdim=True).sqrt()
    assert ((deviation - expected).abs() <= 0.15 * expected.amax()).all()
    assert abs(field.mean().item()) < 0.1 * expected.amax().item()


@pytest.mark.parametrize("turns", [1.0, 0.25])
def test_strength_is_whole_at_the_centre_and_nothing_at_the_border(turns):
    size = (20, 30)
    field, frequencies = make(size, turns=turns)
    position = positional_encoding(*size, frequencies=frequencies)
    strength = field._fade(torch.from_numpy(position))
    torch.testing.assert_close(strength.double(), fade(size, turns=turns), atol=1e-5, rtol=0)
    assert strength.max().item() == pytest.approx(1, abs=0.01)
    # Half a pixel from a border the parabola has risen to 1 - (1 - 1 / L)^2, about 2 / L.
    for border, side in ((strength[:, 0, :, 0], 30), (strength[:, 1, -1], 20)):
        assert border.max().item() < 2.5 / side


def test_nothing_moves_beyond_the_border(draw):
    field = draw_field((12, 17), draw, margin=5)
    assert field.shape == (1, 2, 22, 27)
    assert not field[:, 0, :, :5].any()
    assert not field[:, 0, :, -5:].any()
    assert not field[:, 1, :5].any()
    assert not field[:, 1, -5:].any()
    assert field[:, 0, :5].any()  # along a border things may move


def test_fade_follows_the_canvas(draw):
    field = draw_field((12, 17), draw, count=50, grid=(24, 51))
    deviation = field.square().mean(0).sqrt()
    assert deviation[0, :, 25].mean() > 8 * deviation[0, :, 0].mean()
    assert deviation[1, 12].mean() > 6 * deviation[1, 0].mean()


@pytest.mark.parametrize("size", [(4, 4), (9, 32)])
def test_blur_kernels_have_unit_energy_and_odd_length(size):
    field, _ = make(size)
    for kernel in (field.fine_blur, field.coarse_blur):
        assert kernel.numel() % 2 == 1
        assert kernel.square().sum().item() == pytest.approx(1, abs=1e-6)
        assert torch.equal(kernel, kernel.flip(0))
    assert field.coarse_blur.numel() >= field.fine_blur.numel()
