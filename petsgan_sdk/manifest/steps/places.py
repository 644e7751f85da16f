"""A step of kind `places`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from petsgan_sdk.errors import BundleError
from petsgan_sdk.manifest.fields import Shape, Size, require_name
from petsgan_sdk.manifest.steps.step import Grids, Step, refuse_shape
from petsgan_sdk.settings.synthesis import PlaceSettings
from petsgan_sdk.settings.typed import require

__all__ = ["PlacesStep"]

_MAX_TABLE = 8192
"""Places of a level whose alike places are listed, or whose use has a price."""


_GROUND = 0.5
"""Binding in y from which on a photo has a ground; textures have 0, landscapes 1."""


@dataclass(frozen=True, slots=True)
class PlacesStep(Step):
    """Draw a place of the photo for every pixel `[1, H, W]`: two int16, (y, x), in one int32."""

    runner = "petsgan_sdk.runtime.rendering.steps.places:RunPlaces"
    exporter = "petsgan_sdk.export.steps.places:ExportPlaces"
    says_level = True
    takes_knobs = True
    cuts_anywhere = True

    photo: str
    """Member with the photo `[H0, W0, 3]` uint8."""
    basis: str
    """Member `[L, 8, 5, 5, 3]` int16: what features are made with, from the finest level on."""
    bias: str
    """Member `[L, 8]` int32."""
    shift: str
    """Member `[L]` int32."""
    alike: tuple[str, ...]
    """Members `[h, w, K, 2]` int16, from the coarsest level on."""
    prices: tuple[str, ...]
    """Members `[h, w]` int32, from the coarsest level on."""
    held: tuple[float, float]
    """How strongly position binds in y and in x, 0 to 1."""
    settings: PlaceSettings
    """How places are drawn."""
    output: str
    """Name of the tensor."""
    frame: tuple[int, int, int, int] = (0, 0, 0, 0)
    """Pixels above, below, left and right that frame the photo; levels are of what lies within."""
    stage: int = 0
    """The noise of its coarsest level; finer ones follow."""
    kind: Literal["places"] = "places"

    def __post_init__(self) -> None:
        """Check the names and ranges."""
        Step.__post_init__(self)
        for field in ("photo", "basis", "bias", "shift"):
            require_name(self, field)
        is_held = all(0 <= share <= 1 for share in self.held)
        require(self, "held", is_held, expected="two numbers from 0 to 1")
        require(self, "frame", min(self.frame) >= 0, expected="numbers from 0")
        require(self, "alike", 1 <= len(self.alike) <= 12, expected="1 to 12 names")
        require(self, "prices", len(self.prices) <= 4, expected="up to 4 names")
        require(self, "stage", 0 <= self.stage < 1 << 15, expected="from 0 to 32767")

    @property
    def has_ground(self) -> bool:
        """Position binds in y."""
        return self.held[0] >= _GROUND

    @property
    def matches(self) -> str:
        """What it makes holds places."""
        return self.output

    @property
    def typed_members(self) -> Mapping[str, tuple[str, int]]:
        """All of its constants."""
        return {
            self.photo: ("uint8", 3),
            self.basis: ("int16", 5),
            self.bias: ("int32", 2),
            self.shift: ("int32", 1),
            **dict.fromkeys(self.alike, ("int16", 4)),
            **dict.fromkeys(self.prices, ("int32", 2)),
        }

    @property
    def photo_member(self) -> str:
        """The photo."""
        return self.photo

    def scale(self, factor: int) -> int:
        """Full resolution."""
        return factor

    def channels_made(self, constants: Mapping[str, Shape]) -> int:  # noqa: ARG002
        """A place, and what is held of coarser levels while it is drawn."""
        return 8

    def shapes_made(
        self,
        tensors: Mapping[str, Shape],  # noqa: ARG002
        grids: Grids,
        constants: Mapping[str, Shape],  # noqa: ARG002
    ) -> dict[str, Shape]:
        """One number a pixel."""
        return {self.output: (1, *(side * grids.factor for side in grids.base))}

    def check_constants(
        self,
        constants: Mapping[str, Shape],
        learned: Grids,
        indexed: dict[str, Size],
    ) -> None:
        """The photo is the one learned, and tables are of its levels."""
        rows, columns = (side * learned.factor for side in learned.base)
        if constants[self.photo] != (rows, columns, 3):
            refuse_shape(self.photo, constants[self.photo], (rows, columns, 3))
        above, below, left, right = self.frame
        rows, columns = rows - above - below, columns - left - right
        if min(rows, columns) < 1 or max(self.frame) > max(rows, columns):
            msg = f"manifest: frame of a places step must leave most of the photo, got {self.frame}"
            raise BundleError(msg)
        levels = constants[self.basis][0]
        if not 1 <= levels <= 12:
            msg = f"{self.basis!r} must be of 1 to 12 levels, got {levels}; export the model again"
            raise BundleError(msg)
        for name, shape in (
            (self.basis, (levels, 8, 5, 5, 3)),
            (self.bias, (levels, 8)),
            (self.shift, (levels,)),
        ):
            if constants[name] != shape:
                refuse_shape(name, constants[name], shape)
        if len(self.alike) > levels or len(self.prices) > levels:
            msg = (
                f"manifest: a places step must have tables for at most its {levels} levels, got "
                f"{len(self.alike)} of alike places and {len(self.prices)} of prices"
            )
            raise BundleError(msg)
        for order in range(max(len(self.alike), len(self.prices))):
            level = levels - 1 - order
            size = ((rows - 1 >> level) + 1, (columns - 1 >> level) + 1)
            if size[0] * size[1] > _MAX_TABLE:
                msg = (
                    f"manifest: tables of a places step must be of levels of at most {_MAX_TABLE} "
                    f"places, got {size[0]}x{size[1]}"
                )
                raise BundleError(msg)
            if order < len(self.alike):
                name = self.alike[order]
                count = constants[name][2]
                if not 1 <= count <= 8 or constants[name] != (*size, count, 2):
                    refuse_shape(name, constants[name], (*size, min(8, max(1, count)), 2))
            if order < len(self.prices) and constants[self.prices[order]] != size:
                refuse_shape(self.prices[order], constants[self.prices[order]], size)
        indexed[self.output] = constants[self.photo][0], constants[self.photo][1]
