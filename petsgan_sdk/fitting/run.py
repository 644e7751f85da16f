"""From a photo to a fit, and to its checkpoint or bundle."""

from __future__ import annotations

import time
from collections.abc import Callable
from pkgutil import resolve_name
from typing import Any, NoReturn, Protocol

import numpy as np

from petsgan_sdk._arrays import Array, ImageArray
from petsgan_sdk._text import valid_texts
from petsgan_sdk.checkpoint import Checkpoint, save_checkpoint
from petsgan_sdk.errors import ConfigError
from petsgan_sdk.files import check_distinct, check_writable
from petsgan_sdk.fitting.bundle import write_fitted
from petsgan_sdk.settings.families import family_named
from petsgan_sdk.stations.photo import load_photo
from petsgan_sdk.stations.train import Progress, TrainRequest, TrainResult, photo_facts

__all__ = ["Fit", "fit_and_save"]

_BUNDLE_ENDING = ".petsgan"
_DEVICES = ("auto", "cpu")


class Fit(Protocol):
    """What a family makes of a photo."""

    def __call__(
        self, rgb: ImageArray, settings: Any, *, progress: Callable[[int, int], None]
    ) -> dict[str, Array]:
        """Return what was fitted as arrays by name, for a checkpoint.

        Args:
            rgb: `[H, W, 3]` uint8.
            settings: Of the family.
            progress: Told how many of how many rounds are done.

        Raises:
            ConfigError: The photo is too small for the settings.
        """


def fit_and_save(request: TrainRequest) -> TrainResult:
    """Fit a photo, and write a checkpoint, or a bundle where the name ends in `.petsgan`.

    Nothing is written before it is done: after Ctrl-C there is no file.

    Raises:
        PetsganError: As `stations.train.train`.
    """
    _refuse_training(request)
    settings = request.load_settings({"image.max_size_px": request.max_size_px})
    path = request.checkpoint_path
    check_distinct(path, request.image_path)
    check_writable(path, overwrite=request.overwrite)
    photo = load_photo(request.image_path, settings.image, request.note, task="fitting")

    def progress(done: int, total: int) -> None:
        if request.progress is not None:
            request.progress(Progress(done, total, {}, ""))

    started = time.monotonic()
    fit: Fit = resolve_name(family_named(settings.family).recipe)
    arrays = fit(photo.rgb, settings, progress=progress)
    seconds = time.monotonic() - started
    facts = {**photo_facts(photo), "device": "cpu", "numpy": np.__version__}
    checkpoint = Checkpoint(
        settings=settings,
        steps_done=settings.total_steps,
        seconds=seconds,
        photo=photo.rgb,
        provenance=valid_texts(facts),  # names of files need not be valid text
        arrays=arrays,
    )
    is_bundle = path.suffix.lower() == _BUNDLE_ENDING
    if is_bundle:
        write_fitted(checkpoint, path, overwrite=request.overwrite, note=request.note)
    else:
        save_checkpoint(path, checkpoint, overwrite=request.overwrite)
    height, width = photo.rgb.shape[:2]
    return TrainResult(path, settings.total_steps, seconds, (width, height), is_bundle=is_bundle)


def _refuse_training(request: TrainRequest) -> None:
    """Refuse what only the training of networks can be told."""

    def refuse(what: str, found: object) -> NoReturn:
        msg = (
            f"{what} must be left out with model {request.model!r}, which is fitted at once and "
            f"trains no networks, got {found!r}"
        )
        raise ConfigError(msg)

    for name in ("steps", "prior", "ablation", "seed"):
        if (found := getattr(request, name)) is not None:
            refuse(name, found)
    if request.resume:
        refuse("resume", True)
    if request.device not in _DEVICES:
        msg = (
            f"device: must be {' or '.join(_DEVICES)} with model {request.model!r}, which is "
            f"fitted on the CPU, got {request.device!r}"
        )
        raise ConfigError(msg)
