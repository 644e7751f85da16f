"""ONNX graphs with a pets::PatchTransfer node, and sessions that run them."""

from __future__ import annotations

import onnx
import onnxruntime
from onnx import helper, numpy_helper

from petsgan_sdk import kernels

FLOAT, DOUBLE = onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE
INT32 = onnx.TensorProto.INT32
OUTPUTS = {
    "values": (FLOAT, ["N", "V", "h", "w"]),
    "index": (INT32, ["N", "h", "w"]),
    "weight": (FLOAT, ["N", "h", "w"]),
}


def transfer_node(outputs=tuple(OUTPUTS), **attributes):
    inputs = ["query", "features", "reference_values"]
    return helper.make_node("PatchTransfer", inputs, list(outputs), domain="pets", **attributes)


def make_model(nodes, inputs, outputs, initializers=(), value_info=()):
    graph = helper.make_graph(
        nodes, "patch_transfer", inputs, outputs, list(initializers), value_info=list(value_info)
    )
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("pets", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString()


def transfer_model(
    constants=None,
    *,
    outputs=tuple(OUTPUTS),
    dtype=FLOAT,
    may_be_fed=False,
    **attributes,
):
    """One node; `constants` are features and values held by the graph, else both are inputs."""
    names = ["query", "features", "reference_values"]
    fed = names if constants is None or may_be_fed else names[:1]
    # No shapes: the op must look at what it gets.
    inputs = [helper.make_tensor_value_info(name, dtype, None) for name in fed]
    results = [helper.make_tensor_value_info(name, *OUTPUTS[name]) for name in outputs if name]
    held = [
        numpy_helper.from_array(array, name)
        for name, array in zip(names[1:], constants or (), strict=constants is not None)
    ]
    return make_model([transfer_node(outputs, **attributes)], inputs, results, held)


def open_session(model, *, threads=1, times_registered=1, log_severity_level=4):
    """A session on the CPU; errors arrive as exceptions, so nothing is logged by default."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = log_severity_level
    for _ in range(times_registered):
        options.register_custom_ops_library(str(kernels.custom_ops_library()))
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
