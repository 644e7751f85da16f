"""Copy a network of the bundle into a larger graph."""

from __future__ import annotations

from collections.abc import Mapping

from onnx import AttributeProto, ModelProto, NodeProto, TensorProto

from petsgan_sdk.errors import ExportError
from petsgan_sdk.export.onnx_file.builder import GraphBuilder

__all__ = ["inline", "require_plain"]

_NESTED = (AttributeProto.GRAPH, AttributeProto.GRAPHS)


def require_plain(model: ModelProto, member: str, *, opset: int) -> None:
    """Check that a network can be copied node by node.

    Raises:
        ExportError: It has nested graphs or functions, or another operator set.
    """
    found = {entry.domain: entry.version for entry in model.opset_import}
    if found != {"": opset}:
        msg = f"export: {member!r} must use operator set {opset} alone, got {found}"
        raise ExportError(msg)
    nested = [node.op_type for node in model.graph.node if _is_nested(node)]
    if nested or model.functions:
        names = nested or [function.name for function in model.functions]
        msg = f"export: {member!r} must be a plain list of operators, got nested graphs in {names}"
        raise ExportError(msg)


def inline(
    graph: GraphBuilder,
    model: ModelProto,
    *,
    weights: str,
    place: str,
    inputs: Mapping[str, str],
    outputs: Mapping[str, str],
) -> dict[str, str]:
    """Copy the nodes of a network.

    Args:
        graph: Where to.
        model: A plain network, see `require_plain`.
        weights: Prefix of the weights; a network that is copied twice holds them once.
        place: Prefix of everything else.
        inputs: Tensor by input of the network.
        outputs: Name to give to each output of the network that is used.

    Returns:
        The new name of every tensor that the network makes.
    """
    renamed = {"": "", **inputs, **outputs}
    for tensor in model.graph.initializer:
        renamed[tensor.name] = f"{weights}/{tensor.name}"
        held = TensorProto()
        held.CopyFrom(tensor)
        held.name = renamed[tensor.name]
        graph.hold_as(held)
    made: dict[str, str] = {}
    for node in model.graph.node:
        for name in node.output:
            made[name] = renamed.setdefault(name, f"{place}/{name}")
        copied = NodeProto()
        copied.CopyFrom(node)
        copied.name = f"{place}/{node.name or node.output[0]}"  # names must differ
        copied.input[:] = [renamed[name] for name in node.input]
        copied.output[:] = [renamed[name] for name in node.output]
        graph.nodes.append(copied)
    return made


def _is_nested(node: NodeProto) -> bool:
    return any(attribute.type in _NESTED for attribute in node.attribute)
