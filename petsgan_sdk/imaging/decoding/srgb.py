"""Decoded samples to 8-bit sRGB, a band of rows at a time, so that nothing is held twice.

This module imports the standard library, numpy, Pillow and the private modules beside it only.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms

from petsgan_sdk.imaging.decoding.colour_profile import Profile, lab_transform, read_profile
from petsgan_sdk.imaging.decoding.eight_bits import Scaling, UnusableImageError, measured, table
from petsgan_sdk.imaging.decoding.target import DecodeTarget, Levels, over_white
from petsgan_sdk.imaging.decoding.tiff_samples import Samples

__all__ = ["fill_from_image", "fill_from_samples"]

_BAND_PIXELS = 1 << 20
_WIDE_GREYS = ("I", "I;16", "I;16L", "I;16B", "I;16N", "F")
_SIMPLE_NOTES = {
    "1": "black and white was converted to RGB",
    "L": "greyscale was converted to RGB",
    "P": "the palette was converted to RGB",
    "CMYK": "CMYK was converted to RGB",
}
_OPAQUE = ("1", "L", "P", "RGB", "CMYK", "YCbCr", "HSV", "LAB")
_GREYS = ("1", "L", "LA", "La")
_UNUSED_FOURTH = "the fourth channel, 0 everywhere, was not taken for transparency"
_IGNORED = "the embedded colour profile says nothing of such values and was ignored"
_MULTIPLIED = 1


def fill_from_image(
    target: DecodeTarget,
    image: Image.Image,
    profile: bytes | None,
    *,
    is_deep: bool,
    is_grey: bool,
    may_lack_alpha: bool,
) -> None:
    """Convert an image that Pillow decoded.

    Args:
        target: Where it goes, with the notes on what is done.
        image: The image, as it is stored.
        profile: Its colour profile, as `read_profile` takes it.
        is_deep: Whether it had 16 bits.
        is_grey: Whether its colours are greys, whatever its mode.
        may_lack_alpha: Whether files of this kind have a fourth channel that is no transparency.

    Raises:
        UnusableImageError: A mode that cannot be converted, or values that are not finite.
    """
    if image.mode in _WIDE_GREYS:
        _fill_wide_grey(target, image, profile, is_deep=is_deep)
        return
    if is_deep:
        target.notes.append("16 bits were scaled to 8")
    mode, is_clear = image.mode, "transparency" in image.info
    space = "CMYK" if mode == "CMYK" else "grey" if is_grey or mode in _GREYS else "RGB"
    plan = read_profile(None if mode == "LAB" else profile, space)
    if mode == "LAB":
        plan = Profile(transform=lab_transform())
    if mode in _OPAQUE and not is_clear:
        if mode != "RGB":
            target.notes.append(_SIMPLE_NOTES.get(mode, f"{mode} was converted to RGB"))
        for top, band in _bands(image):
            target.write(top, _coloured(band, plan))
    else:
        for top, band in _bands(image):
            layer = _with_alpha(band)
            if plan.note is not None:
                colours = _coloured(layer.convert("RGB"), plan)
                layer = _layer(colours, layer.getchannel("A"))
            target.write(top, *over_white(layer))
        if target.is_all_clear and may_lack_alpha:
            target.drop_alpha()
            for top, band in _bands(image):
                target.write(top, _coloured(_with_alpha(band).convert("RGB"), plan))
            target.notes.append(_UNUSED_FOURTH)
        else:
            _note_alpha(target, "" if mode in ("RGB", "RGBA") else f", {mode} became RGB")
    if plan.note is not None:
        target.notes.append(plan.note)


def _note_alpha(target: DecodeTarget, became: str) -> None:
    is_opaque = target.alpha is None
    found = "the opaque alpha channel was dropped" if is_opaque else "transparency became white"
    target.notes.append(found + became)


def _bands(image: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    width, height = image.size
    rows = max(1, _BAND_PIXELS // width)
    for top in range(0, height, rows):
        yield top, image.crop((0, top, width, min(top + rows, height)))


def _with_alpha(band: Image.Image) -> Image.Image:
    try:
        return (band.convert("LA") if band.mode == "La" else band).convert("RGBA")
    except ValueError as exc:
        msg = "an image in a usual colour mode"
        raise UnusableImageError(msg, f"mode {band.mode!r}") from exc


def _layer(rgb: Levels, alpha: Image.Image) -> Image.Image:
    layer = Image.fromarray(rgb)
    layer.putalpha(alpha)
    return layer


def _write(target: DecodeTarget, top: int, rgb: Levels, alpha: Levels | None) -> None:
    if alpha is None:
        target.write(top, rgb)
    else:
        target.write(top, *over_white(_layer(rgb, Image.fromarray(alpha))))


def _coloured(band: Image.Image, plan: Profile) -> Levels:
    """A band in sRGB, `[rows, W, 3]`."""
    if plan.transform is not None:
        mode = plan.transform.input_mode
        source = band if band.mode == mode else band.convert(mode)
        return np.asarray(ImageCms.applyTransform(source, plan.transform))
    rgb: Levels = np.asarray(band if band.mode == "RGB" else band.convert("RGB"))
    return rgb if plan.curve is None else table(255, plan.curve)[rgb]


def _fill_wide_grey(
    target: DecodeTarget, image: Image.Image, profile: bytes | None, *, is_deep: bool
) -> None:
    def bands() -> Iterator[tuple[int, npt.NDArray[Any]]]:
        for top, band in _bands(image):
            numbers = np.asarray(band)
            # Some versions of Pillow keep 16 bits in 32.
            yield top, numbers.clip(0, 65535).astype(np.uint16) if is_deep else numbers

    plan = read_profile(profile, "grey") if is_deep else _ignored(profile)
    scaling = Scaling(65535, curve=plan.curve) if is_deep else measured(bands())
    target.notes.append(scaling.note("16-bit greyscale was", "grey values"))
    clear = image.info.get("transparency")
    for top, band in bands():
        grey = scaling.levels(band)
        alpha = None if clear is None else np.where(band == clear, 0, 255).astype(np.uint8)
        _write(target, top, _as_rgb(grey, plan), alpha)
    if clear is not None:
        _note_alpha(target, "")
    if plan.note is not None:
        target.notes.append(plan.note)


def _ignored(profile: bytes | None) -> Profile:
    return Profile() if profile is None else Profile(_IGNORED)


def _as_rgb(grey: Levels, plan: Profile) -> Levels:
    rgb = np.repeat(grey[:, :, None], 3, axis=2)
    return rgb if plan.transform is None else _coloured(Image.fromarray(rgb), plan)


def fill_from_samples(target: DecodeTarget, samples: Samples, profile: bytes | None) -> None:
    """Convert the samples of a TIFF.

    Args:
        target: Where they go, with the notes on what is done.
        samples: The page.
        profile: Its colour profile, as `read_profile` takes it.

    Raises:
        UnusableImageError: A value is not finite.
        OSError: A strip or tile is missing or cut short.
    """
    colours = samples.colours
    space = {1: "grey", 3: "RGB", 4: "CMYK"}[colours]
    plan = read_profile(profile, space) if samples.is_deep else _ignored(profile)
    full = 2**samples.bits - 1
    scaling = Scaling(full, curve=plan.curve, is_negative=samples.is_white_zero)
    if not samples.is_deep:
        scaling = measured(
            ((top, band[:, :, :colours]) for top, band in samples.bands()),
            is_negative=samples.is_white_zero,
        )
    what = "grey values" if colours == 1 else "values"
    target.notes.append(
        scaling.note(f"{samples.bits}-bit greyscale was", what)
        if colours == 1
        else scaling.note(f"{samples.bits} bits were", what, becomes="")
    )
    if colours == 4:
        target.notes.append(_SIMPLE_NOTES["CMYK"])
    for top, band in samples.bands():
        levels = scaling.levels(band[:, :, :colours])
        alpha = _alpha_levels(band[:, :, colours], samples) if samples.alpha else None
        if alpha is not None and samples.alpha == _MULTIPLIED:
            levels = _unmultiplied(levels, alpha)
        if colours == 1:
            rgb = _as_rgb(levels[:, :, 0], plan)
        else:
            mode = "RGB" if colours == 3 else "CMYK"
            size = (levels.shape[1], levels.shape[0])
            rgb = _coloured(Image.frombytes(mode, size, levels.tobytes()), plan)
        _write(target, top, rgb, alpha)
    if samples.alpha:
        _note_alpha(target, "")
    if plan.note is not None:
        target.notes.append(plan.note)


def _alpha_levels(alpha: npt.NDArray[Any], samples: Samples) -> Levels:
    """Opaque is 1 for floats, and the largest number for integers."""
    full = 1.0 if samples.kind == 3 else float(2 ** (samples.bits - (samples.kind == 2)) - 1)
    scaled = np.floor(np.clip(alpha.astype(np.float64) / full, 0, 1) * 255 + 0.5)
    return scaled.astype(np.uint8)


def _unmultiplied(levels: Levels, alpha: Levels) -> Levels:
    by = np.maximum(alpha, 1).astype(np.float32)[:, :, None]
    return np.minimum(np.floor(levels * (np.float32(255) / by) + 0.5), 255).astype(np.uint8)
