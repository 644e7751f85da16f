"""The whole PetsGAN generator: the networks, the photo they learned, and the way between them."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from petsgan_sdk.checkpoint import Checkpoint
from petsgan_sdk.errors import CheckpointError
from petsgan_sdk.models.arrays import AVERAGED, built_from, image_tensor
from petsgan_sdk.models.depnet import DepNet
from petsgan_sdk.models.norm import FreezableInstanceNorm
from petsgan_sdk.models.petsgan_dipnet import DipNet
from petsgan_sdk.models.petsgan_enlargement import ENLARGEMENT, enlarged, enlarging_net
from petsgan_sdk.settings.petsgan import PetsganSettings

__all__ = ["PetsganGenerator", "dipnet_from", "generator_from"]


class PetsganGenerator(DipNet):
    """DEPNet and DIPNet with the photo as their reference.

    Args:
        settings: Of the model.
        image: As for `DipNet`.

    Raises:
        ConfigError: It is not settled by what patches are compared.
    """

    def __init__(self, settings: PetsganSettings, image: Tensor) -> None:
        """Build the networks for this photo."""
        height, width = (side // settings.layout_factor for side in image.shape[2:])
        # Before the other networks, so that a seed gives each the weights it always has.
        depnet = DepNet.of(settings.depnet, (height, width), norm=FreezableInstanceNorm)
        super().__init__(settings, image)
        self.depnet = depnet

    def noise_shape(self, count: int, height: int, width: int) -> tuple[int, int, int, int]:
        """Shape of DEPNet's noise for `count` layouts of `height` x `width`."""
        return self.depnet.noise_shape(count, height, width)

    @torch.no_grad()
    def sample(self, noise: Tensor) -> Tensor:
        """Images from noise of shape `noise_shape(N, h, w)`: `[N, 3, factor h, factor w]`."""
        margin = 2 * self.depnet.noise_margin
        height, width = noise.shape[2] - margin, noise.shape[3] - margin
        layout = self.depnet(noise, self.depnet.position(height, width))
        return self.restore(self.transfer(layout)).clamp(-1, 1)


def generator_from(checkpoint: Checkpoint) -> PetsganGenerator:
    """Build the generator that a checkpoint describes, with its averaged weights.

    Raises:
        CheckpointError: It is of another family or task, or an array is missing or of another
            shape.
    """
    settings = _settings(checkpoint, task="generate")
    photo = image_tensor(checkpoint.photo)
    times = settings.enlargement.factor
    image = functional.avg_pool2d(photo, times)
    generator = built_from(lambda: PetsganGenerator(settings, image), checkpoint.arrays, AVERAGED)
    if times > 1:
        enlarging = built_from(lambda: enlarging_net(settings), checkpoint.arrays, ENLARGEMENT)
        generator = enlarged(generator, photo, enlarging)
    return generator.eval().requires_grad_(False)


def dipnet_from(checkpoint: Checkpoint) -> DipNet:
    """Build DIPNet as a checkpoint of `--task manipulate` describes it, with its averaged weights.

    Raises:
        CheckpointError: As `generator_from`.
    """
    settings = _settings(checkpoint, task="manipulate")
    photo = image_tensor(checkpoint.photo)
    network = built_from(lambda: DipNet(settings, photo), checkpoint.arrays, AVERAGED)
    return network.eval().requires_grad_(False)


def _settings(checkpoint: Checkpoint, *, task: str) -> PetsganSettings:
    settings = checkpoint.settings
    if not isinstance(settings, PetsganSettings):
        msg = f"checkpoint: family must be 'petsgan' for this generator, got {settings.family!r}"
        raise CheckpointError(msg)
    if settings.task != task:
        msg = f"checkpoint: task must be {task!r} for these networks, got {settings.task!r}"
        raise CheckpointError(msg)
    return settings
