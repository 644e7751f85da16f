from __future__ import annotations

import pytest
import torch
from torch import nn

from petsgan_sdk.models import FreezableInstanceNorm, freeze_statistics
from petsgan_sdk.models.arrays import load_state, named_arrays
from petsgan_sdk.models.deploy import deployed
from petsgan_sdk.models.norm import FreezableBatchNorm


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
    assert torch.equal(norm.running_var, torch.ones(2))
    norm.train()(x)
    torch.testing.assert_close(norm.running_mean, x.mean((0, 2, 3)))
    variance = x.var((2, 3), correction=0).mean(0)
    torch.testing.assert_close(norm.running_var, variance)
    norm(x + 2)
    # Corrected moments of two batches: 0.25 / (1 - 0.75^2) for the newer one.
    torch.testing.assert_close(norm.running_mean, x.mean((0, 2, 3)) + 2 * 4 / 7)


@pytest.mark.parametrize("kind", [FreezableInstanceNorm, FreezableBatchNorm])
@pytest.mark.parametrize("steps", [1, 7, 160])
def test_frozen_after_few_batches_has_deviation_1(kind, steps, draw):
    norm = kind(3)
    x = 0.05 * torch.randn((2, 3, 16, 16), generator=draw) + 3
    for _ in range(steps):
        norm(x)
    freeze_statistics(norm)
    out = norm(x)
    torch.testing.assert_close(out.std((0, 2, 3)), torch.ones(3), atol=0.02, rtol=0)
    torch.testing.assert_close(out.mean((0, 2, 3)), torch.zeros(3), atol=0.02, rtol=0)
    network = nn.Sequential(nn.Conv2d(3, 3, 1), norm)
    torch.testing.assert_close(deployed(network)(x), network(x), atol=1e-3, rtol=0)


@pytest.mark.parametrize("kind", [FreezableInstanceNorm, FreezableBatchNorm])
def test_the_newest_batch_has_its_momentum_in_the_long_run(kind, draw):
    norm = kind(1, momentum=0.1)
    x = torch.randn((1, 1, 8, 8), generator=draw)
    x -= x.mean()
    for _ in range(200):
        norm(x)
    norm(x + 10)
    torch.testing.assert_close(norm.running_mean, torch.tensor([1.0]), atol=1e-4, rtol=0)


@pytest.mark.parametrize("kind", [FreezableInstanceNorm, FreezableBatchNorm])
def test_state_of_before_goes_on_as_if_after_many_batches(kind, draw):
    norm, x = kind(2), torch.randn((1, 2, 8, 8), generator=draw) + 1
    norm(x)
    arrays = {k: a for k, a in named_arrays(norm, "net").items() if not k.endswith("followed")}
    other = kind(2)
    load_state(other, arrays, "net")
    assert torch.equal(other.running_mean, norm.running_mean)
    other(x + 1)
    expected = norm.running_mean + 0.02
    torch.testing.assert_close(other.running_mean, expected, atol=1e-5, rtol=0)


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


@pytest.mark.parametrize("kind", [FreezableInstanceNorm, FreezableBatchNorm])
def test_a_flat_channel_is_not_enlarged(kind, draw):
    norm = kind(2)
    x = torch.stack([torch.full((8, 8), 0.7), torch.randn((8, 8), generator=draw)])[None]
    for _ in range(3):
        norm(x)
    conv = nn.Conv2d(2, 2, 1)
    with torch.no_grad():
        conv.weight.copy_(torch.eye(2).view(2, 2, 1, 1))
    gain = deployed(nn.Sequential(conv, norm))[0].weight[:, :, 0, 0].diag()
    torch.testing.assert_close(gain[0], torch.tensor(1.0), atol=1e-4, rtol=0)
    freeze_statistics(norm)
    rounded = x.clone()
    rounded[:, 0, 3, 3] += 1e-4
    apart = norm(rounded) - norm(x)
    torch.testing.assert_close(apart[0, 0, 3, 3], torch.tensor(1e-4), atol=1e-6, rtol=0)
    torch.testing.assert_close(norm(x)[0, 1].std(), torch.tensor(1.0), atol=0.02, rtol=0)


def test_state_travels_by_state_dict():
    norm, other = FreezableInstanceNorm(1), FreezableInstanceNorm(1)
    freeze_statistics(norm)
    other.load_state_dict(norm.state_dict())
    assert bool(other.frozen)
