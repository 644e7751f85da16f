"""What a form of a model made, and what else can run its steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from torch import Tensor

from petsgan_sdk._arrays import Array
from petsgan_sdk.export.parity.limits import Differences
from petsgan_sdk.export.parity.matches import Matches
from petsgan_sdk.manifest import Step
from petsgan_sdk.runtime.bundle import Bundle

__all__ = ["Comparison", "Given", "MadeTensors", "Reference", "TorchForms", "step_label"]

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


@dataclass(frozen=True, slots=True)
class Given:
    """What a second run of a step starts from."""

    tensors: Mapping[str, Array]
    """By name: those it reads, and those it makes for their sizes."""
    bundle: Bundle
    """Constants."""
    forms: TorchForms
    """The torch module of each graph."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A form of a model beside a reference."""

    bundle: Bundle
    """Steps and constants."""
    made: MadeTensors
    """By the form."""
    reference: Reference
    """What to compare with."""
    differences: Differences
    """Where what is found is added."""


def step_label(step: Step) -> str:
    """What a step is called in messages."""
    (name,) = step.graph_members or (f"{step.kind.replace('_', ' ')} {step.writes[0]!r}",)
    return name
