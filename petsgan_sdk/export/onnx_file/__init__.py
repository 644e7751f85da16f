"""One ONNX file that any ONNX Runtime can run, made from the steps of a bundle.

The names here are loaded on first use: half precision needs onnx alone, not torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from petsgan_sdk.export.onnx_file.compose import Form, Precision
    from petsgan_sdk.export.onnx_file.write import OnnxExport, export_onnx

__all__ = ["Form", "OnnxExport", "Precision", "export_onnx"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from petsgan_sdk.export.onnx_file import compose, write  # noqa: PLC0415 - imports torch

        return getattr(compose if name in ("Form", "Precision") else write, name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
