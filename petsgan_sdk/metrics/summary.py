"""Median and spread of a metric's values. Numpy only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

__all__ = ["MetricResult", "Summary", "summarise"]


@dataclass(frozen=True, slots=True)
class Summary:
    """Order statistics; quartiles are interpolated between the values next to them."""

    median: float
    """Half of the values are below."""
    lower: float
    """First quartile."""
    upper: float
    """Third quartile."""
    mean: float
    """Sum over count."""
    least: float
    """The smallest."""
    most: float
    """The largest."""


def summarise(values: Sequence[float]) -> Summary:
    """Summarise at least one value."""
    least, lower, median, upper, most = np.quantile(values, (0, 0.25, 0.5, 0.75, 1)).tolist()
    return Summary(median, lower, upper, float(np.mean(values)), least, most)


@dataclass(frozen=True, slots=True)
class MetricResult:
    """What one metric found."""

    name: str
    """As `measure` lists them."""
    per: Literal["sample", "pair", "set", "photo"]
    """What has one value."""
    values: tuple[float, ...]
    """In the order of the samples or pairs."""
    backbone: str | None = None
    """Name and digest of the network that judged; None for metrics of pixels."""

    @property
    def summary(self) -> Summary:
        """Of the values."""
        return summarise(self.values)

    def to_json(self) -> dict[str, Any]:
        """As JSON types."""
        facts = {"per": self.per, "backbone": self.backbone, "values": list(self.values)}
        return {**facts, **asdict(self.summary)}
