"""GAN inversion as in Deep Generative Prior (Pan et al. 2020): a photo to layouts around it.

A generator is made to draw the photo, by its code and by its weights, and then draws what lies
around that code. Written against two small interfaces, not against one GAN.
"""

from __future__ import annotations

from petsgan_sdk.priors.inversion.fit import Inverted, invert, psnr_db
from petsgan_sdk.priors.inversion.interface import CodeGenerator, FeatureNetwork
from petsgan_sdk.priors.inversion.jitter import jitter
from petsgan_sdk.priors.inversion.search import Candidate, search
from petsgan_sdk.priors.inversion.settings import InversionSettings, Stage

__all__ = [
    "Candidate",
    "CodeGenerator",
    "FeatureNetwork",
    "InversionSettings",
    "Inverted",
    "Stage",
    "invert",
    "jitter",
    "psnr_db",
    "search",
]
