"""The ways to train that are compared, each to be served by a process of its own."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import torch

from petsgan_sdk._arrays import FloatArray
from petsgan_sdk.models import PetsganGenerator
from petsgan_sdk.models.arrays import image_tensor
from petsgan_sdk.settings.petsgan import PetsganSettings
from petsgan_sdk.settings.presets import load_preset
from petsgan_sdk.stations.photo import load_photo
from petsgan_sdk.training.petsgan.training import PetsganTraining
from petsgan_sdk.training.precision import choose_precision
from petsgan_sdk.training.rng import fold_seed
from training._measure import OURS, OURS_FLOAT32, PUBLIC, TRANSFER
from training._public_loop import PUBLIC_TRANSFER, PublicTraining, UnfoldingGenerator

__all__ = ["TrainingForm"]


class TrainingForm:
    """One way to train one preset on one photo.

    Args:
        name: Of the form.
        preset: `fast` or `paper`.
        photo: The image.
        max_size_px: Its longest side in training.
        threads: For torch.
    """

    def __init__(
        self, name: str, *, preset: str, photo: Path, max_size_px: int, threads: int
    ) -> None:
        """Build networks, critics and optimizers, from the same seed in every form."""
        torch.set_num_threads(threads)
        precision = "auto" if name == OURS else "float32"
        overrides = {
            "image.max_size_px": max_size_px,
            "training.precision": precision,
            "transfer.features": "filters",
        }
        settings = load_preset(preset, overrides=overrides, cls=PetsganSettings)
        learned = load_photo(photo, settings.image, lambda _: None)
        self._size_px = (learned.rgb.shape[1], learned.rgb.shape[0])
        torch.manual_seed(fold_seed(settings.training.seed))
        self._training = _create(name, settings, image_tensor(learned.rgb))
        self._settings = settings

    def facts(self) -> dict[str, Any]:
        """Say what is trained, and how many steps of each phase a whole run has."""
        total = self._settings.training.steps
        phases = Counter(self._training.phase(step) for step in range(total))
        first: dict[str, int] = {}
        for step in range(total):
            first.setdefault(self._training.phase(step), step)
        device = torch.device("cpu")
        return {
            "size_px": list(self._size_px),
            "precision": choose_precision(self._settings.training.precision, device),
            # Past its beginning: pools are filled, and every term has joined in.
            "phases": {n: {"steps": c, "at": first[n] + c // 2} for n, c in phases.items()},
        }

    def sample(self, *, step: int, what: int) -> FloatArray:
        """Do what is asked for, at a step of the schedule."""
        if what == TRANSFER:
            return self._transferred()
        losses = self._training.step(step)
        return np.array([losses[name] for name in sorted(losses)], dtype=np.float32)

    @torch.no_grad()
    def _transferred(self) -> FloatArray:
        """One layout through patch transfer: code `[1, 3, h, w]` and weight `[1, h, w]`, flat."""
        generator = self._training.generator
        noise = torch.Generator().manual_seed(1)
        layout = generator.low_res + 0.3 * torch.randn(generator.low_res.shape, generator=noise)
        code, _, weight = generator.transfer(layout)
        return torch.cat([code.flatten(), weight.flatten()]).numpy()


def _create(name: str, settings: PetsganSettings, image: torch.Tensor) -> PetsganTraining:
    if name in (OURS, OURS_FLOAT32):
        generator = PetsganGenerator(settings, image)
        generator.features.fit(generator.low_res)
        return PetsganTraining(generator)
    way = PUBLIC_TRANSFER if name == PUBLIC else None
    unfolding = UnfoldingGenerator(settings, image, way=way)
    unfolding.features.fit(unfolding.low_res)
    return PublicTraining(unfolding)
