"""The standard streams, which may be closed, missing, full or read by nobody any more.

What is a result and cannot be written to stdout is an error. What is said on stderr beside it is
dropped where that cannot be written: hours of work do not end because of it. Imports the standard
library only.
"""

from __future__ import annotations

import os
import sys
from typing import TextIO

__all__ = ["lost_stdout", "open_streams", "write_beside", "write_result"]

_STREAMS = 3


def open_streams() -> None:
    """Give the program the streams that it was started without; the first thing that it does.

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
            replaced = open(os.devnull, mode, encoding="utf-8")  # noqa: PTH123, SIM115 - stays open
            setattr(sys, name, replaced)


def write_result(text: str) -> None:
    """Write to stdout at once, so that what fails does so here and not when Python ends.

    Raises:
        OSError: It cannot be written; `lost_stdout` tells it from others.
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


def lost_stdout() -> OSError | None:
    """Why what was written to stdout cannot get there; None where it does.

    Whatever is written afterwards is dropped. So is what a library has left in stderr and cannot
    get there: Python would end with a code of its own.
    """
    lost: OSError | None = None
    for stream in (sys.stderr, sys.stdout):
        try:
            stream.flush()
        except ValueError:  # closed
            continue
        except OSError as exc:
            _silence(stream)
            lost = exc if stream is sys.stdout else None
    return lost


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
