"""The paper's structure sampled as the public code samples it, in PyTorch eager.

DEPNet, ten passes of patch transfer at temperature 1e-5 on the reference and its mirror image, and
the restoration network with live instance norm. The weights are random: they decide no time. The
public `sample()` then runs a refiner that is not in the paper and costs far more than all of this
(5,285 of 5,378 GMAC at 256x256); it is left out here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from petsgan_sdk._arrays import ImageArray
from petsgan_sdk.checkpoint import load_checkpoint
from petsgan_sdk.manifest import BundleManifest
from petsgan_sdk.models.arrays import image_tensor

__all__ = ["PublicForm", "largest_error", "layout_net", "pixels", "positions"]

_FACTOR = 8
_WINDOW = 7
_PASSES = 10
_TEMPERATURE = 1e-5

_Doubles = NDArray[np.float64]


class PublicForm:
    """A model of the paper's size for the photo that a checkpoint learned.

    Args:
        checkpoint: Only its photo is used: the reference is as large as for the other forms.
        manifest: Not used.
        threads: For torch.
    """

    @torch.no_grad()
    def __init__(self, checkpoint: Path, *, manifest: BundleManifest, threads: int) -> None:  # noqa: ARG002
        """Draw the weights."""
        torch.set_num_threads(threads)
        torch.manual_seed(0)
        image = image_tensor(load_checkpoint(checkpoint).photo)
        size = (image.shape[2] // _FACTOR, image.shape[3] // _FACTOR)
        low_res = functional.interpolate(image, size, mode="bicubic", align_corners=True)
        self._reference = torch.cat([low_res, low_res.flip(3)], dim=3)
        self.layout_net = layout_net()
        self._features = _feature_net()
        self._restoration = _restoration_net()

    def facts(self) -> dict[str, Any]:
        """Say how large patch transfer is, and how far it is from a plain evaluation."""
        return {
            "reference_patches": self._reference.shape[2] * self._reference.shape[3],
            "passes": _PASSES,
            "weights": "random",
            "largest_error": largest_error(),
        }

    @torch.no_grad()
    def sample(self, *, width: int, height: int, seed: int, index: int) -> ImageArray:
        """Make an image; which one does not matter, the weights are random."""
        rows, columns = -(-height // _FACTOR), -(-width // _FACTOR)
        generator = torch.Generator().manual_seed(seed + index)
        noise = torch.randn(1, 1, rows, columns, generator=generator)
        layout = self.layout_net(torch.cat([noise, positions(rows, columns)], dim=1))
        code = _transfer(layout, self._reference, self._features)
        return pixels(self._restoration(code)[0, :, :height, :width])


def _transfer(
    layout: Tensor,
    reference: Tensor,
    features: nn.Module,
    *,
    passes: int = _PASSES,
    temperature: float = _TEMPERATURE,
) -> Tensor:
    """Patch transfer of `[1, 3, h, w]` in [-1, 1], the weight of a match not renormalised."""
    height, width = layout.shape[2:]
    radius = _WINDOW // 2
    code, values = (layout + 1) / 2, (reference + 1) / 2
    keys = features(values)
    overlaps = functional.fold(
        torch.ones(1, _WINDOW**2, height * width), (height, width), _WINDOW, padding=radius
    )
    for _ in range(passes):
        query = functional.unfold(features(code), _WINDOW, padding=radius).permute(0, 2, 1)
        key = functional.unfold(keys, _WINDOW, padding=radius)
        similarity = torch.bmm(functional.normalize(query, dim=2), functional.normalize(key, dim=1))
        attention = torch.softmax(similarity / temperature, dim=2)
        weight, index = attention.max(dim=2, keepdim=True)
        pruned = torch.zeros_like(attention).scatter_(2, index, weight)
        patches = functional.unfold(values, _WINDOW, padding=radius)
        chosen = torch.bmm(patches, pruned.permute(0, 2, 1))
        code = functional.fold(chosen, (height, width), _WINDOW, padding=radius) / overlaps
    return code * 2 - 1


def pixels(image: Tensor) -> ImageArray:
    """Turn `[3, H, W]` in [-1, 1] into `[H, W, 3]` bytes."""
    levels = (image * 127.5 + 128).clamp(0, 255).to(torch.uint8)
    result: ImageArray = levels.permute(1, 2, 0).contiguous().numpy()
    return result


def positions(rows: int, columns: int) -> Tensor:
    """Sine and cosine of absolute pixel coordinates, 1 and 0.01 radians per pixel."""
    x = torch.arange(columns, dtype=torch.float32).expand(rows, columns)
    y = torch.arange(rows, dtype=torch.float32)[:, None].expand(rows, columns)
    angles = [axis * frequency for axis in (x, y) for frequency in (1.0, 0.01)]
    return torch.stack([wave(a) for a in angles for wave in (torch.sin, torch.cos)])[None]


def layout_net() -> nn.Module:
    """DEPNet, which ExSinGAN's public code has as its structural stage too."""
    layers: list[nn.Module] = [nn.ZeroPad2d(5), nn.Conv2d(9, 64, 3)]
    for inputs in (64, 128, 128):
        layers += [nn.Conv2d(inputs, 128, 3), nn.InstanceNorm2d(128), nn.ReLU()]
    return nn.Sequential(*layers, nn.Conv2d(128, 3, 3), nn.Tanh())


def _feature_net() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 64, 3, padding=1), nn.ReLU(), nn.Conv2d(64, 64, 3, padding=1), nn.ReLU()
    )


def _restoration_net() -> nn.Module:
    width = 64
    stage: tuple[tuple[int, Literal["reflect", "replicate"]], ...] = (
        (width, "reflect"),
        (width, "reflect"),
        (4 * width, "replicate"),
    )
    layers: list[nn.Module] = [nn.Conv2d(3, width, 1), nn.InstanceNorm2d(width), nn.LeakyReLU()]
    layers.append(nn.Conv2d(width, width, 1))
    for _ in range(3):
        for outputs, mode in stage:
            layers.append(nn.Conv2d(width, outputs, 5, padding=2, padding_mode=mode))
            layers += [nn.InstanceNorm2d(outputs), nn.LeakyReLU(0.2)]
        layers.append(nn.PixelShuffle(2))
    half = width // 2
    return nn.Sequential(
        *layers,
        nn.Conv2d(width, half, 7, padding=3, padding_mode="replicate"),
        nn.Conv2d(half, half, 7, padding=3, padding_mode="replicate"),
        nn.ReLU(),
        nn.Conv2d(half, 3, 3, padding=1),
        nn.Tanh(),
    )


@torch.no_grad()
def largest_error() -> float:
    """Largest difference of two passes from a plain float64 evaluation, on a small case."""
    generator = torch.Generator().manual_seed(0)
    layout = torch.rand(1, 3, 6, 5, generator=generator) * 2 - 1
    reference = torch.rand(1, 3, 6, 8, generator=generator) * 2 - 1
    features = _feature_net()
    found = _transfer(layout, reference, features, passes=2, temperature=0.01)
    expected = _plain_transfer(layout, reference, features.double(), passes=2, temperature=0.01)
    return float(np.abs(found[0].numpy() - expected).max())


def _plain_transfer(
    layout: Tensor, reference: Tensor, features: nn.Module, *, passes: int, temperature: float
) -> _Doubles:
    """Eq. 7 patch by patch, as it reads."""

    def feature_map(image: _Doubles) -> _Doubles:
        result: _Doubles = features(torch.from_numpy(image[None]))[0].numpy()
        return result

    code, values = ((x[0].double().numpy() + 1) / 2 for x in (layout, reference))
    keys = [patch / np.linalg.norm(patch) for patch in _plain_patches(feature_map(values))]
    value_patches = _plain_patches(values)
    radius = _WINDOW // 2
    height, width = code.shape[1:]
    for _ in range(passes):
        total = np.zeros((3, height + 2 * radius, width + 2 * radius))
        count = np.zeros(total.shape[1:])
        for i, patch in enumerate(_plain_patches(feature_map(code))):
            logits = np.array([np.vdot(patch, key) for key in keys])
            logits /= np.linalg.norm(patch) * temperature
            best = int(logits.argmax())
            weight = 1 / np.exp(logits - logits[best]).sum()
            y, x = divmod(i, width)
            total[:, y : y + _WINDOW, x : x + _WINDOW] += weight * value_patches[best]
            count[y : y + _WINDOW, x : x + _WINDOW] += 1
        inside = (slice(radius, -radius), slice(radius, -radius))
        code = total[:, *inside] / count[inside]
    return code * 2 - 1


def _plain_patches(image: _Doubles) -> list[_Doubles]:
    radius = _WINDOW // 2
    padded = np.pad(image, ((0, 0), (radius, radius), (radius, radius)))
    height, width = image.shape[1:]
    return [
        padded[:, y : y + _WINDOW, x : x + _WINDOW] for y in range(height) for x in range(width)
    ]
