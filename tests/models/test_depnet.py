from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from support.tolerances import assert_close

from petsgan_sdk.models import DepNet, FreezableInstanceNorm, freeze_statistics
from petsgan_sdk.noise import positional_encoding
from petsgan_sdk.settings.presets import load_preset

SIZE = (12, 17)


def build(preset, *, size=SIZE, width=None):
    """DEPNet of a preset, and its frequencies and extent as `PetsganGenerator` sets them."""
    config = load_preset(preset).depnet
    is_relative = config.positions == "relative"
    unit = math.pi / max(size) if is_relative else 1.0
    frequencies = tuple(unit * f for f in config.frequencies)
    torch.manual_seed(0)
    net = DepNet(
        size,
        width=config.width if width is None else width,
        frequencies=frequencies,
        displacement=config.displacement,
        norm=FreezableInstanceNorm if config.norm else None,
    )
    return net, frequencies, size if is_relative else None


def encode(net, frequencies, extent, height, width):
    encoded = positional_encoding(
        height, width, frequencies=frequencies, extent=extent, margin=net.position_margin
    )
    return torch.from_numpy(encoded)


def make_noise(net, height, width, draw, count=1):
    margin = 2 * net.noise_margin
    shape = (count, net.noise_channels, height + margin, width + margin)
    return torch.randn(shape, generator=draw)


def test_paper_parameters_are_the_sheets():
    # Every convolution has its bias: those in front of a live norm do nothing, but once the norm's
    # statistics are frozen they are the layer's only shift.
    net, _, _ = build("paper")
    assert sum(p.numel() for p in net.parameters()) == 377_731
    convs = [m for m in net.layers if isinstance(m, torch.nn.Conv2d)]
    counts = [sum(p.numel() for p in conv.parameters()) for conv in convs]
    assert counts == [5_248, 73_856, 147_584, 147_584, 3_459]


@pytest.mark.parametrize("preset", ["fast", "paper"])
@pytest.mark.parametrize("size", [(4, 4), (5, 31), (32, 21)])
def test_layouts_of_any_size_and_their_range(preset, size, draw):
    net, frequencies, extent = build(preset, width=8)
    layout = net(make_noise(net, *size, draw, count=2), encode(net, frequencies, extent, *size))
    assert layout.shape == (2, 3, *size)
    assert layout.abs().max() <= 1
    assert (layout[0] != layout[1]).any()


@pytest.mark.parametrize("preset", ["fast", "paper"])
@pytest.mark.parametrize("tile", [(0, 0, 7, 9), (11, 4, 6, 8), (14, 17, 9, 11)])
def test_a_tile_is_the_same_region_of_the_whole(preset, tile, draw):
    net, frequencies, extent = build(preset, width=16)
    height, width = 23, 28
    noise = make_noise(net, height, width, draw)
    position = encode(net, frequencies, extent, height, width)
    for _ in range(2):  # statistics other than the initial mean 0 and variance 1
        net(noise, position)
    freeze_statistics(net)
    whole = net.eval()(noise, position)
    top, left, rows, columns = tile

    def cut(x, margin):
        return x[:, :, top : top + rows + 2 * margin, left : left + columns + 2 * margin]

    part = net(cut(noise, net.noise_margin), cut(position, net.position_margin))
    expected = whole[:, :, top : top + rows, left : left + columns]
    # The same sums; a convolution library may order them by the size of its input.
    assert (part - expected).abs().max() <= 2e-6


def test_a_tile_differs_while_norms_are_live(draw):
    net, frequencies, extent = build("paper", width=16)
    noise, position = make_noise(net, 20, 20, draw), encode(net, frequencies, extent, 20, 20)
    part = net(noise[:, :, 10:], position[:, :, 10:])
    assert (part - net(noise, position)[:, :, 10:]).abs().max() > 1e-3


def test_displaced_positions_are_the_encoding_of_moved_coordinates(draw):
    net, frequencies, _ = build("fast")
    position = encode(net, frequencies, None, *SIZE)
    field = 3 * torch.randn((2, 2, *position.shape[2:]), generator=draw)
    moved = net._move(position, field).numpy()
    margin = net.position_margin
    x = np.arange(-margin, SIZE[1] + margin) + field[:, 0].double().numpy()
    y = np.arange(-margin, SIZE[0] + margin)[:, None] + field[:, 1].double().numpy()
    expected = []
    for axis in (x, y):
        angles = [f * axis for f in net.frequencies.flatten().double().numpy()]
        # All sines, then all cosines: the order is the network's own.
        expected += [np.sin(angle) for angle in angles] + [np.cos(angle) for angle in angles]
    assert_close(moved, np.stack(expected, axis=1), tolerance="float32")


def test_no_displacement_leaves_positions_alone():
    net, frequencies, _ = build("fast")
    position = encode(net, frequencies, None, *SIZE)
    moved = net._move(position, torch.zeros(1, 2, *position.shape[2:]))
    of_axis = position.unflatten(1, (2, -1, 2))
    assert torch.equal(moved, of_axis.transpose(2, 3).flatten(1, 3))


def test_noise_moves_the_layout_of_both_presets(draw):
    for preset in ("fast", "paper"):
        net, frequencies, extent = build(preset)
        noise = make_noise(net, *SIZE, draw).requires_grad_()
        net(noise, encode(net, frequencies, extent, *SIZE)).square().sum().backward()
        assert noise.grad.isfinite().all()
        assert noise.grad.abs().max() > 0
