"""What samples of any size are judged by: everything of the photo's own is computed once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from petsgan_sdk._arrays import ImageArray
from petsgan_sdk.metrics import Judge, near_repeats, sharpness
from petsgan_sdk.metrics.coverage import Coverage
from petsgan_sdk.metrics.inception import InceptionStem
from petsgan_sdk.metrics.sifid import Sifid
from shared.harness import BenchmarkError
from tasks._measures import LUMA

__all__ = ["WORST", "PhotoJudge", "Weights", "summary"]

WORST = {
    "sifid": max,
    "precision": min,
    "coverage": min,
    "repeats": max,
    "sharpness": min,
    "seam_x": max,
    "seam_y": max,
    "pairwise": min,
    "copy": max,
}
"""What is measured, and which end of it is the worse. Blur is the usual fault of sharpness."""

_NEAR = 1e-3
"""What SIFID of the photo itself may be: the root of a covariance, in floating point."""


@dataclass(frozen=True, slots=True)
class Weights:
    """Files of the networks that judge; as `petsgan-sdk evaluate` finds them where None."""

    inception: Path | None = None
    lpips: Path | None = None
    lpips_backbone: Path | None = None

    def sets(self) -> Judge:
        """What judges several samples of the photo's size."""
        return Judge(("lpips", "copy"), lpips=self.lpips, lpips_backbone=self.lpips_backbone)


class PhotoJudge:
    """Judges samples against one photo.

    Args:
        photo: `[H, W, 3]` uint8, at the size that was learned.
        stem: For SIFID, precision and coverage.
        sets: For pairwise distance and copies, if those are asked for.

    Raises:
        BenchmarkError: The photo does not pass for itself.
        InputError: It is too small.
    """

    def __init__(self, photo: ImageArray, *, stem: InceptionStem, sets: Judge | None) -> None:
        """Prepare the photo, and judge it."""
        self._photo, self._sets = photo, sets
        self._sifid, self._coverage = Sifid(stem, photo), Coverage(stem, photo)
        self.own_repeats = near_repeats(photo)
        """Of the photo."""
        found = self.one(photo, seamless=False)
        perfect = {"sifid": 0, "precision": 1, "coverage": 1, "repeats": 0, "sharpness": 1}
        for name, value in perfect.items():
            if abs(found[name] - value) > _NEAR:
                msg = (
                    f"{name} of the photo itself must be {value}, got {found[name]:.4f}; "
                    "nothing was judged"
                )
                raise BenchmarkError(msg, exit_code=4)

    def one(self, sample: ImageArray, *, seamless: bool) -> dict[str, float]:
        """Judge a sample of any size, `[h, w, 3]` uint8; its seams only if it is seamless."""
        covered = self._coverage(sample)
        return {
            "sifid": float(self._sifid(sample[None])[0]),
            "precision": covered.precision,
            "coverage": covered.coverage,
            "repeats": near_repeats(sample) - self.own_repeats,
            "sharpness": float(sharpness(sample[None], self._photo)[0]),
            **(_seams(sample) if seamless else {}),
        }

    def several(self, samples: ImageArray) -> dict[str, float]:
        """Judge `[N, H, W, 3]` samples of the photo's size together: `pairwise` and `copy`."""
        assert self._sets is not None  # the caller asks for what it gave
        found = self._sets(samples, self._photo)
        values = {"pairwise": found["lpips"].values, "copy": found["copy"].values}
        return {name: float(np.mean(each)) for name, each in values.items()}


def summary(rows: Sequence[dict[str, float]]) -> dict[str, dict[str, float]]:
    """`median` and `worst` of every measure that some row has."""
    found: dict[str, dict[str, float]] = {"median": {}, "worst": {}}
    for name, worst in WORST.items():
        values = [row[name] for row in rows if name in row]
        if values:
            found["median"][name] = float(np.median(values))
            found["worst"][name] = worst(values)
    return found


def _seams(image: ImageArray) -> dict[str, float]:
    """Mean luma step between opposite borders over that inside along the same axis."""
    grey = image @ LUMA
    found = {}
    for name, plane in (("seam_x", grey), ("seam_y", grey.T)):
        steps = np.abs(np.diff(plane, axis=1, append=plane[:, :1])).mean(axis=0)
        found[name] = float(steps[-1] / max(steps[:-1].mean(), 1e-9))
    return found
