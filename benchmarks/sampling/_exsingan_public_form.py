"""The paper's pyramid sampled as the public code samples it, in PyTorch eager.

Seven stages on levels of the paper's sizes: a structural one, three semantic and three texture ones
of five 3x3 convolutions with 64 channels and live instance norm on an input that is padded once,
bilinear resizing with corners aligned between them, and noise in every stage. The weights are
random: they decide no time.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from petsgan_sdk._arrays import ImageArray
from petsgan_sdk.checkpoint import load_checkpoint
from petsgan_sdk.manifest import BundleManifest
from petsgan_sdk.models.exsingan.pyramid import level_sizes
from sampling._petsgan_public_form import layout_net, pixels, positions

__all__ = ["PublicForm", "largest_error"]

_NUM_STAGES = 7
_NUM_SEMANTIC = 3
_COARSEST_PX = 32
_WIDTH = 64
_NUM_CONVS = 5
_AMPLITUDE = 0.1


class PublicForm:
    """A model of the paper's size for the photo that a checkpoint learned.

    Args:
        checkpoint: Only the size of its photo is used, which decides those of the levels.
        manifest: Not used.
        threads: For torch.
    """

    def __init__(self, checkpoint: Path, *, manifest: BundleManifest, threads: int) -> None:  # noqa: ARG002
        """Draw the weights."""
        torch.set_num_threads(threads)
        torch.manual_seed(0)
        height, width = load_checkpoint(checkpoint).photo.shape[:2]
        self._sizes = level_sizes(
            height, width, count=_NUM_STAGES, coarsest_px=_COARSEST_PX, rescale="exsingan"
        )
        self._structure = layout_net().requires_grad_(False)
        self._stages = [_stage().requires_grad_(False) for _ in range(1, _NUM_STAGES)]

    def facts(self) -> dict[str, Any]:
        """Say how large the pyramid is, and how far a stage is from a plain evaluation."""
        networks = [self._structure, *self._stages]
        return {
            "stages": _NUM_STAGES,
            "parameters": sum(p.numel() for net in networks for p in net.parameters()),
            "weights": "random",
            "largest_error": largest_error(),
        }

    @torch.no_grad()
    def sample(self, *, width: int, height: int, seed: int, index: int) -> ImageArray:
        """Make an image; which one does not matter, the weights are random."""
        generator = torch.Generator().manual_seed(seed + index)
        (rows, columns), *sizes = self._sizes_on(height, width)
        noise = torch.randn(1, 1, rows, columns, generator=generator)
        image = self._structure(torch.cat([noise, positions(rows, columns)], dim=1))
        for number, (stage, size) in enumerate(zip(self._stages, sizes, strict=True)):
            below = functional.interpolate(image, size, mode="bilinear", align_corners=True)
            noise = torch.randn(below.shape, generator=generator)
            image = stage(below + _AMPLITUDE * noise)
            if number >= _NUM_SEMANTIC:
                image = image + below
        return pixels(image[0])

    def _sizes_on(self, height: int, width: int) -> list[tuple[int, int]]:
        """The levels of a canvas: every one is scaled as the last."""
        full_height, full_width = self._sizes[-1]
        return [
            (max(1, round(h * height / full_height)), max(1, round(w * width / full_width)))
            for h, w in self._sizes
        ]


def _stage() -> nn.Sequential:
    layers: list[nn.Module] = [nn.ZeroPad2d(_NUM_CONVS)]
    for inputs in (3, *(_WIDTH,) * (_NUM_CONVS - 2)):
        layers += [nn.Conv2d(inputs, _WIDTH, 3), nn.InstanceNorm2d(_WIDTH), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Conv2d(_WIDTH, 3, 3), nn.Tanh())


@torch.no_grad()
def largest_error() -> float:
    """Largest difference of a stage from a plain float64 evaluation, on a small case."""
    generator = torch.Generator().manual_seed(0)
    below = torch.rand(1, 3, 6, 5, generator=generator) * 2 - 1
    stage = _stage()
    found = stage(below)[0].numpy()
    x = np.pad(below[0].double().numpy(), ((0, 0), (_NUM_CONVS,) * 2, (_NUM_CONVS,) * 2))
    convs = [layer for layer in stage if isinstance(layer, nn.Conv2d)]
    for conv in convs:
        weight, bias = (p.double().numpy() for p in (conv.weight, conv.bias) if p is not None)
        windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(1, 2))
        x = np.einsum("chwyx,ocyx->ohw", windows, weight) + bias[:, None, None]
        if conv is not convs[-1]:
            x = x - x.mean(axis=(1, 2), keepdims=True)
            x = x / np.sqrt(x.var(axis=(1, 2), keepdims=True) + 1e-5)
            x = np.where(x < 0, 0.2 * x, x)
    return float(np.abs(found - np.tanh(x)).max())
