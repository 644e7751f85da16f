"""The photo to learn from: read, converted, fitted to the training size."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from petsgan_sdk.imaging import fit_size, load_image, resize
from petsgan_sdk.settings import ImageConfig

__all__ = ["SourceImage", "load_source"]

U8Image = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]


@dataclass(frozen=True, slots=True)
class SourceImage:
    """A photo at training size."""

    rgb: U8Image
    """`[H, W, 3]` uint8; H and W are multiples of the factor."""
    name: str
    """File name, for provenance."""
    digest: str
    """sha256 of the pixels at training size, which decide the model."""
    original_px: tuple[int, int]
    """`(width, height)` of the file."""


def load_source(path: Path, config: ImageConfig, note: Callable[[str], None]) -> SourceImage:
    """Read a photo and fit it to the training size.

    Args:
        path: The file.
        config: Largest side and factor.
        note: Told once of every conversion, and of the size.

    Raises:
        InputError: The file is no usable image.
    """
    loaded = load_image(path)
    for text in loaded.notes:
        note(text)
    height, width = loaded.rgb.shape[:2]
    size = fit_size(width, height, max_size_px=config.max_size_px, multiple=config.factor)
    note(f"training at {size[0]}x{size[1]} (input {width}x{height})")
    rgb = loaded.rgb if size == (width, height) else resize(loaded.rgb, size)
    digest = hashlib.sha256(rgb.tobytes()).hexdigest()
    return SourceImage(rgb, Path(path).name, digest, (width, height))
