"""A bundle of coordinate synthesis: a small picture, fitted in a second."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import numpy as np

from petsgan_sdk.container import pack_array, write_container
from petsgan_sdk.imaging import encode_image
from petsgan_sdk.manifest import FORMAT, FORMAT_VERSION, PREVIEW, BundleManifest, to_header
from petsgan_sdk.settings.synthesis import CompositeSettings, FitSettings, SynthesisSettings
from petsgan_sdk.synthesis import PhotoFit, deployment, fit_photo
from support.pictures import picture

SIZE_PX = (48, 64)  # (H, W)
SETTINGS = SynthesisSettings(fit=FitSettings(price_rounds=3), composite=CompositeSettings(steps=8))
SEAM_PX = 9
"""How far from the border of a pin its colours may be others: a relaxation a pixel, and a step."""


def photo() -> np.ndarray:
    """`[48, 64, 3]` uint8: a crop, so that nothing of it stands in the middle."""
    return np.ascontiguousarray(picture(96, 80, seed=3)[: SIZE_PX[0], : SIZE_PX[1]])


@cache
def fitted() -> PhotoFit:
    """What is learned of it."""
    return fit_photo(photo(), SETTINGS)


def write_synthesis_bundle(path: Path) -> Path:
    """Write the bundle."""
    steps, arrays = deployment(fitted(), SETTINGS, output="image")
    manifest = BundleManifest(
        family="instant",
        preset="fast",
        factor=1,
        image_size_px=SIZE_PX,
        min_canvas_px=16,
        steps=steps,
        output="image",
        provenance={"digest": hashlib.sha256(photo().tobytes()).hexdigest()},
    )
    write_container(
        path,
        format=FORMAT,
        format_version=FORMAT_VERSION,
        header=to_header(manifest),
        members={
            **{name: pack_array(array) for name, array in arrays.items()},
            PREVIEW: encode_image(photo(), format="png"),
        },
        overwrite=True,
    )
    return path
