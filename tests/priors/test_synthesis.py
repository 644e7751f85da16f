from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
from PIL import Image
from support.pictures import picture

from petsgan_sdk.errors import ConfigError, InputError
from petsgan_sdk.models.arrays import image_tensor
from petsgan_sdk.priors import PriorInput, create_prior, parse_priors
from petsgan_sdk.priors.folder import fit_layout
from petsgan_sdk.runtime import load
from petsgan_sdk.settings import PriorSettings
from petsgan_sdk.training import train

WIDTH, HEIGHT = 6, 4
COUNT = 128


def create(text="synthesis", photo=None, *, seed=3, flip=False, notes=None):
    photo = picture(8 * WIDTH, 8 * HEIGHT) if photo is None else photo
    notes = [] if notes is None else notes
    given = PriorInput(
        image_tensor(photo),
        torch.zeros(1, 3, HEIGHT, WIDTH),
        PriorSettings(displacement=0.5, flip=flip),
        seed=seed,
        note=notes.append,
    )
    return create_prior(parse_priors(text), given)


@cache
def plain():
    return create()


def as_u8(layouts):
    return ((layouts + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()


def test_layouts_are_the_images_of_instant_of_the_same_seed(tmp_path):
    photo = picture(8 * WIDTH, 8 * HEIGHT)
    Image.fromarray(photo).save(tmp_path / "photo.png")
    train(tmp_path / "photo.png", tmp_path / "m.petsgan", model="instant")
    images = load(tmp_path / "m.petsgan", provider="cpu").sample(COUNT, seed=3)
    notes = []
    layouts = as_u8(create(photo=photo, notes=notes).modes(COUNT))
    np.testing.assert_array_equal(layouts, [fit_layout(im, (WIDTH, HEIGHT)) for im in images])
    assert len(np.unique(layouts, axis=0)) > 10  # so small a photo has few coarse places
    assert notes == ["prior synthesis: 128 layouts of the photo's places"]


def test_photo_and_seed_decide():
    first = plain().record
    assert (first["name"], first["layouts"], first["variation"]) == ("synthesis", COUNT, 1.0)
    assert create().record == first
    other = create(photo=picture(8 * WIDTH, 8 * HEIGHT, seed=1)).record
    assert len({record["digest"] for record in (first, create(seed=4).record, other)}) == 3


def test_threads_do_not_matter():
    threads = torch.get_num_threads()
    first = plain().record
    try:
        torch.set_num_threads(3 if threads == 1 else 1)
        assert create().record == first
    finally:
        torch.set_num_threads(threads)


def test_flips_as_the_settings_say():
    modes, mirrored = plain().modes(4), create(flip=True).modes(4)
    assert torch.equal(mirrored[::2], modes[::2])
    assert torch.equal(mirrored[1::2], modes[1::2].flip(3))


def test_a_mixture():
    mixed = create(["internal", "synthesis"])
    assert mixed.record["name"] == "internal+synthesis"
    assert torch.equal(mixed.modes(6)[3:], plain().modes(3))


@pytest.mark.parametrize("text", ["synthesis:", "synthesis:0.5"])
def test_no_argument_is_taken(text):
    with pytest.raises(ConfigError, match="synthesis must have no argument, got '"):
        create(text)


def test_the_smallest_photo_and_a_smaller_one():
    assert create(photo=picture(16, 16)).modes(2).shape == (2, 3, HEIGHT, WIDTH)
    with pytest.raises(InputError, match=r"sides from 16 px to be synthesised from, got 16x15"):
        create(photo=picture(16, 15))
