"""Which source pixels a resize needs along one axis, in whole numbers, and the checks of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from petsgan_sdk.errors import ConfigError, ShapeError

__all__ = ["ResizeAxis", "checked_integer", "resize_source"]

_MAX_SIZE = 1 << 30  # products of two sizes stay below 2^62


@dataclass(frozen=True, slots=True)
class ResizeAxis:
    """A span of target pixels, and the two sizes that place it in the source."""

    source: int
    """Pixels of the whole source map."""
    target: int
    """Pixels of the whole target map."""
    start: int
    """The first target pixel; with `wrap` any."""
    length: int
    """Target pixels."""
    wrap: bool
    """The map is joined at its ends; without it borders are clamped."""

    def check(self, *, name: str) -> None:
        """Refuse sizes out of range, and a span that the target does not have.

        Args:
            name: `op: axis`, the start of the message.

        Raises:
            ConfigError: A size is not within 1 to 2^30.
            ShapeError: The span is empty, longer than 2^30 or, without `wrap`, not in the target.
        """
        for what, size in (("source", self.source), ("target", self.target)):
            if not 1 <= size <= _MAX_SIZE:
                message = f"{name}: size of the {what} must be 1 to {_MAX_SIZE}, got {size}"
                raise ConfigError(message)
        if not 1 <= self.length <= _MAX_SIZE:
            message = f"{name}: length must be 1 to {_MAX_SIZE} pixels, got {self.length}"
            raise ShapeError(message)
        if not self.wrap and not 0 <= self.start <= self.target - self.length:
            message = (
                f"{name}: pixels must lie within the {self.target} of the target, "
                f"got {self.start} to {self.start + self.length - 1}; hint: wrap=True is a torus"
            )
            raise ShapeError(message)

    def needed(self) -> tuple[int, int]:
        """The first source pixel, and how many; see `resize_source`."""
        if self.source == self.target:
            return self.start, self.length
        first = self._left(self.start)
        last = self._left(self.start + self.length - 1) + 1
        if not self.wrap:
            first, last = max(0, first), min(self.source - 1, last)
        return first, last - first + 1

    def check_window(self, origin: int, available: int, *, name: str) -> None:
        """Refuse a window of the source that lacks a pixel which is needed.

        Args:
            origin: The source pixel that the window begins with.
            available: Pixels of the window.
            name: `op: axis`, the start of the message.

        Raises:
            ShapeError: See above, or the window is empty or, without `wrap`, not in the source.
        """
        held = f"{origin} to {origin + available - 1}"
        outside = not self.wrap and not 0 <= origin <= self.source - available
        if not 1 <= available <= _MAX_SIZE or outside:
            message = (
                f"{name}: source must be a window of at least 1 pixel within the {self.source} of "
                f"source_size, got {available} from {origin} on"
            )
            raise ShapeError(message)
        first, count = self.needed()
        offset = (first - origin) % self.source if self.wrap else first - origin
        whole = self.wrap and available >= self.source
        if not whole and not 0 <= offset <= available - count:
            message = (
                f"{name}: source must hold pixels {first} to {first + count - 1} for this window, "
                f"got {held}; hint: kernels.resize_source says which"
            )
            raise ShapeError(message)

    def reduced(self) -> ResizeAxis:
        """The same pixels, counted from 0 <= start < target."""
        return replace(self, start=self.start % self.target)

    def _left(self, pixel: int) -> int:
        """The source pixel at or before the centre of a target pixel."""
        return ((2 * pixel + 1) * self.source - self.target) // (2 * self.target)


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
    checked = {key: checked_integer(value, name=f"{op}: {key}") for key, value in values.items()}
    axis = ResizeAxis(**checked, wrap=wrap)
    axis.check(name=op)
    return axis.needed()


def checked_integer(value: object, *, name: str) -> int:
    """Refuse what is no integer.

    Raises:
        ConfigError: See above.
    """
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        message = f"{name} must be an integer, got {value!r}"
        raise ConfigError(message)
    return int(value)
