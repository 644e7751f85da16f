"""What PetsGAN's own option decides, before training and in the checkpoint."""

from __future__ import annotations

import pytest
import torch
from tiny_training import NARROW, narrow_config, write_picture

from petsgan_sdk.checkpoint import load_checkpoint
from petsgan_sdk.errors import ConfigError, InputError
from petsgan_sdk.models import PetsganGenerator, VggFeatures
from petsgan_sdk.models.petsgan import generator_from
from petsgan_sdk.training import train
from petsgan_sdk.training.petsgan.recipe import PetsganRecipe


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("PETSGAN_CACHE", str(tmp_path / "cache"))
    (tmp_path / "cache").mkdir()
    return tmp_path / "cache"


def write_vgg(path):
    draw = torch.Generator().manual_seed(0)
    state = {
        "features.0.weight": torch.randn((64, 3, 3, 3), generator=draw),
        "features.0.bias": torch.zeros(64),
        "features.2.weight": torch.randn((64, 64, 3, 3), generator=draw),
        "features.2.bias": torch.zeros(64),
    }
    torch.save(state, path)
    return path


def settled(options, features="auto"):
    recipe = PetsganRecipe(options)
    overrides = {"transfer.features": features, **recipe.overrides}
    return recipe.settle(narrow_config("fast", **overrides)).transfer.features, list(recipe.files)


def test_auto_takes_what_is_cached(cache):
    assert settled({}) == settled({"features": "auto"}, "vgg19") == ("filters", [])
    file = cache / "vgg19.safetensors"
    file.touch()
    assert settled({}) == settled({"features": "auto"}, "filters") == ("vgg19", [file])
    assert settled({}, "vgg19") == ("vgg19", [file])
    assert settled({}, "filters") == settled({"features": "filters"}, "vgg19") == ("filters", [])


def test_a_named_file_is_taken_whatever_is_cached(cache, tmp_path):
    (cache / "vgg19.safetensors").touch()
    file = write_vgg(tmp_path / "vgg.pth")
    assert settled({"features": f"vgg19:{file}"}, "filters") == ("vgg19", [file])


def test_a_preset_that_needs_vgg_says_how_to_give_it():
    with pytest.raises(InputError, match="got no file; hint: --features vgg19:FILE"):
        settled({}, "vgg19")


def test_paper_is_refused_without_vgg(tmp_path):
    photo = write_picture(tmp_path / "photo.png", 40, 32)
    call = {"preset": "paper", "steps": 1, "device": "cpu", "overrides": NARROW["paper"]}
    with pytest.raises(InputError, match=r"--features vgg19:FILE .*, or --features filters "):
        train(photo, tmp_path / "model.pt", **call)
    assert not (tmp_path / "model.pt").exists()
    train(photo, tmp_path / "model.pt", options={"features": "filters"}, **call)
    assert load_checkpoint(tmp_path / "model.pt").settings.transfer.features == "filters"
    write_vgg(tmp_path / "vgg.pth")
    named = {"features": f"vgg19:{tmp_path / 'vgg.pth'}"}
    train(photo, tmp_path / "vgg.pt", options=named, **call)
    assert load_checkpoint(tmp_path / "vgg.pt").settings.transfer.features == "vgg19"


def test_networks_are_not_built_on_a_guess():
    config = narrow_config("fast", **{"transfer.features": "auto"})
    with pytest.raises(ConfigError, match=r"transfer\.features must be filters or vgg19 to build"):
        PetsganGenerator(config, torch.zeros(1, 3, 32, 32))


def test_weights_of_a_file_are_trained_with_and_kept(tmp_path):
    photo = write_picture(tmp_path / "photo.png", 40, 32)
    file, notes = write_vgg(tmp_path / "vgg.pth"), []
    train(
        photo,
        tmp_path / "m.pt",
        steps=2,
        options={"features": f"vgg19:{file}"},
        overrides=NARROW["fast"],
        device="cpu",
        note=notes.append,
    )
    assert f"patch features from VGG-19 weights in {str(file)!r}" in notes
    file.unlink()
    checkpoint = load_checkpoint(tmp_path / "m.pt")
    assert checkpoint.settings.transfer.features == "vgg19"
    features = generator_from(checkpoint).features
    assert isinstance(features, VggFeatures)
    expected = torch.randn((64, 3, 3, 3), generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(features.conv1_1.weight, expected, rtol=0, atol=0)
