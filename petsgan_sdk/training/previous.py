"""The checkpoint that a run goes on from: only one of the very same run is taken."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

from petsgan_sdk.checkpoint import Checkpoint, load_checkpoint
from petsgan_sdk.errors import CheckpointError
from petsgan_sdk.settings import ModelSettings
from petsgan_sdk.settings.presets import to_dict
from petsgan_sdk.stations.photo import TrainingPhoto
from petsgan_sdk.stations.same_run import differing_setting
from petsgan_sdk.training.recipe import TrainingRun

__all__ = ["check_same_photo", "go_on", "load_previous"]


def load_previous(path: Path, settings: ModelSettings) -> Checkpoint | None:
    """Load the checkpoint of a run with these settings, or return None if there is no file.

    Raises:
        CheckpointError: It is damaged, or was trained with another setting.
    """
    if not path.exists():
        return None
    checkpoint = load_checkpoint(path)
    differs = differing_setting(to_dict(checkpoint.settings), to_dict(settings))
    if differs is not None:
        msg = f"checkpoint: {str(path)!r} must be of the same run to resume, got {differs}"
        raise CheckpointError(msg)
    return checkpoint


def check_same_photo(previous: Checkpoint, path: Path, photo: TrainingPhoto) -> None:
    """Refuse a checkpoint of other pixels.

    Raises:
        CheckpointError: It is one.
    """
    if previous.provenance.get("digest") != photo.digest:
        _refuse(path, "image")


def go_on(
    training: TrainingRun, previous: Checkpoint, path: Path, note: Callable[[str], None]
) -> None:
    """Restore what a checkpoint holds.

    Raises:
        CheckpointError: The run builds on other layouts, or on another model, than it was begun
            with, or an array is missing or of another shape.
    """
    known, new = _digests(previous.provenance), _digests(training.record)
    for name in sorted(known.keys() | new.keys()):
        if name not in known or name not in new or known[name] != new[name]:
            _refuse(path, name)
    training.load(previous.arrays)
    done = "is already finished" if previous.is_finished else "continues"
    total = previous.settings.total_steps
    note(f"{str(path)!r} {done} at step {previous.steps_done} of {total}")


def _digests(record: Mapping[str, Any]) -> dict[str, object]:
    facts = {name: each for name, each in record.items() if isinstance(each, Mapping)}
    return {name: each["digest"] for name, each in facts.items() if "digest" in each}


def _refuse(path: Path, what: str) -> NoReturn:
    msg = f"checkpoint: {str(path)!r} must be of the same {what} to resume, got another one"
    raise CheckpointError(msg)
