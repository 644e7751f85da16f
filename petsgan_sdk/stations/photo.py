"""The photo to learn from: read, converted, fitted to the training size."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from petsgan_sdk.imaging import fit_size, load_image, resize
from petsgan_sdk.settings import ImageSettings

__all__ = ["TrainingPhoto", "load_photo"]

_WORTH_SAYING = 0.01
"""Least change of the aspect that a person is told of."""

U8Image = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]


@dataclass(frozen=True, slots=True)
class TrainingPhoto:
    """A photo at training size."""

    rgb: U8Image
    """`[H, W, 3]` uint8; H and W are multiples of the factor."""
    name: str
    """File name, for provenance."""
    digest: str
    """sha256 of the pixels at training size, which decide the model."""
    original_px: tuple[int, int]
    """`(width, height)` of the file."""


def load_photo(
    path: Path, settings: ImageSettings, note: Callable[[str], None], *, task: str = "training"
) -> TrainingPhoto:
    """Read a photo and fit it to the training size.

    Args:
        path: The file.
        settings: Largest side and factor.
        note: Told once of every conversion, and of the size.
        task: What is done at this size, for the note.

    Raises:
        InputError: The file is no usable image, or too long for its width.
    """
    loaded = load_image(path)
    for text in loaded.notes:
        note(text)
    height, width = loaded.rgb.shape[:2]
    size = fit_size(width, height, max_size_px=settings.max_size_px, multiple=settings.factor)
    note(f"{task} at {size[0]}x{size[1]} (input {width}x{height})")
    for text in _remarks((width, height), size, settings):
        note(text)
    rgb = loaded.rgb if size == (width, height) else resize(loaded.rgb, size)
    digest = hashlib.sha256(rgb.tobytes()).hexdigest()
    return TrainingPhoto(rgb, Path(path).name, digest, (width, height))


def _remarks(
    given: tuple[int, int], size: tuple[int, int], settings: ImageSettings
) -> Iterator[str]:
    """What a size does not show by itself, one line each."""
    most, multiple = settings.max_size_px, settings.factor
    if max(size) > most:
        yield (
            f"longer than {most} px: so long a photo is learned at {min(size)} px of "
            "its shorter side; a larger --max-size shows more of it"
        )
    stretch = size[0] * given[1] / (size[1] * given[0])
    change = max(stretch, 1 / stretch) - 1
    if change >= _WORTH_SAYING:
        way = "wider" if stretch > 1 else "narrower"
        yield f"its aspect becomes {change:.1%} {way}: both sides are multiples of {multiple}"
