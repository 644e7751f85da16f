"""The layers of BigGAN, as trained weights are used: nothing here updates a statistic."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = [
    "Attention",
    "BatchNorm",
    "ConditionalBatchNorm",
    "DiscriminatorBlock",
    "GeneratorBlock",
    "SpectralConv2d",
    "SpectralEmbedding",
    "SpectralLinear",
]

_EPS = 1e-5  # of batch norm, as trained


def _track_spectrum(module: nn.Module, rows: int) -> None:
    """Add the buffers of spectral norm; `sv0` is kept for the checkpoint's sake only."""
    module.register_buffer("u0", torch.randn(1, rows))
    module.register_buffer("sv0", torch.ones(1))


def _normalized(weight: Tensor, left: Tensor) -> Tensor:
    """Divide by the largest singular value, one power iteration from the stored vector.

    The singular vectors are constants and the value is not: when weights are fine-tuned, the
    gradient passes through the division, as it did in training.
    """
    matrix = weight.flatten(1)
    with torch.no_grad():
        right = functional.normalize(left @ matrix)
        left = functional.normalize(right @ matrix.T)
    return weight / (left @ matrix @ right.T).squeeze()


class SpectralConv2d(nn.Conv2d):
    """A convolution of stride 1 that keeps the size, with spectral norm."""

    u0: Tensor

    def __init__(self, inputs: int, outputs: int, *, kernel: int = 3, bias: bool = True) -> None:
        """Build the layer."""
        super().__init__(inputs, outputs, kernel, padding=kernel // 2, bias=bias)
        _track_spectrum(self, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """`[N, C, H, W]` to `[N, outputs, H, W]`."""
        return functional.conv2d(
            x, _normalized(self.weight, self.u0), self.bias, padding=self.padding
        )


class SpectralLinear(nn.Linear):
    """A linear layer with spectral norm."""

    u0: Tensor

    def __init__(self, inputs: int, outputs: int, *, bias: bool = True) -> None:
        """Build the layer."""
        super().__init__(inputs, outputs, bias=bias)
        _track_spectrum(self, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """`[N, inputs]` to `[N, outputs]`."""
        return functional.linear(x, _normalized(self.weight, self.u0), self.bias)


class SpectralEmbedding(nn.Embedding):
    """An embedding with spectral norm."""

    u0: Tensor

    def __init__(self, count: int, size: int) -> None:
        """Build the table."""
        super().__init__(count, size)
        _track_spectrum(self, count)

    def forward(self, labels: Tensor) -> Tensor:
        """Labels `[N]` to `[N, size]`."""
        return functional.embedding(labels, _normalized(self.weight, self.u0))


class ConditionalBatchNorm(nn.Module):
    """Batch norm with stored statistics; gain and bias are linear in a condition."""

    stored_mean: Tensor
    stored_var: Tensor

    def __init__(self, channels: int, condition_size: int) -> None:
        """Build the layer."""
        super().__init__()
        self.gain = SpectralLinear(condition_size, channels, bias=False)
        self.bias = SpectralLinear(condition_size, channels, bias=False)
        self.register_buffer("stored_mean", torch.zeros(channels))
        self.register_buffer("stored_var", torch.ones(channels))

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Normalise `[N, C, H, W]` by a condition `[N, condition_size]`."""
        gain = 1 + self.gain(condition)[:, :, None, None]
        bias = self.bias(condition)[:, :, None, None]
        normal = functional.batch_norm(x, self.stored_mean, self.stored_var, eps=_EPS)
        return normal * gain + bias  # type: ignore[no-any-return]


class BatchNorm(nn.Module):
    """Batch norm with stored statistics."""

    stored_mean: Tensor
    stored_var: Tensor

    def __init__(self, channels: int) -> None:
        """Build the layer."""
        super().__init__()
        self.gain = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("stored_mean", torch.zeros(channels))
        self.register_buffer("stored_var", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise `[N, C, H, W]`."""
        return functional.batch_norm(
            x, self.stored_mean, self.stored_var, self.gain, self.bias, eps=_EPS
        )


class Attention(nn.Module):
    """Self-attention over positions, keys and values at half the size."""

    def __init__(self, channels: int) -> None:
        """Build the layers; `channels` is at least 8."""
        super().__init__()
        self.theta = SpectralConv2d(channels, channels // 8, kernel=1, bias=False)
        self.phi = SpectralConv2d(channels, channels // 8, kernel=1, bias=False)
        self.g = SpectralConv2d(channels, channels // 2, kernel=1, bias=False)
        self.o = SpectralConv2d(channels // 2, channels, kernel=1, bias=False)
        self.gamma = nn.Parameter(torch.tensor(0.0))

    def forward(self, x: Tensor) -> Tensor:
        """`[N, C, H, W]` to the same; H and W are even."""
        query = self.theta(x).flatten(2).transpose(1, 2)
        key = functional.max_pool2d(self.phi(x), 2).flatten(2)
        value = functional.max_pool2d(self.g(x), 2).flatten(2).transpose(1, 2)
        # Positions first: the gradient of the large weight matrix is then made in its own order.
        attended = (query @ key).softmax(dim=2) @ value
        attended = attended.transpose(1, 2).unflatten(2, x.shape[2:])
        return self.gamma * self.o(attended) + x  # type: ignore[no-any-return]


class GeneratorBlock(nn.Module):
    """A residual block that doubles the size."""

    def __init__(self, inputs: int, outputs: int, condition_size: int) -> None:
        """Build the layers."""
        super().__init__()
        self.conv1 = SpectralConv2d(inputs, outputs)
        self.conv2 = SpectralConv2d(outputs, outputs)
        self.conv_sc = SpectralConv2d(inputs, outputs, kernel=1)
        self.bn1 = ConditionalBatchNorm(inputs, condition_size)
        self.bn2 = ConditionalBatchNorm(outputs, condition_size)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """`[N, inputs, H, W]` to `[N, outputs, 2 H, 2 W]`."""
        hidden = functional.relu(self.bn1(x, condition))
        hidden = self.conv1(functional.interpolate(hidden, scale_factor=2))
        hidden = self.conv2(functional.relu(self.bn2(hidden, condition)))
        # A 1x1 convolution and nearest neighbours commute: a quarter of the arithmetic.
        return hidden + functional.interpolate(self.conv_sc(x), scale_factor=2)  # type: ignore[no-any-return]


class DiscriminatorBlock(nn.Module):
    """A residual block that halves the size, or keeps size and channels.

    Args:
        inputs: Channels.
        outputs: Channels; without `downsample` as many as `inputs`.
        downsample: Halve the size.
        is_first: The input is an image: no ReLU in front.
    """

    def __init__(self, inputs: int, outputs: int, *, downsample: bool, is_first: bool) -> None:
        """Build the layers."""
        super().__init__()
        self.conv1 = SpectralConv2d(inputs, outputs)
        self.conv2 = SpectralConv2d(outputs, outputs)
        if downsample:
            self.conv_sc = SpectralConv2d(inputs, outputs, kernel=1)
        self._downsample = downsample
        self._is_first = is_first

    def forward(self, x: Tensor) -> Tensor:
        """`[N, inputs, H, W]` to `[N, outputs, H / 2, W / 2]`, or the same size."""
        hidden = self.conv1(x if self._is_first else functional.relu(x))
        hidden = self.conv2(functional.relu(hidden))
        if not self._downsample:
            return hidden + x  # type: ignore[no-any-return]
        # The 1x1 convolution commutes with the mean: a quarter of the arithmetic.
        return functional.avg_pool2d(hidden, 2) + self.conv_sc(functional.avg_pool2d(x, 2))  # type: ignore[no-any-return]
