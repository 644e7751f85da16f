"""Embedded colour profiles: what they do is measured, never told from their names.

This module imports the standard library, numpy and Pillow only.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms

__all__ = ["Profile", "lab_transform", "read_profile"]

_UNUSABLE = "the embedded colour profile cannot be used and was ignored"
_AS_SRGB_LEVELS = 2
"""A profile that moves no colour by more is sRGB: its own rounding may do as much."""
_SPACES = {b"RGB ": "RGB", b"GRAY": "grey", b"CMYK": "CMYK"}
_TAG_TABLE = 128
_MAX_TAGS = 1000
_NAME_CHARS = 60

Curve = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Profile:
    """What to do with the colours of an image."""

    note: str | None = None
    """A clause of what is done; None where nothing is."""
    transform: Any = None
    """Of Pillow, from the image's 8-bit colours to sRGB; None where there is none to do."""
    curve: Curve | None = None
    """`[65536]`, sRGB's grey 0..1 for a grey of 16 bits; None where it is as it is."""


def read_profile(profile: bytes | None, space: str) -> Profile:
    """Decide what is done with the colours of an image.

    Args:
        profile: The ICC profile, empty for one that cannot be read, None for none.
        space: `"RGB"`, `"grey"` or `"CMYK"`, of the image. Grey is also taken through a profile
            for RGB, as equal parts.
    """
    if profile is None:
        return Profile()
    found = _SPACES.get(profile[16:20])
    if len(profile) <= _TAG_TABLE or profile[36:40] != b"acsp":
        return Profile(_UNUSABLE)
    if found != space and (found, space) != ("RGB", "grey"):
        other = f"for {found} images" if found else "of another kind"
        return Profile(f"the embedded colour profile is {other} and was ignored")
    return _grey(profile) if found == "grey" else _coloured(profile, found or space)


def lab_transform() -> Any:
    """A transform of Pillow from CIE L*a*b* to sRGB."""
    source, target = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    return ImageCms.buildTransform(source, target, "LAB", "RGB")


def _coloured(content: bytes, mode: str) -> Profile:
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(content))
        target = ImageCms.createProfile("sRGB")
        transform = ImageCms.buildTransform(source, target, mode, "RGB")
        if mode == "RGB" and _is_unchanged(transform):
            return Profile()
    except Exception:  # noqa: BLE001 - a hostile profile fails in many ways, and none spoils the image
        return Profile(_UNUSABLE)
    return Profile(_converted(source), transform=transform)


def _converted(source: ImageCms.ImageCmsProfile) -> str:
    try:
        text = " ".join(ImageCms.getProfileDescription(source).split())
    except Exception:  # noqa: BLE001 - a name that cannot be read is none
        text = ""
    name = "".join(letter for letter in text if letter.isprintable())[:_NAME_CHARS]
    return f"the colour profile {name!r} was converted to sRGB"


def _is_unchanged(transform: ImageCms.ImageCmsTransform) -> bool:
    """Whether it leaves colours all over the cube, and all greys, as they are."""
    steps = np.linspace(0, 255, 12).round().astype(np.uint8)
    cube = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, 3)
    greys = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
    before = np.concatenate([cube, greys])[None]
    after = np.asarray(ImageCms.applyTransform(Image.fromarray(before), transform), np.int16)
    return bool(np.abs(after - before).max() <= _AS_SRGB_LEVELS)


def _grey(content: bytes) -> Profile:
    """Through the curve itself: Pillow takes 8 bits, too few for the darks of 16."""
    levels = np.linspace(0, 1, 65536)
    try:
        with np.errstate(all="ignore"):
            light = np.clip(_light(content, levels), 0, 1)
    except (struct.error, ValueError, ArithmeticError):
        return Profile(_UNUSABLE)
    if not np.isfinite(light).all():
        return Profile(_UNUSABLE)
    curve = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    if np.abs(curve - levels).max() * 255 <= _AS_SRGB_LEVELS:
        return Profile()
    try:
        note = _converted(ImageCms.ImageCmsProfile(io.BytesIO(content)))
    except Exception:  # noqa: BLE001 - as above; the curve was read without Pillow
        return Profile(_UNUSABLE)
    return Profile(note, curve=curve)


def _light(content: bytes, levels: Curve) -> Curve:
    """Luminance 0..1 of grey levels 0..1, from the tag `kTRC`."""
    (count,) = struct.unpack_from(">I", content, _TAG_TABLE)
    for index in range(min(count, _MAX_TAGS)):
        name, start, size = struct.unpack_from(">4sII", content, _TAG_TABLE + 4 + 12 * index)
        if name == b"kTRC":
            value = _curve(content[start : start + size], levels)
            return _of_lightness(value) if content[20:24] == b"Lab " else value
    msg = "no kTRC"
    raise ValueError(msg)


def _of_lightness(lightness: Curve) -> Curve:
    """CIE luminance 0..1 of L* / 100."""
    root = (lightness * 100 + 16) / 116
    light: Curve = np.where(root > 6 / 29, root**3, 3 * (6 / 29) ** 2 * (root - 4 / 29))
    return light


def _curve(tag: bytes, x: Curve) -> Curve:
    """A curve of the ICC specification: a table, an exponent, or one of five formulas."""
    if tag[:4] == b"curv":
        (count,) = struct.unpack_from(">I", tag, 8)
        if not count:
            return x
        if count == 1:
            exponent: float = struct.unpack_from(">H", tag, 12)[0] / 256
            return np.power(x, exponent)
        table = np.frombuffer(tag, ">u2", count, 12) / 65535
        return np.interp(x, np.linspace(0, 1, count), table)
    if tag[:4] != b"para":
        msg = "no curve"
        raise ValueError(msg)
    (form,) = struct.unpack_from(">H", tag, 8)
    sizes = {0: 1, 1: 3, 2: 4, 3: 5, 4: 7}
    if form not in sizes:
        msg = f"formula {form}"
        raise ValueError(msg)
    given = [value / 65536 for value in struct.unpack_from(f">{sizes[form]}i", tag, 12)]
    g, a, b, c, d, e, f = given + [0.0] * (7 - len(given))
    if form == 0:
        a = 1.0
    elif form in (1, 2):  # as the others, with a start that follows from a and b
        c, d, e, f = 0.0, -b / a, c, c
    value: Curve = np.where(x >= d, np.maximum(a * x + b, 0) ** g + e, c * x + f)
    return value
