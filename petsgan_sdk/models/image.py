"""Photos as tensors."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from petsgan_sdk.imaging import to_signed

__all__ = ["image_tensor"]


def image_tensor(rgb: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> Tensor:
    """Turn `[H, W, 3]` uint8 into `[1, 3, H, W]` float32 in [-1, 1]."""
    return torch.from_numpy(to_signed(rgb)).permute(2, 0, 1)[None].contiguous()
