from __future__ import annotations

import math
from functools import partialmethod

import pytest
import torch
from support.pictures import picture

from petsgan_sdk.errors import ConfigError
from petsgan_sdk.models import DepNet
from petsgan_sdk.models.arrays import image_tensor
from petsgan_sdk.noise import positional_encoding
from petsgan_sdk.priors import PRIORS, PriorInput, create_prior, parse_priors
from petsgan_sdk.priors.mixture import MixedPrior
from petsgan_sdk.settings import PriorSettings


@pytest.fixture
def low_res():
    return image_tensor(picture(13, 9))


def create(text, low_res, *, displacement=0.5, flip=False):
    config = PriorSettings(displacement=displacement, flip=flip)
    return create_prior(parse_priors(text), PriorInput(low_res, low_res, config))


def test_samples(low_res, draw):
    prior = create("internal", low_res, displacement=0.5, flip=False)
    layouts = prior.sample(5, draw)
    assert layouts.shape == (5, 3, 9, 13)
    assert layouts.abs().max() <= 1
    for i in range(5):
        assert (layouts[i] - low_res[0]).abs().mean() > 0.01
        assert (layouts[i] - layouts[i - 1]).abs().mean() > 0.01
    assert not layouts.requires_grad


def test_the_generator_decides(low_res):
    def sample(seed):
        prior = create("internal", low_res, displacement=0.5, flip=True)
        return prior.sample(6, torch.Generator().manual_seed(seed))

    torch.manual_seed(1)
    first = sample(3)
    torch.manual_seed(2)
    assert torch.equal(first, sample(3))
    assert not torch.equal(first, sample(4))


def test_strength_is_how_far_things_move(low_res):
    def change(strength):
        prior = create("internal", low_res, displacement=strength, flip=False)
        layouts = prior.sample(20, torch.Generator().manual_seed(0))
        return (layouts - low_res).abs().mean().item()

    assert change(1e-4) < 1e-3 < change(0.1) < change(0.5) < change(2)


def test_displaced_by_nothing_is_the_photo(low_res):
    prior = create("internal", low_res, displacement=0.5, flip=False)
    layouts = prior.displaced(torch.zeros(2, 2, 9, 13))
    torch.testing.assert_close(layouts, low_res.expand(2, -1, -1, -1), atol=1e-5, rtol=0)


def test_displaced_by_whole_pixels_is_a_shift(low_res):
    prior = create("internal", low_res, displacement=0.5, flip=False)
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
    prior = create("internal", low_res, displacement=0.7, flip=False)
    frequencies = (math.pi / 13, 1.0)
    net = DepNet((9, 13), width=4, frequencies=frequencies, displacement=0.7, norm=None)
    margin = 2 * net.field.margin
    noise = torch.randn((3, 4, 9 + margin, 13 + margin), generator=draw)
    position = positional_encoding(9, 13, frequencies=frequencies)
    field = net.field(noise, torch.from_numpy(position))
    again = torch.Generator().manual_seed(7)
    assert torch.equal(prior.displaced(field), prior.sample(3, again))


def test_flipping_has_no_target_and_mirrors_about_half(low_res):
    still = create("internal", low_res, displacement=1e-6, flip=True)
    assert still.displaced(torch.zeros(1, 2, 9, 13)) is None
    layouts = still.sample(100, torch.Generator().manual_seed(0))
    mirrored = (layouts - low_res.flip(3)).abs().mean((1, 2, 3)) < 1e-3
    plain = (layouts - low_res).abs().mean((1, 2, 3)) < 1e-3
    assert (mirrored ^ plain).all()
    assert 30 <= int(mirrored.sum()) <= 70


@pytest.mark.parametrize("text", ["bigan", "", "internal+nothing", "folders:x"])
def test_unknown_priors(text):
    with pytest.raises(ConfigError, match=r"must be one of .*folder, internal, synthesis, got "):
        parse_priors(text)
    assert {"folder", "internal"} <= set(PRIORS)


def test_modes_of_the_photo(low_res):
    assert torch.equal(create("internal", low_res).modes(2), low_res.expand(2, -1, -1, -1))
    modes = create("internal", low_res, flip=True).modes(3)
    assert torch.equal(modes, torch.cat([low_res, low_res.flip(3), low_res]))


def test_a_near_name_is_offered():
    with pytest.raises(ConfigError, match="did you mean 'internal'"):
        parse_priors("intern")


def test_arguments_stand_behind_the_first_colon():
    choice = parse_priors(["internal", "folder:C:\\a+b"])
    assert (choice.names, choice.arguments) == (("internal", "folder"), (None, "C:\\a+b"))
    assert choice.name == "internal+folder"
    assert parse_priors(choice.name).names == choice.names


def test_internal_takes_no_argument(low_res):
    with pytest.raises(ConfigError, match="internal must have no argument, got ''"):
        create("internal:", low_res)


def test_making_a_prior_leaves_the_global_generator(low_res):
    torch.manual_seed(3)
    before = torch.get_rng_state()
    create("internal", low_res)
    assert torch.equal(torch.get_rng_state(), before)


def test_mixtures_draw_from_every_part(low_res):
    mixed = create(["internal", "internal"], low_res, displacement=1e-6)
    assert mixed.record["name"] == "internal+internal"
    assert mixed.displaced(torch.zeros(1, 2, 9, 13)) is None

    class Constant:
        def __init__(self, value):
            self.value, self.record = value, {"name": "constant", "digest": str(value)}

        def sample(self, count, generator):
            if generator is not None:
                torch.rand(3, generator=generator)
            return torch.full((count, 3, 2, 2), self.value)

        modes = partialmethod(sample, generator=None)

    mixed = MixedPrior([Constant(0.25), Constant(-0.5), Constant(1.0)])
    values = mixed.sample(300, torch.Generator().manual_seed(0))[:, 0, 0, 0]
    assert [80 <= int((values == v).sum()) <= 120 for v in (0.25, -0.5, 1.0)] == [True] * 3
    again = mixed.sample(300, torch.Generator().manual_seed(0))[:, 0, 0, 0]
    assert torch.equal(values, again)
    modes = mixed.modes(7)[:, 0, 0, 0].tolist()
    assert modes == [0.25] * 3 + [-0.5] * 2 + [1.0] * 2
    assert len(mixed.modes(2)) == 2
    other = MixedPrior([Constant(0.25), Constant(-0.5)])
    assert mixed.record["digest"] != other.record["digest"]
