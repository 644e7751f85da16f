"""SIGTERM as an interruption, so that what Ctrl-C cleans up is cleaned up as well."""

from __future__ import annotations

import signal
from types import FrameType

__all__ = ["INTERRUPTED", "TERMINATED", "TerminatedError", "raise_on_sigterm", "say_why"]

INTERRUPTED, TERMINATED = 130, 143
"""Exit codes after Ctrl-C and after SIGTERM: 128 and the signal's number, as in a shell."""


class TerminatedError(KeyboardInterrupt):
    """SIGTERM came."""


def raise_on_sigterm() -> None:
    """Raise `TerminatedError` in the main thread when SIGTERM comes; to be called from there.

    A program that was started to ignore it goes on ignoring it.
    """
    if signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _terminate)


def say_why(exc: KeyboardInterrupt) -> tuple[str, int]:
    """What to tell the user, and the exit code."""
    if isinstance(exc, TerminatedError):
        return "terminated", TERMINATED
    return "interrupted", INTERRUPTED


def _terminate(number: int, _frame: FrameType | None) -> None:
    # A second one would break into the cleaning up; who cannot wait has SIGKILL.
    signal.signal(number, signal.SIG_IGN)
    raise TerminatedError
