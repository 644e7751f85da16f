"""What a generated file says of itself, and whether a file on the disk is what it should be.

Imports numpy and Pillow, never torch.
"""

from __future__ import annotations

import io
import json
from enum import Enum
from typing import Any

from PIL import Image

from petsgan_sdk._thread_warnings import warnings_raised
from petsgan_sdk.imaging import read_comment

__all__ = ["FileState", "comment_of", "image_facts", "judge_image", "sheet_facts"]

_MARK = "petsgan-sdk "
_PNG_END = b"\0\0\0\0IEND\xae\x42\x60\x82"
_JPEG_END = b"\xff\xd9"


class FileState(Enum):
    """What is found where an image should be."""

    whole = "whole"
    """The image, complete."""
    damaged = "damaged"
    """No image, or a part of one."""
    foreign = "foreign"
    """Another image."""


def image_facts(
    model: str, *, seed: int, index: int, size_px: tuple[int, int], seamless: bool = False
) -> dict[str, Any]:
    """What decides the pixels of an image, as JSON types.

    Args:
        model: Digest of the bundle.
        seed: The seed.
        index: Index in the seed's stream.
        size_px: `(width, height)`.
        seamless: Whether it goes on at its other side.
    """
    width, height = size_px
    facts = {"model": model, "seed": seed, "index": index, "width": width, "height": height}
    return {**facts, "seamless": True} if seamless else facts


def sheet_facts(
    model: str, *, seed: int, count: int, size_px: tuple[int, int], seamless: bool = False
) -> dict[str, Any]:
    """What decides the pixels of a contact sheet of `count` images; see `image_facts`."""
    width, height = size_px
    facts = {"model": model, "seed": seed, "sheet_of": count, "width": width, "height": height}
    return {**facts, "seamless": True} if seamless else facts


def comment_of(facts: dict[str, Any]) -> str:
    """The comment inside a file with these facts."""
    return _MARK + json.dumps(facts, separators=(",", ":"))


def _has_end(data: bytes, kind: str | None) -> bool:
    """Whether the last bytes are there, which Pillow does not ask for."""
    if kind == "WEBP":
        return len(data) == 8 + int.from_bytes(data[4:8], "little")
    return data.endswith(_PNG_END if kind == "PNG" else _JPEG_END)


def judge_image(data: bytes, *, comment: str, size_px: tuple[int, int] | None) -> FileState:
    """Compare the bytes of a file with the image that should be there, by reading all of them.

    The checksums of a PNG find any byte that changed. JPEG and WebP have none: there it is what
    cannot be decoded that is found.

    Args:
        data: The file.
        comment: What `comment_of` says of the image.
        size_px: `(width, height)` that it must have, or None for any.
    """
    found: str | None = None
    try:
        with warnings_raised():  # such as of metadata that is cut short
            with Image.open(io.BytesIO(data)) as image:
                found, size, kind = read_comment(image), image.size, image.format
                image.verify()
            with Image.open(io.BytesIO(data)) as image:
                image.load()
    except Exception:  # noqa: BLE001 - Pillow raises many kinds; each means that it is not whole
        return FileState.damaged if found in (None, comment) else FileState.foreign
    if found == comment and not _has_end(data, kind):
        return FileState.damaged
    right = found == comment and size_px in (None, size)
    return FileState.whole if right else FileState.foreign
