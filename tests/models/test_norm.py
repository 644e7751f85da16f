from __future__ import annotations

import pytest
import torch
from torch import nn

from petsgan_sdk.models import FreezableInstanceNorm, freeze_statistics


def test_live_is_instance_norm_of_each_image(draw):
    norm = FreezableInstanceNorm(3)
    x = 4 * torch.randn((2, 3, 5, 7), generator=draw) + 1
    expected = (x - x.mean((2, 3), keepdim=True)) / (
        x.var((2, 3), keepdim=True, correction=0) + 1e-5
    ).sqrt()
    torch.testing.assert_close(norm(x), expected)


def test_running_averages_follow_in_training_only(draw):
    norm = FreezableInstanceNorm(2, momentum=0.25)
    x = torch.randn((3, 2, 4, 4), generator=draw)
    norm.eval()(x)
    assert torch.equal(norm.running_mean, torch.zeros(2))
    norm.train()(x)
    torch.testing.assert_close(norm.running_mean, 0.25 * x.mean((0, 2, 3)))
    variance = x.var((2, 3), correction=0).mean(0)
    torch.testing.assert_close(norm.running_var, 0.75 + 0.25 * variance)


def test_frozen_is_a_fixed_scale_and_shift(draw):
    norm = FreezableInstanceNorm(2)
    norm.running_mean.copy_(torch.tensor([1.0, -2.0]))
    norm.running_var.copy_(torch.tensor([4.0, 0.25]))
    freeze_statistics(nn.Sequential(norm))
    x = torch.randn((1, 2, 6, 6), generator=draw)
    scale, shift = torch.tensor([0.5, 2.0]), torch.tensor([-0.5, 4.0])
    expected = x * scale.view(1, 2, 1, 1) + shift.view(1, 2, 1, 1)
    torch.testing.assert_close(norm(x), expected, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(norm(x)[:, :, 2:4, 3:], norm(x[:, :, 2:4, 3:]))
    assert torch.equal(norm.running_mean, torch.tensor([1.0, -2.0])), "training mode left it alone"


def test_one_pixel_live_and_frozen():
    norm = FreezableInstanceNorm(1)
    with pytest.raises(ValueError, match="spatial element"):
        norm(torch.ones(1, 1, 1, 1))
    freeze_statistics(norm)
    assert norm(torch.ones(1, 1, 1, 1)).shape == (1, 1, 1, 1)


def test_frozen_passes_gradients(draw):
    norm = FreezableInstanceNorm(2)
    freeze_statistics(norm)
    x = torch.randn((1, 2, 3, 3), generator=draw, requires_grad=True)
    norm(x).sum().backward()
    torch.testing.assert_close(x.grad, torch.full_like(x, (1 + 1e-5) ** -0.5))


def test_state_travels_by_state_dict():
    norm, other = FreezableInstanceNorm(1), FreezableInstanceNorm(1)
    freeze_statistics(norm)
    other.load_state_dict(norm.state_dict())
    assert bool(other.frozen)
