"""What a form of a model made, and what else can run its steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from torch import Tensor

from petsgan_sdk._arrays import Array
from petsgan_sdk.export.parity.matches import Matches
from petsgan_sdk.manifest import Step

__all__ = ["MadeTensors", "Reference", "TorchForms", "step_label"]

TorchForms = Mapping[str, Callable[..., Tensor]]
"""For each graph member: the torch module, called with the graph's inputs by name."""


@dataclass(frozen=True, slots=True)
class MadeTensors:
    """What the steps of one form made."""

    tensors: Mapping[str, Array]
    """By their names in the manifest, the output not clipped."""
    matches: Mapping[str, Matches]
    """By the output of each patch transfer."""


class Reference(Protocol):
    """What else can run a step."""

    name: str
    """For messages."""
    tolerance: float
    """Largest difference of a float32 step from it."""
    backend: Literal["auto", "numpy"]
    """Of the kernel that searches matches."""

    def run(self, step: Step, tensors: Mapping[str, Array]) -> dict[str, Array]:
        """What a step makes of tensors that were made before it; not noise, and no matches."""


def step_label(step: Step) -> str:
    """What a step is called in messages."""
    (name,) = step.graph_members or (f"{step.kind.replace('_', ' ')} {step.writes[0]!r}",)
    return name
