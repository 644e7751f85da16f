"""A step of kind `composite`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from petsgan_sdk.errors import BundleError
from petsgan_sdk.manifest.fields import Shape, Size, require_name
from petsgan_sdk.manifest.steps.step import Grids, Step
from petsgan_sdk.settings.synthesis import CompositeSettings
from petsgan_sdk.settings.typed import require

__all__ = ["CompositeStep"]


@dataclass(frozen=True, slots=True)
class CompositeStep(Step):
    """The image `[1, 3, H, W]` float32 in [-1, 1] that places stand for, without seams."""

    runner = "petsgan_sdk.runtime.rendering.steps.composite:RunComposite"
    exporter = "petsgan_sdk.export.steps.composite:ExportComposite"
    reads_fields = ("places",)
    reads_matches = True
    replaceable = True
    cuts_anywhere = True

    places: str
    """Tensor `[1, H, W]` int32 of places."""
    photo: str
    """Member with the photo `[H0, W0, 3]` uint8."""
    settings: CompositeSettings
    """How seams are closed."""
    output: str
    """Name of the tensor."""
    factor: int = 1
    """Of the bundle: pixels for one of the grid."""
    kind: Literal["composite"] = "composite"

    def __post_init__(self) -> None:
        """Check the names and ranges."""
        Step.__post_init__(self)
        require_name(self, "photo")
        require(self, "factor", 1 <= self.factor <= 256, expected="from 1 to 256")

    @property
    def typed_members(self) -> Mapping[str, tuple[str, int]]:
        """The photo."""
        return {self.photo: ("uint8", 3)}

    @property
    def halo(self) -> int:
        """Every relaxation sees a pixel further, and so does a step between two of them."""
        return -(-(self.settings.steps + 1) // self.factor)

    def channels_made(self, constants: Mapping[str, Shape]) -> int:  # noqa: ARG002
        """RGB."""
        return 3

    def shapes_made(
        self,
        tensors: Mapping[str, Shape],
        grids: Grids,  # noqa: ARG002
        constants: Mapping[str, Shape],  # noqa: ARG002
    ) -> dict[str, Shape]:
        """As large as the places."""
        return {self.output: (1, 3, *tensors[self.places][-2:])}

    def scale(self, factor: int) -> int:
        """Full resolution."""
        return factor

    def check_constants(
        self, constants: Mapping[str, Shape], learned: Grids, indexed: dict[str, Size]
    ) -> None:
        """Places point into the photo."""
        if self.factor != learned.factor:
            msg = (
                f"manifest: factor of a composite step must be the bundle's, {learned.factor}, got "
                f"{self.factor}"
            )
            raise BundleError(msg)
        photo = constants[self.photo]
        if indexed.get(self.places) != photo[:2] or photo[2] != 3:
            msg = (
                f"manifest: a composite step must read places of its own photo, got {self.places!r}"
            )
            raise BundleError(msg)
