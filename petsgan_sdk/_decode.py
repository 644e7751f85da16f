"""Decode an image file to plain 8-bit RGB, once, and say what had to be changed for that.

This module imports the standard library, numpy, Pillow and `petsgan_sdk.errors` only.
"""

from __future__ import annotations

import io
import stat
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError
from PIL.ImageFile import ImageFile

from petsgan_sdk.errors import InputError

__all__ = ["DEFAULT_MAX_PIXELS", "MIN_SIDE_PX", "LoadedImage", "load_image"]

DEFAULT_MAX_PIXELS = 100_000_000
"""Pixels that `load_image` decodes at most unless told otherwise."""
MIN_SIDE_PX = 16
"""Least width and height of an image that something can be learned from."""

# Not every format of Pillow: some run other programs or are no photographs. HEIF needs a plug-in.
_FORMATS = "PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "PPM", "TGA", "JPEG2000", "AVIF", "HEIF"
_ORIENTATION_TAG = 0x0112
_WHITE = (255, 255, 255, 255)
_WIDE_GREYS = ("I", "I;16", "I;16L", "I;16B", "I;16N", "F")
_SIMPLE_NOTES = {
    "1": "black and white was converted to RGB",
    "L": "greyscale was converted to RGB",
    "P": "the palette was converted to RGB",
    "CMYK": "CMYK was converted to RGB",
}
_OPAQUE = ("1", "L", "P", "RGB", "CMYK", "YCbCr", "HSV")


@dataclass(frozen=True, slots=True)
class LoadedImage:
    """An image file in memory."""

    rgb: npt.NDArray[np.uint8]
    """`[H, W, 3]` uint8, contiguous, upright."""
    notes: tuple[str, ...]
    """One clause for each conversion that was made, in order; empty for a plain RGB file."""
    alpha: npt.NDArray[np.uint8] | None = None
    """`[H, W]` uint8: how opaque a pixel was before white was laid behind; None where all are."""


def load_image(path: Path, *, max_pixels: int = DEFAULT_MAX_PIXELS) -> LoadedImage:
    """Read an image file as 8-bit RGB.

    Greyscale, palette, CMYK and 16-bit images are converted, transparency is laid over white, the
    EXIF orientation is applied, an embedded colour profile is converted to sRGB, and of several
    frames the first is taken; each leaves a note.

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
    try:
        # Pillow warns of things that are handled here, such as large or odd but readable files.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with path.open("rb") as file, Image.open(file, formats=_known_formats()) as image:
                _check_size(path, image.width, image.height, max_pixels)
                return _convert(path, image)
    except InputError:
        raise
    except UnidentifiedImageError:
        _refuse(path, "an image", "a file that is not one", "PNG, JPEG, WebP, TIFF, BMP or GIF")
    except Image.DecompressionBombError:
        limit = 2 * (Image.MAX_IMAGE_PIXELS or 0)
        _refuse_large(path, f"more than {limit // 1_000_000}", min(limit, max_pixels))
    except PermissionError as exc:
        _refuse(path, "readable", "permission denied", cause=exc)
    except Exception as exc:  # noqa: BLE001 - decoders of hostile files fail in every way there is
        reason = " ".join(str(exc).split())[:120] or type(exc).__name__
        _refuse(path, "a whole image", f"a damaged or truncated one ({reason})", cause=exc)


def _known_formats() -> list[str]:
    Image.init()
    return [name for name in _FORMATS if name in Image.OPEN]


def _refuse(
    path: Path, expected: str, found: str, hint: str = "", *, cause: Exception | None = None
) -> NoReturn:
    msg = f"image: {str(path)!r} must be {expected}, got {found}"
    raise InputError(f"{msg}; hint: {hint}" if hint else msg) from cause


def _refuse_large(path: Path, megapixels: str, limit: int) -> NoReturn:
    allowed = f"an image of at most {limit / 1e6:g} megapixels"
    _refuse(path, allowed, f"{megapixels} megapixels", "make it smaller first")


def _check_file(path: Path) -> None:
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        _refuse(path, "an image file", "no file")
    except (OSError, ValueError) as exc:  # ValueError: a NUL byte in the name
        _refuse(path, "an image file", f"a name that cannot be read ({exc})", cause=exc)
    if stat.S_ISDIR(status.st_mode):
        _refuse(path, "an image file", "a folder")
    if not stat.S_ISREG(status.st_mode):
        _refuse(path, "an image file", "a device, pipe or socket")
    if not status.st_size:
        _refuse(path, "an image file", "an empty file")


def _check_size(path: Path, width: int, height: int, max_pixels: int) -> None:
    if width * height > max_pixels:
        _refuse_large(path, f"{width}x{height}, {width * height / 1e6:.4g}", max_pixels)
    if min(width, height) < MIN_SIDE_PX:
        expected = f"an image of at least {MIN_SIDE_PX}x{MIN_SIDE_PX} px"
        _refuse(path, expected, f"{width}x{height}")


def _convert(path: Path, image: ImageFile) -> LoadedImage:
    notes: list[str] = []
    frames = getattr(image, "n_frames", 1)
    if frames > 1:
        notes.append(f"the first of {frames} frames was used")
    is_deep = _is_deep(image)
    image.load()
    orientation = image.getexif().get(_ORIENTATION_TAG, 1)
    upright: Image.Image = image
    if orientation in range(2, 9):
        upright = ImageOps.exif_transpose(image)
        notes.append(f"the image was turned upright (EXIF orientation {orientation})")
    rgb, alpha = _to_rgb(path, upright, notes, is_deep=is_deep)
    return LoadedImage(np.array(rgb, dtype=np.uint8, order="C"), tuple(notes), alpha)


def _is_deep(image: ImageFile) -> bool:
    """Whether samples are unsigned 16-bit numbers, of which Pillow keeps 8 bits in colour."""
    if image.mode.startswith("I;16") or image.format == "PPM":
        return image.mode.startswith("I")
    raw_modes = {str(tile[3]) for tile in image.tile}
    return any(";16" in mode and ";16S" not in mode for mode in raw_modes)


def _to_rgb(
    path: Path, image: Image.Image, notes: list[str], *, is_deep: bool
) -> tuple[Any, npt.NDArray[np.uint8] | None]:
    if image.mode in _WIDE_GREYS:
        return _wide_grey(path, image, notes, is_deep=is_deep), None
    if is_deep:
        notes.append("16 bits were scaled to 8")
    alpha = None
    if image.mode not in _OPAQUE or "transparency" in image.info:
        image, alpha = _over_white(path, image, notes)
    elif image.mode != "RGB":
        notes.append(_SIMPLE_NOTES.get(image.mode, f"{image.mode} was converted to RGB"))
    return _to_srgb(image, notes), alpha


def _over_white(
    path: Path, image: Image.Image, notes: list[str]
) -> tuple[Image.Image, npt.NDArray[np.uint8] | None]:
    try:
        rgba = image.convert("RGBA")
    except ValueError as exc:
        _refuse(path, "an image in a usual colour mode", f"mode {image.mode!r}", cause=exc)
    is_opaque = rgba.getchannel("A").getextrema() == (255, 255)
    found = "the opaque alpha channel was dropped" if is_opaque else "transparency became white"
    notes.append(found if image.mode in ("RGB", "RGBA") else f"{found}, {image.mode} became RGB")
    flat = Image.alpha_composite(Image.new("RGBA", rgba.size, _WHITE), rgba).convert("RGB")
    flat.info.update(image.info if image.mode in ("RGB", "RGBA") else {})
    return flat, None if is_opaque else np.array(rgba.getchannel("A"), dtype=np.uint8)


def _wide_grey(
    path: Path, image: Image.Image, notes: list[str], *, is_deep: bool
) -> npt.NDArray[np.uint8]:
    """Scale 16-bit grey by its full range, and grey of unknown range by the one it has."""
    grey = np.asarray(image).astype(np.float64)
    if not np.isfinite(grey).all():
        _refuse(path, "an image of finite values", "infinity or NaN")
    low, high = (0.0, 65535.0) if is_deep else (float(grey.min()), float(grey.max()))
    scaled = np.floor((grey - low) * (255.0 / max(high - low, 1e-300)) + 0.5)
    given = "16-bit greyscale was" if is_deep else f"grey values from {low:g} to {high:g} were"
    notes.append(f"{given} scaled to 8 bits and converted to RGB")
    return np.repeat(np.clip(scaled, 0, 255).astype(np.uint8)[:, :, None], 3, axis=2)


def _to_srgb(image: Image.Image, notes: list[str]) -> Image.Image:
    """Convert to RGB through the embedded colour profile, where there is one that is not sRGB."""
    profile = image.info.get("icc_profile")
    if not profile or image.mode not in ("RGB", "CMYK"):
        return image.convert("RGB")
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        name = " ".join(ImageCms.getProfileDescription(source).split())
        if image.mode == "RGB" and "sRGB" in name:
            return image
        target = ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ImportError):
        converted = None
    if converted is None:
        notes.append("the embedded colour profile cannot be used and was ignored")
        return image.convert("RGB")
    notes.append(f"the colour profile {name[:60]!r} was converted to sRGB")
    return converted
