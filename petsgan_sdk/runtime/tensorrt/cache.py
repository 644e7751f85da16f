"""A per-user folder of engines, each beside a readable description of what it was built for.

Engines are compiled code, so the folder must belong to the user alone. A description is written
after its engine and removed before it: an engine without one is rubbish of an interrupted write.
Imports the standard library only.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from petsgan_sdk.errors import ConfigError, EngineError, OutputError
from petsgan_sdk.files import atomic_write
from petsgan_sdk.runtime.tensorrt.key import EngineKey

__all__ = ["DEFAULT_LIMIT_BYTES", "EngineCache", "Entry", "cache_folder"]

DEFAULT_LIMIT_BYTES = 4 << 30
"""Engines beyond this are removed, those that were not used for longest first."""

_FORMAT, _FORMAT_VERSION = "petsgan-engine", 1


def cache_folder() -> Path:
    """Where engines are kept: `PETSGAN_CACHE`, or the platform's folder for caches."""
    named = os.environ.get("PETSGAN_CACHE", "").strip()
    if named:
        return Path(named) / "engines"
    if sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    elif sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "petsgan-sdk" / "engines"


def _limit_from_environment() -> int:
    text = os.environ.get("PETSGAN_CACHE_LIMIT_MB", "").strip()
    if not text:
        return DEFAULT_LIMIT_BYTES
    if not text.isdecimal():
        msg = f"PETSGAN_CACHE_LIMIT_MB must be a whole number of MB, got {text!r}"
        raise ConfigError(msg)
    return int(text) * 10**6


@dataclass(frozen=True, slots=True)
class Entry:
    """One engine in the cache."""

    key: EngineKey
    """What it was built for."""
    plan: Path
    """The engine."""
    size_bytes: int
    """Size of the engine."""
    sha256: str
    """Of the engine, hex."""
    report: dict[str, Any]
    """What the build said: `outputs`, `layers`, `seconds`."""
    used_at: float
    """When it was built or last read, seconds since 1970."""

    def read(self) -> bytes:
        """Read the engine, and mark it as used.

        Raises:
            EngineError: The file is not the one that was written.
        """
        try:
            plan = self.plan.read_bytes()
        except OSError as exc:
            msg = f"engine {str(self.plan)!r} cannot be read: {exc.strerror or exc}"
            raise EngineError(msg) from exc
        if hashlib.sha256(plan).hexdigest() != self.sha256:
            msg = f"engine {str(self.plan)!r} is damaged; hint: petsgan-sdk cache clear"
            raise EngineError(msg)
        with suppress(OSError):
            os.utime(self.plan)
        return plan


class EngineCache:
    """The engines of this user.

    Args:
        folder: Where they lie. Default: `cache_folder()`.
        limit_bytes: Largest total size. Default: `PETSGAN_CACHE_LIMIT_MB`, else 4 GiB.
    """

    def __init__(self, folder: Path | None = None, *, limit_bytes: int | None = None) -> None:
        """Keep both; touches nothing."""
        self.folder = cache_folder() if folder is None else folder
        self.limit_bytes = _limit_from_environment() if limit_bytes is None else limit_bytes

    def entries(self) -> list[Entry]:
        """Every engine, the last used first. Descriptions that cannot be read are left out.

        Raises:
            EngineError: Somebody else may write to the folder.
        """
        if not self.folder.is_dir():
            return []
        _check_owner(self.folder)
        found = (_read_entry(path) for path in self.folder.glob("*.json"))
        return sorted((e for e in found if e is not None), key=lambda e: e.used_at, reverse=True)

    def get(self, key: EngineKey) -> Entry | None:
        """The engine that was built for exactly this key."""
        if not self.folder.is_dir():
            return None
        _check_owner(self.folder)
        entry = _read_entry(self.folder / f"{key.digest}.json")
        return entry if entry is not None and entry.key == key else None

    def put(self, key: EngineKey, plan: bytes, report: Mapping[str, Any]) -> Entry:
        """Write an engine, then remove others while all are larger than the limit.

        Raises:
            OutputError: The folder cannot be written.
            EngineError: Somebody else may write to the folder.
        """
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as exc:
            msg = f"cache: folder {str(self.folder)!r} cannot be made: {exc.strerror or exc}"
            raise OutputError(msg) from exc
        _check_owner(self.folder)
        path = self.folder / f"{key.digest}.plan"
        description = {
            "format": _FORMAT,
            "format_version": _FORMAT_VERSION,
            "key": key.to_json(),
            "bytes": len(plan),
            "sha256": hashlib.sha256(plan).hexdigest(),
            "built_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "report": dict(report),
        }
        atomic_write(path, plan, overwrite=True)
        text = json.dumps(description, indent=2, sort_keys=True) + "\n"
        atomic_write(path.with_suffix(".json"), text.encode(), overwrite=True)
        entry = _read_entry(path.with_suffix(".json"))
        if entry is None:
            msg = f"engine {str(path)!r} was written but cannot be read back"
            raise EngineError(msg)
        self._shrink(keep=entry)
        return entry

    def clear(self) -> tuple[int, int]:
        """Remove every engine; returns how many and their bytes.

        Raises:
            EngineError: Somebody else may write to the folder.
            OutputError: A file cannot be removed.
        """
        entries = self.entries()
        for entry in entries:
            _remove(entry)
        if self.folder.is_dir():
            for path in (*self.folder.glob("*.plan"), *self.folder.glob("*.json")):
                path.unlink(missing_ok=True)
        return len(entries), sum(entry.size_bytes for entry in entries)

    def _shrink(self, *, keep: Entry) -> None:
        total = keep.size_bytes
        for entry in self.entries():
            if entry.plan == keep.plan:
                continue
            total += entry.size_bytes
            if total > self.limit_bytes:
                _remove(entry)
                total -= entry.size_bytes


def _remove(entry: Entry) -> None:
    try:
        entry.plan.with_suffix(".json").unlink(missing_ok=True)
        entry.plan.unlink(missing_ok=True)
    except OSError as exc:
        msg = f"cache: {str(entry.plan)!r} cannot be removed: {exc.strerror or exc}"
        raise OutputError(msg) from exc


def _read_entry(description: Path) -> Entry | None:
    plan = description.with_suffix(".plan")
    try:
        data = json.loads(description.read_text(encoding="utf-8"))
        used_at = plan.stat().st_mtime
        if (data["format"], data["format_version"]) != (_FORMAT, _FORMAT_VERSION):
            return None
        key = EngineKey.from_json(data["key"])
        return Entry(key, plan, int(data["bytes"]), data["sha256"], data["report"], used_at)
    except (OSError, ValueError, KeyError, TypeError, EngineError):
        return None


def _check_owner(folder: Path) -> None:
    """An engine that somebody else wrote would run with this user's rights."""
    if not hasattr(os, "getuid"):
        return
    found = folder.stat()
    if found.st_uid != os.getuid() or found.st_mode & 0o022:
        msg = (
            f"cache: folder {str(folder)!r} must belong to this user and be writable by nobody "
            f"else, got owner {found.st_uid} and mode {found.st_mode & 0o777:03o}; "
            f"hint: chmod 700, or set PETSGAN_CACHE"
        )
        raise EngineError(msg)
