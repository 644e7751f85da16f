"""A step of kind `texture_transfer`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from petsgan_sdk.errors import BundleError
from petsgan_sdk.manifest.fields import Shape, Size
from petsgan_sdk.manifest.steps.step import Grids, Step, refuse_shape

__all__ = ["TextureTransferStep"]


@dataclass(frozen=True, slots=True)
class TextureTransferStep(Step):
    """Carry matches up to full resolution: a tensor `[N, 3, H, W]` float32 of real texture."""

    runner = "petsgan_sdk.runtime.rendering.steps.texture_transfer:RunTextureTransfer"
    exporter = "petsgan_sdk.export.steps.texture_transfer:ExportTextureTransfer"
    reads_fields = ("index",)
    array_fields = ("texture",)
    reads_matches = True

    index: str
    """Tensor `[N, h, w]` int32 of matches."""
    texture: str
    """Member with the source image `[3, h0 * factor, w0 * factor]` float32 in [-1, 1]."""
    output: str
    """Name of the tensor."""
    kind: Literal["texture_transfer"] = "texture_transfer"

    @property
    def photo_member(self) -> str:
        """The photo."""
        return self.texture

    @property
    def halo(self) -> int:
        """A block reaches half its side over its neighbours."""
        return 1

    def scale(self, factor: int) -> int:
        """Full resolution."""
        return factor

    def check_constants(
        self, constants: Mapping[str, Shape], learned: Grids, indexed: dict[str, Size]
    ) -> None:
        """The texture covers what the matches point into."""
        factor = learned.factor
        if factor % 2:
            msg = f"manifest: factor must be even for a texture_transfer step, got {factor}"
            raise BundleError(msg)
        if self.index not in indexed:
            msg = f"manifest: a texture_transfer step must read matches, got {self.index!r}"
            raise BundleError(msg)
        rows, columns = indexed[self.index]
        expected = (3, rows * factor, columns * factor)
        if constants[self.texture] != expected:
            refuse_shape(self.texture, constants[self.texture], expected)

    def channels_made(self, constants: Mapping[str, Shape]) -> int:  # noqa: ARG002
        """RGB."""
        return 3
