"""The directories of a TIFF: which page is the picture, what its tags say, and a plain copy of it.

Reads tags of both byte orders and of BigTIFF, within limits: pages and directories may be many or
lead in circles. Imports the standard library and `decoding.clean_file` only.
"""

from __future__ import annotations

import io
import struct
import sys
from array import array
from dataclasses import dataclass
from typing import IO

from petsgan_sdk.imaging.decoding.clean_file import CleanImage, Pieces

__all__ = ["Directory", "RawPhotoError", "clean_tiff", "tiff_bytes"]

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_SIZES |= {16: 8, 17: 8, 18: 8}
_INTEGERS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q", 18: "Q"}
_MAX_NUMBERS = 64
_MAX_ENTRIES = 100_000  # of all directories together
_MAX_PROFILE_BYTES = 32 << 20
_MAX_XMP_BYTES = 8 << 20
# What decoding needs: sizes, samples, where they are, and the tables of CCITT, JPEG and YCbCr.
_NEEDED = {*range(256, 260), 262, 266, 273, *range(277, 280), 284, 292, 293, 317, 320}
_NEEDED |= {*range(322, 326), 332, 338, 339, 347, *range(512, 522), *range(529, 533)}
_SUBFILE, _PHOTOMETRIC, _SUB_DIRECTORIES, _DNG_VERSION = 254, 262, 330, 50706
_ORIENTATION, _XMP, _PROFILE = 274, 700, 34675
_REDUCED, _REDUCED_OR_MASK = 0b001, 0b101
_RAW_PHOTOMETRICS = (32803, 34892)  # a colour filter array, and what becomes of one


class RawPhotoError(Exception):
    """The TIFF is a raw photo: what can be read of it is a thumbnail."""


@dataclass(frozen=True, slots=True)
class Directory:
    """The tags of one page."""

    file: IO[bytes]
    order: str
    """`"<"` or `">"`, as `struct` has it."""
    is_big: bool
    entries: dict[int, tuple[int, int, bytes]]
    """By tag: type, number of values, and the field with the values or their place."""
    next: int

    def raw(self, tag: int, limit: int | None = None) -> bytes:
        """The bytes of a value; empty without the tag, or where the file or limit is too small."""
        kind, count, field = self.entries.get(tag, (0, 0, b""))
        size = count * _SIZES.get(kind, 0)
        if size <= len(field):
            return field[:size]
        if limit is not None and size > limit:
            return b""
        (start,) = struct.unpack(self.order + ("Q" if self.is_big else "I"), field)
        if start + size > self.file.seek(0, io.SEEK_END):
            return b""
        self.file.seek(start)
        return self.file.read(size)

    def format(self, tag: int) -> str | None:
        """What the integers of a tag are to `struct`, without their number; None for others."""
        letter = _INTEGERS.get(self.entries.get(tag, (0,))[0])
        return None if letter is None else self.order + letter

    def numbers(self, tag: int) -> tuple[int, ...]:
        """The first integers of a tag; empty without it, or where it holds something else."""
        form = self.format(tag)
        if form is None:
            return ()
        content = self.raw(tag)[: _MAX_NUMBERS * struct.calcsize(form)]
        count = len(content) // struct.calcsize(form)
        return struct.unpack(f"{form[0]}{count}{form[1]}", content)

    def number(self, tag: int, default: int) -> int:
        """The first integer of a tag."""
        return next(iter(self.numbers(tag)), default)


def clean_tiff(file: IO[bytes], *, max_pages: int) -> tuple[CleanImage, Directory]:
    """Find the picture in a TIFF: its first page that is neither a thumbnail nor a mask.

    Args:
        file: The file.
        max_pages: Look at no more than these.

    Returns:
        The file as if it held that page alone, with the tags that decoding needs; and the page.

    Raises:
        RawPhotoError: It is a raw photo.
        ValueError: It has no page.
    """
    pages, subs = _pages(file, max_pages)
    if not pages:
        msg = "no page"
        raise ValueError(msg)
    is_raw = any(
        page.number(_PHOTOMETRIC, 0) in _RAW_PHOTOMETRICS or _DNG_VERSION in page.entries
        for page in (*pages, *subs)
    )
    if is_raw:
        raise RawPhotoError
    whole = [page for page in pages if not page.number(_SUBFILE, 0) & _REDUCED_OR_MASK]
    inner = [page for page in subs if not page.number(_SUBFILE, 0) & _REDUCED_OR_MASK]
    page = next(iter(whole or inner or pages))
    found = CleanImage(_alone(page), frames=max(1, len(whole)))
    if _PROFILE in page.entries:
        found.profile = page.raw(_PROFILE, _MAX_PROFILE_BYTES)
    found.xmp = page.raw(_XMP, _MAX_XMP_BYTES)
    found.facts["is_reduced"] = page.number(_SUBFILE, 0) & _REDUCED
    found.facts["orientation"] = page.number(_ORIENTATION, 0)
    return found, page


def _pages(file: IO[bytes], limit: int) -> tuple[list[Directory], list[Directory]]:
    """The pages, as far as the limit, and what is below the first of them."""
    file.seek(0)
    header = file.read(16)
    order, is_big = "<" if header[:2] == b"II" else ">", 43 in header[2:4]
    at: int = struct.unpack_from(order + ("Q" if is_big else "I"), header, 8 if is_big else 4)[0]
    pages: list[Directory] = []
    seen: set[int] = set()
    left = _MAX_ENTRIES
    while at and at not in seen and len(pages) < limit and left > 0:
        seen.add(at)
        page = _read(file, at, order, is_big=is_big)
        if page is None:
            break
        pages.append(page)
        left -= len(page.entries)
        at = page.next
    places = pages[0].numbers(_SUB_DIRECTORIES)[:16] if pages else ()
    subs = [_read(file, place, order, is_big=is_big) for place in places]
    return pages, [sub for sub in subs if sub is not None]


def _read(file: IO[bytes], at: int, order: str, *, is_big: bool) -> Directory | None:
    count_format, entry_format, place = ("Q", "HHQ8s", "Q") if is_big else ("H", "HHI4s", "I")
    count_bytes, entry_bytes = struct.calcsize(count_format), struct.calcsize(order + entry_format)
    if at + count_bytes > file.seek(0, io.SEEK_END):
        return None
    file.seek(at)
    (count,) = struct.unpack(order + count_format, file.read(count_bytes))
    content = file.read(min(count, 65535) * entry_bytes)
    whole = len(content) - len(content) % entry_bytes
    entries = {
        tag: (kind, values, field)
        for tag, kind, values, field in struct.iter_unpack(order + entry_format, content[:whole])
    }
    after = file.read(8 if is_big else 4)
    following = struct.unpack(order + place, after)[0] if len(after) == (8 if is_big else 4) else 0
    return Directory(file, order, is_big, entries, following)


def _alone(page: Directory) -> IO[bytes]:
    """The same file, its header pointing to a directory at the end that has what is needed."""
    size = page.file.seek(0, io.SEEK_END)
    entries = {
        tag: (kind, count, content)
        for tag, (kind, count, _) in page.entries.items()
        if tag in _NEEDED and (content := page.raw(tag))
    }
    is_big = page.is_big and size >= 1 << 31
    if page.is_big and not is_big:  # not every version of Pillow reads both byte orders of BigTIFF
        entries = {tag: _shorter(page.order, *entry) for tag, entry in entries.items()}
    start = size + size % 2
    head, directory = _encoded(entries, start, page.order, is_big=is_big)
    pieces: list[tuple[int, int] | bytes] = [head, (len(head), size), bytes(size % 2), directory]
    return io.BufferedReader(Pieces(page.file, pieces), 1 << 16)


def _shorter(order: str, kind: int, count: int, content: bytes) -> tuple[int, int, bytes]:
    """An entry without the types that only BigTIFF has; of one place for each strip or tile."""
    if kind not in (16, 18):
        return kind, count, content
    numbers = array("Q", content)
    if (order == "<") != (sys.byteorder == "little"):
        numbers.byteswap()
    short = array("I", (min(number, 2**32 - 1) for number in numbers))
    if (order == "<") != (sys.byteorder == "little"):
        short.byteswap()
    return 4, count, short.tobytes()


def tiff_bytes(tags: dict[int, int | tuple[int, ...]], data: list[bytes]) -> bytes:
    """A little-endian TIFF of one page whose strips are `data`; `tags` lacks where they are."""
    starts, at = [], 8
    for strip in data:
        starts.append(at)
        at += len(strip)
    at += at % 2
    tags = {**tags, 273: tuple(starts), 279: tuple(map(len, data))}
    entries = {}
    for tag, value in tags.items():
        values = value if isinstance(value, tuple) else (value,)
        entries[tag] = (4, len(values), struct.pack(f"<{len(values)}I", *values))
    head, directory = _encoded(entries, at, "<", is_big=False)
    body = head + b"".join(data)
    return body + bytes(len(body) % 2) + directory


def _encoded(
    entries: dict[int, tuple[int, int, bytes]], at: int, order: str, *, is_big: bool
) -> tuple[bytes, bytes]:
    """A header, and a directory that starts at `at` with its longer values behind it."""
    place, count_format, field_bytes = ("Q", "Q", 8) if is_big else ("I", "H", 4)
    mark = b"II" if order == "<" else b"MM"
    version = struct.pack(order + "HHH", 43, 8, 0) if is_big else struct.pack(order + "H", 42)
    head = mark + version + struct.pack(order + place, at)
    directory = struct.pack(order + count_format, len(entries))
    behind = at + len(directory) + len(entries) * (4 + 2 * field_bytes) + field_bytes
    values = b""
    for tag, (kind, count, content) in sorted(entries.items()):
        field = content.ljust(field_bytes, b"\0")
        if len(content) > field_bytes:
            field = struct.pack(order + place, behind + len(values))
            values += content + bytes(len(content) % 2)
        directory += struct.pack(order + "HH" + place, tag, kind, count) + field
    return head, directory + bytes(field_bytes) + values
