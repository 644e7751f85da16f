from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, shape_inference
from support.composed_graphs import make_network, run_model
from support.tolerances import assert_close

from petsgan_sdk.errors import ExportError
from petsgan_sdk.export.half_precision import FRAGILE, to_half_precision

RNG = np.random.default_rng(0)
WEIGHTS = {
    "first": RNG.standard_normal((4, 3, 3, 3)).astype(np.float32) / 5,
    "last": RNG.standard_normal((3, 4, 3, 3)).astype(np.float32) / 6,
    "gain": np.ones(4, dtype=np.float32),
    "bias": np.zeros(4, dtype=np.float32),
    "scales": np.array([1, 1, 2, 2], dtype=np.float32),
}
NODES = [
    helper.make_node("Conv", ["image", "first"], ["y"], pads=[1] * 4),
    helper.make_node("InstanceNormalization", ["y", "gain", "bias"], ["normed"]),
    helper.make_node("Resize", ["normed", "", "scales"], ["large"], mode="linear"),
    helper.make_node("Conv", ["large", "last"], ["z"], pads=[1] * 4),
    helper.make_node("Tanh", ["z"], ["result"]),
]
IMAGE = RNG.uniform(-1, 1, (2, 3, 9, 7)).astype(np.float32)


def types(model):
    inferred = shape_inference.infer_shapes(model, strict_mode=True).graph
    values = (*inferred.input, *inferred.value_info, *inferred.output)
    held = {tensor.name: tensor.data_type for tensor in inferred.initializer}
    return held | {value.name: value.type.tensor_type.elem_type for value in values}


def test_half_inside_float_outside():
    network = make_network(NODES, {"image": 3}, ["result"], WEIGHTS)
    half, made = to_half_precision(network)
    onnx.checker.check_model(half, full_check=True)
    kinds = types(half)
    assert kinds["image"] == kinds["result"] == TensorProto.FLOAT
    assert {kinds[name] for name in made} == {TensorProto.FLOAT16}
    for node in half.graph.node:
        wanted = TensorProto.FLOAT if node.op_type in FRAGILE else TensorProto.FLOAT16
        if node.op_type != "Cast":
            assert {kinds[name] for name in node.output} == {wanted}, node.op_type
        if node.op_type == "Resize":
            assert kinds[node.input[2]] == TensorProto.FLOAT
        if node.op_type == "InstanceNormalization":
            assert {kinds[name] for name in node.input} == {TensorProto.FLOAT}
    (expected,) = run_model(network, {"image": IMAGE})
    (found,) = run_model(half, {"image": IMAGE})
    assert_close(found, expected, tolerance="float16")
    assert np.abs(found - expected).max() > 0


def test_constants_and_casts_inside():
    nodes = [
        helper.make_node("Constant", [], ["two"], value_float=2.0),
        helper.make_node("Mul", ["image", "two"], ["twice"]),
        helper.make_node("Shape", ["image"], ["shape"]),
        helper.make_node("Cast", ["shape"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMax", ["numbers"], ["most"], keepdims=0),
        helper.make_node("Div", ["twice", "most"], ["result"]),
    ]
    network = make_network(nodes, {"image": 3}, ["result"], {})
    half, _ = to_half_precision(network)
    onnx.checker.check_model(half, full_check=True)
    (found,) = run_model(half, {"image": IMAGE})
    assert_close(found, IMAGE * 2 / 9, tolerance="float16")


def test_an_output_that_is_read_as_well():
    nodes = [
        helper.make_node("Relu", ["image"], ["first"]),
        helper.make_node("Neg", ["first"], ["second"]),
    ]
    half, _ = to_half_precision(make_network(nodes, {"image": 3}, ["first", "second"], {}))
    onnx.checker.check_model(half, full_check=True)
    first, second = run_model(half, {"image": IMAGE})
    assert first.dtype == second.dtype == np.float32
    assert_close(first, np.maximum(IMAGE, 0), tolerance="float16")
    np.testing.assert_array_equal(second, -first)


def test_a_weight_beyond_half_precision_is_refused():
    weights = {**WEIGHTS, "first": WEIGHTS["first"] * 1e6}
    network = make_network(NODES, {"image": 3}, ["result"], weights)
    with pytest.raises(
        ExportError, match=r"weight 'first' must be within 65504 for fp16, got \d{6}"
    ):
        to_half_precision(network)
