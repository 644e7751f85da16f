"""What a generated file says of itself: the model, seed, index, size and way of drawing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from petsgan_sdk.runtime.drawing import PLAIN, Drawing

__all__ = ["comment_of", "provenance"]

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
