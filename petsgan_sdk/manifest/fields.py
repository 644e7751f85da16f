"""Ranges that several parts of a manifest share, and the checks of names and levels."""

from __future__ import annotations

from petsgan_sdk.settings.typed import require

__all__ = [
    "MAX_LEVELS",
    "MAX_MARGIN",
    "MAX_SIDE_PX",
    "NARROW_MARGIN",
    "Shape",
    "Size",
    "is_plain",
    "plain_name",
    "require_level",
    "require_name",
]

Size = tuple[int, int]
"""`(rows, columns)`."""

Shape = tuple[int, ...]
"""Of a tensor."""

MAX_SIDE_PX = 1 << 20
MAX_MARGIN = 4096
NARROW_MARGIN = 64
"""Most pixels of margin that a whole network may run on: ours have 5. More is for noise that is
made smooth and then cut to the margin of positions."""

MAX_LEVELS = 64
_MAX_NAME_CHARS = 200
plain_name = f"printable and of at most {_MAX_NAME_CHARS} characters"
"""What `is_plain` asks for, in words."""


def require_name(owner: object, field: str) -> None:
    """Refuse a field that names no tensor, member or stage."""
    text = getattr(owner, field)
    require(owner, field, bool(text), expected="a name")
    require(owner, field, is_plain(text), expected=f"a name, {plain_name}")


def require_level(owner: object, field: str) -> None:
    """Refuse a field that is no level of any pyramid; which there are, the manifest knows."""
    level = getattr(owner, field)
    is_level = level is None or 0 <= level < MAX_LEVELS
    require(owner, field, is_level, expected=f"null or 0 to {MAX_LEVELS - 1}")


def is_plain(name: str) -> bool:
    """Whether any message may quote a name."""
    return len(name) <= _MAX_NAME_CHARS and name.isprintable()
