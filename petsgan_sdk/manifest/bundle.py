"""The manifest itself: a list of steps over named tensors, and where the model comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from petsgan_sdk.errors import BundleError
from petsgan_sdk.manifest.fields import (
    MAX_LEVELS,
    MAX_SIDE_PX,
    Size,
    is_plain,
    plain_name,
    require_name,
)
from petsgan_sdk.manifest.steps import AnyStep, Grids
from petsgan_sdk.settings.typed import FieldError, from_dict, require, to_dict

__all__ = [
    "FORMAT",
    "FORMAT_VERSION",
    "LAYOUTS",
    "PREVIEW",
    "BundleManifest",
    "Entry",
    "canvas_of",
    "level_size",
    "parse",
    "to_header",
]

FORMAT = "petsgan-bundle"
FORMAT_VERSION = 1
PREVIEW = "preview.png"
"""Name of the member that shows a sample."""

LAYOUTS = ("synthesis",)
"""Other ways to a result that a manifest may name, by where their layouts come from."""

_CONTAINER_KEYS = ("format", "format_version", "members")


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a given image can take the place of what the steps so far would make."""

    name: str
    """Name of the stage that continues from it, for people."""
    tensor: str
    """Tensor `[N, 3, h, w]` in [-1, 1] that the image replaces, one pixel for one of its grid. The
    first entry's may be made by no step; then it lies on the base grid, and images only come from
    images."""

    def __post_init__(self) -> None:
        """Check the names."""
        for name in ("name", "tensor"):
            require_name(self, name)


@dataclass(frozen=True, slots=True)
class BundleManifest:
    """How to make an image from a seed, and where the model comes from."""

    family: str
    """Model family, such as `"petsgan"`."""
    preset: str
    """Preset it was trained with."""
    factor: int
    """Canvas sides are multiples of it; the base grid has 1/factor of the canvas's sides."""
    image_size_px: tuple[int, int]
    """`(H, W)` of training, the default size of a sample."""
    min_canvas_px: int
    """Least side of a canvas; smaller images are cut from one."""
    steps: tuple[AnyStep, ...]
    """What to run, in order."""
    output: str
    """Name of the final tensor, `[N, 3, H, W]` float32 in [-1, 1], on the base grid."""
    levels: tuple[tuple[int, int], ...] = ()
    """`(h, w)` at training of further grids, a pyramid; on other canvases they grow in proportion,
    see `level_size`."""
    entries: tuple[Entry, ...] = ()
    """Stages that can be started from an image, the coarsest first."""
    layouts: dict[str, str] = field(default_factory=dict)
    """Other final tensors by where their layout comes from, of `LAYOUTS`, each as `output`. The
    steps that only one of them needs are run for it alone."""
    provenance: dict[str, Any] = field(default_factory=dict)
    """Where the model comes from: versions, digests, date; for people."""
    config: dict[str, Any] = field(default_factory=dict)
    """The resolved configuration of training; for people."""

    def __post_init__(self) -> None:
        """Check the names and ranges."""
        for name in ("family", "output"):
            require_name(self, name)
        require(self, "factor", 1 <= self.factor <= 256, expected="from 1 to 256")
        is_sized = all(1 <= side <= MAX_SIDE_PX for side in self.image_size_px)
        require(self, "image_size_px", is_sized, expected=f"sides from 1 to {MAX_SIDE_PX}")
        is_canvas = 1 <= self.min_canvas_px <= MAX_SIDE_PX
        require(self, "min_canvas_px", is_canvas, expected=f"from 1 to {MAX_SIDE_PX}")
        require(self, "steps", 1 <= len(self.steps) <= 256, expected="1 to 256 steps")
        self._check_levels()
        is_short = len(self.entries) <= MAX_LEVELS
        require(self, "entries", is_short, expected=f"at most {MAX_LEVELS}")
        is_known = set(self.layouts) <= set(LAYOUTS)
        require(self, "layouts", is_known, expected=f"a table of {' and '.join(LAYOUTS)} alone")
        is_named = all(name and is_plain(name) for name in self.layouts.values())
        require(self, "layouts", is_named, expected=f"names, {plain_name}")

    @property
    def results(self) -> dict[str, str]:
        """Every final tensor, by the manifest's field that names it."""
        others = {f"layouts.{name}": tensor for name, tensor in self.layouts.items()}
        return {"output": self.output, **others}

    def grids(self, rows: int, columns: int) -> Grids:
        """The sizes of all grids on a canvas whose base grid has `rows` and `columns`."""
        levels = tuple(level_size(self, n, rows, columns) for n in range(len(self.levels)))
        return Grids(self.factor, (rows, columns), levels)

    @property
    def learned(self) -> Grids:
        """The grids of the training image."""
        rows, columns = (-(-side // self.factor) for side in self.image_size_px)
        return self.grids(rows, columns)

    def _check_levels(self) -> None:
        # A level larger than the image would take more memory than the image says.
        is_pyramid = len(self.levels) <= MAX_LEVELS and all(
            1 <= side <= most
            for level in self.levels
            for side, most in zip(level, self.image_size_px, strict=True)
        )
        height, width = self.image_size_px
        expected = f"at most {MAX_LEVELS} sizes (h, w) up to the image's, ({height}, {width})"
        require(self, "levels", is_pyramid, expected=expected)
        for number, step in enumerate(self.steps):
            level = step.level
            if level is not None and level >= len(self.levels):
                known = f"0 to {len(self.levels) - 1}" if self.levels else "there are no levels"
                problem = f"must be null or a level ({known}), got {level}"
                raise FieldError(self, f"steps[{number}].level", problem)


def canvas_of(manifest: BundleManifest, height: int, width: int) -> Size:
    """The canvas, as `(rows, columns)` of the base grid, that an image of this size is cut from."""
    factor, least = manifest.factor, manifest.min_canvas_px
    rows, columns = (-(-max(side, least) // factor) for side in (height, width))
    return rows, columns


def level_size(manifest: BundleManifest, level: int | None, height: int, width: int) -> Size:
    """Size of a grid on a canvas.

    Args:
        manifest: Of the bundle.
        level: Number of the level, or None for the base grid.
        height: Rows of the base grid on this canvas.
        width: Columns of the base grid on this canvas.

    Returns:
        `(rows, columns)`: those of training, scaled as the canvas is, to the nearest pixel.
    """
    if level is None:
        return height, width
    trained = (-(-side // manifest.factor) for side in manifest.image_size_px)
    return tuple(  # type: ignore[return-value]
        max(1, (2 * now * at_training + base) // (2 * base))
        for now, base, at_training in zip(
            (height, width), trained, manifest.levels[level], strict=True
        )
    )


def parse(header: Mapping[str, Any]) -> BundleManifest:
    """Read the header of a bundle's container.

    Args:
        header: The manifest as JSON data; the container's own keys may be present.

    Returns:
        The typed manifest. That tensors are made before they are used is the runtime's check.

    Raises:
        BundleError: A key is missing, unknown, of the wrong type or out of range; the message
            gives its full path.
    """
    own = {key: value for key, value in header.items() if key not in _CONTAINER_KEYS}
    return from_dict(BundleManifest, own, error=BundleError, label="manifest")


def to_header(manifest: BundleManifest) -> dict[str, Any]:
    """Return the manifest as JSON data for `container.write_container`, the inverse of `parse`."""
    header = to_dict(manifest)
    if not manifest.layouts:  # earlier versions, which know none, then read the bundle too
        del header["layouts"]
    return header
