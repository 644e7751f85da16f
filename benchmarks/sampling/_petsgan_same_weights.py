"""A trained model in PyTorch eager, written the usual way: unfold, softmax, gather, fold.

It computes what the bundle computes, with the same weights. What depends on the model only (the
unfolded reference, its norms, the unfolded texture) is computed once when it is loaded, as the
runtime does; the released code computes it anew for every image.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from petsgan_sdk import kernels
from petsgan_sdk._arrays import ImageArray
from petsgan_sdk.checkpoint import load_checkpoint
from petsgan_sdk.manifest import BundleManifest
from petsgan_sdk.models import Transferred, freeze_statistics
from petsgan_sdk.models.petsgan import generator_from
from sampling._petsgan_public_form import pixels

__all__ = ["SameWeights"]

_MIN_NORM = 1e-12


class SameWeights:
    """The averaged weights of a checkpoint.

    Args:
        checkpoint: A model from `petsgan-sdk train`.
        manifest: Of its bundle.
        threads: For torch.
    """

    @torch.no_grad()
    def __init__(self, checkpoint: Path, *, manifest: BundleManifest, threads: int) -> None:
        """Load the weights and unfold what is constant."""
        torch.set_num_threads(threads)
        self._generator = generator = generator_from(load_checkpoint(checkpoint))
        freeze_statistics(generator)  # as export does
        self._least_canvas_px = manifest.min_canvas_px
        self._window = generator.settings.transfer.window
        self._reference = self._patches(generator.features(generator.low_res))[0]
        # One more channel of ones becomes the votes: 0 where a patch leaves the image.
        values = _with_ones(generator.low_res)
        self._values = functional.unfold(values, self._window, padding=self._window // 2)[0]
        if generator.settings.transfer.carry_texture:
            factor = generator.factor
            texture = _with_ones(generator.image)
            self._texture = functional.unfold(
                texture, 2 * factor, padding=factor // 2, stride=factor
            )[0]
            t = (torch.arange(2 * factor, dtype=torch.float64) + 0.5) / (2 * factor)
            fade = 0.5 - 0.5 * torch.cos(2 * torch.pi * t)
            self._fade = torch.outer(fade, fade).float().flatten().repeat(4)[:, None]
        self._position = lru_cache(maxsize=1)(generator.depnet.position)

    def facts(self) -> dict[str, Any]:
        """Say how large patch transfer is."""
        return {"reference_patches": self._reference.shape[1]}

    @torch.no_grad()
    def sample(self, *, width: int, height: int, seed: int, index: int) -> ImageArray:
        """Make image `index` of a seed: the same as `Sampler.sample(seed=seed, start=index)`."""
        generator = self._generator
        rows, columns = (
            -(-max(side, self._least_canvas_px) // generator.factor) for side in (height, width)
        )
        margin = generator.depnet.noise_margin
        noise = kernels.normal_noise(
            generator.noise_shape(1, rows, columns),
            seed=seed,
            first_image=index,
            top=-margin,
            left=-margin,
        )
        layout = generator.depnet(torch.from_numpy(noise), self._position(rows, columns))
        image = generator.restore(self._transfer(layout))[0, :, :height, :width]
        return pixels(image)

    def _patches(self, features: Tensor) -> Tensor:
        """Patches of unit norm, `[N, C window^2, h w]`."""
        patches = functional.unfold(features, self._window, padding=self._window // 2)
        return functional.normalize(patches, dim=1, eps=_MIN_NORM)

    def _transfer(self, layout: Tensor) -> Transferred:
        settings = self._generator.settings.transfer
        size = (layout.shape[2], layout.shape[3])
        code = layout
        for _ in range(settings.passes):
            query = self._patches(self._generator.features(code))[0]
            attention = torch.softmax(query.T @ self._reference / settings.temperature, dim=1)
            weight, index = attention.max(dim=1)
            votes = self._values[:, index] * weight
            code = _blend(votes, size, self._window, padding=self._window // 2, stride=1)
        texture = None
        if settings.carry_texture:
            factor = self._generator.factor
            votes = self._texture[:, index] * self._fade
            large = (size[0] * factor, size[1] * factor)
            texture = _blend(votes, large, 2 * factor, padding=factor // 2, stride=factor)
        return Transferred(code, texture, weight.view(1, *size))


def _with_ones(image: Tensor) -> Tensor:
    return torch.cat([image, torch.ones_like(image[:, :1])], dim=1)


def _blend(
    votes: Tensor, size: tuple[int, int], window: int, *, padding: int, stride: int
) -> Tensor:
    """Lay patches over each other and divide by the sum of the last channel, the weights."""
    total = functional.fold(votes[None], size, window, padding=padding, stride=stride)
    return total[:, :3] / total[:, 3:]
