"""How an image is drawn besides its seed, index and size: checked against bundle and canvas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import combinations
from typing import Any

from petsgan_sdk._text import short
from petsgan_sdk.errors import BundleError, ConfigError
from petsgan_sdk.manifest import BundleManifest
from petsgan_sdk.runtime.checks import (
    MAX_CANVAS_SIDE_PX,
    check_int,
    check_number,
    check_seamless,
)
from petsgan_sdk.runtime.flow import needed_steps
from petsgan_sdk.synthesis import MAX_FILL, Knobs, Pin, PinnedRect

__all__ = [
    "LAYOUTS",
    "MAX_PINS",
    "MAX_VARIATION",
    "PLAIN",
    "Drawing",
    "auto_layout",
    "check_drawing",
    "knobs_of",
    "layouts_of",
]

LAYOUTS = ("auto", "network", "synthesis")
"""Where a layout may come from; `auto` decides by the canvas, see `auto_layout`."""
MAX_VARIATION = 4.0
MAX_PINS = 256

_NEAR = 1.25
"""Of the photo's sides: up to here `auto` takes the network's layouts where it has the choice."""

_KNOBS = ("variation", "fill", "pins")


@dataclass(frozen=True, slots=True)
class Drawing:
    """How an image is drawn, as a caller says it: `check_drawing` checks it."""

    seamless: bool = False
    """Whether it goes on at its other side."""
    layout: str = "auto"
    """Where its layout comes from, of `LAYOUTS`."""
    variation: float = 1.0
    """How far places of the photo are moved at random."""
    fill: float = 1.0
    """How often things recur on a large canvas."""
    pins: Sequence[Pin | tuple[int, int]] = ()
    """Rectangles of the photo that stand as they are; `(x, y)` stands for the whole photo."""

    def keywords(self) -> dict[str, Any]:
        """What `Sampler.sample` and its like are called with."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def record(self) -> dict[str, Any]:
        """What is not the default, in JSON types; of a drawing that was checked."""
        plain: dict[str, Any] = {
            "seamless": bool(self.seamless),
            "layout": self.layout,
            "variation": float(self.variation),
            "fill": float(self.fill),
            "pins": [_record_of(_as_pin(pin)) for pin in self.pins],
        }
        return {name: value for name, value in plain.items() if value != _PLAIN_RECORD[name]}


PLAIN = Drawing()
"""The usual way."""
_PLAIN_RECORD = {**PLAIN.keywords(), "pins": []}


def layouts_of(manifest: BundleManifest) -> tuple[str, ...]:
    """Where the layouts of a bundle can come from, the way to its `output` first."""
    steps = (manifest.steps[n] for n in needed_steps(manifest.steps, manifest.output))
    own = "synthesis" if any(step.takes_knobs for step in steps) else "network"
    return (own, *(name for name in manifest.layouts if name != own))


def auto_layout(manifest: BundleManifest, canvas: tuple[int, int]) -> str:
    """Where `auto` takes the layout of an image from which nothing is changed.

    A network has seen the photo as a whole: on a canvas of its size things are where they belong,
    and on a smaller one all of it is there. On a larger one it stretches what it knows, and places
    of the photo go on from each other.

    Args:
        manifest: Of the bundle.
        canvas: `(height, width)` in pixels.
    """
    own, *others = layouts_of(manifest)
    sides = zip(canvas, manifest.image_size_px, strict=True)
    is_larger = any(side > _NEAR * learned for side, learned in sides)
    return others[0] if is_larger and others else own


def knobs_of(manifest: BundleManifest) -> tuple[str, ...]:
    """Names of what a caller may change of how a bundle draws."""
    return _KNOBS if "synthesis" in layouts_of(manifest) else ()


def check_drawing(
    manifest: BundleManifest, canvas: tuple[int, int], drawing: Drawing
) -> tuple[str, Knobs]:
    """Check how an image is to be drawn.

    Args:
        manifest: Of the bundle.
        canvas: `(height, width)` in pixels.
        drawing: Variation and fill from 0 to 4, up to 256 pins.

    Returns:
        Where the layout comes from, which is not `auto`, and what is changed.

    Raises:
        ConfigError: A number is out of range, a pin is outside the photo or the canvas, or two
            overlap; or a seamless image cannot have this size.
        BundleError: The bundle has no such layouts, or draws no places.
    """
    if drawing.seamless:
        least = manifest.min_canvas_px
        check_seamless(*canvas, factor=manifest.factor, least=least)
    knobs = Knobs(
        variation=check_number(drawing.variation, "variation", low=0, high=MAX_VARIATION),
        fill=check_number(drawing.fill, "fill", low=0, high=MAX_FILL),
        pins=_check_pins(drawing.pins, manifest.image_size_px, canvas, seamless=drawing.seamless),
    )
    is_plain = knobs == Knobs()
    layout = _choose_layout(manifest, canvas, drawing.layout, is_plain=is_plain)
    if not is_plain and layout != "synthesis":
        msg = "variation, fill and pins must be left alone "
        if knobs_of(manifest):
            msg += "where layouts come from the network; layout synthesis draws places"
        else:
            msg += (
                "for a bundle that draws no places of its photo; those of train --model instant do"
            )
        raise BundleError(msg)
    return layout, knobs


def _choose_layout(
    manifest: BundleManifest, canvas: tuple[int, int], layout: object, *, is_plain: bool
) -> str:
    """Where the layout comes from, of what the bundle can do."""
    able = layouts_of(manifest)
    if not isinstance(layout, str) or layout not in LAYOUTS:
        msg = f"layout must be {', '.join(LAYOUTS[:-1])} or {LAYOUTS[-1]}, got {short(layout)}"
        raise ConfigError(msg)
    if layout == "auto":
        return auto_layout(manifest, canvas) if is_plain else able[-1]
    if layout not in able:
        reason = (
            "its layouts come from its network alone; newer training or train --model instant "
            "gives a bundle that can"
            if layout == "synthesis"
            else "it has no network, and draws places of its photo"
        )
        msg = f"layout must be auto or {able[0]} for this bundle, got {layout!r}: {reason}"
        raise BundleError(msg)
    return layout


def _as_pin(pin: object) -> Pin:
    if isinstance(pin, Pin):
        return pin
    if not isinstance(pin, tuple | list) or len(pin) != 2:
        msg = f"pins must be a list of Pin or (x, y), got {short(pin)} in it"
        raise ConfigError(msg)
    return Pin(*pin)


def _record_of(pin: Pin) -> dict[str, int]:
    given = {field.name: (getattr(pin, field.name), field.default) for field in fields(pin)}
    return {name: int(value) for name, (value, default) in given.items() if value != default}


def _check_pins(
    pins: object,
    photo: tuple[int, int],
    canvas: tuple[int, int],
    *,
    seamless: bool,
) -> tuple[PinnedRect, ...]:
    if not isinstance(pins, Sequence) or isinstance(pins, str):
        msg = f"pins must be a list of Pin or (x, y), got {short(pins)}"
        raise ConfigError(msg)
    if len(pins) > MAX_PINS:
        msg = f"pins must be at most {MAX_PINS}, got {len(pins)}"
        raise ConfigError(msg)
    checked = tuple(_check_pin(_as_pin(pin), photo, canvas, seamless=seamless) for pin in pins)
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
    pin: Pin,
    photo: tuple[int, int],
    canvas: tuple[int, int],
    *,
    seamless: bool,
) -> PinnedRect:
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
