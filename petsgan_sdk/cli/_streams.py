"""The standard streams, which may be closed, missing, full or read by nobody any more.

What is a result and cannot be written to stdout is an error. What is said on stderr beside it is
dropped where that cannot be written: hours of work do not end because of it. Imports the standard
library only.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO, cast

__all__ = ["StdoutError", "standard_streams", "write_beside", "write_result"]

_STREAMS = 3


class StdoutError(Exception):
    """Stdout cannot be written; the cause says why."""


@contextmanager
def standard_streams() -> Iterator[None]:
    """Give the program streams that can be used, whatever it was started with.

    Inside, whoever writes to a stdout that cannot be written gets a `StdoutError`. What is left in
    a buffer and cannot get out is dropped at the end: Python would end with a code of its own.
    """
    _open_streams()
    before = sys.stdout
    sys.stdout = cast("TextIO", _Checked(before))
    try:
        yield
    finally:
        sys.stdout = before
        for stream in (sys.stderr, before):
            try:
                stream.flush()
            except (OSError, ValueError):  # ValueError: closed
                _silence(stream)


def write_result(text: str) -> None:
    """Write to stdout at once, so that what fails does so here and not when Python ends.

    Raises:
        StdoutError: It cannot be written.
    """
    sys.stdout.write(_shown(text, sys.stdout))
    sys.stdout.flush()


def write_beside(text: str, stream: TextIO | None = None) -> None:
    """Write to stderr, or another stream, what is no result; drop it where that cannot be done."""
    stream = sys.stderr if stream is None else stream
    try:
        stream.write(_shown(text, stream))
        stream.flush()
    except (OSError, ValueError):  # ValueError: closed
        _silence(stream)


class _Checked:
    """A stream that says by its own error that it cannot be written."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        # Remembered: what failed once is not in the buffer any more, and Typer tries without a word
        # whether text can be written.
        self._lost: OSError | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        return self._try(self._stream.write, text)  # type: ignore[no-any-return]

    def flush(self) -> None:
        self._try(self._stream.flush)

    def _try(self, act: Callable[..., Any], *given: str) -> Any:
        try:
            if self._lost is None:
                return act(*given)
        except OSError as exc:
            self._lost = exc
        raise StdoutError from self._lost


def _open_streams() -> None:
    """Open those that the program was started without.

    Else the next file that is opened would be stdout or stderr to everybody, and what a library
    prints would be written into it.
    """
    for number in range(_STREAMS):
        try:
            os.fstat(number)
        except OSError:
            # The lowest number that is free: those below are open by now.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None or getattr(stream, "closed", False):
            nowhere = Path(os.devnull).open(mode, encoding="utf-8")  # noqa: SIM115 - stays open
            setattr(sys, name, nowhere)


def _shown(text: str, stream: TextIO) -> str:
    """The text with escapes for what the stream cannot encode, such as in the name of a file."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _silence(stream: TextIO) -> None:
    """Let what is still in the buffers go nowhere."""
    try:
        number = stream.fileno()
    except (OSError, ValueError, AttributeError):  # not one of the system's
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, number)
    os.close(nowhere)
