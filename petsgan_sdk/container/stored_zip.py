"""The one zip layout of this SDK, byte for byte: stored members, fixed times, no extra fields.

Our own layout rather than `zipfile`, for two reasons: the same members give the same bytes under
every Python version, and a reader can demand exactly these bytes, so that no field of the format
is left in which a change would go unseen. Any zip tool can open the result.

This module imports the standard library only.
"""

from __future__ import annotations

import os
import stat
import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

__all__ = [
    "MAX_ARCHIVE_BYTES",
    "Entry",
    "StoredZipError",
    "directory",
    "local_header",
    "pack",
    "read_entries",
]

MAX_ARCHIVE_BYTES = 0xFFFFFFFE
"""Largest archive without the 64-bit extension, which this layout does not use."""

_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_ZIP64_LOCATOR_BYTES = 20
_MAX_COMMENT_BYTES = 0xFFFF
_VERSION = 20
_UNIX_VERSION = 3 << 8 | _VERSION
_DOS_DATE = 1 << 5 | 1  # 1980-01-01, the earliest that the format can say
_ENCRYPTED = 0x1
_MODE = (stat.S_IFREG | 0o644) << 16


class StoredZipError(Exception):
    """The bytes are not a complete, plain zip; the message says what was found."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One member as the central directory of some zip describes it; nothing is verified."""

    name: str
    """Name as written, which may be hostile."""
    size_bytes: int
    """Size that the member claims to have once unpacked."""
    is_stored: bool
    """Neither compressed nor encrypted, and of equal packed and unpacked size."""
    is_regular: bool
    """Not a symbolic link, device or folder."""


def local_header(name: str, data: bytes) -> bytes:
    """Return the header that precedes `data` in the archive."""
    raw = name.encode("ascii")
    size, crc = len(data), zlib.crc32(data)
    fixed = _LOCAL.pack(b"PK\x03\x04", _VERSION, 0, 0, 0, _DOS_DATE, crc, size, size, len(raw), 0)
    return fixed + raw


def directory(members: Iterable[tuple[str, bytes]], *, comment: bytes) -> bytes:
    """Return everything that follows the last member: central directory and end record."""
    records: list[bytes] = []
    offset = 0
    for name, data in members:
        raw = name.encode("ascii")
        size, crc = len(data), zlib.crc32(data)
        head = (b"PK\x01\x02", _UNIX_VERSION, _VERSION, 0, 0, 0, _DOS_DATE, crc, size, size)
        records.append(_CENTRAL.pack(*head, len(raw), 0, 0, 0, 0, _MODE, offset) + raw)
        offset += _LOCAL.size + len(raw) + size
    central = b"".join(records)
    count = len(records)
    end = _END.pack(b"PK\x05\x06", 0, 0, count, count, len(central), offset, len(comment))
    return central + end + comment


def pack(members: Iterable[tuple[str, bytes]], *, comment: bytes) -> Iterator[bytes]:
    """Yield the archive in chunks; member data is passed on without a copy."""
    ordered = list(members)
    for name, data in ordered:
        yield local_header(name, data)
        yield data
    yield directory(ordered, comment=comment)


def read_entries(file: BinaryIO, *, max_entries: int, max_directory_bytes: int) -> list[Entry]:
    """Read the central directory of any zip, within bounds, and no member.

    Args:
        file: Open for reading; its position is moved.
        max_entries: Refuse more members than this before parsing any.
        max_directory_bytes: Refuse a larger directory before reading it.

    Returns:
        The members in directory order, as they describe themselves.

    Raises:
        StoredZipError: No end record, bytes missing or left over, or over a bound.
    """
    count, size, offset = _read_end(file)
    if count > max_entries:
        msg = f"{count} members, of which at most {max_entries} are allowed"
        raise StoredZipError(msg)
    if size > max_directory_bytes:
        msg = f"a directory of {size} bytes, of which at most {max_directory_bytes} are allowed"
        raise StoredZipError(msg)
    file.seek(offset)
    central = file.read(size)
    entries: list[Entry] = []
    position = 0
    while position + _CENTRAL.size <= len(central):
        entry, position = _parse_entry(central, position)
        entries.append(entry)
    if position != len(central) or len(entries) != count:
        msg = "a damaged zip directory"
        raise StoredZipError(msg)
    return entries


def _read_end(file: BinaryIO) -> tuple[int, int, int]:
    """Return member count, directory size and directory offset, all checked against the file."""
    total = file.seek(0, os.SEEK_END)
    start = max(0, total - _END.size - _MAX_COMMENT_BYTES - _ZIP64_LOCATOR_BYTES)
    file.seek(start)
    tail = file.read(total - start)
    found = tail.rfind(b"PK\x05\x06")
    if found < 0 or found + _END.size > len(tail):
        msg = "a zip without its end (cut short)"
        raise StoredZipError(msg)
    end = _END.unpack_from(tail, found)
    if tail[max(0, found - _ZIP64_LOCATOR_BYTES) : found].startswith(b"PK\x06\x07"):
        msg = "a 64-bit zip"
        raise StoredZipError(msg)
    _, disk, start_disk, count_here, count, size, offset, comment_bytes = end
    if found + _END.size + comment_bytes > len(tail):
        msg = "a zip without its end (cut short)"
        raise StoredZipError(msg)
    is_whole = found + _END.size + comment_bytes == len(tail) and offset + size == start + found
    if disk or start_disk or count_here != count or not is_whole:
        msg = "a damaged zip end record"
        raise StoredZipError(msg)
    return count, size, offset


def _parse_entry(central: bytes, position: int) -> tuple[Entry, int]:
    fields = _CENTRAL.unpack_from(central, position)
    flags, method, packed, size = fields[3], fields[4], fields[8], fields[9]
    name_bytes, extra_bytes, comment_bytes = fields[10:13]
    name_at = position + _CENTRAL.size
    stop = name_at + name_bytes + extra_bytes + comment_bytes
    if fields[0] != b"PK\x01\x02" or stop > len(central):
        msg = "a damaged zip directory"
        raise StoredZipError(msg)
    name = central[name_at : name_at + name_bytes].decode("utf-8", "replace")
    kind = stat.S_IFMT(fields[15] >> 16)
    entry = Entry(
        name=name,
        size_bytes=max(size, packed),
        is_stored=method == 0 and packed == size and not flags & _ENCRYPTED,
        is_regular=kind in (0, stat.S_IFREG),
    )
    return entry, stop
