"""One ONNX file that any ONNX Runtime can run, made from the steps of a bundle."""

from __future__ import annotations

from petsgan_sdk.export.onnx_file.composition import Form, Precision
from petsgan_sdk.export.onnx_file.write import OnnxExport, export_onnx

__all__ = ["Form", "OnnxExport", "Precision", "export_onnx"]
