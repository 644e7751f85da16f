"""Layouts that took long to make, kept per user: a container of images, keyed by what made them.

Imports no torch.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from petsgan_sdk.container import Json, pack_array, read_container, unpack_array, write_container
from petsgan_sdk.errors import InputError, OutputError
from petsgan_sdk.files import NO_CACHE, user_cache
from petsgan_sdk.priors.layouts import U8Images

__all__ = ["LayoutCache"]

_FORMAT, _FORMAT_VERSION = "petsgan-layouts", 1
_MEMBER = "layouts.npy"

Note = Callable[[str], None]


class LayoutCache:
    """One place in the cache.

    Args:
        key: Everything that decides the layouts; finite JSON. Whatever differs in it is another
            place.
        note: Told when a file cannot be read or written; the layouts are then made again.
    """

    def __init__(self, key: Mapping[str, Json], note: Note) -> None:
        """Find the place; touches nothing."""
        text = json.dumps({"version": _FORMAT_VERSION, **key}, sort_keys=True, allow_nan=False)
        name = hashlib.sha256(text.encode()).hexdigest()
        folder = user_cache()
        self.path: Path | None = folder and folder / "layouts" / f"{name}.layouts"
        self._key = dict(key)
        self._note = note

    def read(self) -> tuple[U8Images, dict[str, Any]] | None:
        """Return the layouts `[K, S, S, 3]` and what was said of them, None if there are none."""
        # Not `Path.is_file`, which fails in a home that belongs to somebody else.
        if self.path is None or not os.path.isfile(self.path):  # noqa: PTH113
            return None
        try:
            found = read_container(
                self.path, format=_FORMAT, format_version=_FORMAT_VERSION, error=InputError
            )
            data = found.members.get(_MEMBER, b"")
            images = unpack_array(data, _MEMBER, error=InputError, dtype="uint8", ndim=4)
        except InputError as error:
            self._note(f"layout cache: made again, since {error}")
            return None
        return images, dict(found.header["said"])

    def write(self, images: U8Images, said: Mapping[str, Json]) -> None:
        """Keep layouts, and what is to be said of them; a failure is noted and not an error."""
        if self.path is None:
            self._note(f"layout cache: not kept, since there is {NO_CACHE}")
            return
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_container(
                self.path,
                format=_FORMAT,
                format_version=_FORMAT_VERSION,
                header={"key": self._key, "said": dict(said)},
                members={_MEMBER: pack_array(images)},
                overwrite=True,
            )
        except OutputError as error:
            self._note(f"layout cache: not kept, since {error}")
        except OSError as error:
            self._note(f"layout cache: not kept, since {str(self.path.parent)!r}: {error.strerror}")
