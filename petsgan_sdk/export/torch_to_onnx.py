"""One torch module to one ONNX graph."""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from typing import Any

import torch
from torch import Tensor, nn

from petsgan_sdk._thread_warnings import warnings_ignored
from petsgan_sdk.errors import BackendUnavailableError, ExportError

__all__ = ["OPSET", "to_onnx"]

OPSET = 18
"""Operator set of the exported graphs: the lowest that holds everything they use."""

_SYMBOLS = ("h", "w", "H", "W", "H2", "W2")
"""Names of the axes after N, in the order in which the inputs first use them."""


def to_onnx(module: nn.Module, inputs: Mapping[str, Tensor], output: str) -> bytes:
    """Export with dynamic batch, height and width.

    Args:
        module: In evaluation mode; called with the inputs in order.
        inputs: Example tensors `[N, C, H, W]` by graph input name, of sizes that could not be
            mistaken for constants.
        output: Name of the one output `[N, C, H, W]`.

    Returns:
        The serialised model, weights included.

    Raises:
        ExportError: Torch could not export the module.
        BackendUnavailableError: The packages for it are missing.
    """
    try:
        import onnx  # noqa: PLC0415 - optional
        import onnxscript  # noqa: F401, PLC0415 - torch's exporter needs it
    except ImportError as exc:
        msg = f"export: the package {exc.name!r} is missing"
        raise BackendUnavailableError(msg, hint="pip install 'petsgan-sdk[export]'") from exc
    auto = torch.export.Dim.AUTO
    # An example of batch 1 beside larger ones is broadcast, and stays 1.
    largest = max(len(example) for example in inputs.values())
    dynamic = tuple(
        {2: auto, 3: auto} if len(example) < largest else {0: auto, 2: auto, 3: auto}
        for example in inputs.values()
    )
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    try:
        # The exporter reports its progress in prints and in warnings about its own internals.
        with (
            warnings_ignored(),  # of this thread: all of them, not Pillow's alone
            redirect_stdout(io.StringIO()),
            redirect_stderr(io.StringIO()),
        ):
            program = torch.onnx.export(
                module,
                tuple(inputs.values()),
                input_names=list(inputs),
                output_names=[output],
                opset_version=OPSET,
                dynamic_shapes=dynamic,
                dynamo=True,
                verbose=False,
            )
    except (torch.onnx.errors.OnnxExporterError, RuntimeError) as exc:
        msg = f"export: torch could not export {type(module).__name__}: {exc}"
        raise ExportError(msg) from exc
    if program is None:
        msg = f"export: torch returned no program for {type(module).__name__}"
        raise ExportError(msg)
    model = program.model_proto
    _tidy(model, _SYMBOLS)
    onnx.checker.check_model(model)
    return model.SerializeToString(deterministic=True)  # type: ignore[no-any-return]


def _tidy(model: Any, symbols: Sequence[str]) -> None:
    """Give axes readable names, and drop traces and paths of the exporting machine."""
    graph = model.graph
    for holder in (model, graph, *graph.node, *graph.value_info, *graph.input, *graph.output):
        holder.doc_string = ""
        del holder.metadata_props[:]
    renamed: dict[str, str] = {}
    for value in graph.input:
        for axis, dim in enumerate(value.type.tensor_type.shape.dim):
            symbol = dim.dim_param.split(" ")[0]
            if symbol and symbol not in renamed:
                renamed[symbol] = "N" if axis == 0 else symbols[len(renamed) - 1]
    for value in (*graph.value_info, *graph.input, *graph.output):
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param:
                text = re.sub(r"\w+", lambda m: renamed.get(m[0], m[0]), dim.dim_param)
                dim.dim_param = text
