from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_biggan import CLASSES, tiny_pair, write_tiny
from tiny_training import picture

from petsgan_sdk.errors import InputError
from petsgan_sdk.models.arrays import image_tensor
from petsgan_sdk.priors import PriorInput, biggan, create_prior, parse_priors
from petsgan_sdk.priors.biggan import create_biggan
from petsgan_sdk.priors.biggan_weights import VARIABLE
from petsgan_sdk.priors.inversion import InversionSettings, Stage
from petsgan_sdk.settings import PriorSettings

WIDTH, HEIGHT, FACTOR = 80, 48, 8
QUICK = InversionSettings(
    candidates=2,
    stages=(Stage(1, 0.1, 1e-4, share=0.5), Stage(1, 0.1, 1e-3)),
    jitter_levels=(0.1, 0.5),
    jitter_per_level=2,
)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("PETSGAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv(VARIABLE, raising=False)
    return tmp_path / "cache" / "layouts"


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return str(write_tiny(tmp_path_factory.mktemp("weights")))


def given(rgb=None, *, notes=None, flip=False, seed=0):
    image = image_tensor(picture(WIDTH, HEIGHT) if rgb is None else rgb)
    low_res = torch.nn.functional.avg_pool2d(image, FACTOR)
    notes = [] if notes is None else notes
    config = PriorSettings(displacement=0.5, flip=flip)
    return PriorInput(image, low_res, config, seed=seed, note=notes.append)


def draw(prior, count=60):
    return prior.sample(count, torch.Generator().manual_seed(0))


def test_layouts_have_the_photos_aspect_and_vary(weights):
    prior = create_biggan(given(), weights, settings=QUICK)
    layouts = draw(prior)
    assert layouts.shape == (60, 3, HEIGHT // FACTOR, WIDTH // FACTOR)
    assert layouts.abs().max() <= 1
    assert len({layout.numpy().tobytes() for layout in layouts}) == 4
    assert prior.displaced(torch.zeros(1, 2, 6, 10)) is None


def test_what_a_checkpoint_keeps(weights):
    record = create_biggan(given(), weights, settings=QUICK).record
    assert record["name"] == "biggan"
    assert record["layouts"] == 4
    assert len(record["digest"]) == len(record["weights"]) == 64
    assert record["size_px"] == 128
    assert 0 <= record["class"] < CLASSES
    assert 0 < record["psnr_db"] < 60


def test_the_whole_photo_is_the_target(weights, monkeypatch):
    # Red at the left end, blue at the right, which a centre crop of 80x48 would lose.
    rgb = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    rgb[:, :8], rgb[:, -8:] = (255, 0, 0), (0, 0, 255)
    targets = []
    real = biggan.search

    def spy(generator, network, target, *others):
        targets.append(target)
        return real(generator, network, target, *others)

    monkeypatch.setattr(biggan, "search", spy)
    create_biggan(given(rgb), weights, settings=QUICK)
    (target,) = targets
    assert target.shape == (1, 3, 128, 128)
    torch.testing.assert_close(target[0, :, 64, 2], torch.tensor([1.0, -1, -1]))
    torch.testing.assert_close(target[0, :, 64, -3], torch.tensor([-1.0, -1, 1]))


def test_the_target_is_reduced_without_aliasing(weights, monkeypatch):
    # Lines one pixel wide, 256 of them: every second column sampled would be black or white.
    rgb = np.zeros((256, 512, 3), np.uint8)
    rgb[:, ::2] = 255
    targets = []
    real = biggan.search
    monkeypatch.setattr(biggan, "search", lambda *args: targets.append(args[2]) or real(*args))
    create_biggan(given(rgb), weights, settings=QUICK)
    assert targets[0][:, :, :, 8:-8].abs().max() < 0.1


def test_an_earlier_inversion_is_taken(weights, cache, monkeypatch):
    notes = []
    first = create_biggan(given(notes=notes), weights, settings=QUICK)
    (file,) = cache.iterdir()
    assert any("inverting with BigGAN-128 on cpu, 2 candidates and 2 steps" in n for n in notes)
    monkeypatch.setattr(biggan, "load_generator", pytest.fail)
    notes = []
    # Neither the seed of the run nor flips take part in the inversion.
    again = create_biggan(given(notes=notes, flip=True, seed=9), weights, settings=QUICK)
    assert notes == [f"prior biggan: layouts of an earlier inversion, {str(file)!r}"]
    assert again.record == first.record


def test_what_decides_the_layouts_decides_the_place(weights, cache, tmp_path):
    def place(*, rgb=None, folder=weights, settings=QUICK):
        before = set(cache.iterdir()) if cache.exists() else set()
        create_biggan(given(rgb), folder, settings=settings)
        return set(cache.iterdir()) - before

    other = picture(WIDTH, HEIGHT)
    other[0, 0] ^= 1
    assert len(place()) == 1
    assert len(place()) == 0
    assert len(place(rgb=other)) == 1
    assert len(place(folder=str(write_tiny(tmp_path / "other", seed=1)))) == 1
    assert len(place(settings=replace(QUICK, seed=1))) == 1


def test_a_damaged_place_is_made_again(weights, cache):
    first = create_biggan(given(), weights, settings=QUICK)
    (file,) = cache.iterdir()
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    notes = []
    again = create_biggan(given(notes=notes), weights, settings=QUICK)
    assert notes[0].startswith("layout cache: made again, since layouts: ")
    # The same seed and weights: the same layouts, bit by bit.
    assert again.record == first.record
    assert file.read_bytes() != bytes(data)


def test_a_cache_that_cannot_be_written_costs_only_time(weights, cache):
    cache.parent.mkdir()
    cache.touch()
    notes = []
    prior = create_biggan(given(notes=notes), weights, settings=QUICK)
    assert draw(prior, 1).shape[0] == 1
    assert [n for n in notes if n.startswith("layout cache: not kept, since")]


def test_flip_mirrors(weights):
    def kinds(prior, flip=lambda layout: layout):
        return {flip(layout).numpy().tobytes() for layout in draw(prior)}

    plain = kinds(create_biggan(given(), weights, settings=QUICK))
    mirroring = create_biggan(given(flip=True), weights, settings=QUICK)
    assert kinds(mirroring) > plain
    assert kinds(mirroring, lambda layout: layout.flip(2)) > plain
    assert len(kinds(mirroring)) == 2 * len(plain)


def test_networks_of_two_sizes(tmp_path):
    folder = write_tiny(tmp_path / "weights")
    torch.save(tiny_pair(256)[1].state_dict(), folder / "D.pth")
    with pytest.raises(InputError, match=r"D.pth' must be of the generator's size, 128 px"):
        create_biggan(given(), str(folder), settings=QUICK)


def test_by_name(weights, monkeypatch):
    monkeypatch.setattr(biggan, "InversionSettings", lambda: QUICK)
    prior = create_prior(parse_priors(f"biggan:{weights}"), given())
    monkeypatch.setenv(VARIABLE, weights)
    assert create_prior(parse_priors("biggan"), given()).record == prior.record
    monkeypatch.delenv(VARIABLE)
    with pytest.raises(InputError, match=r"needs the weights of a trained BigGAN, got none; hint"):
        create_prior(parse_priors("biggan"), given())
