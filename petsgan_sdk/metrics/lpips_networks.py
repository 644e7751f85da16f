"""The networks whose features LPIPS compares: three plain ones and an anti-aliased AlexNet.

Their weights are loaded by the caller.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = [
    "NETWORKS",
    "BlurPool",
    "PerceptualNetwork",
    "alexnet",
    "shift_tolerant_alexnet",
    "squeezenet",
    "vgg16",
]


class PerceptualNetwork(nn.Module):
    """A chain of layers of which some outputs are features.

    Args:
        layers: The chain, up to the last tap.
        taps: Indices of the layers whose outputs are features.
        channels: Channels of these outputs.
    """

    def __init__(
        self, layers: list[nn.Module], taps: tuple[int, ...], channels: tuple[int, ...]
    ) -> None:
        """Keep the chain under the name that torchvision gives it."""
        super().__init__()
        self.features = nn.Sequential(*layers)
        self.taps = taps
        self.channels = channels
        self.requires_grad_(requires_grad=False).eval()

    def forward(self, image: Tensor) -> list[Tensor]:
        """Features of normalised images `[N, 3, H, W]`, the shallowest first."""
        found: list[Tensor] = []
        for number, layer in enumerate(self.features):
            image = layer(image)
            if number in self.taps:
                found.append(image)
        return found


class BlurPool(nn.Module):
    """Blur with a 3x3 binomial filter, then take every second pixel (Zhang 2019).

    The shift-tolerant form pads by one pixel more than the filter needs on each side (Ghildyal and
    Liu 2022, section 4): borders are reflected by 2 px.

    Args:
        num_channels: Each is blurred alone.
    """

    filt: Tensor

    def __init__(self, num_channels: int) -> None:
        """Make the filter; a weight file brings the same."""
        super().__init__()
        line = torch.tensor([0.25, 0.5, 0.25])
        self.register_buffer("filt", torch.outer(line, line).repeat(num_channels, 1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """`[N, C, h, w]` to `[N, C, (h + 1) // 2 + 1, (w + 1) // 2 + 1]`."""
        padded = functional.pad(x, (2, 2, 2, 2), mode="reflect")
        return functional.conv2d(padded, self.filt, stride=2, groups=len(self.filt))


class _Fire(nn.Module):
    """SqueezeNet's block: a narrow 1x1 convolution, then 1x1 and 3x3 ones side by side."""

    def __init__(self, inputs: int, narrow: int, wide: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(inputs, narrow, 1)
        self.expand1x1 = nn.Conv2d(narrow, wide, 1)
        self.expand3x3 = nn.Conv2d(narrow, wide, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.squeeze(x))
        return torch.relu(torch.cat([self.expand1x1(x), self.expand3x3(x)], dim=1))


def alexnet() -> PerceptualNetwork:
    """AlexNet as torchvision has it, up to its fifth convolution."""
    layers: list[nn.Module] = [
        nn.Conv2d(3, 64, 11, stride=4, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(3, 2),
        nn.Conv2d(64, 192, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(3, 2),
        *_last_three(),
    ]
    return PerceptualNetwork(layers, (1, 4, 7, 9, 11), (64, 192, 384, 256, 256))


def shift_tolerant_alexnet() -> PerceptualNetwork:
    """ST-LPIPS's AlexNet: every stride of 2 is a blur pool, and the first convolution has none."""
    layers: list[nn.Module] = [
        nn.Conv2d(3, 64, 11, padding=2),
        BlurPool(64),
        nn.ReLU(),
        nn.MaxPool2d(3, 1),
        BlurPool(64),
        nn.Conv2d(64, 192, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(3, 1),
        BlurPool(192),
        *_last_three(),
    ]
    return PerceptualNetwork(layers, (2, 6, 10, 12, 14), (64, 192, 384, 256, 256))


def _last_three() -> list[nn.Module]:
    return [
        nn.Conv2d(192, 384, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(256, 256, 3, padding=1),
        nn.ReLU(),
    ]


def vgg16() -> PerceptualNetwork:
    """VGG-16 as torchvision has it, up to its thirteenth convolution."""
    layers: list[nn.Module] = []
    inputs = 3
    for width, depth in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        layers += [nn.MaxPool2d(2, 2)] if layers else []
        for _ in range(depth):
            layers += [nn.Conv2d(inputs, width, 3, padding=1), nn.ReLU()]
            inputs = width
    return PerceptualNetwork(layers, (3, 8, 15, 22, 29), (64, 128, 256, 512, 512))


def squeezenet() -> PerceptualNetwork:
    """SqueezeNet 1.1 as torchvision has it, without its classifier."""
    layers: list[nn.Module] = [
        nn.Conv2d(3, 64, 3, stride=2),
        nn.ReLU(),
        _shrink(),
        _Fire(64, 16, 64),
        _Fire(128, 16, 64),
        _shrink(),
        _Fire(128, 32, 128),
        _Fire(256, 32, 128),
        _shrink(),
        _Fire(256, 48, 192),
        _Fire(384, 48, 192),
        _Fire(384, 64, 256),
        _Fire(512, 64, 256),
    ]
    channels = (64, 128, 256, 384, 384, 512, 512)
    return PerceptualNetwork(layers, (1, 4, 7, 9, 10, 11, 12), channels)


def _shrink() -> nn.Module:
    return nn.MaxPool2d(3, 2, ceil_mode=True)


NETWORKS: dict[str, Callable[[], PerceptualNetwork]] = {
    "alex": alexnet,
    "vgg": vgg16,
    "squeeze": squeezenet,
}
"""Plain networks by the names that `lpips_lin_v0.1` gives them."""
