"""The version of this package, also where it was not installed. Standard library only."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version

__all__ = ["find_version"]


def find_version() -> str:
    """The version of the installed package, else the one that the kernels were compiled with."""
    try:
        # None where the folder of the metadata is there and what it holds is not.
        found: str | None = version("petsgan-sdk")
    except PackageNotFoundError:  # vendored, frozen, or a folder on the path
        found = None
    if found is None:
        try:
            found = import_module("petsgan_sdk._core").build_info()["version"]
        except ImportError:
            found = "0+unknown"
    return found
