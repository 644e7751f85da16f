"""Export a checkpoint to a bundle, and refuse it unless it agrees with torch.

Usage: python export/to_bundle.py MODEL.pt MODEL.petsgan
"""

from __future__ import annotations

import sys
from pathlib import Path

from petsgan_sdk.export import export_bundle

result = export_bundle(Path(sys.argv[1]), Path(sys.argv[2]), overwrite=True, note=print)
print(f"{result.bundle}: {result.size_bytes} bytes, within {result.max_abs_diff:.2g} of torch")
