"""The manifest of a bundle, typed: what training and runtime agree on, and nothing else.

A bundle is a list of steps over named tensors. Export writes it, the runtime runs it, and neither
knows the other. Never imports torch or onnx.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from petsgan_sdk.errors import BundleError
from petsgan_sdk.settings.typed import FieldError, from_dict, require, to_dict

__all__ = [
    "FORMAT",
    "FORMAT_VERSION",
    "NARROW_MARGIN",
    "PREVIEW",
    "BundleManifest",
    "Entry",
    "GraphStep",
    "NoiseStep",
    "PatchTransferStep",
    "PositionStep",
    "ResizeStep",
    "Step",
    "TextureTransferStep",
    "canvas_of",
    "level_size",
    "parse",
    "to_header",
]

FORMAT = "petsgan-bundle"
FORMAT_VERSION = 1
PREVIEW = "preview.png"
"""Name of the member that shows a sample."""

Size = tuple[int, int]

_MAX_SIDE_PX = 1 << 20
_MAX_MARGIN = 4096
NARROW_MARGIN = 64
"""Most pixels of margin that a whole network may run on: ours have 5. More is for noise that is
made smooth and then cut to the margin of positions."""

_MAX_LIVE_VALUES = 1 << 40
_MAX_LEVELS = 64
_MAX_TENSORS = 64
"""That a graph reads, and that it makes."""

_MAX_FREQUENCY = 1e6
"""Radians per pixel; more than pi is no wave that pixels show, and infinity has no sine."""

_MAX_TEMPERATURE = 1e6
_MAX_NAME_CHARS = 200
_PLAIN = f"printable and of at most {_MAX_NAME_CHARS} characters"
_CONTAINER_KEYS = ("format", "format_version", "members")


@dataclass(frozen=True, slots=True)
class NoiseStep:
    """Make normal noise `[N, channels, h + 2 margin, w + 2 margin]` float32 on a grid."""

    output: str
    """Name of the tensor."""
    channels: int
    """Number of channels."""
    stage: int = 0
    """Which independent noise, 0 to 65535."""
    margin: int = 0
    """Pixels beyond the grid on every side; they continue the same noise."""
    level: int | None = None
    """Which grid: a level, or None for the base grid."""
    kind: Literal["noise"] = "noise"

    def __post_init__(self) -> None:
        """Check the ranges."""
        _require_name(self, "output")
        _require_level(self, "level")
        require(self, "channels", 1 <= self.channels <= 4096, expected="from 1 to 4096")
        require(self, "stage", 0 <= self.stage < 1 << 16, expected="from 0 to 65535")
        require(self, "margin", 0 <= self.margin <= _MAX_MARGIN, expected=f"0 to {_MAX_MARGIN}")


@dataclass(frozen=True, slots=True)
class PositionStep:
    """Make the positional encoding `[1, 4 F, h + 2 margin, w + 2 margin]` of F frequencies."""

    output: str
    """Name of the tensor."""
    frequencies: tuple[float, ...]
    """Angular frequencies in radians per low-resolution pixel."""
    extent: tuple[int, int] | None = None
    """`(h, w)` of training that every canvas is stretched over; None counts plain pixels."""
    margin: int = 0
    """Pixels beyond the grid on every side."""
    level: int | None = None
    """Which grid: a level, or None for the base grid."""
    kind: Literal["position"] = "position"

    def __post_init__(self) -> None:
        """Check the ranges."""
        _require_name(self, "output")
        _require_level(self, "level")
        is_some = 1 <= len(self.frequencies) <= 64
        is_wave = is_some and all(abs(f) <= _MAX_FREQUENCY for f in self.frequencies)
        expected = f"1 to 64 numbers of at most {_MAX_FREQUENCY:g}"
        require(self, "frequencies", is_wave, expected=expected)
        is_sized = self.extent is None or all(1 <= side <= _MAX_SIDE_PX for side in self.extent)
        require(self, "extent", is_sized, expected=f"null or sides from 1 to {_MAX_SIDE_PX}")
        is_narrow = 0 <= self.margin <= NARROW_MARGIN
        require(self, "margin", is_narrow, expected=f"0 to {NARROW_MARGIN}")


@dataclass(frozen=True, slots=True)
class GraphStep:
    """Run an ONNX graph."""

    member: str
    """Name of the member with the serialised model."""
    inputs: dict[str, str]
    """Tensor name by graph input name."""
    outputs: dict[str, str]
    """Tensor name by graph output name."""
    halo: int | None = None
    """Low-resolution pixels around a window on which the outputs of the window depend; None where
    it is not known, which forbids tiles."""
    live_values: int | None = None
    """Values that a run holds at once for one low-resolution pixel; the size of blocks follows from
    it. None where it is not known."""
    kind: Literal["graph"] = "graph"

    def __post_init__(self) -> None:
        """Check the names."""
        _require_name(self, "member")
        require(self, "inputs", all(self.inputs.values()), expected="names that are not empty")
        is_named = bool(self.outputs) and all(self.outputs.values())
        require(self, "outputs", is_named, expected="at least one name, none empty")
        for field_name in ("inputs", "outputs"):
            names = getattr(self, field_name)
            is_short = len(names) <= _MAX_TENSORS
            require(self, field_name, is_short, expected=f"at most {_MAX_TENSORS}")
            is_plain = all(_is_plain(name) for pair in names.items() for name in pair)
            require(self, field_name, is_plain, expected=f"names, {_PLAIN}")
        is_near = self.halo is None or 0 <= self.halo <= _MAX_MARGIN
        require(self, "halo", is_near, expected=f"null or 0 to {_MAX_MARGIN}")
        is_sized = self.live_values is None or 1 <= self.live_values <= _MAX_LIVE_VALUES
        require(self, "live_values", is_sized, expected=f"null or 1 to {_MAX_LIVE_VALUES}")


@dataclass(frozen=True, slots=True)
class PatchTransferStep:
    """Replace every patch of a feature map by the value patch of its most similar reference."""

    query: str
    """Tensor `[N, C, h, w]` float32."""
    reference: str
    """Member with the reference features `[C, h0, w0]` float32."""
    values: str
    """Member with the values `[V, h0, w0]` float32."""
    window: int
    """Side of a patch in low-resolution pixels, odd."""
    temperature: float
    """Temperature of the softmax over similarities; 0 takes the best patch with weight 1."""
    output: str
    """Name of the tensor `[N, V, h, w]` float32."""
    index_output: str | None = None
    """Name of the tensor `[N, h, w]` int32 of best matches, or None to drop them."""
    kind: Literal["patch_transfer"] = "patch_transfer"

    def __post_init__(self) -> None:
        """Check the names and ranges."""
        for name in ("query", "reference", "values", "output"):
            _require_name(self, name)
        require(self, "index_output", self.index_output != "", expected="null or a name")
        is_plain = _is_plain(self.index_output or "")
        require(self, "index_output", is_plain, expected=f"null or a name, {_PLAIN}")
        is_odd = self.window % 2 == 1 and 1 <= self.window <= 63
        require(self, "window", is_odd, expected="odd and from 1 to 63")
        require(self, "temperature", self.temperature >= 0, expected="0 or more")
        is_low = self.temperature <= _MAX_TEMPERATURE
        require(self, "temperature", is_low, expected=f"at most {_MAX_TEMPERATURE:g}")


@dataclass(frozen=True, slots=True)
class TextureTransferStep:
    """Carry matches up to full resolution: a tensor `[N, 3, H, W]` float32 of real texture."""

    index: str
    """Tensor `[N, h, w]` int32 of matches."""
    texture: str
    """Member with the source image `[3, h0 * factor, w0 * factor]` float32 in [-1, 1]."""
    output: str
    """Name of the tensor."""
    kind: Literal["texture_transfer"] = "texture_transfer"

    def __post_init__(self) -> None:
        """Check the names."""
        for name in ("index", "texture", "output"):
            _require_name(self, name)


@dataclass(frozen=True, slots=True)
class ResizeStep:
    """Bring a map to the size of another grid: bilinear, pixel centres at half, clamped."""

    input: str
    """Tensor `[N, C, ..., ...]` float32, with one or several pixels for one of its grid."""
    output: str
    """Name of the tensor `[N, C, h, w]` float32, one pixel for one of the new grid."""
    level: int | None = None
    """The new grid: a level, or None for the base grid."""
    kind: Literal["resize"] = "resize"

    def __post_init__(self) -> None:
        """Check the names."""
        for name in ("input", "output"):
            _require_name(self, name)
        _require_level(self, "level")


Step: TypeAlias = (
    NoiseStep | PositionStep | GraphStep | PatchTransferStep | TextureTransferStep | ResizeStep
)


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
            _require_name(self, name)


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
    steps: tuple[Step, ...]
    """What to run, in order."""
    output: str
    """Name of the final tensor, `[N, 3, H, W]` float32 in [-1, 1], on the base grid."""
    levels: tuple[tuple[int, int], ...] = ()
    """`(h, w)` at training of further grids, a pyramid; on other canvases they grow in proportion,
    see `level_size`."""
    entries: tuple[Entry, ...] = ()
    """Stages that can be started from an image, the coarsest first."""
    provenance: dict[str, Any] = field(default_factory=dict)
    """Where the model comes from: versions, digests, date; for people."""
    config: dict[str, Any] = field(default_factory=dict)
    """The resolved configuration of training; for people."""

    def __post_init__(self) -> None:
        """Check the names and ranges."""
        for name in ("family", "output"):
            _require_name(self, name)
        require(self, "factor", 1 <= self.factor <= 256, expected="from 1 to 256")
        is_sized = all(1 <= side <= _MAX_SIDE_PX for side in self.image_size_px)
        require(self, "image_size_px", is_sized, expected=f"sides from 1 to {_MAX_SIDE_PX}")
        is_canvas = 1 <= self.min_canvas_px <= _MAX_SIDE_PX
        require(self, "min_canvas_px", is_canvas, expected=f"from 1 to {_MAX_SIDE_PX}")
        require(self, "steps", 1 <= len(self.steps) <= 256, expected="1 to 256 steps")
        self._check_levels()
        is_short = len(self.entries) <= _MAX_LEVELS
        require(self, "entries", is_short, expected=f"at most {_MAX_LEVELS}")

    def _check_levels(self) -> None:
        # A level larger than the image would take more memory than the image says.
        is_pyramid = len(self.levels) <= _MAX_LEVELS and all(
            1 <= side <= most
            for level in self.levels
            for side, most in zip(level, self.image_size_px, strict=True)
        )
        height, width = self.image_size_px
        expected = f"at most {_MAX_LEVELS} sizes (h, w) up to the image's, ({height}, {width})"
        require(self, "levels", is_pyramid, expected=expected)
        for number, step in enumerate(self.steps):
            level = getattr(step, "level", None)
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
    return to_dict(manifest)


def _require_level(owner: object, name: str) -> None:
    level = getattr(owner, name)
    is_level = level is None or 0 <= level < _MAX_LEVELS
    require(owner, name, is_level, expected=f"null or 0 to {_MAX_LEVELS - 1}")


def _require_name(owner: object, name: str) -> None:
    text = getattr(owner, name)
    require(owner, name, bool(text), expected="a name")
    require(owner, name, _is_plain(text), expected=f"a name, {_PLAIN}")


def _is_plain(name: str) -> bool:
    """Whether any message may quote a name."""
    return len(name) <= _MAX_NAME_CHARS and name.isprintable()
