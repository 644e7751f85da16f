"""Learned perceptual distance of images (LPIPS, Zhang et al. 2018; shift-tolerant form 2022)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import chain, combinations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from petsgan_sdk.errors import ConfigError
from petsgan_sdk.metrics._images import U8Array, check_image, check_same_size, check_samples
from petsgan_sdk.metrics.lpips_networks import PerceptualNetwork
from petsgan_sdk.metrics.weights import Backbone
from petsgan_sdk.models.ambient import plain_torch

__all__ = ["Lpips", "choose_pairs"]

_SHIFT = (-0.030, -0.088, -0.188)
_SCALE = (0.458, 0.448, 0.450)
_FLOOR = 1e-10
_HELD_BYTES = 1 << 30
"""Most features of samples that are held at once."""


class Lpips:
    """Distance of two images: 0 for equal ones, about 0.7 for unrelated photos.

    Args:
        network: Gives features at several depths.
        linear: `[C]` for each depth, the learned weights of squared differences.
        backbone: Where both came from.
    """

    def __init__(
        self, network: PerceptualNetwork, linear: Sequence[Tensor], backbone: Backbone
    ) -> None:
        """Keep the network."""
        self._network = network
        self._linear = [weights.view(1, -1, 1, 1) for weights in linear]
        self.backbone = backbone

    def __call__(self, image: U8Array, other: U8Array) -> float:
        """Distance of two `[H, W, 3]` uint8 images of one size, both sides from 64.

        Raises:
            InputError: Too small an image, or two sizes.
        """
        for one in (image, other):
            check_image("lpips", one)
        check_same_size("lpips", image, other)
        return self._distance(self._features(image), self._features(other))

    def pairwise(
        self, samples: U8Array, *, num_pairs: int | None = None, seed: int = 0
    ) -> npt.NDArray[np.float64]:
        """Distances of pairs of samples; their mean is the diversity that PetsGAN's table has.

        The features of samples that are in pairs are held, about 170 bytes a pixel with ST-LPIPS,
        and never more than 1 GiB of them: of more samples, some are computed several times.

        Args:
            samples: `[N, H, W, 3]` uint8, N from 2.
            num_pairs: As `choose_pairs`.
            seed: As `choose_pairs`.

        Returns:
            One distance for each pair, in the order of `choose_pairs`.

        Raises:
            InputError: Fewer than two samples, or too small ones.
            ConfigError: `num_pairs` is not positive.
        """
        check_samples("lpips", samples)
        pairs = choose_pairs(len(samples), num_pairs=num_pairs, seed=seed)
        size = sum(depth.nbytes for depth in self._features(samples[0]))
        distances = np.empty(len(pairs))
        for numbers in _groups(pairs, most=_HELD_BYTES // size):
            needed = sorted({k for number in numbers for k in pairs[number]})
            features = {k: self._features(samples[k]) for k in needed}
            for number in numbers:
                left, right = pairs[number]
                distances[number] = self._distance(features[left], features[right])
            del features  # before those of the next are made
        return distances

    @plain_torch()
    @torch.no_grad()
    def _features(self, image: U8Array) -> list[Tensor]:
        """Features of unit length at every position, for each depth."""
        signed = torch.from_numpy(image.astype(np.float32) / 127.5 - 1).permute(2, 0, 1)[None]
        shift, scale = (torch.tensor(values).view(1, 3, 1, 1) for values in (_SHIFT, _SCALE))
        depths = self._network((signed - shift) / scale)
        return [x / (x.square().sum(dim=1, keepdim=True).sqrt() + _FLOOR) for x in depths]

    @plain_torch()
    @torch.no_grad()
    def _distance(self, left: list[Tensor], right: list[Tensor]) -> float:
        """Equation 1 of LPIPS: weighted squares, mean over positions, sum over depths."""
        depths = zip(left, right, self._linear, strict=True)
        # Sums over positions in double precision: there are up to millions.
        return float(sum((w * (a - b).square()).sum(dim=1).double().mean() for a, b, w in depths))


def choose_pairs(
    count: int, *, num_pairs: int | None = None, seed: int = 0
) -> list[tuple[int, int]]:
    """All pairs of `count` items, or some of them drawn without repetition.

    Args:
        count: Number of items.
        num_pairs: How many pairs to draw; all if None or if there are not more.
        seed: Of the draw.

    Returns:
        Pairs `(a, b)` with a < b, ascending.

    Raises:
        ConfigError: `num_pairs` is not positive.
    """
    total = count * (count - 1) // 2
    if num_pairs is None or num_pairs >= total:
        return list(combinations(range(count), 2))
    if num_pairs < 1:
        msg = f"lpips: number of pairs must be positive, got {num_pairs}"
        raise ConfigError(msg)
    drawn = np.random.default_rng(seed).choice(total, num_pairs, replace=False)
    return [_pair(int(number), count) for number in sorted(drawn)]


def _pair(number: int, count: int) -> tuple[int, int]:
    """Pair `number` of all ascending ones, which are not listed: there may be millions."""
    left_over = count * (count - 1) // 2 - 1 - number  # pairs after it
    # Of the last k items there are k (k - 1) / 2 pairs; its first item is one before those.
    k = (math.isqrt(8 * left_over + 1) + 1) // 2
    return count - 1 - k, count - 1 - (left_over - k * (k - 1) // 2)


def _groups(pairs: Sequence[tuple[int, int]], *, most: int) -> list[Sequence[int]]:
    """Numbers of the pairs in groups, each with pairs between at most `most` items (or two)."""
    used = sorted(set(chain.from_iterable(pairs)))
    if len(used) <= most:
        return [range(len(pairs))]
    length = max(1, most // 2)
    block = {item: place // length for place, item in enumerate(used)}
    groups: dict[tuple[int, int], list[int]] = {}
    for number, (left, right) in enumerate(pairs):
        groups.setdefault((block[left], block[right]), []).append(number)
    return list(groups.values())
