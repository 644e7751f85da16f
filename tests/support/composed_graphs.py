"""Small ONNX models from a GraphBuilder, and runs of them in plain ONNX Runtime."""

from __future__ import annotations

import onnx
import onnxruntime
from onnx import helper, numpy_helper

from petsgan_sdk.export.torch_to_onnx import OPSET

FLOAT, INT64 = onnx.TensorProto.FLOAT, onnx.TensorProto.INT64
KINDS = {"float32": FLOAT, "int64": INT64}


def run_builder(graph, feeds, outputs):
    """Run what a GraphBuilder holds; `outputs` maps names to dtypes."""
    inputs = [
        helper.make_tensor_value_info(name, KINDS[str(array.dtype)], [None] * array.ndim)
        for name, array in feeds.items()
    ]
    results = [
        helper.make_tensor_value_info(name, KINDS[kind], None) for name, kind in outputs.items()
    ]
    body = helper.make_graph(graph.nodes, "test", inputs, results, graph.constants)
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)
    return run_model(model, feeds, list(outputs))


def run_model(model, feeds, outputs=None):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return session.run(outputs, feeds)


def make_network(nodes, inputs, outputs, weights):
    """A network of its own, with float32 inputs and outputs `[N, C, H, W]`."""
    make = helper.make_tensor_value_info
    body = helper.make_graph(
        nodes,
        "network",
        [make(name, FLOAT, ["N", channels, "H", "W"]) for name, channels in inputs.items()],
        [make(name, FLOAT, [None] * 4) for name in outputs],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)
    onnx.checker.check_model(model, full_check=True)
    return model
