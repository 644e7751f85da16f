from __future__ import annotations

import pytest
import torch

from petsgan_sdk.models import DepNet
from petsgan_sdk.models.modes import ModeField
from petsgan_sdk.noise import positional_encoding

SIZE = (9, 13)


def noise_for(field, draw, count=1, size=SIZE):
    margin = 2 * field.margin
    shape = (count, field.noise_channels, size[0] + margin, size[1] + margin)
    return torch.randn(shape, generator=draw)


@pytest.mark.parametrize("count", [1, 2, 30, 256])
def test_weights_are_distributions(count, draw):
    field = ModeField(SIZE, count=count)
    weights = field(noise_for(field, draw))
    assert weights.shape == (1, count, *SIZE)
    assert weights.min() >= 0
    torch.testing.assert_close(weights.sum(1), torch.ones(1, *SIZE))


def test_one_mode_has_nearly_all_of_a_layout_and_every_mode_its_turn(draw):
    field = ModeField(SIZE, count=8)
    weights = torch.cat([field(noise_for(field, draw, 50)) for _ in range(10)])
    assert weights.amax(1).mean() > 0.9
    shares = weights.mean((0, 2, 3))
    assert shares.min() > 0.03
    middle = weights[:, :, 4, 6].argmax(1)
    agree = (weights.argmax(1) == middle[:, None, None]).float().mean()
    assert agree > 0.8


def test_any_seed_has_the_same_modes():
    torch.manual_seed(1)
    first = ModeField(SIZE, count=5)
    torch.manual_seed(2)
    again = ModeField(SIZE, count=9)
    assert torch.equal(first.directions, again.directions[:5])
    assert torch.equal(first.blur, again.blur)


def depnet(modes, size=SIZE):
    torch.manual_seed(0)
    frequencies = (0.2, 0.4)
    return DepNet(
        size, width=6, frequencies=frequencies, displacement=0.5, norm=None, modes=modes
    ).eval()


def noise_of(net, draw, size=SIZE, count=1):
    margin = 2 * net.noise_margin
    shape = (count, net.noise_channels, size[0] + margin, size[1] + margin)
    return torch.randn(shape, generator=draw)


def position_of(net, size=SIZE):
    encoded = positional_encoding(*size, frequencies=(0.2, 0.4), margin=net.position_margin)
    return torch.from_numpy(encoded)


def test_without_modes_nothing_is_chosen(draw):
    net = depnet(0)
    assert net.noise_channels == 4
    assert net.mode_weights(noise_of(net, draw)) is None
    assert not any(name.startswith("modes") for name in net.state_dict())


def test_modes_decide_the_layout_and_displacement_does_not_see_them(draw):
    net = depnet(3)
    noise = noise_of(net, draw, count=2)
    noise[1, :4] = noise[0, :4]
    field = net.displace(noise, position_of(net))
    assert field.shape == (2, 2, SIZE[0] + 10, SIZE[1] + 10)
    assert torch.equal(field[0], field[1])
    weights = net.mode_weights(noise)
    assert weights.shape == (2, 3, SIZE[0] + 10, SIZE[1] + 10)
    layouts = net(noise, position_of(net))
    assert layouts.shape == (2, 3, *SIZE)
    assert (layouts[0] - layouts[1]).abs().max() > 0


@torch.no_grad()
def test_a_tile_has_the_modes_of_the_whole(draw):
    net = depnet(4)
    size = (20, 26)
    noise, position = noise_of(net, draw, size), position_of(net, size)
    whole = net(noise, position)
    top, left, (height, width) = 6, 9, SIZE
    margin, inner = 2 * net.noise_margin, 2 * net.position_margin
    tile = net(
        noise[:, :, top : top + height + margin, left : left + width + margin],
        position[:, :, top : top + height + inner, left : left + width + inner],
    )
    expected = whole[:, :, top : top + height, left : left + width]
    torch.testing.assert_close(tile, expected, atol=1e-5, rtol=0)
