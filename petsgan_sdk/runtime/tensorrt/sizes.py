"""From the sizes of an image to the shapes of every graph's inputs. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from petsgan_sdk.errors import ConfigError
from petsgan_sdk.manifest import (
    BundleManifest,
    NoiseStep,
    PatchTransferStep,
    PositionStep,
    ResizeStep,
    Step,
    TextureTransferStep,
    level_size,
)
from petsgan_sdk.runtime.checks import check_size

__all__ = ["Shape", "Size", "SizeRange", "canvas_of", "made_by_kernel", "plan_ranges"]

Shape = tuple[int, ...]
Size = tuple[int, int]


@dataclass(frozen=True, slots=True)
class SizeRange:
    """The canvases that one engine takes, `(rows, columns)` of the base grid."""

    least: Size
    """Smallest."""
    best: Size
    """What it is tuned for."""
    most: Size
    """Largest."""

    def __post_init__(self) -> None:
        """Check the order."""
        for axis, name in enumerate(("height", "width")):
            low, best, high = self.least[axis], self.best[axis], self.most[axis]
            if not low <= best <= high:
                msg = f"--min, --opt, --max must ascend, got {name}s {low}, {best}, {high} (canvas)"
                raise ConfigError(msg)

    @property
    def points(self) -> tuple[Size, Size, Size]:
        """The three sizes in order."""
        return self.least, self.best, self.most

    def covers(self, canvas: Size) -> bool:
        """Whether a canvas lies within."""
        return all(
            low <= side <= high
            for low, side, high in zip(self.least, canvas, self.most, strict=True)
        )


def canvas_of(manifest: BundleManifest, height: int, width: int) -> Size:
    """The canvas, as `(rows, columns)` of the base grid, that an image of this size is cut from."""
    factor, least = manifest.factor, manifest.min_canvas_px
    rows, columns = (-(-max(side, least) // factor) for side in (height, width))
    return rows, columns


def plan_ranges(
    manifest: BundleManifest,
    *,
    sizes_px: tuple[Size, ...] = (),
    range_px: tuple[Size, Size, Size] | None = None,
) -> tuple[SizeRange, ...]:
    """The ranges to build for: one size each, or one from least to most.

    Args:
        manifest: Of the bundle.
        sizes_px: `(height, width)` of images, each with an engine of its own.
        range_px: `(height, width)` of the least, best and largest image of one engine.

    Returns:
        The distinct canvases of the sizes, the range, or without both the training image's size.

    Raises:
        ConfigError: Both were given, a size is impossible, or the range does not ascend.
    """
    if sizes_px and range_px is not None:
        msg = "sizes must be given as --sizes or as --min, --opt, --max, got both"
        raise ConfigError(msg)
    if range_px is not None:
        points = [canvas_of(manifest, *check_size(*size)) for size in range_px]
        return (SizeRange(*points),)
    canvases = [canvas_of(manifest, *check_size(*s)) for s in sizes_px or (manifest.image_size_px,)]
    return tuple(SizeRange(size, size, size) for size in dict.fromkeys(canvases))


def made_by_kernel(
    step: Step,
    tensors: Mapping[str, Shape],
    canvas: Size,
    manifest: BundleManifest,
    arrays: Mapping[str, Any],
) -> dict[str, Shape]:
    """The shapes of what a step other than a graph makes.

    Args:
        step: The step.
        tensors: Shapes of what was made before it.
        canvas: `(rows, columns)` of the base grid.
        manifest: Of the bundle.
        arrays: The bundle's constants.
    """
    match step:
        case NoiseStep():
            return {step.output: (1, step.channels, *_padded(step, canvas, manifest))}
        case PositionStep():
            return {step.output: (1, 4 * len(step.frequencies), *_padded(step, canvas, manifest))}
        case PatchTransferStep():
            grid = tensors[step.query][2:]
            made: dict[str, Shape] = {step.output: (1, arrays[step.values].shape[0], *grid)}
            if step.index_output is not None:
                made[step.index_output] = (1, *grid)
            return made
        case TextureTransferStep():
            rows, columns = (side * manifest.factor for side in tensors[step.index][1:])
            return {step.output: (1, 3, rows, columns)}
        case ResizeStep():
            size = level_size(manifest, step.level, *canvas)
            return {step.output: (*tensors[step.input][:2], *size)}
    msg = f"a {step.kind} step is not a kernel"
    raise TypeError(msg)


def _padded(step: NoiseStep | PositionStep, canvas: Size, manifest: BundleManifest) -> Size:
    rows, columns = level_size(manifest, step.level, *canvas)
    return rows + 2 * step.margin, columns + 2 * step.margin
