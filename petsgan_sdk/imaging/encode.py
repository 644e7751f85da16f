"""Arrays to image files, and the comment in one. Imports numpy, Pillow and the base only."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from petsgan_sdk._arrays import ImageArray
from petsgan_sdk.errors import ConfigError, OutputError
from petsgan_sdk.files import atomic_write
from petsgan_sdk.imaging.png import encode_png
from petsgan_sdk.imaging.transforms import check_rgb

__all__ = ["FORMATS", "encode_image", "read_comment", "save_image"]

FORMATS: dict[str, str] = {"png": "PNG", "jpg": "JPEG", "jpeg": "JPEG", "webp": "WEBP"}
"""File extensions that can be written, with Pillow's names for them."""

_MAX_ENCODED_SIDE_PX = {"PNG": 2**31 - 1, "JPEG": 65500, "WEBP": 16383}
_IMAGE_DESCRIPTION = 0x010E
"""The tag of Exif that holds a comment of one line."""


def encode_image(
    rgb: ImageArray,
    *,
    format: str = "png",
    quality: int = 95,
    comment: str | None = None,
) -> bytes:
    """Return the bytes of an image file; the same arguments give the same bytes.

    Args:
        rgb: `[H, W, 3]` uint8.
        format: `"png"` (lossless), `"jpg"` or `"webp"`.
        quality: 1 to 100 for jpg and webp.
        comment: ASCII text to keep in the file, which `read_comment` finds.

    Raises:
        ConfigError: Another format, or a quality out of range.
        OutputError: A side is larger than the format can hold.
    """
    check_rgb("encode_image", rgb, least_side=1)
    kind = FORMATS.get(format.lower())
    if kind is None:
        msg = f"image format: must be one of {', '.join(FORMATS)}, got {format!r}"
        raise ConfigError(msg)
    if not 1 <= quality <= 100:
        msg = f"image quality: must be from 1 to 100, got {quality}"
        raise ConfigError(msg)
    height, width = rgb.shape[:2]
    limit = _MAX_ENCODED_SIDE_PX[kind]
    if max(width, height) > limit:
        msg = f"output: {format} holds sides up to {limit} px, got {width}x{height}; hint: use png"
        raise OutputError(msg)
    if kind == "PNG":
        return encode_png(np.ascontiguousarray(rgb), comment=comment)
    settings: dict[str, Any] = {"quality": quality}
    if kind == "JPEG":
        settings["subsampling"] = 0 if quality >= 90 else 2
        if comment is not None:
            settings["comment"] = comment.encode("ascii")
    else:
        settings["method"] = 2
        if comment is not None:
            exif = Image.Exif()
            exif[_IMAGE_DESCRIPTION] = comment
            settings["exif"] = exif.tobytes()
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(rgb)).save(file, kind, **settings)
    return file.getvalue()


def read_comment(image: Image.Image) -> str | None:
    """The comment that `encode_image` put into a file which Pillow has opened; None without one."""
    if image.format == "WEBP":
        found = image.getexif().get(_IMAGE_DESCRIPTION)
    else:
        found = image.info.get("Comment" if image.format == "PNG" else "comment")
    if isinstance(found, bytes):
        return found.decode("latin-1")
    return found if isinstance(found, str) else None


def save_image(
    path: Path,
    rgb: ImageArray,
    *,
    format: str | None = None,
    quality: int = 95,
    overwrite: bool = False,
) -> None:
    """Write an image file atomically.

    Args:
        path: The file to write.
        rgb: `[H, W, 3]` uint8.
        format: As `encode_image`; by default the extension of `path`.
        quality: As `encode_image`.
        overwrite: Whether an existing file may be replaced.

    Raises:
        ConfigError: An unknown format or extension.
        OutputError: The file cannot be written.
    """
    kind = Path(path).suffix.removeprefix(".") if format is None else format
    atomic_write(path, encode_image(rgb, format=kind, quality=quality), overwrite=overwrite)
