"""Export a checkpoint to a folder of ONNX graphs that TensorRT builds, one for each step.

Usage: python export/to_tensorrt.py MODEL.pt FOLDER [fp16]
"""

from __future__ import annotations

import sys
from pathlib import Path

from petsgan_sdk.export.tensorrt_folder import export_tensorrt

result = export_tensorrt(
    Path(sys.argv[1]), Path(sys.argv[2]), half=sys.argv[3:] == ["fp16"], overwrite=True, note=print
)
print(f"{result.folder}: {', '.join(result.graphs)}")
