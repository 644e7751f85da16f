"""Write files whole or not at all, and never over something the user did not offer.

This module imports the standard library, `petsgan_sdk.errors` and `petsgan_sdk.files.regular` only.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import IO, NoReturn

from petsgan_sdk.errors import OutputError
from petsgan_sdk.files.regular import open_regular

__all__ = [
    "atomic_write",
    "check_distinct",
    "check_writable",
    "is_disk_full",
    "remove_abandoned",
    "temporary_folder",
]

_PROBE_BYTES = 4096
_PREFIX, _SUFFIX = ".petsgan-", ".tmp"
_FOLDER = re.compile(re.escape(_PREFIX) + "[0-9a-f]{12}" + re.escape(_SUFFIX))
"""Exactly as we name one: with a folder much would go that may be somebody else's."""
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
_ATTEMPTS = 100


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
    with _temporary_file(path) as (temporary, file):
        _write_synced(file, chunks, shown=path)
        # Asked again: the first answer may be hours old when `chunks` is slow.
        _check_target(path, overwrite=overwrite)
        with _as_output_error(path):
            if overwrite:
                temporary.replace(path)
            else:
                _create(temporary, path)
    _sync_folder(path.parent)


def check_writable(*paths: Path, overwrite: bool) -> None:
    """Refuse early what `atomic_write` would refuse after hours of work.

    Writes, syncs and removes a small temporary file in each folder, once for all files that it
    will hold, since permission bits alone say nothing of a read-only or full disk. The files
    themselves are not touched.

    Args:
        paths: The files that will be written.
        overwrite: Whether existing files may be replaced.

    Raises:
        OutputError: As `atomic_write`.
    """
    probed: dict[Path, Path] = {}
    for path in paths:
        _check_target(path, overwrite=overwrite)
        probed.setdefault(path.parent, path)
    for path in probed.values():
        with _temporary_file(path) as (_, file):
            _write_synced(file, [bytes(_PROBE_BYTES)], shown=path)


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
    """Remove what writers that were killed left, files and folders; every writer does so once.

    A living writer holds a lock on what it makes, so that others may write to the same folder.
    """
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(_PREFIX) and entry.name.endswith(_SUFFIX):
                _remove_if_abandoned(Path(entry.path))


def _remove_if_abandoned(path: Path) -> None:
    with suppress(OSError):
        if path.is_symlink():
            return
        if path.is_dir():
            if _FOLDER.fullmatch(path.name):
                with _locked_folder(path) as is_locked:
                    if is_locked:
                        shutil.rmtree(path)
            return
        with open_regular(path) as file:
            _lock(file)
            path.unlink()


@lru_cache(maxsize=256)
def _remove_abandoned_once(folder: Path) -> None:
    """At the first write of this process: a folder may have a hundred thousand files."""
    remove_abandoned(folder)


def _lock(file: IO[bytes]) -> None:
    """Take the lock that goes with the open file; an OSError when somebody else has it."""
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _is_same(left: Path, right: Path) -> bool:
    with suppress(OSError):
        return left.samefile(right)
    with suppress(OSError, RuntimeError):
        return left.resolve() == right.resolve()
    return left.absolute() == right.absolute()


@contextmanager
def _temporary_file(path: Path) -> Iterator[tuple[Path, IO[bytes]]]:
    """A locked new file beside `path`, gone afterwards unless it has got another name."""
    with _as_output_error(path):  # the working folder may be gone
        _remove_abandoned_once(path.parent.absolute())
    for _ in range(_ATTEMPTS):
        temporary = path.parent / f"{_PREFIX}{secrets.token_hex(6)}{_SUFFIX}"
        try:  # before it is there: a signal may come right after
            with _as_output_error(path):
                file = temporary.open("xb", buffering=0)
            with file:
                if _is_ours(temporary, file):
                    yield temporary, file
                    return
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
    msg = f"output: {str(path)!r} must be writable, got its temporary files removed by others"
    raise OutputError(msg)


@contextmanager
def temporary_folder(path: Path) -> Iterator[Path]:
    """A locked new folder beside `path`, gone afterwards with all that is still in it.

    Raises:
        OutputError: The folder of `path` cannot be written.
    """
    with _as_output_error(path):
        _remove_abandoned_once(path.parent.absolute())
    for _ in range(_ATTEMPTS):
        temporary = path.parent / f"{_PREFIX}{secrets.token_hex(6)}{_SUFFIX}"
        try:
            with _as_output_error(path):
                temporary.mkdir()
            with _locked_folder(temporary) as is_locked:
                if is_locked:
                    yield temporary
                    return
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    msg = f"output: {str(path)!r} must be writable, got its temporary folders removed by others"
    raise OutputError(msg)


@contextmanager
def _locked_folder(folder: Path) -> Iterator[bool]:
    """Hold the lock on a folder; false where somebody else has it, or it is gone."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:
        yield False
        return
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_locked = os.path.samestat(folder.stat(), os.fstat(handle))
        except (BlockingIOError, FileNotFoundError):
            is_locked = False
        yield is_locked
    finally:
        os.close(handle)


def _is_ours(temporary: Path, file: IO[bytes]) -> bool:
    """Lock a new file; false where somebody took it for an abandoned one before it was locked."""
    try:
        _lock(file)
    except BlockingIOError:
        return False
    except OSError:
        return True  # some network file systems have no locks, and then nobody removes it
    try:
        return os.path.samestat(temporary.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def _create(temporary: Path, path: Path) -> None:
    """Give a file its name unless there is such a file: of several writers, one succeeds."""
    try:
        path.hardlink_to(temporary)
        return
    except FileExistsError:
        _refuse_existing(path)
    except OSError:
        pass  # a file system without such links; what else is wrong is so below as well
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        _refuse_existing(path)
    try:
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            path.unlink()
        raise


def _refuse_existing(path: Path) -> NoReturn:
    msg = (
        f"output: {str(path)!r} must not exist yet, got a file; "
        "hint: --force (overwrite=True) replaces it"
    )
    raise OutputError(msg)


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
        _refuse_existing(path)


def _write_synced(file: IO[bytes], chunks: Iterable[bytes | memoryview], *, shown: Path) -> None:
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
    """Make the rename itself durable where the file system can."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
