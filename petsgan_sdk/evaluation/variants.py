"""The rows of the papers' table: a preset as it is, and its ablations."""

from __future__ import annotations

from collections.abc import Iterable

from petsgan_sdk.errors import ConfigError
from petsgan_sdk.settings.families import family_of_model
from petsgan_sdk.settings.presets import preset_ablations

__all__ = ["FULL", "ablation_of", "choose_variants"]

FULL = "full"
"""The preset as it is."""


def choose_variants(
    preset: str, names: Iterable[str] | None = None, *, model: str = "petsgan"
) -> tuple[str, ...]:
    """The rows asked for, or all that differ from the preset and the preset itself.

    Args:
        preset: As `load_preset`.
        names: `full` and names of `preset_ablations`.
        model: As `load_preset`.

    Returns:
        Names, once each, in the order given or that of the preset.

    Raises:
        ConfigError: A name, the preset or the model is unknown, or the model trains no networks.
    """
    if not family_of_model(model).has_networks:
        msg = f"model: --table trains networks, and model {model!r} has none; evaluate its bundle"
        raise ConfigError(msg)
    ablations = preset_ablations(preset, model=model)
    if names is None:
        # An ablation without changes is what the preset is already.
        return (FULL, *(name for name, changes in ablations.items() if changes))
    chosen = tuple(dict.fromkeys(name.strip() for name in names))
    for name in chosen:
        if name not in (FULL, *ablations):
            known = ", ".join((FULL, *ablations))
            msg = f"variants: must be some of {known}, got {name!r}"
            raise ConfigError(msg)
    return chosen


def ablation_of(variant: str) -> str | None:
    """The ablation of `train` and `load_preset` that a row is made with."""
    return None if variant == FULL else variant
