"""What came from a file, as text that a terminal only shows. Imports the standard library only."""

from __future__ import annotations

__all__ = ["printable", "short"]


def printable(text: str) -> str:
    """Return text as one line without anything that steers a terminal.

    Line breaks, escape sequences, marks that turn the direction of writing and lone surrogates
    become the escapes that Python writes for them; all else stays as it is.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def short(value: object, most: int = 80) -> str:
    """Return what Python shows of a value, cut off after `most` characters, for a message."""
    try:
        text = repr(value)
    except (ValueError, RecursionError) as exc:  # of an integer of 5000 digits, or nested too deep
        text = f"a {type(value).__name__} that cannot be shown ({exc})"
    return printable(text if len(text) <= most else text[:most] + "...")
