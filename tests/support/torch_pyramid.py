"""A three-level bundle of tiny torch networks, shaped as ExSinGAN's stages are, and torch's images.

Five valid 3x3 convolutions each. Stage 0 sees real noise and positions beyond its grid; later ones
pad zeros once, in front; the last adds what it was given.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from petsgan_sdk import noise
from petsgan_sdk.export.bundle import Deployment, Draft
from petsgan_sdk.export.torch_to_onnx import to_onnx
from petsgan_sdk.manifest import (
    BundleManifest,
    Entry,
    GraphStep,
    NoiseStep,
    PositionStep,
    ResizeStep,
    level_size,
)

IMAGE_SIZE_PX = (24, 31)
LEVELS = ((12, 16), (17, 22))
MARGIN = 5
_FREQUENCIES = (0.3, 0.9)
_STAGES = 3


class _Stack(nn.Module):
    def __init__(self, channels):
        super().__init__()
        widths = (channels, 8, 6, 6, 6, 3)
        pairs = pairwise(widths)
        self.convolutions = nn.ModuleList(nn.Conv2d(a, b, 3) for a, b in pairs)
        for convolution in self.convolutions:
            nn.init.kaiming_normal_(convolution.weight, a=0.2)

    def forward(self, x):
        *hidden, last = self.convolutions
        for convolution in hidden:
            x = functional.leaky_relu(convolution(x), 0.2)
        return torch.tanh(0.5 * last(x))


class FirstStage(nn.Module):
    """Noise and positions with a margin to the coarsest image."""

    def __init__(self, channels):
        super().__init__()
        self.stack = _Stack(channels)

    def forward(self, noise, position):
        everywhere = position.expand(noise.shape[0], -1, -1, -1)
        return self.stack(torch.cat([noise, everywhere], dim=1))


class NextStage(nn.Module):
    """The image before, at this stage's size, to the next."""

    def __init__(self, *, residual):
        super().__init__()
        self.stack, self.residual = _Stack(3), residual

    def forward(self, previous, noise=None):
        x = previous if noise is None else previous + 0.1 * noise
        made = self.stack(functional.pad(x, (MARGIN,) * 4))
        return made + previous if self.residual else made


@dataclass(frozen=True)
class TinyPyramid:
    """Networks, manifest and graphs."""

    manifest: BundleManifest
    stages: list[nn.Module]
    graphs: dict[str, bytes]

    @torch.no_grad()
    def images(self, noises, size):
        """By torch alone, `[N, 3, H, W]`; `noises` by name, `size` is the canvas."""
        extent, rows, columns = LEVELS[0], *level_size(self.manifest, 0, *size)
        position = noise.positional_encoding(
            rows, columns, frequencies=_FREQUENCIES, extent=extent, margin=MARGIN
        )
        x = self.stages[0](torch.from_numpy(noises["noise_0"]), torch.from_numpy(position))
        for number in range(1, _STAGES):
            level = number if number < len(LEVELS) else None
            target = level_size(self.manifest, level, *size)
            up = functional.interpolate(x, target, mode="bilinear", align_corners=False)
            drawn = noises.get(f"noise_{number}")
            x = self.stages[number](up, *(() if drawn is None else (torch.from_numpy(drawn),)))
        return x.clamp(-1, 1).numpy()

    def draft(self):
        """What an export of it would write."""
        manifest = self.manifest
        parts = Deployment(
            steps=manifest.steps,
            output=manifest.output,
            graphs=self.graphs,
            arrays={},
            expected=dict(zip(self.graphs, self.stages, strict=True)),
            min_canvas_px=manifest.min_canvas_px,
            preview=np.zeros((*IMAGE_SIZE_PX, 3), np.uint8),
            levels=manifest.levels,
            entries=manifest.entries,
        )
        return Draft(manifest, parts)

    def write(self, path):
        """As a bundle."""
        self.draft().write(path, overwrite=True)
        return path


def make_pyramid(noisy=(0, 1, 2)):
    """Build it.

    Args:
        noisy: Stages that take noise, 0 among them.
    """
    graphs, stages, steps = {}, [], []
    for number in range(_STAGES):
        level = number if number < len(LEVELS) else None
        is_noisy = number in noisy
        member = f"graphs/stage_{number}.onnx"
        stage, graphs[member] = _stage(number, is_noisy=is_noisy)
        stages.append(stage)
        if number == 0:
            inputs = {"noise": "noise_0", "position": "position"}
            steps.append(NoiseStep("noise_0", 1, margin=MARGIN, level=level))
            steps.append(PositionStep("position", _FREQUENCIES, LEVELS[0], MARGIN, level))
        else:
            inputs = {"previous": f"up_{number}"}
            steps.append(ResizeStep(f"x{number - 1}", f"up_{number}", level))
            if is_noisy:
                inputs["noise"] = f"noise_{number}"
                steps.append(NoiseStep(f"noise_{number}", 3, stage=number, level=level))
        halo = MARGIN if number else 0
        steps.append(GraphStep(member, inputs, {"image": f"x{number}"}, halo=halo))
    manifest = BundleManifest(
        family="exsingan",
        preset="test",
        factor=1,
        image_size_px=IMAGE_SIZE_PX,
        min_canvas_px=16,
        steps=tuple(steps),
        output=f"x{_STAGES - 1}",
        levels=LEVELS,
        entries=tuple(Entry(f"stage_{n}", f"x{n - 1}") for n in range(1, _STAGES)),
    )
    return TinyPyramid(manifest, stages, graphs)


@cache  # torch's export takes seconds
def _stage(number, *, is_noisy):
    """A network, with weights that depend on its number alone, and its graph."""
    torch.manual_seed(number)
    size = (13, 19)
    if number == 0:
        channels, padded = 4 * len(_FREQUENCIES), [side + 2 * MARGIN for side in size]
        stage = FirstStage(1 + channels)
        examples = {
            "noise": torch.zeros(2, 1, *padded),
            "position": torch.zeros(1, channels, *padded),
        }
    else:
        stage = NextStage(residual=number == _STAGES - 1)
        names = ("previous", "noise") if is_noisy else ("previous",)
        examples = {name: torch.zeros(2, 3, *size) for name in names}
    return stage.eval(), to_onnx(stage, examples, "image")
