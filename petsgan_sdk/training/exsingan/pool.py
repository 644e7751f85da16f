"""Results of the stages below a stage, kept to train it on: they never change again."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Generator, Tensor

from petsgan_sdk.models.exsingan import ExsinganGenerator, upsample
from petsgan_sdk.priors.internal import displace
from petsgan_sdk.training.crops import Crop

__all__ = ["LowerResults"]


class LowerResults:
    """What the stages below one made of some noise, and of the fixed noise.

    Decided by the finished stages and the generator of random numbers alone, so that it need not
    be saved.

    Args:
        generator: Its stages below `number` are finished.
        number: Of the stage that is trained on them; at least 1.
        count: How many to keep.
        rng: Decides their noise.
    """

    def __init__(
        self, generator: ExsinganGenerator, number: int, *, count: int, rng: Generator
    ) -> None:
        """Run the stages below."""
        self._size = generator.sizes[number]
        self._level = generator.level(number)
        self._fields: Tensor | None = None
        settings = generator.settings
        is_paired = (
            generator.has_structure
            and settings.structure.displacement > 0
            and settings.prior.is_one_layout
        )
        images, fields = [], []
        with torch.no_grad():
            for _ in range(count):
                image: Tensor | None = None
                for below in range(number):
                    shape = generator.noise_shape(below, 1, *generator.sizes[below])
                    noise = torch.randn(shape, generator=rng).to(self._level.device)
                    if below == 0 and is_paired:
                        fields.append(_field(generator, noise))
                    image = generator.run(below, image, noise)
                assert image is not None  # there is a stage below
                images.append(image)
            fixed = generator.reconstruct(number)
        assert fixed is not None
        self.fixed: Tensor = upsample(fixed, self._size)
        """What the fixed noise came to, `[1, 3, h, w]` at the size of the stage."""
        self._images = torch.cat(images)
        if fields:
            self._fields = torch.cat(fields)

    def __len__(self) -> int:
        """Number of results."""
        return len(self._images)

    def images(self, numbers: Sequence[int]) -> Tensor:
        """Results at the size of the stage, `[N, 3, h, w]`."""
        return upsample(self._images[list(numbers)], self._size)

    def targets(self, numbers: Sequence[int], crop: Crop) -> Tensor | None:
        """The photo displaced as the noise of results displaced their layout, a crop of it.

        Returns:
            `[N, 3, h, w]` of the crop in [-1, 1]; None where no displacement is known.
        """
        if self._fields is None:
            return None
        fields = self._fields[list(numbers)]
        scale = [new / old for new, old in zip(self._size, fields.shape[2:], strict=True)]
        unit = torch.tensor(scale[::-1], device=fields.device).view(1, 2, 1, 1)  # x, then y
        moved = upsample(fields, self._size) * unit
        return displace(self._level, crop.of(moved), top=crop.top, left=crop.left)


def _field(generator: ExsinganGenerator, noise: Tensor) -> Tensor:
    """Displacements `[1, 2, h, w]` of a layout, in its pixels."""
    depnet = generator.structure
    margin = depnet.position_margin
    field = depnet.displace(noise, depnet.position(*generator.sizes[0]))
    assert field is not None  # of a layout that is displaced
    return field[:, :, margin:-margin, margin:-margin]
