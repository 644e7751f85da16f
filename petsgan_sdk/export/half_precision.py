"""Networks in half precision, with float32 inputs and outputs. Needs onnx, not torch.

What half precision breaks stays float32: operators that sum over a map, divide by such sums, or
raise to powers, and the inputs that must be float32 by their definition.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import onnx
from onnx import (
    GraphProto,
    ModelProto,
    NodeProto,
    TensorProto,
    helper,
    numpy_helper,
    shape_inference,
)

from petsgan_sdk.errors import ExportError
from petsgan_sdk.runtime.bundle import Bundle
from petsgan_sdk.runtime.tensorrt.build import half_members

__all__ = ["FRAGILE", "half_networks", "to_half_precision"]

FRAGILE = frozenset(
    {
        "BatchNormalization",
        "Exp",
        "GroupNormalization",
        "InstanceNormalization",
        "LayerNormalization",
        "Log",
        "LogSoftmax",
        "LpNormalization",
        "MeanVarianceNormalization",
        "Pow",
        "Reciprocal",
        "ReduceL2",
        "ReduceLogSumExp",
        "ReduceMean",
        "ReduceSum",
        "ReduceSumSquare",
        "Softmax",
        "Sqrt",
    }
)
"""Operators that stay float32."""

_ALWAYS_FLOAT = {"Resize": (1, 2)}
"""Inputs that are float32 whatever the type of the data."""

_LARGEST = float(np.finfo(np.float16).max)


def half_networks(
    bundle: Bundle, members: Iterable[str] | None = None, *, shown: bool = False
) -> dict[str, bytes]:
    """Turn networks of a bundle into half ones.

    Args:
        bundle: An open bundle.
        members: Which. Default: those that precision fp16 means, see `half_members`.
        shown: Make every half tensor an output. ONNX Runtime's CPU provider computes in float32 and
            drops roundings between its operators; what is shown is really rounded.

    Returns:
        Serialised ONNX models by member name.

    Raises:
        ExportError: A weight is beyond the range of half precision.
    """
    chosen = half_members(bundle.manifest) if members is None else members
    made = {}
    for member in sorted(chosen):
        network, tensors = to_half_precision(onnx.load_from_string(bundle.graphs[member]))
        if shown:
            network.graph.output.extend(
                helper.make_tensor_value_info(name, TensorProto.FLOAT16, None) for name in tensors
            )
        made[member] = network.SerializeToString(deterministic=True)
    return made


def to_half_precision(model: ModelProto) -> tuple[ModelProto, tuple[str, ...]]:
    """Turn a float32 network into a half one.

    Args:
        model: Without functions and nested graphs; its inputs and outputs are float32.

    Returns:
        The network, and the names of the tensors in half precision that it makes.

    Raises:
        ExportError: A weight is beyond the range of half precision.
    """
    return _Conversion(model).run()


class _Conversion:
    """One conversion: what each tensor is called in either precision, made when it is needed."""

    def __init__(self, model: ModelProto) -> None:
        self._model = shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
        graph = self._model.graph
        self._weights = {tensor.name: tensor for tensor in graph.initializer}
        self._floats = _float_names(graph)
        self._nodes: list[NodeProto] = []
        self._held: dict[str, TensorProto] = {}
        self._is_half: dict[str, bool] = {value.name: False for value in graph.input}
        self._cast: dict[str, str] = {}

    def run(self) -> tuple[ModelProto, tuple[str, ...]]:
        graph = self._model.graph
        for node in graph.node:
            self._add(node)
        for value in graph.output:
            if self._is_half[value.name]:
                self._rename_output(value.name)
        made = [name for node in self._nodes for name in node.output]
        halves = tuple(name for name in made if self._is_half.get(name, False))
        result = ModelProto()
        result.CopyFrom(self._model)
        for field in (result.graph.node, result.graph.initializer, result.graph.value_info):
            del field[:]
        result.graph.node.extend(self._nodes)
        result.graph.initializer.extend(self._held.values())
        return result, halves

    def _add(self, node: NodeProto) -> None:
        is_half = node.op_type not in FRAGILE
        always = _ALWAYS_FLOAT.get(node.op_type, ())
        new = NodeProto()
        new.CopyFrom(node)
        del new.input[:]
        for place, name in enumerate(node.input):
            wants_half = is_half and place not in always
            new.input.append(self._as(name, half=wants_half) if name in self._floats else name)
            if name in self._weights and name not in self._floats:
                self._held[name] = self._weights[name]
        if is_half:
            _retype(new)
        self._nodes.append(new)
        for name in node.output:
            if name in self._floats:
                self._is_half[name] = is_half

    def _as(self, name: str, *, half: bool) -> str:
        """The name of a float tensor in the precision that is wanted."""
        if name in self._weights:
            return self._weight(name, half=half)
        if self._is_half[name] == half:
            return name
        if name not in self._cast:
            self._cast[name] = f"{name}/{'half' if half else 'float'}"
            self._is_half[self._cast[name]] = half
            self._nodes.append(_cast(name, self._cast[name], half=half))
        return self._cast[name]

    def _weight(self, name: str, *, half: bool) -> str:
        if not half:
            self._held[name] = self._weights[name]
            return name
        renamed = f"{name}/half"
        if renamed not in self._held:
            self._held[renamed] = _halved(self._weights[name], renamed)
        return renamed

    def _rename_output(self, name: str) -> None:
        """Let the output be the float32 copy of what was made under its name."""
        inner = f"{name}/half"
        for node in self._nodes:
            for names in (node.input, node.output):
                for place, found in enumerate(names):
                    if found == name:
                        names[place] = inner
        self._is_half[inner], self._is_half[name] = True, False
        self._nodes.append(_cast(inner, name, half=False))


def _float_names(graph: GraphProto) -> set[str]:
    typed: Mapping[str, int] = {
        **{tensor.name: tensor.data_type for tensor in graph.initializer},
        **{
            value.name: value.type.tensor_type.elem_type
            for value in (*graph.input, *graph.value_info, *graph.output)
        },
    }
    return {name for name, kind in typed.items() if kind == TensorProto.FLOAT}


def _cast(source: str, target: str, *, half: bool) -> NodeProto:
    kind = TensorProto.FLOAT16 if half else TensorProto.FLOAT
    return helper.make_node("Cast", [source], [target], name=target, to=kind)


def _retype(node: NodeProto) -> None:
    """Let a node that makes float32 by an attribute make halves."""
    for attribute in node.attribute:
        if attribute.name == "to" and attribute.i == TensorProto.FLOAT:
            attribute.i = TensorProto.FLOAT16
        elif attribute.t.data_type == TensorProto.FLOAT:
            attribute.t.CopyFrom(_halved(attribute.t, attribute.t.name))
        elif attribute.name in ("value_float", "value_floats"):
            values = attribute.f if attribute.name == "value_float" else list(attribute.floats)
            array = np.asarray(values, dtype=np.float32)
            tensor = _halved(numpy_helper.from_array(array), "")
            attribute.CopyFrom(helper.make_attribute("value", tensor))


def _halved(tensor: TensorProto, name: str) -> TensorProto:
    array = numpy_helper.to_array(tensor)
    largest = float(np.abs(array).max(initial=0))
    if not largest <= _LARGEST:
        msg = (
            f"export: weight {tensor.name!r} must be within {_LARGEST:g} for fp16, got "
            f"{largest:g}; hint: --precision fp32"
        )
        raise ExportError(msg)
    return numpy_helper.from_array(array.astype(np.float16), name)
