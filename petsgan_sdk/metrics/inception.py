"""The first layers of Inception v3, which SIFID looks through."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from petsgan_sdk.errors import BackendUnavailableError
from petsgan_sdk.files import shown_cache
from petsgan_sdk.metrics.weights import (
    Backbone,
    WeightFile,
    find_file,
    from_torch_hub,
    read_weights,
    take,
)
from petsgan_sdk.models.ambient import plain_torch

__all__ = ["URL", "VARIABLE", "InceptionStem", "Layer", "load_inception"]

VARIABLE = "PETSGAN_INCEPTION"
"""Environment variable that may name the weight file."""
URL = "https://download.pytorch.org/models/inception_v3_google-0cc3c7bd.pth"
"""The weights that SinGAN's own code takes through torchvision."""

Layer = Literal["pool1", "conv4a"]
"""Output of the first max-pool, 64 channels; or of the last convolution before the second, 192."""

_CACHED = (
    "inception_v3_stem_fp32.safetensors",
    "inception_v3_google-0cc3c7bd.pth",
    "pt_inception-2015-12-05-6726825d.pth",
)
_EPSILON = 1e-3  # of the batch norms, in Keras and torchvision alike


class _Convolution(NamedTuple):
    """One convolution with batch norm and ReLU."""

    name: str
    """In torchvision and pytorch-fid; Keras counts."""
    shape: tuple[int, int, int, int]
    stride: int
    padding: int


_LAYERS = (
    _Convolution("Conv2d_1a_3x3", (32, 3, 3, 3), 2, 0),
    _Convolution("Conv2d_2a_3x3", (32, 32, 3, 3), 1, 0),
    _Convolution("Conv2d_2b_3x3", (64, 32, 3, 3), 1, 1),
    _Convolution("Conv2d_3b_1x1", (80, 64, 1, 1), 1, 0),
    _Convolution("Conv2d_4a_3x3", (192, 80, 3, 3), 1, 0),
)
_BEFORE_POOL = 3


class InceptionStem(nn.Module):
    """Convolutions 1 to 3, max-pool, and for `conv4a` two more: `[N, 3, H, W]` to `[N, C, h, w]`.

    Batch norm is folded into the convolutions.

    Args:
        folded: Weight `[out, in, k, k]` and bias `[out]` of each convolution.
        backbone: Where they came from.
    """

    def __init__(self, folded: list[tuple[Tensor, Tensor]], backbone: Backbone) -> None:
        """Keep the weights."""
        super().__init__()
        self._folded = folded
        self.layer: Layer = "pool1" if len(folded) == _BEFORE_POOL else "conv4a"
        self.backbone = backbone

    @plain_torch()
    @torch.no_grad()
    def forward(self, image: Tensor) -> Tensor:
        """Features of images in [-1, 1], both sides from 11 px (15 for `conv4a`)."""
        x = image
        for number, (layer, (weight, bias)) in enumerate(zip(_LAYERS, self._folded, strict=False)):
            if number == _BEFORE_POOL:
                x = functional.max_pool2d(x, 3, stride=2)
            x = functional.relu(functional.conv2d(x, weight, bias, layer.stride, layer.padding))
        return functional.max_pool2d(x, 3, stride=2) if self.layer == "pool1" else x


@plain_torch()
def load_inception(
    file: Path | None = None,
    *,
    layer: Layer = "pool1",
    metric: str = "sifid",
    download: bool = True,
) -> InceptionStem:
    """Load the stem from a weight file of Inception v3.

    Args:
        file: Keras naming (`conv2d_1.kernel`, batch norms without gamma), or that of torchvision's
            `inception_v3_google` and pytorch-fid's `pt_inception-2015-12-05`. By default the file
            of `PETSGAN_INCEPTION`, one in the user's cache, or torchvision's from torch hub.
        layer: Where features are taken.
        metric: Name for messages.
        download: Whether torch hub may fetch a file that is not there.

    Raises:
        InputError: Not such a file; the message names the first key that does not fit.
        BackendUnavailableError: No file, and no network; the message says what to get.
    """
    path = find_file(file, variable=VARIABLE, names=_CACHED)
    path = path or from_torch_hub(URL, metric=metric, download=download)
    if path is None:
        raise _missing(metric, download=download)
    weights = read_weights(path, metric="sifid")
    is_keras = any(key.startswith("conv2d_") for key in weights.tensors)
    count = _BEFORE_POOL if layer == "pool1" else len(_LAYERS)
    name = f"inception-v3-{'keras' if is_keras else 'torch'}/{layer}"
    folded = _keras(weights, count) if is_keras else _torch(weights, count)
    return InceptionStem(folded, Backbone(name, weights.digest))


def _missing(metric: str, *, download: bool) -> BackendUnavailableError:
    if not download:
        msg = f"{metric}: needs weights of Inception v3, and none are here"
        hint = f"--metrics {metric} downloads them (about 100 MB); or name a file, --inception FILE"
        return BackendUnavailableError(msg, hint=hint)
    msg = (
        f"{metric}: needs weights of Inception v3; none are here, nor could they be downloaded: "
        f"get {URL} (its sha256 begins with 0cc3c7bd)"
    )
    folder = shown_cache("weights")
    hint = f"put it into the folder {folder!r}, or name it: --inception FILE, {VARIABLE}=FILE"
    return BackendUnavailableError(msg, hint=hint)


def _keras(file: WeightFile, count: int) -> list[tuple[Tensor, Tensor]]:
    parts = ("beta", "moving_mean", "moving_variance")
    shapes: dict[str, tuple[int, ...]] = {}
    for number, layer in enumerate(_LAYERS[:count], 1):
        shapes[f"conv2d_{number}.kernel"] = layer.shape
        shapes |= {f"batch_normalization_{number}.{part}": layer.shape[:1] for part in parts}
    found = take(file, shapes, metric="sifid", network="a Keras Inception v3")
    return [
        _fold(
            found[f"conv2d_{number}.kernel"],
            torch.ones(()),
            *(found[f"batch_normalization_{number}.{part}"] for part in parts),
        )
        for number in range(1, count + 1)
    ]


def _torch(file: WeightFile, count: int) -> list[tuple[Tensor, Tensor]]:
    parts = ("weight", "bias", "running_mean", "running_var")
    shapes: dict[str, tuple[int, ...]] = {}
    for layer in _LAYERS[:count]:
        shapes[f"{layer.name}.conv.weight"] = layer.shape
        shapes |= {f"{layer.name}.bn.{part}": layer.shape[:1] for part in parts}
    found = take(file, shapes, metric="sifid", network="an Inception v3")
    return [
        _fold(
            found[f"{layer.name}.conv.weight"],
            *(found[f"{layer.name}.bn.{part}"] for part in parts),
        )
        for layer in _LAYERS[:count]
    ]


def _fold(
    weight: Tensor, gamma: Tensor, beta: Tensor, mean: Tensor, variance: Tensor
) -> tuple[Tensor, Tensor]:
    scale = gamma / (variance + _EPSILON).sqrt()
    return weight * scale.view(-1, 1, 1, 1), beta - mean * scale
