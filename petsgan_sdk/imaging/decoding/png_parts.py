"""A PNG without its metadata, of which what matters is taken within limits.

Metadata can be large, compressed a thousandfold or broken in an image that is whole. Where a file
ends early or is not as it should be, it is passed on unchanged from there, so that the decoder
judges it. Imports the standard library and `decoding.clean_file` only.
"""

from __future__ import annotations

import io
import zlib
from typing import IO

from petsgan_sdk.imaging.decoding.clean_file import CleanImage, Kept

__all__ = ["clean_png"]

_MAX_PROFILE_BYTES = 32 << 20
_MAX_TEXT_BYTES = 8 << 20
_MAX_CHUNKS = 1_000_000
_PNG_FACTS = {b"IHDR", b"iCCP", b"eXIf", b"tEXt", b"zTXt", b"iTXt", b"gAMA", b"sRGB"}
_EXIF_KEYS = (b"Raw profile type exif", b"Raw profile type APP1")
_XMP_KEY = b"XML:com.adobe.xmp"


def clean_png(file: IO[bytes]) -> CleanImage:
    """Take a PNG apart: the default image alone, with its palette and transparency.

    Raises:
        ValueError: It has over a million chunks.
    """
    size = file.seek(0, io.SEEK_END)
    kept, found = Kept(), CleanImage(file)
    at, controls, is_animation, has_image, is_first_frame = 8, 0, False, False, False
    kept.add(0, 8)
    for _ in range(_MAX_CHUNKS):
        file.seek(at)
        header = file.read(8)
        length, kind = int.from_bytes(header[:4], "big"), header[4:]
        end = at + 12 + length
        if len(header) < 8 or not kind.isalpha() or end > size:
            kept.add(at, size)
            break
        if kind[0] < 97 or kind == b"tRNS":  # an uppercase first letter: needed for the pixels
            kept.add(at, end)
        if kind == b"fcTL":
            controls += 1
            is_first_frame |= not has_image
        is_animation |= kind == b"acTL"
        has_image |= kind == b"IDAT"
        if kind in _PNG_FACTS and length <= _MAX_PROFILE_BYTES:
            _take_png_fact(found, kind, file.read(length))
        at = end
        if kind == b"IEND":
            break
    else:
        msg = f"over {_MAX_CHUNKS} chunks"
        raise ValueError(msg)
    if is_animation and controls:
        found.frames = controls + (not is_first_frame)
    found.stream = kept.stream(file)
    return found


def _take_png_fact(found: CleanImage, kind: bytes, body: bytes) -> None:
    if kind == b"IHDR" and len(body) >= 10:
        found.facts.update(depth=body[8], colour_type=body[9])
    elif kind == b"gAMA" and len(body) >= 4:
        found.facts["gamma"] = int.from_bytes(body[:4], "big") / 100_000
    elif kind == b"sRGB":
        found.facts["srgb"] = True
    elif kind == b"iCCP" and found.profile is None:
        found.profile = _inflated(body.partition(b"\0")[2][1:], _MAX_PROFILE_BYTES, part=False)
    elif kind == b"eXIf":
        found.exif = body
    elif kind in (b"tEXt", b"zTXt", b"iTXt"):
        _take_png_text(found, kind, body)


def _take_png_text(found: CleanImage, kind: bytes, body: bytes) -> None:
    key, _, text = body.partition(b"\0")
    if key not in (*_EXIF_KEYS, _XMP_KEY):
        return
    is_packed = kind == b"zTXt" or (kind == b"iTXt" and text[:1] == b"\1")
    if kind == b"iTXt":
        text = text[2:].partition(b"\0")[2].partition(b"\0")[2]
    elif kind == b"zTXt":
        text = text[1:]
    text = _inflated(text, _MAX_TEXT_BYTES, part=True) if is_packed else text[:_MAX_TEXT_BYTES]
    if key == _XMP_KEY:
        found.xmp = text
    elif found.exif is None:
        # A line with the name, one with the length, then hexadecimal.
        digits = b"".join(text.split(b"\n")[3:])
        try:
            found.exif = bytes.fromhex(digits.decode("ascii"))
        except ValueError:
            found.exif = None


def _inflated(packed: bytes, limit: int, *, part: bool) -> bytes:
    """What is packed, if it is whole and no longer than the limit; else its start, or nothing."""
    inflater = zlib.decompressobj()
    try:
        content = inflater.decompress(packed, limit)
    except zlib.error:
        return b""
    return content if part or inflater.eof else b""
