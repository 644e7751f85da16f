"""From options and a photo to an ExSinGAN in training."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from petsgan_sdk.errors import ConfigError
from petsgan_sdk.models.exsingan import ExsinganGenerator
from petsgan_sdk.settings.exsingan import ExsinganSettings
from petsgan_sdk.training.exsingan.finished import FinishedStructure
from petsgan_sdk.training.exsingan.perceptual import (
    DeepVgg,
    choose_perceptual,
    load_deep_vgg,
    needed_vgg,
)
from petsgan_sdk.training.exsingan.training import ExsinganTraining
from petsgan_sdk.training.recipe import RunInput

__all__ = ["ExsinganRecipe", "parse_stages"]

_MIX = re.compile(r"\s*St\.?(\d+)\s*,?\s*Se\.?(\d+)\s*,?\s*Te\.?(\d+)\s*", re.IGNORECASE)


class ExsinganRecipe:
    """How ExSinGAN and its mixes are trained.

    Options: `stages` (`St.1,Se.3,Te.3`), `rescale` (`exsingan`, `consingan` or `singan`),
    `perceptual` (`auto`, `none` or `vgg19:FILE`) and `stage0` (a checkpoint whose structural stage
    is taken as it is).

    Raises:
        ConfigError: A text of another form.
        InputError: A named file is not there.
        CheckpointError: `stage0` names no checkpoint with a structural stage.
    """

    def __init__(self, options: Mapping[str, str]) -> None:
        """Read the options."""
        self.overrides: dict[str, object] = {}
        self._weights: Path | None = None
        self._structure: FinishedStructure | None = None
        if "stages" in options:
            self.overrides |= parse_stages(options["stages"])
        if "rescale" in options:
            self.overrides["pyramid.rescale"] = options["rescale"]
        if "perceptual" in options:
            kind, self._weights = choose_perceptual(options["perceptual"])
            self.overrides["perceptual"] = kind
        if "stage0" in options:
            self._structure = FinishedStructure(Path(options["stage0"]))
            self.overrides |= self._structure.overrides

    @property
    def files(self) -> Sequence[Path]:
        """Weights and a model, if they are used."""
        model = None if self._structure is None else self._structure.path
        return [file for file in (self._weights, model) if file is not None]

    def settle(self, settings: ExsinganSettings) -> ExsinganSettings:
        """Decide whether there is a perceptual loss.

        Raises:
            InputError: There is to be one, and there are no weights; the message says what to do.
        """
        is_weighed = settings.losses.perceptual > 0 and settings.stages.semantic > 0
        if settings.perceptual == "none" or not is_weighed:
            return replace(settings, perceptual="none")
        if self._weights is None:
            self._weights = needed_vgg()
        return replace(settings, perceptual="vgg19")

    def start(self, given: RunInput[ExsinganSettings]) -> ExsinganTraining:
        """Build the generator for a photo, and its prior."""
        settings = given.settings
        generator = ExsinganGenerator(settings, given.photo.rgb).to(given.device)
        sizes = ", ".join(f"{width}x{height}" for height, width in generator.sizes)
        given.note(f"levels {sizes}")
        network: DeepVgg | None = None
        if settings.perceptual == "vgg19":
            assert self._weights is not None  # `settle` found them
            network = load_deep_vgg(self._weights).to(given.device)
            given.note(f"perceptual loss on VGG-19 weights in {str(self._weights)!r}")
        prior = None
        if settings.stages.structural:
            last = len(generator.sizes) - 1
            prior = given.make_prior(generator.level(last), generator.level(0))
        if self._structure is not None:
            self._structure.give(generator, given.photo.rgb)
        return ExsinganTraining(generator, prior=prior, network=network, structure=self._structure)


def parse_stages(text: str) -> dict[str, object]:
    """Read a mix such as `St.1,Se.3,Te.3`, as the paper writes it.

    Returns:
        Settings by dotted path.

    Raises:
        ConfigError: Another text.
    """
    found = _MIX.fullmatch(text)
    if found is None:
        msg = f"stages: must be of the form St.1,Se.3,Te.3, got {text!r}"
        raise ConfigError(msg)
    names = ("structural", "semantic", "texture")
    return {f"stages.{n}": int(c) for n, c in zip(names, found.groups(), strict=True)}
