"""From a photo to a checkpoint, whatever the model family: its recipe makes the run."""

from __future__ import annotations

import platform
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch

import petsgan_sdk
from petsgan_sdk.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from petsgan_sdk.config import load_preset, to_dict
from petsgan_sdk.errors import BackendUnavailableError, CheckpointError, ConfigError, TrainingError
from petsgan_sdk.files import check_distinct, check_writable
from petsgan_sdk.priors import parse_priors
from petsgan_sdk.settings import ModelSettings
from petsgan_sdk.training.draws import fold_seed
from petsgan_sdk.training.loop import Progress, run_steps
from petsgan_sdk.training.precision import choose_precision
from petsgan_sdk.training.recipe import Array, RunInput, TrainingRun, create_recipe
from petsgan_sdk.training.source import SourceImage, load_source

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
    same number of torch threads).

    Args:
        image_path: Any image that Pillow reads.
        checkpoint_path: Where to write the model.
        model: What to train, a name from `families.model_names`.
        preset: `fast`, `paper`, or a TOML file.
        max_size_px: Longest side to learn at; None takes the preset's, here and below.
        steps: Length of the run.
        prior: Where layouts come from: `internal`, `folder:DIR`, `biggan:DIR`, or several to mix.
        ablation: A variant of the preset, see `config.preset_ablations`.
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
    settings = recipe.settle(settings)
    torch_device = _choose_device(device)
    settings = _settle_precision(settings, torch_device)
    check_distinct(checkpoint_path, image_path, *recipe.files)
    check_writable(checkpoint_path, overwrite=overwrite or resume)
    # All that can be refused without the image is refused before it is read.
    previous = _previous(checkpoint_path, settings) if resume else None
    source = load_source(image_path, settings.image, note)
    if previous is not None and previous.provenance.get("digest") != source.digest:
        _refuse_to_resume(checkpoint_path, "image")
    note(f"device {torch_device}, {settings.training.precision}")
    choice = choice or parse_priors(settings.prior.name)
    with _seeded(settings.training.seed):
        training = recipe.start(RunInput(settings, source, torch_device, choice, note))
    first, seconds_before = 0, 0.0
    if previous is not None:
        first, seconds_before = previous.steps_done, previous.seconds
        _check_same_record(previous, checkpoint_path, training)
        _restore(training, previous, checkpoint_path, note)
    elif resume:
        note(f"nothing to resume at {str(checkpoint_path)!r}, starting at step 0")
    started = time.monotonic()
    saved = 0

    def save(steps_done: int) -> None:
        nonlocal saved
        arrays = training.state()
        _check_finite(arrays, steps_done)
        checkpoint = Checkpoint(
            config=settings,
            steps_done=steps_done,
            seconds=seconds_before + time.monotonic() - started,
            source=source.rgb,
            provenance=_provenance(source, training, torch_device),
            arrays=arrays,
        )
        # Whether an older file may go was settled before the first step.
        save_checkpoint(checkpoint_path, checkpoint, overwrite=True)
        saved = steps_done

    total = settings.training.steps
    try:
        run_steps(training, first=first, steps=total, save=save, progress=progress)
    except KeyboardInterrupt:
        if saved:
            note(f"saved {str(checkpoint_path)!r} at step {saved} of {total}; --resume continues")
        raise
    seconds = seconds_before + time.monotonic() - started
    size = (source.rgb.shape[1], source.rgb.shape[0])
    return TrainResult(checkpoint_path, total, seconds, size)


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


def _choose_device(name: str) -> torch.device:
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


def _settle_precision(settings: ModelSettings, device: torch.device) -> ModelSettings:
    """Replace `auto`, so that a checkpoint tells, and one of another precision is not continued."""
    precision = choose_precision(settings.training.precision, device)
    return replace(settings, training=replace(settings.training, precision=precision))


def _previous(path: Path, settings: ModelSettings) -> Checkpoint | None:
    """The checkpoint of the same run to resume, or None if there is no file."""
    if not path.exists():
        return None
    checkpoint = load_checkpoint(path)
    old, new = _flat(to_dict(checkpoint.config)), _flat(to_dict(settings))
    # These first, since with them many settings differ.
    first = ("family", "preset", "ablation", "prior.name")
    for name in [*first, *sorted(old.keys() | new.keys())]:
        if old.get(name) != new.get(name):
            msg = (
                f"checkpoint: {str(path)!r} must be of the same run to resume, got {name} "
                f"{old.get(name)!r} where now {new.get(name)!r} is asked for"
            )
            raise CheckpointError(msg)
    return checkpoint


def _check_same_record(checkpoint: Checkpoint, path: Path, training: TrainingRun) -> None:
    """Refuse a run that builds on other layouts, or on another model, than it was begun with."""
    known, new = _digests(checkpoint.provenance), _digests(training.record)
    for name in sorted(known.keys() | new.keys()):
        if name not in known or name not in new or known[name] != new[name]:
            _refuse_to_resume(path, name)


def _digests(record: Mapping[str, Any]) -> dict[str, object]:
    facts = {name: each for name, each in record.items() if isinstance(each, Mapping)}
    return {name: each["digest"] for name, each in facts.items() if "digest" in each}


def _refuse_to_resume(path: Path, what: str) -> NoReturn:
    msg = f"checkpoint: {str(path)!r} must be of the same {what} to resume, got another one"
    raise CheckpointError(msg)


def _restore(training: TrainingRun, checkpoint: Checkpoint, path: Path, note: Note) -> None:
    training.load(checkpoint.arrays)
    done = "is already finished" if checkpoint.is_finished else "continues"
    total = checkpoint.config.training.steps
    note(f"{str(path)!r} {done} at step {checkpoint.steps_done} of {total}")


def _flat(settings: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        flat |= _flat(value, f"{path}{name}.") if isinstance(value, dict) else {path + name: value}
    return flat


def _provenance(source: SourceImage, training: TrainingRun, device: torch.device) -> dict[str, Any]:
    return {
        **{name: dict(facts) for name, facts in training.record.items()},
        "image": source.name,
        "digest": source.digest,
        "device": str(device),
        "threads": torch.get_num_threads(),
        "petsgan_sdk": petsgan_sdk.__version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
    }
