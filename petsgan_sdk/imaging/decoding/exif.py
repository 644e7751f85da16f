"""Which way up an image is, from its Exif or XMP, whatever else may be odd in them.

This module imports the standard library only.
"""

from __future__ import annotations

import re
import struct

__all__ = ["orientation"]

_TAG = 0x0112
_FORMATS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i"}  # the integers among TIFF's types
_ENTRY_BYTES = 12
_IN_XMP = re.compile(rb'tiff:Orientation(?:="|>)([0-9])')


def orientation(exif: bytes | None, xmp: bytes | None = None) -> int:
    """The orientation of an image, 1 to 8; 1 (upright) where none is said.

    Nothing else is read: the rest of Exif may be broken, cyclic or of any length.

    Args:
        exif: An Exif block, with or without its `Exif` prefix.
        xmp: An XMP packet, which is asked where the Exif has no such tag.
    """
    found = _in_exif(exif or b"")
    if found is None and xmp:
        match = _IN_XMP.search(xmp)
        found = int(match[1]) if match else None
    return found if found is not None and 1 <= found <= 8 else 1


def _in_exif(exif: bytes) -> int | None:
    while exif.startswith(b"Exif\0\0"):
        exif = exif[6:]
    if len(exif) < 8 or exif[:2] not in (b"II", b"MM"):
        return None
    order = "<" if exif[:2] == b"II" else ">"
    (start,) = struct.unpack_from(order + "I", exif, 4)
    if start + 2 > len(exif):
        return None
    (count,) = struct.unpack_from(order + "H", exif, start)
    found = None
    for at in range(start + 2, start + 2 + count * _ENTRY_BYTES, _ENTRY_BYTES):
        if at + _ENTRY_BYTES > len(exif):
            break
        tag, kind, values = struct.unpack_from(order + "HHI", exif, at)
        if tag == _TAG and kind in _FORMATS and values == 1:
            found = int(struct.unpack_from(order + _FORMATS[kind], exif, at + 8)[0])
    return found
