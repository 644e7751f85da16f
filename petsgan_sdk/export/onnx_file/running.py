"""Run a composed graph in plain ONNX Runtime, showing what its steps make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from onnx import ModelProto, TensorProto, helper

from petsgan_sdk import kernels
from petsgan_sdk._arrays import Array
from petsgan_sdk.export.onnx_file.compose import Composed, Form
from petsgan_sdk.runtime.providers import import_onnxruntime

__all__ = ["open_session", "run_session", "showing"]

_QUIET = 4
"""`fatal`: errors arrive as exceptions."""


def open_session(model: bytes, form: Form) -> Any:
    """Make a session of ONNX Runtime on one thread of the CPU.

    Raises:
        BackendUnavailableError: onnxruntime, or the library of the custom op, is missing.
    """
    ort = import_onnxruntime()
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = _QUIET
    if form is Form.custom:
        options.register_custom_ops_library(str(kernels.custom_ops_library()))
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def run_session(session: Any, feeds: Mapping[str, Array]) -> dict[str, Array]:
    """Every output by name."""
    names: Sequence[str] = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, dict(feeds)), strict=True))


def showing(composed: Composed) -> ModelProto:
    """Copy a graph with every tensor of the manifest, match and half as an output."""
    index = TensorProto.INT32 if composed.form is Form.custom else TensorProto.INT64
    kinds: dict[str, int] = dict.fromkeys(composed.tensors.values(), TensorProto.FLOAT)
    for match in composed.matches.values():
        kinds |= {match.index: index, match.weight: TensorProto.FLOAT}
    kinds |= dict.fromkeys(composed.half_tensors, TensorProto.FLOAT16)
    made = {name for node in composed.model.graph.node for name in node.output}
    model = ModelProto()
    model.CopyFrom(composed.model)
    model.graph.output.extend(
        helper.make_tensor_value_info(name, kind, None)
        for name, kind in kinds.items()
        if name in made  # noise is an input
    )
    return model
