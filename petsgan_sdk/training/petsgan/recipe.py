"""From options and a photo to a PetsGAN in training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from petsgan_sdk._typed import nearest
from petsgan_sdk.errors import ConfigError
from petsgan_sdk.models import DipNet, PetsganGenerator, VggFeatures
from petsgan_sdk.models.image import image_tensor
from petsgan_sdk.priors import LayoutPrior, PriorInput, create_prior
from petsgan_sdk.settings.petsgan import PetsganConfig
from petsgan_sdk.training.petsgan.manipulation import ManipulationTraining
from petsgan_sdk.training.petsgan.steps import PetsganTraining
from petsgan_sdk.training.recipe import RunInput, TrainingRun
from petsgan_sdk.training.vgg import cached_vgg, choose_features, load_vgg

__all__ = ["PetsganRecipe"]

_FACTORS = ("2", "4", "8", "16")


class PetsganRecipe:
    """How PetsGAN is trained.

    Its options: `features` is `auto`, `filters` or `vgg19:FILE`; `task` is `generate` or
    `manipulate`; `factor` is that of the image to the layout.

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

    @property
    def files(self) -> Sequence[Path]:
        """Weights of VGG-19, if they are used."""
        return () if self._file is None else (self._file,)

    def settle(self, settings: PetsganConfig) -> PetsganConfig:
        """Decide what patches are compared by.

        Raises:
            InputError: VGG-19 is asked for, and there are no weights.
        """
        kind = settings.transfer.features
        if kind != "filters" and self._file is None:
            self._file = cached_vgg(is_needed=kind == "vgg19")
        kind = "filters" if self._file is None else "vgg19"
        return replace(settings, transfer=replace(settings.transfer, features=kind))

    def start(self, given: RunInput[PetsganConfig]) -> TrainingRun:
        """Build the networks for a photo, its prior and its critics."""
        settings, image = given.settings, image_tensor(given.source.rgb)
        is_alone = settings.task == "manipulate"
        network = (DipNet if is_alone else PetsganGenerator)(settings, image)
        self._prepare(network, given)
        network.to(given.device)
        prior = _prior(network, given)
        if isinstance(network, PetsganGenerator):
            return PetsganTraining(network, prior)
        return ManipulationTraining(network, prior)

    def _prepare(self, network: DipNet, given: RunInput[PetsganConfig]) -> None:
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


def _one_of(name: str, text: str, known: Sequence[str]) -> str:
    if text not in known:
        msg = f"{name}: must be one of {', '.join(known)}, got {text!r}{nearest(text, known)}"
        raise ConfigError(msg)
    return text


def _prior(network: DipNet, given: RunInput[PetsganConfig]) -> LayoutPrior:
    prior_input = PriorInput(
        image=network.image,
        low_res=network.low_res,
        config=given.settings.prior,
        seed=given.settings.training.seed,
        note=given.note,
    )
    return create_prior(given.prior, prior_input)
