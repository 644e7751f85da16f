"""One ONNX graph from the steps of a bundle: noise or places in, image out, of any size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import onnx
from onnx import ModelProto, TensorProto, helper

from petsgan_sdk.export.onnx_file.builder import GraphBuilder
from petsgan_sdk.export.onnx_file.composition import CUSTOM_DOMAIN, Composition, Form, Precision
from petsgan_sdk.export.onnx_file.grids import noise_steps, side_names
from petsgan_sdk.export.onnx_file.patch_search import Match
from petsgan_sdk.export.steps.step_export import exported, file_inputs
from petsgan_sdk.export.torch_to_onnx import OPSET
from petsgan_sdk.manifest import BundleManifest
from petsgan_sdk.runtime.bundle import Bundle

__all__ = ["Composed", "compose"]

_CUSTOM_VERSION = 1
_IR_VERSION = 10
"""File format of ONNX 1.16: what ONNX Runtime 1.18, the oldest that loads the custom op, reads."""


@dataclass(frozen=True, slots=True)
class Composed:
    """A graph, and where in it to find what the steps make."""

    model: ModelProto
    """Noise or places in, image out; the output is clipped."""
    form: Form
    """Which it is."""
    tensors: dict[str, str]
    """What each tensor of the manifest is called in the graph, the output before it is clipped."""
    matches: dict[str, Match]
    """By the output of each patch transfer: the index (int64; int32 of a custom op) and weight."""
    half_tensors: tuple[str, ...]
    """Tensors of the graph in half precision."""
    half_steps: frozenset[int]
    """Numbers of the steps whose network is in half precision."""


def compose(
    bundle: Bundle,
    form: Form,
    precision: Precision = Precision.fp32,
    *,
    properties: Mapping[str, str] | None = None,
) -> Composed:
    """Write the steps of a bundle as one graph.

    Networks in front of a patch transfer stay float32 in either precision, and so does the transfer
    itself: they decide which patch is taken, and a rounding that decides otherwise moves patches.
    Without a patch transfer nothing is decided, and every network may be half. Between networks
    maps are float32, also where they are resized.

    Args:
        bundle: Steps, networks and constants.
        form: Of patch transfer.
        precision: Of the networks behind the last patch transfer; without one, of all.
        properties: What the file should say of itself.

    Raises:
        ExportError: A network cannot be copied or halved, or no noise tells the canvas its size.
    """
    composition = Composition(bundle, form, precision)
    manifest, graph = bundle.manifest, composition.graph
    for number, step in enumerate(manifest.steps):
        exported(step).add_to(composition, number)
    limits = (graph.number(-1), graph.number(1))
    graph.op("Clip", composition.tensors[manifest.output], *limits, result=manifest.output)
    return Composed(
        _model(graph, manifest, form, properties or {}),
        form,
        composition.tensors,
        composition.matches,
        tuple(composition.half_tensors),
        frozenset(composition.half_steps),
    )


def _model(
    graph: GraphBuilder, manifest: BundleManifest, form: Form, properties: Mapping[str, str]
) -> ModelProto:
    inputs = [
        helper.make_tensor_value_info(given.name, given.kind, given.shape)
        for given in file_inputs(manifest.steps)
    ]
    sides = ["H", "W"]
    if noise_steps(manifest):
        scale = f"{manifest.factor}*" if manifest.factor > 1 else ""
        sides = [f"{scale}{side}" for side in side_names(None)]
    image = helper.make_tensor_value_info(manifest.output, TensorProto.FLOAT, ["N", 3, *sides])
    opsets = [helper.make_opsetid("", OPSET)]
    if form is Form.custom:
        opsets.append(helper.make_opsetid(CUSTOM_DOMAIN, _CUSTOM_VERSION))
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            manifest.family,
            inputs,
            [image],
            graph.constants,
            value_info=graph.value_info,
        ),
        opset_imports=opsets,
        ir_version=_IR_VERSION,
        producer_name="petsgan-sdk",
    )
    helper.set_model_props(model, dict(sorted(properties.items())))
    onnx.checker.check_model(model)
    return model
