"""Checkpoint to bundle: torch to ONNX graphs, constants, one verified file."""

from __future__ import annotations

from petsgan_sdk.export.bundle import ExportResult, export_bundle

__all__ = ["ExportResult", "export_bundle"]
