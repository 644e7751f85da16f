"""Images as arrays: read, resize, convert, measure and write them. Never imports torch.

Arrays are `[H, W, 3]` with the row first; sizes as tuples are `(width, height)`, as Pillow and the
command line have them. Imports numpy, Pillow and the base of the SDK only.
"""

from __future__ import annotations

from petsgan_sdk.imaging.decode import DEFAULT_MAX_PIXELS, MIN_SIDE_PX, LoadedImage, load_image
from petsgan_sdk.imaging.encode import FORMATS, encode_image, read_comment, save_image
from petsgan_sdk.imaging.sheet import contact_sheet
from petsgan_sdk.imaging.transforms import Method, fit_size, resize, sharpness, to_signed, to_u8

__all__ = [
    "DEFAULT_MAX_PIXELS",
    "FORMATS",
    "MIN_SIDE_PX",
    "LoadedImage",
    "Method",
    "contact_sheet",
    "encode_image",
    "fit_size",
    "load_image",
    "read_comment",
    "resize",
    "save_image",
    "sharpness",
    "to_signed",
    "to_u8",
]
