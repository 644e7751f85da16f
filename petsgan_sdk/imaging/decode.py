"""Decode an image file to plain 8-bit RGB, once, and say what had to be changed for that.

This module imports the standard library, Pillow, `petsgan_sdk.errors` and the private modules of
images only.
"""

from __future__ import annotations

import importlib
import stat
from pathlib import Path
from typing import NoReturn

from PIL import Image, UnidentifiedImageError

from petsgan_sdk._thread_warnings import warnings_ignored
from petsgan_sdk.errors import InputError
from petsgan_sdk.files.kinds import (
    HEAD_BYTES,
    RAW_PHOTO,
    has_raw_ending,
    known_image,
    other_kind,
    url_scheme,
)
from petsgan_sdk.imaging.decoding.eight_bits import UnusableImageError
from petsgan_sdk.imaging.decoding.reading import LoadedImage, read_image
from petsgan_sdk.imaging.decoding.tiff_directory import RawPhotoError

__all__ = ["DEFAULT_MAX_PIXELS", "MIN_SIDE_PX", "LoadedImage", "load_image"]

DEFAULT_MAX_PIXELS = 100_000_000
"""Pixels that `load_image` decodes at most unless told otherwise."""
MIN_SIDE_PX = 16
"""Least width and height of an image that something can be learned from."""

_CONVERT = "or convert it to PNG or JPEG"


def load_image(path: Path, *, max_pixels: int = DEFAULT_MAX_PIXELS) -> LoadedImage:
    """Read an image file as 8-bit RGB.

    Greyscale, palette, CMYK and deeper images are converted, transparency is laid over white, the
    EXIF orientation is applied, an embedded colour profile is converted to sRGB, and of several
    frames the first is taken; each leaves a note. docs/images.md has the rules.

    Threads may read at the same time. While it works, about two and a half times the result is
    held, and for some formats the file.

    Args:
        path: A PNG, JPEG, WebP, TIFF, BMP, GIF or similar file.
        max_pixels: Refuse larger images; judged by the header, before anything is decoded.

    Returns:
        The pixels and the notes.

    Raises:
        InputError: No such file, not an image, damaged or cut short, too large, or a side under
            16 px. A partly decoded image is never returned.
    """
    path = Path(path)
    _check_file(path)
    kind: str | None = None

    def check_size(width: int, height: int) -> None:
        _check_size(path, width, height, max_pixels)

    try:
        with warnings_ignored(), path.open("rb") as file:
            head = file.read(HEAD_BYTES)
            kind = known_image(head)
            _check_kind(path, kind, head)
            return read_image(file, kind, check_size)
    except InputError:
        raise
    except RawPhotoError:
        _refuse_kind(path, *RAW_PHOTO)
    except UnusableImageError as exc:
        _refuse(path, *exc.args, cause=exc)
    except UnidentifiedImageError as exc:
        if kind is None:
            known = "PNG, JPEG, WebP, TIFF, BMP or GIF"
            _refuse(path, "an image", "a file that is not one", known)
        found = f"a {kind} file that is damaged or of a kind that cannot be read"
        _refuse(path, "a whole image", found, f"open it in an image editor {_CONVERT}", cause=exc)
    except Image.DecompressionBombError:
        limit = 2 * (Image.MAX_IMAGE_PIXELS or 0)
        _refuse_large(path, f"more than {limit // 1_000_000}", min(limit, max_pixels))
    except PermissionError as exc:
        _refuse(path, "readable", "permission denied", cause=exc)
    except Exception as exc:  # noqa: BLE001 - decoders of hostile files fail in every way there is
        reason = " ".join(str(exc).split())[:120] or type(exc).__name__
        # What a TIFF may hold has no end, and what a decoder says of it tells the two not apart.
        other = ", or a TIFF of a kind that cannot be read" if kind == "TIFF" else ""
        _refuse(path, "a whole image", f"a damaged or truncated one{other} ({reason})", cause=exc)


def _refuse(
    path: Path, expected: str, found: str, hint: str = "", *, cause: Exception | None = None
) -> NoReturn:
    msg = f"image: {str(path)!r} must be {expected}, got {found}"
    raise InputError(f"{msg}; hint: {hint}" if hint else msg) from cause


def _refuse_kind(path: Path, kind: str, advice: str) -> NoReturn:
    _refuse(path, "an image that can be read", kind, advice)


def _refuse_large(path: Path, megapixels: str, limit: int) -> NoReturn:
    allowed = f"an image of at most {limit / 1e6:g} megapixels"
    _refuse(path, allowed, f"{megapixels} megapixels", "make it smaller first")


def _check_file(path: Path) -> None:
    scheme = url_scheme(str(path))
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        if scheme is not None:
            _refuse_url(path, scheme)
        _refuse(path, "an image file", "no file")
    except (OSError, ValueError) as exc:  # ValueError: a NUL byte in the name
        if scheme is not None:
            _refuse_url(path, scheme)
        _refuse(path, "an image file", f"a name that cannot be read ({exc})", cause=exc)
    if stat.S_ISDIR(status.st_mode):
        _refuse(path, "an image file", "a folder")
    if not stat.S_ISREG(status.st_mode):
        _refuse(path, "an image file", "a device, pipe or socket")
    if not status.st_size:
        _refuse(path, "an image file", "an empty file")


def _refuse_url(path: Path, scheme: str) -> NoReturn:
    if scheme == "file":
        _refuse(path, "the path of an image file", "a URL", "give it without 'file://'")
    if scheme == "data":
        msg = "image: must be the path of an image file, got a data URL; hint: save it to a file"
        raise InputError(msg)  # without the data
    advice = "URLs are not fetched: download the image first and give the file"
    _refuse(path, "the path of an image file", f"a URL ({scheme})", advice)


def _check_kind(path: Path, kind: str | None, head: bytes) -> None:
    """Refuse what is known to be something else; make ready for what needs a plug-in."""
    other = other_kind(head)
    if other is not None:
        _refuse_kind(path, *other)
    if kind in ("TIFF", "JPEG") and has_raw_ending(path.name):
        _refuse_kind(path, *RAW_PHOTO)
    Image.init()
    if kind == "HEIF" and kind not in Image.OPEN:
        _register_heif(path)
    if kind is not None and kind not in Image.OPEN:
        advice = f"pip install --upgrade pillow, {_CONVERT}"
        _refuse_kind(path, f"{kind}, which this Pillow cannot read", advice)


def _register_heif(path: Path) -> None:
    try:
        plugin = importlib.import_module("pillow_heif")
    except ImportError:
        advice = f"pip install 'petsgan-sdk[heif]', {_CONVERT}"
        _refuse_kind(path, "a HEIC or HEIF photo, which needs the package pillow-heif", advice)
    plugin.register_heif_opener()


def _check_size(path: Path, width: int, height: int, max_pixels: int) -> None:
    if width * height > max_pixels:
        _refuse_large(path, f"{width}x{height}, {width * height / 1e6:.4g}", max_pixels)
    if min(width, height) < MIN_SIDE_PX:
        expected = f"an image of at least {MIN_SIDE_PX}x{MIN_SIDE_PX} px"
        _refuse(path, expected, f"{width}x{height}")
