"""ExSinGAN and its mixes learn a picture, stage after stage, and go on where they were stopped."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from support.pictures import picture, write_picture
from support.training_runs import differing_arrays, press_ctrl_c, tiny_exsingan, tiny_train

from petsgan_sdk.checkpoint import load_checkpoint
from petsgan_sdk.errors import CheckpointError, ConfigError, InputError
from petsgan_sdk.models.exsingan import ExsinganGenerator
from petsgan_sdk.models.exsingan.generator import generator_from
from petsgan_sdk.settings.presets import load_preset
from petsgan_sdk.training.crops import Crop
from petsgan_sdk.training.exsingan.perceptual import DeepVgg, PerceptualLoss
from petsgan_sdk.training.exsingan.plan import StagePlan
from petsgan_sdk.training.exsingan.pool import LowerResults
from petsgan_sdk.training.exsingan.recipe import parse_stages


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    return write_picture(tmp_path_factory.mktemp("photo") / "photo.png", 40, 32)


def test_fast_learns_stage_after_stage(photo, tmp_path):
    seen, notes = [], []
    tiny_exsingan(
        photo, tmp_path / "m.pt", steps=25, progress=seen.append, note=notes.append, seed=1
    )
    phases = [p.phase for p in seen]
    order = ["structural", "semantic 1", "semantic 2", "texture 1", "texture 2"]
    assert list(dict.fromkeys(phases)) == order
    assert all(math.isfinite(v) for p in seen for v in p.losses.values())
    assert set(seen[-1].losses) == {"critic", "gan", "reconstruction", "paired"}
    assert any(note.startswith("levels 15x12, ") for note in notes)
    checkpoint = load_checkpoint(tmp_path / "m.pt")
    assert checkpoint.is_finished
    np.testing.assert_array_equal(checkpoint.photo, picture(40, 32))
    assert checkpoint.provenance["prior"]["name"] == "internal"
    # Measured from what the stage before lacks, and kept with the model.
    amplitude = checkpoint.arrays["averaged/stages.3.amplitude"]
    assert 0 < amplitude < 0.1
    net = generator_from(checkpoint)
    shapes = [net.noise_shape(n, 1, *size) for n, size in enumerate(net.sizes)]
    assert net.sample([torch.randn(shape) for shape in shapes]).isfinite().all()


def test_paper_runs_its_losses_and_freezes_its_norms(photo, tmp_path):
    seen = []
    overrides = {"stages.semantic": 1, "stages.texture": 1, "losses.perceptual": 0.0}
    tiny_exsingan(
        photo,
        tmp_path / "m.pt",
        preset="paper",
        steps=20,
        overrides=overrides,
        progress=seen.append,
    )
    assert set(seen[0].losses) == {"critic", "gan", "reconstruction"}
    assert set(seen[-1].losses) == {"critic", "gan", "reconstruction"}
    arrays = load_checkpoint(tmp_path / "m.pt").arrays
    frozen = [bool(a) for name, a in arrays.items() if name.endswith(".frozen")]
    averaged = [bool(arrays[f"averaged/stages.{s}.layers.1.frozen"]) for s in (1, 2)]
    assert averaged == [True, True]
    assert any(frozen)


def test_a_prior_of_many_layouts(photo, tmp_path):
    seen = []
    tiny_exsingan(photo, tmp_path / "m.pt", prior="synthesis", steps=8, progress=seen.append)
    assert {"paired", "critic"} <= set(seen[0].losses)
    checkpoint = load_checkpoint(tmp_path / "m.pt")
    assert checkpoint.provenance["prior"]["name"] == checkpoint.settings.prior.name == "synthesis"
    assert checkpoint.settings.structure.modes == 32


def test_singan_is_a_mix(photo, tmp_path):
    seen = []
    tiny_exsingan(photo, tmp_path / "m.pt", model="singan", steps=10, progress=seen.append)
    assert list(dict.fromkeys(p.phase for p in seen)) == [f"texture {n}" for n in range(1, 6)]
    checkpoint = load_checkpoint(tmp_path / "m.pt")
    assert "prior" not in checkpoint.provenance
    assert checkpoint.settings.pyramid.rescale == "singan"


@pytest.mark.parametrize("model", ["exsingan", "singan"])
def test_levels_smaller_than_a_patch_are_learned(model, photo, tmp_path):
    seen = []
    overrides = {"pyramid.coarsest_px": 8, "training.critic_detail": 2.0}
    settings = {"model": model, "overrides": overrides, "progress": seen.append}
    tiny_exsingan(photo, tmp_path / "m.pt", steps=10, **settings)
    config = load_checkpoint(tmp_path / "m.pt").settings
    assert config.pyramid.coarsest_px == 8
    assert all(math.isfinite(v) for p in seen for v in p.losses.values())


def test_options_choose_mix_and_sizes(photo, tmp_path):
    options = {"stages": "St.1,Se.0,Te.2", "rescale": "consingan"}
    tiny_exsingan(photo, tmp_path / "m.pt", steps=6, options=options)
    config = load_checkpoint(tmp_path / "m.pt").settings
    mix = config.stages
    assert (mix.structural, mix.semantic, mix.texture) == (1, 0, 2)
    assert config.pyramid.rescale == "consingan"


@pytest.mark.parametrize("text", ["", "St.1", "St.1,Se.3", "Se.3,St.1,Te.3", "St.a,Se.1,Te.1"])
def test_other_texts_are_no_mix(text):
    with pytest.raises(ConfigError, match=r"must be of the form St\.1,Se\.3,Te\.3, got"):
        parse_stages(text)


def test_the_papers_way_to_write_a_mix():
    expected = {"stages.structural": 0, "stages.semantic": 2, "stages.texture": 10}
    assert parse_stages("St.0, Se.2, Te.10") == parse_stages("st0 se2 te10") == expected


# Of 20 steps: 1 and 2 in stage 0, 3 its last; 7 within stage 1; 15 within a texture stage.
@pytest.mark.parametrize("stops", [[1, 7], [3], [15, 19]])
def test_interrupted_is_uninterrupted(stops, photo, tmp_path):
    settings = {"steps": 20, "seed": 3}
    tiny_exsingan(photo, tmp_path / "whole.pt", **settings)
    out = tmp_path / "parts.pt"
    for number, stop in enumerate(stops):
        with pytest.raises(KeyboardInterrupt):
            tiny_exsingan(photo, out, resume=number > 0, progress=press_ctrl_c(stop), **settings)
        assert load_checkpoint(out).steps_done == stop
    tiny_exsingan(photo, out, resume=True, **settings)
    assert differing_arrays(tmp_path / "whole.pt", out) == []


def test_finished_stages_never_change_again(photo, tmp_path):
    out = tmp_path / "m.pt"
    with pytest.raises(KeyboardInterrupt):
        tiny_exsingan(photo, out, steps=20, progress=press_ctrl_c(8))
    before = load_checkpoint(out).arrays
    span = StagePlan(load_checkpoint(out).settings).spans
    assert span[1].last <= 8 < span[2].last
    tiny_exsingan(photo, out, steps=20, resume=True)
    after = load_checkpoint(out).arrays
    finished = [n for n in before if n.startswith(("averaged/stages.0.", "averaged/stages.1."))]
    assert finished
    assert all(np.array_equal(before[name], after[name]) for name in finished)


def test_stage_0_serves_another_mix(photo, tmp_path):
    first, second = tmp_path / "first.pt", tmp_path / "second.pt"
    tiny_exsingan(photo, first, steps=20)
    seen = []
    options = {"stages": "St.1,Se.1,Te.1", "stage0": str(first)}
    tiny_exsingan(photo, second, steps=8, options=options, progress=seen.append)
    assert {p.phase for p in seen} == {"semantic 1", "texture 1"}
    before, after = load_checkpoint(first).arrays, load_checkpoint(second).arrays
    names = [n for n in before if n.startswith("averaged/stages.0.")]
    assert all(np.array_equal(before[name], after[name]) for name in names)
    record = load_checkpoint(second).provenance["stage0"]
    assert record["model"] == "first.pt"
    assert len(record["digest"]) == 64
    # And from there to a third, which still says whose it is.
    third = tmp_path / "third.pt"
    tiny_exsingan(photo, third, steps=4, options={"stage0": str(second)})
    assert load_checkpoint(third).provenance["stage0"]["digest"] == record["digest"]


def test_stage_0_of_something_else_is_refused(photo, tmp_path):
    first = tmp_path / "first.pt"
    tiny_exsingan(photo, first, steps=20)
    other = write_picture(tmp_path / "other.png", 40, 32, seed=5)
    with pytest.raises(CheckpointError, match="must be of the same photo at the same size"):
        tiny_exsingan(other, tmp_path / "m.pt", steps=8, options={"stage0": str(first)})
    tiny_train(other, tmp_path / "pets.pt", steps=2)
    with pytest.raises(CheckpointError, match="must have a structural stage, got a petsgan model"):
        tiny_exsingan(
            photo, tmp_path / "m.pt", steps=8, options={"stage0": str(tmp_path / "pets.pt")}
        )
    early = tmp_path / "early.pt"
    with pytest.raises(KeyboardInterrupt):
        tiny_exsingan(photo, early, steps=200, progress=press_ctrl_c(3))
    with pytest.raises(CheckpointError, match=r"finished its structural stage, got step 3 of"):
        tiny_exsingan(photo, tmp_path / "m.pt", steps=8, options={"stage0": str(early)})
    with pytest.raises(ConfigError, match="0, or 1 in a mix with a structural stage"):
        tiny_exsingan(
            photo, tmp_path / "m.pt", model="singan", steps=8, options={"stage0": str(first)}
        )
    assert not (tmp_path / "m.pt").exists()


def test_perceptual_loss_says_what_to_do_without_weights(photo, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(InputError, match=r"--perceptual vgg19:FILE .* or train without by "):
        tiny_exsingan(
            photo, tmp_path / "m.pt", preset="paper", steps=4, options={"perceptual": "auto"}
        )
    with pytest.raises(InputError, match="must be a file of VGG-19 weights, got no file"):
        tiny_exsingan(
            photo, tmp_path / "m.pt", preset="paper", options={"perceptual": "vgg19:nowhere.pth"}
        )
    with pytest.raises(ConfigError, match="must be auto, none or vgg19:FILE, got 'resnet'"):
        tiny_exsingan(photo, tmp_path / "m.pt", options={"perceptual": "resnet"})
    assert not (tmp_path / "m.pt").exists()


def test_perceptual_gradient_reaches_the_image():
    # The public code detaches the generated image, so that nothing does.
    torch.manual_seed(0)
    network = DeepVgg().eval().requires_grad_(False)
    real = torch.rand(1, 3, 33, 40) * 2 - 1
    loss = PerceptualLoss(network, real)
    fake = (torch.rand(2, 3, 33, 40) * 2 - 1).requires_grad_()
    loss(fake).backward()
    assert fake.grad.abs().max() > 0
    assert loss(real).item() == 0


def test_deep_features_are_relu5():
    torch.manual_seed(0)
    found = DeepVgg().eval()(torch.zeros(1, 3, 64, 48))
    assert [tuple(f.shape) for f in found] == [(1, 512, 4, 3)] * 3
    assert all((f >= 0).all() for f in found)


def test_semantic_stages_learn_from_vgg(photo, tmp_path):
    save = pytest.importorskip("safetensors.torch").save_file
    torch.manual_seed(0)
    state = {k: v for k, v in DeepVgg().state_dict().items() if k.startswith("features.")}
    weights = tmp_path / "vgg.safetensors"
    save(state, weights)
    seen, notes = [], []
    tiny_exsingan(
        photo,
        tmp_path / "m.pt",
        preset="paper",
        steps=12,
        overrides={"stages.semantic": 1, "stages.texture": 1},
        options={"perceptual": f"vgg19:{weights}"},
        progress=seen.append,
        note=notes.append,
    )
    with_loss = {p.phase for p in seen if "perceptual" in p.losses}
    assert with_loss == {"semantic 1"}
    assert load_checkpoint(tmp_path / "m.pt").settings.perceptual == "vgg19"
    assert any("perceptual loss on VGG-19 weights" in note for note in notes)


def test_lower_results_are_made_once_and_displaced_targets_match_them():
    torch.manual_seed(0)
    net = ExsinganGenerator(
        load_preset("fast", model="exsingan", overrides={"pyramid.coarsest_px": 16}),
        picture(64, 48),
    ).eval()
    draw = torch.Generator().manual_seed(3)
    lower = LowerResults(net, 2, count=4, rng=draw)
    height, width = net.sizes[2]
    assert lower.images([0, 3]).shape == (2, 3, height, width)
    assert torch.equal(lower.images([3])[0], lower.images([0, 3])[1])
    whole = lower.targets([1, 2], Crop(0, 0, height, width))
    crop = lower.targets([1, 2], Crop(3, 5, 9, 7))
    assert torch.allclose(whole[:, :, 3:12, 5:12], crop, atol=1e-5)
    # Displaced, and still the photo: another place, the same colours.
    photo = net.level(2)
    assert (whole - photo).abs().mean() > 0.02
    assert (whole.mean(dim=(2, 3)) - photo.mean(dim=(2, 3))).abs().max() < 0.1


def test_no_target_without_a_displacement():
    net = ExsinganGenerator(load_preset("fast", model="singan"), picture(64, 48)).eval()
    lower = LowerResults(net, 1, count=1, rng=torch.Generator().manual_seed(0))
    assert lower.targets([0], Crop(0, 0, 4, 4)) is None


def test_steps_are_divided_among_the_stages():
    config = load_preset("paper", model="exsingan")
    plan = StagePlan(config)
    lengths = [span.last - span.first for span in plan.spans]
    assert lengths == [10_000, 4_000, 4_000, 4_000, 6_000, 6_000, 6_000]
    assert [plan.stage_at(step) for step in (0, 9_999, 10_000, 39_999)] == [0, 0, 1, 6]


def test_stages_without_steps_are_passed_over(photo, tmp_path):
    seen = []
    tiny_exsingan(photo, tmp_path / "m.pt", steps=2, progress=seen.append)
    assert len({p.phase for p in seen}) == 2
    assert load_checkpoint(tmp_path / "m.pt").is_finished


def test_structure_needs_layouts_it_can_learn():
    overrides = {"losses.structure_gan": 0.0, "structure.modes": 0, "prior.flip": True}
    with pytest.raises(ConfigError, match="structure_gan above 0, or paired above 0"):
        load_preset("fast", model="exsingan", overrides=overrides)
