"""All metrics of a set of samples against their photo. Torch is imported by those that need it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from petsgan_sdk.errors import BackendUnavailableError, ConfigError, InputError
from petsgan_sdk.metrics._images import (
    LEAST_COUNT,
    LEAST_SIDE_PX,
    U8Array,
    check_image,
    check_samples,
)
from petsgan_sdk.metrics.copies import CopySearch
from petsgan_sdk.metrics.pixels import UNDEFINED, pixel_diversity, sharpness, why_undefined
from petsgan_sdk.metrics.repeats import near_repeats
from petsgan_sdk.metrics.ssim import LumaMoments, similarity
from petsgan_sdk.metrics.summary import MetricResult

if TYPE_CHECKING:
    from petsgan_sdk.metrics.inception import InceptionStem
    from petsgan_sdk.metrics.lpips import Lpips

__all__ = ["DEFAULT_METRICS", "DEFAULT_METRICS_OF_A_SIZE", "METRICS", "Judge", "check_metrics"]

METRICS = (
    *("sifid", "sifid192", "coverage", "repeats", "lpips"),
    *("ssim", "diversity", "sharpness", "copy"),
)
"""What can be measured; some give several results. `sifid192` looks one pooling layer deeper."""
DEFAULT_METRICS = ("sifid", "lpips", "ssim", "diversity", "sharpness", "copy")
"""What is measured unless something else is asked for."""
DEFAULT_METRICS_OF_A_SIZE = ("sifid", "coverage", "repeats", "sharpness")
"""The same for samples of another size than the photo's."""

_LAYERS = {"sifid": "pool1", "sifid192": "conv4a", "coverage": "pool1"}
_SAME_SIZE = ("ssim", "diversity", "copy")
"""They compare samples with the photo place by place."""


def check_metrics(names: Iterable[str]) -> tuple[str, ...]:
    """Return the names once each, in the order of `METRICS`.

    Raises:
        ConfigError: One is unknown, or there is none.
    """
    asked = set(names)
    unknown = sorted(asked - set(METRICS))
    if unknown or not asked:
        found = ", ".join(map(repr, unknown)) or "none"
        msg = f"metrics: must be some of {', '.join(METRICS)}, got {found}"
        raise ConfigError(msg)
    return tuple(name for name in METRICS if name in asked)


class Judge:
    """Metrics with their networks loaded, for any number of photos.

    Args:
        metrics: Some of `METRICS`.
        inception: Weight file of SIFID, see `load_inception`.
        lpips: Weight file of LPIPS, see `load_lpips`.
        lpips_backbone: The second one, see `load_lpips`.
        num_pairs: Pairs of samples that LPIPS compares; all by default.
        only_here: Leave out metrics whose weights or packages are not here, and download nothing.
            A metric whose weight file is given is never left out for want of it.
        count: How many samples there will be, so that `only_here` leaves out what needs more.

    Raises:
        ConfigError: An unknown metric, or no pairs.
        InputError: A weight file does not fit.
        BackendUnavailableError: No weight file, or torch is not installed.
    """

    def __init__(
        self,
        metrics: Iterable[str] = DEFAULT_METRICS,
        *,
        inception: Path | None = None,
        lpips: Path | None = None,
        lpips_backbone: Path | None = None,
        num_pairs: int | None = None,
        only_here: bool = False,
        count: int | None = None,
    ) -> None:
        """Load the networks that are needed."""
        asked = check_metrics(metrics)
        if num_pairs is not None and num_pairs < 1:
            msg = f"lpips: number of pairs must be positive, got {num_pairs}"
            raise ConfigError(msg)
        self._num_pairs = num_pairs
        self._stems: dict[str, InceptionStem] = {}
        self._lpips: Lpips | None = None
        self.left_out: dict[str, str] = {}
        """Metrics that were left out, and why: what is missing and how to get it."""
        for name in asked:
            least = LEAST_COUNT.get(name, 1)
            if only_here and count is not None and count < least:
                reason = f"{name}: at least {least} samples are needed, got {count}"
                self.left_out[name] = reason
                continue
            given = inception if name in _LAYERS else lpips or lpips_backbone
            try:
                self._load(name, inception, lpips, lpips_backbone, download=not only_here)
            except BackendUnavailableError as exc:
                if not only_here or given is not None:
                    raise
                self.left_out[name] = str(exc)
        self.metrics = tuple(name for name in asked if name not in self.left_out)
        """What it measures."""

    def _load(
        self,
        name: str,
        inception: Path | None,
        lpips: Path | None,
        lpips_backbone: Path | None,
        *,
        download: bool,
    ) -> None:
        """Load the network of a metric that has one."""
        if name in _LAYERS:
            part = _torch_part("inception", metric=name)
            self._stems[name] = part.load_inception(
                inception, layer=_LAYERS[name], metric=name, download=download
            )
        elif name == "lpips":
            part = _torch_part("lpips_weights", metric=name)
            self._lpips = part.load_lpips(lpips, backbone=lpips_backbone, download=download)

    @property
    def least_side_px(self) -> int:
        """Least side of an image that all its metrics can judge."""
        return max(LEAST_SIDE_PX[name] for name in self.metrics)

    @property
    def least_count(self) -> int:
        """Least number of samples that all its metrics can judge."""
        return max(LEAST_COUNT.get(name, 1) for name in self.metrics)

    def describe(self) -> dict[str, str | int | None]:
        """What decides its numbers besides the images: backbones by metric, and pairs."""
        facts: dict[str, str | int | None] = dict.fromkeys(self.metrics)
        facts |= {name: str(stem.backbone) for name, stem in self._stems.items()}
        if self._lpips is not None:
            facts |= {"lpips": str(self._lpips.backbone), "num_pairs": self._num_pairs}
        return facts

    def undefined(
        self, photo: U8Array, *, sample_size: tuple[int, int] | None = None
    ) -> dict[str, str]:
        """Its metrics that have no value for a photo, and why.

        Args:
            photo: `[h, w, 3]` uint8.
            sample_size: `(width, height)` of the samples; by default the photo's.
        """
        reasons = {name: why_undefined(name, photo) for name in self.metrics if name in UNDEFINED}
        tall, wide = photo.shape[:2]
        if sample_size is not None and sample_size != (wide, tall):
            found = f"{sample_size[0]}x{sample_size[1]}"
            reason = f"samples must have the photo's size, {wide}x{tall}, got {found}"
            reasons |= {name: reason for name in self.metrics if name in _SAME_SIZE}
        return {name: reason for name, reason in reasons.items() if reason is not None}

    def __call__(self, samples: U8Array, photo: U8Array) -> dict[str, MetricResult]:
        """Measure samples against their photo; what is `undefined` for it is left out.

        Args:
            samples: `[N, H, W, 3]` uint8; N from 2 for `lpips` and `diversity`.
            photo: `[h, w, 3]` uint8.

        Returns:
            `sifid`, `sifid192`, `precision`, `coverage`, `repeats`, `ssim` (to the photo),
            `ssim_mirror` (to the mirrored photo), `sharpness`, `copy`, `copy_shifted` and
            `copy_mirrored` for every sample, `lpips` for every pair, `diversity` for the set,
            `repeats_photo` for the photo.

        Raises:
            InputError: Too few or too small images for a metric; the message says the least. Or no
                metric has a value for them.
        """
        for name in self.metrics:
            check_samples(name, samples)
            check_image(name, photo)
        height, width = samples.shape[1:3]
        left_out = self.undefined(photo, sample_size=(width, height))
        metrics = [name for name in self.metrics if name not in left_out]
        if not metrics:
            msg = "; ".join(f"{name}: {reason}" for name, reason in left_out.items())
            raise InputError(msg)
        steps: dict[str, Callable[[U8Array, U8Array], list[MetricResult]]] = {
            "sifid": partial(self._sifid, "sifid"),
            "sifid192": partial(self._sifid, "sifid192"),
            "coverage": self._coverage,
            "repeats": _repeats,
            "lpips": self._pairs,
            "ssim": _ssim,
            "diversity": _diversity,
            "sharpness": _sharpness,
            "copy": _copy,
        }
        found = [result for name in metrics for result in steps[name](samples, photo)]
        return {result.name: result for result in found}

    def _sifid(self, name: str, samples: U8Array, photo: U8Array) -> list[MetricResult]:
        from petsgan_sdk.metrics.sifid import Sifid  # noqa: PLC0415 - imports torch

        sifid = Sifid(self._stems[name], photo)
        return [_each(name, sifid(samples), backbone=str(sifid.backbone))]

    def _coverage(self, samples: U8Array, photo: U8Array) -> list[MetricResult]:
        from petsgan_sdk.metrics.coverage import Coverage  # noqa: PLC0415 - imports torch

        covered = Coverage(self._stems["coverage"], photo)
        found = [covered(sample) for sample in samples]
        backbone = str(covered.backbone)
        return [
            _each("precision", [one.precision for one in found], backbone=backbone),
            _each("coverage", [one.coverage for one in found], backbone=backbone),
        ]

    def _pairs(self, samples: U8Array, photo: U8Array) -> list[MetricResult]:  # noqa: ARG002
        assert self._lpips is not None
        values = self._lpips.pairwise(samples, num_pairs=self._num_pairs)
        backbone = str(self._lpips.backbone)
        return [MetricResult("lpips", "pair", tuple(values.tolist()), backbone)]


def _repeats(samples: U8Array, photo: U8Array) -> list[MetricResult]:
    return [
        _each("repeats", [near_repeats(sample) for sample in samples]),
        MetricResult("repeats_photo", "photo", (near_repeats(photo),)),
    ]


def _ssim(samples: U8Array, photo: U8Array) -> list[MetricResult]:
    measured = [LumaMoments.of(sample) for sample in samples]
    own, mirrored = LumaMoments.of(photo), LumaMoments.of(photo[:, ::-1])
    return [
        _each("ssim", [similarity(sample, own) for sample in measured]),
        _each("ssim_mirror", [similarity(sample, mirrored) for sample in measured]),
    ]


def _diversity(samples: U8Array, photo: U8Array) -> list[MetricResult]:
    return [MetricResult("diversity", "set", (pixel_diversity(samples, photo),))]


def _sharpness(samples: U8Array, photo: U8Array) -> list[MetricResult]:
    return [_each("sharpness", sharpness(samples, photo))]


def _copy(samples: U8Array, photo: U8Array) -> list[MetricResult]:
    search = CopySearch(photo)
    rates = [search(sample) for sample in samples]
    return [
        _each("copy", [rate.unmoved for rate in rates]),
        _each("copy_shifted", [rate.shifted for rate in rates]),
        _each("copy_mirrored", [rate.mirrored for rate in rates]),
    ]


def _each(name: str, values: Iterable[float], *, backbone: str | None = None) -> MetricResult:
    return MetricResult(name, "sample", tuple(np.asarray(values, np.float64).tolist()), backbone)


def _torch_part(module: str, *, metric: str) -> Any:
    try:
        return import_module(f"petsgan_sdk.metrics.{module}")
    except ModuleNotFoundError as exc:
        if exc.name != "torch":
            raise
        msg = f"{metric}: needs the package torch, which is not installed"
        raise BackendUnavailableError(msg, hint='pip install "petsgan-sdk[metrics]"') from exc
