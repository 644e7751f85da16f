"""From a photo to a checkpoint: the one door, behind which each model family has its own way."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import petsgan_sdk
from petsgan_sdk._extras import resolve_extra
from petsgan_sdk.settings import ModelSettings
from petsgan_sdk.settings.families import check_options, family_of_model
from petsgan_sdk.settings.presets import load_preset
from petsgan_sdk.stations.photo import TrainingPhoto

__all__ = ["Progress", "TrainRequest", "TrainResult", "photo_facts", "train"]


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run is; handed to the caller after every step."""

    step: int
    """Steps done."""
    steps: int
    """Steps of the whole run."""
    losses: Mapping[str, float]
    """Loss terms of the last step, unweighted."""
    phase: str
    """What is being learned."""


@dataclass(frozen=True, slots=True)
class TrainResult:
    """What a finished run left."""

    checkpoint: Path
    """The file that was written; a bundle where its name asked for one."""
    steps: int
    """Steps of the whole run; 1 where a photo is fitted at once."""
    seconds: float
    """Training time, that of interrupted parts included."""
    size_px: tuple[int, int]
    """Width and height of the training image."""
    is_bundle: bool = False
    """Whether the file is a bundle."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainRequest:
    """The arguments of `train`, as who does the work is handed them."""

    image_path: Path
    checkpoint_path: Path
    model: str
    preset: str
    max_size_px: int | None
    steps: int | None
    prior: str | Sequence[str] | None
    ablation: str | None
    options: Mapping[str, str]
    device: str
    seed: int | None
    resume: bool
    overwrite: bool
    overrides: Mapping[str, object]
    progress: Callable[[Progress], None] | None
    note: Callable[[str], None]
    go_on: str

    def load_settings(
        self, given: Mapping[str, object], *, decided: Mapping[str, object] | None = None
    ) -> ModelSettings:
        """Read the preset and apply what was asked for.

        Args:
            given: Settings by dotted path that arguments of their own name; None leaves them.
            decided: Settings that the family's options decide, which `given` goes before.

        Raises:
            ConfigError: As `load_preset`.
        """
        asked = {name: value for name, value in given.items() if value is not None}
        asked = {**self.overrides, **(decided or {}), **asked}
        return load_preset(self.preset, model=self.model, overrides=asked, ablation=self.ablation)


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
    note: Callable[[str], None] = lambda _: None,
    go_on: str = "--resume continues",
) -> TrainResult:
    """Learn a generator from one photo.

    Needs torch where the model has networks to train. On the CPU the same arguments give the same
    weights, run after run, interrupted or not (for the same number of torch threads), and whatever
    the caller set torch to: it runs under torch's own defaults, see `models.ambient`, and leaves
    the caller's state as it was.

    Args:
        image_path: Any image that Pillow reads.
        checkpoint_path: Where to write the model. A model without networks is written as a bundle
            at once where the name ends in `.petsgan`.
        model: What to train, a name from `families.model_names`.
        preset: `fast`, `paper`, or a TOML file.
        max_size_px: Longest side to learn at, but see `imaging.fit_size` for panoramas; None takes
            the preset's, here and below.
        steps: Length of the run. This and `prior`, `ablation`, `device`, `seed` and `resume` mean
            nothing to a model without networks, which refuses them.
        prior: Where layouts come from: `internal`, `synthesis`, `folder:DIR`, `biggan:DIR`, or
            several to mix.
        ablation: A variant of the preset, see `settings.presets.preset_ablations`.
        options: What only this model's family knows, such as `{"features": "filters"}`.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        seed: 0 to 2^63 - 1.
        resume: Continue the run that `checkpoint_path` holds.
        overwrite: Replace an existing file.
        overrides: Further settings by dotted path, such as `{"losses.adversarial": 0.1}`.
        progress: Called after every step.
        note: Told of conversions, sizes and choices.
        go_on: What the note says of how to continue a run that Ctrl-C ended.

    Raises:
        InputError: The image is not usable, or what the prior or an option names.
        ConfigError: A setting is out of range, or an argument or option is of another model.
        OutputError: The checkpoint exists, or cannot be written.
        CheckpointError: `resume`, and the file is of another run.
        TrainingError: A loss or a weight became NaN.
        ParityError: A bundle was asked for, and its windows differ from the whole.
        BackendUnavailableError: The device, or a package that the model needs, is not there.
        KeyboardInterrupt: After Ctrl-C; the state of a training is saved.
    """
    family = family_of_model(model)
    check_options(model, options or {})
    trainer = resolve_extra(family.trainer, extra="train", task="training")
    request = TrainRequest(
        image_path=image_path,
        checkpoint_path=checkpoint_path,
        model=model,
        preset=preset,
        max_size_px=max_size_px,
        steps=steps,
        prior=prior,
        ablation=ablation,
        options=options or {},
        device=device,
        seed=seed,
        resume=resume,
        overwrite=overwrite,
        overrides=overrides or {},
        progress=progress,
        note=note,
        go_on=go_on,
    )
    result: TrainResult = trainer(request)
    return result


def photo_facts(photo: TrainingPhoto) -> dict[str, Any]:
    """What the provenance of every model says: its photo, and what ran."""
    return {
        "image": photo.name,
        "digest": photo.digest,
        "petsgan_sdk": petsgan_sdk.__version__,
        "python": platform.python_version(),
    }
