"""The structural stage of a trained model, for another mix of stages."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch

from petsgan_sdk.checkpoint import load_checkpoint
from petsgan_sdk.errors import CheckpointError
from petsgan_sdk.models.arrays import AVERAGED, load_state
from petsgan_sdk.models.exsingan import ExsinganGenerator
from petsgan_sdk.settings.exsingan import ExsinganSettings
from petsgan_sdk.settings.presets import to_dict
from petsgan_sdk.training.exsingan.plan import StagePlan

__all__ = ["FinishedStructure"]

_STAGE, _NOISE = f"{AVERAGED}/stages.0", f"{AVERAGED}/reconstruction_noise"


class FinishedStructure:
    """A checkpoint whose structural stage is taken over as it is.

    Args:
        path: The checkpoint.

    Raises:
        CheckpointError: It is none, has no structural stage, or was stopped before that was done.
    """

    def __init__(self, path: Path) -> None:
        """Read it."""
        self.path = path
        self._checkpoint = checkpoint = load_checkpoint(path)
        settings = checkpoint.settings
        if not isinstance(settings, ExsinganSettings) or settings.stages.structural == 0:
            self._refuse("have a structural stage", f"a {settings.family} model without one")
        if not settings.reused_stages:
            last = StagePlan(settings).spans[0].last
            if checkpoint.steps_done < last:
                found = f"step {checkpoint.steps_done} of {last}; hint: --resume its training"
                self._refuse("have finished its structural stage", found)
        self._settings = settings
        self._names = names = sorted(
            n for n in checkpoint.arrays if n.startswith(f"{_STAGE}.") or n == _NOISE
        )
        digest = hashlib.sha256()
        for name in names:
            digest.update(name.encode() + np.ascontiguousarray(checkpoint.arrays[name]).tobytes())
        self.record: Mapping[str, Any] = {"model": path.name, "digest": digest.hexdigest()}
        """What a checkpoint says of where its structural stage comes from."""

    @property
    def overrides(self) -> dict[str, object]:
        """Settings that must be as they were when the stage was trained."""
        settings = to_dict(self._settings)
        taken: dict[str, object] = {"reused_stages": 1}
        for table in ("structure", "prior", "pyramid"):
            taken |= {f"{table}.{name}": value for name, value in settings[table].items()}
        # The rule for the levels above is free: the coarsest has the same size by any.
        del taken["pyramid.rescale"]
        return taken

    def give(self, generator: ExsinganGenerator, photo: np.ndarray[Any, np.dtype[Any]]) -> None:
        """Put the stage and its fixed noise into a new generator.

        Args:
            generator: Of the same structural settings.
            photo: `[H, W, 3]` uint8, of the run.

        Raises:
            CheckpointError: The stage was trained on another photo or size.
        """
        known = self._checkpoint.photo
        if known.shape != photo.shape or not np.array_equal(known, photo):
            self._refuse("be of the same photo at the same size", "another")
        arrays = self._checkpoint.arrays
        stage = {f"{_STAGE}/{n[len(_STAGE) + 1 :]}": arrays[n] for n in self._names if n != _NOISE}
        load_state(generator.stages[0], stage, _STAGE)
        noise = arrays.get(_NOISE)
        expected = tuple(generator.reconstruction_noise.shape)
        if noise is None or noise.shape != expected or noise.dtype != np.float32:
            self._refuse(f"hold {_NOISE} of shape {expected}", "none of this shape")
        generator.reconstruction_noise.copy_(torch.from_numpy(noise))

    def _refuse(self, expected: str, found: str) -> NoReturn:
        msg = f"stage0: {str(self.path)!r} must {expected}, got {found}"
        raise CheckpointError(msg)
