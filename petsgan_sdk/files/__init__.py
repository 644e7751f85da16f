"""The file system: writes that are whole or not at all, and names that strangers gave.

`atomic` writes, `regular` opens what a stranger named, `endings` judges the ending of an output,
`user_cache` says where what can be made again is kept. Imports `petsgan_sdk.errors` only.
"""

from __future__ import annotations

from petsgan_sdk.files.atomic import (
    atomic_write,
    check_distinct,
    check_writable,
    is_disk_full,
    remove_abandoned,
    temporary_folder,
)
from petsgan_sdk.files.user_cache import NO_CACHE, cached_file, shown_cache, user_cache

__all__ = [
    "NO_CACHE",
    "atomic_write",
    "cached_file",
    "check_distinct",
    "check_writable",
    "is_disk_full",
    "remove_abandoned",
    "shown_cache",
    "temporary_folder",
    "user_cache",
]
