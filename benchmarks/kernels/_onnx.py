"""Patch transfer with standard ONNX operators in ONNX Runtime, in the fastest form known.

The reference is constant, so that cosines are a convolution whose filters are its patches of unit
norm: no unfolding of the query, and the product runs at nearly the speed of a matrix product. The
norm of query patches is a convolution with ones.
"""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from kernels._cases import TEMPERATURE, WINDOW, Arrays, Case, Form, Result, Run
from kernels._torch import unfold, unit_patches

__all__ = ["ONNX"]

_RADIUS = WINDOW // 2
_OPSET = 18  # Col2Im
_IR_VERSION = 10  # newer ones are refused by older runtimes
_LARGEST_FILE_MB = 2000  # of a protobuf, which holds the filters


def _prepare(arrays: Arrays, threads: int) -> Run:
    import onnxruntime as ort  # noqa: PLC0415 - optional

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    # Threads that spin after a run would take a core from the form that runs next.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    model = _model(arrays)
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    feed = {"query": arrays.query[None]}
    size = arrays.query.shape[1:]

    def run() -> Result:
        index, weight, values = session.run(None, feed)
        return Result(index.reshape(size), weight.reshape(size), values[0])

    return run


def _model(arrays: Arrays) -> bytes:
    """The graph for one size of query, serialised."""
    from onnx import TensorProto, helper, numpy_helper  # noqa: PLC0415 - optional

    channels, height, width = arrays.query.shape
    node = helper.make_node
    pads = [_RADIUS] * 4
    nodes = [
        node("Conv", ["query", "filters"], ["products"], pads=pads),
        node("ReduceSumSquare", ["query", "axis"], ["energy"]),
        node("Conv", ["energy", "ones"], ["square"], pads=pads),
        node("Sqrt", ["square"], ["length"]),
        node("Max", ["length", "least"], ["norm"]),
        node("Div", ["inverse_temperature", "norm"], ["steepness"]),
        node("Mul", ["products", "steepness"], ["scores"]),
        # Reductions along the last axis are several times faster than along the channels.
        node("Reshape", ["scores", "matrix"], ["columns_of_scores"]),
        node("Transpose", ["columns_of_scores"], ["rows"], perm=[1, 0]),
        node("Softmax", ["rows"], ["attention"], axis=1),
        node("TopK", ["attention", "one"], ["best", "place"], axis=1, sorted=0),
        node("Reshape", ["place", "flat"], ["index"]),
        node("Reshape", ["best", "flat"], ["weight"]),
        node("Gather", ["patches", "index"], ["matched"], axis=1),
        node("Mul", ["matched", "weight"], ["weighted"]),
        node("Unsqueeze", ["weighted", "zero"], ["columns"]),
        node("Col2Im", ["columns", "size", "window"], ["total"], pads=pads),
        node("Mul", ["total", "share"], ["values"]),
    ]
    constants = _constants(arrays)
    graph = helper.make_graph(
        nodes,
        "patch_transfer",
        [helper.make_tensor_value_info("query", TensorProto.FLOAT, [1, channels, height, width])],
        [
            helper.make_tensor_value_info("index", TensorProto.INT64, [height * width]),
            helper.make_tensor_value_info("weight", TensorProto.FLOAT, [height * width]),
            helper.make_tensor_value_info("values", TensorProto.FLOAT, [1, 3, height, width]),
        ],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    opsets = [helper.make_opsetid("", _OPSET)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION)
    serialised: bytes = model.SerializeToString()
    return serialised


@torch.inference_mode()
def _constants(arrays: Arrays) -> dict[str, NDArray[Any]]:
    channels, height, width = arrays.query.shape
    filters = unit_patches(torch.from_numpy(arrays.features)).T.contiguous().numpy()
    ones = torch.ones(1, height, width)
    count = torch.nn.functional.fold(unfold(ones)[None], (height, width), WINDOW, padding=_RADIUS)
    return {
        "filters": filters.reshape(-1, channels, WINDOW, WINDOW),
        "ones": np.ones((1, 1, WINDOW, WINDOW), np.float32),
        "axis": np.array([1]),
        "least": np.array(1e-12, np.float32),
        "inverse_temperature": np.array(1 / TEMPERATURE, np.float32),
        "flat": np.array([-1]),
        "one": np.array([1]),
        "matrix": np.array([-1, height * width]),
        "zero": np.array([0]),
        "patches": unfold(torch.from_numpy(arrays.values)).numpy(),
        "size": np.array([height, width]),
        "window": np.array([WINDOW, WINDOW]),
        "share": 1 / count.numpy(),
    }


def _memory_mb(case: Case) -> float:
    filters_mb = 4e-6 * case.patch_size * case.num_references
    if filters_mb > _LARGEST_FILE_MB:
        return float("inf")
    # The file, the session's copy and its reordered copy; cosines, scores, softmax.
    return 3 * filters_mb + 12e-6 * case.pairs


def _missing() -> str | None:
    absent = [name for name in ("onnx", "onnxruntime") if importlib.util.find_spec(name) is None]
    return f"{', '.join(absent)} not installed" if absent else None


ONNX = Form("onnx", _prepare, _memory_mb, missing=_missing)
