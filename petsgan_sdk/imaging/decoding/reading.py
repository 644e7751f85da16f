"""Read an open image file: its metadata apart from its pixels, then the pixels.

This module imports the standard library, numpy, Pillow and the private modules beside it only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import IO

import numpy as np
import numpy.typing as npt
from PIL import Image
from PIL.ImageFile import ImageFile

from petsgan_sdk.imaging.decoding.avif_parts import clean_avif
from petsgan_sdk.imaging.decoding.clean_file import CleanImage
from petsgan_sdk.imaging.decoding.exif import orientation
from petsgan_sdk.imaging.decoding.gif_frames import gif_frames
from petsgan_sdk.imaging.decoding.jpeg_parts import clean_jpeg
from petsgan_sdk.imaging.decoding.png_parts import clean_png
from petsgan_sdk.imaging.decoding.srgb import fill_from_image, fill_from_samples
from petsgan_sdk.imaging.decoding.target import DecodeTarget
from petsgan_sdk.imaging.decoding.tiff_directory import Directory, clean_tiff
from petsgan_sdk.imaging.decoding.tiff_samples import tiff_samples

__all__ = ["LoadedImage", "read_image"]

# Not every format of Pillow: some run other programs or are no photographs. HEIF needs a plug-in.
_FORMATS = "PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "PPM", "TGA", "JPEG2000", "AVIF", "HEIF"
_COUNTED_FORMATS = ("WEBP", "AVIF", "HEIF")  # their headers say how many frames there are
_UNUSED_FOURTH_FORMATS = ("BMP", "TGA")  # many programs write 0 there
_EXTRA_SAMPLES = 338  # the tag of TIFF that says what a fourth channel is
_GREY_WITH_ALPHA = 4  # of the colour types of PNG
_MAX_FRAMES = 1000
_GAMMA_OF_SRGB = 1 / 2.2


@dataclass(frozen=True, slots=True)
class LoadedImage:
    """An image file in memory."""

    rgb: npt.NDArray[np.uint8]
    """`[H, W, 3]` uint8, contiguous, upright."""
    notes: tuple[str, ...]
    """One clause for each conversion that was made, in order; empty for a plain RGB file."""
    alpha: npt.NDArray[np.uint8] | None = None
    """`[H, W]` uint8: how opaque a pixel was before white was laid behind; None where all are."""


def read_image(
    file: IO[bytes], kind: str | None, check_size: Callable[[int, int], None]
) -> LoadedImage:
    """Read an image.

    Args:
        file: The file.
        kind: Its format by its signature, in Pillow's words; None for one that has none.
        check_size: Told width and height in pixels before anything is decoded; raises to refuse.

    Raises:
        RawPhotoError: It is the raw photo of a camera.
        UnusableImageError: It has values or a mode that cannot be converted.
        Exception: Whatever Pillow raises for what is not an image, or damaged.
    """
    if kind == "WEBP":
        _check_webp(file, check_size)
    clean, page = _clean(file, kind)
    samples = None if page is None else tiff_samples(page)
    if samples is not None:
        check_size(*samples.size)
        target = _target(samples.size, clean)
        fill_from_samples(target, samples, clean.profile)
        return _finished(target, clean)
    clean.stream.seek(0)
    with Image.open(clean.stream, formats=_formats(kind)) as image:
        check_size(image.width, image.height)
        is_deep = _is_deep(image)
        image.load()
        _complete(clean, image, kind)
        target = _target(image.size, clean)
        fill_from_image(
            target,
            image,
            clean.profile,
            is_deep=is_deep,
            is_grey=clean.facts.get("colour_type") == _GREY_WITH_ALPHA,
            may_lack_alpha=image.format in _UNUSED_FOURTH_FORMATS
            or (page is not None and _EXTRA_SAMPLES not in page.entries),
        )
        return _finished(target, clean)


def _check_webp(file: IO[bytes], check_size: Callable[[int, int], None]) -> None:
    """Check the size by the header: opening takes memory for the whole image."""
    file.seek(0)
    head = file.read(30)
    if len(head) < 30:
        return
    if head[12:16] == b"VP8X":
        sides = [1 + int.from_bytes(head[at : at + 3], "little") for at in (24, 27)]
    elif head[12:16] == b"VP8L":
        bits = int.from_bytes(head[21:25], "little")
        sides = [1 + (bits >> shift & 0x3FFF) for shift in (0, 14)]
    else:
        sides = [int.from_bytes(head[at : at + 2], "little") & 0x3FFF for at in (26, 28)]
    check_size(*sides)


def _formats(kind: str | None) -> list[str]:
    Image.init()
    return [name for name in _FORMATS if name in Image.OPEN] if kind is None else [kind]


def _clean(file: IO[bytes], kind: str | None) -> tuple[CleanImage, Directory | None]:
    if kind == "PNG":
        return clean_png(file), None
    if kind == "JPEG":
        return clean_jpeg(file), None
    if kind == "TIFF":
        return clean_tiff(file, max_pages=_MAX_FRAMES)
    if kind == "AVIF":
        return clean_avif(file), None
    frames = gif_frames(file, _MAX_FRAMES) if kind == "GIF" else 1
    return CleanImage(file, frames=frames), None


def _complete(clean: CleanImage, image: ImageFile, kind: str | None) -> None:
    """Take over what Pillow knows of an image whose metadata was left to it."""
    if kind not in ("PNG", "JPEG", "TIFF"):
        clean.profile = image.info.get("icc_profile") or None
        clean.exif, clean.xmp = image.info.get("exif"), image.info.get("xmp")
        if image.format in _COUNTED_FORMATS:
            clean.frames = getattr(image, "n_frames", 1)
    key = image.info.get("transparency")
    depth = clean.facts.get("depth", 8)
    # Pillow scales the samples of a PNG to 8 bits, but not the colour that is transparent.
    if image.mode == "L" and depth < 8 and isinstance(key, int):
        image.info["transparency"] = key * 255 // (2**depth - 1)
    elif image.mode == "RGB" and depth == 16 and isinstance(key, tuple):
        image.info["transparency"] = tuple(part >> 8 for part in key)


def _target(size: tuple[int, int], clean: CleanImage) -> DecodeTarget:
    turned = clean.facts.get("orientation") or orientation(clean.exif, clean.xmp)
    if turned not in range(2, 9):
        turned = 1
    target = DecodeTarget(*size, turned)
    if clean.frames > 1:
        many = f"over {_MAX_FRAMES - 1}" if clean.frames >= _MAX_FRAMES else str(clean.frames)
        target.notes.append(f"the first of {many} frames was used")
    if turned > 1:
        target.notes.append(f"the image was turned upright (EXIF orientation {turned})")
    if clean.facts.get("is_reduced"):
        target.notes.append("the file says that this is the thumbnail of another image")
    return target


def _finished(target: DecodeTarget, clean: CleanImage) -> LoadedImage:
    gamma = clean.facts.get("gamma")
    is_told = clean.profile is not None or "srgb" in clean.facts
    if gamma is not None and not is_told and abs(gamma - _GAMMA_OF_SRGB) > 0.02:
        target.notes.append(f"the gamma of {gamma:g} that the file states was not applied")
    return LoadedImage(target.rgb, tuple(target.notes), target.alpha)


def _is_deep(image: ImageFile) -> bool:
    """Whether samples are unsigned 16-bit numbers, of which Pillow keeps 8 bits in colour."""
    if image.mode.startswith("I;16") or image.format == "PPM":
        return image.mode.startswith("I")
    raw_modes = {str(tile[3]) for tile in image.tile}
    return any(";16" in mode and ";16S" not in mode for mode in raw_modes)
