"""The one file format of this SDK: a plain zip of bytes with a manifest that vouches for them.

Checkpoints and bundles are both containers. Reading one never runs code from it, never unpacks
anything, and accepts exactly the bytes that `write_container` writes: every byte of the file is
covered either by a digest or by the fixed layout. The digests catch damage; they are no signature,
so they do not say who wrote the file.

Imports the standard library, numpy and the base of the SDK only.
"""

from __future__ import annotations

from petsgan_sdk.container.layout import MANIFEST
from petsgan_sdk.container.npy import pack_array, unpack_array
from petsgan_sdk.container.read import Container, claimed_format, read_container
from petsgan_sdk.container.write import Json, write_container

__all__ = [
    "MANIFEST",
    "Container",
    "Json",
    "claimed_format",
    "pack_array",
    "read_container",
    "unpack_array",
    "write_container",
]
