from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from petsgan_sdk.models import MendingNet, RestorationNet, freeze_statistics


def test_paper_parameters_are_the_sheets_without_cancelled_biases():
    net = RestorationNet(width=64, num_stages=3)
    # One bias for each channel in front of a norm: the head's 64, and 64 + 64 + 256 in 3 stages.
    cancelled = 64 + 3 * (64 + 64 + 256)
    assert sum(p.numel() for p in net.parameters()) == 2_000_227 - cancelled


@pytest.mark.parametrize("size", [(3, 3), (4, 9), (5, 8)])
@pytest.mark.parametrize("num_stages", [1, 3])
def test_restoration_sizes_and_range(size, num_stages, draw):
    net = RestorationNet(width=4, num_stages=num_stages)
    image = net(torch.randn((2, 3, *size), generator=draw))
    assert image.shape == (2, 3, size[0] << num_stages, size[1] << num_stages)
    assert image.abs().max() <= 1


def test_restoration_of_a_constant_is_constant_once_frozen():
    # Zero padding anywhere would show as a frame.
    net = RestorationNet(width=4, num_stages=3)
    freeze_statistics(net)
    image = net(torch.full((1, 3, 8, 9), 0.4)).detach()
    flat = image.unflatten(2, (8, 8)).unflatten(4, (9, 8))[:, :, 4, :, 4]
    # Equal up to the sub-pixel phase within a pixel of the code, which pixel shuffle leaves.
    tiled = flat[:, :, None, :, None, :].expand(-1, -1, 8, -1, 9, -1).reshape(image.shape)
    inner = (slice(None), slice(None), slice(24, 40), slice(24, 48))
    torch.testing.assert_close(image[inner], tiled[inner], atol=1e-5, rtol=0)


@pytest.mark.parametrize("factor", [2, 4, 8, 16])
@pytest.mark.parametrize("size", [(4, 4), (5, 7)])
def test_mending_sizes(factor, size, draw):
    net = MendingNet(width=4, num_blocks=1, factor=factor)
    code = torch.randn((2, 3, *size), generator=draw)
    texture = torch.randn((2, 3, factor * size[0], factor * size[1]), generator=draw)
    assert net(code, texture).shape == texture.shape


def test_mending_starts_near_its_texture(draw):
    net = MendingNet(width=64, num_blocks=2, factor=8)
    texture = torch.rand((1, 3, 64, 64), generator=draw) * 2 - 1
    image = net(functional.avg_pool2d(texture, 8), texture)
    assert (image - texture).abs().mean() < 0.05


def test_mending_without_residual_is_the_texture(draw):
    net = MendingNet(width=4, num_blocks=0, factor=8)
    torch.nn.init.zeros_(net.residual.weight)
    texture = torch.rand((1, 3, 32, 40), generator=draw)
    assert torch.equal(net(functional.avg_pool2d(texture, 8), texture), texture)


def test_mending_adds_a_constant_residual_up_to_the_border():
    net = MendingNet(width=4, num_blocks=1, factor=8)
    torch.nn.init.zeros_(net.residual.weight)
    torch.nn.init.constant_(net.residual.bias, 0.25)
    texture = torch.zeros(1, 3, 32, 32)
    torch.testing.assert_close(net(torch.zeros(1, 3, 4, 4), texture), texture + 0.25)


def test_mending_follows_a_tile_away_from_its_border(draw):
    net = MendingNet(width=8, num_blocks=2, factor=8).eval()
    code = torch.randn((1, 3, 16, 16), generator=draw)
    texture = torch.randn((1, 3, 128, 128), generator=draw)
    whole = net(code, texture)
    part = net(code[:, :, :12], texture[:, :, :96])
    torch.testing.assert_close(part[:, :, :48], whole[:, :, :48], atol=1e-5, rtol=0)
