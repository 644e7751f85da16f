"""Single image Frechet inception distance (SinGAN, section 3.2): how alike two images' patches are.

Features of a network's early layer at all positions of one image are taken as samples of a normal
distribution, and the Frechet distance between those of two images is the number. Its unit is that
of the network and layer: values of two backbones do not compare.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from petsgan_sdk.metrics._images import U8Array, check_image, check_samples
from petsgan_sdk.metrics.inception import InceptionStem

__all__ = ["FeatureStatistics", "Sifid", "frechet_distance"]

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class FeatureStatistics:
    """A normal distribution fitted to features `[K, C]`."""

    mean: Matrix
    """`[C]`."""
    covariance: Matrix
    """`[C, C]`, with the divisor K - 1."""

    @classmethod
    def of(cls, features: npt.NDArray[np.floating]) -> FeatureStatistics:
        """Fit in double precision.

        Args:
            features: `[K, C]`, K from 2.
        """
        exact = features.astype(np.float64)
        mean = exact.mean(axis=0)
        centred = exact - mean
        return cls(mean, centred.T @ centred / (len(exact) - 1))


def frechet_distance(left: FeatureStatistics, right: FeatureStatistics) -> float:
    """|m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)), at least 0.

    The trace of the root is that of (R S2 R)^(1/2) with R the symmetric root of S1, a symmetric
    matrix, so that no eigenvalue can come out complex when the covariances are singular.
    """
    values, vectors = np.linalg.eigh(left.covariance)
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    eigenvalues = np.linalg.eigvalsh(root @ right.covariance @ root)
    overlap = np.sqrt(eigenvalues.clip(0)).sum()
    gap = left.mean - right.mean
    spread = np.trace(left.covariance) + np.trace(right.covariance) - 2 * overlap
    return max(0.0, float(gap @ gap + spread))


class Sifid:
    """SIFID of samples against one photo.

    Args:
        inception: The network.
        photo: `[H, W, 3]` uint8, both sides from 44, for `conv4a` from 72.

    Raises:
        InputError: Too small an image.
    """

    def __init__(self, inception: InceptionStem, photo: U8Array) -> None:
        """Fit the photo's distribution."""
        self._metric = "sifid" if inception.layer == "pool1" else "sifid192"
        check_image(self._metric, photo)
        self.backbone = inception.backbone
        self._inception = inception
        self._photo = self._statistics(photo)

    def __call__(self, samples: U8Array) -> Matrix:
        """Measure `[N, H, W, 3]` uint8, of any size from the least: `[N]`, 0 for the photo itself.

        Raises:
            InputError: Too small an image.
        """
        check_samples(self._metric, samples)
        return np.array(
            [frechet_distance(self._statistics(sample), self._photo) for sample in samples]
        )

    def _statistics(self, image: U8Array) -> FeatureStatistics:
        signed = torch.from_numpy(image.astype(np.float32) / 127.5 - 1)
        features = self._inception(signed.permute(2, 0, 1)[None])[0].flatten(1).T
        return FeatureStatistics.of(features.numpy())
