"""Write a container: the same arguments always give the same bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from petsgan_sdk.container import stored_zip, strict_json
from petsgan_sdk.container.layout import (
    MANIFEST,
    MAX_MANIFEST_BYTES,
    digest_comment,
    name_problem,
    sha256,
)
from petsgan_sdk.errors import ConfigError, OutputError
from petsgan_sdk.files import atomic_write

__all__ = ["Json", "write_container"]

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"

_RESERVED = ("format", "format_version", "members")


def write_container(
    path: Path,
    *,
    format: str,
    format_version: int,
    header: Mapping[str, Json],
    members: Mapping[str, bytes],
    overwrite: bool,
) -> int:
    """Write a container atomically; the same arguments always give the same bytes.

    Args:
        path: The file to write.
        format: What the file is, `"petsgan-<kind>"`.
        format_version: Version of the meaning of header and members.
        header: Further keys of the manifest; finite JSON, no reserved key.
        members: Contents by name; names are relative, with `/` and plain ASCII characters.
        overwrite: Whether an existing file may be replaced.

    Returns:
        The size of the file in bytes.

    Raises:
        ConfigError: A reserved key, or a header or member name that no reader would accept.
        OutputError: The file cannot be written, or would pass 4 GiB.
    """
    for key in _RESERVED:
        if key in header:
            msg = f"container: header key {key!r} is reserved, got it set by the caller"
            raise ConfigError(msg)
    for name in members:
        problem = "the manifest's own name" if name == MANIFEST else name_problem(name)
        if problem:
            msg = f"container: member {name!r} must be a plain relative name, got {problem}"
            raise ConfigError(msg)
    names = sorted(members)
    table = {name: {"bytes": len(members[name]), "sha256": sha256(members[name])} for name in names}
    manifest = _dump(
        {**header, "format": format, "format_version": format_version, "members": table}
    )
    ordered = [(MANIFEST, manifest), *((name, members[name]) for name in names)]
    chunks = list(stored_zip.pack(ordered, comment=digest_comment(manifest)))
    total = sum(map(len, chunks))
    if total > stored_zip.MAX_ARCHIVE_BYTES:
        msg = f"output: {str(path)!r} must stay below 4 GiB, got {total} bytes"
        raise OutputError(msg)
    atomic_write(path, chunks, overwrite=overwrite)
    return total


def _dump(content: Mapping[str, object]) -> bytes:
    """Write a manifest, which a reader is sure to take."""
    try:
        text = json.dumps(content, indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False)
        manifest = text.encode()
        strict_json.read_object(manifest)
    except (TypeError, ValueError, RecursionError) as exc:
        msg = f"container: the header must be plain JSON, but {exc}"
        raise ConfigError(msg) from exc
    if len(manifest) > MAX_MANIFEST_BYTES:
        msg = f"container: the header must fit into {MAX_MANIFEST_BYTES} bytes, got {len(manifest)}"
        raise ConfigError(msg)
    return manifest
