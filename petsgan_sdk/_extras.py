"""Parts of the SDK that need an optional package: imported at use, or refused with the command."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Any

from petsgan_sdk.errors import BackendUnavailableError

__all__ = ["import_extra", "resolve_extra"]


def import_extra(module: str, *, extra: str, task: str) -> ModuleType:
    """Import a part of the SDK that needs an optional package.

    Args:
        module: Its full name.
        extra: The extra that brings the package.
        task: What the user wants to do, for the message.

    Raises:
        BackendUnavailableError: A package of the extra is not installed.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as exc:
        missing = exc.name or "a package"
        if missing.partition(".")[0] == "petsgan_sdk":
            raise
        msg = f"{task} needs the package {missing!r}, which is not installed"
        raise BackendUnavailableError(msg, hint=f'pip install "petsgan-sdk[{extra}]"') from exc


def resolve_extra(name: str, *, extra: str, task: str) -> Any:
    """Import what a registry names as `module:attribute`; as `import_extra`."""
    module, _, attribute = name.partition(":")
    return getattr(import_extra(module, extra=extra, task=task), attribute)
