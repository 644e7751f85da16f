"""The networks of a bundle in half precision. Needs onnx, not torch."""

from __future__ import annotations

from collections.abc import Iterable

import onnx
from onnx import TensorProto, helper

from petsgan_sdk.export.onnx_file.half import to_half
from petsgan_sdk.runtime.bundle import Bundle
from petsgan_sdk.runtime.tensorrt.build import half_members

__all__ = ["halve_graphs"]


def halve_graphs(
    bundle: Bundle, members: Iterable[str] | None = None, *, shown: bool = False
) -> dict[str, bytes]:
    """Turn networks into half ones with float32 inputs and outputs.

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
    return {name: _halve(bundle.graphs[name], shown=shown) for name in sorted(chosen)}


def _halve(graph: bytes, *, shown: bool) -> bytes:
    half, names = to_half(onnx.load_from_string(graph))
    if shown:
        half.graph.output.extend(
            helper.make_tensor_value_info(name, TensorProto.FLOAT16, None) for name in names
        )
    return half.SerializeToString(deterministic=True)  # type: ignore[no-any-return]
