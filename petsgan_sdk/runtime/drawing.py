"""What a caller may change of how places are drawn: checked against bundle and canvas."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from petsgan_sdk.errors import BundleError, ConfigError
from petsgan_sdk.manifest import BundleManifest
from petsgan_sdk.runtime.checks import MAX_CANVAS_SIDE_PX, check_int, check_number
from petsgan_sdk.synthesis import Knobs, Pin, PinnedRect

__all__ = ["MAX_FILL", "MAX_PINS", "MAX_VARIATION", "check_knobs"]

MAX_VARIATION = 4.0
MAX_FILL = 4.0
MAX_PINS = 256


def check_knobs(
    manifest: BundleManifest,
    canvas: tuple[int, int],
    *,
    variation: object,
    fill: object,
    pins: Sequence[Pin | tuple[int, int]],
    seamless: bool,
) -> Knobs:
    """Check variation, fill and pins.

    Args:
        manifest: Of the bundle.
        canvas: `(height, width)` in pixels.
        variation: 0 to 4.
        fill: 0 to 4.
        pins: Up to 256; `(x, y)` stands for the whole photo.
        seamless: Whether the canvas goes on at its other side.

    Raises:
        ConfigError: A number is out of range, a pin is outside the photo or the canvas, or two
            overlap.
        BundleError: The bundle draws no places.
    """
    knobs = Knobs(
        variation=check_number(variation, "variation", low=0, high=MAX_VARIATION),
        fill=check_number(fill, "fill", low=0, high=MAX_FILL),
        pins=_check_pins(pins, manifest.image_size_px, canvas, seamless=seamless),
    )
    if knobs != Knobs() and not any(step.takes_knobs for step in manifest.steps):
        msg = (
            "variation, fill and pins must be left alone for a bundle that draws no places of its "
            "photo; those of train --model instant do"
        )
        raise BundleError(msg)
    return knobs


def _check_pins(
    pins: Sequence[Pin | tuple[int, int]],
    photo: tuple[int, int],
    canvas: tuple[int, int],
    *,
    seamless: bool,
) -> tuple[PinnedRect, ...]:
    if len(pins) > MAX_PINS:
        msg = f"pins must be at most {MAX_PINS}, got {len(pins)}"
        raise ConfigError(msg)
    checked = tuple(_check_pin(pin, photo, canvas, seamless=seamless) for pin in pins)
    for one, other in combinations(checked, 2):
        if all(_overlap(one, other, axis, canvas[axis], seamless=seamless) for axis in (0, 1)):
            msg = (
                f"pins must not overlap, got one at {one.left},{one.top} and one at "
                f"{other.left},{other.top}, of {one.width}x{one.height} and "
                f"{other.width}x{other.height} pixels"
            )
            raise ConfigError(msg)
    return checked


def _check_pin(
    pin: Pin | tuple[int, int],
    photo: tuple[int, int],
    canvas: tuple[int, int],
    *,
    seamless: bool,
) -> PinnedRect:
    if isinstance(pin, tuple):
        if len(pin) != 2:
            msg = f"pins must be Pin or (x, y), got {pin!r}"
            raise ConfigError(msg)
        pin = Pin(*pin)
    furthest = MAX_CANVAS_SIDE_PX
    axes = []
    for name, begin, origin, extent, has, most in (
        ("top", pin.top, pin.photo_top, pin.height, photo[0], canvas[0]),
        ("left", pin.left, pin.photo_left, pin.width, photo[1], canvas[1]),
    ):
        first = check_int(begin, f"pin: {name}", low=-furthest, high=furthest)
        start = check_int(origin, f"pin: photo_{name}", low=0, high=has - 1)
        side = "height" if name == "top" else "width"
        size = has - start
        if extent is not None:
            size = check_int(extent, f"pin: {side}", low=1, high=has - start)
        if size > most or not (seamless or 0 <= first <= most - size):
            msg = (
                f"pin: {name} must keep its {size} pixels on the canvas, which has {most}, got "
                f"{first}; a larger canvas has room for it"
            )
            raise ConfigError(msg)
        axes.append((first % most if seamless else first, start, size))
    (top, photo_top, height), (left, photo_left, width) = axes
    return PinnedRect(top, left, photo_top, photo_left, height, width)


def _overlap(one: PinnedRect, other: PinnedRect, axis: int, size: int, *, seamless: bool) -> bool:
    (a, n), (b, m) = (
        (pin.top, pin.height) if axis == 0 else (pin.left, pin.width) for pin in (one, other)
    )
    turns = (-size, 0, size) if seamless else (0,)
    return any(a < b + turn + m and b + turn < a + n for turn in turns)
