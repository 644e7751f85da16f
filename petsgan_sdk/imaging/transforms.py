"""Resize, convert and measure images. Imports numpy, Pillow and the base only."""

from __future__ import annotations

from typing import Any, Literal, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image

from petsgan_sdk._arrays import FloatArray, ImageArray
from petsgan_sdk.errors import ConfigError, DTypeError, InputError, ShapeError
from petsgan_sdk.imaging.decode import MIN_SIDE_PX
from petsgan_sdk.settings.base import MAX_ASPECT

__all__ = [
    "check_rgb",
    "fit_size",
    "resize",
    "sharpness",
    "to_signed",
    "to_u8",
]

Method = Literal["lanczos", "bicubic", "bilinear", "area", "nearest"]
PixelT = TypeVar("PixelT", np.uint8, np.float32)

_METHODS = {
    "lanczos": Image.Resampling.LANCZOS,
    "bicubic": Image.Resampling.BICUBIC,
    "bilinear": Image.Resampling.BILINEAR,
    "area": Image.Resampling.BOX,
    "nearest": Image.Resampling.NEAREST,
}
_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601


def resize(
    image: npt.NDArray[PixelT],
    size: tuple[int, int],
    *,
    method: Method = "lanczos",
    clamp: tuple[float, float] | None = None,
) -> npt.NDArray[PixelT]:
    """Resize with the filter widened to cover the source, so that shrinking does not alias.

    Args:
        image: `[H, W, C]` uint8 or float32.
        size: `(width, height)` in pixels.
        method: Filter; `"area"` is the mean of the covered area. Lanczos and bicubic overshoot.
        clamp: Range that a float result is cut to; none by default. uint8 is rounded and cut
            to 0..255 in any case.

    Returns:
        A new `[height, width, C]` array of the same dtype. It is computed in float32.

    Raises:
        ConfigError: An unknown method.
        ShapeError: Not three axes, or an empty input or output.
        DTypeError: Another dtype.
    """
    if method not in _METHODS:
        msg = f"resize: method must be one of {', '.join(_METHODS)}, got {method!r}"
        raise ConfigError(msg)
    if image.ndim != 3 or not image.size or min(size) < 1:
        msg = f"resize: image must be [H, W, C] and size positive, got {image.shape} to {size}"
        raise ShapeError(msg)
    if image.dtype not in (np.uint8, np.float32):
        msg = f"resize: dtype must be uint8 or float32, got {image.dtype}"
        raise DTypeError(msg)
    width, height = size
    out = np.empty((height, width, image.shape[2]), np.float32)
    for channel in range(image.shape[2]):
        # Bytes become floats in Pillow: through numpy a large photo would be held as floats thrice.
        plane = Image.fromarray(np.ascontiguousarray(image[:, :, channel])).convert("F")
        out[:, :, channel] = np.asarray(plane.resize((width, height), _METHODS[method]))
    if image.dtype == np.uint8:
        out = np.clip(np.floor(out + np.float32(0.5)), 0, 255)
    elif clamp is not None:
        np.clip(out, *clamp, out=out)
    result: npt.NDArray[PixelT] = out.astype(image.dtype, copy=False)
    return result


def fit_size(width: int, height: int, *, max_size_px: int, multiple: int) -> tuple[int, int]:
    """Choose the size at which to work on an image.

    The longer side becomes `max_size_px` if it is larger, the aspect is kept, and each side goes
    to the nearest multiple, but not above `max_size_px`. Where the shorter side would come out
    below four multiples, or 16 px, it becomes that instead, and the longer one what the aspect
    makes of it, above `max_size_px` too: a panorama or a thin sprite is not stretched.

    Args:
        width: Width of the image in pixels.
        height: Height of the image in pixels.
        max_size_px: Largest side of the result, unless the aspect is extreme.
        multiple: What both sides of the result are multiples of.

    Returns:
        `(width, height)`. Larger than the image only by rounding or for the least side.

    Raises:
        ConfigError: A size is not positive, or `max_size_px` is below four multiples.
        InputError: One side is more than `MAX_ASPECT` times the other.
    """
    if min(width, height, multiple) < 1 or max_size_px < 4 * multiple:
        msg = (
            f"fit_size: sizes must be positive and max_size_px at least {4 * multiple}, got "
            f"{width}x{height}, max_size_px {max_size_px}, multiple {multiple}"
        )
        raise ConfigError(msg)
    long, short = max(width, height), min(width, height)
    if long > MAX_ASPECT * short:
        msg = (
            f"image: one side must be at most {MAX_ASPECT} times the other, got {width}x{height}; "
            "hint: crop it"
        )
        raise InputError(msg)
    most = max_size_px // multiple
    least = min(max(4, -(-MIN_SIDE_PX // multiple)), most)
    target, base = max_size_px, max(long, max_size_px)
    if short * target < least * multiple * base:
        target, base = least * multiple, short
        most = max(most, MAX_ASPECT * least)

    def fit(side: int) -> int:
        # Integers throughout: round(side * target / base / multiple), halves up.
        nearest = (2 * side * target + base * multiple) // (2 * base * multiple)
        return max(least, min(nearest, most)) * multiple

    return fit(width), fit(height)


def to_signed(image_u8: ImageArray) -> FloatArray:
    """Return uint8 values as float32 in [-1, 1]; `to_u8` is the exact inverse."""
    _check_dtype("to_signed", image_u8, np.uint8)
    return image_u8.astype(np.float32) / np.float32(127.5) - np.float32(1)


def to_u8(image_signed: npt.NDArray[np.floating[Any]]) -> ImageArray:
    """Return values in [-1, 1] as uint8: `floor(127.5 x + 128)`, cut to 0..255.

    Raises:
        DTypeError: The values are not floating point.
        InputError: A value is NaN.
    """
    if image_signed.dtype.kind != "f":
        msg = f"to_u8: dtype must be floating point, got {image_signed.dtype}"
        raise DTypeError(msg)
    if np.isnan(image_signed).any():
        found = int(np.isnan(image_signed).sum())
        msg = f"to_u8: values must be numbers, got NaN {found} times in {image_signed.size}"
        raise InputError(msg)
    # Cut first: infinity times a number is fine, but float16 would overflow on the way.
    scaled = np.clip(image_signed, -2, 2).astype(np.float32) * np.float32(127.5) + np.float32(128)
    image_u8: ImageArray = np.clip(np.floor(scaled), 0, 255).astype(np.uint8)
    return image_u8


def sharpness(rgb: ImageArray) -> float:
    """Mean length of the luma gradient: forward differences of BT.601 luma in 0..255, per pixel.

    Args:
        rgb: `[H, W, 3]` uint8, both sides at least 2.
    """
    check_rgb("sharpness", rgb, least_side=2)
    luma = rgb.astype(np.float64) @ np.array(_LUMA)
    across = luma[:-1, 1:] - luma[:-1, :-1]
    down = luma[1:, :-1] - luma[:-1, :-1]
    return float(np.hypot(across, down).mean())


def _check_dtype(op: str, array: npt.NDArray[Any], dtype: type[np.generic]) -> None:
    if array.dtype != dtype:
        msg = f"{op}: dtype must be {np.dtype(dtype)}, got {array.dtype}"
        raise DTypeError(msg)


def check_rgb(op: str, rgb: npt.NDArray[Any], *, least_side: int) -> None:
    """Refuse what is no `[H, W, 3]` uint8; `op` names who asks."""
    _check_dtype(op, rgb, np.uint8)
    if rgb.ndim != 3 or rgb.shape[2] != 3 or min(rgb.shape[:2]) < least_side:
        msg = f"{op}: image must be [H, W, 3] of sides from {least_side}, got shape {rgb.shape}"
        raise ShapeError(msg)
