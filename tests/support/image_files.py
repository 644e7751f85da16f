"""Image files and colour profiles, made byte by byte: what no encoder here would write."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from PIL import Image

# Columns of primaries in XYZ under D50, as ICC profiles store them.
SRGB = ((0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141))
DISPLAY_P3 = ((0.5151, 0.2412, -0.0011), (0.2919, 0.6922, 0.0419), (0.1572, 0.0666, 0.7841))
ADOBE_RGB = ((0.6097, 0.3111, 0.0195), (0.2053, 0.6257, 0.0609), (0.1492, 0.0632, 0.7446))
PROPHOTO = ((0.7977, 0.2880, 0.0), (0.1352, 0.7119, 0.0), (0.0313, 0.0001, 0.8249))
D50 = (0.9642, 1.0, 0.8249)

_TYPES = {1: "B", 2: "B", 3: "H", 4: "I", 7: "B", 8: "h", 16: "Q"}


def _fixed(*values):
    return b"".join(struct.pack(">i", round(65536 * value)) for value in values)


def gamma_curve(gamma):
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(256 * gamma))


def linear_curve():
    return b"curv\0\0\0\0" + struct.pack(">I", 0)


def srgb_curve():
    """As five numbers."""
    return b"para\0\0\0\0\0\3\0\0" + _fixed(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


def table_curve(light):
    """Luminance by level, both 0..1."""
    levels = [round(65535 * light(k / 1023)) for k in range(1024)]
    return b"curv\0\0\0\0" + struct.pack(">I1024H", 1024, *levels)


def _icc(space, pcs, kind, tags):
    table, body = struct.pack(">I", len(tags)), b""
    start = 132 + 12 * len(tags)
    for name, content in tags.items():
        padded = content + bytes(-len(content) % 4)
        table += name + struct.pack(">II", start + len(body), len(content))
        body += padded
    head = struct.pack(">I4s4s4s4s4s", start + len(body), b"test", b"\2\x20\0\0", kind, space, pcs)
    head += struct.pack(">6H", 2024, 5, 6, 7, 8, 9) + b"acsp"
    return head.ljust(68, b"\0") + _fixed(*D50).ljust(60, b"\0") + table + body


def icc_profile(name, curve, primaries=None, *, pcs=b"XYZ "):
    """A profile for RGB of these primaries, or for grey without any."""
    text = name.encode("ascii") + b"\0"
    tags = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + bytes(78),
        b"cprt": b"text\0\0\0\0nobody\0",
        b"wtpt": b"XYZ \0\0\0\0" + _fixed(*D50),
    }
    if primaries is None:
        return _icc(b"GRAY", pcs, b"mntr", {**tags, b"kTRC": curve})
    for letter, column in zip("rgb", primaries, strict=True):
        tags[f"{letter}XYZ".encode()] = b"XYZ \0\0\0\0" + _fixed(*column)
        tags[f"{letter}TRC".encode()] = curve
    return _icc(b"RGB ", pcs, b"mntr", tags)


def black_only_cmyk_profile():
    """A profile for CMYK in which inks other than black leave the paper white."""
    ramp = bytes(range(256))
    corners = b"".join(
        bytes([0 if corner & 1 else 255, 128, 128]) for corner in range(16)
    )  # black varies fastest; L*, a*, b*
    matrix = _fixed(1, 0, 0, 0, 1, 0, 0, 0, 1)
    table = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + matrix + ramp * 4 + corners + ramp * 3
    text = b"Black ink only\0"
    tags = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + bytes(78),
        b"cprt": b"text\0\0\0\0nobody\0",
        b"wtpt": b"XYZ \0\0\0\0" + _fixed(*D50),
        b"A2B0": table,
    }
    return _icc(b"CMYK", b"Lab ", b"prtr", tags)


def png_chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_with(image, *chunks):
    """A PNG with further chunks, each `(kind, body)`, before its pixels."""
    file = io.BytesIO()
    image.save(file, "PNG")
    content = file.getvalue()
    return content[:33] + b"".join(png_chunk(*each) for each in chunks) + content[33:]


def png_of_16_bits(array, colour_type, *chunks):
    """A PNG of 16 bits in colour, which Pillow does not write."""
    height, width = array.shape[:2]
    raw = b"".join(b"\0" + row.astype(">u2").tobytes() for row in array)
    head = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    parts = [(b"IHDR", head), *chunks, (b"IDAT", zlib.compress(raw)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*part) for part in parts)


def jpeg_with(image, *segments, **options):
    """A JPEG with further segments, each `(marker, body)`, at its start."""
    file = io.BytesIO()
    image.save(file, "JPEG", **options)
    content = file.getvalue()
    added = b"".join(
        bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body for marker, body in segments
    )
    return content[:2] + added + content[2:]


def exif_block(*entries, order="<", count=None):
    """An Exif block of entries `(tag, type, number of values, field of four bytes)`."""
    mark = b"II*\0" if order == "<" else b"MM\0*"
    content = mark + struct.pack(order + "IH", 8, len(entries) if count is None else count)
    for tag, kind, values, field in entries:
        content += struct.pack(order + "HHI", tag, kind, values) + field
    return b"Exif\0\0" + content + struct.pack(order + "I", 8)  # the next directory is this one


def tiff_file(pages, *, order="<", is_big=False):
    """A TIFF of pages `(tags, blocks)`.

    Tags are `{tag: (type, values)}`, of which the places of the blocks are filled in: of strips, or
    of tiles where there is a tile width. Under tag 330 a page may have a list of pages instead.
    """
    place, field_bytes = ("Q", 8) if is_big else ("I", 4)
    content = bytearray((b"II" if order == "<" else b"MM") + struct.pack(order + "H", 42 + is_big))
    content += struct.pack(order + "HH", 8, 0) if is_big else b""
    next_at = len(content)
    content += bytes(field_bytes)

    def add(tags, blocks):
        starts = []
        for block in blocks:
            starts.append(len(content))
            content.extend(block + bytes(len(block) % 2))
        below = tags.get(330)
        if isinstance(below, list):
            tags = {**tags, 330: (4, [add(*page)[0] for page in below])}
        where = (324, 325) if 322 in tags else (273, 279)
        kind = 16 if is_big else 4
        tags = {where[0]: (kind, starts), where[1]: (4, [len(b) for b in blocks]), **tags}
        entries = b""
        for tag, (kind, values) in sorted(tags.items()):
            packed = struct.pack(f"{order}{len(values)}{_TYPES[kind]}", *values)
            field = packed.ljust(field_bytes, b"\0")
            if len(packed) > field_bytes:
                field = struct.pack(order + place, len(content))
                content.extend(packed + bytes(len(packed) % 2))
            entries += struct.pack(order + "HH" + place, tag, kind, len(values)) + field
        at = len(content)
        content.extend(struct.pack(order + ("Q" if is_big else "H"), len(tags)) + entries)
        content.extend(bytes(field_bytes))
        return at, len(content) - field_bytes

    for page in pages:
        at, after = add(*page)
        content[next_at : next_at + field_bytes] = struct.pack(order + place, at)
        next_at = after
    return bytes(content)


def tiff_tags(array, photometric, **further):
    """Tags for samples `[H, W, count]` in one strip; further ones as `t<number>=(type, values)`."""
    height, width, count = array.shape
    kind = {"u": 1, "i": 2, "f": 3}[array.dtype.kind]
    tags = {
        256: (4, [width]),
        257: (4, [height]),
        258: (3, [8 * array.dtype.itemsize] * count),
        259: (3, [1]),
        262: (3, [photometric]),
        277: (3, [count]),
        278: (4, [height]),
        339: (3, [kind] * count),
    }
    return tags | {int(name[1:]): value for name, value in further.items()}


def smooth_photo(width=64, height=48):
    """`[H, W, 3]` uint8 of colours of all kinds, without repeats."""
    y, x = np.mgrid[0:height, 0:width]
    planes = (255 * x // (width - 1), 255 * y // (height - 1), (x * 7 + y * 13) % 256)
    return np.stack(planes, axis=2).astype(np.uint8)


def as_image(array):
    return Image.fromarray(array)
