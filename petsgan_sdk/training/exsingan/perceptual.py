"""The perceptual loss of semantic stages: deep features of VGG-19, eq. 5 of the paper."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from petsgan_sdk.errors import ConfigError, InputError
from petsgan_sdk.training.vgg import cached_vgg, choose_features, read_convolutions, vgg_cache

__all__ = ["DeepVgg", "PerceptualLoss", "choose_perceptual", "load_deep_vgg", "needed_vgg"]

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_BLOCKS = ((64, 2), (128, 2), (256, 4), (512, 4), (512, 3))
"""Channels and convolutions of each block, the last up to relu5_3; max pooling between them."""

_FLOOR = 1e-6
"""Least mean of the photo's features."""


class DeepVgg(nn.Module):
    """VGG-19 up to relu5_3; weights are loaded by the caller.

    Convolutions are named as torchvision's `features.N`.
    """

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        """Build the layers."""
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for block, (width, count) in enumerate(_BLOCKS):
            if block:
                layers.append(nn.MaxPool2d(2, ceil_mode=True))
            for _ in range(count):
                layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
                channels = width
        self.features = nn.Sequential(*layers)
        self.register_buffer("mean", torch.tensor(_MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(_STD).view(1, 3, 1, 1))

    def forward(self, image: Tensor) -> list[Tensor]:
        """`[N, 3, h, w]` in [-1, 1] to relu5_1, relu5_2 and relu5_3, each `[N, 512, ...]`."""
        x = ((image + 1) / 2 - self.mean) / self.std
        found = []
        first = len(self.features) - 2 * _BLOCKS[-1][1]
        for number, layer in enumerate(self.features):
            x = layer(x)
            if number > first and isinstance(layer, nn.ReLU):
                found.append(x)
        return found


class PerceptualLoss:
    """Mean absolute difference of features from those of the photo, which are computed once.

    Each layer counts relative to the photo's mean feature: weights trained on values in 0..255
    (Caffe's) have far larger ones than those trained on normalised input.

    The gradient goes through the generated image. The public code detaches that and not the photo,
    so that its loss trains nothing.

    Args:
        network: Gives the features.
        real: `[1, 3, h, w]` in [-1, 1].
    """

    def __init__(self, network: DeepVgg, real: Tensor) -> None:
        """Compute the photo's features."""
        self._network = network
        with torch.no_grad():
            self._known = network(real)

    def __call__(self, fake: Tensor) -> Tensor:
        """Distance of `[N, 3, h, w]` in [-1, 1] from the photo, a scalar."""
        found = self._network(fake)
        apart = [
            functional.l1_loss(made, known.expand_as(made)) / known.mean().clamp(min=_FLOOR)
            for made, known in zip(found, self._known, strict=True)
        ]
        return torch.stack(apart).mean()


def choose_perceptual(choice: str) -> tuple[str, Path | None]:
    """Read what the perceptual loss is computed on.

    Args:
        choice: `auto`, `none`, or `vgg19:FILE`.

    Returns:
        The setting `perceptual`, and the named file.

    Raises:
        ConfigError: Another text.
        InputError: The named file is not there.
    """
    if choice in ("auto", "none"):
        return choice, None
    if choice.startswith("vgg19:"):
        return choose_features(choice)
    msg = f"perceptual: must be auto, none or vgg19:FILE, got {choice!r}"
    raise ConfigError(msg)


def needed_vgg() -> Path:
    """Return the user's cached weights of VGG-19.

    Raises:
        InputError: There are none; the message says what to do.
    """
    found = cached_vgg(is_needed=False)
    if found is None:
        msg = (
            "perceptual: the semantic stages' loss needs weights of VGG-19, and there are none at "
            f"{vgg_cache()!r}; give them with --perceptual vgg19:FILE (torchvision's "
            "vgg19 state dict as .pth or .safetensors), put the file there, or train without by "
            "--perceptual none"
        )
        raise InputError(msg)
    return found


def load_deep_vgg(path: Path) -> DeepVgg:
    """Make the network from a file of VGG-19 weights, see `vgg.read_convolutions`.

    Raises:
        InputError: As `read_convolutions`.
        BackendUnavailableError: As `read_convolutions`.
    """
    network = DeepVgg().eval().requires_grad_(False)
    convs = {
        f"features.{number}": layer
        for number, layer in enumerate(network.features)
        if isinstance(layer, nn.Conv2d)
    }
    found = read_convolutions(path, {k: tuple(conv.weight.shape) for k, conv in convs.items()})
    for key, conv in convs.items():
        assert conv.bias is not None
        conv.weight.copy_(found.weights[key])
        conv.bias.copy_(found.biases[key])
    found.fill_input(network.mean, network.std)
    return network
