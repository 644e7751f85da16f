"""What a generated file says of itself: the model, seed, index, size and way of drawing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from petsgan_sdk._text import printable, short
from petsgan_sdk.runtime.drawing import PLAIN, Drawing

__all__ = ["comment_of", "differing_fact", "provenance"]

_MARK = "petsgan-sdk "


def provenance(
    model: str,
    part: Mapping[str, int],
    *,
    seed: int,
    size_px: tuple[int, int],
    drawing: Drawing = PLAIN,
) -> dict[str, Any]:
    """What decides the pixels of a file, as JSON types.

    Args:
        model: Digest of the bundle.
        part: Of the seed's stream: `{"index": k}` for an image, `{"sheet_of": n}` for a contact
            sheet of the first n.
        seed: The seed.
        size_px: `(width, height)` of each image.
        drawing: How an image is drawn; what is not usual of it is told.
    """
    width, height = size_px
    size = {"width": width, "height": height}
    return {"model": model, "seed": seed, **part, **size, **drawing.record()}


def comment_of(provenance: Mapping[str, Any]) -> str:
    """The comment inside a file of this provenance."""
    return _MARK + json.dumps(provenance, separators=(",", ":"))


def differing_fact(found: str | None, asked: str) -> str | None:
    """Name the first fact in which the comment of a file differs from the one it should have.

    Args:
        found: The comment of a file of anybody, or None where it has none.
        asked: From `comment_of`.

    Returns:
        As `seed 7 where now 0 is asked for`, for after "got other images:"; None where
        the file is not ours.
    """
    if found is None or not found.startswith(_MARK):
        return None
    try:
        old = json.loads(found.removeprefix(_MARK))
    except (ValueError, RecursionError):
        return None
    if not isinstance(old, dict):
        return None
    new = json.loads(asked.removeprefix(_MARK))
    for name in [*new, *(name for name in old if name not in new)]:
        was, now = old.get(name), new.get(name)
        if was != now:
            if name == "model":  # digests say nothing to a person
                return "of another model"
            shown = printable(name.replace("_", " "))
            return f"{shown} {short(was)} where now {short(now)} is asked for"
    return None
