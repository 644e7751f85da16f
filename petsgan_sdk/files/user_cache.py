"""Where what can be made again is kept for this user. Standard library only."""

from __future__ import annotations

import os
import sys
from pathlib import Path

__all__ = ["NO_CACHE", "cached_file", "shown_cache", "user_cache"]

NO_CACHE = "no home directory to keep it in; hint: set PETSGAN_CACHE to a folder"
"""What there is to say where `user_cache` finds nothing and something has to be kept."""


def user_cache() -> Path | None:
    """This user's folder for what can be made again: `PETSGAN_CACHE`, or the platform's.

    Returns:
        None where the system knows no home directory of this user, as in many containers.
    """
    named = os.environ.get("PETSGAN_CACHE", "").strip()
    if named:
        return Path(named)
    is_mac = sys.platform == "darwin"
    base = Path("" if is_mac else os.environ.get("XDG_CACHE_HOME", ""))
    if not base.is_absolute():  # then it does not count, says its specification
        try:
            base = Path.home() / ("Library/Caches" if is_mac else ".cache")
        except RuntimeError:
            return None
    return base / "petsgan-sdk" if base.is_absolute() else None


def cached_file(*parts: str) -> Path | None:
    """A file in `user_cache` by its folders and name; None where it is not or cannot be seen."""
    folder = user_cache()
    # Not `Path.is_file`, which fails in a home that belongs to somebody else.
    if folder is None or not os.path.isfile(path := folder.joinpath(*parts)):  # noqa: PTH113
        return None
    return path


def shown_cache(*parts: str) -> str:
    """A place in `user_cache` as a message shows it, also where there is none yet."""
    return str((user_cache() or Path("$PETSGAN_CACHE")).joinpath(*parts))
