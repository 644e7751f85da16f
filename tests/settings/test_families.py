"""The registry, and settings found by it."""

from __future__ import annotations

import subprocess
import sys
from importlib import resources
from pkgutil import resolve_name

import pytest

from petsgan_sdk.errors import BundleError, ConfigError
from petsgan_sdk.settings import TrainedSettings, families, presets
from petsgan_sdk.settings.families import (
    FAMILIES,
    Family,
    FamilyOption,
    family_named,
    family_of_model,
    model_names,
)
from petsgan_sdk.settings.presets import (
    ablation_names,
    load_preset,
    preset_ablations,
    preset_names,
)

EVERY_MODEL = [(family, model) for family in FAMILIES for model in family.models]


def test_names_are_unique():
    names = [family.name for family in FAMILIES]
    assert len({*names}) == len(names)
    assert len({*model_names()}) == len(model_names())
    assert "petsgan" in model_names()
    options = [name for family in FAMILIES for name in family.option_names]
    assert len({*options}) == len(options)


@pytest.mark.parametrize(("family", "model"), EVERY_MODEL)
def test_every_model_has_presets_of_its_family(family, model):
    assert family_of_model(model) is family is family_named(family.name)
    assert "fast" in preset_names(model)
    for name in preset_names(model):
        settings = load_preset(name, model=model)
        assert type(settings) is family.settings
        assert (settings.family, settings.preset) == (family.name, name)
        assert {*preset_ablations(name, model=model)} <= {*ablation_names(model)}
        for ablation in preset_ablations(name, model=model):
            assert load_preset(name, model=model, ablation=ablation).ablation == ablation


def test_every_folder_of_presets_is_a_model():
    folder = resources.files("petsgan_sdk") / "presets"
    assert {entry.name for entry in folder.iterdir()} == {*model_names()}


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_what_an_entry_names_is_there(family):
    if family.has_networks:
        pytest.importorskip("torch")
    assert callable(resolve_name(family.recipe))
    assert callable(resolve_name(family.trainer))
    if family.has_networks:
        pytest.importorskip("onnx")
    assert callable(resolve_name(family.export))
    assert callable(resolve_name(family.bundler))


def test_unknown_names_are_told_the_known_ones():
    known = "petsgan"
    message = rf"^model: must be one of .*{known}.*, got 'petgan'; did you mean '{known}'$"
    for call in (family_of_model, preset_names, lambda m: load_preset("fast", model=m)):
        with pytest.raises(ConfigError, match=message):
            call("petgan")
    with pytest.raises(ConfigError, match=message):
        preset_ablations("fast", model="petgan")
    message = rf"^bundle: family must be one of .*{known}.*, got 'pets.ngan'; did you mean"
    with pytest.raises(BundleError, match=message):
        family_named("pets\ngan", error=BundleError, label="bundle")
    with pytest.raises(ConfigError, match=r"family must be one of .*, got \['petsgan'\]$"):
        family_named(["petsgan"])


@pytest.fixture
def other(monkeypatch):
    """A second family, with the settings that all have."""
    entry = Family(
        name="other",
        models=("other", "variant"),
        options=(FamilyOption("detail", "HOW", "how much of it."),),
        settings=TrainedSettings,
        recipe="nowhere:Recipe",
        export="nowhere:take_apart",
    )
    monkeypatch.setattr(families, "FAMILIES", (*FAMILIES, entry))
    text = "family = 'other'\npreset = 'quick'\nprior.displacement = 1.0\ntraining.steps = 3\n"
    own = presets._preset_texts
    monkeypatch.setattr(
        presets, "_preset_texts", lambda m: {"quick": text} if m in entry.models else own(m)
    )
    return entry


def test_another_family_is_one_entry_and_its_presets(other):
    assert model_names()[-2:] == ("other", "variant")
    assert preset_names("variant") == ("quick",)
    settings = load_preset("quick", model="variant", overrides={"image.factor": 1})
    assert type(settings) is other.settings
    assert (settings.family, settings.training.steps, settings.image.factor) == ("other", 3, 1)
    with pytest.raises(
        ConfigError, match=r"preset must be one of quick or a .toml file, got 'fast"
    ):
        load_preset("fast", model="other")


@pytest.mark.usefixtures("other")
def test_a_file_must_be_of_the_family(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(
        "family = 'other'\npreset = 'mine'\nprior.displacement = 1.0\ntraining.steps = 3"
    )
    assert load_preset(path, model="variant").preset == "mine"
    message = (
        "preset must be of family 'petsgan' for model 'petsgan', got 'other'; hint: model 'other'"
    )
    with pytest.raises(ConfigError, match=message):
        load_preset(path)
    path.write_text("family = 'third'")
    with pytest.raises(ConfigError, match=r"family must be one of petsgan, .*other, got 'third'"):
        load_preset(path)
    path.write_text("preset = 'mine'")
    with pytest.raises(ConfigError, match="family must be given, got nothing"):
        load_preset(path)


def test_the_registry_imports_no_torch_and_no_numpy():
    code = (
        "import sys, petsgan_sdk.settings.families; "
        "print('numpy' in sys.modules, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
