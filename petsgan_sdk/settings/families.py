"""The model families, and the only place that knows them all.

To add one, write its files and enter it here. What needs torch is named as `module:attribute` and
imported where it is used. This module imports the standard library and the settings only.
"""

from __future__ import annotations

from dataclasses import dataclass

from petsgan_sdk._text import short
from petsgan_sdk.errors import ConfigError, PetsganError
from petsgan_sdk.settings import ModelSettings
from petsgan_sdk.settings.exsingan import ExsinganSettings
from petsgan_sdk.settings.petsgan import PetsganSettings
from petsgan_sdk.settings.typed import nearest

__all__ = [
    "FAMILIES",
    "Family",
    "FamilyOption",
    "family_named",
    "family_of_model",
    "model_names",
]


@dataclass(frozen=True, slots=True)
class FamilyOption:
    """An option of `train` that a family has for itself; its recipe reads the text."""

    name: str
    """Among the `options` of `train`, and on the command line behind two dashes."""
    metavar: str
    """What it takes, as the help shows it."""
    help: str
    """What it does, without the family's name, which the help puts before it."""


@dataclass(frozen=True, slots=True)
class Family:
    """What the stations from training to export need of a model family."""

    name: str
    """As `family` in its settings."""
    models: tuple[str, ...]
    """What `--model` may name; each has a folder of presets, `presets/<model>/`."""
    options: tuple[FamilyOption, ...]
    """Options of `train` that are its own."""
    settings: type[ModelSettings]
    """Class of its settings."""
    recipe: str
    """How it is trained: a `training.recipe.Recipe`."""
    export: str
    """How it is taken apart: a function from `Checkpoint` to `export.bundle.Deployment`."""

    @property
    def option_names(self) -> tuple[str, ...]:
        """Names of its own options."""
        return tuple(option.name for option in self.options)


FAMILIES: tuple[Family, ...] = (
    Family(
        name="petsgan",
        models=("petsgan",),
        options=(
            FamilyOption(
                "features",
                "auto|filters|vgg19:FILE",
                "features of patches; paper needs VGG-19 unless filters are asked for.  "
                "[default: the preset's]",
            ),
            FamilyOption(
                "task",
                "generate|manipulate",
                "manipulate trains only what paint, edit, harmonize and stylize need.  "
                "[default: generate]",
            ),
            FamilyOption(
                "factor",
                "2|4|8|16",
                "how far layouts are reduced; less keeps more of what a task is given.  "
                "[default: the preset's]",
            ),
            FamilyOption(
                "high-res",
                "512|1024",
                "longer side of larger images, 2, 4 or 8 times --max-size; the photo must be as "
                "large.",
            ),
        ),
        settings=PetsganSettings,
        recipe="petsgan_sdk.training.petsgan.recipe:PetsganRecipe",
        export="petsgan_sdk.export.petsgan:take_apart",
    ),
    Family(
        name="exsingan",
        models=("exsingan", "singan"),
        options=(
            FamilyOption(
                "stages",
                "St.1,Se.3,Te.3",
                "number of structural, semantic and texture stages.  [default: the preset's]",
            ),
            FamilyOption(
                "rescale",
                "exsingan|consingan|singan",
                "sizes of the stages.  [default: the preset's]",
            ),
            FamilyOption(
                "perceptual",
                "auto|none|vgg19:FILE",
                "features of the perceptual loss.  [default: the preset's]",
            ),
            FamilyOption("stage0", "MODEL.pt", "take the structural stage of a trained model."),
        ),
        settings=ExsinganSettings,
        recipe="petsgan_sdk.training.exsingan.recipe:ExsinganRecipe",
        export="petsgan_sdk.export.exsingan:take_apart",
    ),
)


def family_named(
    name: object, *, error: type[PetsganError] = ConfigError, label: str = "config"
) -> Family:
    """Return a family.

    Args:
        name: What a preset or a file gives as its family.
        error: What to raise.
        label: First word of the message.

    Raises:
        PetsganError: `error`, there is no such family; the message lists them.
    """
    known = {family.name: family for family in FAMILIES}
    if not isinstance(name, str) or name not in known:
        close = nearest(name, known) if isinstance(name, str) else ""
        msg = f"{label}: family must be one of {', '.join(known)}, got {short(name)}{close}"
        raise error(msg)
    return known[name]


def family_of_model(model: str) -> Family:
    """Return the family that a model belongs to.

    Raises:
        ConfigError: There is no such model; the message lists them.
    """
    for family in FAMILIES:
        if model in family.models:
            return family
    names = model_names()
    msg = f"model: must be one of {', '.join(names)}, got {model!r}{nearest(model, names)}"
    raise ConfigError(msg)


def model_names() -> tuple[str, ...]:
    """Return what `--model` may name."""
    return tuple(model for family in FAMILIES for model in family.models)
