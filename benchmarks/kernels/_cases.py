"""What a form of patch transfer is, and the cases it is given: sizes, and features of a real photo.

The reference is the photo, reduced. The query is the photo again with blocks of it shuffled and
noise added, as a generated layout would be: every patch has a good match, and none is trivial.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.nn import functional

from petsgan_sdk._arrays import FloatArray
from shared.models import PHOTO

__all__ = [
    "CHANNELS",
    "QUERIES",
    "REFERENCES",
    "TEMPERATURE",
    "WINDOW",
    "ArrayStore",
    "Arrays",
    "Case",
    "Form",
    "Result",
    "Run",
    "cases",
]

Size = tuple[int, int]

QUERIES: tuple[Size, ...] = ((32, 32), (32, 128), (64, 64), (128, 128), (256, 256))
REFERENCES: tuple[Size, ...] = ((32, 32), (64, 64), (256, 256))
CHANNELS = (3, 64, 256)
WINDOW = 7
TEMPERATURE = 0.01

_BLOCK = 8
_NOISE = 0.03


@dataclass(frozen=True, slots=True)
class Case:
    """Sizes of one comparison."""

    query: Size
    """Height and width of the query."""
    reference: Size
    """Height and width of the reference."""
    channels: int
    """Of both feature maps."""

    @property
    def num_queries(self) -> int:
        """Query patches."""
        return math.prod(self.query)

    @property
    def num_references(self) -> int:
        """Reference patches."""
        return math.prod(self.reference)

    @property
    def pairs(self) -> int:
        """Cosines, the size of the similarity matrix."""
        return self.num_queries * self.num_references

    @property
    def patch_size(self) -> int:
        """Numbers in one unfolded patch."""
        return self.channels * WINDOW**2

    def __str__(self) -> str:
        """Sizes and channels."""
        (a, b), (c, d) = self.query, self.reference
        return f"{a}x{b} against {c}x{d}, C={self.channels}"


@dataclass(frozen=True, slots=True)
class Arrays:
    """The arguments of one case, float32 and C-contiguous."""

    query: FloatArray
    """`[C, h, w]` features."""
    features: FloatArray
    """`[C, H, W]` features of the reference."""
    values: FloatArray
    """`[3, H, W]`, the reference in [-1, 1]."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a form computes, of one image."""

    index: NDArray[np.integer[Any]]
    """`[h, w]`, best match of every query patch."""
    weight: FloatArray | None
    """`[h, w]`, its softmax; None where the form cannot tell."""
    values: FloatArray
    """`[3, h, w]`, the weighted patches laid over each other, divided by their number."""


Run: TypeAlias = Callable[[], Result]


@dataclass(frozen=True, slots=True)
class Form:
    """One way to do patch transfer."""

    name: str
    """Key in the rows."""
    prepare: Callable[[Arrays, int], Run]
    """Compute what is constant for a model, for a number of threads. What it returns is timed."""
    memory_mb: Callable[[Case], float]
    """About what it needs, constants included: whether it is tried at all."""
    missing: Callable[[], str | None] = lambda: None
    """Why it cannot run on this machine."""
    reference_work: Callable[[Arrays], Callable[[], object]] | None = None
    """The part of a run that depends on the reference alone, where a run contains one."""


def cases(
    queries: Sequence[Size], references: Sequence[Size], channels: Sequence[int]
) -> list[Case]:
    """All combinations, for each number of channels those of less work first."""
    combinations = itertools.product(channels, queries, references)
    all_cases = [Case(query, reference, c) for c, query, reference in combinations]
    return sorted(all_cases, key=lambda case: (case.channels, case.pairs, case.num_references))


class ArrayStore:
    """Feature maps in a folder, computed once and read by every process that needs them.

    Args:
        folder: Where the files are.
    """

    def __init__(self, folder: Path) -> None:
        """Remember the folder."""
        self._folder = folder

    def fill(self, all_cases: Sequence[Case]) -> None:
        """Compute what the cases need."""
        for size in {case.reference for case in all_cases}:
            np.save(self._path("values", size), _photo(size))
        for kind in ("query", "reference"):
            for size, channels in {(getattr(case, kind), case.channels) for case in all_cases}:
                image = _query_image(size) if kind == "query" else _photo(size)
                np.save(self._path(kind, size, channels), _features(image, channels))

    def load(self, case: Case) -> Arrays:
        """Read the arguments of a case."""
        return Arrays(
            np.load(self._path("query", case.query, case.channels)),
            np.load(self._path("reference", case.reference, case.channels)),
            np.load(self._path("values", case.reference)),
        )

    def _path(self, kind: str, size: Size, channels: int = 0) -> Path:
        return self._folder / f"{kind}-{size[0]}x{size[1]}-{channels}.npy"


def _photo(size: Size) -> FloatArray:
    """The photo, `[3, h, w]` in [-1, 1]."""
    with Image.open(PHOTO) as file:
        resized = file.convert("RGB").resize(size[::-1], Image.Resampling.BOX)
    pixels = np.asarray(resized, dtype=np.float32).transpose(2, 0, 1)
    return np.ascontiguousarray(pixels / 127.5 - 1)


def _query_image(size: Size) -> FloatArray:
    """Blocks of the photo in another order, with noise."""
    rng = np.random.default_rng(0)
    rows, columns = (-(-side // _BLOCK) for side in size)
    whole = _photo((rows * _BLOCK, columns * _BLOCK))
    blocks = whole.reshape(3, rows, _BLOCK, columns, _BLOCK).transpose(1, 3, 0, 2, 4)
    blocks = rng.permutation(blocks.reshape(rows * columns, 3, _BLOCK, _BLOCK))
    grid = blocks.reshape(rows, columns, 3, _BLOCK, _BLOCK).transpose(2, 0, 3, 1, 4)
    image = grid.reshape(whole.shape)[:, : size[0], : size[1]]
    noise = rng.standard_normal(image.shape, dtype=np.float32)
    return np.ascontiguousarray(image + _NOISE * noise)


@torch.inference_mode()
def _features(image: FloatArray, channels: int) -> FloatArray:
    """RGB itself for three channels; else two 3x3 convolutions, as in VGG, of random He weights."""
    if channels == image.shape[0]:
        return image
    rng = np.random.default_rng(channels)
    x = torch.from_numpy(image)[None]
    for inputs in (image.shape[0], channels):
        weight: Any = rng.standard_normal((channels, inputs, 3, 3)) * math.sqrt(2 / (9 * inputs))
        x = functional.pad(x, (1, 1, 1, 1), mode="replicate")
        x = functional.conv2d(x, torch.from_numpy(weight.astype(np.float32))).relu()
    return np.ascontiguousarray(x[0].numpy())
