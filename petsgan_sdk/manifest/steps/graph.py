"""A step of kind `graph`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from petsgan_sdk.manifest.fields import MAX_MARGIN, is_plain, plain_name, require_name
from petsgan_sdk.manifest.steps.step import Step
from petsgan_sdk.settings.typed import require

__all__ = ["GraphStep"]

_MAX_LIVE_VALUES = 1 << 40
_MAX_TENSORS = 64
"""That a graph reads, and that it makes."""


@dataclass(frozen=True, slots=True)
class GraphStep(Step):
    """Run an ONNX graph."""

    runner = "petsgan_sdk.runtime.rendering.steps.graph:RunGraph"
    exporter = "petsgan_sdk.export.steps.graph:ExportGraph"
    reads_margins = True
    keeps_blocks = True
    replaceable = True

    member: str
    """Name of the member with the serialised model."""
    inputs: dict[str, str]
    """Tensor name by graph input name."""
    outputs: dict[str, str]
    """Tensor name by graph output name."""
    halo: int | None = None
    """Low-resolution pixels around a window on which the outputs of the window depend; None where
    it is not known, which forbids tiles."""
    live_values: int | None = None
    """Values that a run holds at once for one low-resolution pixel; the size of blocks follows from
    it. None where it is not known."""
    kind: Literal["graph"] = "graph"

    def __post_init__(self) -> None:
        """Check the names."""
        require_name(self, "member")
        require(self, "inputs", all(self.inputs.values()), expected="names that are not empty")
        is_named = bool(self.outputs) and all(self.outputs.values())
        require(self, "outputs", is_named, expected="at least one name, none empty")
        for field in ("inputs", "outputs"):
            names = getattr(self, field)
            is_short = len(names) <= _MAX_TENSORS
            require(self, field, is_short, expected=f"at most {_MAX_TENSORS}")
            are_plain = all(is_plain(name) for pair in names.items() for name in pair)
            require(self, field, are_plain, expected=f"names, {plain_name}")
        is_near = self.halo is None or 0 <= self.halo <= MAX_MARGIN
        require(self, "halo", is_near, expected=f"null or 0 to {MAX_MARGIN}")
        is_sized = self.live_values is None or 1 <= self.live_values <= _MAX_LIVE_VALUES
        require(self, "live_values", is_sized, expected=f"null or 1 to {_MAX_LIVE_VALUES}")

    @property
    def reads(self) -> tuple[str, ...]:
        """What its inputs are fed with."""
        return tuple(self.inputs.values())

    @property
    def writes(self) -> tuple[str, ...]:
        """What its outputs are called."""
        return tuple(self.outputs.values())

    @property
    def graph_members(self) -> tuple[str, ...]:
        """The one that it runs."""
        return (self.member,)
