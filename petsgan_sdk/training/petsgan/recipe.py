"""From options and a photo to a PetsGAN in training."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch.nn import functional

from petsgan_sdk.errors import ConfigError, InputError
from petsgan_sdk.models import DipNet, PetsganGenerator, VggFeatures
from petsgan_sdk.models.arrays import image_tensor
from petsgan_sdk.models.petsgan_enlargement import enlarging_net
from petsgan_sdk.settings.petsgan import PetsganSettings
from petsgan_sdk.settings.typed import nearest
from petsgan_sdk.stations.photo import TrainingPhoto
from petsgan_sdk.training.petsgan.enlargement import HighResTraining
from petsgan_sdk.training.petsgan.manipulation import ManipulationTraining
from petsgan_sdk.training.petsgan.training import PetsganTraining
from petsgan_sdk.training.recipe import RunInput, TrainingRun
from petsgan_sdk.training.vgg import cached_vgg, choose_features, load_vgg

__all__ = ["PetsganRecipe"]

_FACTORS = ("2", "4", "8", "16")


class PetsganRecipe:
    """How PetsGAN is trained.

    Its options: `features` is `auto`, `filters` or `vgg19:FILE`; `task` is `generate` or
    `manipulate`; `factor` is that of the image to the layout; `high-res` is the longer side of
    larger images.

    Raises:
        ConfigError: Another text.
        InputError: The named file is not there.
    """

    def __init__(self, options: Mapping[str, str]) -> None:
        """Read the options."""
        self.overrides: dict[str, object] = {}
        self._file: Path | None = None
        if "features" in options:
            kind, self._file = choose_features(options["features"])
            self.overrides["transfer.features"] = kind
        if "task" in options:
            self.overrides["task"] = _one_of("task", options["task"], ("generate", "manipulate"))
        if "factor" in options:
            self.overrides["image.factor"] = int(_one_of("factor", options["factor"], _FACTORS))

        self._high_res_px = _pixels(options["high-res"]) if "high-res" in options else None

    @property
    def files(self) -> Sequence[Path]:
        """Weights of VGG-19, if they are used."""
        return () if self._file is None else (self._file,)

    def settle(self, settings: PetsganSettings) -> PetsganSettings:
        """Decide what patches are compared by, and what a larger image is.

        Raises:
            ConfigError: The larger image does not go with the generator's.
            InputError: VGG-19 is asked for, and there are no weights.
        """
        kind = settings.transfer.features
        if kind != "filters" and self._file is None:
            self._file = cached_vgg(is_needed=kind == "vgg19")
        kind = "filters" if self._file is None else "vgg19"
        settings = replace(settings, transfer=replace(settings.transfer, features=kind))
        return settings if self._high_res_px is None else _enlarged(settings, self._high_res_px)

    def start(self, given: RunInput[PetsganSettings]) -> TrainingRun:
        """Build the networks for a photo, its prior and its critics."""
        settings, photo = given.settings, image_tensor(given.photo.rgb).to(given.device)
        times = settings.enlargement.factor
        if times > 1:
            _check_large(given.photo, settings)
        if settings.task == "manipulate":
            network = DipNet(settings, photo)
            self._prepare(network, given)
            return ManipulationTraining(network, given.make_prior(network.image, network.low_res))
        generator = PetsganGenerator(settings, functional.avg_pool2d(photo, times))
        self._prepare(generator, given)
        prior = given.make_prior(generator.image, generator.low_res)
        training = PetsganTraining(generator, prior, given.photo.rgb)
        if times == 1:
            return training
        return HighResTraining(training, photo, enlarging_net(settings).to(given.device))

    def _prepare(self, network: DipNet, given: RunInput[PetsganSettings]) -> None:
        """Settle what patches are compared by, and say what is worth knowing."""
        if isinstance(network.features, VggFeatures) and self._file is not None:
            load_vgg(network.features, self._file)
            given.note(f"patch features from VGG-19 weights in {str(self._file)!r}")
        else:
            given.note("patch features from the built-in filter bank")
        network.features.fit(network.low_res)
        height, width = network.size
        if min(height, width) < given.settings.transfer.window:
            small = f"the layout is {width}x{height}, smaller than a patch"
            given.note(f"{small}: expect little variety")
        network.to(given.device)


def _one_of(name: str, text: str, known: Sequence[str]) -> str:
    if text not in known:
        msg = f"{name}: must be one of {', '.join(known)}, got {text!r}{nearest(text, known)}"
        raise ConfigError(msg)
    return text


def _pixels(text: str) -> int:
    if not re.fullmatch("[0-9]{1,4}", text):
        msg = f"high-res: must be a number of pixels such as 512 or 1024, got {text!r}"
        raise ConfigError(msg)
    return int(text)


def _enlarged(settings: PetsganSettings, size_px: int) -> PetsganSettings:
    """Settings of the larger image, with the same generator in it."""
    own = settings.image.max_size_px
    if size_px not in (2 * own, 4 * own, 8 * own):
        msg = (
            f"high-res: must be {2 * own}, {4 * own} or {8 * own} on top of --max-size {own}, got "
            f"{size_px}"
        )
        raise ConfigError(msg)
    if settings.task == "manipulate":
        msg = "high-res: must come with --task generate, got 'manipulate', which has no generator"
        raise ConfigError(msg)
    times: Any = size_px // own
    extra = settings.enlargement.steps
    return replace(
        settings,
        image=replace(settings.image, max_size_px=size_px, factor=times * settings.image.factor),
        enlargement=replace(settings.enlargement, factor=times),
        training=replace(settings.training, steps=settings.training.steps + extra),
    )


def _check_large(photo: TrainingPhoto, settings: PetsganSettings) -> None:
    needed, (width, height) = settings.image.max_size_px, photo.original_px
    if max(width, height) < needed:
        msg = (
            f"image: {photo.name!r} must be at least {needed} px long for --high-res {needed}, "
            f"got {width}x{height}"
        )
        raise InputError(msg)
