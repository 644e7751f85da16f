"""Ranges of the settings, and what the presets promise. `test_config` tests how they are read."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import pytest

from petsgan_sdk.errors import ConfigError
from petsgan_sdk.settings.petsgan import PetsganSettings
from petsgan_sdk.settings.presets import load_preset, preset_names, to_dict

PRESETS = ["fast", "paper"]


def refused(preset, message, **overrides):
    with pytest.raises(ConfigError, match=message) as caught:
        load_preset(preset, overrides=overrides)
    assert "\n" not in str(caught.value)


def test_there_are_two_presets():
    assert list(preset_names()) == PRESETS
    assert [load_preset(name).preset for name in PRESETS] == PRESETS


def test_paper_is_the_papers():
    paper = load_preset("paper")
    assert (paper.image.max_size_px, paper.image.factor) == (256, 8)
    assert (paper.depnet.width, paper.depnet.norm, paper.depnet.displacement) == (128, True, 0)
    assert (paper.depnet.positions, paper.depnet.frequencies) == ("absolute", (1.0, 0.01))
    assert (paper.transfer.window, paper.transfer.passes) == (7, 1)
    assert paper.transfer.train_features
    assert (paper.restoration.network, paper.restoration.width) == ("restoration", 64)
    assert paper.training.steps == 5000
    assert paper.training.end_to_end
    assert paper.training.patch_critic == "multi_dilation"
    assert (paper.training.layout_batch, paper.training.image_batch) == (32, 1)
    assert paper.optimizer.warmup > 0
    for term in ("layout_gan", "collapse", "adversarial", "reconstruction", "sparsity"):
        assert getattr(paper.losses, term) > 0, term


def test_fast_has_the_same_structure_and_no_norm_to_freeze():
    fast = load_preset("fast")
    assert (fast.image.factor, fast.transfer.window) == (8, 7)
    assert not fast.depnet.norm
    assert fast.transfer.carry_texture
    assert not fast.prior.flip


@pytest.mark.parametrize("preset", PRESETS)
def test_settings_are_frozen_and_hashable(preset):
    config = load_preset(preset)
    assert hash(config) == hash(load_preset(preset))
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.preset = "mine"


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("image.max_size_px", [31, 0, -1, 8193]),
        ("image.factor", [0, 3, 32]),
        ("transfer.features", ["vgg16", ""]),
        ("prior.displacement", [0, -0.5, 2.1]),
        ("depnet.width", [1, 1025]),
        ("depnet.displacement", [-0.1, 2.1]),
        ("depnet.positions", ["polar"]),
        ("depnet.frequencies", [[], [0.0], [-1.0], [1.0] * 33]),
        ("transfer.temperature", [0, -1, 11]),
        ("transfer.passes", [0, 11]),
        ("transfer.window", [0, 2, 33]),
        ("restoration.width", [0, 1, 1025]),
        ("restoration.num_blocks", [-1, 65]),
        ("losses.adversarial", [-0.1]),
        ("losses.reconstruction_noise", [-1]),
        ("optimizer.depnet", [-1e-4, 11]),
        ("optimizer.patch_critic", [-1e-4]),
        ("optimizer.betas", [[0.9, 1.0], [-0.1, 0.9]]),
        ("optimizer.warmup", [-0.1, 1.0]),
        ("optimizer.final", [-0.1, 1.1]),
        ("training.steps", [0, -5, 10**8 + 1]),
        ("training.seed", [-1, 1 << 63]),
        ("training.depnet_until", [-0.1, 1.1]),
        ("training.freeze_norm_from", [1.1]),
        ("training.layout_batch", [0, 4097]),
        ("training.pool_size", [0]),
        ("training.crop_px", [-1, 31]),
        ("training.ema_decay", [-0.1, 1.0]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_ranges(preset, path, values):
    for value in values:
        refused(preset, rf"config: {path.replace('.', '[.]')} must be .*, got ", **{path: value})


@pytest.mark.parametrize("path", ["losses.adversarial", "optimizer.depnet", "prior.displacement"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), "1", True])
def test_numbers_are_finite_numbers(path, value):
    refused("fast", rf"{path.replace('.', '[.]')} must be a (finite )?number", **{path: value})


@pytest.mark.parametrize(
    ("preset", "overrides", "message"),
    [
        ("fast", {"transfer.carry_texture": False}, "mending exactly if carry_texture is true"),
        ("paper", {"restoration.network": "mending"}, "mending exactly if carry_texture is true"),
        ("fast", {"training.restoration_from": 0.3}, "at or after depnet_until"),
        ("fast", {"losses.paired": 0.0}, "layout_gan above 0, or paired above 0"),
        ("fast", {"prior.flip": True, "depnet.modes": 0}, "modes or an unflipped internal"),
        ("fast", {"prior.name": "folder", "depnet.modes": 0}, "modes or an unflipped internal"),
        ("paper", {"depnet.modes": 2}, "0, or 1 to 256 with displacement above 0"),
        ("fast", {"depnet.modes": 257}, "0, or 1 to 256 with displacement above 0"),
        ("fast", {"depnet.modes": -1}, "0, or 1 to 256 with displacement above 0"),
        (
            "fast",
            {"losses.paired": 0, "losses.adversarial": 0, "training.end_to_end": True},
            "or adversarial above 0 end to end",
        ),
        ("fast", {"depnet.displacement": 0.0}, "layout_gan above 0, or paired above 0"),
        ("fast", {"depnet.positions": "absolute"}, "must be 'relative' where displacement"),
        ("fast", {"depnet.frequencies": [2.0, 1.0]}, "from 0.001 to 1 in the first place"),
        ("fast", {"depnet.frequencies": [1e-9, 1.0]}, "from 0.001 to 1 in the first place"),
        ("fast", {"image.factor": 1}, r"^config: image\.factor must be 2, 4, 8 or 16, got 1$"),
        ("fast", {"image.factor": 16, "training.crop_px": 32}, "crop_px 0 or at least 4 image"),
    ],
)
def test_settings_that_do_not_go_together(preset, overrides, message):
    refused(preset, message, **overrides)


def test_a_preset_has_a_name():
    with pytest.raises(ConfigError, match="preset must be a name"):
        load_preset("fast", overrides={"preset": ""})


def test_largest_and_smallest_values_are_taken():
    load_preset(
        "fast",
        overrides={
            "training.seed": (1 << 63) - 1,
            "image.max_size_px": 32,
            "training.crop_px": 0,
            "restoration.num_blocks": 0,
            "optimizer.betas": [0, 0],
            "losses.adversarial": 0,
            "training.layout_batch": 1,
        },
    )


def test_every_setting_has_a_docstring():
    # The README's table and people read them; a field without one says nothing.
    from inspect import getsource  # noqa: PLC0415

    nested = load_preset("fast")
    for field in dataclasses.fields(nested):
        part = type(getattr(nested, field.name))
        if not dataclasses.is_dataclass(part):
            continue
        bases = [cls for cls in part.__mro__ if dataclasses.is_dataclass(cls)]
        lines = [line for cls in bases for line in getsource(cls).splitlines()]
        for inner in dataclasses.fields(part):
            row = next(i for i, text in enumerate(lines) if text.startswith(f"    {inner.name}:"))
            assert lines[row + 1].lstrip().startswith('"""'), f"{field.name}.{inner.name}"


def test_presets_name_what_decides_the_method():
    for name in PRESETS:
        flat = to_dict(load_preset(name))
        assert set(flat) == {field.name for field in dataclasses.fields(PetsganSettings)}


def test_settings_import_the_standard_library_only():
    code = "import sys, petsgan_sdk.settings; print('numpy' in sys.modules, 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
