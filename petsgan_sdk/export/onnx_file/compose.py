"""One ONNX graph from the steps of a bundle: noise in, image out, of any size and batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import onnx
from onnx import ModelProto, TensorProto, helper, numpy_helper

from petsgan_sdk._arrays import Array
from petsgan_sdk.export.half_precision import to_half_precision
from petsgan_sdk.export.onnx_file.builder import GraphBuilder
from petsgan_sdk.export.onnx_file.grids import Grids, side_names
from petsgan_sdk.export.onnx_file.networks import inline, require_plain
from petsgan_sdk.export.onnx_file.patch_average import average
from petsgan_sdk.export.onnx_file.patch_search import Match, search
from petsgan_sdk.export.onnx_file.position import encode_position
from petsgan_sdk.export.onnx_file.texture import carry_texture
from petsgan_sdk.export.torch_to_onnx import OPSET
from petsgan_sdk.manifest import (
    BundleManifest,
    GraphStep,
    NoiseStep,
    PatchTransferStep,
    PositionStep,
    ResizeStep,
    TextureTransferStep,
)
from petsgan_sdk.runtime.bundle import Bundle

__all__ = ["CUSTOM_DOMAIN", "Composed", "Form", "Precision", "compose"]

CUSTOM_DOMAIN, _CUSTOM_VERSION = "pets", 1
_IR_VERSION = 10
"""File format of ONNX 1.16: what ONNX Runtime 1.18, the oldest that loads the custom op, reads."""


class Form(StrEnum):
    """What patch transfer is in the graph."""

    standard = "onnx"
    """Standard operators."""
    custom = "onnx-custom"
    """One `pets::PatchTransfer` for each transfer."""


class Precision(StrEnum):
    """What the networks behind the last patch transfer compute in; without one, all networks."""

    fp32 = "fp32"
    fp16 = "fp16"


@dataclass(frozen=True, slots=True)
class Composed:
    """A graph, and where in it to find what the steps make."""

    model: ModelProto
    """Noise in, image out; the output is clipped."""
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
    return _Composer(bundle, form, precision).run(properties or {})


class _Composer:
    """The graph so far, and what of it later steps ask for."""

    def __init__(self, bundle: Bundle, form: Form, precision: Precision) -> None:
        self._bundle = bundle
        self._form = form
        self._precision = precision
        self._graph = GraphBuilder()
        manifest = bundle.manifest
        made = [name for step in manifest.steps for name in step.writes]
        self._tensors = {name: name for name in made}
        self._tensors[manifest.output] = f"{manifest.output}/unclipped"
        self._matches: dict[str, Match] = {}
        self._half_tensors: list[str] = []
        self._half_steps: set[int] = set()
        self._grids = Grids(self._graph, manifest)
        self._networks: dict[tuple[str, bool], tuple[ModelProto, tuple[str, ...]]] = {}

    def run(self, properties: Mapping[str, str]) -> Composed:
        manifest, graph = self._bundle.manifest, self._graph
        steps = manifest.steps
        transfers = [n for n, step in enumerate(steps) if isinstance(step, PatchTransferStep)]
        last = max(transfers, default=-1)
        for number, step in enumerate(steps):
            match step:
                case NoiseStep():
                    pass  # an input
                case PositionStep():
                    size = self._grids.size(step.level)
                    with graph.scope(step.output):
                        encode_position(graph, step, *size)
                case ResizeStep():
                    self._resize(step)
                case GraphStep():
                    is_half = self._precision is Precision.fp16 and number > last
                    if is_half:
                        self._half_steps.add(number)
                    self._inline(step, f"step_{number}", half=is_half)
                case PatchTransferStep():
                    self._transfer(step)
                case TextureTransferStep():
                    with graph.scope(step.output):
                        carry_texture(
                            graph,
                            self._index(step),
                            self._bundle.arrays[step.texture],
                            factor=manifest.factor,
                            result=step.output,
                        )
        limits = (graph.number(-1), graph.number(1))
        graph.op("Clip", self._tensors[manifest.output], *limits, result=manifest.output)
        return Composed(
            _model(graph, manifest, self._form, properties),
            self._form,
            self._tensors,
            self._matches,
            tuple(self._half_tensors),
            frozenset(self._half_steps),
        )

    def _resize(self, step: ResizeStep) -> None:
        size = self._grids.size(step.level)
        with self._graph.scope(step.output):
            sides = self._graph.join(*size)
        region = scales = ""  # left out: the sizes say it
        self._graph.op(
            "Resize",
            self._tensors[step.input],
            region,
            scales,
            sides,
            result=step.output,
            mode="linear",
            coordinate_transformation_mode="half_pixel",
            axes=[2, 3],
        )

    def _inline(self, step: GraphStep, place: str, *, half: bool) -> None:
        key = (step.member, half)
        if key not in self._networks:
            network = onnx.load_from_string(self._bundle.graphs[step.member])
            require_plain(network, step.member, opset=OPSET)
            self._networks[key] = to_half_precision(network) if half else (network, ())
        network, half_tensors = self._networks[key]
        made = inline(
            self._graph,
            network,
            weights=step.member.removesuffix(".onnx"),
            place=place,
            inputs={key: self._tensors[t] for key, t in step.inputs.items()},
            outputs={key: self._tensors[t] for key, t in step.outputs.items()},
        )
        self._half_tensors += [made[name] for name in half_tensors]

    def _transfer(self, step: PatchTransferStep) -> None:
        graph = self._graph
        features, values = (self._bundle.arrays[n] for n in (step.reference, step.values))
        with graph.scope(step.output):
            if self._form is Form.custom:
                match = _add_custom(graph, step, features, values)
            else:
                window = step.window
                match = search(
                    graph, step.query, features, window=window, temperature=step.temperature
                )
                average(graph, match, values, window=window, normalize=True, result=step.output)
        self._matches[step.output] = match
        if step.index_output is not None:
            self._tensors[step.index_output] = match.index

    def _index(self, step: TextureTransferStep) -> str:
        index = self._tensors[step.index]
        if self._form is Form.custom:
            return self._graph.op("Cast", index, to=TensorProto.INT64)
        return index


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


def _model(
    graph: GraphBuilder, manifest: BundleManifest, form: Form, properties: Mapping[str, str]
) -> ModelProto:
    noises = [step for step in manifest.steps if isinstance(step, NoiseStep)]
    inputs = []
    for step in noises:
        margin = f" + {2 * step.margin}" if step.margin else ""
        height, width = (f"{side}{margin}" for side in side_names(step.level))
        shape = ("N", step.channels, height, width)
        inputs.append(helper.make_tensor_value_info(step.output, TensorProto.FLOAT, shape))
    scale = f"{manifest.factor}*" if manifest.factor > 1 else ""
    image = helper.make_tensor_value_info(
        manifest.output, TensorProto.FLOAT, ["N", 3, f"{scale}h", f"{scale}w"]
    )
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
