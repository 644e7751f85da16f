"""The model families, and the only place that knows them all.

To add one, write its files and enter it here. What needs torch is named as `module:attribute` and
imported where it is used. This module imports the standard library and the settings only.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from petsgan_sdk._text import short
from petsgan_sdk.errors import ConfigError, PetsganError
from petsgan_sdk.settings import ModelSettings
from petsgan_sdk.settings.exsingan import ExsinganSettings
from petsgan_sdk.settings.instant import InstantSettings
from petsgan_sdk.settings.petsgan import PetsganSettings
from petsgan_sdk.settings.typed import nearest

__all__ = [
    "FAMILIES",
    "Family",
    "FamilyOption",
    "check_options",
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
    """What its trainer makes of a photo: for networks a `training.recipe.Recipe`, else a
    `fitting.run.Fit`."""
    export: str
    """How its bundler takes a `Checkpoint` apart: for networks a function to
    `export.bundle.Deployment`, else to `fitting.bundle.FittedDeployment`."""
    trainer: str = "petsgan_sdk.training.run:train_networks"
    """Who trains it: a function from `stations.train.TrainRequest` to `TrainResult`."""
    bundler: str = "petsgan_sdk.export.bundle:export_networks"
    """Who exports it: a function from `stations.export.ExportRequest` to `ExportResult`."""
    has_networks: bool = True
    """Whether networks are trained, which needs torch and may take a device, a prior and steps, and
    can be continued; and become graphs, which need a provider. Else a photo is fitted at once, and
    the base install does all of it."""

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
    Family(
        name="instant",
        models=("instant",),
        options=(),
        settings=InstantSettings,
        recipe="petsgan_sdk.fitting.instant:fit",
        export="petsgan_sdk.fitting.instant:take_apart",
        trainer="petsgan_sdk.fitting.run:fit_and_save",
        bundler="petsgan_sdk.fitting.bundle:export_fit",
        has_networks=False,
    ),
)


def check_options(model: str, names: Iterable[str]) -> None:
    """Refuse options that a model does not know.

    Args:
        model: A name from `model_names`.
        names: As on the command line without the dashes.

    Raises:
        ConfigError: No such model, or an option of another one; the message says whose it is.
    """
    known = family_of_model(model).option_names
    for name in names:
        if name in known:
            continue
        owners = [each for f in FAMILIES if name in f.option_names for each in f.models]
        if owners:
            msg = f"options: {name!r} is of model {' and '.join(owners)}, got model {model!r}"
        else:
            listed = ", ".join(known) or "none"
            close = nearest(name, known)
            msg = f"options: of model {model!r} must be among {listed}, got {name!r}{close}"
        raise ConfigError(msg)


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
