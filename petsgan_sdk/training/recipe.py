"""What training needs of a model family. `families` names the recipe of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, Generic, Protocol, TypeVar

import torch
from torch import Tensor

from petsgan_sdk._arrays import Array
from petsgan_sdk.errors import ConfigError
from petsgan_sdk.priors import LayoutPrior, PriorChoice, PriorInput, create_prior
from petsgan_sdk.settings import TrainedSettings
from petsgan_sdk.settings.families import check_options, family_of_model
from petsgan_sdk.stations.photo import TrainingPhoto
from petsgan_sdk.training.loop import Trainable

__all__ = ["Recipe", "RunInput", "TrainingRun", "create_recipe"]

SettingsT = TypeVar("SettingsT", bound=TrainedSettings)


@dataclass(frozen=True, slots=True)
class RunInput(Generic[SettingsT]):
    """What a run is started from."""

    settings: SettingsT
    """Settled: nothing is `auto`."""
    photo: TrainingPhoto
    """At training size."""
    device: torch.device
    """Where to train."""
    prior: PriorChoice
    """Where layouts come from, with what stood behind each name."""
    note: Callable[[str], None]
    """Told of what people should know, one line each."""

    def make_prior(self, image: Tensor, low_res: Tensor) -> LayoutPrior:
        """Make what layouts come from, for a photo at training and at layout size.

        Args:
            image: `[1, 3, H, W]` in [-1, 1].
            low_res: `[1, 3, h, w]` in [-1, 1].

        Raises:
            ConfigError: As `create_prior`.
            InputError: As `create_prior`.
        """
        settings = self.settings
        given = PriorInput(image, low_res, settings.prior, settings.training.seed, self.note)
        return create_prior(self.prior, given)


class TrainingRun(Trainable, Protocol):
    """The networks of one run, their optimizers, and its step."""

    @property
    def record(self) -> Mapping[str, Mapping[str, Any]]:
        """What the model is made from besides photo and settings, by name, in JSON types.

        `prior`, where layouts are learned, and other models that it builds on. A checkpoint keeps
        it. Each has a `digest` of what decides the weights, by which a resumed run is known; None
        if nothing does.
        """

    def state(self) -> dict[str, Array]:
        """Return every array that the next step depends on, by name, and the exported weights."""

    def load(self, arrays: Mapping[str, Array]) -> None:
        """Restore what `state` returned after any step.

        Raises:
            CheckpointError: An array is missing or of another shape.
        """


class Recipe(Protocol[SettingsT]):
    """How a family is trained; made from the options that were given, by name.

    Making one raises ConfigError for an option of another form, and InputError for a file that is
    not there: all that can be refused without the photo.
    """

    def __init__(self, options: Mapping[str, str]) -> None:
        """Read the options, none of which has to be given."""

    @property
    def overrides(self) -> Mapping[str, object]:
        """Settings by dotted path that the options decide."""

    @property
    def files(self) -> Sequence[Path]:
        """Files that the options name, which the checkpoint must not replace."""

    def settle(self, settings: SettingsT) -> SettingsT:
        """Replace every `auto` but that of `training.precision`, so that a checkpoint tells.

        Raises:
            ConfigError: The settings and the options do not go together.
            InputError: A file that the settings need is not there.
        """

    def start(self, given: RunInput[SettingsT]) -> TrainingRun:
        """Build networks and optimizers, at step 0; the global generator of torch is seeded.

        Raises:
            ConfigError: The photo is too small for the settings.
            InputError: A file cannot be used, or what the prior is made from.
        """


def create_recipe(model: str, options: Mapping[str, str]) -> Recipe[Any]:
    """Make the recipe of a model.

    Args:
        model: A name from `families.model_names`.
        options: Texts by name, as on the command line without the dashes.

    Raises:
        ConfigError: No such model, one without networks, or an option that its recipe does not
            know; the message says which model does.
        InputError: A file that an option names is not there.
    """
    family = family_of_model(model)
    if not family.has_networks:
        msg = f"training: model must have networks to train, got {model!r}, which has none"
        raise ConfigError(msg)
    check_options(model, options)
    recipe: Recipe[Any] = resolve_name(family.recipe)(options)
    return recipe
