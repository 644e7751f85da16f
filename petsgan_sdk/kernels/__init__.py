"""The compute kernels: numpy arrays in, numpy arrays out. Never imports torch."""

from __future__ import annotations

from petsgan_sdk.kernels._backend import (
    Backend,
    available_backends,
    build_info,
    custom_ops_library,
)
from petsgan_sdk.kernels._cuda_array import DeviceArray
from petsgan_sdk.kernels._noise import normal_noise
from petsgan_sdk.kernels._patch_reference import PatchReference
from petsgan_sdk.kernels._patch_transfer import PatchTransfer, patch_transfer
from petsgan_sdk.kernels._patch_transfer_cuda import CudaPatchReference
from petsgan_sdk.kernels._patch_transfer_gradient import (
    PatchTransferGradient,
    patch_transfer_gradient,
)
from petsgan_sdk.kernels._resize_axis import resize_source
from petsgan_sdk.kernels._resize_window import resize_window
from petsgan_sdk.kernels._signed_to_u8 import signed_to_u8
from petsgan_sdk.kernels._texture_transfer import texture_transfer

__all__ = [
    "Backend",
    "CudaPatchReference",
    "DeviceArray",
    "PatchReference",
    "PatchTransfer",
    "PatchTransferGradient",
    "available_backends",
    "build_info",
    "custom_ops_library",
    "normal_noise",
    "patch_transfer",
    "patch_transfer_gradient",
    "resize_source",
    "resize_window",
    "signed_to_u8",
    "texture_transfer",
]
