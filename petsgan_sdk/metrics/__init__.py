"""Quality of samples in numbers: SIFID, LPIPS, SSIM, coverage, repeats, diversity.

`Judge` measures all of them; each is also a function or class of its own, in a module of its name.
Importing this imports numpy only; SIFID, coverage and LPIPS import torch when they are first used.
"""

from __future__ import annotations

from petsgan_sdk.metrics.copies import CopyRates, CopySearch, copy_rates
from petsgan_sdk.metrics.measure import (
    DEFAULT_METRICS,
    DEFAULT_METRICS_OF_A_SIZE,
    METRICS,
    Judge,
    check_metrics,
)
from petsgan_sdk.metrics.pixels import pixel_diversity, sharpness
from petsgan_sdk.metrics.repeats import near_repeats
from petsgan_sdk.metrics.ssim import ssim
from petsgan_sdk.metrics.summary import MetricResult, Summary, summarise

__all__ = [
    "DEFAULT_METRICS",
    "DEFAULT_METRICS_OF_A_SIZE",
    "METRICS",
    "CopyRates",
    "CopySearch",
    "Judge",
    "MetricResult",
    "Summary",
    "check_metrics",
    "copy_rates",
    "near_repeats",
    "pixel_diversity",
    "sharpness",
    "ssim",
    "summarise",
]
