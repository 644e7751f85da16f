"""A family without networks: files and one entry, as `families` promises, and nothing else.

Every pixel is the one of the photo whose shade is most like the noise; numpy fits the shades.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from petsgan_sdk.errors import CheckpointError, ConfigError
from petsgan_sdk.fitting.bundle import FittedDeployment
from petsgan_sdk.imaging import to_signed
from petsgan_sdk.manifest import NoiseStep, PatchTransferStep
from petsgan_sdk.settings import ModelSettings
from petsgan_sdk.settings.families import Family

PRESET = """
family = "fit"
preset = "fast"
contrast = 1.0
image.factor = 1
image.max_size_px = 24
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class FitSettings(ModelSettings):
    family: Literal["fit"]
    contrast: float


def fit(rgb, settings, *, progress):
    if rgb.std() == 0:
        msg = "image: must show something, got one colour"
        raise ConfigError(msg)
    grey = to_signed(rgb).mean(axis=2)
    for number in range(3):
        progress(number + 1, 3)
    shades = np.stack([grey * settings.contrast, np.ones_like(grey)]) + 0.25
    return {"shades": shades.astype(np.float32)}


def take_apart(checkpoint):
    if "shades" not in checkpoint.arrays:
        msg = "checkpoint: shades must be there, got no such array"
        raise CheckpointError(msg)
    photo = np.ascontiguousarray(to_signed(checkpoint.photo).transpose(2, 0, 1))
    return FittedDeployment(
        steps=(
            NoiseStep("noise", 2),
            PatchTransferStep("noise", "shades.npy", "photo.npy", 1, 0.0, "image"),
        ),
        output="image",
        arrays={"shades.npy": checkpoint.arrays["shades"], "photo.npy": photo},
        min_canvas_px=8,
    )


FIT = Family(
    name="fit",
    models=("fit",),
    options=(),
    settings=FitSettings,
    recipe="support.toy_fit:fit",
    export="support.toy_fit:take_apart",
    trainer="petsgan_sdk.fitting.run:fit_and_save",
    bundler="petsgan_sdk.fitting.bundle:export_fit",
    has_networks=False,
)
