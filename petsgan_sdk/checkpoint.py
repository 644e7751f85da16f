"""A checkpoint: a container of named arrays and JSON; loading one runs no code from it.

Training and fitting write it, training and export read it. Never imports torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from petsgan_sdk._arrays import Array
from petsgan_sdk.container import pack_array, read_container, unpack_array, write_container
from petsgan_sdk.errors import CheckpointError
from petsgan_sdk.settings import ImageSettings, ModelSettings
from petsgan_sdk.settings.base import MAX_ASPECT
from petsgan_sdk.settings.families import family_named
from petsgan_sdk.settings.presets import from_dict, require, to_dict

__all__ = ["FORMAT", "FORMAT_VERSION", "Checkpoint", "load_checkpoint", "save_checkpoint"]

FORMAT = "petsgan-checkpoint"
FORMAT_VERSION = 2
_PHOTO = "source.npy"
_ARRAYS = "arrays/"
_MIN_LAYOUT_PX = 4
"""Least side of a layout, as `imaging.fit_size` makes it."""
_MIN_SIDE_PX = 16
"""Least side of a photo, as `imaging.fit_size` makes it."""

U8Image = np.ndarray[Any, np.dtype[np.uint8]]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A model in training, or a finished one."""

    settings: ModelSettings
    """`settings.total_steps` is the length of the whole run."""
    steps_done: int
    """Steps made so far: updates of an optimizer, or the one of a fit."""
    seconds: float
    """Training time so far."""
    photo: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]
    """`[H, W, 3]` uint8, at training size."""
    provenance: dict[str, Any]
    """Image name and digest, versions, device."""
    arrays: dict[str, Array]
    """State of networks and optimizers, or of a fit, by name."""

    @property
    def is_finished(self) -> bool:
        """Whether the run reached its last step."""
        return self.steps_done >= self.settings.total_steps


def save_checkpoint(path: Path, checkpoint: Checkpoint, *, overwrite: bool) -> None:
    """Write atomically.

    Raises:
        OutputError: The file exists and may not be replaced, or cannot be written.
    """
    members = {_PHOTO: pack_array(checkpoint.photo)}
    for name, array in checkpoint.arrays.items():
        members[f"{_ARRAYS}{name}.npy"] = pack_array(array)
    header: dict[str, Any] = {
        "family": checkpoint.settings.family,
        "config": to_dict(checkpoint.settings),
        "steps_done": checkpoint.steps_done,
        "seconds": checkpoint.seconds,
        "provenance": checkpoint.provenance,
    }
    write_container(
        path,
        format=FORMAT,
        format_version=FORMAT_VERSION,
        header=header,
        members=members,
        overwrite=overwrite,
    )


def load_checkpoint(path: Path) -> Checkpoint:
    """Read and verify.

    Raises:
        CheckpointError: Anything but an undamaged checkpoint of this version.
    """
    content = read_container(
        path, format=FORMAT, format_version=FORMAT_VERSION, error=CheckpointError
    )
    header = content.header
    settings = _settings(header.get("config"))
    run = from_dict(
        _Run,
        {key: header[key] for key in _RUN_KEYS if key in header},
        error=CheckpointError,
        label="checkpoint",
    )
    if run.steps_done > settings.total_steps:
        msg = f"checkpoint: steps_done must be at most {settings.total_steps}, got {run.steps_done}"
        raise CheckpointError(msg)
    return Checkpoint(
        settings=settings,
        steps_done=run.steps_done,
        seconds=run.seconds,
        photo=_photo(content.members, settings.image),
        provenance=run.provenance,
        arrays=_arrays(content.members),
    )


def _settings(saved: object) -> ModelSettings:
    label = "checkpoint config"
    cls = ModelSettings  # refuses what is no table
    if isinstance(saved, dict):
        cls = family_named(saved.get("family"), error=CheckpointError, label=label).settings
    return from_dict(cls, saved, error=CheckpointError, label=label)


@dataclass(frozen=True, slots=True)
class _Run:
    """What a header says besides the settings."""

    steps_done: int
    seconds: float
    provenance: dict[str, Any]

    def __post_init__(self) -> None:
        require(self, "steps_done", self.steps_done >= 0, expected="0 or more")
        require(self, "seconds", self.seconds >= 0, expected="0 or more")


_RUN_KEYS = ("steps_done", "seconds", "provenance")


def _photo(
    members: Mapping[str, bytes], image: ImageSettings
) -> np.ndarray[Any, np.dtype[np.uint8]]:
    if _PHOTO not in members:
        msg = f"checkpoint: the photo must be stored as {_PHOTO!r}, got no such member"
        raise CheckpointError(msg)
    photo = unpack_array(members[_PHOTO], _PHOTO, error=CheckpointError, dtype="uint8", ndim=3)
    height, width, channels = photo.shape
    factor, most = image.factor, image.max_size_px
    least = _MIN_LAYOUT_PX * factor
    if channels != 3 or height % factor or width % factor or min(height, width) < least:
        msg = (
            f"checkpoint: {_PHOTO} must have shape (H, W, 3), H and W multiples of {factor} from "
            f"{least}, got {photo.shape}"
        )
        raise CheckpointError(msg)
    short, long = sorted((height, width))
    # A panorama is as thin as can be, and then as long as its aspect has it.
    is_thin = short <= max(least, -(-_MIN_SIDE_PX // factor) * factor)
    if long > (max(most, MAX_ASPECT * short) if is_thin else most):
        msg = f"checkpoint: {_PHOTO} must have sides up to {most}, got {photo.shape}"
        raise CheckpointError(msg)
    return photo


def _arrays(members: Mapping[str, bytes]) -> dict[str, Array]:
    arrays: dict[str, Array] = {}
    for name, data in members.items():
        if name == _PHOTO:
            continue
        if not (name.startswith(_ARRAYS) and name.endswith(".npy")):
            msg = f"checkpoint: members must be {_PHOTO!r} and {_ARRAYS + '*.npy'!r}, got {name!r}"
            raise CheckpointError(msg)
        plain = name.removeprefix(_ARRAYS).removesuffix(".npy")
        array = unpack_array(data, name, error=CheckpointError)
        if not np.isfinite(array).all():  # training saves none that is not
            msg = f"checkpoint: {name!r} must hold finite numbers, got NaN or infinity"
            raise CheckpointError(msg)
        arrays[plain] = array
    return arrays
