"""How the toy kind of step is exported: nodes for one ONNX file, and numpy to compare it with."""

from __future__ import annotations

import numpy as np

from petsgan_sdk._arrays import Array
from petsgan_sdk.export.onnx_file.composition import Composition
from petsgan_sdk.export.parity.reference import Given
from petsgan_sdk.export.steps.step_export import StepExport
from support.toy_step import BlurStep, blurred

_CROSS = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], np.float32) / 5


class ExportBlur(StepExport[BlurStep]):
    def add_to(self, file: Composition, number: int) -> None:  # noqa: ARG002
        graph, step = file.graph, self.step
        pads = graph.hold(np.array([0, 0, 1, 1, 0, 0, 1, 1], np.int64))
        padded = graph.op("Pad", file.tensors[step.input], pads, mode="edge")
        kernel = graph.hold(np.tile(_CROSS, (3, 1, 1, 1)))
        graph.op("Conv", padded, kernel, group=3, result=step.output)

    def twin(self, given: Given) -> dict[str, Array]:
        return {self.step.output: blurred(given.tensors[self.step.input])}
