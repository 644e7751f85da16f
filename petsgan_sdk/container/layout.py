"""What the writer and the reader of a container agree on: names, sizes and digests.

Standard library only.
"""

from __future__ import annotations

import hashlib
import re

__all__ = ["MANIFEST", "MAX_MANIFEST_BYTES", "digest_comment", "name_problem", "sha256"]

MANIFEST = "manifest.json"
"""Name of the first member."""

MAX_MANIFEST_BYTES = 4 << 20
"""Of the first member."""

_NAME = re.compile(r"[A-Za-z0-9_.\-]+(/[A-Za-z0-9_.\-]+)*")
_MAX_NAME_CHARS = 128


def name_problem(name: str) -> str:
    """Say why a member name is refused, or return an empty string."""
    if name.startswith("/"):
        return "an absolute path"
    if "\\" in name:
        return "a path with a backslash"
    if name[1:2] == ":":
        return "a path with a drive letter"
    if ".." in name.split("/"):
        return "a path with '..'"
    if len(name) > _MAX_NAME_CHARS or not _NAME.fullmatch(name) or "." in name.split("/"):
        return f"not a name of plain ASCII characters and at most {_MAX_NAME_CHARS} of them"
    return ""


def digest_comment(manifest: bytes) -> bytes:
    """What is written behind the directory of the zip: the digest of the manifest."""
    return f"sha256:{sha256(manifest)}".encode()


def sha256(data: bytes) -> str:
    """The digest of bytes as hex."""
    return hashlib.sha256(data).hexdigest()
