"""Write files whole or not at all, and never over something the user did not offer.

This module imports the standard library and `petsgan_sdk.errors` only.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from petsgan_sdk.errors import OutputError

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None  # type: ignore[assignment]

__all__ = [
    "atomic_write",
    "check_distinct",
    "check_writable",
    "is_disk_full",
    "remove_abandoned",
    "user_cache",
]

_PROBE_BYTES = 4096
_PREFIX, _SUFFIX = ".petsgan-", ".tmp"
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


def user_cache() -> Path:
    """This user's folder for what can be made again: `PETSGAN_CACHE`, or the platform's."""
    named = os.environ.get("PETSGAN_CACHE", "").strip()
    if named:
        return Path(named)
    if sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    elif sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "petsgan-sdk"


def atomic_write(
    path: Path, data: bytes | Iterable[bytes | memoryview], *, overwrite: bool
) -> None:
    """Write `data` to `path` so that a reader sees the old file or the whole new one.

    The bytes go to a temporary file in the same folder, are synced to the disk, and the file is
    renamed. Whatever fails, interrupts included, the temporary file is removed and an older
    `path` is untouched.

    Args:
        path: The file to write. A link is replaced, not followed.
        data: The contents, or chunks of them; an error raised by the iterator passes through.
        overwrite: Whether an existing file may be replaced.

    Raises:
        OutputError: `path` exists and `overwrite` is false, is not a file, or its folder is
            missing, read-only or full.
    """
    path = Path(path)
    _check_target(path, overwrite=overwrite)
    chunks = [bytes(data)] if isinstance(data, bytes | bytearray | memoryview) else data
    temporary = _temporary_name(path)
    try:
        _write_synced(temporary, chunks, shown=path)
        # Asked again: the first answer may be hours old when `chunks` is slow.
        _check_target(path, overwrite=overwrite)
        with _as_output_error(path):
            temporary.replace(path)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
    _sync_folder(path.parent)


def check_writable(path: Path, *, overwrite: bool) -> None:
    """Refuse early what `atomic_write` would refuse after hours of work.

    Writes, syncs and removes a small temporary file beside `path`, since permission bits alone
    say nothing of a read-only or full disk. `path` itself is not touched.

    Args:
        path: The file that will be written.
        overwrite: Whether an existing file may be replaced.

    Raises:
        OutputError: As `atomic_write`.
    """
    path = Path(path)
    _check_target(path, overwrite=overwrite)
    temporary = _temporary_name(path)
    try:
        _write_synced(temporary, [bytes(_PROBE_BYTES)], shown=path)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def check_distinct(output: Path, *inputs: Path) -> None:
    """Refuse an output that is one of the inputs, also through links.

    Args:
        output: The file that will be written; it need not exist.
        inputs: The files that will be read; those that do not exist are compared by name.

    Raises:
        OutputError: The output would overwrite an input.
    """
    for path in inputs:
        if _is_same(Path(output), Path(path)):
            msg = (
                f"output: {str(output)!r} must not be the input, got the same file as "
                f"{str(path)!r}; hint: choose another output name"
            )
            raise OutputError(msg)


def is_disk_full(exc: OutputError) -> bool:
    """Whether a file could not be written for want of space or quota."""
    cause = exc.__cause__
    return isinstance(cause, OSError) and cause.errno in _NO_SPACE


def remove_abandoned(folder: Path) -> None:
    """Remove the temporary files of writers that were killed.

    A living writer holds a lock on its file (where the system has none, it cannot be removed while
    it is open), so that other programs may write to the same folder.
    """
    for path in Path(folder).glob(f"{_PREFIX}*{_SUFFIX}"):
        with suppress(OSError), path.open("rb") as file:
            _lock(file)
            path.unlink()


def _lock(file: IO[bytes]) -> None:
    """Take the lock that goes with the process; an OSError when another process has it."""
    if fcntl is not None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _is_same(left: Path, right: Path) -> bool:
    with suppress(OSError):
        return left.samefile(right)
    with suppress(OSError, RuntimeError):
        return left.resolve() == right.resolve()
    return left.absolute() == right.absolute()


def _temporary_name(path: Path) -> Path:
    return path.parent / f"{_PREFIX}{secrets.token_hex(6)}{_SUFFIX}"


def _check_target(path: Path, *, overwrite: bool) -> None:
    folder = path.parent
    with _as_output_error(path):
        if not folder.is_dir():
            found = "a file" if folder.exists() else "nothing"
            msg = (
                f"output: folder {str(folder)!r} must exist, got {found}; "
                f"hint: mkdir -p {str(folder)!r}"
            )
            raise OutputError(msg)
        try:
            mode = path.lstat().st_mode
        except FileNotFoundError:
            return
        if stat.S_ISDIR(mode) or path.is_dir():
            msg = f"output: {str(path)!r} must be a file name, got a folder"
            raise OutputError(msg)
        if not (stat.S_ISREG(mode) or stat.S_ISLNK(mode)):
            msg = f"output: {str(path)!r} must be a regular file, got a device, pipe or socket"
            raise OutputError(msg)
    if not overwrite:
        msg = (
            f"output: {str(path)!r} must not exist yet, got a file; "
            "hint: --force (overwrite=True) replaces it"
        )
        raise OutputError(msg)


def _write_synced(temporary: Path, chunks: Iterable[bytes | memoryview], *, shown: Path) -> None:
    with _as_output_error(shown):
        file = temporary.open("xb", buffering=0)
    with file:
        with suppress(OSError):  # some network file systems have no locks
            _lock(file)
        for chunk in chunks:
            with _as_output_error(shown):
                view = memoryview(chunk).cast("B")
                while view:
                    view = view[file.write(view) :]
            del chunk, view  # before the next is made: both may be large
        with _as_output_error(shown):
            os.fsync(file.fileno())


@contextmanager
def _as_output_error(path: Path) -> Iterator[None]:
    try:
        yield
    except OutputError:
        raise
    except (OSError, ValueError) as exc:  # ValueError: a NUL byte in the name
        reason = (exc.strerror if isinstance(exc, OSError) else None) or str(exc)
        msg = (
            f"output: {str(path)!r} must be writable, got {reason.lower()!r}; "
            "hint: choose another folder or free space"
        )
        raise OutputError(msg) from exc


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable where the system can (not on Windows)."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
