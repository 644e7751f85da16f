"""A trained pyramid in PyTorch eager: the deployed networks, one after another.

It computes what the bundle computes, with the same weights and the noise of the same stream. Norms
are folded into the convolutions, as export does, and positions are kept from one image to the next,
as the runtime does.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from petsgan_sdk import kernels
from petsgan_sdk._arrays import ImageArray
from petsgan_sdk.checkpoint import load_checkpoint
from petsgan_sdk.manifest import BundleManifest, level_size
from petsgan_sdk.models.deploy import deployed
from petsgan_sdk.models.depnet import DepNet
from petsgan_sdk.models.exsingan.generator import generator_from
from sampling._petsgan_public_form import pixels

__all__ = ["SameWeights"]


class SameWeights:
    """The averaged weights of a checkpoint.

    Args:
        checkpoint: A model from `petsgan-sdk train`.
        manifest: Of its bundle.
        threads: For torch.
    """

    def __init__(self, checkpoint: Path, *, manifest: BundleManifest, threads: int) -> None:
        """Load the weights."""
        torch.set_num_threads(threads)
        self._generator = deployed(generator_from(load_checkpoint(checkpoint)))
        self._manifest = manifest
        self._position = lru_cache(maxsize=1)(self._encode)

    def facts(self) -> dict[str, Any]:
        """Say how large the pyramid is."""
        return {"stages": len(self._generator.stages)}

    @torch.no_grad()
    def sample(self, *, width: int, height: int, seed: int, index: int) -> ImageArray:
        """Make image `index` of a seed: the same as `Sampler.sample(seed=seed, start=index)`."""
        rows, columns = (max(side, self._manifest.min_canvas_px) for side in (height, width))
        levels = (*range(len(self._manifest.levels)), None)
        made: Tensor | None = None
        for number, level in enumerate(levels):
            size = level_size(self._manifest, level, rows, columns)
            made = self._run(number, made, size, seed=seed, index=index)
        assert made is not None  # there is always a stage
        image = made[0, :, :height, :width]
        return pixels(image)

    def _encode(self, height: int, width: int) -> Tensor:
        return self._generator.structure.position(height, width)

    def _run(
        self, number: int, previous: Tensor | None, size: tuple[int, int], *, seed: int, index: int
    ) -> Tensor:
        stage = self._generator.stages[number]
        shape = self._generator.noise_shape(number, 1, *size)
        margin = (shape[2] - size[0]) // 2
        normals = kernels.normal_noise(
            shape, seed=seed, stage=number, first_image=index, top=-margin, left=-margin
        )
        noise = torch.from_numpy(normals)
        if isinstance(stage, DepNet):
            layout: Tensor = stage(noise, self._position(*size))
            return layout
        return self._generator.run(number, previous, noise)
