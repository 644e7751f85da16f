"""What export asks of a kind of step: nodes for one ONNX file, and something to compare it with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

import numpy as np

from petsgan_sdk._arrays import Array
from petsgan_sdk.errors import ExportError
from petsgan_sdk.export.parity.limits import psnr_db, relative_difference
from petsgan_sdk.export.parity.matches import Matches
from petsgan_sdk.export.parity.reference import Comparison, Given, step_label
from petsgan_sdk.manifest import Step
from petsgan_sdk.runtime.bundle import Bundle

if TYPE_CHECKING:
    from petsgan_sdk.export.onnx_file.composition import Composition

__all__ = ["FileInput", "StepExport", "exported", "file_inputs"]

StepT = TypeVar("StepT", bound=Step)


@dataclass(frozen=True, slots=True)
class FileInput:
    """What a program gives to one ONNX file in place of a step."""

    name: str
    """Of the input."""
    kind: int
    """Its type, of `onnx.TensorProto`."""
    shape: tuple[int | str, ...]
    """Sides, or what they are called."""
    recipe: str
    """How to make it, for people."""
    fed: Callable[[Array], Array] = np.asarray
    """What a file is given for what the runtime made."""


class StepExport(Generic[StepT]):
    """One step in export.

    Args:
        step: What the manifest says of it.
    """

    def __init__(self, step: StepT) -> None:
        """Keep the step."""
        self.step = step

    @property
    def file_input(self) -> FileInput | None:
        """What the step is in one ONNX file if it adds nothing: an input."""
        return None

    def add_to(self, file: Composition, number: int) -> None:  # noqa: ARG002
        """Add its nodes to the graph of an ONNX file; `number` is its place in the manifest.

        Raises:
            ExportError: There are none.
        """
        msg = f"export: a {self.step.kind} step must have a form in ONNX operators, got none"
        raise ExportError(msg)

    def twin(self, given: Given) -> dict[str, Array]:  # noqa: ARG002
        """What torch, or the float64 twin of a kernel, makes of tensors made before it."""
        msg = f"export: a {self.step.kind} step must have a twin to compare it with, got none"
        raise ExportError(msg)

    def search(
        self, tensors: Mapping[str, Array], bundle: Bundle, *, backend: Literal["auto", "numpy"]
    ) -> Matches:
        """The matches of a step that decides."""
        raise NotImplementedError

    def compare(self, comparison: Comparison, *, is_half: bool) -> None:
        """Compare what a form made with what a reference makes of the same inputs.

        Args:
            comparison: Of the form.
            is_half: Whether the form computes this step in half precision.

        Raises:
            ParityError: It is over a limit; the message names the step.
        """
        tensors, reference = comparison.made.tensors, comparison.reference
        for name, expected in reference.run(self.step, tensors).items():
            label = step_label(self.step)
            if is_half:
                comparison.differences.add_half(label, psnr_db(tensors[name], expected))
            else:
                apart = relative_difference(tensors[name], expected)
                comparison.differences.add_step(label, apart, limit=reference.tolerance)


def file_inputs(steps: Iterable[Step]) -> list[FileInput]:
    """The inputs of one ONNX file of these steps, in order."""
    found = (exported(step).file_input for step in steps)
    return [given for given in found if given is not None]


def exported(step: Step) -> StepExport[Any]:
    """Import and make what exports a step."""
    made: StepExport[Any] = resolve_name(step.exporter)(step) if step.exporter else StepExport(step)
    return made
