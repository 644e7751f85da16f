"""Checkpoint to bundle: torch to ONNX graphs, constants, one verified file.

Half precision needs onnx alone, not torch; so nothing here imports either before it is used.
"""

from __future__ import annotations

from petsgan_sdk.stations.export import ExportResult, export_bundle

__all__ = ["ExportResult", "export_bundle"]
