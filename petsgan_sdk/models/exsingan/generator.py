"""The whole ExSinGAN generator: a pyramid of stages, each made from the one below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from petsgan_sdk.checkpoint import Checkpoint
from petsgan_sdk.errors import CheckpointError
from petsgan_sdk.models.arrays import AVERAGED, built_from, image_tensor
from petsgan_sdk.models.depnet import DepNet
from petsgan_sdk.models.exsingan.pyramid import build_pyramid, level_sizes
from petsgan_sdk.models.exsingan.stage import RefinementStage
from petsgan_sdk.models.norm import FreezableBatchNorm
from petsgan_sdk.settings.exsingan import ExsinganSettings

__all__ = ["ExsinganGenerator", "generator_from", "stage_name", "upsample"]

Size = tuple[int, int]
U8Image = np.ndarray[Any, np.dtype[np.uint8]]


class ExsinganGenerator(nn.Module):
    """Structural, semantic and texture stages over a photo's pyramid; SinGAN is a mix of them.

    Args:
        settings: Of the model.
        photo: `[H, W, 3]` uint8, at training size.

    Raises:
        ConfigError: A level would be too small.
    """

    reconstruction_noise: Tensor

    def __init__(self, settings: ExsinganSettings, photo: U8Image) -> None:
        """Build the stages for this photo."""
        super().__init__()
        self.settings = settings
        height, width = photo.shape[:2]
        self.sizes: tuple[Size, ...] = level_sizes(
            height,
            width,
            count=settings.stages.count,
            coarsest_px=settings.pyramid.coarsest_px,
            rescale=settings.pyramid.rescale,
        )
        """`(h, w)` of each level."""
        for number, image in enumerate(build_pyramid(photo, self.sizes)):
            self.register_buffer(f"level_{number}", image_tensor(image), persistent=False)
        self.stages = nn.ModuleList(self._make(number) for number in range(len(self.sizes)))
        """G_0 to G_N."""
        shape = self.noise_shape(0, 1, *self.sizes[0])
        # Where noise moves the layout, no noise is the photo itself.
        is_moved = self.has_structure and settings.structure.displacement > 0
        fixed = torch.zeros(shape) if is_moved else torch.randn(shape)
        self.register_buffer("reconstruction_noise", fixed)

    @property
    def has_structure(self) -> bool:
        """Whether stage 0 is structural."""
        return self.settings.stages.structural == 1

    def level(self, number: int) -> Tensor:
        """The photo at a level, `[1, 3, h, w]` in [-1, 1]; -1 is the photo itself."""
        image: Tensor = self.get_buffer(f"level_{range(len(self.sizes))[number]}")
        return image

    def is_semantic(self, number: int) -> bool:
        """Whether a stage is a semantic one."""
        mix = self.settings.stages
        return mix.structural <= number < mix.structural + mix.semantic

    @property
    def structure(self) -> DepNet:
        """Stage 0 of a mix with a structural stage."""
        stage = self.stages[0]
        assert isinstance(stage, DepNet)
        return stage

    def noise_shape(
        self, number: int, count: int, height: int, width: int
    ) -> tuple[int, int, int, int]:
        """Shape of a stage's noise for `count` images whose level is `height` x `width`."""
        stage = self.stages[number]
        if isinstance(stage, DepNet):
            return stage.noise_shape(count, height, width)
        return (count, 3, height, width)

    def run(self, number: int, previous: Tensor | None, noise: Tensor) -> Tensor:
        """Run one stage.

        Args:
            number: Of the stage.
            previous: `[N, 3, h, w]` of the level below; None for stage 0.
            noise: Of shape `noise_shape(number, N, h, w)`.

        Returns:
            `[N, 3, h, w]` at the size that the noise has.
        """
        stage = self.stages[number]
        if isinstance(stage, DepNet):
            margin = 2 * stage.noise_margin
            position = stage.position(noise.shape[2] - margin, noise.shape[3] - margin)
            return stage(noise, position)  # type: ignore[no-any-return]
        if previous is None:
            return stage(torch.zeros_like(noise), noise)  # type: ignore[no-any-return]
        size = (noise.shape[2], noise.shape[3])
        return stage(upsample(previous, size), noise)  # type: ignore[no-any-return]

    @torch.no_grad()
    def sample(self, noises: Sequence[Tensor]) -> Tensor:
        """Images from the noise of every stage: `[N, 3, H, W]` in [-1, 1]."""
        image: Tensor | None = None
        for number, noise in enumerate(noises):
            image = self.run(number, image, noise)
        assert image is not None  # there is always a stage
        return image.clamp(-1, 1)

    @torch.no_grad()
    def reconstruct(self, below: int) -> Tensor | None:
        """What the fixed noise comes to in the stages before `below`, later ones without noise.

        Returns:
            `[1, 3, h, w]` at level `below` - 1; None for 0.
        """
        image: Tensor | None = None
        for number in range(below):
            noise = self.reconstruction_noise
            if number > 0:
                noise = torch.zeros_like(self.level(number))
            image = self.run(number, image, noise)
        return image

    def _make(self, number: int) -> nn.Module:
        mix, refinement = self.settings.stages, self.settings.refinement
        if number < mix.structural:
            return DepNet.of(self.settings.structure, self.sizes[0], norm=FreezableBatchNorm)
        return RefinementStage(
            width=refinement.width_at(min(self.sizes[number])),
            # There is nothing below the first stage to add to.
            is_residual=number > 0 and not self.is_semantic(number),
            norm=refinement.norm,
            padding=refinement.padding,
        )


def upsample(image: Tensor, size: Size) -> Tensor:
    """Bring `[N, C, h, w]` to the size of another level: bilinear, pixel centres at half."""
    return functional.interpolate(image, size=size, mode="bilinear", align_corners=False)


def stage_name(settings: ExsinganSettings, number: int) -> str:
    """What a stage is called, for people: its kind and its number."""
    mix = settings.stages
    if number < mix.structural:
        return "structural"
    number -= mix.structural
    if number < mix.semantic:
        return f"semantic {number + 1}"
    return f"texture {number - mix.semantic + 1}"


def generator_from(checkpoint: Checkpoint) -> ExsinganGenerator:
    """Build the generator that a checkpoint describes, with its averaged weights.

    Raises:
        CheckpointError: It is of another family, or an array is missing or of another shape.
    """
    settings = checkpoint.settings
    if not isinstance(settings, ExsinganSettings):
        msg = f"checkpoint: family must be 'exsingan', got {settings.family!r}"
        raise CheckpointError(msg)
    generator = built_from(
        lambda: ExsinganGenerator(settings, checkpoint.photo), checkpoint.arrays, AVERAGED
    )
    return generator.eval().requires_grad_(False)
