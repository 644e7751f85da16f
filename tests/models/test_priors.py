from __future__ import annotations

import math

import pytest
import torch
from tiny_training import picture

from petsgan_sdk.errors import ConfigError
from petsgan_sdk.models import DepNet
from petsgan_sdk.models.petsgan import image_tensor
from petsgan_sdk.noise import positional_encoding
from petsgan_sdk.priors import PRIORS, create_prior


@pytest.fixture
def low_res():
    return image_tensor(picture(13, 9))


def test_samples(low_res, draw):
    prior = create_prior("internal", low_res, displacement=0.5, flip=False)
    layouts = prior.sample(5, draw)
    assert layouts.shape == (5, 3, 9, 13)
    assert layouts.abs().max() <= 1
    for i in range(5):
        assert (layouts[i] - low_res[0]).abs().mean() > 0.01
        assert (layouts[i] - layouts[i - 1]).abs().mean() > 0.01
    assert not layouts.requires_grad


def test_the_generator_decides(low_res):
    def sample(seed):
        prior = create_prior("internal", low_res, displacement=0.5, flip=True)
        return prior.sample(6, torch.Generator().manual_seed(seed))

    torch.manual_seed(1)
    first = sample(3)
    torch.manual_seed(2)
    assert torch.equal(first, sample(3))
    assert not torch.equal(first, sample(4))


def test_strength_is_how_far_things_move(low_res):
    def change(strength):
        prior = create_prior("internal", low_res, displacement=strength, flip=False)
        layouts = prior.sample(20, torch.Generator().manual_seed(0))
        return (layouts - low_res).abs().mean().item()

    assert change(1e-4) < 1e-3 < change(0.1) < change(0.5) < change(2)


def test_displaced_by_nothing_is_the_photo(low_res):
    prior = create_prior("internal", low_res, displacement=0.5, flip=False)
    layouts = prior.displaced(torch.zeros(2, 2, 9, 13))
    torch.testing.assert_close(layouts, low_res.expand(2, -1, -1, -1), atol=1e-5, rtol=0)


def test_displaced_by_whole_pixels_is_a_shift(low_res):
    prior = create_prior("internal", low_res, displacement=0.5, flip=False)
    field = torch.zeros(1, 2, 9, 13)
    field[:, 0], field[:, 1] = 2, -1  # x then y: pixel (y, x) shows (y - 1, x + 2)
    layouts = prior.displaced(field)
    expected = low_res[:, :, :8, 2:]
    torch.testing.assert_close(layouts[:, :, 1:, :11], expected, atol=1e-5, rtol=0)
    # Beyond the border the photo is mirrored.
    mirrored = low_res[:, :, :8, [12, 11]]
    torch.testing.assert_close(layouts[:, :, 1:, 11:], mirrored, atol=1e-5, rtol=0)


def test_depnets_noise_has_a_target(low_res, draw):
    # What `sample` draws is `displaced` of the field that DEPNet makes of the same noise.
    prior = create_prior("internal", low_res, displacement=0.7, flip=False)
    frequencies = (math.pi / 13, 1.0)
    net = DepNet((9, 13), width=4, frequencies=frequencies, displacement=0.7, norm=False)
    margin = 2 * net.field.margin
    noise = torch.randn((3, 4, 9 + margin, 13 + margin), generator=draw)
    position = positional_encoding(9, 13, frequencies=frequencies)
    field = net.field(noise, torch.from_numpy(position))
    again = torch.Generator().manual_seed(7)
    assert torch.equal(prior.displaced(field), prior.sample(3, again))


def test_flipping_has_no_target_and_mirrors_about_half(low_res):
    still = create_prior("internal", low_res, displacement=1e-6, flip=True)
    assert still.displaced(torch.zeros(1, 2, 9, 13)) is None
    layouts = still.sample(100, torch.Generator().manual_seed(0))
    mirrored = (layouts - low_res.flip(3)).abs().mean((1, 2, 3)) < 1e-3
    plain = (layouts - low_res).abs().mean((1, 2, 3)) < 1e-3
    assert (mirrored ^ plain).all()
    assert 30 <= int(mirrored.sum()) <= 70


def test_unknown_prior(low_res):
    with pytest.raises(ConfigError, match="must be one of internal, got 'biggan'"):
        create_prior("biggan", low_res, displacement=0.5, flip=False)
    assert sorted(PRIORS) == ["internal"]
