"""Which source pixels a resize needs along one axis, in whole numbers, and the checks of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from petsgan_sdk.errors import ConfigError, ShapeError

__all__ = ["ResizeAxis", "check_resize", "resize_source"]

_OP = "resize_window"
_MAX_SIZE = 1 << 30  # products of two sizes stay below 2^62


@dataclass(frozen=True, slots=True)
class ResizeAxis:
    """One axis of a resize: sizes of the maps, a window of each, and how borders are met."""

    source: int
    """Pixels of the whole source map."""
    target: int
    """Pixels of the whole target map."""
    start: int
    """The first target pixel to make; with `wrap` any."""
    length: int
    """Target pixels to make."""
    origin: int
    """The source pixel that the given window begins with; with `wrap` any."""
    available: int
    """Source pixels in the given window."""
    wrap: bool
    """The maps are joined at their ends; without it borders are clamped."""

    def checked(self, *, name: str) -> ResizeAxis:
        """Refuse what cannot be made.

        Args:
            name: `op: axis`, the start of the message.

        Returns:
            The same, with positions reduced to 0 <= position < size.

        Raises:
            ConfigError: A size of a map is out of range.
            ShapeError: A window is empty or not within its map, or the source lacks a pixel.
        """
        span = (self.start, self.length)
        _check_span(*span, self.source, self.target, wrap=self.wrap, name=name)
        inside = self.wrap or 0 <= self.origin <= self.source - self.available
        if not 1 <= self.available <= _MAX_SIZE or not inside:
            message = (
                f"{name}: source must be a window of at least 1 pixel within the {self.source} of "
                f"source_size, got {self.available} from {self.origin} on"
            )
            raise ShapeError(message)
        first, count = _needed(*span, self.source, self.target, wrap=self.wrap)
        offset = first - self.origin
        if self.wrap:
            offset %= self.source
        whole = self.wrap and self.available >= self.source
        if not whole and not 0 <= offset <= self.available - count:
            message = (
                f"{name}: source must hold pixels {first} to {first + count - 1} for this window, "
                f"got {self.origin} to {self.origin + self.available - 1}; "
                "hint: kernels.resize_source says which"
            )
            raise ShapeError(message)
        return replace(self, start=self.start % self.target, origin=self.origin % self.source)


def resize_source(
    start: int, length: int, *, source: int, target: int, wrap: bool = False
) -> tuple[int, int]:
    """The source pixels along one axis that `resize_window` makes a span of target pixels from.

    Target pixel t lies at (t + 0.5) * source / target - 0.5 and needs the two pixels around it; of
    equal sizes it needs pixel t alone.

    Args:
        start: The first target pixel; with `wrap` any, also below 0.
        length: Target pixels, >= 1.
        source: Pixels of the whole source map, 1 to 2^30.
        target: Pixels of the whole target map, 1 to 2^30.
        wrap: The map is joined at its ends, and pixels are counted modulo its size.

    Returns:
        The first source pixel and their count. Without `wrap` all lie within the map; with it the
        first may be below 0 and the count above `source`.

    Raises:
        ConfigError: An argument is no integer, or a size is out of range.
        ShapeError: The span is empty or, without `wrap`, not within the target.
    """
    op = "resize_source"
    values = {"start": start, "length": length, "source": source, "target": target}
    checked = {key: _integer(value, name=f"{op}: {key}") for key, value in values.items()}
    _check_span(**checked, wrap=wrap, name=op)
    return _needed(**checked, wrap=wrap)


def check_resize(
    shape: tuple[int, ...],
    source_size: object,
    target_size: object,
    source_origin: object,
    window: object,
    *,
    wrap: object,
) -> tuple[ResizeAxis, ResizeAxis]:
    """Refuse what no backend can do.

    Args:
        shape: `(N, C, h, w)` of the window of the source.
        source_size: As in `resize_window`, like the others.
        target_size: See there.
        source_origin: See there.
        window: See there.
        wrap: See there.

    Returns:
        Rows and columns.

    Raises:
        ShapeError: A window is not within its map, or lacks pixels.
        ConfigError: An argument is of another type or out of range.
    """
    if not isinstance(wrap, (bool, np.bool_)):
        message = f"{_OP}: wrap must be True or False, got {wrap!r}"
        raise ConfigError(message)
    sources = _integers(source_size, ("height", "width"), name="source_size")
    targets = _integers(target_size, ("height", "width"), name="target_size")
    origin = _integers(source_origin, ("top", "left"), name="source_origin")
    part = (0, 0, *targets) if window is None else window
    top, left, height, width = _integers(part, ("top", "left", "height", "width"), name="window")
    rows = ResizeAxis(sources[0], targets[0], top, height, origin[0], shape[2], bool(wrap))
    columns = ResizeAxis(sources[1], targets[1], left, width, origin[1], shape[3], bool(wrap))
    return rows.checked(name=f"{_OP}: rows"), columns.checked(name=f"{_OP}: columns")


def _check_span(
    start: int, length: int, source: int, target: int, *, wrap: bool, name: str
) -> None:
    for what, size in (("source", source), ("target", target)):
        if not 1 <= size <= _MAX_SIZE:
            message = f"{name}: size of the {what} must be 1 to {_MAX_SIZE}, got {size}"
            raise ConfigError(message)
    if not 1 <= length <= _MAX_SIZE:
        message = f"{name}: length must be 1 to {_MAX_SIZE} pixels, got {length}"
        raise ShapeError(message)
    if not wrap and not 0 <= start <= target - length:
        message = (
            f"{name}: pixels must lie within the {target} of the target, "
            f"got {start} to {start + length - 1}; hint: wrap=True is a torus"
        )
        raise ShapeError(message)


def _needed(start: int, length: int, source: int, target: int, *, wrap: bool) -> tuple[int, int]:
    """`resize_source` of checked arguments."""
    if source == target:
        return start, length

    def left_of(pixel: int) -> int:
        return ((2 * pixel + 1) * source - target) // (2 * target)

    first, last = left_of(start), left_of(start + length - 1) + 1
    if not wrap:
        first, last = max(0, first), min(source - 1, last)
    return first, last - first + 1


def _integers(values: object, names: tuple[str, ...], *, name: str) -> list[int]:
    if not isinstance(values, (tuple, list)) or len(values) != len(names):
        message = f"{_OP}: {name} must be ({', '.join(names)}), got {values!r}"
        raise ConfigError(message)
    return [
        _integer(value, name=f"{_OP}: {name} {part}")
        for part, value in zip(names, values, strict=True)
    ]


def _integer(value: object, *, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        message = f"{name} must be an integer, got {value!r}"
        raise ConfigError(message)
    return int(value)
