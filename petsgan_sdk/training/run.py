"""From a photo to a checkpoint, whatever the model family: its recipe makes the run."""

from __future__ import annotations

import platform
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

import petsgan_sdk
from petsgan_sdk._arrays import Array
from petsgan_sdk._text import valid_texts
from petsgan_sdk.checkpoint import Checkpoint, save_checkpoint
from petsgan_sdk.errors import BackendUnavailableError, ConfigError, TrainingError
from petsgan_sdk.files import check_distinct, check_writable
from petsgan_sdk.models.ambient import plain_torch
from petsgan_sdk.priors import parse_priors
from petsgan_sdk.settings import ModelSettings
from petsgan_sdk.settings.presets import load_preset
from petsgan_sdk.training.loop import Progress, run_steps
from petsgan_sdk.training.photo import load_photo
from petsgan_sdk.training.precision import choose_precision
from petsgan_sdk.training.previous import check_same_photo, go_on, load_previous
from petsgan_sdk.training.recipe import RunInput, TrainingRun, create_recipe
from petsgan_sdk.training.rng import fold_seed

__all__ = ["TrainResult", "train"]

Note = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class TrainResult:
    """What a finished run left."""

    checkpoint: Path
    """The file."""
    steps: int
    """Steps of the whole run."""
    seconds: float
    """Training time, that of interrupted parts included."""
    size_px: tuple[int, int]
    """Width and height of the training image."""


@plain_torch()
def train(
    image_path: Path,
    checkpoint_path: Path,
    *,
    model: str = "petsgan",
    preset: str = "fast",
    max_size_px: int | None = None,
    steps: int | None = None,
    prior: str | Sequence[str] | None = None,
    ablation: str | None = None,
    options: Mapping[str, str] | None = None,
    device: str = "auto",
    seed: int | None = None,
    resume: bool = False,
    overwrite: bool = False,
    overrides: Mapping[str, object] | None = None,
    progress: Callable[[Progress], None] | None = None,
    note: Note = lambda _: None,
) -> TrainResult:
    """Learn a generator from one photo.

    On the CPU the same arguments give the same weights, run after run, interrupted or not (for the
    same number of torch threads), and whatever the caller set torch to: it runs under torch's own
    defaults, see `models.ambient`, and leaves the caller's state as it was.

    Args:
        image_path: Any image that Pillow reads.
        checkpoint_path: Where to write the model.
        model: What to train, a name from `families.model_names`.
        preset: `fast`, `paper`, or a TOML file.
        max_size_px: Longest side to learn at, but see `imaging.fit_size` for panoramas; None takes
            the preset's, here and below.
        steps: Length of the run.
        prior: Where layouts come from: `internal`, `folder:DIR`, `biggan:DIR`, or several to mix.
        ablation: A variant of the preset, see `settings.presets.preset_ablations`.
        options: What only this model's family knows, such as `{"features": "filters"}`.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        seed: 0 to 2^63 - 1.
        resume: Continue the run that `checkpoint_path` holds.
        overwrite: Replace an existing file.
        overrides: Further settings by dotted path, such as `{"losses.adversarial": 0.1}`.
        progress: Called after every step.
        note: Told of conversions, sizes and choices.

    Raises:
        InputError: The image is not usable, or what the prior or an option names.
        ConfigError: A setting is out of range, or an option is of another model.
        OutputError: The checkpoint exists, or cannot be written.
        CheckpointError: `resume`, and the file is of another run.
        TrainingError: A loss or a weight became NaN.
        BackendUnavailableError: The device is not there.
        KeyboardInterrupt: After Ctrl-C; the state is saved.
    """
    recipe = create_recipe(model, options or {})
    choice = parse_priors(prior) if prior else None
    given: dict[str, object] = {
        "image.max_size_px": max_size_px,
        "prior.name": choice.name if choice else None,
        "training.steps": steps,
        "training.seed": seed,
    }
    asked = {name: value for name, value in given.items() if value is not None}
    asked = {**(overrides or {}), **recipe.overrides, **asked}
    settings = load_preset(preset, model=model, overrides=asked, ablation=ablation)
    torch_device = _choose_device(device)
    settings = _settle_precision(recipe.settle(settings), torch_device)
    check_distinct(checkpoint_path, image_path, *recipe.files)
    check_writable(checkpoint_path, overwrite=overwrite or resume)
    # All that can be refused without the image is refused before it is read.
    previous = load_previous(checkpoint_path, settings) if resume else None
    photo = load_photo(image_path, settings.image, note)
    if previous is not None:
        check_same_photo(previous, checkpoint_path, photo)
    note(f"device {torch_device}, {settings.training.precision}")
    choice = choice or parse_priors(settings.prior.name)
    run_input = RunInput(settings, photo, torch_device, choice, note)
    with _seeded(settings.training.seed):
        training = recipe.start(run_input)
    if previous is not None:
        go_on(training, previous, checkpoint_path, note)
    elif resume:
        note(f"nothing to resume at {str(checkpoint_path)!r}, starting at step 0")
    return _run(training, run_input, previous, checkpoint_path, progress)


def _run(
    training: TrainingRun,
    given: RunInput[ModelSettings],
    previous: Checkpoint | None,
    path: Path,
    progress: Callable[[Progress], None] | None,
) -> TrainResult:
    """Run the steps that are left, and save at times and at the end."""
    first, seconds_before = (
        (0, 0.0) if previous is None else (previous.steps_done, previous.seconds)
    )
    total = given.settings.training.steps
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
        run_steps(training, first=first, steps=total, save=save, progress=progress)
    except KeyboardInterrupt:
        if saved:
            given.note(f"saved {str(path)!r} at step {saved} of {total}; --resume continues")
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


def _settle_precision(settings: ModelSettings, device: torch.device) -> ModelSettings:
    """Replace `auto`, so that a checkpoint tells, and one of another precision is not continued."""
    precision = choose_precision(settings.training.precision, device)
    return replace(settings, training=replace(settings.training, precision=precision))


def _provenance(training: TrainingRun, given: RunInput[ModelSettings]) -> dict[str, Any]:
    facts: dict[str, Any] = {
        **{name: dict(facts) for name, facts in training.record.items()},
        "image": given.photo.name,
        "digest": given.photo.digest,
        "device": str(given.device),
        "threads": torch.get_num_threads(),
        "petsgan_sdk": petsgan_sdk.__version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
    }
    named: dict[str, Any] = valid_texts(facts)  # names of files need not be valid text
    return named
