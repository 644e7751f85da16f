"""The compute kernels: numpy arrays in, numpy arrays out. Never imports torch."""

from __future__ import annotations

from petsgan_sdk.kernels._backend import (
    Backend,
    available_backends,
    build_info,
    custom_ops_library,
)
from petsgan_sdk.kernels._composite_places import composite_places, composite_relaxation
from petsgan_sdk.kernels._correct_places import PlaceCosts, PlaceLevel, correct_places
from petsgan_sdk.kernels._correct_places_cuda import CudaPlaceLevel
from petsgan_sdk.kernels._cuda_array import DeviceArray
from petsgan_sdk.kernels._noise import normal_noise
from petsgan_sdk.kernels._patch_reference import PatchReference
from petsgan_sdk.kernels._patch_transfer import PatchTransfer, patch_transfer
from petsgan_sdk.kernels._patch_transfer_cuda import CudaPatchReference
from petsgan_sdk.kernels._patch_transfer_gradient import (
    PatchTransferGradient,
    patch_transfer_gradient,
)
from petsgan_sdk.kernels._place_features import place_features
from petsgan_sdk.kernels._resize_axis import resize_source
from petsgan_sdk.kernels._resize_window import resize_window
from petsgan_sdk.kernels._signed_to_u8 import signed_to_u8
from petsgan_sdk.kernels._texture_transfer import texture_transfer

__all__ = [
    "Backend",
    "CudaPatchReference",
    "CudaPlaceLevel",
    "DeviceArray",
    "PatchReference",
    "PatchTransfer",
    "PatchTransferGradient",
    "PlaceCosts",
    "PlaceLevel",
    "available_backends",
    "build_info",
    "composite_places",
    "composite_relaxation",
    "correct_places",
    "custom_ops_library",
    "normal_noise",
    "patch_transfer",
    "patch_transfer_gradient",
    "place_features",
    "resize_source",
    "resize_window",
    "signed_to_u8",
    "texture_transfer",
]
