"""A per-user folder of engines, each beside a readable description of what it was built for.

Engines are compiled code, so the folder must belong to the user alone. A description is written
after its engine and removed before it: an engine without one is rubbish of an interrupted write.
An engine has its digest in its name, so that replacing one is replacing its description, and who
reads at that moment gets the old pair or the new one. Imports the standard library only.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from petsgan_sdk.errors import ConfigError, EngineError, OutputError
from petsgan_sdk.files import NO_CACHE, atomic_write, check_writable, shown_cache, user_cache
from petsgan_sdk.files.regular import open_regular, read_small
from petsgan_sdk.runtime.tensorrt.key import EngineKey

__all__ = ["DEFAULT_LIMIT_BYTES", "EngineCache", "Entry", "cache_folder"]

DEFAULT_LIMIT_BYTES = 4 << 30
"""Engines beyond this are removed, those that were not used for longest first."""

_FORMAT, _FORMAT_VERSION = "petsgan-engine", 2
_MAX_DESCRIPTION_BYTES = 16 << 20
_RUBBISH_AFTER_S = 3600.0
"""Age from which an engine without a description is not one that is being written."""


def cache_folder() -> Path | None:
    """Where engines are kept; None where there is no place, see `files.user_cache`."""
    folder = user_cache()
    return folder and folder / "engines"


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

    @property
    def description(self) -> Path:
        """The file that names the engine."""
        return self.plan.with_name(f"{self.key.digest}.json")

    def read(self) -> bytes:
        """Read the engine, or the one that has replaced it, and mark it as used.

        Raises:
            EngineError: It is gone, or the file is not the one that was written.
        """
        try:
            with open_regular(self.plan) as file:
                plan = file.read()
        except OSError as exc:
            newer = _read_entry(self.description)
            if newer is not None and newer.plan != self.plan:
                return newer.read()
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
        self.folder: Path | None = cache_folder() if folder is None else folder
        self.limit_bytes = _limit_from_environment() if limit_bytes is None else limit_bytes

    @property
    def place(self) -> str:
        """The folder as a message shows it."""
        return shown_cache("engines") if self.folder is None else str(self.folder)

    def prepare(self) -> Path:
        """Make the folder and prove that it can be written, before engines are built for it.

        Raises:
            OutputError: It cannot be made or written, or there is no place for it.
            EngineError: Somebody else may write to the folder.
        """
        if self.folder is None:
            msg = f"cache: there is {NO_CACHE}"
            raise OutputError(msg)
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _check_owner(self.folder)
            check_writable(self.folder / "probe", overwrite=True)
        except (OSError, OutputError) as exc:
            cause = exc.__cause__ if isinstance(exc, OutputError) else exc
            reason = getattr(cause, "strerror", None) or str(exc)
            msg = (
                f"cache: folder {str(self.folder)!r} must be writable, got {reason.lower()!r}; "
                "hint: set PETSGAN_CACHE to another folder"
            )
            raise OutputError(msg) from cause
        return self.folder

    def entries(self) -> list[Entry]:
        """Every engine, the last used first. Descriptions that cannot be read are left out.

        Raises:
            EngineError: Somebody else may write to the folder.
        """
        if (folder := self._existing()) is None:
            return []
        found = (_read_entry(path) for path in folder.glob("*.json"))
        return sorted((e for e in found if e is not None), key=lambda e: e.used_at, reverse=True)

    def get(self, key: EngineKey) -> Entry | None:
        """The engine that was built for exactly this key."""
        if (folder := self._existing()) is None:
            return None
        entry = _read_entry(folder / f"{key.digest}.json")
        return entry if entry is not None and entry.key == key else None

    def put(self, key: EngineKey, plan: bytes, report: Mapping[str, Any]) -> Entry:
        """Write an engine, then remove others while all are larger than the limit.

        Raises:
            OutputError: The folder cannot be written.
            EngineError: Somebody else may write to the folder.
        """
        folder = self.prepare()
        digest = hashlib.sha256(plan).hexdigest()
        path = folder / _plan_name(key.digest, digest)
        described = folder / f"{key.digest}.json"
        replaced = _read_entry(described)
        description = {
            "format": _FORMAT,
            "format_version": _FORMAT_VERSION,
            "key": key.to_json(),
            "bytes": len(plan),
            "sha256": digest,
            "built_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "report": dict(report),
        }
        atomic_write(path, plan, overwrite=True)
        text = json.dumps(description, indent=2, sort_keys=True) + "\n"
        atomic_write(described, text.encode(), overwrite=True)
        if replaced is not None and replaced.plan != path:
            with suppress(OSError):  # then it is rubbish, and goes in an hour
                replaced.plan.unlink()
        entry = _read_entry(described)
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
            _remove(entry.description, entry.plan)
        if (folder := self._existing()) is not None:
            _remove(*folder.glob("*.plan"), *folder.glob("*.json"))
        return len(entries), sum(entry.size_bytes for entry in entries)

    def _existing(self) -> Path | None:
        """The folder, if it is there and nobody else may write to it."""
        # Not `Path.is_dir`, which fails in a home that belongs to somebody else.
        if self.folder is None or not os.path.isdir(self.folder):  # noqa: PTH112
            return None
        _check_owner(self.folder)
        return self.folder

    def _shrink(self, *, keep: Entry) -> None:
        total = keep.size_bytes
        entries = self.entries()
        _remove_rubbish(keep.plan.parent, {entry.plan for entry in entries})
        for entry in entries:
            if entry.plan == keep.plan:
                continue
            total += entry.size_bytes
            if total > self.limit_bytes:
                _remove(entry.description, entry.plan)
                total -= entry.size_bytes


def _remove_rubbish(folder: Path, described: set[Path]) -> None:
    for plan in set(folder.glob("*.plan")) - described:
        with suppress(OSError):
            if time.time() - plan.stat().st_mtime > _RUBBISH_AFTER_S:
                plan.unlink()


def _plan_name(key_digest: str, sha256: str) -> str:
    return f"{key_digest}-{sha256[:16]}.plan"


def _remove(*paths: Path) -> None:
    for path in paths:
        try:
            path.unlink(missing_ok=True)
        except OSError as exc:
            msg = f"cache: {str(path)!r} cannot be removed: {exc.strerror or exc}"
            raise OutputError(msg) from exc


def _read_entry(description: Path) -> Entry | None:
    """The engine that a description names; None where either is missing or cannot be used."""
    seen = ""
    while (text := _text(description)) != seen:
        try:
            return _parse_entry(description, text)
        except FileNotFoundError:
            seen = text  # the engine is gone: perhaps both were replaced just now
        except (OSError, ValueError, KeyError, TypeError, EngineError):
            return None
    return None


def _text(description: Path) -> str:
    try:
        return read_small(description, max_bytes=_MAX_DESCRIPTION_BYTES).decode()
    except (OSError, ValueError):
        return ""


def _parse_entry(description: Path, text: str) -> Entry | None:
    data = json.loads(text)
    if (data["format"], data["format_version"]) != (_FORMAT, _FORMAT_VERSION):
        return None
    key, sha256 = EngineKey.from_json(data["key"]), data["sha256"]
    if re.fullmatch("[0-9a-f]{64}", sha256) is None:
        return None
    plan = description.with_name(_plan_name(description.stem, sha256))
    used_at = plan.stat().st_mtime
    return Entry(key, plan, int(data["bytes"]), sha256, data["report"], used_at)


def _check_owner(folder: Path) -> None:
    """An engine that somebody else wrote would run with this user's rights."""
    found = folder.stat()
    if found.st_uid != os.getuid() or found.st_mode & 0o022:
        msg = (
            f"cache: folder {str(folder)!r} must belong to this user and be writable by nobody "
            f"else, got owner {found.st_uid} and mode {found.st_mode & 0o777:03o}; "
            f"hint: chmod 700, or set PETSGAN_CACHE"
        )
        raise EngineError(msg)
