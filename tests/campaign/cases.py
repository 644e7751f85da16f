"""One input of a trial: a file, or the parts of a container that differ from the one it is made of.

Kept as JSON of a few KB when it fails, so that it can be committed and tried again.
"""

from __future__ import annotations

import base64
import ctypes
import json
import os
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from campaign.bases import Bases, sealed
from campaign.mutate_onnx import CANARY
from petsgan_sdk.container import MANIFEST

_MOST_KEPT_BYTES = 64_000


@dataclass(frozen=True)
class Case:
    """What a target tries."""

    file: str
    """Its name in the folder of the trial; the ending matters."""
    data: bytes = b""
    """What is in it, unless it is a container with a `base`."""
    base: str = ""
    """Name of the container that it was made of."""
    parts: dict[str, bytes] = field(default_factory=dict)
    """Members that differ from the base's, the manifest among them always."""

    def write(self, folder: Path, bases: Bases) -> Path:
        """Write the file, a container with valid digests."""
        path = folder / self.file
        path.write_bytes(self.contents(bases))
        return path

    def contents(self, bases: Bases) -> bytes:
        if not self.base:
            return self.data
        others = {name: raw for name, raw in self.parts.items() if name != MANIFEST}
        members = {**bases.containers[self.base].members, **others}
        return sealed(self.parts[MANIFEST], members)


def to_seed(case: Case, **facts: Any) -> dict[str, Any]:
    """As JSON; what is too large to be kept is left to be made again from its number."""
    packed = {name: _pack(raw) for name, raw in {"": case.data, **case.parts}.items() if raw}
    if sum(map(len, packed.values())) > _MOST_KEPT_BYTES:
        return {**facts, "file": case.file}
    return {**facts, "file": case.file, "base": case.base, "bytes": packed}


def from_seed(seed: dict[str, Any]) -> Case | None:
    """The case of a seed, or None where only its number was kept."""
    if "bytes" not in seed:
        return None
    parts = {name: zlib.decompress(base64.b85decode(text)) for name, text in seed["bytes"].items()}
    return Case(seed["file"], parts.pop("", b""), seed["base"], parts)


def read_seed(path: Path) -> dict[str, Any]:
    seed: dict[str, Any] = json.loads(path.read_text())
    return seed


def _pack(raw: bytes) -> str:
    return base64.b85encode(zlib.compress(raw, 9)).decode()


class Canary:
    """A file that no trial may open, in the folder that it runs in."""

    _IN_OPEN = 0x20

    def __init__(self, folder: Path) -> None:
        path = folder / CANARY
        path.write_bytes(bytes(range(256)) * 256)
        libc = ctypes.CDLL(None, use_errno=True)
        self._handle = libc.inotify_init1(os.O_NONBLOCK)
        if self._handle < 0 or libc.inotify_add_watch(self._handle, bytes(path), self._IN_OPEN) < 0:
            raise OSError(ctypes.get_errno(), "inotify is not there")

    def was_opened(self) -> bool:
        """Whether it was, since the last time that this was asked."""
        try:
            return bool(os.read(self._handle, 4096))
        except BlockingIOError:
            return False
