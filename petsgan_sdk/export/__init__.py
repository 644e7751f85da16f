"""Checkpoint to bundle: torch to ONNX graphs, constants, one verified file.

The names here are loaded on first use: half precision needs onnx alone, not torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from petsgan_sdk.export.bundle import ExportResult, export_bundle

__all__ = ["ExportResult", "export_bundle"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from petsgan_sdk.export import bundle  # noqa: PLC0415 - imports torch

        return getattr(bundle, name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
