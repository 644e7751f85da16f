"""Options that say how images are drawn, of `generate` and `evaluate`. Imports nothing heavy."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from petsgan_sdk._text import short
from petsgan_sdk.errors import ConfigError

if TYPE_CHECKING:
    from petsgan_sdk.manifest import BundleManifest
    from petsgan_sdk.runtime.drawing import Drawing
    from petsgan_sdk.synthesis import Pin

__all__ = [
    "Fill",
    "Layout",
    "LayoutOption",
    "Pins",
    "Variation",
    "drawing_json",
    "layout_taken",
    "make_drawing",
    "parse_pin",
]

_PIN = re.compile(
    r"(-?[0-9]{1,9}),(-?[0-9]{1,9})(?::([0-9]{1,9}),([0-9]{1,9}),([0-9]{1,9})[xX]([0-9]{1,9}))?"
)


class Layout(StrEnum):
    """Where the layouts of a bundle's images come from."""

    auto = "auto"
    network = "network"
    synthesis = "synthesis"


LayoutOption = Annotated[
    Layout,
    typer.Option(
        help="Where layouts come from; auto: the network about the photo's size, else synthesis."
    ),
]
Variation = Annotated[
    float, typer.Option(help="How far images go from the photo, 0 to 4; 0 gives the photo.")
]
Fill = Annotated[float, typer.Option(help="How often things recur, 0 to 4; at 0 quiet areas grow.")]
Pins = Annotated[
    list[str] | None,
    typer.Option(
        "--pin",
        metavar="X,Y",
        help="Put the photo there as it is, at column X and row Y; repeatable. "
        "X,Y:LEFT,TOP,WIDTHxHEIGHT puts this part of it there.",
    ),
]


def make_drawing(
    *,
    layout: Layout,
    variation: float,
    fill: float,
    seamless: bool,
    pins: Sequence[str] | None = None,
) -> Drawing:
    """Read what the command line says of how images are drawn; the sampler checks it.

    Raises:
        ConfigError: A pin has another form.
    """
    from petsgan_sdk.runtime.drawing import Drawing  # noqa: PLC0415 - heavy

    return Drawing(seamless, layout.value, variation, fill, tuple(map(parse_pin, pins or ())))


def drawing_json(drawing: Drawing) -> dict[str, Any]:
    """What a result says of a drawing: of the usual one, nothing."""
    record = drawing.record()
    return {"drawing": record} if record else {}


def layout_taken(manifest: BundleManifest, drawing: Drawing, size_px: tuple[int, int]) -> str:
    """Where the layouts of images of a size `(width, height)` come from, which `auto` decides."""
    from petsgan_sdk.runtime.drawing import check_drawing  # noqa: PLC0415 - heavy

    width, height = size_px
    return check_drawing(manifest, (height, width), drawing)[0]


def parse_pin(text: str) -> Pin:
    """Read `X,Y` or `X,Y:LEFT,TOP,WIDTHxHEIGHT`.

    Raises:
        ConfigError: The text has another form.
    """
    from petsgan_sdk.synthesis import Pin  # noqa: PLC0415 - heavy

    match = _PIN.fullmatch(text.strip())
    if match is None:
        msg = (
            "--pin must be X,Y such as 120,40, or X,Y:LEFT,TOP,WIDTHxHEIGHT for a part of the "
            f"photo, got {short(text)}"
        )
        raise ConfigError(msg)
    return Pin(*(int(number) for number in match.groups() if number is not None))
