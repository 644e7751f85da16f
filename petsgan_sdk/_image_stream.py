"""The parts of an image file that its pixels need, without the metadata around them.

Metadata can be large, compressed a thousandfold or broken in an image that is whole. What is needed
of it is taken here, within limits; the decoder is given the rest. Where a file ends early or is not
as it should be, it is passed on unchanged from there, so that the decoder judges it. This module
imports the standard library only.
"""

from __future__ import annotations

import io
import zlib
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import IO, Any

__all__ = ["CleanImage", "Pieces", "clean_jpeg", "clean_png"]

_MAX_PROFILE_BYTES = 32 << 20
_MAX_TEXT_BYTES = 8 << 20
_MAX_CHUNKS = 1_000_000
_PNG_FACTS = {b"IHDR", b"iCCP", b"eXIf", b"tEXt", b"zTXt", b"iTXt", b"gAMA", b"sRGB"}
_EXIF_KEYS = (b"Raw profile type exif", b"Raw profile type APP1")
_XMP_KEY = b"XML:com.adobe.xmp"
_XMP_START = b"http://ns.adobe.com/xap/1.0/\0"
_JPEG_DROPPED = {*range(0xE1, 0xEE), 0xEF, 0xFE}  # all that applications add but JFIF and Adobe's
_JPEG_PLAIN = {0x01, *range(0xD0, 0xD9)}  # markers without a length


@dataclass(slots=True)
class CleanImage:
    """What a decoder is given, and what was in the metadata."""

    stream: IO[bytes]
    profile: bytes | None = None
    """Colour profile; empty where there is one that cannot be read."""
    exif: bytes | None = None
    xmp: bytes | None = None
    frames: int = 1
    facts: dict[str, Any] = field(default_factory=dict)
    """Of a PNG `depth`, `colour_type`, `gamma`, `srgb`; of a TIFF `orientation`, `is_reduced`."""


class Pieces(io.RawIOBase):
    """A file of pieces: ranges of another one, and bytes."""

    def __init__(self, file: IO[bytes], pieces: list[tuple[int, int] | bytes]) -> None:
        """Take `pieces` in order, each a range `(start, end)` of `file` or bytes."""
        self._file = file
        self._pieces = [piece for piece in pieces if len(piece) > 0]
        self._starts = [0]
        for piece in self._pieces:
            length = len(piece) if isinstance(piece, bytes) else piece[1] - piece[0]
            self._starts.append(self._starts[-1] + length)
        self._at = 0

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def tell(self) -> int:
        """The position."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move as `io.IOBase.seek`."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._starts[-1]}[whence]
        if base + offset < 0:
            msg = f"seek: position must not be negative, got {base + offset}"
            raise ValueError(msg)
        self._at = base + offset
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Read from one piece, as much as it has and the buffer takes."""
        if self._at >= self._starts[-1]:
            return 0
        index = bisect_right(self._starts, self._at) - 1
        piece, skipped = self._pieces[index], self._at - self._starts[index]
        size = min(len(buffer), self._starts[index + 1] - self._at)
        if isinstance(piece, bytes):
            content = piece[skipped : skipped + size]
        else:
            self._file.seek(piece[0] + skipped)
            content = self._file.read(size)
        buffer[: len(content)] = content
        self._at += len(content)
        return len(content)


class _Kept:
    """Ranges to keep; those that touch become one."""

    def __init__(self) -> None:
        self.ranges: list[tuple[int, int] | bytes] = []

    def add(self, start: int, end: int) -> None:
        last = self.ranges[-1] if self.ranges else None
        if isinstance(last, tuple) and last[1] == start:
            self.ranges[-1] = (last[0], end)
        elif end > start:
            self.ranges.append((start, end))

    def stream(self, file: IO[bytes]) -> IO[bytes]:
        return io.BufferedReader(Pieces(file, self.ranges), 1 << 16)


def clean_png(file: IO[bytes]) -> CleanImage:
    """Take a PNG apart: the default image alone, with its palette and transparency.

    Raises:
        ValueError: It has over a million chunks.
    """
    size = file.seek(0, io.SEEK_END)
    kept, found = _Kept(), CleanImage(file)
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


def clean_jpeg(file: IO[bytes]) -> CleanImage:
    """Take a JPEG apart: the main picture, without what applications added to it."""
    size = file.seek(0, io.SEEK_END)
    kept, found = _Kept(), CleanImage(file)
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


def _take_jpeg_fact(found: CleanImage, profile: list[bytes], marker: int, body: bytes) -> None:
    if marker == 0xE1 and body.startswith(b"Exif\0\0"):
        found.exif = body if found.exif is None else found.exif + body[6:]
    elif marker == 0xE1 and body.startswith(_XMP_START):
        found.xmp = body[len(_XMP_START) :]
    elif marker == 0xE2 and body.startswith(b"ICC_PROFILE\0") and len(profile) < 255:
        profile.append(body)
