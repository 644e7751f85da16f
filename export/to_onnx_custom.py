"""Export a checkpoint to one ONNX graph with one `pets::PatchTransfer` per transfer.

Usage: python export/to_onnx_custom.py MODEL.pt MODEL.onnx [fp16]
"""

from __future__ import annotations

import sys
from pathlib import Path

from petsgan_sdk.export.onnx_file import Form, Precision, export_onnx

result = export_onnx(
    Path(sys.argv[1]),
    Path(sys.argv[2]),
    form=Form.custom,
    precision=Precision(sys.argv[3]) if len(sys.argv) > 3 else Precision.fp32,
    overwrite=True,
    note=print,
)
print(f"{result.path}: {result.size_bytes} bytes")
