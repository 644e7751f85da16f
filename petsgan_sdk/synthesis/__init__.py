"""Coordinate synthesis: images of any size whose every pixel is a place of one photo.

Parallel texture synthesis (Lefebvre and Hoppe, SIGGRAPH 2005 and 2006) made to hold for
photographs; docs/methods.md tells how. Imports the kernels and what lies below them only.
"""

from __future__ import annotations

from petsgan_sdk.synthesis.arrays import fit_from_arrays, fit_in, fit_to_arrays, fit_within
from petsgan_sdk.synthesis.deployment import deployment
from petsgan_sdk.synthesis.field import Draw, PlaceField
from petsgan_sdk.synthesis.fit import fit_photo
from petsgan_sdk.synthesis.frame import Frame
from petsgan_sdk.synthesis.knobs import MAX_FILL, Knobs, Pin, PinnedRect
from petsgan_sdk.synthesis.photo import MIN_PHOTO_PX, PhotoFit, PhotoLevels

__all__ = [
    "MAX_FILL",
    "MIN_PHOTO_PX",
    "Draw",
    "Frame",
    "Knobs",
    "PhotoFit",
    "PhotoLevels",
    "Pin",
    "PinnedRect",
    "PlaceField",
    "deployment",
    "fit_from_arrays",
    "fit_in",
    "fit_photo",
    "fit_to_arrays",
    "fit_within",
]
