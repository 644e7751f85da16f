"""A whole kind of step in one file: what it asks and costs, and what runs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from petsgan_sdk._arrays import Array
from petsgan_sdk.manifest import Step
from petsgan_sdk.runtime.rendering.canvas import Canvas, Window
from petsgan_sdk.runtime.rendering.steps.runner import StepRunner, Tensors


@dataclass(frozen=True, slots=True)
class BlurStep(Step):
    """The mean of a pixel and its four neighbours, as far as there is canvas."""

    runner = "support.toy_step:RunBlur"
    exporter = "support.toy_step_export:ExportBlur"
    reads_fields = ("input",)

    input: str
    output: str
    kind: Literal["blur"] = "blur"

    @property
    def halo(self) -> int:
        return 1


def blurred(array: Array) -> Array:
    """The mean of every pixel of `[N, C, h, w]` and its neighbours; the border goes on."""
    padded = np.pad(array, ((0, 0), (0, 0), (1, 1), (1, 1)), mode="edge")
    rows, columns = padded[..., 1:-1], padded[..., 1:-1, :]
    around = rows[..., :-2, :] + rows[..., 2:, :] + columns[..., :-2] + columns[..., 2:]
    mean: Array = (around + array) / np.float32(5)
    return mean


class RunBlur(StepRunner[BlurStep]):
    def run(self, tensors: Tensors, canvas: Canvas, window: Window) -> None:  # noqa: ARG002
        tensors[self.step.output] = blurred(tensors[self.step.input])
