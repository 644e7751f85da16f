"""Patch transfer: standard operators or our op in a file, its float64 twin beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from onnx import TensorProto, helper, numpy_helper

from petsgan_sdk._arrays import Array
from petsgan_sdk.export.onnx_file.builder import GraphBuilder
from petsgan_sdk.export.onnx_file.composition import CUSTOM_DOMAIN, Composition, Form
from petsgan_sdk.export.onnx_file.patch_average import average
from petsgan_sdk.export.onnx_file.patch_search import Match
from petsgan_sdk.export.onnx_file.patch_search import search as add_search
from petsgan_sdk.export.parity.limits import TIE, relative_difference
from petsgan_sdk.export.parity.matches import Matches, average_matches, cosine_gap, search
from petsgan_sdk.export.parity.reference import Comparison, step_label
from petsgan_sdk.export.steps.step_export import StepExport
from petsgan_sdk.manifest import PatchTransferStep
from petsgan_sdk.runtime.bundle import Bundle

__all__ = ["ExportPatchTransfer"]


class ExportPatchTransfer(StepExport[PatchTransferStep]):
    """Search and average; its matches are compared, since those of ties move real pixels."""

    def add_to(self, file: Composition, number: int) -> None:  # noqa: ARG002
        """Search and average, by operators or by one node."""
        step, graph = self.step, file.graph
        features, values = (file.bundle.arrays[n] for n in (step.reference, step.values))
        with graph.scope(step.output):
            if file.form is Form.custom:
                match = _add_custom(graph, step, features, values)
            else:
                window = step.window
                match = add_search(
                    graph, step.query, features, window=window, temperature=step.temperature
                )
                average(graph, match, values, window=window, normalize=True, result=step.output)
        file.matches[step.output] = match
        if step.index_output is not None:
            file.tensors[step.index_output] = match.index

    def search(
        self, tensors: Mapping[str, Array], bundle: Bundle, *, backend: Literal["auto", "numpy"]
    ) -> Matches:
        """As the runtime does, or its float64 twin."""
        return search(self.step, tensors[self.step.query], bundle.arrays, backend=backend)

    def compare(self, comparison: Comparison, *, is_half: bool) -> None:  # noqa: ARG002
        """Matches as good as the reference's, and the average of the form's own matches."""
        step, made, differences = self.step, comparison.made, comparison.differences
        arrays, reference = comparison.bundle.arrays, comparison.reference
        found = made.matches[step.output]
        expected = self.search(made.tensors, comparison.bundle, backend=reference.backend)
        differences.flipped_ties += found.flipped(expected)
        query = made.tensors[step.query]
        gap = cosine_gap(step, query, arrays[step.reference], found, expected)
        differences.add_step(f"cosine in {step_label(step)}", gap, limit=TIE)
        laid = average_matches(found, arrays[step.values], step.window)
        apart = relative_difference(made.tensors[step.output], laid)
        differences.add_step(step_label(step), apart, limit=reference.tolerance)


def _add_custom(
    graph: GraphBuilder, step: PatchTransferStep, features: Array, values: Array
) -> Match:
    match = Match(f"{step.output}/index", f"{step.output}/weight")
    for name, array in ((step.reference, features), (step.values, values)):
        graph.hold_as(numpy_helper.from_array(array, name))
    graph.nodes.append(
        helper.make_node(
            "PatchTransfer",
            [step.query, step.reference, step.values],
            [step.output, match.index, match.weight],
            name=step.output,
            domain=CUSTOM_DOMAIN,
            window=step.window,
            temperature=step.temperature,
            normalize=1,
        )
    )
    # The op infers no shapes, so the graph says them.
    low = ("N", "h", "w")
    make = helper.make_tensor_value_info
    graph.value_info += [
        make(step.output, TensorProto.FLOAT, ("N", values.shape[0], "h", "w")),
        make(match.index, TensorProto.INT32, low),
        make(match.weight, TensorProto.FLOAT, low),
    ]
    return match
