"""Whether two models are of one run: the first setting in which they differ."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from petsgan_sdk._text import short

__all__ = ["differing_setting"]

_FIRST = ("family", "preset", "ablation", "prior.name")
"""With these many others differ."""


def differing_setting(found: Mapping[str, Any], asked: Mapping[str, Any]) -> str | None:
    """Name the first setting in which a model that is there is not the one asked for.

    Args:
        found: Its settings as JSON types or as `to_dict` makes them, here and below.
        asked: What is asked for now.

    Returns:
        For after "got": the name and both values; None where all are the same.
    """
    old, new = _flat(_plain(found)), _flat(_plain(asked))
    for name in [*_FIRST, *sorted(old.keys() | new.keys())]:
        if old.get(name) != new.get(name):
            return f"{name} {short(old.get(name))} where now {short(new.get(name))} is asked for"
    return None


def _plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    """As they come back from a file: tuples become lists."""
    plain: dict[str, Any] = json.loads(json.dumps(settings))
    return plain


def _flat(settings: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        flat |= _flat(value, f"{path}{name}.") if isinstance(value, dict) else {path + name: value}
    return flat
