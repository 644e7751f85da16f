"""From a photo to a checkpoint, whatever networks are trained: their recipe makes the run."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from petsgan_sdk._arrays import Array
from petsgan_sdk._text import valid_texts
from petsgan_sdk.checkpoint import Checkpoint, save_checkpoint
from petsgan_sdk.errors import BackendUnavailableError, ConfigError, TrainingError
from petsgan_sdk.files import check_distinct, check_writable
from petsgan_sdk.models.ambient import plain_torch
from petsgan_sdk.priors import parse_priors
from petsgan_sdk.settings import TrainedSettings
from petsgan_sdk.stations.photo import load_photo
from petsgan_sdk.stations.train import TrainRequest, TrainResult, photo_facts
from petsgan_sdk.training.loop import run_steps
from petsgan_sdk.training.precision import choose_precision
from petsgan_sdk.training.previous import check_same_photo, go_on, load_previous
from petsgan_sdk.training.recipe import RunInput, TrainingRun, create_recipe
from petsgan_sdk.training.rng import fold_seed

__all__ = ["train_networks"]


@plain_torch()
def train_networks(request: TrainRequest) -> TrainResult:
    """Train networks on one photo.

    Raises:
        PetsganError: As `stations.train.train`.
        KeyboardInterrupt: After Ctrl-C; the state is saved.
    """
    path, note = request.checkpoint_path, request.note
    recipe = create_recipe(request.model, request.options)
    choice = parse_priors(request.prior) if request.prior else None
    given: dict[str, object] = {
        "image.max_size_px": request.max_size_px,
        "prior.name": choice.name if choice else None,
        "training.steps": request.steps,
        "training.seed": request.seed,
    }
    loaded = request.load_settings(given, decided=recipe.overrides)
    device = _choose_device(request.device)
    settings = _settle_precision(recipe.settle(loaded), device)
    check_distinct(path, request.image_path, *recipe.files)
    check_writable(path, overwrite=request.overwrite or request.resume)
    # All that can be refused without the image is refused before it is read.
    previous = load_previous(path, settings) if request.resume else None
    photo = load_photo(request.image_path, settings.image, note)
    if previous is not None:
        check_same_photo(previous, path, photo)
    note(f"device {device}, {settings.training.precision}")
    choice = choice or parse_priors(settings.prior.name)
    run_input = RunInput(settings, photo, device, choice, note)
    with _seeded(settings.training.seed):
        training = recipe.start(run_input)
    if previous is not None:
        go_on(training, previous, path, note)
    elif request.resume:
        note(f"nothing to resume at {str(path)!r}, starting at step 0")
    return _run(training, run_input, previous, request)


def _run(
    training: TrainingRun,
    given: RunInput[TrainedSettings],
    previous: Checkpoint | None,
    request: TrainRequest,
) -> TrainResult:
    """Run the steps that are left, and save at times and at the end."""
    first, seconds_before = (
        (0, 0.0) if previous is None else (previous.steps_done, previous.seconds)
    )
    total, path = given.settings.training.steps, request.checkpoint_path
    started = time.monotonic()
    saved = 0

    def seconds() -> float:
        return seconds_before + time.monotonic() - started

    def save(steps_done: int) -> None:
        nonlocal saved
        arrays = training.state()
        _check_finite(arrays, steps_done)
        checkpoint = Checkpoint(
            settings=given.settings,
            steps_done=steps_done,
            seconds=seconds(),
            photo=given.photo.rgb,
            provenance=_provenance(training, given),
            arrays=arrays,
        )
        # Whether an older file may go was settled before the first step.
        save_checkpoint(path, checkpoint, overwrite=True)
        saved = steps_done

    try:
        run_steps(training, first=first, steps=total, save=save, progress=request.progress)
    except KeyboardInterrupt:
        if saved:
            given.note(f"saved {str(path)!r} at step {saved} of {total}; {request.go_on}")
        raise
    height, width = given.photo.rgb.shape[:2]
    return TrainResult(path, total, seconds(), (width, height))


def _choose_device(name: str) -> torch.device:
    """Decide on `auto`, `cpu`, `cuda` or `cuda:N`."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    kind, _, number = name.partition(":")
    if kind not in ("cpu", "cuda") or not re.fullmatch("(:[0-9]{1,4})?", name[len(kind) :]):
        msg = f"device: must be auto, cpu, cuda or cuda:N, got {name!r}"
        raise ConfigError(msg)
    count = torch.cuda.device_count() if kind == "cuda" else 1
    if int(number or 0) >= count:
        msg = f"device: {name!r} was asked for, but this torch sees {count} {kind.upper()} devices"
        raise BackendUnavailableError(msg, hint="--device cpu, or a CUDA build of torch")
    return torch.device(name)


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Decide initial weights by the seed, and leave the caller's random numbers alone."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(fold_seed(seed))
        yield


def _check_finite(arrays: Mapping[str, Array], step: int) -> None:
    """Refuse to save weights that the last update broke: the next loss would tell too late."""
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            msg = (
                f"training: weights {name!r} must be finite, got NaN or infinity after step "
                f"{step}; hint: train with another seed or lower learning rates"
            )
            raise TrainingError(msg)


def _settle_precision(settings: TrainedSettings, device: torch.device) -> TrainedSettings:
    """Replace `auto`, so that a checkpoint tells, and one of another precision is not continued."""
    precision = choose_precision(settings.training.precision, device)
    return replace(settings, training=replace(settings.training, precision=precision))


def _provenance(training: TrainingRun, given: RunInput[TrainedSettings]) -> dict[str, Any]:
    facts: dict[str, Any] = {
        **{name: dict(facts) for name, facts in training.record.items()},
        **photo_facts(given.photo),
        "device": str(given.device),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }
    named: dict[str, Any] = valid_texts(facts)  # names of files need not be valid text
    return named
