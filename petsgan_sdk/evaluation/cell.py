"""One cell of a table: one photo trained with one variant, exported, sampled and measured."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import petsgan_sdk
from petsgan_sdk._text import valid_text
from petsgan_sdk.checkpoint import load_checkpoint
from petsgan_sdk.evaluation.samples import sample_bundle
from petsgan_sdk.evaluation.variants import ablation_of
from petsgan_sdk.export import export_bundle
from petsgan_sdk.files import atomic_write
from petsgan_sdk.files.regular import read_small
from petsgan_sdk.metrics import Judge
from petsgan_sdk.priors import parse_priors
from petsgan_sdk.settings.presets import ModelSettings, load_preset, to_dict
from petsgan_sdk.training import train
from petsgan_sdk.training.recipe import create_recipe

__all__ = ["Cell", "TableOptions", "make_cell"]

_FORMAT = "petsgan-cell"
_MAX_RECORD_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class TableOptions:
    """How every cell of a table is made."""

    model: str = "petsgan"
    """What to train, as `train`."""
    preset: str = "fast"
    """Name of a preset, or a TOML file."""
    overrides: Mapping[str, object] | None = None
    """Settings by dotted path, of all variants."""
    prior: Sequence[str] = ()
    """Where layouts come from, as `train`; by default as the preset says."""
    device: str = "auto"
    """Where to train."""
    seed: int = 0
    """Of training and of the samples."""
    count: int = 36
    """Samples of each model."""

    def settings(self, variant: str) -> ModelSettings:
        """The resolved settings of one variant; only the precision of training may be `auto`.

        Raises:
            ConfigError: One is unknown or out of range.
            InputError: A file that they need is not there.
        """
        asked: dict[str, object] = {**(self.overrides or {}), "training.seed": self.seed}
        if self.prior:
            asked["prior.name"] = parse_priors(self.prior).name
        preset = load_preset(
            self.preset, model=self.model, overrides=asked, ablation=ablation_of(variant)
        )
        settled: ModelSettings = create_recipe(self.model, {}).settle(preset)
        return settled


@dataclass(frozen=True, slots=True)
class Cell:
    """What was measured."""

    photo: str
    """File name."""
    variant: str
    """Name of the row."""
    seconds: float
    """Training time, that of interrupted parts included."""
    metrics: dict[str, dict[str, Any]]
    """As `MetricResult.to_json`, by name."""

    def to_json(self) -> dict[str, Any]:
        """As JSON types."""
        return asdict(self)


def make_cell(
    photo: Path,
    folder: Path,
    variant: str,
    *,
    judge: Judge,
    options: TableOptions,
    settings: ModelSettings,
    overwrite: bool = False,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
    note: Callable[[str], None] = lambda _: None,
) -> Cell:
    """Make a cell, or take the one in the folder if it was made the same way.

    Args:
        photo: The image.
        folder: Where `VARIANT.pt`, `.petsgan` and `.json` are kept; it exists.
        variant: A name from `choose_variants`.
        judge: What measures.
        options: What all cells share.
        settings: What `options` come to for this variant.
        overwrite: Make it again in any case.
        progress: Told how many of how many training steps are done.
        note: Told of what a person should know.

    Raises:
        CheckpointError: The model in the folder is of another run, and `overwrite` is false.
        TrainingError: Training diverged.
        InputError: The photo is too small for a metric.
    """
    record = folder / f"{variant}.json"
    key = _key(photo, judge, options, settings)
    if not overwrite and (done := _read(record, key)) is not None:
        note("measured before")
        return done
    model, bundle = folder / f"{variant}.pt", folder / f"{variant}.petsgan"
    train(
        photo,
        model,
        model=options.model,
        preset=options.preset,
        prior=options.prior or None,
        ablation=ablation_of(variant),
        overrides=options.overrides,
        seed=options.seed,
        device=options.device,
        resume=not overwrite and model.exists(),
        overwrite=overwrite,
        progress=lambda state: progress(state.step, state.steps),
        note=note,
    )
    export_bundle(model, bundle, verify=False, overwrite=True)
    drawn = sample_bundle(bundle, photo, count=options.count, seed=options.seed, note=note)
    found = judge(drawn.samples, drawn.photo)
    cell = Cell(
        photo=valid_text(photo.name),
        variant=variant,
        seconds=load_checkpoint(model).seconds,
        metrics={name: result.to_json() for name, result in found.items()},
    )
    text = json.dumps({"format": _FORMAT, "key": key, "cell": cell.to_json()}, allow_nan=False)
    atomic_write(record, text.encode(), overwrite=True)
    return cell


def _key(
    photo: Path, judge: Judge, options: TableOptions, settings: ModelSettings
) -> dict[str, Any]:
    """What decides a cell's numbers."""
    facts = {
        "photo": hashlib.sha256(photo.read_bytes()).hexdigest(),
        "config": to_dict(settings),
        "prior": list(options.prior),
        "count": options.count,
        "metrics": judge.describe(),
        "petsgan_sdk": petsgan_sdk.__version__,
    }
    # As it comes back from a file: tuples become lists.
    plain: dict[str, Any] = json.loads(json.dumps(facts))
    return plain


def _read(record: Path, key: Mapping[str, Any]) -> Cell | None:
    """The cell of a record, or None where there is none of this key; a damaged one is remade."""
    try:
        found = json.loads(read_small(record, max_bytes=_MAX_RECORD_BYTES))
        if found["format"] == _FORMAT and found["key"] == key:
            return Cell(**found["cell"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return None
