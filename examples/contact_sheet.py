"""Put the photo and samples of its model, at three sizes and aspect ratios, on one sheet.

Usage: python examples/contact_sheet.py PHOTO MODEL.petsgan SHEET.png
"""

from __future__ import annotations

import sys
from pathlib import Path

import petsgan_sdk
from petsgan_sdk.imaging import contact_sheet, load_image, resize, save_image


def main(photo: Path, bundle: Path, sheet: Path) -> None:
    """Write the sheet."""
    sampler = petsgan_sdk.load(bundle)
    height, width = sampler.manifest.image_size_px
    images = [
        resize(load_image(photo).rgb, (width, height)),
        *sampler.sample(3, seed=1),
        *sampler.sample(4, height=height, width=3 * width // 4, seed=2),
        *sampler.sample(3, height=height, width=16 * height // 9, seed=3),
    ]
    save_image(sheet, contact_sheet(images, columns=4), overwrite=True)


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:4]))
