"""Networks: inlined in a file, the torch module beside them."""

from __future__ import annotations

import onnx
import torch

from petsgan_sdk._arrays import Array
from petsgan_sdk.export.half_precision import to_half_precision
from petsgan_sdk.export.onnx_file.composition import Composition, Precision
from petsgan_sdk.export.onnx_file.networks import inline, require_plain
from petsgan_sdk.export.parity.reference import Given
from petsgan_sdk.export.steps.step_export import StepExport
from petsgan_sdk.export.torch_to_onnx import OPSET
from petsgan_sdk.manifest import GraphStep

__all__ = ["ExportGraph"]


class ExportGraph(StepExport[GraphStep]):
    """An ONNX graph."""

    def add_to(self, file: Composition, number: int) -> None:
        """Copy its nodes; behind the last decision in half precision, if that is asked for."""
        step = self.step
        is_half = file.precision is Precision.fp16 and number > file.last_decision
        if is_half:
            file.half_steps.add(number)
        key = (step.member, is_half)
        if key not in file.networks:
            network = onnx.load_from_string(file.bundle.graphs[step.member])
            require_plain(network, step.member, opset=OPSET)
            file.networks[key] = to_half_precision(network) if is_half else (network, ())
        network, half_tensors = file.networks[key]
        made = inline(
            file.graph,
            network,
            weights=step.member.removesuffix(".onnx"),
            place=f"step_{number}",
            inputs={name: file.tensors[tensor] for name, tensor in step.inputs.items()},
            outputs={name: file.tensors[tensor] for name, tensor in step.outputs.items()},
        )
        file.half_tensors += [made[name] for name in half_tensors]

    def twin(self, given: Given) -> dict[str, Array]:
        """By its torch module."""
        (output,) = self.step.outputs.values()
        inputs = {
            name: torch.tensor(given.tensors[read]) for name, read in self.step.inputs.items()
        }
        with torch.no_grad():
            return {output: given.forms[self.step.member](**inputs).numpy()}
