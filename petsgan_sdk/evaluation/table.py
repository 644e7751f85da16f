"""The papers' table on a folder of photos: every photo trained with every variant, and measured.

What is finished is kept in an output folder, one subfolder a photo, and is not made again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from petsgan_sdk.errors import ConfigError, InputError, OutputError, TrainingError
from petsgan_sdk.evaluation.cell import Cell, TableOptions, make_cell
from petsgan_sdk.evaluation.samples import SkippedFile, each_image
from petsgan_sdk.imaging import fit_size
from petsgan_sdk.metrics import Judge
from petsgan_sdk.settings import ImageSettings

__all__ = ["Table", "TableOptions", "fill_table"]


@dataclass(frozen=True, slots=True)
class Table:
    """All cells, and what is missing."""

    variants: tuple[str, ...]
    """Names of the rows, in order."""
    cells: tuple[Cell, ...]
    """By photo, then by variant."""
    failed: Mapping[str, str]
    """Reasons by `photo, variant` where training diverged."""
    skipped: tuple[SkippedFile, ...]
    """Files of the folder that cannot be learned from."""

    def rows(self) -> list[dict[str, Any]]:
        """The lines of the table, as JSON types.

        Returns:
            For each `variant`: `photos`, and, unless that is 0, mean `seconds` of training and
            `metrics`: for each the `median` over photos of their medians, the `mean` over photos of
            their means (which papers print), and the `backbone`.
        """
        return [self._row(variant) for variant in self.variants]

    def _row(self, variant: str) -> dict[str, Any]:
        cells = [cell for cell in self.cells if cell.variant == variant]
        row: dict[str, Any] = {"variant": variant, "photos": len(cells)}
        if not cells:
            return row
        row["seconds"] = float(np.mean([cell.seconds for cell in cells]))
        row["metrics"] = {
            name: {
                "median": float(np.median([cell.metrics[name]["median"] for cell in cells])),
                "mean": float(np.mean([cell.metrics[name]["mean"] for cell in cells])),
                "backbone": facts["backbone"],
            }
            for name, facts in cells[0].metrics.items()
        }
        return row


def fill_table(
    photos: Path,
    output: Path,
    *,
    variants: Sequence[str],
    judge: Judge,
    options: TableOptions,
    overwrite: bool = False,
    progress: Callable[[str, int, int], None] = lambda _label, _done, _total: None,
    note: Callable[[str], None] = lambda _: None,
) -> Table:
    """Train, export, sample and measure what is not there yet.

    Args:
        photos: Folder of images; a file that is none, too small, or flat where a metric needs
            contrast, is skipped.
        output: Folder for models and measurements; made if it is not there.
        variants: Rows, see `choose_variants`.
        judge: What measures.
        options: What all cells share.
        overwrite: Make everything again.
        progress: Told which cell is being trained, and how many of how many steps are done.
        note: Told of every file that is skipped and of what a person should know of a cell.

    Raises:
        InputError: No folder, or no image in it that can be learned and measured.
        ConfigError: A setting is out of range, or too few samples; raised before any training.
        OutputError: The output folder cannot be written.
        CheckpointError: A model in the output folder is of another run.
    """
    if options.count < judge.least_count:
        msg = (
            f"table: these metrics need {judge.least_count} samples or more of a model, "
            f"got {options.count}"
        )
        raise ConfigError(msg)
    settings = {variant: options.settings(variant) for variant in variants}
    images = [each.image for each in settings.values()]
    usable, skipped = _usable(photos, images, judge=judge, note=note)
    cells: list[Cell] = []
    failed: dict[str, str] = {}
    for photo in usable:
        folder = _folder(output / photo.name)
        for variant in variants:
            label = f"{photo.name}, {variant}"
            try:
                cell = make_cell(
                    photo,
                    folder,
                    variant,
                    judge=judge,
                    options=options,
                    settings=settings[variant],
                    overwrite=overwrite,
                    progress=partial(progress, label),
                    note=partial(_labelled, note, label),
                )
            except TrainingError as exc:  # one of hundreds; the others are still worth having
                failed[label] = str(exc)
                note(f"{label}: {exc}")
            else:
                cells.append(cell)
    return Table(tuple(variants), tuple(cells), failed, skipped)


def _labelled(note: Callable[[str], None], label: str, line: str) -> None:
    note(f"{label}: {line}")


def _usable(
    photos: Path,
    settings: Sequence[ImageSettings],
    *,
    judge: Judge,
    note: Callable[[str], None],
) -> tuple[list[Path], tuple[SkippedFile, ...]]:
    """Photos that every variant learns at a size which every metric can judge, and the others."""
    usable: list[Path] = []
    skipped: list[SkippedFile] = []
    for path, image in each_image(photos):
        if isinstance(image, SkippedFile):
            skipped.append(image)
            continue
        height, width = image.shape[:2]
        try:
            least = min(
                min(fit_size(width, height, max_size_px=s.max_size_px, multiple=s.factor))
                for s in settings
            )
        except InputError as exc:  # no size shows its aspect
            skipped.append(SkippedFile(path, str(exc)))
            continue
        if least < judge.least_side_px:
            reason = (
                f"its shorter side must be learned at {judge.least_side_px} px or more for these "
                f"metrics, got {least}"
            )
            skipped.append(SkippedFile(path, reason))
        elif reasons := judge.undefined(image):
            skipped.append(SkippedFile(path, "; ".join(f"{n}: {r}" for n, r in reasons.items())))
        else:
            usable.append(path)
    for file in skipped:
        note(f"skipped {file.path.name}: {file.reason}")
    if not usable:
        msg = (
            f"table: {str(photos)!r} must hold an image whose shorter side can be learned at "
            f"{judge.least_side_px} px, got none among {len(skipped)} files"
        )
        raise InputError(msg)
    return usable, tuple(skipped)


def _folder(path: Path) -> Path:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        reason = (exc.strerror or str(exc)).lower()
        msg = f"output: folder {str(path)!r} must be writable, got {reason!r}"
        raise OutputError(msg) from exc
    return path
