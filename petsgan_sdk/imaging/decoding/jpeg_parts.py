"""A JPEG without what applications added to it, of which what matters is taken.

Metadata can be broken in an image that is whole. Where a file ends early or is not as it should
be, it is passed on unchanged from there, so that the decoder judges it. This module imports the
standard library and `petsgan_sdk.imaging.decoding.clean_file` only.
"""

from __future__ import annotations

import io
from typing import IO

from petsgan_sdk.imaging.decoding.clean_file import CleanImage, Kept

__all__ = ["clean_jpeg"]

_MAX_SCANS = 500  # encoders make about ten
_START_OF_SCAN, _END_OF_IMAGE = b"\xff\xda", b"\xff\xd9"
_XMP_START = b"http://ns.adobe.com/xap/1.0/\0"
_JPEG_DROPPED = {*range(0xE1, 0xEE), 0xEF, 0xFE}  # all that applications add but JFIF and Adobe's
_JPEG_PLAIN = {0x01, *range(0xD0, 0xD9)}  # markers without a length


def clean_jpeg(file: IO[bytes]) -> CleanImage:
    """Take a JPEG apart: the main picture, without what applications added to it."""
    size = file.seek(0, io.SEEK_END)
    kept, found = Kept(), CleanImage(file)
    profile: list[bytes] = []
    kept.add(0, 2)
    at = 2
    while True:
        file.seek(at)
        header = file.read(4)
        marker = header[1] if len(header) == 4 and header[0] == 0xFF else 0
        if marker in _JPEG_PLAIN or header[:2] == b"\xff\xff":
            kept.add(at, at + (1 if marker == 0xFF else 2))
            at += 1 if marker == 0xFF else 2
            continue
        end = at + 2 + int.from_bytes(header[2:4], "big")
        if marker < 0xC0 or marker in (0xD9, 0xDA) or end < at + 4 or end > size:
            kept.add(at, size)
            _check_scans(file, at)
            break
        if marker in _JPEG_DROPPED:
            _take_jpeg_fact(found, profile, marker, file.read(end - at - 4))
        else:
            kept.add(at, end)
        at = end
    if profile:
        # Each part has its number, from 1, and how many there are.
        profile.sort(key=lambda part: part[12:13])
        is_whole = profile[0][13:14] == bytes([len(profile)])
        found.profile = b"".join(part[14:] for part in profile) if is_whole else b""
    found.stream = kept.stream(file)
    return found


def _check_scans(file: IO[bytes], at: int) -> None:
    """Refuse what would be gone over thousands of times: each scan passes over all pixels."""
    file.seek(at)
    scans, last, is_in_picture = 0, b"", True
    while is_in_picture and (part := file.read(1 << 20)):
        picture, end, _ = (last + part).partition(_END_OF_IMAGE)
        scans += picture.count(_START_OF_SCAN)
        last, is_in_picture = part[-1:], not end
    if scans > _MAX_SCANS:
        msg = f"over {_MAX_SCANS} scans"
        raise ValueError(msg)


def _take_jpeg_fact(found: CleanImage, profile: list[bytes], marker: int, body: bytes) -> None:
    if marker == 0xE1 and body.startswith(b"Exif\0\0"):
        found.exif = body if found.exif is None else found.exif + body[6:]
    elif marker == 0xE1 and body.startswith(_XMP_START):
        found.xmp = body[len(_XMP_START) :]
    elif marker == 0xE2 and body.startswith(b"ICC_PROFILE\0") and len(profile) < 255:
        profile.append(body)
