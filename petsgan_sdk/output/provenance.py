"""What a generated file says of itself: the model, seed, index and size that its pixels come from.

Imports the standard library only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

__all__ = ["comment_of", "provenance"]

_MARK = "petsgan-sdk "


def provenance(
    model: str,
    part: Mapping[str, int],
    *,
    seed: int,
    size_px: tuple[int, int],
    seamless: bool = False,
) -> dict[str, Any]:
    """What decides the pixels of a file, as JSON types.

    Args:
        model: Digest of the bundle.
        part: Of the seed's stream: `{"index": k}` for an image, `{"sheet_of": n}` for a contact
            sheet of the first n.
        seed: The seed.
        size_px: `(width, height)` of each image.
        seamless: Whether an image goes on at its other side.
    """
    width, height = size_px
    decided = {"model": model, "seed": seed, **part, "width": width, "height": height}
    return {**decided, "seamless": True} if seamless else decided


def comment_of(provenance: Mapping[str, Any]) -> str:
    """The comment inside a file of this provenance."""
    return _MARK + json.dumps(provenance, separators=(",", ":"))
