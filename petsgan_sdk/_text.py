"""Text from outside: made valid, made printable, cut short. Imports the standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["printable", "short", "valid_text", "valid_texts"]


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


def valid_text(text: str) -> str:
    """Replace what cannot be encoded, as in a file name whose bytes are not UTF-8.

    Python keeps such bytes as lone surrogates, which open the file but cannot be written into any
    text. For what is recorded or shown; a path to open stays as it is.

    Returns:
        The text itself where it is valid; else with U+FFFD for every byte that is not.
    """
    try:
        data = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # a surrogate that stands for no byte
        data = text.encode("utf-8", "replace")
    return data.decode("utf-8", "replace")


def valid_texts(value: Any) -> Any:
    """The same for every text in a value of JSON types, keys included."""
    if isinstance(value, str):
        return valid_text(value)
    if isinstance(value, Mapping):
        return {valid_texts(key): valid_texts(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [valid_texts(each) for each in value]
    return value
