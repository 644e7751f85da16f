"""Open what a stranger named without waiting for it: a pipe or a device might never end.

Imports the standard library only.
"""

from __future__ import annotations

import errno
import os
import stat
from io import BufferedReader
from pathlib import Path

__all__ = ["describe_failure", "is_folder", "is_taken", "open_regular", "read_small"]


def open_regular(path: Path) -> BufferedReader:
    """Open a file for reading; a pipe or a device, which might never end, is refused at once.

    Raises:
        OSError: It is not there, cannot be read, or is no regular file.
    """
    path = Path(path)
    # Looked at before it is opened, since that alone does something to some devices; and again
    # when it is open, in case that it was another by then.
    _check_regular(path, path.stat().st_mode)
    file = open(path, "rb", opener=_open_at_once)  # noqa: SIM115 - Path has no opener
    try:
        _check_regular(path, os.fstat(file.fileno()).st_mode)
    except BaseException:
        file.close()
        raise
    return file


def describe_failure(exc: OSError | ValueError) -> str:
    """What was found instead of a file that `open_regular` opens, for after "got"."""
    if isinstance(exc, FileNotFoundError | NotADirectoryError):
        return "no file"
    reason = (exc.strerror if isinstance(exc, OSError) else None) or str(exc)
    return reason if reason.startswith("a ") else f"one that cannot be read ({reason.lower()})"


def _open_at_once(path: str, flags: int) -> int:
    """Open without waiting for who writes to a pipe."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _check_regular(path: Path, mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "a folder", str(path))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "a device, pipe or socket", str(path))


def read_small(path: Path, *, max_bytes: int) -> bytes:
    """Read a file that a person writes, such as settings.

    Raises:
        OSError: As `open_regular`, or it has more bytes.
    """
    with open_regular(path) as file:
        data = file.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise OSError(errno.EFBIG, f"a file of more than {max_bytes} bytes", str(path))
    return data


def is_folder(path: Path) -> bool:
    """Whether it is a folder; false also where that cannot be seen.

    `Path.is_dir` fails below a folder of somebody else; what is opened next says so in its words.
    """
    return os.path.isdir(path)  # noqa: PTH112


def is_taken(path: Path) -> bool:
    """Whether there is anything of that name, if only a link to nothing; false as `is_folder`."""
    return os.path.lexists(path)
