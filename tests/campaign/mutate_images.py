"""Changes of image files in the units that their formats have: chunks, segments and tags.

Checksums and lengths are right afterwards, so that what a decoder sees is the change itself.
"""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable

from campaign.mutate_bytes import INTEGERS, mutate_bytes

Unit = tuple[bytes, bytes]
"""What a part is called, and what it holds."""

_PNG = b"\x89PNG\r\n\x1a\n"
_BOMB = zlib.compress(bytes(64 << 20), 9)


def mutate_image(rng: random.Random, data: bytes, others: list[bytes]) -> bytes:
    """Return a changed file; of a format without units, with changed bytes."""
    if data[:4] in (b"II*\0", b"MM\0*"):
        return _mutate_tiff(rng, data)
    for signature, split, join, extras in _FORMATS:
        if data.startswith(signature):
            units = split(data)
            for _ in range(rng.choice((1, 1, 2, 4))):
                _change(rng, units, extras)
            return join(units)
    if data[:4] == b"GIF8":
        return data[:-1] + data[rng.randrange(13, len(data)) : -1] * rng.choice((1, 9, 3000)) + b";"
    return mutate_bytes(rng, data, others)


def _change(rng: random.Random, units: list[Unit], extras: tuple[Unit, ...]) -> None:
    kind = rng.random()
    at = rng.randrange(len(units)) if units else 0
    if not units or kind < 0.25:
        units.insert(at, rng.choice(extras))
    elif kind < 0.35:
        del units[at]
    elif kind < 0.45:
        units[at:at] = [units[at]] * rng.choice((1, 2, 500))
    elif kind < 0.55:
        other = rng.randrange(len(units))
        units[at], units[other] = units[other], units[at]
    elif kind < 0.75:
        name, body = units[at]
        units[at] = name, _with_integer(rng, body)
    else:
        name, body = units[at]
        units[at] = name, mutate_bytes(rng, body)


def _with_integer(rng: random.Random, body: bytes) -> bytes:
    size = rng.choice((1, 2, 4))
    at = rng.randrange(max(1, min(len(body), 24)))
    value = rng.choice(INTEGERS) % (1 << 8 * size)
    return body[:at] + value.to_bytes(size, rng.choice(("big", "little"))) + body[at + size :]


def _split_png(data: bytes) -> list[Unit]:
    units, at = [], len(_PNG)
    while at + 12 <= len(data):
        (size,) = struct.unpack_from(">I", data, at)
        units.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + size]))
        at += 12 + size
    return units


def _join_png(units: list[Unit]) -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )

    return _PNG + b"".join(chunk(*unit) for unit in units)


def _split_jpeg(data: bytes) -> list[Unit]:
    units, at = [], 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != 0xDA:
        (size,) = struct.unpack_from(">H", data, at + 2)
        units.append((data[at : at + 2], data[at + 4 : at + 2 + size]))
        at += 2 + size
    return [*units, (b"", data[at:])]


def _join_jpeg(units: list[Unit]) -> bytes:
    def segment(name: bytes, body: bytes) -> bytes:
        return name + struct.pack(">H", min(65535, len(body) + 2)) + body if name else body

    return b"\xff\xd8" + b"".join(segment(*unit) for unit in units)


def _split_webp(data: bytes) -> list[Unit]:
    units, at = [], 12
    while at + 8 <= len(data):
        (size,) = struct.unpack_from("<I", data, at + 4)
        units.append((data[at : at + 4], data[at + 8 : at + 8 + size]))
        at += 8 + size + size % 2
    return units


def _join_webp(units: list[Unit]) -> bytes:
    body = b"".join(
        name + struct.pack("<I", len(part)) + part + b"\0" * (len(part) % 2) for name, part in units
    )
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def _mutate_tiff(rng: random.Random, data: bytes) -> bytes:
    """Entries of the first folder of tags: another tag, type, count or value."""
    changed = bytearray(data)
    order = "<" if data[:2] == b"II" else ">"
    (at,) = struct.unpack_from(order + "I", data, 4)
    if at + 2 > len(data):
        return mutate_bytes(rng, data)
    (count,) = struct.unpack_from(order + "H", data, at)
    for _ in range(rng.choice((1, 1, 2, 4))):
        entry = at + 2 + 12 * rng.randrange(max(1, count))
        if entry + 12 > len(data):
            continue
        where, form = rng.choice(((0, "H"), (2, "H"), (4, "I"), (8, "I"), (8, "I"), (8, "H")))
        tags = (254, 256, 257, 258, 259, 262, 273, 274, 277, 278, 279, 284, 317, 322, 338, 339, 700)
        value = rng.choice(tags if where == 0 else (*INTEGERS, at, entry, 5, 6, 7, 32773, 50000))
        struct.pack_into(order + form, changed, entry + where, value % (1 << (16, 32)[form == "I"]))
    if rng.random() < 0.1:  # the next folder is this one, again and again
        end = at + 2 + 12 * count
        changed[end : end + 4] = struct.pack(order + "I", at)
    return bytes(changed)


_EXIF = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
_PNG_EXTRAS: tuple[Unit, ...] = (
    (b"zTXt", b"k\0\0" + _BOMB), (b"iCCP", b"k\0\0" + _BOMB), (b"iTXt", b"k\0\x01\0\0\0" + _BOMB),
    (b"tEXt", b"k" * 70_000), (b"eXIf", _EXIF[6:]), (b"eXIf", b"\xff" * 90), (b"gAMA", bytes(4)),
    (b"acTL", b"\x7f\xff\xff\xff" + bytes(4)), (b"tRNS", bytes(300)), (b"PLTE", bytes(768)),
    (b"pHYs", bytes(9)), (b"IDAT", b""), (b"IEND", b""),
    (b"IHDR", struct.pack(">IIBBBBB", 1 << 31, 1, 16, 6, 0, 0, 1)),
    (b"fcTL", bytes(26)), (b"abcd", bytes(65536)), (b"ABCD", b"x"),
)  # fmt: skip
_JPEG_EXTRAS: tuple[Unit, ...] = (
    (b"\xff\xe1", _EXIF), (b"\xff\xe1", b"Exif\0\0" + b"MM\0*" + b"\xff" * 60),
    (b"\xff\xe1", b"Exif\0\0"),
    (b"\xff\xe2", b"ICC_PROFILE\0\x01\x01" + bytes(200)),
    (b"\xff\xe2", b"ICC_PROFILE\0\x02\x09" + bytes(40)),
    (b"\xff\xe2", b"MPF\0II*\0\x08\0\0\0" + bytes(40)),
    (b"\xff\xed", b"Photoshop 3.0\x008BIM" + bytes(30)),
    (b"\xff\xee", b"Adobe\0\x64\0\0\0\0\x02"), (b"\xff\xfe", b"c" * 65533),
    (b"\xff\xdd", b"\0\x01"),
    (b"\xff\xc0", struct.pack(">BHHB", 8, 65535, 65535, 3) + b"\1\x22\0\2\x11\1\3\x11\1"),
    (b"\xff\xc2", struct.pack(">BHHB", 12, 65535, 65535, 1) + b"\1\x11\0"),
    (b"\xff\xc4", bytes(17)),
)  # fmt: skip
_WEBP_EXTRAS: tuple[Unit, ...] = (
    (b"EXIF", _EXIF[6:]), (b"EXIF", b"\xff" * 60), (b"ICCP", bytes(300)), (b"XMP ", b"<" * 5000),
    (b"ANIM", bytes(6)), (b"ANMF", bytes(24)), (b"ALPH", bytes(50)),
    (b"VP8X", b"\x3e\0\0\0" + b"\xff\xff\xff" * 2), (b"VP8L", b"\x2f\xff\xff\xff\xff" + bytes(40)),
)  # fmt: skip
_FORMATS: tuple[
    tuple[bytes, Callable[[bytes], list[Unit]], Callable[[list[Unit]], bytes], tuple[Unit, ...]],
    ...,
] = (
    (_PNG, _split_png, _join_png, _PNG_EXTRAS),
    (b"\xff\xd8", _split_jpeg, _join_jpeg, _JPEG_EXTRAS),
    (b"RIFF", _split_webp, _join_webp, _WEBP_EXTRAS),
)
