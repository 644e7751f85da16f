"""The networks, as plain `torch.nn` modules: no training loops, no files.

`docs/methods.md` maps the paper's symbols to these names. Importing this package registers
`torch.ops.petsgan`.
"""

from __future__ import annotations

from petsgan_sdk.models.critics import LayoutCritic, MultiDilationCritic, StridedPatchCritic
from petsgan_sdk.models.depnet import DepNet
from petsgan_sdk.models.features import FilterBankFeatures, PatchFeatures, VggFeatures
from petsgan_sdk.models.norm import FreezableInstanceNorm, freeze_statistics
from petsgan_sdk.models.petsgan import PetsganGenerator
from petsgan_sdk.models.petsgan_dipnet import DipNet, Transferred
from petsgan_sdk.models.restoration import MendingNet, RestorationNet

__all__ = [
    "DepNet",
    "DipNet",
    "FilterBankFeatures",
    "FreezableInstanceNorm",
    "LayoutCritic",
    "MendingNet",
    "MultiDilationCritic",
    "PatchFeatures",
    "PetsganGenerator",
    "RestorationNet",
    "StridedPatchCritic",
    "Transferred",
    "VggFeatures",
    "freeze_statistics",
]
