"""What an engine was built for: every field must match, and a mismatch can be named."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from petsgan_sdk.errors import EngineError

__all__ = ["PRECISIONS", "EngineKey"]

PRECISIONS = ("fp32", "fp16")


@dataclass(frozen=True, slots=True)
class EngineKey:
    """Names one engine. Two machines that agree on it may share the file."""

    bundle: str
    """Digest of the bundle."""
    graph: str
    """Member name of the graph."""
    flavour: str
    """The TensorRT distribution, `tensorrt` or `tensorrt_rtx`; the name is that of the files."""
    version: str
    """Version of that."""
    gpu: str
    """Name of the GPU, or `any` for an engine built for a set of compute capabilities."""
    compute_capability: str
    """Of the GPU, as `9.0`; or the set, as `7.5+8.0`."""
    precision: str
    """`fp32` or `fp16`."""
    profile: dict[str, tuple[tuple[int, ...], ...]]
    """For each input of the graph its least, best and largest shape."""

    @property
    def digest(self) -> str:
        """A file name for it."""
        text = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    def to_json(self) -> dict[str, Any]:
        """As JSON types; a shape is written 1x3x32x32."""
        data = asdict(self)
        data["profile"] = {
            name: ["x".join(map(str, shape)) for shape in shapes]
            for name, shapes in self.profile.items()
        }
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> EngineKey:
        """Read what `to_json` wrote.

        Raises:
            EngineError: A field is missing, unknown or of another type.
        """
        names = {field.name for field in fields(cls)}
        if set(data) != names:
            msg = f"engine key must have the fields {sorted(names)}, got {sorted(data)}"
            raise EngineError(msg)
        try:
            profile = {
                str(name): tuple(tuple(map(int, shape.split("x"))) for shape in shapes)
                for name, shapes in data["profile"].items()
            }
            texts = {name: str(data[name]) for name in names - {"profile"}}
        except (AttributeError, TypeError, ValueError) as exc:
            msg = f"engine key must have a profile of shapes by input, got {data['profile']!r}"
            raise EngineError(msg) from exc
        return cls(profile=profile, **texts)

    def differences(self, other: EngineKey) -> dict[str, tuple[str, str]]:
        """The fields in which two keys differ, with both values as text."""
        mine, theirs = self.to_json(), other.to_json()
        return {
            name: (_short(mine[name]), _short(theirs[name]))
            for name in mine
            if mine[name] != theirs[name]
        }

    def accepts(self, shapes: Mapping[str, tuple[int, ...]]) -> bool:
        """Whether inputs of these shapes lie within the profile."""
        return set(shapes) == set(self.profile) and all(
            _within(shape, self.profile[name]) for name, shape in shapes.items()
        )


def _within(shape: tuple[int, ...], bounds: tuple[tuple[int, ...], ...]) -> bool:
    least, _, most = bounds
    return len(shape) == len(least) and all(
        low <= side <= high for low, side, high in zip(least, shape, most, strict=True)
    )


def _short(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
