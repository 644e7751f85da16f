"""Whether a graph is one that a bundle may hold, before anything else reads or runs it.

A bundle comes from anyone. Its graphs are read strictly and hold only operators of a short list,
and what a run makes of maps of given sizes is followed through all of them: it must fit together,
and be in proportion to the pixels and the weights. Nothing is allocated to find that out; it takes
microseconds for an operator, and the number of operators is limited.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self, TypeAlias

from petsgan_sdk.errors import BundleError
from petsgan_sdk.runtime.graphs.model import FLOAT32, INT64, Model, Node, read_model
from petsgan_sdk.runtime.graphs.operators import OPERATORS
from petsgan_sdk.runtime.graphs.values import Cost, RefusedError, Value, held_value
from petsgan_sdk.runtime.graphs.wire import WireError

__all__ = ["CheckedGraph", "Shape", "check_graph", "check_run", "follow", "read_graph", "refusal"]

Shape: TypeAlias = tuple[int, ...]

_VALUES, _PRODUCTS = 1 << 24, 1 << 30
_VALUES_PER_PX, _PRODUCTS_PER_PX = 1 << 14, 1 << 20
_WEIGHTS_PER_VALUE = 1 << 12
"""What a run may make and multiply: so much, so much for a pixel, and for a pixel and a weight
(which a convolution at full size multiplies once, and many of which make one value)."""

_LARGEST = 1 << 40
"""Values of a tensor, so that no number here grows long."""

_ANY_FACTOR = 128
"""Image pixels for one of a grid, per axis, where nobody says how many: the most there are."""


class CheckedGraph(bytes):
    """A serialised ONNX `ModelProto` that has been read and checked."""

    model: Model
    """What it holds."""
    factor: int
    """Image pixels for one of the smallest input, per axis."""

    def __new__(cls, data: bytes, model: Model, factor: int) -> Self:
        """Keep what was found with the bytes."""
        made = super().__new__(cls, data)
        made.model, made.factor = model, factor
        return made


@dataclass(frozen=True, slots=True)
class _Followed:
    """What a run makes."""

    known: dict[str, Value | None]
    """Every tensor; None for what hangs on inputs of unknown shapes."""
    values: int
    """Elements of everything that is made, and of scratch memory."""
    products: int
    """Multiplications."""
    weights: int
    """Elements of the constants, as they are held."""


def check_graph(data: bytes, name: str) -> CheckedGraph:
    """Check a graph by itself: all that does not hang on its inputs, which a runtime computes.

    Args:
        data: A serialised ONNX `ModelProto`.
        name: What to call it in the message.

    Raises:
        BundleError: It is not one that a bundle may hold.
    """
    model = read_graph(data, name)
    try:
        follow(model, {}, factor=_ANY_FACTOR)
    except RefusedError as exc:
        raise refusal(name, exc) from exc
    return CheckedGraph(data, model, _ANY_FACTOR)


def check_run(model: Model, shapes: Mapping[str, Shape], name: str, *, factor: int) -> None:
    """Check that a run on maps of these shapes fits together and is in proportion.

    Runtimes trust a graph in this: releases of ONNX Runtime divide by zero or read beyond a map
    where a window or a margin is larger than the map.

    Args:
        model: Of a checked graph.
        shapes: By input.
        name: What to call the graph in the message.
        factor: Of a checked graph.

    Raises:
        BundleError: It does not fit, or would make or compute too much.
    """
    try:
        follow(model, shapes, factor=factor)
    except RefusedError as exc:
        msg = f"{name!r} failed on {dict(shapes)}: {exc}"
        raise BundleError(msg) from exc


def read_graph(data: bytes, name: str) -> Model:
    """Read a graph and check its operators, but not what they make.

    Args:
        data: A serialised ONNX `ModelProto`.
        name: What to call it in the message.

    Raises:
        BundleError: It is not one that a bundle may hold.
    """
    try:
        model = read_model(data)
        for node in model.nodes:
            _check_node(node)
    except (WireError, RefusedError) as exc:
        raise refusal(name, exc) from exc
    return model


def refusal(name: str, exc: Exception) -> BundleError:
    """The error that says why a graph is not one that a bundle may hold."""
    msg = f"{name!r} must be an ONNX model that a bundle may hold: {exc}; export the model again"
    return BundleError(msg)


def _check_node(node: Node) -> None:
    operator = OPERATORS.get(node.operator)
    if operator is None:
        msg = f"operator {node.operator!r} is not one of those that exports write"
        raise RefusedError(msg)
    least, most = operator.inputs
    if not least <= len(node.inputs) <= most:
        msg = f"{node.operator} must have {least} to {most} inputs, got {len(node.inputs)}"
        raise RefusedError(msg)
    for key, value in node.attributes.items():
        check = operator.attributes.get(key)
        if check is None or not check(value):
            msg = f"{node.operator} must not have {key}={value!r:.80}"
            raise RefusedError(msg)


def follow(model: Model, inputs: Mapping[str, Shape], *, factor: int) -> dict[str, Shape]:
    """Find what a run makes, and check that it is in proportion.

    Args:
        model: From `read_graph`.
        inputs: Shapes of the inputs by name, `[N, C, H, W]`; what hangs on others is not followed.
        factor: Image pixels for one of the smallest input, per axis.

    Returns:
        Shapes of the float32 outputs that were followed.

    Raises:
        RefusedError: Operators do not fit together, what the file says of a tensor is not true, or
            a run would make or compute too much.
    """
    found = _follow(model, inputs)
    cells = [math.prod(shape[:1] + shape[2:]) for shape in inputs.values()]
    _check_cost(found, sum(cells) + min(cells, default=0) * factor**2)
    outputs = {declared.name: found.known[declared.name] for declared in model.outputs}
    return {
        name: value.dims
        for name, value in outputs.items()
        if value is not None and value.kind == FLOAT32
    }


def _check_cost(found: _Followed, px: int) -> None:
    values = _VALUES + px * (_VALUES_PER_PX + found.weights // _WEIGHTS_PER_VALUE)
    products = _PRODUCTS + px * (_PRODUCTS_PER_PX + found.weights)
    if found.values > values or found.products > products:
        msg = (
            f"for {px} pixels it must make at most {values} values by {products} multiplications, "
            f"got {found.values} by {found.products}"
        )
        raise RefusedError(msg)


def _follow(model: Model, inputs: Mapping[str, Shape]) -> _Followed:
    known: dict[str, Value | None] = {}
    for declared in model.inputs:
        shape = inputs.get(declared.name)
        _add(known, declared.name, None if shape is None else Value(FLOAT32, shape))
    weights = 0
    for tensor in model.constants.values():
        value = held_value(tensor)
        _add(known, tensor.name, value)
        weights += value.size
    values = products = 0
    for node in model.nodes:
        cost = _cost(node, known)
        _add(known, node.output, None if cost is None else cost.made)
        if cost is not None:
            values += cost.made.size + cost.scratch
            products += cost.products
    _check_declared(model, known)
    _check_outputs(model, known)
    return _Followed(known, values, products, weights)


def _add(known: dict[str, Value | None], name: str, value: Value | None) -> None:
    if not name or name in known:
        msg = f"tensor {name!r} must have a name of its own"
        raise RefusedError(msg)
    if value is not None and value.size > _LARGEST:
        msg = f"tensor {name!r} must have at most {_LARGEST} values, got {value.size}"
        raise RefusedError(msg)
    known[name] = value


def _cost(node: Node, known: Mapping[str, Value | None]) -> Cost | None:
    """What a node takes; None where an input is not known."""
    values: list[Value | None] = []
    is_known = True
    for name in node.inputs:
        if name and name not in known:
            msg = f"{node.operator} must read what was made before it, got {name!r}"
            raise RefusedError(msg)
        value = known[name] if name else None
        is_known = is_known and (value is not None or not name)
        values.append(value)
    if not is_known:
        return None
    try:
        return OPERATORS[node.operator].rule(node.attributes, values)
    except RefusedError as exc:
        msg = f"{node.operator}, which makes {node.output!r}, {exc}"
        raise RefusedError(msg) from exc


def _check_declared(model: Model, known: Mapping[str, Value | None]) -> None:
    """A runtime believes what a file says of its tensors, and computes with it before a run."""
    for declared in (*model.inputs, *model.outputs, *model.between):
        if declared.name not in known:
            msg = f"value {declared.name!r} must be a tensor of the graph"
            raise RefusedError(msg)
        value = known[declared.name]
        if value is None:
            continue
        if declared.kind != value.kind:
            msg = f"value {declared.name!r} must be of element type {value.kind}"
            raise RefusedError(msg)
        dims = declared.dims
        if dims is None or (declared.kind == INT64 and dims == ()):
            continue
        is_true = len(dims) == len(value.dims) and all(
            size in (None, found) for size, found in zip(dims, value.dims, strict=True)
        )
        if not is_true:
            msg = f"value {declared.name!r} must have the sizes {value.dims}, got {dims}"
            raise RefusedError(msg)


def _check_outputs(model: Model, known: Mapping[str, Value | None]) -> None:
    made = {node.output for node in model.nodes}
    names = [declared.name for declared in model.outputs]
    if len(set(names)) < len(names) or not made.issuperset(names):
        msg = f"outputs must be tensors that operators make, each once, got {names}"
        raise RefusedError(msg)
    for name in names:
        value = known[name]
        if value is not None and not value.is_map:
            msg = f"output {name!r} must be a map [N, C, H, W]"
            raise RefusedError(msg)
