"""From the sizes of an image to the shapes of every graph's inputs. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass

from petsgan_sdk.errors import ConfigError
from petsgan_sdk.manifest import BundleManifest, canvas_of
from petsgan_sdk.runtime.checks import check_size

__all__ = ["SizeRange", "plan_ranges"]

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
