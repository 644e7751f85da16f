"""Tables of a preset that change its settings: ablations, and those of many layouts."""

from __future__ import annotations

import pytest

from petsgan_sdk.errors import ConfigError
from petsgan_sdk.settings.presets import load_preset, preset_ablations, to_dict

PRESETS = ["fast", "paper"]
NAMES = ["end-to-end", "cascaded", "no-patch-gan", "no-external-prior", "no-internal-prior"]


def flat(settings, path=""):
    pairs = {}
    for name, value in settings.items():
        pairs |= flat(value, f"{path}{name}.") if isinstance(value, dict) else {path + name: value}
    return pairs


def changes(preset, ablation, **overrides):
    """What an ablation changes in the resolved settings."""
    before = flat(to_dict(load_preset(preset, overrides=overrides)))
    after = flat(to_dict(load_preset(preset, overrides=overrides, ablation=ablation)))
    return {name: after[name] for name in before if after[name] != before[name]}


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_has_the_papers_ablations(preset):
    assert list(preset_ablations(preset)) == NAMES


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("prior", ["internal", "folder", "internal+folder"])
@pytest.mark.parametrize("ablation", NAMES)
def test_ablations_change_what_they_say_and_nothing_else(preset, prior, ablation):
    told = preset_ablations(preset)[ablation]
    changed = changes(preset, ablation, **{"prior.name": prior})
    assert changed.pop("ablation") == ablation
    assert changed.items() <= told.items()
    if prior == "internal":
        # Without `many_layouts` in between, only a loss that is 0 already may be an idle change.
        idle = told.keys() - changed.keys()
        assert all(name.startswith("losses.") for name in idle), idle


def test_one_of_cascaded_and_end_to_end_is_the_preset_itself():
    for preset in PRESETS:
        same = "end-to-end" if load_preset(preset).training.end_to_end else "cascaded"
        other = {"end-to-end": "cascaded", "cascaded": "end-to-end"}[same]
        assert preset_ablations(preset)[same] == {}
        assert load_preset(preset, ablation=other).training.end_to_end != (same == "end-to-end")


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("prior", ["internal", "folder"])
def test_terms_that_ablations_drop(preset, prior):
    def losses(ablation):
        overrides = {"prior.name": prior}
        return load_preset(preset, ablation=ablation, overrides=overrides).losses

    assert losses("no-patch-gan").adversarial == 0 < losses(None).adversarial
    gone = losses("no-external-prior")
    assert gone.paired == gone.layout_gan == gone.collapse == 0 < gone.adversarial
    gone = losses("no-internal-prior")
    assert gone.reconstruction == gone.sparsity == gone.consistency == gone.texture == 0
    assert gone.adversarial > 0


def test_overrides_win_over_ablations():
    config = load_preset("fast", ablation="no-patch-gan", overrides={"losses.adversarial": 0.5})
    assert (config.losses.adversarial, config.ablation) == (0.5, "no-patch-gan")


def test_unknown_ablations(tmp_path):
    with pytest.raises(ConfigError, match=r"one of cascaded, .* did you mean 'cascaded'"):
        load_preset("fast", ablation="cascade")
    bare = tmp_path / "bare.toml"
    bare.write_text('preset = "bare"')
    with pytest.raises(ConfigError, match=r"one of none, which is all .* got 'cascaded'"):
        load_preset(bare, ablation="cascaded")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ablations = 3", "ablations must be a table, got 3"),
        ("[ablations]\nmine = 3", r"ablations\.mine must be a table, got 3"),
        ("many_layouts = 3", "many_layouts must be a table, got 3"),
        ("[many_layouts.losses]\npaired = 1", r"prior\.displacement must be given"),
    ],
)
def test_tables_that_are_none(text, message, tmp_path):
    preset = tmp_path / "mine.toml"
    preset.write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_preset(preset)


def test_many_layouts_need_modes_and_one_does_not():
    plain = load_preset("fast")
    assert plain.depnet.modes == 0
    for overrides in ({"prior.name": "folder"}, {"prior.name": "synthesis"}, {"prior.flip": True}):
        config = load_preset("fast", overrides=overrides)
        assert config.depnet.modes > 1
        # IR has no fewer steps than it has otherwise.
        steps = config.training.steps * (1 - config.training.restoration_from)
        assert steps >= 0.98 * plain.training.steps * (1 - plain.training.restoration_from)
    own = load_preset("fast", overrides={"prior.name": "folder", "depnet.modes": 5})
    assert own.depnet.modes == 5
    paper = load_preset("paper", overrides={"prior.name": "folder"})
    assert (paper.depnet.modes, paper.losses.layout_gan) == (0, 1)
