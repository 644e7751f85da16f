"""From a photo to a checkpoint."""

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
from petsgan_sdk.models import PetsganGenerator, VggFeatures
from petsgan_sdk.models.petsgan import image_tensor
from petsgan_sdk.priors import LayoutPrior, PriorChoice, PriorInput, create_prior, parse_priors
from petsgan_sdk.settings import ModelConfig
from petsgan_sdk.training.draws import fold_seed
from petsgan_sdk.training.loop import Progress, run_steps
from petsgan_sdk.training.petsgan import PetsganTraining
from petsgan_sdk.training.precision import choose_precision
from petsgan_sdk.training.source import SourceImage, load_source
from petsgan_sdk.training.vgg import choose_features, load_vgg

__all__ = ["TrainResult", "train"]

Note = Callable[[str], None]
Array = np.ndarray[Any, np.dtype[Any]]


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
    preset: str = "fast",
    max_size_px: int | None = None,
    steps: int | None = None,
    prior: str | Sequence[str] | None = None,
    ablation: str | None = None,
    features: str = "auto",
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
        preset: `fast`, `paper`, or a TOML file.
        max_size_px: Longest side to learn at; None takes the preset's, here and below.
        steps: Length of the run.
        prior: Where layouts come from: `internal`, `folder:DIR`, `biggan:DIR`, or several to mix.
        ablation: A variant of the preset, see `config.preset_ablations`.
        features: `auto`, `filters` or `vgg19:FILE`.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        seed: 0 to 2^63 - 1.
        resume: Continue the run that `checkpoint_path` holds.
        overwrite: Replace an existing file.
        overrides: Further settings by dotted path, such as `{"losses.adversarial": 0.1}`.
        progress: Called after every step.
        note: Told of conversions, sizes and choices.

    Raises:
        InputError: The image is not usable, or what the prior is made from.
        ConfigError: A setting is out of range.
        OutputError: The checkpoint exists, or cannot be written.
        CheckpointError: `resume`, and the file is of another run.
        TrainingError: A loss or a weight became NaN.
        BackendUnavailableError: The device is not there.
        KeyboardInterrupt: After Ctrl-C; the state is saved.
    """
    choice = parse_priors(prior) if prior else None
    given: dict[str, object] = {
        "image.max_size_px": max_size_px,
        "prior.name": choice.name if choice else None,
        "training.steps": steps,
        "training.seed": seed,
    }
    asked = {name: value for name, value in given.items() if value is not None}
    config = load_preset(preset, overrides={**(overrides or {}), **asked}, ablation=ablation)
    choice = choice or parse_priors(config.prior.name)
    feature_kind, feature_file = choose_features(features)
    torch_device = _choose_device(device)
    config = _settle_precision(config, torch_device)
    check_distinct(checkpoint_path, image_path, *([feature_file] if feature_file else []))
    check_writable(checkpoint_path, overwrite=overwrite or resume)
    # All that can be refused without the image is refused before it is read.
    previous = _previous(checkpoint_path, config, feature_kind) if resume else None
    source = load_source(image_path, config.image, note)
    if previous is not None and previous.provenance.get("digest") != source.digest:
        _refuse_to_resume(checkpoint_path, "image", "another image")
    with _seeded(config.training.seed):
        generator = _build(config, source, feature_kind, feature_file, note).to(torch_device)
        layouts = _prior(choice, generator, note)
        training = PetsganTraining(generator, layouts)
    note(
        f"device {torch_device}, {config.training.precision}, "
        f"patch features {_describe(feature_kind, feature_file)}"
    )
    first, seconds_before = 0, 0.0
    if previous is not None:
        first, seconds_before = previous.steps_done, previous.seconds
        _check_same_layouts(previous, checkpoint_path, layouts)
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
            config=config,
            steps_done=steps_done,
            seconds=seconds_before + time.monotonic() - started,
            features=feature_kind,
            source=source.rgb,
            provenance=_provenance(source, layouts, torch_device),
            arrays=arrays,
        )
        # Whether an older file may go was settled before the first step.
        save_checkpoint(checkpoint_path, checkpoint, overwrite=True)
        saved = steps_done

    total = config.training.steps
    try:
        run_steps(training, first=first, steps=total, save=save, progress=progress)
    except KeyboardInterrupt:
        if saved:
            note(f"saved {str(checkpoint_path)!r} at step {saved} of {total}; --resume continues")
        raise
    seconds = seconds_before + time.monotonic() - started
    size = (source.rgb.shape[1], source.rgb.shape[0])
    return TrainResult(checkpoint_path, total, seconds, size)


def _build(
    config: ModelConfig, source: SourceImage, kind: str, file: Path | None, note: Note
) -> PetsganGenerator:
    height, width = (side // config.image.factor for side in source.rgb.shape[:2])
    generator = PetsganGenerator(config, image_tensor(source.rgb), features=kind)
    if isinstance(generator.features, VggFeatures) and file is not None:
        load_vgg(generator.features, file)
    generator.features.fit(generator.low_res)
    if min(height, width) < config.transfer.window:
        note(f"the layout is {width}x{height}, smaller than a patch: expect little variety")
    return generator


def _prior(choice: PriorChoice, generator: PetsganGenerator, note: Note) -> LayoutPrior:
    config = generator.config
    given = PriorInput(
        image=generator.image,
        low_res=generator.low_res,
        config=config.prior,
        seed=config.training.seed,
        note=note,
    )
    return create_prior(choice, given)


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


def _describe(kind: str, file: Path | None) -> str:
    if kind == "filters":
        return "from the built-in filter bank"
    return f"from VGG-19 weights in {str(file)!r}"


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


def _settle_precision(config: ModelConfig, device: torch.device) -> ModelConfig:
    """Replace `auto`, so that a checkpoint tells, and one of another precision is not continued."""
    precision = choose_precision(config.training.precision, device)
    return replace(config, training=replace(config.training, precision=precision))


def _previous(path: Path, config: ModelConfig, feature_kind: str) -> Checkpoint | None:
    """The checkpoint of the same run to resume, or None if there is no file."""
    if not path.exists():
        return None
    checkpoint = load_checkpoint(path)
    old, new = _flat(to_dict(checkpoint.config)), _flat(to_dict(config))
    # These first, since with them many settings differ.
    first = ("preset", "ablation", "prior.name")
    for name in [*first, *sorted(old.keys() | new.keys())]:
        if old.get(name) != new.get(name):
            msg = (
                f"checkpoint: {str(path)!r} must be of the same run to resume, got {name} "
                f"{old.get(name)!r} where now {new.get(name)!r} is asked for"
            )
            raise CheckpointError(msg)
    if checkpoint.features != feature_kind:
        msg = (
            f"checkpoint: {str(path)!r} must have {feature_kind} features to resume, "
            f"got {checkpoint.features}"
        )
        raise CheckpointError(msg)
    return checkpoint


def _check_same_layouts(checkpoint: Checkpoint, path: Path, layouts: LayoutPrior) -> None:
    record = checkpoint.provenance.get("prior")
    digest = record.get("digest") if isinstance(record, dict) else None
    if digest != layouts.record["digest"]:
        _refuse_to_resume(path, "prior", "other layouts")


def _refuse_to_resume(path: Path, what: str, found: str) -> NoReturn:
    msg = f"checkpoint: {str(path)!r} must be of the same {what} to resume, got {found}"
    raise CheckpointError(msg)


def _restore(training: PetsganTraining, checkpoint: Checkpoint, path: Path, note: Note) -> None:
    training.load(checkpoint.arrays)
    done = "is already finished" if checkpoint.is_finished else "continues"
    total = checkpoint.config.training.steps
    note(f"{str(path)!r} {done} at step {checkpoint.steps_done} of {total}")


def _flat(settings: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        flat |= _flat(value, f"{path}{name}.") if isinstance(value, dict) else {path + name: value}
    return flat


def _provenance(source: SourceImage, prior: LayoutPrior, device: torch.device) -> dict[str, Any]:
    return {
        "image": source.name,
        "digest": source.digest,
        "prior": dict(prior.record),
        "device": str(device),
        "threads": torch.get_num_threads(),
        "petsgan_sdk": petsgan_sdk.__version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
    }
