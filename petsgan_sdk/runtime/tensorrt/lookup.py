"""Find the engine for a graph and size in the cache, or say which field does not match."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

from petsgan_sdk.errors import MissingEngineError
from petsgan_sdk.runtime.tensorrt.cache import EngineCache, Entry
from petsgan_sdk.runtime.tensorrt.key import EngineKey

__all__ = ["find_engine"]

_WORDS = {
    "bundle": "bundle digest",
    "flavour": "TensorRT flavour",
    "version": "TensorRT version",
    "gpu": "GPU",
    "compute_capability": "compute capability",
}


def find_engine(
    cache: EngineCache, wanted: EngineKey, shapes: Mapping[str, tuple[int, ...]]
) -> Entry:
    """The engine with the narrowest profile that takes these shapes.

    Args:
        cache: Where to look.
        wanted: What the engine must have been built for; its profile does not count.
        shapes: By graph input.

    Raises:
        MissingEngineError: There is none; the message names the fields in which the nearest
            engine of this graph differs.
    """
    nearest: tuple[int, dict[str, tuple[str, str]]] | None = None
    fitting: list[Entry] = []
    for entry in cache.entries():
        found = entry.key
        if found.graph != wanted.graph:
            continue
        differing = _differences(found, wanted, shapes)
        if not differing:
            fitting.append(entry)
        elif nearest is None or len(differing) < nearest[0]:
            nearest = len(differing), differing
    if fitting:
        return min(fitting, key=_breadth)
    size = ", ".join(f"{name} {_text(shape)}" for name, shape in shapes.items())
    msg = f"no engine is built for {wanted.graph} with {size}"
    if nearest is not None:
        differences = ", ".join(
            f"{_WORDS.get(name, name)} {theirs} instead of {ours}"
            for name, (theirs, ours) in nearest[1].items()
        )
        msg += f"; the nearest in the cache has {differences}"
    raise MissingEngineError(msg)


def _differences(
    found: EngineKey, wanted: EngineKey, shapes: Mapping[str, tuple[int, ...]]
) -> dict[str, tuple[str, str]]:
    if found.gpu == "any" and wanted.compute_capability in found.compute_capability.split("+"):
        capability = wanted.compute_capability
        found = dataclasses.replace(found, gpu=wanted.gpu, compute_capability=capability)
    differing = found.differences(wanted)
    differing.pop("profile", None)
    if not found.accepts(shapes):
        bounds = ", ".join(
            f"{name} {_text(least)} to {_text(most)}"
            for name, (least, _, most) in found.profile.items()
        )
        asked = ", ".join(f"{name} {_text(shape)}" for name, shape in shapes.items())
        differing["profile"] = (bounds, asked)
    return differing


def _breadth(entry: Entry) -> float:
    """How much larger the largest input is than the least: 0 for an engine of one size."""
    return sum(
        math.log(math.prod(most) / math.prod(least))
        for least, _, most in entry.key.profile.values()
    )


def _text(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
