"""Running steps on a CUDA device: the driver, and pipelines whose tensors stay on the device.

Built, not run on a GPU.
"""

from __future__ import annotations
