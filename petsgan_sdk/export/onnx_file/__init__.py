"""One ONNX file that any ONNX Runtime can run, made from a bundle's steps."""

from __future__ import annotations
