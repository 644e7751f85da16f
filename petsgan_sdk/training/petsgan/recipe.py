"""From options and a photo to a PetsGAN in training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from petsgan_sdk.models import PetsganGenerator, VggFeatures
from petsgan_sdk.models.image import image_tensor
from petsgan_sdk.priors import LayoutPrior, PriorInput, create_prior
from petsgan_sdk.settings.petsgan import PetsganConfig
from petsgan_sdk.training.petsgan.steps import PetsganTraining
from petsgan_sdk.training.recipe import RunInput
from petsgan_sdk.training.vgg import cached_vgg, choose_features, load_vgg

__all__ = ["PetsganRecipe"]


class PetsganRecipe:
    """How PetsGAN is trained; its option `features` is `auto`, `filters` or `vgg19:FILE`.

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

    def start(self, given: RunInput[PetsganConfig]) -> PetsganTraining:
        """Build the generator for a photo, its prior and its critics."""
        settings = given.settings
        generator = PetsganGenerator(settings, image_tensor(given.source.rgb))
        if isinstance(generator.features, VggFeatures) and self._file is not None:
            load_vgg(generator.features, self._file)
            given.note(f"patch features from VGG-19 weights in {str(self._file)!r}")
        else:
            given.note("patch features from the built-in filter bank")
        generator.features.fit(generator.low_res)
        height, width = generator.size
        if min(height, width) < settings.transfer.window:
            small = f"the layout is {width}x{height}, smaller than a patch"
            given.note(f"{small}: expect little variety")
        generator.to(given.device)
        return PetsganTraining(generator, _prior(generator, given))


def _prior(generator: PetsganGenerator, given: RunInput[PetsganConfig]) -> LayoutPrior:
    prior_input = PriorInput(
        image=generator.image,
        low_res=generator.low_res,
        config=given.settings.prior,
        seed=given.settings.training.seed,
        note=given.note,
    )
    return create_prior(given.prior, prior_input)
