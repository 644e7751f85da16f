"""The manifest of a bundle, typed: what training and runtime agree on, and nothing else.

A bundle is a list of steps over named tensors. Export writes it, the runtime runs it, and neither
knows the other. `steps` has a file for each kind of step, `bundle` the whole. Never imports torch
or onnx.
"""

from __future__ import annotations

from petsgan_sdk.manifest.bundle import (
    FORMAT,
    FORMAT_VERSION,
    LAYOUTS,
    PREVIEW,
    BundleManifest,
    Entry,
    canvas_of,
    level_size,
    parse,
    to_header,
)
from petsgan_sdk.manifest.fields import NARROW_MARGIN, Shape, Size
from petsgan_sdk.manifest.steps import (
    AnyStep,
    CompositeStep,
    GraphStep,
    Grids,
    NoiseStep,
    PatchTransferStep,
    PlacesStep,
    PositionStep,
    ResizeStep,
    Step,
    TextureTransferStep,
)

__all__ = [
    "FORMAT",
    "FORMAT_VERSION",
    "LAYOUTS",
    "NARROW_MARGIN",
    "PREVIEW",
    "AnyStep",
    "BundleManifest",
    "CompositeStep",
    "Entry",
    "GraphStep",
    "Grids",
    "NoiseStep",
    "PatchTransferStep",
    "PlacesStep",
    "PositionStep",
    "ResizeStep",
    "Shape",
    "Size",
    "Step",
    "TextureTransferStep",
    "canvas_of",
    "level_size",
    "parse",
    "to_header",
]
