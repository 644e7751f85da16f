"""Measurements as lines of text. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from petsgan_sdk.metrics import MetricResult

__all__ = ["counted", "result_lines", "table_lines"]

_COLUMNS = (
    # heading, metric, which number of it
    ("SIFID median", "sifid", "median"),
    ("SIFID mean", "sifid", "mean"),
    ("SIFID-192", "sifid192", "mean"),
    ("LPIPS", "lpips", "mean"),
    ("SSIM", "ssim", "mean"),
    ("diversity", "diversity", "mean"),
    ("sharpness", "sharpness", "mean"),
    ("copy", "copy", "mean"),
)


def counted(number: int, noun: str) -> str:
    """`1 file`, `2 files`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def result_lines(names: Sequence[str], results: Mapping[str, MetricResult]) -> Iterator[str]:
    """One line a sample, then median and spread of every metric with what judged it."""
    each = {name: result for name, result in results.items() if result.per == "sample"}
    if each:
        rows = [
            [sample, *(f"{result.values[number]:.4g}" for result in each.values())]
            for number, sample in enumerate(names)
        ]
        yield from _aligned([["sample", *each], *rows])
        yield ""
    head = ["metric", "median", "quartiles", "mean", "range", "of", "judged by"]
    yield from _aligned([head, *(_summary(result) for result in results.values())])


def table_lines(rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """The table of the papers, one line a variant, and what judged it."""
    filled = list(rows)
    measured: Mapping[str, Any] = next((row["metrics"] for row in filled if row["photos"]), {})
    columns = [column for column in _COLUMNS if column[1] in measured]
    head = ["variant", "photos", *(heading for heading, _, _ in columns), "training s"]
    yield from _aligned([head, *(_table_row(row, columns) for row in filled)])
    for name, facts in measured.items():
        if facts["backbone"] is not None:
            yield f"{name} judged by {facts['backbone']}"


def _table_row(row: Mapping[str, Any], columns: Sequence[tuple[str, str, str]]) -> list[str]:
    if not row["photos"]:
        return [row["variant"], "0", *("-" for _ in columns), "-"]
    numbers = [f"{row['metrics'][metric][which]:.4g}" for _, metric, which in columns]
    return [row["variant"], str(row["photos"]), *numbers, f"{row['seconds']:.0f}"]


def _summary(result: MetricResult) -> list[str]:
    found = result.summary
    count = len(result.values)
    return [
        result.name,
        f"{found.median:.4g}",
        f"{found.lower:.4g} to {found.upper:.4g}",
        f"{found.mean:.4g}",
        f"{found.least:.4g} to {found.most:.4g}",
        counted(count, result.per) if result.per in ("sample", "pair") else f"the {result.per}",
        result.backbone or "pixels",
    ]


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Pad every cell to the widest of its column."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()
