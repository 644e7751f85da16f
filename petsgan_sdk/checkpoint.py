"""A checkpoint: a container of named arrays and JSON; loading one runs no code from it.

Training writes it, training and export read it. Never imports torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from petsgan_sdk.config import from_dict, to_dict
from petsgan_sdk.container import pack_array, read_container, unpack_array, write_container
from petsgan_sdk.errors import CheckpointError
from petsgan_sdk.settings import ModelConfig

__all__ = ["FORMAT", "FORMAT_VERSION", "Checkpoint", "load_checkpoint", "save_checkpoint"]

FORMAT = "petsgan-checkpoint"
FORMAT_VERSION = 1
_SOURCE = "source.npy"
_ARRAYS = "arrays/"

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A model in training, or a finished one."""

    config: ModelConfig
    """Settings; `config.training.steps` is the length of the whole run."""
    steps_done: int
    """Optimizer steps made so far."""
    seconds: float
    """Training time so far."""
    features: str
    """`filters` or `vgg19`."""
    source: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]
    """`[H, W, 3]` uint8, the photo at training size."""
    provenance: dict[str, Any]
    """Image name and digest, versions, device."""
    arrays: dict[str, Array]
    """State of networks and optimizers by name."""

    @property
    def is_finished(self) -> bool:
        """Whether the run reached its last step."""
        return self.steps_done >= self.config.training.steps


def save_checkpoint(path: Path, checkpoint: Checkpoint, *, overwrite: bool) -> None:
    """Write atomically.

    Raises:
        OutputError: The file exists and may not be replaced, or cannot be written.
    """
    members = {_SOURCE: pack_array(checkpoint.source)}
    for name, array in checkpoint.arrays.items():
        members[f"{_ARRAYS}{name}.npy"] = pack_array(array)
    header: dict[str, Any] = {
        "family": checkpoint.config.family,
        "config": to_dict(checkpoint.config),
        "steps_done": checkpoint.steps_done,
        "seconds": checkpoint.seconds,
        "features": checkpoint.features,
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
    config = from_dict(
        ModelConfig, header.get("config"), error=CheckpointError, label="checkpoint config"
    )
    arrays = {
        name: unpack_array(data, name, error=CheckpointError)
        for name, data in content.members.items()
    }
    source = arrays.pop(_SOURCE, None)
    if source is None or source.ndim != 3 or source.dtype != np.uint8:
        msg = f"checkpoint: {str(path)!r} must hold the photo as {_SOURCE!r}, got none or another"
        raise CheckpointError(msg)
    try:
        return Checkpoint(
            config=config,
            steps_done=int(header["steps_done"]),
            seconds=float(header["seconds"]),
            features=str(header["features"]),
            source=source,
            provenance=dict(header["provenance"]),
            arrays=_plain_names(arrays),
        )
    except (KeyError, TypeError, ValueError) as exc:
        msg = f"checkpoint: {str(path)!r} must have a complete header, got a problem with {exc}"
        raise CheckpointError(msg) from exc


def _plain_names(arrays: Mapping[str, Array]) -> dict[str, Array]:
    start, end = len(_ARRAYS), -len(".npy")
    return {name[start:end]: array for name, array in arrays.items()}
