from __future__ import annotations

import math
import os
import subprocess
import sys
from importlib import resources

import numpy as np
import pytest
import torch
from PIL import Image
from support.paths import TESTS
from support.pictures import picture, write_picture
from support.training_runs import FILTERS, differing_arrays, tiny_train

from petsgan_sdk.checkpoint import load_checkpoint
from petsgan_sdk.errors import (
    BackendUnavailableError,
    ConfigError,
    InputError,
    OutputError,
    TrainingError,
)
from petsgan_sdk.models import DepNet
from petsgan_sdk.models.petsgan import generator_from
from petsgan_sdk.training import losses, train
from petsgan_sdk.training.petsgan.training import PetsganTraining
from petsgan_sdk.training.rng import fold_seed


def test_fast_learns_a_picture(photo, tmp_path):
    seen, notes = [], []
    result = train(
        photo,
        tmp_path / "model.pt",
        steps=20,
        options=FILTERS,
        progress=seen.append,
        note=notes.append,
    )
    assert (result.checkpoint, result.steps, result.size_px) == (
        tmp_path / "model.pt",
        20,
        (64, 64),
    )
    assert result.seconds > 0
    assert [p.step for p in seen] == list(range(1, 21))
    assert {p.phase for p in seen} == {"layouts", "texture"}
    assert all(math.isfinite(v) for p in seen for v in p.losses.values())
    assert seen[7].losses["paired"] < seen[0].losses["paired"]
    assert set(seen[-1].losses) == {
        "reconstruction",
        "patch_critic",
        "patch_gan",
        "consistency",
        "texture",
    }
    assert notes[0] == "training at 64x64 (input 64x64)"
    assert "patch features from the built-in filter bank" in notes[2]
    checkpoint = load_checkpoint(result.checkpoint)
    assert checkpoint.is_finished
    assert checkpoint.settings.training.steps == 20
    np.testing.assert_array_equal(checkpoint.photo, picture())
    assert checkpoint.provenance["image"] == "photo.png"
    generator = generator_from(checkpoint)
    images = generator.sample(torch.randn(generator.noise_shape(1, 9, 8)))
    assert images.shape == (1, 3, 72, 64)
    assert images.isfinite().all()
    assert [path.name for path in tmp_path.iterdir()] == ["model.pt"]


def test_paper_learns_a_picture(small_photo, tmp_path):
    seen = []
    tiny_train(small_photo, tmp_path / "m.pt", preset="paper", steps=10, progress=seen.append)
    assert {p.phase for p in seen} == {"warm-up", "joint"}
    names = {"layout_critic", "layout_gan", "collapse", "reconstruction", "sparsity"}
    assert set(seen[0].losses) == names
    assert set(seen[-1].losses) == names | {"patch_critic", "patch_gan"}
    arrays = load_checkpoint(tmp_path / "m.pt").arrays
    assert bool(arrays["averaged/depnet.layers.2.frozen"]), "frozen from 80 % of the steps on"
    assert arrays["generator/restoration.layers.1.running_var"].std() > 0


@pytest.mark.parametrize("preset", ["fast", "paper"])
def test_the_same_seed_gives_the_same_weights(preset, small_photo, tmp_path):
    photo = small_photo
    torch.manual_seed(1)
    tiny_train(photo, tmp_path / "a.pt", preset=preset, steps=6, seed=5)
    torch.manual_seed(2)
    before = torch.get_rng_state()
    tiny_train(photo, tmp_path / "b.pt", preset=preset, steps=6, seed=5)
    assert torch.equal(torch.get_rng_state(), before), "the caller's random numbers are its own"
    assert differing_arrays(tmp_path / "a.pt", tmp_path / "b.pt") == []
    tiny_train(photo, tmp_path / "c.pt", preset=preset, steps=6, seed=6)
    assert "averaged/depnet.layers.0.weight" in differing_arrays(
        tmp_path / "a.pt", tmp_path / "c.pt"
    )


def test_another_process_trains_the_same_weights(small_photo, tmp_path):
    script = (
        "import sys; from pathlib import Path\n"
        "from support.training_runs import tiny_train\n"
        "for preset in ('fast', 'paper'):\n"
        "    out = Path(sys.argv[2], f'{preset}.pt')\n"
        "    tiny_train(Path(sys.argv[1]), out, preset=preset, steps=4, seed=5)\n"
    )
    command = [sys.executable, "-c", script, str(small_photo), str(tmp_path)]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": str(TESTS)})
    for preset in ("fast", "paper"):
        tiny_train(
            small_photo, tmp_path / "here.pt", preset=preset, steps=4, seed=5, overwrite=True
        )
        assert differing_arrays(tmp_path / f"{preset}.pt", tmp_path / "here.pt") == []


def test_seeds_beyond_32_bits_differ_in_every_choice(photo, tmp_path):
    seeds = [0, 1, 1 << 32, (1 << 32) + 1, 1 << 40, (1 << 63) - 1]
    assert [fold_seed(seed) for seed in seeds[:2]] == [0, 1]
    assert len({fold_seed(seed) for seed in seeds}) == len(seeds)
    tiny_train(photo, tmp_path / "a.pt", steps=1, seed=0)
    tiny_train(photo, tmp_path / "b.pt", steps=1, seed=1 << 32)
    assert differing_arrays(tmp_path / "a.pt", tmp_path / "b.pt")


@pytest.mark.parametrize("preset", ["fast", "paper"])
@pytest.mark.parametrize("steps", [1, 2, 3])
def test_the_shortest_runs(preset, steps, small_photo, tmp_path):
    assert tiny_train(small_photo, tmp_path / "m.pt", preset=preset, steps=steps).steps == steps
    assert load_checkpoint(tmp_path / "m.pt").steps_done == steps


@pytest.mark.parametrize(
    ("size", "max_size_px", "expected", "note"),
    [
        ((64, 48), 256, (64, 48), "training at 64x48 (input 64x48)"),
        ((100, 67), 64, (64, 40), "training at 64x40 (input 100x67)"),
        ((67, 61), 256, (64, 64), "training at 64x64 (input 67x61)"),
        ((16, 16), 256, (32, 32), "training at 32x32 (input 16x16)"),
        ((16, 96), 256, (32, 192), "training at 32x192 (input 16x96)"),
    ],
)
def test_sizes_are_never_changed_silently(size, max_size_px, expected, note, tmp_path):
    photo, notes = write_picture(tmp_path / "p.png", *size), []
    result = tiny_train(
        photo, tmp_path / "m.pt", steps=3, max_size_px=max_size_px, note=notes.append
    )
    assert result.size_px == expected
    assert notes[0] == note
    assert load_checkpoint(tmp_path / "m.pt").photo.shape == (expected[1], expected[0], 3)
    is_tiny = min(expected) < 7 * 8
    assert any("smaller than a patch" in line for line in notes) == is_tiny


@pytest.mark.parametrize("preset", ["fast", "paper"])
def test_the_smallest_image_trains_and_samples(preset, tmp_path):
    photo = write_picture(tmp_path / "p.png", 16, 16)
    tiny_train(photo, tmp_path / "m.pt", preset=preset, steps=3)
    generator = generator_from(load_checkpoint(tmp_path / "m.pt"))
    images = generator.sample(torch.randn(generator.noise_shape(1, 4, 5)))
    assert images.shape == (1, 3, 32, 40)
    assert images.isfinite().all()


@pytest.mark.parametrize(
    ("image", "note"),
    [
        (Image.fromarray(picture()[:, :, 0]), "greyscale was converted to RGB"),
        (Image.fromarray(picture()).quantize(9), "palette was converted to RGB"),
        (Image.fromarray(np.dstack([picture(), picture()[:, :, :1]])), "transparency"),
        (Image.fromarray(picture()[:, :, 0].astype(np.uint16) * 257), "16-bit"),
    ],
    ids=["grey", "palette", "rgba", "16-bit"],
)
def test_images_of_other_modes_leave_a_note(image, note, tmp_path):
    image.save(tmp_path / "p.png")
    notes = []
    tiny_train(tmp_path / "p.png", tmp_path / "m.pt", steps=1, note=notes.append)
    assert sum(note in line for line in notes) == 1, notes
    assert notes.index(next(line for line in notes if note in line)) == 0


def never(*_, **__):
    pytest.fail("training began")


@pytest.fixture
def _no_training(monkeypatch):
    monkeypatch.setattr(PetsganTraining, "step", never)


@pytest.mark.usefixtures("_no_training")
@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"preset": "slow"}, ConfigError, "must be one of fast, paper"),
        ({"steps": 0}, ConfigError, r"training\.steps must be from 1"),
        ({"seed": -1}, ConfigError, r"training\.seed must be from 0"),
        ({"max_size_px": 8}, ConfigError, r"image\.max_size_px must be from 32 to 8192, got 8"),
        ({"prior": "noise"}, ConfigError, "must be one of .*internal.*, got 'noise'"),
        ({"options": {"features": "vgg"}}, ConfigError, "must be auto, filters or vgg19:FILE"),
        ({"options": {"features": "vgg19:/no/such"}}, InputError, "VGG-19 weights, got no file"),
        ({"device": "tpu"}, ConfigError, "must be auto, cpu, cuda or cuda:N, got 'tpu'"),
        ({"device": "cpu:"}, ConfigError, "must be auto, cpu"),
        ({"device": "cuda:x"}, ConfigError, "must be auto, cpu"),
        ({"device": "cpu:1"}, BackendUnavailableError, "sees 1 CPU devices"),
        ({"device": "cuda:999"}, BackendUnavailableError, "sees [0-9]+ CUDA devices"),
        ({"overrides": {"training.stpes": 3}}, ConfigError, "did you mean 'steps'"),
    ],
    ids=str,
)
def test_settings_are_refused_before_training(settings, error, message, photo, tmp_path):
    with pytest.raises(error, match=message) as caught:
        train(photo, tmp_path / "m.pt", **{"options": FILTERS, "device": "cpu", **settings})
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("_no_training")
def test_outputs_are_refused_before_training(photo, tmp_path):
    out = tmp_path / "m.pt"
    out.write_bytes(b"precious")
    for path, message in [
        (out, "must not exist yet"),
        (tmp_path, "must be a file name"),
        (tmp_path / "missing" / "m.pt", "mkdir -p"),
        (photo, "must not be the input"),
    ]:
        with pytest.raises(OutputError, match=message):
            train(photo, path, options=FILTERS)
    assert out.read_bytes() == b"precious"
    weights = tmp_path / "vgg.safetensors"
    weights.write_bytes(b"precious too")
    with pytest.raises(OutputError, match="must not be the input"):
        train(photo, weights, options={"features": f"vgg19:{weights}"}, overwrite=True)
    assert weights.read_bytes() == b"precious too"


def test_overwriting_replaces_only_when_training_saved(photo, tmp_path, monkeypatch):
    out = tmp_path / "m.pt"
    out.write_bytes(b"old")
    with monkeypatch.context() as patch:
        patch.setattr(losses, "hinge_generator", lambda fake: fake.mean() * torch.nan)
        with pytest.raises(
            TrainingError, match=r"loss 'patch_gan' must be finite, got nan at step"
        ):
            tiny_train(photo, out, steps=5, overwrite=True)
    assert out.read_bytes() == b"old"
    tiny_train(photo, out, steps=1, overwrite=True)
    assert load_checkpoint(out).is_finished


def test_a_layout_that_is_not_finite_is_divergence(photo, tmp_path, monkeypatch):
    # Patch transfer refuses it before any loss can tell.
    encode = DepNet.encode
    monkeypatch.setattr(DepNet, "encode", lambda *a: encode(*a) * torch.nan)
    overrides = {"training.adversarial_from": 0.0}
    message = r"training: patch_transfer: query must be finite, got nan .* at step 1; hint:"
    with pytest.raises(TrainingError, match=message):
        tiny_train(photo, tmp_path / "m.pt", preset="paper", steps=3, overrides=overrides)


def test_divergence_names_step_and_loss(photo, tmp_path):
    # Rates that no network survives; Adam moves each weight by about the rate.
    wild = {"optimizer.restoration": 10.0, "optimizer.patch_critic": 10.0, "optimizer.depnet": 10.0}
    wild |= {"losses.adversarial": 1e30, "losses.reconstruction": 1e30}
    message = r"training: (loss|weights) '\S+' must be finite, got .* (at|after) step [0-9]+; hint:"
    with pytest.raises(TrainingError, match=message):
        tiny_train(photo, tmp_path / "m.pt", steps=60, overrides=wild)
    assert list(tmp_path.iterdir()) == []


def test_divergence_of_the_paper_names_step_and_loss(small_photo, tmp_path, monkeypatch):
    monkeypatch.setattr(losses, "nonsaturating_critic", lambda real, _: real.sum() / 0)
    with pytest.raises(TrainingError, match=r"loss 'layout_critic' must be finite, .* at step 1;"):
        tiny_train(small_photo, tmp_path / "m.pt", preset="paper", steps=3)
    assert list(tmp_path.iterdir()) == []


def test_broken_weights_are_not_saved(photo, tmp_path, monkeypatch):
    step = PetsganTraining.step

    def break_one(self, number):
        reported = step(self, number)
        self.generator.depnet.layers[0].bias.data[0] = math.nan
        return reported

    monkeypatch.setattr(PetsganTraining, "step", break_one)
    message = r"weights 'generator/depnet\.layers\.0\.bias' must be finite, .* after step 1"
    with pytest.raises(TrainingError, match=message):
        tiny_train(photo, tmp_path / "m.pt", steps=1)
    assert list(tmp_path.iterdir()) == []


def test_a_preset_file_keeps_its_own_settings(photo, tmp_path):
    folder = resources.files("petsgan_sdk") / "presets" / "petsgan"
    # Size, prior and seed are the preset's unless they are asked for.
    text = "\n".join(
        f"{line}\nseed = 77" if line == "[training]" else line.replace("= 256", "= 48")
        for line in (folder / "fast.toml").read_text().splitlines()
    )
    (tmp_path / "mine.toml").write_text(text)
    result = train(
        photo, tmp_path / "n.pt", preset=str(tmp_path / "mine.toml"), steps=1, options=FILTERS
    )
    config = load_checkpoint(tmp_path / "n.pt").settings
    assert (result.size_px, config.training.seed) == ((48, 48), 77)


@pytest.mark.parametrize(
    "overrides",
    [
        {"losses.adversarial": 0.0},
        {"losses.paired": 0.0, "losses.layout_gan": 1.0},
        {"prior.flip": True, "losses.layout_gan": 1.0, "losses.collapse": 0.1},
        {"depnet.norm": True},
        {"depnet.displacement": 0.0, "depnet.positions": "absolute", "losses.layout_gan": 1.0},
        {"transfer.window": 3, "transfer.passes": 1},
        {"training.patch_critic": "multi_dilation", "training.crop_px": 0},
        {"image.factor": 16},
        {
            "restoration.network": "restoration",
            "transfer.carry_texture": False,
            "training.crop_px": 32,
        },
    ],
    ids=lambda overrides: next(iter(overrides)),
)
def test_variants_of_fast_train(overrides, photo, tmp_path):
    seen = []
    tiny_train(photo, tmp_path / "m.pt", steps=4, overrides=overrides, progress=seen.append)
    assert all(math.isfinite(v) for p in seen for v in p.losses.values())


def test_a_critic_wider_than_the_image_is_refused(tmp_path):
    photo = write_picture(tmp_path / "p.png", 20, 20)
    with pytest.raises(ConfigError, match=r"patch_critic .* at least 30 px, got 20x20"):
        tiny_train(
            photo, tmp_path / "m.pt", steps=4, overrides={"image.factor": 2, "training.crop_px": 32}
        )


@pytest.mark.train
def test_fast_learns_within_its_steps(photo, tmp_path):
    seen = []
    train(photo, tmp_path / "m.pt", steps=200, options=FILTERS, progress=seen.append)
    paired = [p.losses["paired"] for p in seen if "paired" in p.losses]
    assert np.mean(paired[-10:]) < 0.3 * np.mean(paired[:3])
    last = seen[-1].losses
    assert last["reconstruction"] < 0.1
    assert last["texture"] < 0.2


@pytest.mark.train
@pytest.mark.parametrize("preset", ["fast", "paper"])
def test_presets_at_full_width(preset, photo, tmp_path):
    train(photo, tmp_path / "m.pt", preset=preset, steps=40, options=FILTERS)
    generator = generator_from(load_checkpoint(tmp_path / "m.pt"))
    noise = torch.randn(generator.noise_shape(2, 8, 8), generator=torch.Generator().manual_seed(0))
    images = generator.sample(noise)
    assert images.isfinite().all()
    # After 40 steps the averages of `paper` are still mostly the initial weights.
    assert (images[0] - images[1]).abs().mean() > (0.01 if preset == "fast" else 0)
