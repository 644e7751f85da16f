"""The kinds of steps that a bundle may list: a file each, and an entry in `AnyStep`."""

from __future__ import annotations

from typing import TypeAlias

from petsgan_sdk.manifest.steps.composite import CompositeStep
from petsgan_sdk.manifest.steps.graph import GraphStep
from petsgan_sdk.manifest.steps.noise import NoiseStep
from petsgan_sdk.manifest.steps.patch_transfer import PatchTransferStep
from petsgan_sdk.manifest.steps.places import PlacesStep
from petsgan_sdk.manifest.steps.position import PositionStep
from petsgan_sdk.manifest.steps.resize import ResizeStep
from petsgan_sdk.manifest.steps.step import Grids, Step
from petsgan_sdk.manifest.steps.texture_transfer import TextureTransferStep

__all__ = [
    "AnyStep",
    "CompositeStep",
    "GraphStep",
    "Grids",
    "NoiseStep",
    "PatchTransferStep",
    "PlacesStep",
    "PositionStep",
    "ResizeStep",
    "Step",
    "TextureTransferStep",
]

AnyStep: TypeAlias = (
    NoiseStep
    | PositionStep
    | GraphStep
    | PatchTransferStep
    | TextureTransferStep
    | ResizeStep
    | PlacesStep
    | CompositeStep
)
"""Every kind, told apart by `kind`: the one place that lists them."""
