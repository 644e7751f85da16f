"""Training with every prior and ablation: it runs, resumes, and makes the same weights again."""

from __future__ import annotations

import json
import math
import shutil

import numpy as np
import pytest
import torch
from support.pictures import picture, write_picture
from support.training_runs import differing_arrays, narrow_config, press_ctrl_c, tiny_train

from petsgan_sdk.checkpoint import load_checkpoint
from petsgan_sdk.errors import CheckpointError, InputError
from petsgan_sdk.models import PetsganGenerator
from petsgan_sdk.models.arrays import image_tensor
from petsgan_sdk.models.petsgan import generator_from
from petsgan_sdk.priors import PriorInput, create_prior, parse_priors
from petsgan_sdk.settings.presets import preset_ablations
from petsgan_sdk.training.petsgan.training import PetsganTraining

PRESETS = ["fast", "paper"]


@pytest.fixture
def layouts(tmp_path):
    folder = tmp_path / "layouts"
    folder.mkdir()
    for number in range(3):
        write_picture(folder / f"{number}.png", 48, 40, seed=10 + number)
    return folder


def priors(layouts):
    return {
        "internal": "internal",
        "synthesis": "synthesis",
        "folder": f"folder:{layouts}",
        "mixture": ["internal", f"folder:{layouts}"],
    }


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("name", ["internal", "synthesis", "folder", "mixture"])
def test_the_same_seed_gives_the_same_weights_with_every_prior(
    preset, name, layouts, small_photo, tmp_path
):
    prior = priors(layouts)[name]
    settings = {"preset": preset, "steps": 8, "seed": 5, "prior": prior}
    torch.manual_seed(1)
    tiny_train(small_photo, tmp_path / "a.pt", **settings)
    torch.manual_seed(2)
    tiny_train(small_photo, tmp_path / "b.pt", **settings)
    assert differing_arrays(tmp_path / "a.pt", tmp_path / "b.pt") == []
    with pytest.raises(KeyboardInterrupt):
        tiny_train(small_photo, tmp_path / "c.pt", progress=press_ctrl_c(3), **settings)
    tiny_train(small_photo, tmp_path / "c.pt", resume=True, **settings)
    assert differing_arrays(tmp_path / "a.pt", tmp_path / "c.pt") == []


def test_layouts_of_a_folder_decide_the_weights(layouts, small_photo, tmp_path):
    settings = {"steps": 8, "prior": f"folder:{layouts}"}
    tiny_train(small_photo, tmp_path / "a.pt", **settings)
    write_picture(layouts / "0.png", 48, 40, seed=20)
    tiny_train(small_photo, tmp_path / "b.pt", **settings)
    assert "averaged/depnet.layers.0.weight" in differing_arrays(
        tmp_path / "a.pt", tmp_path / "b.pt"
    )


def test_a_model_outlives_its_folder(layouts, small_photo, tmp_path):
    notes = []
    (layouts / "broken.png").write_bytes(b"no image")
    tiny_train(
        small_photo, tmp_path / "m.pt", steps=8, prior=f"folder:{layouts}", note=notes.append
    )
    shutil.rmtree(layouts)
    checkpoint = load_checkpoint(tmp_path / "m.pt")
    assert checkpoint.settings.prior.name == "folder"
    record = checkpoint.provenance["prior"]
    assert (record["layouts"], record["skipped"]) == (3, ["broken.png"])
    assert any("skipped 'broken.png'" in note for note in notes)
    assert str(tmp_path) not in json.dumps(checkpoint.provenance)
    generator = generator_from(checkpoint)
    images = generator.sample(torch.randn(generator.noise_shape(1, 4, 5)))
    assert images.isfinite().all()


@pytest.fixture
def stopped(layouts, small_photo, tmp_path):
    settings = {"steps": 6, "prior": f"folder:{layouts}"}
    with pytest.raises(KeyboardInterrupt):
        tiny_train(small_photo, tmp_path / "m.pt", progress=press_ctrl_c(2), **settings)
    return tmp_path / "m.pt"


def test_other_layouts_are_not_resumed(stopped, layouts, small_photo):
    before = stopped.read_bytes()
    write_picture(layouts / "9.png", 48, 40)
    with pytest.raises(CheckpointError, match="of the same prior to resume, got another one"):
        tiny_train(small_photo, stopped, steps=6, prior=f"folder:{layouts}", resume=True)
    assert stopped.read_bytes() == before
    with pytest.raises(CheckpointError, match=r"prior\.name 'folder' where now 'internal'"):
        tiny_train(small_photo, stopped, steps=6, resume=True)
    shutil.rmtree(layouts)
    with pytest.raises(InputError, match="must exist, got nothing"):
        tiny_train(small_photo, stopped, steps=6, prior=f"folder:{layouts}", resume=True)


def test_a_folder_that_moved_is_resumed(stopped, layouts, small_photo, tmp_path):
    moved = layouts.rename(tmp_path / "elsewhere")
    tiny_train(small_photo, stopped, steps=6, prior=f"folder:{moved}", resume=True)
    assert load_checkpoint(stopped).is_finished


def test_a_noise_stands_for_a_layout_of_the_folder(layouts):
    # What DEPNet is trained towards, with nothing moved, is the folder's layouts and only these.
    config = narrow_config("fast", **{"prior.name": "folder", "depnet.displacement": 1e-6})
    generator = PetsganGenerator(config, image_tensor(picture(40, 32)))
    given = PriorInput(generator.image, generator.low_res, config.prior)
    prior = create_prior(parse_priors(f"folder:{layouts}"), given)
    training = PetsganTraining(generator, prior)
    noise = torch.randn(
        generator.noise_shape(60, *generator.size), generator=torch.Generator().manual_seed(0)
    )
    field = generator.depnet.displace(noise, generator.depnet.position(*generator.size))
    targets = training._pairs.target(noise, field)
    known = prior.modes(3)
    nearest = (targets[:, None] - known).abs().mean((2, 3, 4)).min(dim=1)
    between = (known[:, None] - known).abs().mean((2, 3, 4)).max()
    assert nearest.values.median() < 0.25 * between
    assert set(nearest.indices.tolist()) == {0, 1, 2}


@pytest.mark.train
def test_layouts_follow_a_folder(layouts, small_photo, tmp_path):
    tiny_train(
        small_photo,
        tmp_path / "m.pt",
        prior=f"folder:{layouts}",
        overrides={"depnet.width": 32, "training.depnet_until": 1, "training.restoration_from": 1},
        steps=400,
    )
    checkpoint = load_checkpoint(tmp_path / "m.pt")
    generator = generator_from(checkpoint)
    given = PriorInput(generator.image, generator.low_res, checkpoint.settings.prior)
    known = create_prior(parse_priors(f"folder:{layouts}"), given).modes(3)
    noise = torch.randn(
        generator.noise_shape(40, *generator.size), generator=torch.Generator().manual_seed(0)
    )
    made = generator.depnet(noise, generator.depnet.position(*generator.size))
    distance = (made[:, None] - known).abs().mean((2, 3, 4))
    between = (known[:, None] - known).abs().mean((2, 3, 4))
    assert distance.min(dim=1).values.mean() < 0.6 * between[between > 0].mean()
    assert set(distance.argmin(dim=1).tolist()) == {0, 1, 2}


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("ablation", list(preset_ablations("fast")))
def test_ablations_train_and_are_recorded(preset, ablation, small_photo, tmp_path):
    seen = []
    tiny_train(
        small_photo,
        tmp_path / "m.pt",
        preset=preset,
        ablation=ablation,
        steps=10,
        progress=seen.append,
    )
    assert all(math.isfinite(value) for p in seen for value in p.losses.values())
    checkpoint = load_checkpoint(tmp_path / "m.pt")
    assert checkpoint.settings.ablation == ablation
    reported = {name for p in seen for name in p.losses}
    assert ("patch_gan" in reported) == (ablation != "no-patch-gan")
    assert bool(reported & {"paired", "layout_gan"}) == (ablation != "no-external-prior")
    # Whatever is left out, a gradient reaches both networks.
    for network in ("depnet", "restoration"):
        assert np.abs(checkpoint.arrays[f"optimizer.{network}/0.exp_avg"]).max() > 0, network
