"""An AVIF without its Exif, over which its decoder would refuse an image that is whole.

Which way up it is, an AVIF says outside its Exif. This module imports the standard library and
`petsgan_sdk.imaging.decoding.clean_file` only.
"""

from __future__ import annotations

import io
import re
from typing import IO

from petsgan_sdk.imaging.decoding.clean_file import CleanImage, Pieces

__all__ = ["clean_avif"]

_HEAD_BYTES = 1 << 20  # the list of items comes first
# The entry of an item: its version, flags, number and protection, and then what it is.
_ENTRY = re.compile(rb"(infe(?:\x02.{3}.{4}|\x03.{3}.{6}))Exif", re.DOTALL)


def clean_avif(file: IO[bytes]) -> CleanImage:
    """The same file, in which items that are Exif are said to be something unknown."""
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    head = _ENTRY.sub(rb"\1none", file.read(_HEAD_BYTES))
    pieces: list[tuple[int, int] | bytes] = [head, (len(head), size)]
    return CleanImage(io.BufferedReader(Pieces(file, pieces), 1 << 16))
