"""Which BigGAN a set of weights is, told from the shapes of its tensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["DiscriminatorArchitecture", "GeneratorArchitecture", "Mismatch", "first_mismatch"]

Shape = tuple[int, ...]

_ATTENTION_PX = 64
_GENERATOR_WIDTHS = {128: (16, 16, 8, 4, 2, 1), 256: (16, 16, 8, 8, 4, 2, 1)}
_DISCRIMINATOR_WIDTHS = {128: (1, 2, 4, 8, 16, 16), 256: (1, 2, 4, 8, 8, 16, 16)}


@dataclass(frozen=True, slots=True)
class GeneratorArchitecture:
    """Sizes of a generator. The defaults are those of the public ImageNet checkpoint."""

    size_px: int = 128
    """Side of its images, 128 or 256."""
    width: int = 96
    """Channels of the last block; the others have multiples of it."""
    chunk: int = 20
    """Length of the part of the code that each block, and the first layer, takes."""
    embedding: int = 128
    """Length of a class's embedding, shared by all blocks."""
    num_classes: int = 1000
    """Classes."""

    @classmethod
    def of(cls, shapes: Mapping[str, Shape]) -> GeneratorArchitecture:
        """Tell the sizes from the shapes of a state dict; what cannot be told is the default."""
        public = cls()
        classes, embedding = _shape(shapes, "shared.weight", (public.num_classes, public.embedding))
        return cls(
            size_px=_size_px(shapes, _GENERATOR_WIDTHS, blocks_beyond=-1),
            width=_shape(shapes, "output_layer.0.gain", (public.width,))[0],
            chunk=_shape(shapes, "linear.weight", (0, public.chunk))[1],
            embedding=embedding,
            num_classes=classes,
        )

    @property
    def channels(self) -> tuple[int, ...]:
        """Channels before the first block, and after each."""
        return tuple(self.width * multiple for multiple in _GENERATOR_WIDTHS[self.size_px])

    @property
    def code_size(self) -> int:
        """Length of the whole code z."""
        return self.chunk * len(self.channels)

    @property
    def attention_after(self) -> int:
        """Index of the block that attention follows: block i ends at 8 * 2^i px."""
        return (_ATTENTION_PX // 8).bit_length() - 1


@dataclass(frozen=True, slots=True)
class DiscriminatorArchitecture:
    """Sizes of a discriminator. The defaults are those of the public ImageNet checkpoint."""

    size_px: int = 128
    """Side of its images, 128 or 256."""
    width: int = 96
    """Channels of the first block; the others have multiples of it."""
    num_classes: int = 1000
    """Classes."""

    @classmethod
    def of(cls, shapes: Mapping[str, Shape]) -> DiscriminatorArchitecture:
        """Tell the sizes from the shapes of a state dict; what cannot be told is the default."""
        public = cls()
        return cls(
            size_px=_size_px(shapes, _DISCRIMINATOR_WIDTHS, blocks_beyond=0),
            width=_shape(shapes, "blocks.0.0.conv1.weight", (public.width, 3, 3, 3))[0],
            num_classes=_shape(shapes, "embed.weight", (public.num_classes, 0))[0],
        )

    @property
    def channels(self) -> tuple[int, ...]:
        """Channels of the image, and after each block."""
        multiples = _DISCRIMINATOR_WIDTHS[self.size_px]
        return (3, *(self.width * multiple for multiple in multiples))

    @property
    def attention_after(self) -> int:
        """Index of the block that attention follows: block i ends at size / 2^(i + 1)."""
        return (self.size_px // _ATTENTION_PX).bit_length() - 2


class Mismatch(NamedTuple):
    """A tensor that is not as the architecture has it."""

    key: str
    """Its name."""
    expected: Shape | None
    """Shape in the architecture, None if it has no such tensor."""
    found: Shape | None
    """Shape in the file, None if the file has no such tensor."""


def first_mismatch(expected: Mapping[str, Shape], found: Mapping[str, Shape]) -> Mismatch | None:
    """Return the first difference, in the order of `expected`, then of `found`."""
    for key in (*expected, *(key for key in found if key not in expected)):
        if expected.get(key) != found.get(key):
            return Mismatch(key, expected.get(key), found.get(key))
    return None


def _shape(shapes: Mapping[str, Shape], key: str, default: Shape) -> Shape:
    """Shape of a tensor, or the default if its rank is another or a side is 0."""
    shape = shapes.get(key, default)
    return shape if len(shape) == len(default) and all(shape) else default


def _size_px(
    shapes: Mapping[str, Shape], widths: Mapping[int, tuple[int, ...]], *, blocks_beyond: int
) -> int:
    blocks = {key.split(".")[1] for key in shapes if key.startswith("blocks.")}
    sizes = {len(multiples) + blocks_beyond: size for size, multiples in widths.items()}
    return sizes.get(len(blocks), 128)
